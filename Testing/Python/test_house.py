"""The rules of the house that a machine can check."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LIBRARY = PROJECT / "GliomaSAMLib"
ROOMS = sorted(path.name for path in LIBRARY.iterdir() if (path / "__init__.py").is_file())
SOURCES = sorted(
    path
    for folder in ("GliomaSAMLib", "GliomaSAM", "Testing", "Resources")
    for path in (PROJECT / folder).rglob("*.py")
)
MAY_USE = {
    "study": set(),
    "prompts": {"study"},
    "output": {"study", "prompts"},
    "models": {"study", "prompts"},
    "session": {"study", "prompts", "models"},
    "data": {"study", "prompts"},
    "training": {"study", "prompts", "models", "session", "output", "data"},
    "evaluation": {"study", "prompts", "models", "session", "training", "output", "data"},
    "demo": {"study", "prompts", "models", "session", "evaluation", "output", "data", "followup"},
    "followup": {"study", "prompts", "models", "session", "output", "data"},
    "slicer": {"study", "prompts", "models", "session", "output", "data", "followup"},
    "cli": set(ROOMS) - {"cli", "slicer"},
}
"""Which rooms a room may import from; dependencies point one way."""
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(work|tmp|root|home|Users|mnt|scratch)/\w|[A-Z]:\\\\?Users\\")
LONGEST_FILE = 450


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Full names of the modules that a file imports, and whether only for the type checker."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(PROJECT).with_suffix("").parts[:-1]
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in typing_only
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*parent, *([node.module] if node.module else [])))
            if node.module:
                yield base, node in typing_only
            for alias in node.names:
                yield f"{base}.{alias.name}", node in typing_only


def module_of(path: Path) -> str:
    """Full name of the module that a file is."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def test_no_import_circle() -> None:
    """Over all product files, imports inside functions too; only those for the type checker are left out."""
    files = {
        module_of(path): path for folder in ("GliomaSAMLib", "GliomaSAM") for path in (PROJECT / folder).rglob("*.py")
    }
    uses = {
        name: {used for used, typing_only in imports(path) if not typing_only and used in files and used != name}
        for name, path in files.items()
    }
    free: set[str] = set()
    while ready := {name for name in uses if name not in free and uses[name] <= free}:
        free |= ready
    assert sorted(set(uses) - free) == []


def files_of(room: str) -> list[Path]:
    return sorted((LIBRARY / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_dependencies_point_one_way(room: str) -> None:
    assert room in MAY_USE, f"say in MAY_USE what the room {room} may use"
    used = {
        (str(path.relative_to(PROJECT)), other)
        for path in files_of(room)
        for name, typing_only in imports(path)
        for other in ROOMS
        if not typing_only and other != room and f"{name}.".startswith(f"GliomaSAMLib.{other}.")
    }
    assert {(path, other) for path, other in used if other not in MAY_USE[room]} == set()


LATE = {"torch", "nibabel", "skimage"}
"""What 3D Slicer does not bring: imported where it is used, so that the panel opens without it."""

IMPORTED_EARLY = (
    "import GliomaSAMLib.study",
    "import GliomaSAMLib.prompts",
    "import GliomaSAMLib",
    "from GliomaSAMLib.cli.app import run; assert run(['segment', '--help']) == 0",
)
"""What works without `LATE`, in this order, each after those before."""


@pytest.fixture(scope="module")
def imported_after() -> dict[str, list[str]]:
    """For each of `IMPORTED_EARLY`, run one after the other in one new process, which of `LATE` were imported then."""
    code = f"""
import json, sys
found = {{}}
for line in {IMPORTED_EARLY!r}:
    exec(line)
    found[line] = sorted({LATE!r} & set(sys.modules))
print("\\n" + json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_method_that_ships_needs_none_of_what_trains_it() -> None:
    """They take seconds to import, before the first outline and at each start of the command."""
    code = """
import sys
from GliomaSAMLib.models import load_model
from GliomaSAMLib.session import Session
load_model("gliomasam", device="cpu")
late = {"monai", "lightning", "matplotlib", "segment_anything", "torchvision", "timm", "torch._dynamo"}
assert not late & set(sys.modules), late & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("line", IMPORTED_EARLY)
def test_what_slicer_does_not_bring_is_imported_late(line: str, imported_after: dict[str, list[str]]) -> None:
    assert imported_after[line] == []


def test_only_the_slicer_room_knows_the_application() -> None:
    wrong = []
    for path in LIBRARY.rglob("*.py"):
        place = path.relative_to(LIBRARY)
        baseline = place.parts[:2] == ("evaluation", "baselines")
        for top in {name.split(".")[0] for name, _ in imports(path)}:
            widgets = top in ("qt", "ctk") or top.startswith(("PyQt", "PySide"))
            application = top in ("slicer", "mrml") or (top in ("vtk", "vtkmodules", "slicer_core") and not baseline)
            if widgets or (application and place.parts[0] != "slicer"):
                wrong.append(f"{place} imports {top}")
    assert wrong == []


def test_no_path_of_a_machine() -> None:
    texts = [*SOURCES, *PROJECT.glob("*.md"), *PROJECT.glob("*.toml"), PROJECT / "Makefile", *PROJECT.rglob(".ci/*")]
    texts += [path for path in (PROJECT / "Resources").rglob("*") if path.suffix in (".json", ".md", ".toml", ".txt")]
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MACHINE_PATH.search(line) and "MACHINE_PATH" not in line
    ]
    assert found == []


def test_files_fit_in_the_head() -> None:
    ours = [path for path in SOURCES if PROJECT / "Testing" / "acceptance" not in path.parents]
    long = {str(path.relative_to(PROJECT)): len(path.read_text(encoding="utf-8").splitlines()) for path in ours}
    assert {path: lines for path, lines in long.items() if lines > LONGEST_FILE} == {}


def test_no_file_is_too_large_for_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=PROJECT, capture_output=True)
    if listed.returncode:
        pytest.skip("git does not know this folder, so the files of the repository cannot be listed")
    paths = [PROJECT / name for name in listed.stdout.decode().split("\0") if name]
    assert [str(path) for path in paths if path.is_file() and path.stat().st_size > 16 * 2**20] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_is_for(room: str) -> None:
    assert ast.get_docstring(ast.parse((LIBRARY / room / "__init__.py").read_text(encoding="utf-8")))


def test_constraints_pin_every_dependency() -> None:
    import tomllib

    def name(requirement: str) -> str:
        return re.split(r"[<>=!~; \[]", requirement)[0].lower().replace("_", "-")

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    pinned = {name(line) for line in (PROJECT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert {name(requirement) for requirement in wanted} - pinned == set()
