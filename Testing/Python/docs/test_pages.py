"""README and documentation: their length, links and tables, and that what they tell one to type works."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import GliomaSAMLib
from GliomaSAMLib import Session, Study

PROJECT = Path(__file__).resolve().parents[3]
DOCS = PROJECT / "docs"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), PROJECT / "Testing" / "README.md"])
LONGEST_README = 140
MOST_PICTURES_MB = 2.0
FENCE = re.compile(
    r"(?:<!-- (?:not run: (?P<why>[^>]+)|run on: (?P<data>\w+)) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
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


def test_the_methods_that_the_page_on_python_names_are_there() -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:\w+\.)?(\w+)\(\w*\)`", text)) | set(re.findall(r"`(?:\w+\.)?([a-z]+_\w+)`", text))
    assert {"add_point", "load_model", "read_folder", "update"} <= named
    assert {name for name in named if not any(hasattr(one, name) for one in (GliomaSAMLib, Session, Study))} == set()


def test_pictures_are_small_together() -> None:
    pictures = [path for suffix in ("png", "jpg", "gif", "svg") for path in DOCS.rglob(f"*.{suffix}")]
    assert sum(path.stat().st_size for path in pictures) < MOST_PICTURES_MB * 1e6


def test_each_picture_of_the_tutorial_is_made_by_a_test_and_shown() -> None:
    source = (PROJECT / "Testing" / "Python" / "module" / "test_screenshot.py").read_text(encoding="utf-8")
    made = set(re.findall(r'take_\w+\(clinician, "(\d_\w+)"', source))
    page = (DOCS / "slicer.md").read_text(encoding="utf-8")
    assert made == {path.stem for path in (DOCS / "images" / "slicer").iterdir()}
    assert made == set(re.findall(r"\(images/slicer/(\w+)\.png\)", page))


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
    """A fenced block of a page. `why_not` says why it is not run, `data` what takes the place of the user's own: the
    `visits` of the phantom, or small `cases`.
    """

    page: str
    kind: str
    text: str
    why_not: str | None
    data: str | None


def blocks() -> Iterator[Block]:
    for name in RUN_PAGES:
        for found in FENCE.finditer((PROJECT / name).read_text(encoding="utf-8")):
            yield Block(name, found["kind"], found["text"], found["why"], found["data"])


def test_commands_are_in_blocks_that_are_run_or_say_why_not() -> None:
    for name in RUN_PAGES:
        text = FENCE.sub("", (PROJECT / name).read_text(encoding="utf-8"))
        loose = [line for line in text.splitlines() if re.match(r"(?:    |\t)(?:gliomasam|make|python|pip|git) ", line)]
        assert loose == [], name


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demonstration was run, with `gliomasam` and `python` on its path."""
    folder = tmp_path_factory.mktemp("docs")
    write_command(folder)
    done = shell("gliomasam demo", folder)
    assert done.returncode == 0, done.stdout
    return folder


def write_command(folder: Path, **more: Sequence[str]) -> None:
    """Put `gliomasam` into a folder's `bin`; some commands get more arguments than are typed."""
    (folder / "bin").mkdir()
    script = folder / "bin" / "gliomasam"
    added = {name: list(arguments) for name, arguments in more.items()}
    lines = [
        f"#!{sys.executable}",
        "import sys",
        "from GliomaSAMLib.cli import main",
        f"sys.argv += {added!r}.get(sys.argv[1], [])",
        "main()",
    ]
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)


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


def is_told(expected: str, printed: str) -> bool:
    """Whether a page shows what is printed: `...` stands for anything, and numbers with a decimal point may differ by
    a tenth, as they do between machines.
    """
    parts = re.split(r"(\.\.\.|\d+\.\d+)", expected.strip())
    kinds = {"...": ".*"}
    pattern = "".join(kinds.get(part, r"(\d+\.\d+)") if odd % 2 else re.escape(part) for odd, part in enumerate(parts))
    found = re.fullmatch(pattern, printed.strip(), re.DOTALL)
    numbers = [float(part) for part in parts[1::2] if part != "..."]
    return found is not None and [float(text) for text in found.groups()] == pytest.approx(numbers, rel=0.1)


