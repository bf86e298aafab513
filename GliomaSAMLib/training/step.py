"""One training step: users see the proposal or prompt at once, and correct the answers; the loss is on the last."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from monai.metrics import compute_dice
from torch import nn

from ..models.prompt_maps import PromptSet, prompt_maps
from ..models.registry import PROMPTS, Previous, VolumeDecoder
from .click_simulation import ClickConfig
from .users import Scene, User

_dice = DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)


@dataclass(frozen=True)
class LossConfig:
    """What counts how much in the cross entropy.

    Args:
        click_weight: Extra weight at a click; falls off with the wide Gaussian of the prompt maps.
        new_error_weight: Weight of voxels that the answer before had right and this one has wrong; 1 like all others.
        clicked_error_weight: Weight of the error that a newest click lies in, within 12 mm of it; 1 like all others.
    """

    click_weight: float = 15.0
    new_error_weight: float = 1.0
    clicked_error_weight: float = 1.0

    def problems(self) -> list[str]:
        """What makes no sense, one line each."""
        weights = {
            "clicks": self.click_weight,
            "new errors": self.new_error_weight,
            "clicked errors": self.clicked_error_weight,
        }
        return [
            f"the weight of {name} must be a number of 0 or more, not {value}"
            for name, value in weights.items()
            if not (math.isfinite(value) and value >= 0)
        ]


PLAIN = LossConfig()


@dataclass(frozen=True)
class Before:
    """What was there before a user's newest clicks, on the grid of the prompt maps.

    Args:
        mask: The answer before, bool (B, 3, k, j, i).
        clicked: The errors of the newest clicks near these, bool (B, 3, k, j, i).
    """

    mask: torch.Tensor
    clicked: torch.Tensor


def segmentation_loss(
    logits: torch.Tensor,
    truth: torch.Tensor,
    maps: torch.Tensor,
    config: LossConfig = PLAIN,
    before: Before | None = None,
) -> torch.Tensor:
    """Loss of `logits` (B, 3, K, J, I) against `truth` of the same shape, mean over the batch.

    Args:
        logits: Logits of WT, TC, ET.
        truth: 0 or 1.
        maps: Prompt maps (B, CHANNELS, K/2, J/2, I/2); channels 6..11 weigh the surroundings of clicks.
        config: The weights.
        before: What was there before, for the weights of errors; None without an answer before.
    """
    logits, truth = logits.float(), truth.float()
    wide = maps[:, 6:12].float().amax(dim=1, keepdim=True)
    weight = 1 + config.click_weight * _on_voxels(wide, logits)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if before is not None:
        entropy = entropy * _error_weights(logits, truth, config, before)
    near_clicks = (entropy * weight).mean(dim=(1, 2, 3, 4)) / weight.mean(dim=(1, 2, 3, 4))
    return _dice(logits, truth) + near_clicks.mean() + 0.5 * entropy.mean()


@torch.no_grad()
def _error_weights(logits: torch.Tensor, truth: torch.Tensor, config: LossConfig, before: Before) -> torch.Tensor:
    """Weights of the voxels, (B, 3, K, J, I)."""
    weights = torch.ones_like(logits)
    if config.clicked_error_weight != 1:
        weights[_on_voxels(before.clicked, logits)] = config.clicked_error_weight
    if config.new_error_weight != 1:
        inside = truth > 0
        new = (_on_voxels(before.mask, logits) == inside) & ((logits > 0) != inside)
        weights[new] = config.new_error_weight
    return weights


def _on_voxels(cells: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Values of cells of 2 mm on the voxels of `like`, nearest neighbour; bool stays bool."""
    fine = F.interpolate(cells.float(), size=like.shape[2:], mode="nearest")
    return fine > 0 if cells.dtype == torch.bool else fine


CELL_MM = 2.0
"""Edge of the voxels that users click and the maps of prompts are drawn on."""

PROPOSAL_WEIGHT = 0.5
"""Of the loss on what is found without prompts, beside that on the answers to them."""


