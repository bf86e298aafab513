"""Cutting the brain out of a head with deepbet, in a process of its own.

deepbet (Fisch et al. 2024, doi 10.1016/j.compbiomed.2024.108845) brings its weights in its wheel.
It runs outside this process so that it can be stopped at once, and so that this room needs no torch.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from .canonical import canonical_axes, isotropic, reoriented_geometry, resample
from .geometry import Geometry
from .progress import Reporter

BRAIN_ML = (300.0, 2500.0)
USUAL_SECONDS = 15.0
LONGEST_SECONDS = 900.0
_PROGRAM = """
import sys
from deepbet.bet import BrainExtraction
BrainExtraction(no_gpu=True).run(sys.argv[1], mask_path=sys.argv[2])
"""


def extract_brain(image: sitk.Image, report: Reporter) -> sitk.Image:
    """The brain in a volume of a head, skull on.

    Returns:
        uint8 image, 1 in the brain, on a 1 mm grid over the same space.

    Raises:
        StudyError: deepbet is not installed, or found nothing of the size of a brain.
        Cancelled: The user asked to stop; the process is gone then.
    """
    if importlib.util.find_spec("deepbet") is None:
        raise StudyError("the brain cannot be extracted: the package deepbet is not installed (pip install deepbet)")
    own = Geometry.of_image(image)
    grid = isotropic(reoriented_geometry(own, canonical_axes(own)))
    values = resample(sitk.Cast(image, sitk.sitkFloat32), grid)
    with tempfile.TemporaryDirectory(prefix="gliomasam-") as folder:
        head, brain, log = (Path(folder) / name for name in ("head.nii", "brain.nii", "log.txt"))
        sitk.WriteImage(grid.to_image(values), str(head))
        _run([_python(), "-c", _PROGRAM, str(head), str(brain)], log, report)
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(brain))) > 0
    millilitres = np.count_nonzero(mask) * grid.voxel_ml
    if not BRAIN_ML[0] <= millilitres <= BRAIN_ML[1]:
        raise StudyError(f"the brain found has {millilitres:.0f} mL, which is not the size of a brain")
    return grid.to_image(mask.astype(np.uint8))


def _python() -> str:
    """The interpreter; inside 3D Slicer the running program is not one."""
    if "python" in Path(sys.executable).name.lower():
        return sys.executable
    return shutil.which("PythonSlicer") or sys.executable


def _run(command: list[str], log: Path, report: Reporter) -> None:
    """Run a program to its end, or kill it when the user cancels."""
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while (status := process.poll()) is None:
                seconds = time.monotonic() - started
                if seconds > LONGEST_SECONDS:
                    raise StudyError(f"the brain extraction did not end within {LONGEST_SECONDS / 60:.0f} minutes")
                report.report(seconds / (seconds + USUAL_SECONDS), f"finding the brain, {seconds:.0f} s")
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    if status != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise StudyError(f"the brain extraction stopped with an error: {lines[-1] if lines else f'status {status}'}")
