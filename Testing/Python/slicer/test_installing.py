"""What is missing, what is said about it, and how it is installed: with stand-ins for pip and the PyTorch extension."""

import subprocess
import sys
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
