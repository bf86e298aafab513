"""What tests of several rooms share: a small labelled case as files, and the weights of a network that costs little."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

LEVELS = {
    "t1": (300, 260, 250, 270),
    "t1c": (300, 800, 220, 320),
    "t2": (250, 650, 720, 640),
    "flair": (220, 740, 700, 760),
}
"""Grey values of brain, enhancing tumour, necrosis and oedema in each modality."""

RADII = {"necrosis": 3.0, "enhancing": 5.5, "oedema": 9.0}
"""Of the parts of a tumour, spheres in mm, from the inside out."""


def phantom_case(
    folder: Path,
    shape: tuple[int, int, int] = (44, 44, 44),
    tumour: Sequence[float] | None = None,
    radii: Mapping[str, float] = RADII,
    brain_radii: Sequence[float] | None = None,
    et_label: int = 3,
    prefix: str = "",
    seed: int = 0,
) -> Path:
    """Write a skull-stripped head with a glioma: t1, t1c, t2, flair and seg as .nii.gz of 1 mm, int16 and uint8.

    Args:
        folder: Made here.
        shape: Voxels along K, J, I.
        tumour: The middle of the tumour, (K, J, I); the middle of the volume when not given.
        radii: As `RADII`; a part that is left out is not there.
        brain_radii: Of the brain, an ellipsoid in the middle, in mm along K, J, I; two voxels of air are left at all
            sides when not given.
        et_label: The label of enhancing tumour.
        prefix: Of the names of the files.
        seed: Of the noise.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True)
    places = np.stack(np.indices(shape), axis=-1)
    middle = (np.asarray(shape) - 1) / 2
    brain = (((places - middle) / np.asarray(middle - 2 if brain_radii is None else brain_radii)) ** 2).sum(-1) < 1
    distance = np.linalg.norm(places - np.asarray(middle if tumour is None else tumour), axis=-1)
    parts = ["brain", "enhancing", "necrosis", "oedema"]
    part = np.select([distance <= radius for radius in radii.values()], [parts.index(name) for name in radii], 0)
    noise = np.random.default_rng(seed)
    for name, values in LEVELS.items():
        grey = np.asarray(values)[part] + noise.normal(0, 20, shape)
        _write(np.where(brain, np.maximum(grey, 1), 0).astype(np.int16), folder / f"{prefix}{name}.nii.gz")
    labels = np.asarray([0, et_label, 1, 2])[part]
    _write(np.where(brain, labels, 0).astype(np.uint8), folder / f"{prefix}seg.nii.gz")
    return folder


def _write(array: np.ndarray, path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))


def untrained_weights(path: Path, seed: int = 0) -> Path:
    """Write weights by chance of a narrow plain network, which needs no encoder; returns the path."""
    import torch

    from GliomaSAMLib.models.registry import chosen_config, find_method
    from GliomaSAMLib.models.weights import save_weights

    config = chosen_config("segresnet", None, {"decoder": {"filters": 8}})
    torch.manual_seed(seed)
    save_weights(path, find_method("segresnet").build(config.decoder).state_dict(), config.to_json(), None)
    return path
