"""A stack of slice embeddings over a canonical volume: which slices are embedded, and how they lie in it.

A volume is padded at its end until its sides are multiples of the decoder's; the stack covers exactly that box.
Slices are axial, `slice_mm` apart, and are scaled to `pixel_mm` before they enter the encoder, which saves time: the
whole brain in four modalities takes seconds on two cores.
"""

import reprlib
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import ModelError
from .encoders.base import SliceEncoder

SLICES_MM = (1, 2, 4, 8, 16)
"""Distances of slices of which a block of 16 mm, the coarsest cell of the decoders, holds a whole number."""

PIXELS_MM = (0.5, 8.0)
"""The finest and the coarsest pixel that an encoder may see: finer ones would fill any memory."""


@dataclass(frozen=True)
class StackLayout:
    """Where the slices of a stack lie.

    Args:
        slice_mm: Distance of embedded slices, of `SLICES_MM`, so that boxes on the decoder's lattice hold whole slices.
        pixel_mm: Size of a pixel as the encoder sees it, within `PIXELS_MM`.

    Raises:
        ModelError: One of them is another.
    """

    slice_mm: float = 4.0
    pixel_mm: float = 1.5

    def __post_init__(self) -> None:
        if self.slice_mm not in SLICES_MM:
            shown = reprlib.repr(self.slice_mm)
            raise ModelError(f"slices every {shown} mm do not fit the decoder: choose 1, 2, 4, 8 or 16")
        finest, coarsest = PIXELS_MM
        if not isinstance(self.pixel_mm, int | float) or not finest <= self.pixel_mm <= coarsest:
            shown = reprlib.repr(self.pixel_mm)
            raise ModelError(f"pixels of {shown} mm cannot be used: choose a number from {finest:g} to {coarsest:g}")

    def indices(self, depth: int) -> list[int]:
        """Canonical slices K that are embedded in a padded volume of `depth` slices, evenly spread."""
        count = self.count(depth)
        return [int((n + 0.5) * depth / count) for n in range(count)]

    def count(self, depth: int) -> int:
        """Number of slices embedded."""
        return int(np.ceil(depth / self.slice_mm))

    def pixels(self, sides: tuple[int, int], multiple: int) -> tuple[int, int]:
        """Size in pixels of a slice as the encoder sees it: whole `multiple`s over `sides` mm (J, I)."""
        j, i = (multiple * int(np.ceil(side / (self.pixel_mm * multiple))) for side in sides)
        return j, i

    def shape(self, padded: tuple[int, int, int], encoder: SliceEncoder) -> tuple[int, int, int]:
        """Shape (z, y, x) of the stack of an encoder's embeddings over a padded volume (K, J, I)."""
        rows, columns = self.pixels((padded[1], padded[2]), encoder.pixel_multiple)
        return self.count(padded[0]), rows // encoder.stride, columns // encoder.stride


def pad_to(array: np.ndarray, multiple: int) -> np.ndarray:
    """Append zeros to the last three axes until they are multiples of `multiple`."""
    lead = [(0, 0)] * (array.ndim - 3)
    return np.pad(array, lead + [(0, -n % multiple) for n in array.shape[-3:]])


@torch.inference_mode()
def embed_slice(encoder: SliceEncoder, layout: StackLayout, image: torch.Tensor) -> torch.Tensor:
    """Embed one padded axial slice (J, I) in [0, 1] as (channels, y, x)."""
    size = layout.pixels((image.shape[0], image.shape[1]), encoder.pixel_multiple)
    x = F.interpolate(image[None, None].float(), size=size, mode="bilinear", align_corners=False, antialias=True)
    return encoder(x)[0]
