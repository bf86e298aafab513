"""What is asked of an extension before it is published: the checks of the Extensions Index that need no network
(https://github.com/Slicer/ExtensionsIndex, scripts/check_description_files.py), and one version everywhere.
"""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

import GliomaSAMLib

PROJECT = Path(__file__).resolve().parents[2]
LARGEST_CLONE_MB = 95
TOPIC = "3d-slicer-extension"


@pytest.fixture(scope="module")
def entry() -> dict[str, object]:
    found: dict[str, object] = json.loads((PROJECT / "GliomaSAM.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def cmake() -> str:
    return (PROJECT / "CMakeLists.txt").read_text(encoding="utf-8")


def test_the_entry_has_the_name_of_the_project_and_a_category_that_exists(entry: dict[str, object], cmake: str) -> None:
    names = re.findall(r"project\s*\(\s*([^\s)]+)", cmake)
    assert names[0] == "GliomaSAM"
    assert entry["category"] == "Segmentation"


def test_the_address_is_public_and_the_repository_bears_slicer_in_its_name(entry: dict[str, object]) -> None:
    address = urlsplit(str(entry["scm_url"]))
    assert address.scheme == "https"
    assert "slicer" in address.path.rsplit("/", 1)[-1].lower()


def test_icon_and_screenshots_are_pictures_with_an_address(cmake: str) -> None:
    icon = re.findall(r'set\s*\(EXTENSION_ICONURL\s*"([^"]+)" *\)', cmake)
    screenshots = re.findall(r'set\s*\(EXTENSION_SCREENSHOTURLS\s*"([^"]+)"\)', cmake)[0].split()
    assert len(icon) == 1 and screenshots
    for url in (*icon, *screenshots):
        assert url.startswith("https://raw.githubusercontent.com/")
        with Image.open(PROJECT / url.split("/main/", 1)[1]) as picture:
            assert picture.format == "PNG"
    with Image.open(PROJECT / icon[0].split("/main/", 1)[1]) as picture:
        assert picture.size == (128, 128)


def test_there_is_a_licence_and_it_is_the_one_that_the_package_names() -> None:
    text = (PROJECT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0" in text
    package = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert package["license"] == "Apache-2.0"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "-C", str(PROJECT), "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no git checkout, so what is tracked is not known")
    return [PROJECT / name for name in listed.stdout.split("\0") if name and (PROJECT / name).is_file()]


def test_text_files_have_the_line_ends_of_unix() -> None:
    texts = {".py", ".md", ".txt", ".json", ".toml", ".yml", ".cmake", ".ui", ".ts", ".cff", ".html", ".css"}
    kept = PROJECT / "Testing" / "acceptance"
    wrong = [
        path for path in tracked() if path.suffix in texts and kept not in path.parents and b"\r\n" in path.read_bytes()
    ]
    assert wrong == []


def test_a_clone_with_its_history_is_small_enough() -> None:
    counted = subprocess.run(
        ["git", "-C", str(PROJECT), "rev-list", "--objects", "--disk-usage", "HEAD"], capture_output=True, text=True
    )
    if counted.returncode or not counted.stdout.strip():
        pytest.skip("this is no git checkout, or its git cannot count")
    history = int(counted.stdout) / 1e6
    tree = sum(path.stat().st_size for path in tracked()) / 1e6
    assert history + tree < LARGEST_CLONE_MB


def test_the_topics_are_listed_for_whoever_publishes() -> None:
    assert TOPIC in (PROJECT / "docs" / "publishing.md").read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere() -> None:
    version = GliomaSAMLib.__version__
    assert f"\nversion: {version}\n" in (PROJECT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}" in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    package = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in package["project"]["dynamic"] and "version" not in package["project"]


def test_continuous_integration_calls_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    hosts = [*(PROJECT / ".github" / "workflows").glob("*.yml"), PROJECT / ".gitlab-ci.yml", PROJECT / ".ci" / "run"]
    for path in hosts:
        text = path.read_text(encoding="utf-8")
        called = re.findall(r"\bmake ([a-z-]+)", re.sub(r"^ *#.*$", "", text, flags=re.MULTILINE))
        assert called and set(called) <= targets, path.name
        steps = re.findall(r"^ +- run: (.+)$", text, re.MULTILINE)
        assert [step for step in steps if not step.startswith("make ")] == [], path.name


def test_python_3_12_is_tested_by_the_public_hosts_only_and_that_is_said() -> None:
    workflows = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / ".github" / "workflows").glob("*.yml"))
    assert 'python: ["3.11", "3.12"]' in workflows
    assert "3.12" not in (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    assert "3.12 runs in the public continuous integration only" in (PROJECT / "README.md").read_text(encoding="utf-8")
