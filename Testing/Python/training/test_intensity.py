from dataclasses import replace

import numpy as np
import pytest
import torch

from GliomaSAMLib.training.intensity import HIGHEST, IntensityConfig, change_intensity

NOTHING = IntensityConfig(share=0.0, low_resolution=0.0)
ALWAYS = IntensityConfig(share=1.0, low_resolution=0.0, gamma=(1, 1), brightness=(0, 0), offset=0, field=0, noise=0)
"""Every change comes (field and noise now and then), but is none."""


@pytest.fixture
def images() -> torch.Tensor:
    """Three modalities, even but for air on one side, and darker towards the other end of each axis."""
    images = torch.full((3, 12, 16, 20), 0.5)
    images[:, :, :, 10:] = 0.25
    images[:, :, :, :3] = 0
    return images


def change(images: torch.Tensor, config: IntensityConfig, seed: int = 0) -> torch.Tensor:
    return change_intensity(images, config, np.random.default_rng(seed))


def test_the_same_state_gives_the_same_change(images: torch.Tensor) -> None:
    config = IntensityConfig(share=0.9, low_resolution=0.5)
    first, again, other = (change(images, config, seed) for seed in (1, 1, 2))
    assert type(first) is torch.Tensor and first.dtype == torch.float32 and first.shape == images.shape
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])  # modalities are changed each in its own way


def test_nothing_is_changed_when_nothing_is_asked_for(images: torch.Tensor) -> None:
    assert torch.equal(change(images, NOTHING), images)
    assert torch.allclose(change(images, ALWAYS), images, atol=1e-6)


def test_air_stays_air_and_values_stay_in_range(images: torch.Tensor) -> None:
    strong = IntensityConfig(1.0, 0.5, gamma=(0.5, 2), brightness=(-0.9, 2), offset=0.5, field=0.5, noise=0.5)
    for seed in range(10):
        changed = change(images, strong, seed)
        assert torch.isfinite(changed).all() and changed.min() >= 0 and changed.max() <= HIGHEST
        assert not changed[images == 0].any()


@pytest.mark.parametrize("seed", range(4))
def test_gamma_keeps_the_ends_and_bends_between(seed: int, images: torch.Tensor) -> None:
    bent = change(images, replace(ALWAYS, gamma=(2.0, 2.0)), seed)
    assert torch.allclose(bent[images == 0.5], torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(bent[images == 0.25], torch.tensor(0.125), atol=1e-5)


def test_brightness_and_offset(images: torch.Tensor) -> None:
    brighter = change(images, replace(ALWAYS, brightness=(0.2, 0.2)))
    assert torch.allclose(brighter, images * 1.2, atol=1e-5)
    found = [float((change(images, replace(ALWAYS, offset=0.1), seed) - images)[0, 0, 0, 5]) for seed in range(12)]
    assert -0.1 <= min(found) < -0.03 and 0.03 < max(found) <= 0.1


def test_a_field_is_smooth_and_noise_is_not(images: torch.Tensor) -> None:
    even = torch.full_like(images, 0.5)
    fields = changed_ones([change(even, replace(ALWAYS, field=0.1), seed)[0] for seed in range(10)])
    noises = changed_ones([change(even, replace(ALWAYS, noise=0.1), seed)[0] for seed in range(10)])
    assert 0 < len(fields) < 10 and 0 < len(noises) < 10
    assert all(one.diff(dim=2).std() < 0.5 * one.std() for one in fields)
    assert all(one.diff(dim=2).std() > one.std() and one.std() < 0.11 for one in noises)


def changed_ones(images: list[torch.Tensor]) -> list[torch.Tensor]:
    return [image for image in images if image.std() > 1e-5]


def test_thick_slices_blur_one_axis_of_all_modalities() -> None:
    noise = torch.rand(2, 24, 24, 24, generator=torch.Generator().manual_seed(0)) + 0.1
    config = replace(NOTHING, low_resolution=1.0, thickness=(4, 4))
    blurred = set()
    for seed in range(8):
        changed = change(noise, config, seed)
        rough = [[float(one.diff(dim=axis).std()) for axis in range(3)] for one in changed]
        axis = int(np.argmin(rough[0]))
        assert axis == int(np.argmin(rough[1]))
        assert rough[0][axis] < 0.5 * min(rough[0][other] for other in range(3) if other != axis)
        blurred.add(axis)
    assert blurred == {0, 1, 2}
