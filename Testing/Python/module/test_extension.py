"""The extension as the Extension Manager takes it: CMake lists, installed tree, catalogue entry, requirements."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def listed(folder: Path) -> set[str]:
    """The files that the CMakeLists.txt of a folder names."""
    text = re.sub(r"#.*", "", (folder / "CMakeLists.txt").read_text(encoding="utf-8"))
    return set(re.findall(r"[\w./-]+\.(?:py|png|ui|txt|json|safetensors|qm)\b", text))


def present(folder: Path) -> set[str]:
    """The files that a folder holds and that are to be installed."""
    suffixes = {".py", ".png", ".ui", ".txt", ".qm"}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in suffixes}
    development = {name for name in files if re.match(r"Resources/\w+\.py", name)}  # draws icons
    return {name for name in files - development if "__pycache__" not in name and name != "CMakeLists.txt"}


def test_cmake_lists_every_file_of_the_module_and_no_other(project: Path) -> None:
    assert listed(project / "GliomaSAM") == present(project / "GliomaSAM")


def test_cmake_lists_the_catalogue_and_the_weights_that_it_names(project: Path) -> None:
    shipped = {path.name for path in (project / "Resources").glob("*.safetensors")} | {"catalogue.json"}
    assert {name for name in listed(project / "GliomaSAMLib") if not name.endswith(".py")} == shipped


@pytest.fixture(scope="module")
def installed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of modules of an installed extension."""
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed")
    build, prefix = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("installed")
    stand_in = project / "Testing" / "cmake"
    steps = (
        [cmake, "-S", project, "-B", build, f"-DSlicer_DIR={stand_in}", "-DBUILD_TESTING=ON"],
        [cmake, "--build", build],
        [cmake, "--install", build, "--prefix", prefix],
    )
    for step in steps:
        done = subprocess.run([str(part) for part in step], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    tests = subprocess.run(["ctest", "--test-dir", str(build), "-N"], capture_output=True, text=True)
    assert "py_GliomaSAM" in tests.stdout
    return prefix / "lib" / "Slicer-5.12" / "qt-scripted-modules"


def test_the_library_is_installed_whole(installed: Path, project: Path) -> None:
    files = {
        path.relative_to(installed / "GliomaSAMLib").as_posix() for path in (installed / "GliomaSAMLib").rglob("*.py")
    }
    assert files == present(project / "GliomaSAMLib")


def test_template_style_and_schema_of_the_report_are_installed(installed: Path, project: Path) -> None:
    place = Path("GliomaSAMLib", "followup", "report")
    files = {path.name for path in (project / place).iterdir() if path.suffix in (".html", ".css", ".json")}
    assert files == {"page.html", "page.css", "schema.json"}
    assert files <= {path.name for path in (installed / place).iterdir()}


def run_there(installed: Path, code: str) -> None:
    """Run Python where nothing but the installed extension can be imported from this project."""
    code = f"import sys; sys.path[:0] = [{str(installed)!r}]\n{code}"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_whole_library_can_be_imported_where_it_was_installed(installed: Path) -> None:
    run_there(
        installed,
        f"""
import importlib, pkgutil
import GliomaSAMLib
assert GliomaSAMLib.__file__.startswith({str(installed)!r}), GliomaSAMLib.__file__
for found in pkgutil.walk_packages(GliomaSAMLib.__path__, "GliomaSAMLib."):
    if not found.name.startswith("GliomaSAMLib.slicer."):
        importlib.import_module(found.name)
from GliomaSAMLib.models.catalogue import find_weights
assert str(find_weights("gliomasam")[0]).startswith({str(installed)!r})
""",
    )


def test_the_module_can_be_opened_where_it_was_installed(installed: Path, project: Path) -> None:
    run_there(
        installed,
        f"""
sys.path.append({str(project / "Testing")!r})
from host.views import prepare_rendering
prepare_rendering()
from host.qt_layer import start_qt
start_qt()
import importlib, pkgutil
from pathlib import Path
from host.scripted import load_module
module = load_module(Path({str(installed)!r}) / "GliomaSAM.py")
container = module.widgetRepresentation()
container.enter()
import GliomaSAMPanel, GliomaSAMLib.slicer
for package in (GliomaSAMPanel, GliomaSAMLib.slicer):
    assert package.__file__.startswith({str(installed)!r}), package.__file__
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
container.exit()
module.unload()
""",
    )


def setting(project: Path, name: str) -> str:
    """What the CMakeLists.txt at the root sets, which the Extension Manager reads line by line."""
    found = re.findall(rf'^set\({name} "([^"]+)"\)$', (project / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert len(found) == 1, f"{name} must be set once, on one line"
    return str(found[0])


def test_catalogue_entry_and_cmake_agree(project: Path) -> None:
    entry = json.loads((project / "GliomaSAM.json").read_text())
    cmake = (project / "CMakeLists.txt").read_text()
    assert re.search(r"^project\(GliomaSAM\)$", cmake, re.MULTILINE)
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.1.json#")
    assert entry["scm_url"].removesuffix(".git") == setting(project, "EXTENSION_HOMEPAGE")
    assert entry["build_dependencies"] == re.findall(r"set\(EXTENSION_DEPENDS (\w+)\)", cmake)
    assert (entry["category"], entry["scm_revision"], entry["build_subdirectory"], entry["tier"]) == (
        "Segmentation",
        "main",
        ".",
        1,
    )


def test_icon_and_screenshots_are_files_of_the_repository(project: Path) -> None:
    urls = [setting(project, "EXTENSION_ICONURL"), *setting(project, "EXTENSION_SCREENSHOTURLS").split()]
    assert [url for url in urls if not (project / url.split("/main/", 1)[1]).is_file()] == []


def test_requirements_are_those_of_the_library_without_torch_and_what_slicer_brings(project: Path) -> None:
    lines = (project / "GliomaSAM" / "Resources" / "requirements.txt").read_text().splitlines()
    wanted = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    library = set(tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"])
    assert wanted <= library, "the versions differ from those of pyproject.toml"
    brought = {"numpy", "scipy", "simpleitk", "torch", "torchvision"}
    terminal = {"rich", "typer"}  # of the command line
    assert {re.split(r"[<>=]", line)[0] for line in library - wanted} == brought | terminal