def test_what_is_printed_is_compared() -> None:
    assert is_told("a\n...\nWT 97.5 mL; ... s", "a\nb\nc\nWT 95.0 mL; 12 s\n")
    assert not is_told("WT 97.5 mL", "WT 80.5 mL")
    assert not is_told("WT 97.5 mL", "TC 97.5 mL")


def command_of(block: Block) -> tuple[str, str]:
    """The command of a `console` block, which may go on over lines, and what it prints."""
    lines = block.text.removeprefix("$ ").splitlines()
    length = 1 + next(number for number, line in enumerate(lines) if not line.endswith("\\"))
    return "\n".join(lines[:length]), "\n".join(lines[length:])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_what_the_pages_tell_to_type_works(workplace: Path) -> None:
    """In the order of the pages, in one folder. A `console` block holds what is printed, too; a `text` block what the
    block before it prints.
    """
    ran = compared = 0
    printed = ""
    for block in blocks():
        if block.why_not is not None or block.data == "cases":
            continue
        where = f"{block.page}:\n{block.text}"
        if block.data == "visits" and not (workplace / "patient").exists():
            shutil.copytree(workplace / "demo-output" / "visits", workplace / "patient")
        if block.kind == "bash":
            done = shell(f"set -e\n{block.text}", workplace)
        elif block.kind == "python":
            (workplace / "example.py").write_text(block.text)
            done = shell("python example.py", workplace)
        elif block.kind == "console":
            command, expected = command_of(block)
            done = shell(command, workplace)
            assert is_told(expected, done.stdout), f"{where}\n{done.stdout}"
        elif block.kind == "text":
            assert is_told(block.text, printed), f"{where}\n{printed}"
            compared += 1
            continue
        else:
            continue
        printed = done.stdout
        assert done.returncode == 0 or block.kind == "console", f"{where}\n{printed}"
        ran += 1
    assert ran >= 6 and compared >= 3


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_follow_up_of_the_phantom_is_as_its_page_says(workplace: Path) -> None:
    if not (workplace / "demo-output" / "report-model").is_dir():
        assert shell("gliomasam demo --follow-up", workplace).returncode == 0
    given, outlined = (
        json.loads((workplace / "demo-output" / name / "report.json").read_text(encoding="utf-8"))
        for name in ("report", "report-model")
    )
    page = (DOCS / "follow_up.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|", page, re.MULTILINE)
    assert len(rows) == 3
    for index, (day, *cells) in enumerate(rows):
        told = [[float(text) for text in re.findall(r"[\d.]+", cell)] for cell in cells]
        for cell, region in zip(told, ("ET", "WT"), strict=False):
            volumes = [report["visits"][index]["regions_ml"][region] for report in (given, outlined)]
            assert cell[1:] == pytest.approx(volumes, rel=0.1), (day, region)
        for cell, report in zip(told[2:], (given, outlined), strict=True):
            lesion = report["components"]["CE"]["tracks"][0]["at"][index]
            assert cell == pytest.approx([lesion["longest_mm"], lesion["perpendicular_mm"]], rel=0.1), day


QUICK = {
    "train": ("--steps", "1", "--crop", "32", "32", "32", "--large-crop", "32", "32", "32"),
    "evaluate": ("--prompts", "1", "--device", "cpu"),
}
"""What is added to commands that take hours."""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("page", ["README.md", "docs/training.md"])
def test_training_and_evaluation_work_as_the_pages_tell(
    page: str, tmp_path: Path, make_case: Callable[..., Path]
) -> None:
    pytest.importorskip("lightning", reason="training needs lightning")
    write_command(tmp_path, **QUICK)
    names = [f"case{number}" for number in range(5)]
    for seed, name in enumerate(names):
        make_case(tmp_path / "CASES" / name, seed)
    (tmp_path / "split.json").write_text(json.dumps({"train": names[1:], "val": names[:1]}))
    found = [block for block in blocks() if block.page == page and block.data == "cases"]
    assert found
    for block in found:
        done = shell(f"set -e\n{block.text}", tmp_path)
        assert done.returncode == 0, f"{block.text}\n{done.stdout}"
    assert list((tmp_path / "runs" / "table").glob("*.md"))
