"""Rigid registration of volumes of a head that moved, and the overlap that it needs."""

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from GliomaSAMLib.demo import make_phantom
from GliomaSAMLib.errors import Cancelled, StudyError
from GliomaSAMLib.geometry import Geometry, resample
from GliomaSAMLib.progress import Reporter
from GliomaSAMLib.regions import dice
from GliomaSAMLib.study import Study, registration
from GliomaSAMLib.study.registration import Motion, motion_note, register
from GliomaSAMLib.study.volume import Volume

Arrays = dict[str, np.ndarray]
TURN, SHIFT = 8.0, (7.0, -5.0, 4.0)


@pytest.fixture(scope="module")
def textured(small_grid: Geometry) -> np.ndarray:
    """A brain with structure of about a centimetre, float32 (K, J, I)."""
    k, j, i = np.indices(small_grid.shape)
    ras = small_grid.to_ras(np.stack([i, j, k], -1))
    structure = ndimage.gaussian_filter(np.random.default_rng(3).normal(0, 1, small_grid.shape), 2.5)
    values = 500 + 150 * structure / structure.std()
    return np.where(((ras / (30.0, 37.0, 28.0)) ** 2).sum(-1) < 1, np.maximum(values, 20), 0).astype(np.float32)


def moved(grid: Geometry, values: np.ndarray) -> tuple[sitk.Image, sitk.Euler3DTransform]:
    """The head after it turned and moved, in another contrast, and where each point went (LPS)."""
    motion = sitk.Euler3DTransform((0, 0, 0), np.radians(TURN), 0.0, 0.0, SHIFT)
    there = resample(grid.to_image(values), grid, transform=motion.GetInverse())
    return grid.to_image(np.where(there > 10, 1200 - there, 0).astype(np.int16)), motion


def test_motion_is_found(small_grid: Geometry, textured: np.ndarray) -> None:
    image, motion = moved(small_grid, textured)
    found = register(Volume("t1", "a", small_grid.to_image(textured)), Volume("t2", "b", image), Reporter())
    assert found.rotation_degrees == pytest.approx(TURN, abs=1.5)
    assert found.translation_mm == pytest.approx(np.linalg.norm(SHIFT), abs=1.5)
    for point in [(0, 0, 0), (20, 10, -10), (-15, 20, 15)]:
        error = np.subtract(found.transform.TransformPoint(point), motion.TransformPoint(point))
        assert np.linalg.norm(error) < 1.5


def test_study_uses_and_notes_the_motion(small_grid: Geometry, textured: np.ndarray) -> None:
    image, _ = moved(small_grid, textured)
    study = Study.read(t1c=small_grid.to_image(textured), t2=image, register=True)
    note = next(note for note in study.notes if "aligned" in note)
    assert (
        matched := re.search(
            r"t2 aligned with t1c: the head had moved by ([\d.]+) mm and turned by ([\d.]+) degrees", note
        )
    )
    assert float(matched[1]) == pytest.approx(9.5, abs=1.5)
    images, brain = study.canonical.images, ndimage.binary_erosion(study.canonical.brain, iterations=8)
    assert np.corrcoef(images["t1c"][brain], images["t2"][brain])[0, 1] < -0.9
    apart = Study.read(t1c=small_grid.to_image(textured), t2=image).canonical
    brain = ndimage.binary_erosion(apart.brain, iterations=8)
    assert np.corrcoef(apart.images["t1c"][brain], apart.images["t2"][brain])[0, 1] > -0.6


def test_volumes_far_apart_in_the_scanner_are_brought_together(small_grid: Geometry, textured: np.ndarray) -> None:
    far = Geometry(small_grid.size, small_grid.spacing, (439.0, 47.0, -39.0), small_grid.direction)
    study = Study.read(t1=small_grid.to_image(textured), t2=far.to_image(textured), register=True)
    brain = study.canonical.brain
    assert np.corrcoef(study.canonical.images["t1"][brain], study.canonical.images["t2"][brain])[0, 1] > 0.95


def test_same_input_same_motion(small_grid: Geometry, textured: np.ndarray) -> None:
    image, _ = moved(small_grid, textured)
    fixed, moving = Volume("t1", "a", small_grid.to_image(textured)), Volume("t2", "b", image)
    one, two = (register(fixed, moving, Reporter()).transform.TransformPoint((20, 10, -10)) for _ in range(2))
    assert np.allclose(one, two, atol=0.05)


