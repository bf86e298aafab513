"""A quick look at the validation cases during training: Dice on the 2 mm grid after clicks, and what clicks do."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F

from ..models.device import autocast
from ..models.registry import Previous, VolumeDecoder
from ..prompts.maps import PromptVoxels, prompt_maps
from ..regions import REGIONS
from .click_effect import LOWERED, ClickEffect, click_effect
from .features import CaseFeatures
from .placement import deepest_voxel, largest_component
from .previous import nested
from .step import CELL_MM

Answer = Callable[[PromptVoxels, np.ndarray], np.ndarray]
"""From prompts, and logits of what the network is told besides, to logits, float32 (3, k, j, i) on the 2 mm grid."""

EFFECT_WEIGHT = 0.05
"""What a full point of a click measure counts in the score, beside one of Dice."""


@torch.inference_mode()
def validate(
    decoder: torch.nn.Module,
    cases: list[CaseFeatures],
    device: torch.device,
    cancel: Callable[[], None] = lambda: None,
    previous: Previous = "proposal",
    clicks: int = 5,
) -> dict[str, float]:
    """Measure the network over `cases`, without what a session adds to its answers.

    Args:
        decoder: A `VolumeDecoder` in evaluation mode, on `device`.
        cases: The cases.
        device: Where to compute.
        cancel: Called before each answer of the network; may raise.
        previous: What the network is told besides prompts, as in its training.
        clicks: How many.

    Returns:
        Mean Dice `WT0`, `TC0`, `ET0` without a prompt, then `WT1` ... after clicks on that region, each at the deepest
        place of the largest error. And of the clicks on WT that had an error to mend: `mended`, mean share of their
        error within 10 mm that is right afterwards; `broken`, voxels that became wrong for each that became right;
        `lowered`, share of clicks that lower Dice by more than 0.005.
    """
    rows: dict[str, list[float]] = {}
    effects: list[ClickEffect] = []
    lowered: list[bool] = []
    for case in cases:
        cancel()
        proposal, answer = _answers(cast(VolumeDecoder, decoder), case, device)
        inner = np.stack([case.regions >= level for level in (1, 2, 3)]).astype(np.float32)
        truth = (F.avg_pool3d(torch.from_numpy(inner), 2) >= 0.5).numpy()
        for index, region in enumerate(REGIONS):
            prompts, seen = PromptVoxels(), proposal
            found = [dice(seen[index] > 0, truth[index])]
            for _ in range(clicks):
                cancel()
                before = seen[index] > 0
                where = _next_click(before, truth[index])
                prompts.points.append((where, bool(truth[index][where]), region))
                seen = answer(prompts, seen if previous == "answer" else proposal)
                after = seen[index] > 0
                found.append(dice(after, truth[index]))
                if region == "WT" and (before != truth[index]).any():
                    effects.append(click_effect(before, after, truth[index], where, (CELL_MM,) * 3))
                    lowered.append(found[-1] < found[-2] - LOWERED)
            for count, value in enumerate(found):
                rows.setdefault(f"{region}{count}", []).append(value)
    measured = {name: float(np.mean(values)) for name, values in rows.items()}
    return measured | (_measures(effects, lowered) if effects else {})


def _measures(effects: list[ClickEffect], lowered: list[bool]) -> dict[str, float]:
    shares = [effect.mended_share for effect in effects if effect.mended_share is not None]
    mended = sum(effect.mended for effect in effects)
    return {
        "mended": float(np.mean(shares)),
        "broken": sum(effect.broken for effect in effects) / max(mended, 1),
        "lowered": float(np.mean(lowered)),
    }


def score(measured: dict[str, float]) -> float:
    """One number to choose weights by; -1 when nothing was measured.

    The mean Dice over all regions and click counts, and a twentieth of `mended` - `broken` - `lowered`, where a network
    whose clicks were measured has them; `broken` counts at most as 1. So a click that mends a tenth more of its error
    is worth half a hundredth of Dice.
    """
    values = [value for name, value in measured.items() if name[:2] in REGIONS]
    if not values:
        return -1.0
    harm = min(1.0, measured.get("broken", 0.0)) + measured.get("lowered", 0.0)
    return sum(values) / len(values) + EFFECT_WEIGHT * (measured.get("mended", 0.0) - harm)


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """Dice of two bool arrays; 1 where both are empty."""
    total = int(mask.sum()) + int(truth.sum())
    return 2 * int((mask & truth).sum()) / total if total else 1.0


def _answers(decoder: VolumeDecoder, case: CaseFeatures, device: torch.device) -> tuple[np.ndarray, Answer]:
    """Encode a case once: the proposal, and what decodes it for any prompts."""
    images = torch.from_numpy(case.images)[None].to(device).float() / 255
    present = torch.from_numpy(case.present)[None].to(device)
    embeddings = torch.from_numpy(case.embeddings)[None].to(device).float() if case.embeddings is not None else None
    with autocast(device):
        features = decoder.encode(images, present, embeddings)
    shape = [n // 2 for n in case.regions.shape]

    def answer(prompts: PromptVoxels, told: np.ndarray | None) -> np.ndarray:
        maps = torch.from_numpy(prompt_maps(prompts, shape, CELL_MM, told))[None].to(device)
        with autocast(device):
            found = decoder.decode(features, maps, [prompts])
        return nested(F.avg_pool3d(found[0].float(), 2).cpu().numpy())

    return answer(PromptVoxels(), None), answer


def _next_click(mask: np.ndarray, truth: np.ndarray) -> tuple[int, int, int]:
    """Where the error is deepest; without an error, deep inside the truth, or outside the mask when that is empty."""
    error = mask != truth
    if not error.any():
        error = truth if truth.any() else ~mask
    return deepest_voxel(largest_component(error))
