from dataclasses import replace

import numpy as np
import pytest
import torch

from GliomaSAMLib.training.chance import Chance
from GliomaSAMLib.training.intensity import HIGHEST, IntensityConfig, change_intensity

NOTHING = IntensityConfig(share=0.0, thick_slices=0.0)
ALWAYS = replace(NOTHING, share=1.0, gamma=0.0, brightness=(1, 1), offset=0, field=0.0, noise=0)
"""Every change comes (field, blur and noise now and then), but is none (but for the blur)."""


@pytest.fixture
def images() -> torch.Tensor:
    """Three modalities, even but for air on one side, and darker towards the other end of each axis."""
    images = torch.full((3, 12, 16, 20), 0.5)
    images[:, :, :, 10:] = 0.25
    images[:, :, :, :3] = 0
    return images


def change(images: torch.Tensor, config: IntensityConfig, seed: int = 0) -> torch.Tensor:
    return change_intensity(images, config, Chance(torch.device("cpu"), seed))


def test_the_same_state_gives_the_same_change(images: torch.Tensor) -> None:
    config = IntensityConfig(share=0.9, thick_slices=0.5)
    first, again, other = (change(images, config, seed) for seed in (1, 1, 2))
    assert type(first) is torch.Tensor and first.dtype == torch.float32 and first.shape == images.shape
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])  # modalities are changed each in its own way


def test_nothing_is_changed_when_nothing_is_asked_for(images: torch.Tensor) -> None:
    assert torch.equal(change(images, NOTHING), images)


def test_air_stays_air_and_values_stay_in_range(images: torch.Tensor) -> None:
    strong = IntensityConfig(1.0, 0.5, gamma=0.7, brightness=(0.1, 3), offset=0.5, field=0.5, noise=0.5)
    for seed in range(10):
        changed = change(images, strong, seed)
        assert torch.isfinite(changed).all() and changed.min() >= 0 and changed.max() <= HIGHEST
        assert not changed[images == 0].any()


def even_changes(images: torch.Tensor, **strength: object) -> list[torch.Tensor]:
    """What one kind of change makes of the first modality, by seed; only where it came, and nothing was blurred."""
    quiet = {"gamma": 0.0, "brightness": (1, 1), "offset": 0.0, "noise": 0.0, **strength}
    config = replace(NOTHING, share=1.0, blur=0.9, **quiet)
    return [change(images, config, seed)[0] for seed in range(20)]


def test_gamma_keeps_black_and_bends_between(images: torch.Tensor) -> None:
    exponents = set()
    for one in even_changes(torch.full_like(images, 0.5), gamma=0.5, field=0.051):
        exponents.add(round(float(one.mean().log() / np.log(0.5)), 2))
    assert len(exponents) > 10 and min(exponents) > 0.5 and max(exponents) < 1.9


def test_brightness_and_offset(images: torch.Tensor) -> None:
    even = torch.full_like(images, 0.5)
    brighter = [float(one.mean()) for one in even_changes(even, brightness=(1.2, 1.2), field=0.051)]
    assert np.mean(brighter) == pytest.approx(0.6, abs=0.03)
    moved = [float(one.mean()) - 0.5 for one in even_changes(even, offset=0.1, field=0.051)]
    assert min(moved) < -0.03 and max(moved) > 0.03 and max(map(abs, moved)) < 0.16


def test_noise_is_rough_and_a_field_is_smooth(images: torch.Tensor) -> None:
    even = torch.full_like(images, 0.5)
    noises = [one for one in even_changes(even, noise=0.1, field=0.0501) if one.diff(dim=2).std() > one.std()]
    fields = changed_ones(even_changes(even, field=0.2))
    assert 0 < len(noises) < 20 and 0 < len(fields) < 20
    assert all(one.std() < 0.12 for one in noises)
    assert all(one.diff(dim=2).std() < 0.5 * one.std() for one in fields)


def changed_ones(images: list[torch.Tensor]) -> list[torch.Tensor]:
    return [image for image in images if image.std() > 1e-5]


def test_thick_slices_blur_one_axis_of_all_modalities() -> None:
    noise = torch.rand(2, 24, 24, 24, generator=torch.Generator().manual_seed(0)) + 0.1
    config = replace(NOTHING, thick_slices=1.0, thickness=(4, 4))
    blurred = set()
    for seed in range(8):
        changed = change(noise, config, seed)
        rough = [[float(one.diff(dim=axis).std()) for axis in range(3)] for one in changed]
        axis = int(np.argmin(rough[0]))
        assert axis == int(np.argmin(rough[1]))
        assert rough[0][axis] < 0.5 * min(rough[0][other] for other in range(3) if other != axis)
        blurred.add(axis)
    assert blurred == {0, 1, 2}
