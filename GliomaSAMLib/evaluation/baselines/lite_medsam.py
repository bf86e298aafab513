"""Stock LiteMedSAM as baseline: a perfect box on every slice, or one box that is propagated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import CaseError
from ...study.extent import bounding_box
from ..cases import OpenCase
from ..clicks import largest_slice
from .slices import Box, StockLiteMedSAM

BEST_MODALITY: Mapping[str, tuple[str, ...]] = {"WT": ("flair",), "TC": ("t1c",), "ET": ("t1c",)}
"""The modality on which a region shows best."""

THREE_CHANNELS = ("flair", "t1c", "t2")
"""Modalities in the place of red, green and blue."""


@dataclass(frozen=True)
class PropagationOptions:
    """How one box is carried from slice to slice.

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
    """A perfect box, drawn from the truth, on every slice that has truth: more effort than anybody will make.

    Args:
        network: Shared, so that several methods use one set of embeddings.
        three_channels: FLAIR, T1c and T2 as colours, instead of FLAIR for WT and T1c for TC and ET.
    """

    effort = "a perfect box on every slice"

    def __init__(self, network: StockLiteMedSAM, three_channels: bool = False) -> None:
        self.name = "LiteMedSAM boxes" + (" 3ch" if three_channels else "")
        self.signature = f"every slice, half={network.half}"
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
    """A perfect box on the slice that holds most of the truth, carried both ways by the box round the last mask.

    The march stops where the mask is empty or its area jumps.

    Args:
        network: Shared, so that several methods use one set of embeddings.
        three_channels: FLAIR, T1c and T2 as colours, instead of FLAIR for WT and T1c for TC and ET.
    """

    effort = "one box, propagated"

    def __init__(
        self, network: StockLiteMedSAM, three_channels: bool = False, options: PropagationOptions | None = None
    ) -> None:
        self.name = "LiteMedSAM propagated" + (" 3ch" if three_channels else "")
        self._options = options or PropagationOptions()
        self.signature = f"{self._options}, half={network.half}"
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
        raise CaseError(f"case {case.name} has no {', '.join(missing)}, which this baseline needs for {region}")
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
