"""MkDocs: the README is the first page, the changelog one more; links to other files of the project lead to the public
repository.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).resolve().parents[2]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(\]\(|src=\")([^):\"#][^):\"]*)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the project's root."""
    for name, page in PAGES.items():
        text = LINK.sub(lambda found: found[1] + _target(found[2], config), (PROJECT / name).read_text("utf-8"))
        files.append(File.generated(config, page, content=text))
    files.append(File("GliomaSAM.png", str(PROJECT), config["site_dir"], config["use_directory_urls"]))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Links that leave `docs` lead to the repository."""
    up = "../" * (1 + page.file.src_uri.count("/"))
    return markdown.replace(f"]({up}", f"]({config['repo_url']}/blob/main/")


def _target(link: str, config: Any) -> str:
    """Where a link of a page in the root leads to from the site's root."""
    if link.startswith("docs/"):
        return link.removeprefix("docs/")
    if link in ("GliomaSAM.png", *PAGES):
        return PAGES.get(link, link)
    return f"{config['repo_url']}/blob/main/{link}"
