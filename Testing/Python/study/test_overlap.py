import numpy as np
import pytest

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study import Geometry, Study

Arrays = dict[str, np.ndarray]


def moved(grid: Geometry, *by: float, scale: float = 1.0) -> Geometry:
    origin = tuple(scale * value + step for value, step in zip(grid.origin, by, strict=True))
    return Geometry(grid.size, tuple(scale * value for value in grid.spacing), origin, grid.direction)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("by", "scale", "said"),
    [
        ((300, 0, 0), 1.0, "do not overlap in space"),
        ((0, 0, 50), 1.0, "do not fit together"),
        ((0, 0, 0), 1.6, "do not fit together"),
    ],
)
def test_volumes_apart(
    by: tuple[float, ...], scale: float, said: str, small_grid: Geometry, small_arrays: Arrays
) -> None:
    other = moved(small_grid, *by, scale=scale)
    with pytest.raises(StudyError, match=said) as caught:
        Study.read(t1=small_grid.to_image(small_arrays["t1"]), t2=other.to_image(small_arrays["t2"]))
    assert "t1" in str(caught.value) and "t2" in str(caught.value)


def test_two_patients_on_one_grid(small_grid: Geometry, small_arrays: Arrays) -> None:
    elsewhere = np.zeros_like(small_arrays["t2"])
    elsewhere[2:14, 2:20, 2:20] = 100 + small_arrays["t2"][14:26, 14:32, 12:30]
    with pytest.raises(StudyError, match="do not fit together"):
        Study.read(t1=small_grid.to_image(small_arrays["t1"]), t2=small_grid.to_image(elsewhere))


@pytest.mark.parametrize("by", [(8, 0, 0), (0, -10, 6)])
def test_a_head_that_moved_a_little_passes(by: tuple[float, ...], small_grid: Geometry, small_arrays: Arrays) -> None:
    other = moved(small_grid, *by)
    study = Study.read(t1=small_grid.to_image(small_arrays["t1"]), t2=other.to_image(small_arrays["t2"]))
    assert study.modalities == ("t1", "t2")


def test_a_slab_of_the_same_head_passes(small_grid: Geometry, small_arrays: Arrays) -> None:
    slab = small_grid.crop((16, 0, 0), (8, 48, 40))
    study = Study.read(t1=small_grid.to_image(small_arrays["t1"]), t2=slab.to_image(small_arrays["t2"][16:24]))
    assert study.modalities == ("t1", "t2")
