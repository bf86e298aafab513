"""Where the brain is: what a skull-stripped volume holds, or what deepbet finds in a head.

deepbet (Fisch et al. 2024, doi 10.1016/j.compbiomed.2024.108845) brings its weights in its wheel. It runs in a process
of its own, so that it can be stopped at once, and so that this room needs no torch.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ..errors import StudyError
from ..geometry import Geometry, bounding_box, floats, resample, triple
from ..private_folder import private_folder, temporary_folder_error
from ..progress import Reporter
from .canonical import canonical_axes, isotropic, reoriented_geometry
from .reference import first_whole, head_shares
from .registration import in_reference_place
from .volume import Volume

SKULL = ("auto", "on", "off")

_BEST_FOR_EXTRACTION = ("t1", "t1c", "t2", "flair")

_BEST_FOR_SKULL = ("t2", "flair", "t1", "t1c")

_SAME_HEAD = 0.1

_CLEAR_SHARE = 0.04

_DOUBTFUL_SHARE = 0.08

_SMALLEST_PART = 0.01

BRAIN_ML = (300.0, 2500.0)

USUAL_SECONDS = 15.0

LONGEST_SECONDS = 900.0

_ENDS_WITH_ITS_PARENT = """
import os, sys, threading
def watch():
    os.read(0, 1)
    os._exit(1)
threading.Thread(target=watch, daemon=True).start()
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(sys.argv[3]):
        os._exit(1)
