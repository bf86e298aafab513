import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from GliomaSAMLib.evaluation.metrics import HD95_OF_EMPTY, area_under_curve, prompts_to_reach, surface_agreement


def blob(seed: int) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(24, 30, 26)), 3)
    return (noise > np.quantile(noise, 0.85)).astype(np.uint8)


def test_empty_masks_follow_the_brats_convention():
    empty, full = np.zeros((5, 5, 5), np.uint8), np.ones((5, 5, 5), np.uint8)
    both = surface_agreement(empty, empty, (1, 1, 1))
    assert (both.hd95, both.nsd1, both.nsd2) == (0.0, 1.0, 1.0)
    one = surface_agreement(empty, full, (1, 1, 1))
    assert (one.hd95, one.nsd1, one.nsd2) == (HD95_OF_EMPTY, 0.0, 0.0)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 1.0, 0.8)])
def test_surface_agreement_is_that_of_monai(spacing):
    prediction, truth = blob(1), blob(2)
    ours = surface_agreement(prediction, truth, spacing)
    tensors = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    hd95 = compute_hausdorff_distance(*tensors, include_background=True, percentile=95, spacing=list(spacing))
    assert ours.hd95 == pytest.approx(float(hd95), abs=1e-4)
    for tolerance, value in ((1.0, ours.nsd1), (2.0, ours.nsd2)):
        nsd = compute_surface_dice(*tensors, [tolerance], include_background=True, spacing=list(spacing))
        assert value == pytest.approx(float(nsd), abs=1e-4)


def test_a_shifted_mask_is_as_far_as_it_was_shifted():
    truth = np.zeros((10, 20, 20), np.uint8)
    truth[3:7, 5:12, 5:12] = 1
    shifted = np.roll(truth, 3, axis=2)
    assert surface_agreement(shifted, truth, (1.0, 1.0, 2.0)).hd95 == pytest.approx(6.0)


def test_masks_at_the_edge_of_the_volume_have_an_edge_there():
    full = np.ones((6, 6, 6), np.uint8)
    assert surface_agreement(full, full, (1, 1, 1)).nsd1 == 1.0


def test_curves():
    assert prompts_to_reach([0.2, 0.86, 0.84, 0.91], 0.85) == 1
    assert prompts_to_reach([0.2, 0.86], 0.9) is None
    assert area_under_curve([0.0, 1.0, 1.0]) == pytest.approx(0.75)
    assert area_under_curve([0.7]) == pytest.approx(0.7)