@pytest.mark.parametrize("after", [3, 15])
def test_one_yes_to_cancel_stops_at_once(after: int, small_grid: Geometry, textured: np.ndarray) -> None:
    image, _ = moved(small_grid, textured)
    asked: list[bool] = []

    def cancel() -> bool:
        asked.append(len(asked) + 1 == after)  # once only
        return asked[-1]

    with pytest.raises(Cancelled):
        register(Volume("t1", "a", small_grid.to_image(textured)), Volume("t2", "b", image), Reporter(None, cancel))
    assert len(asked) == after, "it went on after a yes"


def test_failing_progress_is_not_swallowed(small_grid: Geometry, textured: np.ndarray) -> None:
    def progress(fraction: float, message: str) -> None:
        if fraction > 0:
            raise KeyError("panel is gone")

    volume = Volume("t1", "a", small_grid.to_image(textured))
    with pytest.raises(KeyError):
        register(volume, volume, Reporter(progress))


def slab(grid: Geometry, values: np.ndarray, first: int, stop: int) -> sitk.Image:
    """Axial slices `first` to `stop` of a volume."""
    return grid.crop((first, 0, 0), (stop - first, *grid.shape[1:])).to_image(values[first:stop])


@pytest.mark.parametrize(("first", "stop"), [(16, 24), (22, 30)])
@pytest.mark.parametrize("turned_round", [False, True], ids=["slab moves", "slab is fixed"])
def test_a_slab_that_did_not_move_stays(
    first: int, stop: int, turned_round: bool, small_grid: Geometry, textured: np.ndarray
) -> None:
    whole = Volume("t1", "a", small_grid.to_image(textured))
    part = Volume("t2", "b", slab(small_grid, np.where(textured > 10, 1200 - textured, 0), first, stop))
    assert part.is_slab and not whole.is_slab
    found = register(part, whole, Reporter()) if turned_round else register(whole, part, Reporter())
    for point in [(0, 0, 0), (20, 10, -10)]:
        assert np.linalg.norm(np.subtract(found.transform.TransformPoint(point), point)) < 1.0
    assert found.kept == ("stays where the scanner put it" in motion_note(part, whole, found))


def test_a_slab_that_moved(small_grid: Geometry, textured: np.ndarray) -> None:
    motion = sitk.Euler3DTransform((0, 0, 0), np.radians(4.0), 0.0, np.radians(-3.0), (3.0, -2.0, 2.0))
    there = resample(small_grid.to_image(textured), small_grid, transform=motion.GetInverse())
    part = Volume("t2", "b", slab(small_grid, np.where(there > 10, 1200 - there, 0), 14, 26))
    whole = Volume("t1", "a", small_grid.to_image(textured))
    found = register(whole, part, Reporter())
    for point in [(0, 0, 0), (20, 10, -5), (-15, 20, 5)]:
        error = np.subtract(found.transform.TransformPoint(point), motion.TransformPoint(point))
        assert np.linalg.norm(error) < 2.0
    assert not found.kept and found.information_after > found.information_before
    assert "one of them is a slab" in motion_note(part, whole, found)


@pytest.mark.parametrize("by", [(400.0, 0.0, 0.0), (0.0, 0.0, 70.0)])
def test_a_slab_elsewhere_is_refused(by: tuple[float, ...], small_grid: Geometry, textured: np.ndarray) -> None:
    """The middle of a slab says nothing of where the head is: what the scanner does not say is not guessed."""
    part = slab(moved_apart(small_grid, *by), textured, 16, 24)
    with pytest.raises(StudyError, match=r"t2 .* cannot be aligned with t1 .*check that both are of this patient"):
        Study.read(t1=small_grid.to_image(textured), t2=part, register=True)


@pytest.mark.parametrize("degrees", [33.0, 42.0])
def test_a_head_that_lay_obliquely_is_found(degrees: float, small_grid: Geometry, textured: np.ndarray) -> None:
    motion = sitk.Euler3DTransform((0, 0, 0), np.radians(degrees), 0.0, 0.0, (3.0, 2.0, -4.0))
    there = resample(small_grid.to_image(textured), small_grid, transform=motion.GetInverse())
    tilted = Volume("t2", "b", small_grid.to_image(np.where(there > 10, 1200 - there, 0)))
    found = register(Volume("t1", "a", small_grid.to_image(textured)), tilted, Reporter())
    assert found.rotation_degrees == pytest.approx(degrees, abs=2.0)
    assert (
        np.linalg.norm(np.subtract(found.transform.TransformPoint((10, 15, 5)), motion.TransformPoint((10, 15, 5)))) < 2
    )


