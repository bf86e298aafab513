import numpy as np
import pytest

from GliomaSAMLib.study.normalise import normalise

BRAIN = np.ones((20, 20, 20), bool)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(2).normal(500, 80, BRAIN.shape).astype(np.float32)


def test_range_and_air(values: np.ndarray) -> None:
    brain = BRAIN.copy()
    brain[:5] = False
    result = normalise(values, brain)
    assert result is not None and result.dtype == np.float32
    assert result[brain].min() == 0.0 and result[brain].max() == 1.0
    assert not result[:5].any()


def test_outlier_offset_and_scale_do_no_harm(values: np.ndarray) -> None:
    plain = normalise(values, BRAIN)
    spiked = values.copy()
    spiked[3, 3, 3:6] = 32767
    assert np.abs(normalise(spiked, BRAIN) - plain)[4:].max() < 0.02
    assert np.allclose(normalise(values * 3 - 4000, BRAIN), plain, atol=1e-4)


def test_outside_the_field_of_view_is_zero_and_not_counted(values: np.ndarray) -> None:
    cut = values.copy()
    cut[10:] = np.nan
    result = normalise(cut, BRAIN)
    assert not result[10:].any()
    assert np.allclose(result[:10], normalise(values[:10], BRAIN[:10]))


def test_no_contrast_is_told() -> None:
    assert normalise(np.full(BRAIN.shape, 3, np.float32), BRAIN) is None
    assert normalise(np.full(BRAIN.shape, np.nan, np.float32), BRAIN) is None
