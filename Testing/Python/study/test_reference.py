"""The grid of the results is that of the volume that shows most of the head, unless the user says otherwise."""

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.study import Study

Arrays = dict[str, np.ndarray]


def part(grid: Geometry, values: np.ndarray, first: int, stop: int) -> sitk.Image:
    """Axial slices `first` to `stop` of a volume."""
    return grid.crop((first, 0, 0), (stop - first, *grid.shape[1:])).to_image(values[first:stop])


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ({"t1c": (16, 24), "flair": (0, 40)}, "flair"),
        ({"t1c": (0, 40), "flair": (16, 24)}, "t1c"),
        ({"t1c": (4, 36), "flair": (0, 40)}, "t1c"),  # the brain fills slices 5 to 34: both show all of it
        ({"t1c": (16, 24), "flair": (10, 30), "t2": (0, 40), "t1": (0, 40)}, "t2"),
        ({"t1c": (16, 24), "flair": (16, 24), "t1": (0, 40)}, "t1"),
        ({"t1c": (14, 30), "flair": (16, 24)}, "t1c"),
        ({"t2": (16, 24), "t1": (12, 30)}, "t1"),
    ],
)
def test_the_volume_that_shows_most(
    slices: dict[str, tuple[int, int]], expected: str, small_grid: Geometry, small_arrays: Arrays
) -> None:
    volumes = {modality: part(small_grid, small_arrays[modality], *ends) for modality, ends in slices.items()}
    study = Study.read(**volumes)
    assert study.reference_modality == expected
    assert study.reference == Geometry.of_image(volumes[expected])
    first = next(modality for modality in ("t1c", "flair", "t2", "t1") if modality in volumes)
    told = [
        note for note in study.notes if note.startswith(f"the results lie on the grid of {expected}: {first} shows")
    ]
    assert bool(told) == (first != expected)
    chosen = Study.read(**volumes, reference=first)
    assert chosen.reference == Geometry.of_image(volumes[first]) and chosen.reference_modality == first
    assert not any("the results lie" in note for note in chosen.notes)


def test_one_grid_is_that_of_t1c(small_study: Study, small_grid: Geometry, small_arrays: Arrays) -> None:
    assert small_study.reference_modality == "t1c"
    volumes = {modality: small_grid.to_image(small_arrays[modality]) for modality in ("t1", "t2", "flair")}
    study = Study.read(**volumes)
    assert study.reference_modality == "flair" and study.notes == ()
    assert Study.read(**volumes, reference=small_grid.to_image(small_arrays["t1c"])).reference_modality is None


def test_a_neck_is_of_no_account() -> None:
    """A sagittal T1c that ends below the skull base is no worse than a FLAIR with the neck."""
    grid = Geometry((30, 30, 60), (6.0, 6.0, 5.0), (-87.0, -87.0, -200.0), ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)))
    k, j, i = np.indices(grid.shape)
    r, a, s = np.moveaxis(grid.to_ras(np.stack([i, j, k], -1)), -1, 0)
    skin = ((r / 75) ** 2 + (a / 80) ** 2 + (s / 90) ** 2 < 1) | ((s < 0) & (s > -195) & (r**2 + a**2 < 60**2))
    noise = np.abs(np.random.default_rng(0).normal(0, 10, grid.shape))
    values = (noise + np.where(skin, 300, 0)).astype(np.float32)
    study = Study.read(t1c=part(grid, values, 26, 60), flair=grid.to_image(values + 1), skull="off")
    assert study.reference_modality == "t1c"
    study = Study.read(t1c=part(grid, values, 45, 60), flair=grid.to_image(values + 1), skull="off")
    assert study.reference_modality == "flair"


def test_a_reference_that_is_not_there(small_grid: Geometry, small_arrays: Arrays) -> None:
    with pytest.raises(StudyError, match="Unknown reference 'flair'"):
        Study.read(t1=small_grid.to_image(small_arrays["t1"]), reference="flair")
