"""A quick look at the validation cases during training: Dice on the 2 mm grid after 0 to 3 clicks on each region."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F

from ..models.device import autocast
from ..models.registry import VolumeDecoder
from ..prompts.maps import PromptVoxels, prompt_maps
from ..regions import REGIONS
from .features import CaseFeatures
from .placement import deepest_voxel, largest_component
from .step import CELL_MM

Answer = Callable[[PromptVoxels], np.ndarray]
"""From prompts to masks, bool (3, k, j, i) on the 2 mm grid."""


@torch.inference_mode()
def validate(
    decoder: torch.nn.Module,
    cases: list[CaseFeatures],
    device: torch.device,
    cancel: Callable[[], None] = lambda: None,
    clicks: int = 3,
) -> dict[str, float]:
    """Measure the mean Dice over `cases`.

    Args:
        decoder: A `VolumeDecoder` in evaluation mode, on `device`.
        cases: The cases.
        device: Where to compute.
        cancel: Called before each answer of the network; may raise.
        clicks: How many.

    Returns:
        `WT0`, `TC0`, `ET0` without a prompt, then `WT1` ... after clicks on that region, each at the deepest place of
        the largest error.
    """
    rows: dict[str, list[float]] = {}
    for case in cases:
        cancel()
        answer = _answers(cast(VolumeDecoder, decoder), case, device)
        nested = np.stack([case.regions >= level for level in (1, 2, 3)]).astype(np.float32)
        truth = (F.avg_pool3d(torch.from_numpy(nested), 2) >= 0.5).numpy()
        proposal = answer(PromptVoxels())
        for index, region in enumerate(REGIONS):
            prompts, mask = PromptVoxels(), proposal[index]
            rows.setdefault(f"{region}0", []).append(dice(mask, truth[index]))
            for count in range(1, clicks + 1):
                cancel()
                where = _next_click(mask, truth[index])
                prompts.points.append((where, bool(truth[index][where]), region))
                mask = answer(prompts)[index]
                rows.setdefault(f"{region}{count}", []).append(dice(mask, truth[index]))
    return {name: float(np.mean(values)) for name, values in rows.items()}


def score(measured: dict[str, float]) -> float:
    """One number to choose weights by: the mean over all regions and click counts; -1 when nothing was measured."""
    return sum(measured.values()) / len(measured) if measured else -1.0


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """Dice of two bool arrays; 1 where both are empty."""
    total = int(mask.sum()) + int(truth.sum())
    return 2 * int((mask & truth).sum()) / total if total else 1.0


def _answers(decoder: VolumeDecoder, case: CaseFeatures, device: torch.device) -> Answer:
    """Encode a case once; what comes back decodes it for any prompts."""
    images = torch.from_numpy(case.images)[None].to(device).float() / 255
    present = torch.from_numpy(case.present)[None].to(device)
    embeddings = torch.from_numpy(case.embeddings)[None].to(device).float() if case.embeddings is not None else None
    with autocast(device):
        features = decoder.encode(images, present, embeddings)
    shape = [n // 2 for n in case.regions.shape]

    def logits(prompts: PromptVoxels, proposal: np.ndarray | None) -> np.ndarray:
        maps = torch.from_numpy(prompt_maps(prompts, shape, CELL_MM, proposal))[None].to(device)
        with autocast(device):
            found = decoder.decode(features, maps, [prompts])
        return F.avg_pool3d(found[0].float(), 2).cpu().numpy()

    proposal = logits(PromptVoxels(), None)
    return lambda prompts: (logits(prompts, proposal) if prompts else proposal) > 0


def _next_click(mask: np.ndarray, truth: np.ndarray) -> tuple[int, int, int]:
    """Where the error is deepest; without an error, deep inside the truth, or outside the mask when that is empty."""
    error = mask != truth
    if not error.any():
        error = truth if truth.any() else ~mask
    return deepest_voxel(largest_component(error))
