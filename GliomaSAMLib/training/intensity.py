"""Changes of grey values that other scanners and protocols would make, on the device of the crop.

MONAI has transforms for all of these; they draw fields and noise on the host and read ranges back from the device,
which a training on a GPU would wait for. So these few lines are ours.

Per modality: gamma, brightness and offset, a smooth field, the loss of resolution along all axes, and noise; for all
modalities of a crop alike: thick slices along one axis.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .chance import Chance

HIGHEST = 1.2
"""Brightest value that is left."""

LOWEST = 1e-3
"""Darkest value of what is not air."""

FIELD_CELLS = 3
"""Nodes along each axis between which a field is interpolated."""


@dataclass(frozen=True)
class IntensityConfig:
    """Strength of the changes.

    Args:
        share: Share of modalities whose contrast is changed; field, blur and noise come with 0.4 of that share each.
        thick_slices: Share of crops blurred along one axis, as thick slices are.
        gamma: Largest logarithm of the exponent.
        brightness: Lowest and highest factor.
        offset: Largest offset, as a share of the full range.
        field: Largest standard deviation of a field's logarithm.
        blur: Least share of the resolution that is left.
        noise: Largest standard deviation of the noise.
        thickness: Least and most voxels that a thick slice covers.
    """

    share: float = 0.5
    thick_slices: float = 0.12
    gamma: float = 0.45
    brightness: tuple[float, float] = (0.75, 1.28)
    offset: float = 0.09
    field: float = 0.22
    blur: float = 0.5
    noise: float = 0.07
    thickness: tuple[int, int] = (2, 6)


def change_intensity(images: Tensor, config: IntensityConfig, chance: Chance) -> Tensor:
    """Change crops (M, K, J, I) of a patient's modalities, each in its own way; air, which is 0, stays 0.

    Args:
        images: float32 in [0, 1].
        config: How much.
        chance: The same state gives the same change.

    Returns:
        float32 of the same shape in [0, `HIGHEST`].
    """
    changed = _thick_slices(images, config, chance)
    changed = torch.stack([_contrast(image, config, chance) for image in changed])
    return torch.where(images > 0, changed.clamp(LOWEST, HIGHEST), 0.0)


def _contrast(image: Tensor, config: IntensityConfig, chance: Chance) -> Tensor:
    share, seldom = config.share, 0.4 * config.share
    shape = image.shape
    if chance.happens(share):
        image = image.clamp(min=0) ** (2.718281828 ** chance.uniform(-config.gamma, config.gamma))
    if chance.happens(share):
        image = image * chance.uniform(*config.brightness)
    if chance.happens(share):
        image = image + chance.uniform(-config.offset, config.offset)
    if chance.happens(seldom):
        nodes = chance.normal((FIELD_CELLS,) * 3) * chance.uniform(0.05, config.field)
        image = image * _resized(nodes, shape, corners=True).exp()
    if chance.happens(seldom):
        image = _resized(_resized(image, [max(8, int(n * chance.uniform(config.blur, 0.9))) for n in shape]), shape)
    if chance.happens(seldom):
        image = image + chance.normal(shape) * chance.uniform(0, config.noise)
    return image


def _thick_slices(images: Tensor, config: IntensityConfig, chance: Chance) -> Tensor:
    """Average slices along an axis by chance and interpolate between them; or do nothing."""
    chosen, axis = chance.happens(config.thick_slices), int(chance.rng.integers(3))
    factor = int(chance.rng.integers(config.thickness[0], config.thickness[1] + 1))
    if not chosen:
        return images
    fewer = [max(1, side // factor) if n == axis else side for n, side in enumerate(images.shape[1:])]
    thick = F.interpolate(images[None], size=fewer, mode="area")
    return F.interpolate(thick, size=images.shape[1:], mode="trilinear", align_corners=False)[0]


def _resized(image: Tensor, shape: list[int] | torch.Size, corners: bool = False) -> Tensor:
    return F.interpolate(image[None, None], size=list(shape), mode="trilinear", align_corners=corners)[0, 0]
