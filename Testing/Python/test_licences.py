"""The page of licences names every package, with a licence, and what drags it in."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~; \[]", name)[0]).lower()


def rows(page: Path) -> dict[str, list[str]]:
    """The cells of the page's table, by package."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return {normal(cells[0]): cells for cells in table}


@pytest.fixture(scope="module")
def listed() -> dict[str, list[str]]:
    return rows(PROJECT / "docs" / "licences.md")


def test_every_pinned_and_every_direct_package_is_on_the_page(listed: dict[str, list[str]]) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    direct = {normal(line) for lines in groups.values() for line in lines}
    pinned = {normal(line) for line in (PROJECT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert (direct | pinned) - listed.keys() == set()
    assert direct == {name for name, cells in listed.items() if cells[4].split(", ")[0] == "direct"}


def test_every_package_has_a_licence_and_a_reason(listed: dict[str, list[str]]) -> None:
    assert len(listed) > 60
    for name, (_, version, licence, needed, parents) in listed.items():
        assert version and licence != "not stated" and licence and needed and parents, name
        assert all(parent == "direct" or normal(parent) in listed for parent in parents.split(", ")), name


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    script = PROJECT / "Resources" / "write_licences.py"
    done = subprocess.run([sys.executable, str(script), str(tmp_path / "page.md")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path / "page.md")
    assert found["simpleitk"][2] == "Apache" and found["numpy"][4].startswith("direct, ")
    assert found["segment-anything"][2] == "Apache License" and found["filelock"][4] != "direct"
    assert subprocess.run([sys.executable, str(script)], capture_output=True).returncode == 2