"""
"""What the process of the extraction does first. Its standard input is a pipe that is closed when this program ends,
however it ends; Linux also kills it then, even while it computes (prctl: PR_SET_PDEATHSIG, SIGKILL)."""

_PROGRAM = """
import sys
from deepbet.bet import BrainExtraction
BrainExtraction(no_gpu=True).run(sys.argv[1], mask_path=sys.argv[2])
"""


def judge_skulls(volumes: Mapping[str, Volume]) -> dict[str, Volume]:
    """See on which volumes, by modality, the skull still is; the same volumes, which know it from then on.

    Volumes that leave as much beside the air show the same head or brain: the mean counts for all, and where the first
    shows a brain beyond doubt the others are not looked at.
    """
    judged = dict(volumes)
    left = [judged[m] for m in _BEST_FOR_SKULL if m in judged and judged[m].may_be_stripped]
    while left:
        first = left[0]
        alike = [one for one in left if abs(one.head_ml / first.head_ml - 1.0) < _SAME_HEAD]
        share = first.scalp_share
        if share >= _CLEAR_SHARE:
            share = float(np.mean([one.scalp_share for one in alike]))
        for one in alike:
            judged[one.modality] = replace(one, scalp=share)
        left = [one for one in left if one not in alike]
    return judged


def find_brain(
    volumes: list[Volume], grid: Geometry, skull: str, report: Reporter
) -> tuple[np.ndarray, sitk.Image, bool, list[str]]:
    """Find the brain.

    Args:
        volumes: All volumes of the study.
        grid: The reference grid.
        skull: `on`: extract the brain; `off`: take what is not air; `auto`: see whether the skull is on.
        report: Progress and cancel.

    Returns:
        The brain on `grid`, bool (K, J, I); the same as a uint8 image on the finest grid known; whether it was cut
        out of a head with a skull; notes for the user.

    Raises:
        StudyError: No brain is found, or `skull` is `on` and the extraction fails.
        Cancelled: The user asked to stop.
    """
    if skull not in SKULL:
        raise StudyError(f"Unknown skull={skull!r}. Choose auto, on or off")
    stripped = [volume for volume in volumes if volume.skull_stripped]
    notes = []
    if skull == "on" or (skull == "auto" and not stripped):
        source = _source_of_extraction(volumes)
        try:
            return _extracted(source, grid, report)
        except StudyError as error:
            if skull == "on":
                raise StudyError(f"{source.name}: {error}") from error
            notes.append(f"the skull seems to be on, but the whole head is used instead: {error}")
    chosen = stripped if stripped and skull == "auto" else volumes
    doubtful = [volume.modality for volume in stripped if skull == "auto" and volume.scalp_share >= _DOUBTFUL_SHARE]
    if doubtful:
        notes.append(
            f"{' and '.join(doubtful)} taken as skull-stripped, though something like scalp or skull lies at the rim: "
            "choose skull on if so"
        )
    if 0 < len(stripped) < len(volumes) and skull == "auto":
        notes.append(
            f"the brain is taken from the skull-stripped {' and '.join(volume.modality for volume in stripped)}"
        )
    brain = np.zeros(grid.shape, bool)
    for volume in chosen:
        report.report(0.5, f"finding the brain in {volume.modality}")
        brain |= volume.head_on(grid)
    brain = _solid(brain)
    return brain, grid.to_image(brain.astype(np.uint8)), False, notes


def _source_of_extraction(volumes: list[Volume]) -> Volume:
    """The volume that the brain is extracted from: of those that show most of the head the one that suits best."""
    given = {volume.modality: volume for volume in volumes}
    return given[first_whole([one for one in _BEST_FOR_EXTRACTION if one in given], head_shares(volumes))]


def _extracted(source: Volume, grid: Geometry, report: Reporter) -> tuple[np.ndarray, sitk.Image, bool, list[str]]:
    fine = extract_brain(source.image, report)
    if source.motion is not None:
        fine = _in_reference_place(fine, source)
    brain = resample(fine, grid, nearest=True) > 0
    if not brain.any():
        raise StudyError("The brain lies outside the reference grid")
    millilitres = np.count_nonzero(sitk.GetArrayViewFromImage(fine)) / 1000.0
    return (
        brain,
        fine,
        True,
        [f"the brain was found in {source.modality} with deepbet: {millilitres:.0f} mL; the skull is left out"],
    )


def _in_reference_place(image: sitk.Image, volume: Volume) -> sitk.Image:
    """An image of what a volume shows, its voxels as they are, where the head lies in the reference."""
    own = Geometry.of_image(image)
    first, *ends = in_reference_place(volume, np.vstack([own.origin, own.origin + np.asarray(own.direction).T]))
    axes = triple(map(floats, np.subtract(ends, first).T))
    return replace(own, origin=floats(first), direction=axes).to_image(sitk.GetArrayFromImage(image))


def _solid(mask: np.ndarray) -> np.ndarray:
    """The large connected parts of `mask`, with their holes filled."""
    if not mask.any():
        raise StudyError("No brain was found: every voxel on the reference grid is air")
    box = bounding_box(mask)
    part = mask[box]
    labels, count = ndimage.label(part)
    if count > 1:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        part = (sizes >= _SMALLEST_PART * sizes.max())[labels]
    air, _ = ndimage.label(np.pad(~part, 1, constant_values=True))
    result = np.zeros(mask.shape, bool)
    result[box] = (air != air[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return result


def extract_brain(image: sitk.Image, report: Reporter) -> sitk.Image:
    """The brain in a volume of a head, skull on.

    Returns:
        uint8 image, 1 in the brain, on a 1 mm grid over the same space.

    Raises:
        StudyError: deepbet is not installed, or found nothing of the size of a brain.
        Cancelled: The user asked to stop; the process is gone then.
    """
    if importlib.util.find_spec("deepbet") is None:
        raise StudyError("The brain cannot be extracted: the package deepbet is not installed (pip install deepbet)")
    own = Geometry.of_image(image)
    grid = isotropic(reoriented_geometry(own, canonical_axes(own)))
    values = resample(sitk.Cast(image, sitk.sitkFloat32), grid)
    with private_folder() as folder:
        head, brain, log = (folder / name for name in ("head.nii", "brain.nii", "log.txt"))
        _write_head(head, grid.to_image(values), values.nbytes)
        program = [_python(), "-P", "-c", _ENDS_WITH_ITS_PARENT + _PROGRAM, str(head), str(brain), str(os.getpid())]
        _run(program, log, report)
        try:
            mask = sitk.GetArrayFromImage(sitk.ReadImage(str(brain))) > 0
        except RuntimeError as error:
            raise StudyError("The brain extraction left no readable result: free space, and try again") from error
    millilitres = np.count_nonzero(mask) * grid.voxel_ml
    if not BRAIN_ML[0] <= millilitres <= BRAIN_ML[1]:
        raise StudyError(f"The brain found has {millilitres:.0f} mL, which is not the size of a brain")
    return grid.to_image(mask.astype(np.uint8))


def _write_head(path: Path, image: sitk.Image, voxel_bytes: int) -> None:
    """Write the head for the extraction. Raises `OutputError` when the temporary folder is full."""
    try:
        sitk.WriteImage(image, str(path))
    except RuntimeError as error:
        raise temporary_folder_error("the volume of the head does not fit") from error
    if path.stat().st_size < voxel_bytes:  # some of ITK's writers do not notice a full disk
        raise temporary_folder_error("the volume of the head does not fit")


def _python() -> str:
    """The interpreter; inside 3D Slicer the running program is not one."""
    if "python" in Path(sys.executable).name.lower():
        return sys.executable
    return shutil.which("PythonSlicer") or sys.executable


def _run(command: list[str], log: Path, report: Reporter) -> None:
    """Run a program in the folder of its log to its end, or kill it when the user cancels or this program ends.

    The working folder of this program, which may be a stranger's, is not where it looks for code.
    """
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
        try:
            while (status := process.poll()) is None:
                seconds = time.monotonic() - started
                if seconds > LONGEST_SECONDS:
                    raise StudyError(f"The brain extraction did not end within {LONGEST_SECONDS / 60:.0f} minutes")
                report.report(seconds / (seconds + USUAL_SECONDS), f"finding the brain, {seconds:.0f} s")
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
    if status != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise StudyError(f"The brain extraction stopped with an error: {lines[-1] if lines else f'status {status}'}")