@pytest.mark.parametrize("degrees", [(30, 0, 0), (0, 35, 30), (45, 20, 40)])
def test_oblique_slices_of_the_same_head_pass(
    degrees: tuple[float, ...], small_grid: Geometry, small_arrays: Arrays
) -> None:
    """The head has not moved, only the slices lie obliquely: the box of an oblique grid is no sign of another head."""
    turn = sitk.Euler3DTransform((0, 0, 0), *np.radians(degrees).tolist())
    axes = np.reshape(turn.GetMatrix(), (3, 3)) @ np.diag([-1.0, -1.0, 1.0])
    size = (60, 60, 60)
    oblique = Geometry(size, (2.0, 2.0, 2.0), tuple(axes @ np.full(3, -59.0)), tuple(map(tuple, axes)))  # type: ignore[arg-type]
    there = oblique.to_image(resample(small_grid.to_image(small_arrays["t2"].astype(np.float32)), oblique))
    study = Study.read(t1=small_grid.to_image(small_arrays["t1"]), t2=there)
    assert study.modalities == ("t1", "t2")
    assert not any("shows only" in note for note in study.notes)


@pytest.mark.parametrize(
    ("motion", "overlap", "said"),
    [((5.0, 80.0), 1.0, "turned by 80"), ((120.0, 3.0), 1.0, "moved by 120 mm"), ((5.0, 5.0), 0.3, "only 30 %")],
)
def test_motions_that_no_head_makes(
    motion: tuple[float, float], overlap: float, said: str, small_grid: Geometry, textured: np.ndarray
) -> None:
    one = Volume("t1", "a", small_grid.to_image(textured))
    found = Motion(sitk.Transform(), *motion, 0.1, 0.2, False)
    with pytest.raises(StudyError, match=said):
        registration._check_motion(one, one, found, overlap, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("thickness", [20, 40, 60, 80])
def test_a_slab_of_the_phantom_stays(thickness: int) -> None:
    phantom = make_phantom()
    flair = phantom.images["flair"]
    index = np.argwhere(sitk.GetArrayFromImage(phantom.truth) > 0).mean(0)[::-1]
    tumour = flair.TransformContinuousIndexToPhysicalPoint(index.tolist())
    origin = (*flair.GetOrigin()[:2], tumour[2] - thickness / 2)
    size, spacing = (240, 240, thickness // 5), (1.0, 1.0, 5.0)
    part = sitk.Resample(
        flair, size, sitk.Transform(), sitk.sitkLinear, origin, spacing, flair.GetDirection(), 0.0, flair.GetPixelID()
    )
    fixed, moving = (Volume(m, m, image) for m, image in (("t1c", phantom.images["t1c"]), ("flair", part)))
    found = register(fixed, moving, Reporter()).transform.TransformPoint(tumour)
    assert np.linalg.norm(np.subtract(found, tumour)) < 1.5


@pytest.mark.slow
def test_native_case_with_the_skull_on(shared_data: Path) -> None:
    """Three oblique grids of 5.5 mm, the head moved between scans: ventricles and lesion come to lie on each other."""
    folder = shared_data / "odd" / "tcga_fg_6692_native"
    study = Study.read_folder(folder, register=True)
    motions = [float(value) for note in study.notes for value in re.findall(r"moved by ([\d.]+) mm", note)]
    assert len(motions) == 3 and max(motions) > 8
    assert 1400 < np.count_nonzero(study.canonical.brain) / 1000 < 1800
    images, geometry = study.canonical.images, study.canonical.geometry
    dark = {
        m: (images[m] < np.percentile(images[m][study.canonical.brain], 6)) & study.canonical.brain
        for m in ("t1", "t1c", "flair")
    }
    i, j, k = np.rint(geometry.to_ijk(study.reference.to_ras(np.array([89, 141, 18])))).astype(int)
    near = images["flair"][k - 8 : k + 9, j - 8 : j + 9, i - 8 : i + 9]
    assert near.mean() > np.median(images["flair"][study.canonical.brain]) + 0.15
    assert dice(dark["t1"], dark["t1c"]) > 0.5


def moved_apart(grid: Geometry, *by: float, scale: float = 1.0) -> Geometry:
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
    other = moved_apart(small_grid, *by, scale=scale)
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
    other = moved_apart(small_grid, *by)
    study = Study.read(t1=small_grid.to_image(small_arrays["t1"]), t2=other.to_image(small_arrays["t2"]))
    assert study.modalities == ("t1", "t2")


def test_a_slab_of_the_same_head_passes(small_grid: Geometry, small_arrays: Arrays) -> None:
    slab = small_grid.crop((16, 0, 0), (8, 48, 40))
    study = Study.read(t1=small_grid.to_image(small_arrays["t1"]), t2=slab.to_image(small_arrays["t2"][16:24]))
    assert study.modalities == ("t1", "t2")
