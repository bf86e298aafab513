"""One training step: a simulated user sees the proposal or prompts at once, corrects it; the loss is on both."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..models.registry import VolumeDecoder
from ..prompts.maps import PromptVoxels, prompt_maps
from .clicks import ClickConfig, correct, first_prompts, region_chances
from .losses import segmentation_loss

CELL_MM = 2.0
"""Edge of the voxels that users click and the maps of prompts are drawn on."""

PROPOSAL_WEIGHT = 0.5
"""Of the loss on what is found without prompts, beside that on the answer to them."""


class TrainingStep(nn.Module):
    """Wraps a decoder so that one `forward` is a whole step, which lets Fabric distribute it.

    Args:
        decoder: The network to be trained, a `VolumeDecoder`.
        clicks: How users are simulated.
        seed: Seed of the simulated users; with a sample's index it fixes every click.
    """

    def __init__(self, decoder: nn.Module, clicks: ClickConfig, seed: int) -> None:
        super().__init__()
        self.decoder = decoder
        self.clicks = clicks
        self.seed = seed

    def forward(
        self,
        images: torch.Tensor,
        present: torch.Tensor,
        regions: torch.Tensor,
        embeddings: torch.Tensor | None,
        index: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and mean soft Dice (3,) of a batch; shapes as in `Crop` with a batch axis in front, `index` (B,)."""
        decoder = cast(VolumeDecoder, self.decoder)
        features = decoder.encode(images, present, embeddings)
        truth = (F.avg_pool3d(regions.float(), 2) >= 0.5).cpu().numpy()
        generators = [np.random.default_rng((self.seed, 7, int(i))) for i in index]
        chances = [region_chances(self.clicks, rng) for rng in generators]
        users = list(zip(truth, chances, generators, strict=True))
        prompts = [first_prompts(target, self.clicks, chance, rng) for target, chance, rng in users]
        nothing = self._maps([PromptVoxels() for _ in prompts], [None] * len(prompts), truth, images)
        proposed = decoder.decode(features, nothing, [PromptVoxels() for _ in prompts])
        proposals = list(_on_cells(proposed))
        rounds = int(generators[0].choice(len(self.clicks.rounds), p=self.clicks.rounds))
        for n in range(max(rounds, int(not all(prompts)))):
            if n or any(prompts):
                with torch.no_grad():
                    maps = self._maps(prompts, proposals, truth, images)
                    found = _on_cells(decoder.decode([f.detach() for f in features], maps, prompts))
            else:
                found = np.stack(proposals)
            for one, answer, (target, chance, rng) in zip(prompts, found, users, strict=True):
                for _ in range(int(rng.integers(1, 4))):
                    correct(one, answer > 0, target, chance, rng)
        maps = self._maps(prompts, proposals, truth, images)
        logits = decoder.decode(features, maps, prompts)
        loss = segmentation_loss(logits, regions, maps) + PROPOSAL_WEIGHT * segmentation_loss(
            proposed, regions, nothing
        )
        return loss, soft_dice(logits.detach(), regions)

    def _maps(
        self,
        prompts: list[PromptVoxels],
        proposals: Sequence[np.ndarray | None],
        truth: np.ndarray,
        like: torch.Tensor,
    ) -> torch.Tensor:
        maps = [
            prompt_maps(one, truth.shape[2:], CELL_MM, proposal)
            for one, proposal in zip(prompts, proposals, strict=True)
        ]
        return torch.from_numpy(np.stack(maps)).to(like.device)


def _on_cells(logits: torch.Tensor) -> np.ndarray:
    """Logits on the grid of the prompt maps."""
    return F.avg_pool3d(logits.detach().float(), 2).cpu().numpy()


def soft_dice(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Dice of the thresholded logits for each region, mean over the batch, shape (3,). Empty and found empty is 1."""
    mask, truth = logits > 0, truth > 0
    both = (mask & truth).sum(dim=(2, 3, 4)).float()
    total = mask.sum(dim=(2, 3, 4)).float() + truth.sum(dim=(2, 3, 4)).float()
    return torch.where(total > 0, 2 * both / total.clamp(min=1), torch.ones_like(total)).mean(dim=0)
