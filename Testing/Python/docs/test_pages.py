"""README and documentation: their length, links and tables, and that what they tell one to type works."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]
DOCS = PROJECT / "docs"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), PROJECT / "Testing" / "README.md"])
LONGEST_README = 140
MOST_PICTURES_MB = 2.0
FENCE = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
RUN_PAGES = ("README.md", "docs/command_line.md", "docs/python.md", "docs/training.md", "docs/follow_up.md")


def name_of(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_of_the_project(page: Path) -> None:
    broken = []
    for link in LINK.findall(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)):
        target, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(link)
    assert broken == []


def test_every_page_is_in_the_site() -> None:
    listed = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]
    assert [page for page in pages if page not in listed] == []


def test_pictures_are_small_together() -> None:
    pictures = [path for suffix in ("png", "jpg", "gif", "svg") for path in DOCS.rglob(f"*.{suffix}")]
    assert sum(path.stat().st_size for path in pictures) < MOST_PICTURES_MB * 1e6


def written_tables() -> Any:
    spec = importlib.util.spec_from_file_location(
        "write_tables", PROJECT / "Testing" / "benchmarks" / "write_tables.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_measurements() -> None:
    module = written_tables()
    advice = "run python Testing/benchmarks/write_tables.py"
    assert module.TABLES.read_text(encoding="utf-8") == module.tables(), advice
    readme = module.README.read_text(encoding="utf-8")
    assert readme == module.readme(readme), advice


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    kind: str
    text: str
    why_not: str | None


def blocks() -> Iterator[Block]:
    for name in RUN_PAGES:
        for found in FENCE.finditer((PROJECT / name).read_text(encoding="utf-8")):
            yield Block(name, found["kind"], found["text"], found["why"])


def test_commands_are_in_blocks_that_are_run_or_say_why_not() -> None:
    for name in RUN_PAGES:
        text = FENCE.sub("", (PROJECT / name).read_text(encoding="utf-8"))
        loose = [line for line in text.splitlines() if re.match(r"(?:    |\t)(?:gliomasam|make|python|pip|git) ", line)]
        assert loose == [], name


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demonstration was run, with `gliomasam` and `python` on its path."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "bin").mkdir()
    script = folder / "bin" / "gliomasam"
    script.write_text(f"#!{sys.executable}\nfrom GliomaSAMLib.cli import main\nmain()\n")
    script.chmod(0o755)
    done = shell("gliomasam demo", folder)
    assert done.returncode == 0, done.stdout
    return folder


def shell(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """What a user would see."""
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(PROJECT),
        "COLUMNS": "200",
        "GLIOMASAM_CACHE": str(folder / "cache"),
    }
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail\n{command}"],
        cwd=folder,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_what_the_pages_tell_to_type_works(workplace: Path) -> None:
    """In the order of the pages, in one folder; `console` blocks hold what is printed, `...` stands for anything."""
    ran = 0
    for block in blocks():
        if block.why_not is not None:
            continue
        where = f"{block.page}:\n{block.text}"
        if block.kind == "bash":
            done = shell(f"set -e\n{block.text}", workplace)
            assert done.returncode == 0, f"{where}\n{done.stdout}"
        elif block.kind == "console":
            command, expected = block.text.removeprefix("$ ").split("\n", 1)
            printed = shell(command, workplace).stdout
            pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
            assert re.fullmatch(pattern, printed.strip(), re.DOTALL), f"{where}\n{printed}"
        elif block.kind == "python":
            (workplace / "example.py").write_text(block.text)
            done = shell("python example.py", workplace)
            assert done.returncode == 0, f"{where}\n{done.stdout}"
        else:
            continue
        ran += 1
    assert ran >= 6
