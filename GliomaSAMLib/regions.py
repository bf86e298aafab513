"""The three nested tumour regions of the BraTS convention, the labels that make them up, and Dice of two masks."""

import reprlib
from collections.abc import Mapping

import numpy as np

from .errors import PromptError

REGIONS = ("WT", "TC", "ET")
"""Whole tumour, tumour core, enhancing tumour. Each contains the next."""

REGION_NAMES: Mapping[str, str] = {"WT": "whole tumour", "TC": "tumour core", "ET": "enhancing tumour"}

REGION_LABELS: Mapping[str, tuple[int, ...]] = {"WT": (1, 2, 3, 4), "TC": (1, 3, 4), "ET": (3, 4)}
"""Labels of a BraTS label map in each region: NCR 1, ED 2, ET 3 (4 before 2023)."""


def check_region(region: str) -> str:
    """Return `region`, or raise `PromptError` when it is not one of `REGIONS`."""
    if region not in REGIONS:
        raise PromptError(
            f"Unknown region {reprlib.repr(region)}. Choose WT (whole tumour), TC (tumour core) "
            "or ET (enhancing tumour)"
        )
    return region


def regions_from_labels(labels: np.ndarray) -> np.ndarray:
    """Split a BraTS label map (K, J, I) into uint8 region masks (3, K, J, I), in the order of `REGIONS`."""
    return np.stack([np.isin(labels, REGION_LABELS[region]) for region in REGIONS]).astype(np.uint8)


def labels_from_regions(masks: Mapping[str, np.ndarray], et_label: int = 3) -> np.ndarray:
    """Join nested masks (K, J, I) into a BraTS label map: NCR 1, ED 2, ET `et_label`. uint8."""
    labels = np.zeros(masks["WT"].shape, np.uint8)
    labels[masks["WT"] > 0] = 2
    labels[masks["TC"] > 0] = 1
    labels[masks["ET"] > 0] = et_label
    return labels


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Dice overlap of two masks of one shape, in [0, 1]; 1 where both are empty, as BraTS counts it.

    Args:
        prediction: Non-zero inside.
        truth: Non-zero inside.

    Raises:
        ValueError: The shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"Prediction of shape {prediction.shape} and truth of shape {truth.shape} do not fit")
    prediction, truth = prediction > 0, truth > 0
    total = np.count_nonzero(prediction) + np.count_nonzero(truth)
    return 1.0 if total == 0 else float(2.0 * np.count_nonzero(prediction & truth) / total)


def implied_regions(region: str, positive: bool) -> tuple[str, ...]:
    """Regions that a point labels by nesting: the enclosing ones too when positive, the enclosed when negative."""
    index = REGIONS.index(region)
    return REGIONS[: index + 1] if positive else REGIONS[index:]