class TrainingStep(nn.Module):
    """Wraps a decoder so that one `forward` is a whole step, which lets Fabric distribute it.

    Args:
        decoder: The network to be trained.
        clicks: How users are simulated.
        seed: Seed of the simulated users; with a sample's index it fixes every click.
        kinds: Kinds of prompts that the network reads; users give no others.
        embed: From images (B, M, K, J, I) to their embeddings (B, M, C, z, y, x), where a batch comes without them.
        previous: What the network is given besides prompts, see `MethodConfig.previous`.
        loss: What counts how much.
    """

    def __init__(
        self,
        decoder: VolumeDecoder,
        clicks: ClickConfig,
        seed: int,
        kinds: Sequence[str] = PROMPTS,
        embed: Callable[[torch.Tensor], torch.Tensor] | None = None,
        previous: Previous = "proposal",
        loss: LossConfig = PLAIN,
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.clicks = clicks
        self.seed = seed
        self.kinds = kinds
        self.embed = embed
        self.previous = previous
        self.loss = loss

    def forward(
        self,
        images: torch.Tensor,
        present: torch.Tensor,
        regions: torch.Tensor,
        embeddings: torch.Tensor | None,
        index: torch.Tensor,
        training_progress: float = 1.0,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute loss and mean Dice of a batch.

        Both are means over the samples, none of which depends on the others: it does not matter which are together.
        All users of a sample share its features; the loss is half of that on the proposal and the mean of theirs, and
        the auxiliary losses of the network.

        Args:
            images, present, regions, embeddings: As in `Crop`, with a batch axis in front.
            index: Numbers of the samples, (B,).
            training_progress: Fraction of the training that is done, 0 to 1.

        Returns:
            The loss, a scalar, and the Dice of WT, TC, ET, (3,).
        """
        if embeddings is None and self.embed is not None:
            embeddings = self.embed(images * present[:, :, None, None, None])
        features, loss = self.decoder.encode_for_training(images, present, embeddings, training_progress)
        unprompted = [PromptSet()] * len(index)
        nothing = self._maps(unprompted, [None] * len(index), images)
        proposed, auxiliary = self.decoder.decode_for_training(features, nothing, unprompted, regions)
        loss = loss + auxiliary + PROPOSAL_WEIGHT * segmentation_loss(proposed, regions, nothing, self.loss)
        levels = regions.sum(dim=1, dtype=torch.uint8)
        known = [tensor.cpu().numpy() for tensor in (levels, images.float(), present)]
        scenes = [Scene(*sample) for sample in zip(*known, _on_cells(proposed), strict=True)]
        losses, dices = [], []
        for number in range(self.clicks.users):
            users = [
                User(scene, self.clicks, self.kinds, self.previous, np.random.default_rng((self.seed, 7, n, number)))
                for scene, n in zip(scenes, index.tolist(), strict=True)
            ]
            self._correct(users, features, images)
            goal = _nested(users).to(regions.device)
            prompts = [user.prompts for user in users]
            maps = self._maps(prompts, [user.previous_logits for user in users], images)
            logits, auxiliary = self.decoder.decode_for_training(features, maps, prompts, goal)
            before = Before(
                torch.from_numpy(np.stack([user.previous_logits > 0 for user in users])).to(images.device),
                torch.from_numpy(np.stack([user.near_clicks() for user in users])).to(images.device),
            )
            losses.append(segmentation_loss(logits, goal, maps, self.loss, before) + auxiliary)
            dices.append(mean_dice(logits.detach(), goal))
        return loss + torch.stack(losses).mean(), torch.stack(dices).mean(dim=0)

    @torch.no_grad()
    def _correct(self, users: Sequence[User], features: list[torch.Tensor], like: torch.Tensor) -> None:
        """Let users, one of each sample, look at the answers and correct them until none has a round left."""
        while any(user.rounds for user in users):
            answers: list[np.ndarray | None] = [None] * len(users)
            if any(user.needs_answer for user in users):
                prompts = [user.prompts for user in users]
                maps = self._maps(prompts, [user.previous_logits for user in users], like)
                answers = list(_on_cells(self.decoder.decode([f.detach() for f in features], maps, prompts)))
            for user, answer in zip(users, answers, strict=True):
                user.react(answer)

    def _maps(
        self, prompts: Sequence[PromptSet], previous: Sequence[np.ndarray | None], like: torch.Tensor
    ) -> torch.Tensor:
        shape = [side // 2 for side in like.shape[2:]]
        maps = [prompt_maps(one, shape, CELL_MM, logits) for one, logits in zip(prompts, previous, strict=True)]
        return torch.from_numpy(np.stack(maps)).to(like.device)


def _on_cells(logits: torch.Tensor) -> np.ndarray:
    """Logits on the grid of the prompt maps."""
    return F.avg_pool3d(logits.detach().float(), 2).cpu().numpy()


def _nested(users: Sequence[User]) -> torch.Tensor:
    """What users mean as WT, TC, ET, uint8 (B, 3, K, J, I)."""
    levels = torch.from_numpy(np.stack([user.levels for user in users]))
    return torch.stack([levels >= level for level in (1, 2, 3)], dim=1).to(torch.uint8)


def mean_dice(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Dice of the thresholded logits (B, 3, K, J, I) of each region, mean over the batch, (3,). Two empty masks: 1."""
    return compute_dice(logits > 0, truth > 0, ignore_empty=False).mean(dim=0)
