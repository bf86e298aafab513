import numpy as np
import pytest

from GliomaSAMLib.data.cases import OpenCase, find_cases, open_case
from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.evaluation.baselines import (
    GrowFromSeedsBall,
    GrowFromSeedsPlanes,
    LiteMedSAMEverySlice,
    LiteMedSAMPropagated,
)
from GliomaSAMLib.evaluation.baselines.grow_from_seeds import paint_plane
from GliomaSAMLib.evaluation.baselines.lite_medsam import StockLiteMedSAM
from GliomaSAMLib.evaluation.protocol import ProtocolOptions, run_protocol
from GliomaSAMLib.evaluation.session_method import InteractiveMethod, SegmentationMethod
from GliomaSAMLib.regions import dice


@pytest.fixture(scope="module")
def network() -> StockLiteMedSAM:
    return StockLiteMedSAM()


@pytest.mark.parametrize("method", [GrowFromSeedsBall(), GrowFromSeedsPlanes()], ids=lambda method: method.name)
def test_grow_from_seeds_finds_a_bright_tumour(first_case, method):
    pytest.importorskip("slicer_core", reason="Grow from seeds is Slicer's own filter")
    mask = method.begin(first_case, "WT")
    assert mask.dtype == np.uint8
    assert dice(mask, first_case.truth["WT"]) > 0.9


def test_clicks_on_grow_from_seeds_are_kept(first_case):
    pytest.importorskip("slicer_core", reason="Grow from seeds is Slicer's own filter")
    method = GrowFromSeedsBall()
    assert isinstance(method, InteractiveMethod)
    faint = OpenCase(first_case.name, first_case.study, {"TC": first_case.truth["WT"]})  # oedema hardly shows on T1c
    result = run_protocol(method, faint, "TC", ProtocolOptions(prompts=3))
    assert len(result.rounds) == 4
    assert all(entry.clicks_satisfied for entry in result.rounds)
    assert all(result.undo_exact)
    assert result.rounds[-1].dice > result.rounds[0].dice


def test_no_truth_no_seeds(second_case):
    pytest.importorskip("slicer_core", reason="Grow from seeds is Slicer's own filter")
    for method in (GrowFromSeedsBall(), GrowFromSeedsPlanes()):
        assert not method.begin(second_case, "ET").any()


def test_planes_keep_their_distance_from_the_border():
    truth = np.zeros((3, 21, 21), bool)
    truth[1, 5:16, 5:16] = True
    seeds = np.zeros(truth.shape, np.uint8)
    paint_plane(seeds, truth, (1, slice(None), slice(None)))
    assert not seeds[[0, 2]].any()
    assert list(seeds[1, 10]) == [2, 0, 0, 0, 0, 0, 0, *[1] * 7, 0, 0, 0, 0, 0, 0, 2]


def test_boxes_give_a_mask_on_the_slices_that_have_truth(first_case, network):
    method = LiteMedSAMEverySlice(network)
    assert isinstance(method, SegmentationMethod)
    assert not isinstance(method, InteractiveMethod)
    truth = np.zeros_like(first_case.truth["WT"])
    truth[11:13] = first_case.truth["WT"][11:13]
    case = OpenCase(first_case.name, first_case.study, {**first_case.truth, "WT": truth})
    mask = method.begin(case, "WT")
    assert dice(mask, truth) > 0.85
    assert not mask[:11].any()


@pytest.mark.slow
def test_one_box_is_carried_along_and_stops(first_case, network):
    mask = LiteMedSAMPropagated(network).begin(first_case, "WT")
    assert 8 <= np.count_nonzero(mask.any(axis=(1, 2))) < len(mask)
    assert dice(mask, first_case.truth["WT"]) > 0.6


def test_a_missing_modality_is_named(cases_folder, network):
    (case_without,) = find_cases(cases_folder, ["first"])
    case = open_case(case_without, ("flair",))
    with pytest.raises(CaseError, match="no t1c"):
        LiteMedSAMEverySlice(network).begin(case, "TC")
    with pytest.raises(CaseError, match="no t1c"):
        GrowFromSeedsPlanes().begin(case, "ET")
