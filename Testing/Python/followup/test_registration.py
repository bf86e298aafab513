"""How a moved head is found again, whatever its tumour did."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from heads import GRID, head, moved

from GliomaSAMLib.errors import Cancelled, StudyError
from GliomaSAMLib.followup.lesions import VisitMasks
from GliomaSAMLib.followup.registration import _head, _head_dice, align, alignment_notes, carried, common_modality
from GliomaSAMLib.followup.visit import Alignment
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.progress import Reporter
from GliomaSAMLib.study import Study


def study(arrays: dict[str, np.ndarray], *names: str) -> Study:
    return Study.read(**{name: GRID.to_image(arrays[name]) for name in names or ("t1c",)}, skull="off")


def masks(arrays: dict[str, np.ndarray]) -> VisitMasks:
    seg = arrays["seg"]
    return VisitMasks(GRID, *((np.isin(seg, labels)).astype(np.uint8) for labels in ((1, 2, 3), (1, 3), (3,))))


@cache
def first() -> dict[str, np.ndarray]:
    return head()


def worst(found: np.ndarray, true: np.ndarray, points: np.ndarray) -> float:
    """The largest distance in mm between where points (N, 3), RAS mm, are taken and where they are."""
    return float(np.linalg.norm(points @ (found - true)[:3, :3].T + (found - true)[:3, 3], axis=1).max())


def places(array: np.ndarray) -> np.ndarray:
    return GRID.to_ras(np.argwhere(array)[:, ::-1])


@pytest.mark.parametrize(("degrees", "shift"), [((0, 0, 0), (0, 0, 0)), ((6, -8, 10), (12, -9, 14))])
def test_the_motion_is_found_though_the_tumour_has_grown(degrees: tuple[float, ...], shift: tuple[float, ...]) -> None:
    grown, true = moved(head(tumour_mm=22.0), degrees, shift)
    found = align(study(first()), study(grown), masks(first()), masks(grown))
    assert worst(found.to_first, true, places(grown["seg"])) < 1.0
    assert worst(found.to_first, true, places(grown["t1c"])[::17]) < 2.0
    assert found.method == "rigid" and found.modality == "t1c"
    assert found.translation_mm == pytest.approx(np.linalg.norm(shift), abs=1.0)
    turn = np.degrees(np.arccos((np.trace(true[:3, :3]) - 1) / 2))
    assert found.rotation_degrees == pytest.approx(turn, abs=0.7)
    assert found.head_dice is not None and found.head_dice > 0.93


def test_twice_the_same_is_the_same_bit_for_bit() -> None:
    other, _ = moved(first(), (5, 3, -4), (5, 5, 5))
    here, there = study(first()), study(other)
    one, again = (align(here, there, masks(first()), None) for _ in range(2))
    assert np.array_equal(one.to_first, again.to_first)


@pytest.mark.slow
@pytest.mark.parametrize(("degrees", "shift"), [((10, -10, 10), (20, -20, 20)), ((0, 10, 0), (-20, 0, 0))])
def test_the_phantom_is_aligned_within_a_millimetre(degrees: tuple[float, ...], shift: tuple[float, ...]) -> None:
    from GliomaSAMLib.demo.phantom import GliomaShape, PhantomOptions, make_phantom

    before = make_phantom(PhantomOptions(shape=GliomaShape(radius=14.0, oedema_ml=30.0, push=4.0)))
    after = make_phantom(PhantomOptions(shape=GliomaShape(radius=19.0, oedema_ml=50.0, push=6.0)))
    turn = sitk.Euler3DTransform()
    turn.SetCenter((0.0, 15.0, 5.0))
    turn.SetRotation(*np.radians(degrees).tolist())
    turn.SetTranslation(shift)

    def seen(image: sitk.Image, how: int = sitk.sitkLinear) -> sitk.Image:
        return sitk.Resample(image, image, turn.GetInverse(), how, 0.0)

    here = Study.read(t1c=before.images["t1c"], skull="off")
    there = Study.read(t1c=seen(after.images["t1c"]), skull="off")

    def outlines(labels: sitk.Image) -> VisitMasks:
        array = sitk.GetArrayFromImage(labels)
        return VisitMasks(Geometry.of_image(labels), *((np.isin(array, kinds)).astype(np.uint8) for kinds in
                          ((1, 2, 3), (1, 3), (3,))))  # fmt: skip

    first_masks, masks_now = outlines(before.truth), outlines(seen(after.truth, sitk.sitkNearestNeighbor))
    found = align(here, there, first_masks, masks_now)
    for inside, most in ((masks_now.wt, 1.0), (there.brain, 2.0)):
        points = there.reference.to_ras(np.argwhere(inside)[::31, ::-1])
        true = np.array([turn.GetInverse().TransformPoint((-r, -a, s)) for r, a, s in points.tolist()]) * (-1, -1, 1)
        off = np.linalg.norm(points @ found.to_first[:3, :3].T + found.to_first[:3, 3] - true, axis=1)
        assert off.max() < most


def test_masks_are_carried_where_the_head_is_now() -> None:
    other, true = moved(first(), (5, 3, -4), (5, 5, 5))
    brought = carried(masks(first()), GRID, np.eye(4), true)
    expected = other["seg"] > 0
    overlap = 2 * np.count_nonzero(brought["WT"] & expected) / (brought["WT"].sum() + expected.sum())
    assert overlap > 0.97 and set(brought) == {"WT", "TC", "ET"}
    back = carried(VisitMasks(GRID, brought["WT"], brought["TC"], brought["ET"]), GRID, true, np.eye(4))
    whole = replace(masks(first()), known=("WT",))
    assert set(carried(whole, GRID, np.eye(4), true)) == {"WT"}, "an empty mask of what is not told says nothing"
    start = first()["seg"] > 0
    assert 2 * np.count_nonzero(back["WT"] & start) / (back["WT"].sum() + start.sum()) > 0.9


def test_the_first_modality_of_both_is_compared() -> None:
    assert common_modality(study(first(), "t1c", "flair"), study(first(), "flair")) == "flair"
    assert common_modality(study(first()), study(first())) == "t1c"


def test_no_modality_in_common() -> None:
    with pytest.raises(StudyError, match=r"The visit B has no modality in common.*flair and t1c.*--registered"):
        align(study(first(), "t1c"), study(first(), "flair"), name="The visit B")


def test_another_head_is_refused() -> None:
    other = {"t1c": np.zeros(GRID.shape, np.float32)}
    other["t1c"][10:20, 10:20, 10:20] = 100.0 + np.arange(10)
    with pytest.raises(StudyError, match=r"The visit B cannot be aligned.*one patient|another patient"):
        align(study(first()), study(other, "t1c"), name="The visit B")


def test_heads_that_are_not_seen_together_share_nothing() -> None:
    here = _head(study(first()), study(first()).volume("t1c"), None, False)
    away = sitk.TranslationTransform(3, (0.0, 0.0, 1000.0))
    assert _head_dice(here, here, sitk.Transform(3, sitk.sitkIdentity)) == 1.0
    assert _head_dice(here, here, away) == 0.0


def test_doubts_are_said() -> None:
    assert alignment_notes(Alignment("rigid", head_dice=0.95, rotation_degrees=29.0)) == []
    assert "share only 0.84" in alignment_notes(Alignment("rigid", head_dice=0.84))[0]
    assert "turned by 31 degrees" in alignment_notes(Alignment("rigid", head_dice=0.9, rotation_degrees=31.0))[0]
    assert alignment_notes(Alignment("identity")) == []


def test_it_can_be_stopped() -> None:
    asked = iter([False] * 3 + [True] * 1000)
    with pytest.raises(Cancelled):
        align(study(first()), study(first()), report=Reporter(None, lambda: next(asked)))
