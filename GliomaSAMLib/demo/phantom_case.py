"""The phantom as a case: volumes and truth as the demonstration takes them, and as files in a BraTS-style folder."""

from pathlib import Path

import SimpleITK as sitk

from ..evaluation.cases import OpenCase
from ..output.image_file import write_image
from ..regions import REGIONS, regions_from_labels
from ..study import Study
from .phantom import Phantom

NAME = "phantom"


def phantom_case(phantom: Phantom) -> OpenCase:
    """The phantom's volumes as a `Study` with its truth."""
    truth = regions_from_labels(sitk.GetArrayFromImage(phantom.truth))
    t1, t1c, t2, flair = (phantom.images[name] for name in ("t1", "t1c", "t2", "flair"))
    study = Study.read(t1=t1, t1c=t1c, t2=t2, flair=flair, skull="off")
    return OpenCase(NAME, study, dict(zip(REGIONS, truth, strict=True)))


def write_phantom(phantom: Phantom, folder: Path) -> None:
    """Write `phantom-t1.nii.gz` and so on and the true labels, `phantom-seg.nii.gz`. Raises `OutputError`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in {**phantom.images, "seg": phantom.truth}.items():
        write_image(folder / f"{NAME}-{name}.nii.gz", image)
