"""Validation: Dice after clicks, and what clicks mend and break."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from GliomaSAMLib.models.device import no_progress
from GliomaSAMLib.models.prompt_maps import PROMPT_CHANNELS
from GliomaSAMLib.models.registry import VolumeDecoder
from GliomaSAMLib.training.card import result_table
from GliomaSAMLib.training.features import CaseFeatures
from GliomaSAMLib.training.validate import EFFECT_WEIGHT, ClickEffect, click_effect, score, validate

CPU = torch.device("cpu")

REGIONS = ("WT", "TC", "ET")


class Painter(VolumeDecoder):
    """Marks the cube of `width` cells round each positive click, and one beside it for each of `spill` clicks."""

    def __init__(self, width: int = 9, spill: bool = False) -> None:
        super().__init__()
        self.width = width
        self.spill = spill
        self.previous: list[float] = []

    def encode(self, images, present, embeddings=None, progress_callback=no_progress):  # type: ignore[no-untyped-def]
        return [images]

    def decode(self, features, maps, prompts=None):  # type: ignore[no-untyped-def]
        self.previous.append(float(maps[0, PROMPT_CHANNELS].max()))
        spot = (maps[:, :3] > 0.99).float()
        grown = torch.nn.functional.max_pool3d(spot, self.width, stride=1, padding=self.width // 2)
        if self.spill:
            grown = torch.maximum(grown, grown.roll(12, dims=4))
        return torch.nn.functional.interpolate(grown, scale_factor=2.0) - 0.5


@pytest.fixture
def cube() -> CaseFeatures:
    regions = np.zeros((48, 48, 48), np.uint8)
    regions[10:28, 10:28, 10:28] = 3
    return CaseFeatures("cube", np.zeros((4, 48, 48, 48), np.uint8), np.ones(4, bool), regions, (48, 48, 48), None)


def test_validation_clicks_the_middle_of_the_error(cube: CaseFeatures) -> None:
    measured = validate(Painter().eval(), [cube], CPU)
    assert [measured[f"{region}0"] for region in REGIONS] == [0, 0, 0]
    assert [measured[f"{region}1"] for region in REGIONS] == [1, 1, 1]
    counts = {f"{region}{count}" for region in REGIONS for count in range(6)}
    assert set(measured) == counts | {"mended", "broken", "lowered"}
    assert (measured["mended"], measured["broken"], measured["lowered"]) == (1, 0, 0)


def test_each_case_is_validated_on_what_its_label_tells(cube: CaseFeatures) -> None:
    core, whole = replace(cube, known=("WT", "TC")), replace(cube, regions=cube.regions // 3, known=("WT",))
    measured = validate(Painter().eval(), [core, whole], CPU, clicks=1)
    assert {name for name in measured if name[:2] in REGIONS} == {"WT0", "WT1", "TC0", "TC1"}
    assert (measured["WT1"], measured["TC1"], score(measured)) == (1, 1, pytest.approx(0.5 + EFFECT_WEIGHT))
    assert [line[:4] for line in result_table(measured).splitlines()[2:]] == ["| WT", "| TC"]


def test_validation_tells_what_clicks_mend_and_break(cube: CaseFeatures) -> None:
    spilling = validate(Painter(spill=True).eval(), [cube], CPU, clicks=1)
    assert spilling["mended"] == 1 and spilling["broken"] == pytest.approx(1, abs=0.35) and not spilling["lowered"]
    timid = validate(Painter(width=3).eval(), [cube], CPU, clicks=1)
    # 27 cells of those of the cube that lie within 10 mm
    near = sum(i * i + j * j + k * k <= 25 for i in range(-4, 5) for j in range(-4, 5) for k in range(-4, 5))
    assert timid["mended"] == pytest.approx(27 / near) and timid["broken"] == 0


class Forgetful(Painter):
    """Paints after the first click, and takes all back after the second."""

    def decode(self, features, maps, prompts=None):  # type: ignore[no-untyped-def]
        return super().decode(features, maps * (len(prompts[0].points) < 2), prompts)


def test_validation_counts_clicks_that_lower_dice(cube: CaseFeatures) -> None:
    measured = validate(Forgetful(width=5).eval(), [cube], CPU, clicks=2)
    assert measured["WT2"] == 0 < measured["WT1"] and measured["lowered"] == 0.5


@pytest.mark.parametrize(("previous", "expected"), [("proposal", [0, -1, -1]), ("answer", [0, -1, 1])])
def test_validation_tells_the_network_what_it_was_trained_with(
    previous: str, expected: list[int], cube: CaseFeatures
) -> None:
    painter = Painter(width=5).eval()
    validate(painter, [cube], CPU, previous=previous, clicks=2)  # type: ignore[arg-type]
    assert np.sign(painter.previous[:3]).tolist() == expected  # the proposal is empty, the first answer is not


def test_validation_stops_when_asked(cube: CaseFeatures) -> None:
    calls: list[int] = []

    def cancel() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        validate(Painter().eval(), [cube], CPU, cancel)


def test_the_score_is_dice_and_a_little_of_what_clicks_do() -> None:
    assert score({}) == -1
    assert score({"WT0": 0.5, "ET3": 0.7}) == pytest.approx(0.6)
    measured = {"WT0": 0.5, "ET3": 0.7, "mended": 0.6, "broken": 0.4, "lowered": 0.1}
    assert score(measured) == pytest.approx(0.6 + 0.05 * (0.6 - 0.4 - 0.1))
    for better in ({"mended": 0.7}, {"broken": 0.3}, {"lowered": 0.0}, {"WT0": 0.51}):
        assert score(measured | better) > score(measured)
    assert score(measured | {"broken": 900.0}) == pytest.approx(score(measured | {"broken": 1.0}))


ISOTROPIC = (1.0, 1.0, 1.0)


@pytest.fixture
def truth() -> np.ndarray:
    """A bar of 1 x 1 x 30 voxels beside a spot of two."""
    mask = np.zeros((5, 5, 40), np.uint8)
    mask[2, 2, 2:32] = 1
    mask[0, 0, 38:40] = 1
    return mask


def test_only_the_clicked_error_within_ten_millimetres_counts(truth):
    before = np.zeros_like(truth)
    after = before.copy()
    after[2, 2, 2:9] = 1  # the click is at 12: of 2 to 22 near it, 2 to 8 are mended
    after[0, 0, 38] = 1  # another error
    assert click_effect(before, after, truth, (2, 2, 12), ISOTROPIC) == ClickEffect(21, 7, 8, 0)


def test_the_clicked_error_is_the_largest_connected_one(truth):
    before = truth.copy()
    before[2, 2, 10:13] = 0  # the largest error
    before[2, 2, 15:17] = 0  # near the click, but apart from it
    after = before.copy()
    after[2, 2, 15:17] = 1
    effect = click_effect(before, after, truth, (2, 2, 11), ISOTROPIC)
    assert (effect.near, effect.near_mended, effect.mended) == (3, 0, 2)
    before[2, 2, 13:15] = 0  # now they touch
    assert click_effect(before, after, truth, (2, 2, 11), ISOTROPIC).near_mended == 4


def test_corners_connect():
    truth = np.zeros((6, 6, 6), np.uint8)
    truth[0, 0, 0] = truth[1, 1, 1] = truth[2, 2, 2] = 1
    effect = click_effect(np.zeros_like(truth), truth, truth, (1, 1, 1), ISOTROPIC)
    assert (effect.near, effect.mended_share) == (3, 1.0)


def test_broken_and_mended_are_counted_anywhere_in_both_directions(truth):
    before = truth.copy()
    before[4, 4, 0:6] = 1  # too much: the click is negative
    after = truth.copy()
    after[4, 4, 0:2] = 1  # four of the six went
    after[0, 0, 39] = 0  # a right voxel was lost
    after[4, 0, 39] = 1  # and one was added where nothing is
    assert click_effect(before, after, truth, (4, 4, 3), ISOTROPIC) == ClickEffect(6, 4, 4, 2)


def test_distances_are_in_millimetres_along_the_axes_of_the_array():
    truth = np.ones((9, 9, 9), np.uint8)
    before = np.zeros_like(truth)
    column = (5.0, 100.0, 100.0)  # K, J, I: two voxels each way along K only
    assert click_effect(before, truth, truth, (4, 4, 4), column).near == 5
    assert click_effect(before, truth, truth, (4, 4, 4), (100.0, 100.0, 2.5)).near == 9
    assert click_effect(before, truth, truth, (0, 4, 4), column).near == 3  # the volume ends there


def test_the_distance_is_round_not_square():
    truth = np.ones((30, 30, 30), np.uint8)
    grid = np.indices(truth.shape) - 15
    ball = int(np.count_nonzero((grid**2).sum(axis=0) <= 100))
    assert click_effect(np.zeros_like(truth), truth, truth, (15, 15, 15), ISOTROPIC).near == ball


def test_a_box_has_no_clicked_error(truth):
    effect = click_effect(np.zeros_like(truth), truth, truth, None, ISOTROPIC)
    assert effect == ClickEffect(0, 0, 32, 0)
    assert effect.mended_share is None


def test_a_click_far_from_the_largest_error_has_no_share(truth):
    before = np.zeros_like(truth)
    assert click_effect(before, truth, truth, (0, 0, 39), (3.0, 3.0, 3.0)).mended_share is None


def test_nothing_wrong_before(truth):
    after = truth.copy()
    after[2, 2, 2] = 0
    assert click_effect(truth, after, truth, (2, 2, 2), ISOTROPIC) == ClickEffect(0, 0, 0, 1)
