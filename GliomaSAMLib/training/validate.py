"""Validation during training: Dice on the 2 mm grid after clicks, and what each click mends and breaks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F

from ..data.placement import deepest_voxel, largest_component
from ..models.device import autocast
from ..models.prompt_maps import PromptSet, prompt_maps
from ..models.registry import Previous, VolumeDecoder
from ..regions import REGIONS, dice
from .features import CaseFeatures
from .step import CELL_MM

NEAR_MM = 10.0
"""So far from a click its own error counts as what it was given for."""

LOWERED = 0.005
"""A click after which Dice is lower by more than this counts as lowering it."""


@dataclass(frozen=True)
class ClickEffect:
    """Voxels that one prompt changed for better or worse.

    Attributes:
        near: Voxels of the clicked error within 10 mm of the click; 0 for a box. The clicked error is the largest
            26-connected part of what was wrong before.
        near_mended: How many of these are right afterwards.
        mended: Voxels anywhere that became right.
        broken: Voxels anywhere that became wrong.
    """

    near: int
    near_mended: int
    mended: int
    broken: int

    @property
    def mended_share(self) -> float | None:
        """Share of the clicked error within 10 mm that is mended; None where nothing of it lies so near."""
        return self.near_mended / self.near if self.near else None


def click_effect(
    before: np.ndarray,
    after: np.ndarray,
    truth: np.ndarray,
    voxel: tuple[int, int, int] | None,
    spacing: Sequence[float],
) -> ClickEffect:
    """Compare the masks before and after a prompt with the truth.

    Args:
        before, after, truth: (K, J, I), non-zero inside.
        voxel: Index (K, J, I) of the click; None for a box.
        spacing: mm between voxels along K, J, I.
    """
    wrong_before, wrong_after = (before > 0) != (truth > 0), (after > 0) != (truth > 0)
    near = near_mended = 0
    if voxel is not None and wrong_before.any():
        reach = [int(NEAR_MM / step) for step in spacing]
        window = tuple(slice(max(0, v - r), v + r + 1) for v, r in zip(voxel, reach, strict=True))
        error = largest_component(wrong_before)[window]
        places = np.argwhere(error)
        offsets = (places + [cut.start for cut in window] - np.asarray(voxel)) * np.asarray(spacing)
        places = places[np.linalg.norm(offsets, axis=1) <= NEAR_MM]
        near = len(places)
        near_mended = int(np.count_nonzero(~wrong_after[window][tuple(places.T)]))
    return ClickEffect(
        near=near,
        near_mended=near_mended,
        mended=int(np.count_nonzero(wrong_before & ~wrong_after)),
        broken=int(np.count_nonzero(wrong_after & ~wrong_before)),
    )


Predict = Callable[[PromptSet, np.ndarray], np.ndarray]
"""From prompts, and logits of what the network is given besides, to logits, float32 (3, k, j, i) on the 2 mm grid."""

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
        previous: What the network is given besides prompts, as in its training.
        clicks: How many.

    Returns:
        Mean Dice `WT0`, `TC0`, `ET0` without a prompt, then `WT1` ... after clicks on that region, each at the deepest
        place of the largest error; each over the cases whose labels tell the region. And of the clicks on WT that had
        an error to mend: `mended`, mean share of their error within 10 mm that is right afterwards; `broken`, voxels
        that became wrong for each that became right; `lowered`, share of clicks that lower Dice by more than 0.005.
    """
    rows: dict[str, list[float]] = {}
    effects: list[ClickEffect] = []
    lowered: list[bool] = []
    for case in cases:
        cancel()
        proposal, answer = _predictor(cast(VolumeDecoder, decoder), case, device)
        inner = np.stack([case.regions >= level for level in (1, 2, 3)]).astype(np.float32)
        truth = (F.avg_pool3d(torch.from_numpy(inner), 2) >= 0.5).numpy()
        for index, region in enumerate(REGIONS):
            if region not in case.known:
                continue
            prompts, seen = PromptSet(), proposal
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


def _predictor(decoder: VolumeDecoder, case: CaseFeatures, device: torch.device) -> tuple[np.ndarray, Predict]:
    """Encode a case once: the proposal, and what decodes it for any prompts."""
    images = torch.from_numpy(case.images)[None].to(device).float() / 255
    present = torch.from_numpy(case.present)[None].to(device)
    embeddings = torch.from_numpy(case.embeddings)[None].to(device).float() if case.embeddings is not None else None
    with autocast(device):
        features = decoder.encode(images, present, embeddings)
    shape = [n // 2 for n in case.regions.shape]

    def answer(prompts: PromptSet, previous: np.ndarray | None) -> np.ndarray:
        maps = torch.from_numpy(prompt_maps(prompts, shape, CELL_MM, previous))[None].to(device)
        with autocast(device):
            found = decoder.decode(features, maps, [prompts])
        return np.asarray(np.minimum.accumulate(F.avg_pool3d(found[0].float(), 2).cpu().numpy(), axis=0))

    return answer(PromptSet(), None), answer


def _next_click(mask: np.ndarray, truth: np.ndarray) -> tuple[int, int, int]:
    """Where the error is deepest; without an error, deep inside the truth, or outside the mask when that is empty."""
    error = mask != truth
    if not error.any():
        error = truth if truth.any() else ~mask
    return deepest_voxel(largest_component(error))
