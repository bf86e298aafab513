"""Changes of grey values that other scanners and protocols would make, by MONAI, from the state of one generator.

Per modality: gamma, brightness and offset (`RandAdjustContrast`, `RandScaleIntensity`, `RandShiftIntensity`), a smooth
field of polynomials (`RandBiasField`) and noise (`RandGaussianNoise`); for all modalities of a crop alike: the loss of
resolution through thick slices (`Resize` along one axis; MONAI's random low resolution blurs all axes alike).
"""

from dataclasses import dataclass

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrast,
    RandBiasField,
    RandGaussianNoise,
    RandScaleIntensity,
    RandShiftIntensity,
    Resize,
    Transform,
)

HIGHEST = 1.2
"""Brightest value that is left."""


@dataclass(frozen=True)
class IntensityConfig:
    """Strength of the changes.

    Args:
        share: Share of modalities whose contrast is changed; field and noise come with a third of that share each.
        low_resolution: Share of crops blurred along one axis, as thick slices are.
        gamma: Lowest and highest exponent.
        brightness: Lowest and highest relative change.
        offset: Largest offset, as a share of the full range.
        field: Largest coefficient of a field's polynomials.
        noise: Largest standard deviation of the noise.
        thickness: Least and most voxels that a thick slice covers.
    """

    share: float = 0.5
    low_resolution: float = 0.1
    gamma: tuple[float, float] = (0.67, 1.5)
    brightness: tuple[float, float] = (-0.2, 0.25)
    offset: float = 0.08
    field: float = 0.1
    noise: float = 0.06
    thickness: tuple[int, int] = (2, 6)


def change_intensity(images: torch.Tensor, config: IntensityConfig, rng: np.random.Generator) -> torch.Tensor:
    """Change crops (M, K, J, I) of a patient's modalities, each in its own way; air, which is 0, stays 0.

    Args:
        images: float32 in [0, 1].
        config: How much.
        rng: The same state gives the same change.

    Returns:
        float32 of the same shape in [0, `HIGHEST`].
    """
    state = np.random.RandomState(rng.integers(2**32, dtype=np.uint32))
    thicken = _thick_slices(images.shape[1:], config, state)
    contrast = _contrast(config).set_random_state(state=state)
    changed = torch.stack([_plain(contrast(thicken(image[None])))[0] for image in images])
    return torch.where(images > 0, changed.clamp(0, HIGHEST), torch.zeros(()))


def _contrast(config: IntensityConfig) -> Compose:
    share, seldom = config.share, 0.3 * config.share
    return Compose(
        [
            RandAdjustContrast(prob=share, gamma=config.gamma),
            RandScaleIntensity(prob=share, factors=config.brightness),
            RandShiftIntensity(prob=share, offsets=config.offset),
            RandBiasField(prob=seldom, coeff_range=(-config.field, config.field)),
            RandGaussianNoise(prob=seldom, std=config.noise),
        ]
    )


def _thick_slices(shape: tuple[int, ...], config: IntensityConfig, state: np.random.RandomState) -> Transform:
    """Average slices along an axis by chance and interpolate between them; or do nothing."""
    chosen, axis = state.rand() < config.low_resolution, state.randint(len(shape))
    factor = state.randint(config.thickness[0], config.thickness[1] + 1)
    if not chosen:
        return Compose([])
    fewer = [max(1, side // factor) if n == axis else side for n, side in enumerate(shape)]
    return Compose([Resize(fewer, mode="area"), Resize(shape, mode="trilinear")])


def _plain(image: torch.Tensor) -> torch.Tensor:
    """The tensor without what MONAI keeps beside it."""
    return image.as_tensor() if hasattr(image, "as_tensor") else image
