"""One training step: a simulated user sees the proposal or prompts at once, corrects it; the loss is on both."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..models.registry import PROMPTS, VolumeDecoder
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
        kinds: Kinds of prompts that the network reads; users give no others.
        embed: From images (B, M, K, J, I) to their embeddings (B, M, C, z, y, x), where a batch comes without them.

    Attributes:
        done: Share of the training that is over, which is told to the network's own loss.
    """

    def __init__(
        self,
        decoder: nn.Module,
        clicks: ClickConfig,
        seed: int,
        kinds: Sequence[str] = PROMPTS,
        embed: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.clicks = clicks
        self.seed = seed
        self.kinds = kinds
        self.embed = embed
        self.done = 0.0

    def forward(
        self,
        images: torch.Tensor,
        present: torch.Tensor,
        regions: torch.Tensor,
        embeddings: torch.Tensor | None,
        index: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and mean soft Dice (3,) of a batch; shapes as in `Crop` with a batch axis in front, `index` (B,).

        Both are means over the samples, none of which depends on the others: it does not matter which are together.
        """
        decoder = cast(VolumeDecoder, self.decoder)
        if embeddings is None and self.embed is not None:
            embeddings = self.embed(images * present[:, :, None, None, None])
        features = decoder.encode(images, present, embeddings)
        truth = (F.avg_pool3d(regions.float(), 2) >= 0.5).cpu().numpy()
        generators = [np.random.default_rng((self.seed, 7, int(i))) for i in index]
        chances = [region_chances(self.clicks, rng) for rng in generators]
        users = list(zip(truth, chances, generators, strict=True))
        prompts = [self._known(first_prompts(target, self.clicks, chance, rng)) for target, chance, rng in users]
        nothing = self._maps([PromptVoxels() for _ in prompts], [None] * len(prompts), truth, images)
        proposed = decoder.decode(features, nothing, [PromptVoxels() for _ in prompts])
        proposals = list(_on_cells(proposed))
        drawn = [int(rng.choice(len(self.clicks.rounds), p=self.clicks.rounds)) for rng in generators]
        rounds = [max(count, int(not one)) for count, one in zip(drawn, prompts, strict=True)]
        if "point" not in self.kinds:
            rounds = [0]
        for n in range(max(rounds)):
            found = proposals
            if any(prompts):
                with torch.no_grad():
                    maps = self._maps(prompts, proposals, truth, images)
                    found = list(_on_cells(decoder.decode([f.detach() for f in features], maps, prompts)))
            for one, proposal, answer, count, (target, chance, rng) in zip(
                prompts, proposals, found, rounds, users, strict=True
            ):
                seen = answer if one else proposal
                for _ in range(int(rng.integers(1, 4)) if n < count else 0):
                    correct(one, seen > 0, target, chance, rng)
        maps = self._maps(prompts, proposals, truth, images)
        logits = decoder.decode(features, maps, prompts)
        loss = segmentation_loss(logits, regions, maps) + PROPOSAL_WEIGHT * segmentation_loss(
            proposed, regions, nothing
        )
        return loss + self._own_loss(regions), soft_dice(logits.detach(), regions)

    def _own_loss(self, regions: torch.Tensor) -> torch.Tensor:
        """The loss terms that the network has of its own, as `auxiliary_loss`; 0 when it has none."""
        if not hasattr(self.decoder, "auxiliary_loss"):
            return torch.zeros((), device=regions.device)
        network = cast(Any, self.decoder)
        network.done = self.done
        return network.auxiliary_loss(regions)

    def _known(self, prompts: PromptVoxels) -> PromptVoxels:
        """Those prompts that the network reads."""
        return PromptVoxels(
            points=prompts.points if "point" in self.kinds else [],
            boxes=prompts.boxes if "box" in self.kinds else [],
            masks=prompts.masks if "mask" in self.kinds else {},
        )

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
