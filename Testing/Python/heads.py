"""Heads for tests of visits: made once, moved as a head moves, written as the folder of a visit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from GliomaSAMLib.geometry import LPS_FROM_RAS, Geometry

GRID = Geometry((48, 56, 44), (3.0, 3.0, 3.0), (70.0, 82.0, -65.0), ((-1, 0, 0), (0, -1, 0), (0, 0, 1)))

MIDDLE = (-0.5, -0.5, -0.5)
"""RAS mm of the middle of the head."""

TUMOUR = (25.0, -20.0, 15.0)


def head(tumour_mm: float = 14.0, seed: int = 0) -> dict[str, np.ndarray]:
    """t1c and flair, float32, and seg, uint8 of BraTS, (K, J, I) on `GRID`: a head with folds, as no other."""
    rng = np.random.default_rng(seed)
    ras = GRID.to_ras(np.moveaxis(np.indices(GRID.shape)[::-1], 0, -1))
    inside = (((ras - MIDDLE) / (55.0, 70.0, 52.0)) ** 2).sum(-1) < 1
    folds = gaussian_filter(rng.standard_normal(GRID.shape), 2)
    folds /= folds.std()
    distance = np.linalg.norm(ras - TUMOUR, axis=-1)
    seg = np.select([distance < tumour_mm * 0.4, distance < tumour_mm * 0.7, distance < tumour_mm], [1, 3, 2])
    images = {}
    for name, levels in {"t1c": (300, 60, 900), "flair": (300, -50, 700)}.items():
        grey = levels[0] + levels[1] * folds + rng.normal(0, 8, GRID.shape)
        grey = np.where(seg > 0, levels[2], grey)
        images[name] = np.where(inside, np.maximum(grey, 1), 0).astype(np.float32)
    return {**images, "seg": np.where(inside, seg, 0).astype(np.uint8)}


def moved(
    arrays: dict[str, np.ndarray], degrees: Sequence[float], shift: Sequence[float]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The same head, turned about its middle and shifted (RAS mm), seen on `GRID`; and the true `to_first`, 4 x 4."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.radians(degrees).tolist())
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(turn.GetMatrix(), (3, 3))
    matrix[:3, 3] = np.asarray(MIDDLE) + shift - matrix[:3, :3] @ MIDDLE
    to_first = np.linalg.inv(matrix)
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((LPS_FROM_RAS @ to_first[:3, :3] @ LPS_FROM_RAS).ravel().tolist())
    transform.SetTranslation((LPS_FROM_RAS @ to_first[:3, 3]).tolist())
    found = {}
    for name, array in arrays.items():
        image = GRID.to_image(array)
        how = sitk.sitkNearestNeighbor if name == "seg" else sitk.sitkLinear
        found[name] = sitk.GetArrayFromImage(sitk.Resample(image, image, transform, how, 0.0))
    return found, to_first


def write_visit(folder: Path, arrays: dict[str, np.ndarray], names: Sequence[str] = ("t1c", "flair", "seg")) -> Path:
    """Write some of the arrays as the folder of a visit; returns it."""
    folder.mkdir(parents=True)
    for name in names:
        sitk.WriteImage(GRID.to_image(arrays[name]), str(folder / f"{name}.nii.gz"))
    return folder
