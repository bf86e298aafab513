"""One training step: users see the proposal or prompt at once, and correct the answers; the loss is on the last."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from torch import Tensor, nn

from ..models.prompt_maps import PromptSet
from ..models.registry import PROMPTS, Previous, VolumeDecoder
from ..regions import REGIONS
from .batches import Batch
from .chance import Chance
from .click_simulation import ClickConfig
from .maps_on_device import draw_maps
from .masks import mean_on_cells, nested
from .users import Scene, User, settle

_dice = DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0, reduction="none")


@dataclass(frozen=True)
class LossConfig:
    """What counts how much.

    Args:
        dice: Weight of the Dice loss.
        near_clicks: Weight of the cross entropy in which voxels near clicks count more.
        entropy: Weight of the plain cross entropy.
        click_weight: Extra weight at a click; falls off with the wide Gaussian of the prompt maps.
        new_error_weight: Weight of voxels that the answer before had right and this one has wrong; 1 like all others.
        clicked_error_weight: Weight of the error that a newest click lies in, within 12 mm of it; 1 like all others.
    """

    dice: float = 1.0
    near_clicks: float = 1.0
    entropy: float = 0.5
    click_weight: float = 15.0
    new_error_weight: float = 1.0
    clicked_error_weight: float = 1.0

    def problems(self) -> list[str]:
        """What makes no sense, one line each."""
        weights = {
            "the Dice loss": self.dice,
            "the cross entropy near clicks": self.near_clicks,
            "the cross entropy": self.entropy,
            "clicks": self.click_weight,
            "new errors": self.new_error_weight,
            "clicked errors": self.clicked_error_weight,
        }
        found = [
            f"the weight of {name} must be a number of 0 or more, not {value}"
            for name, value in weights.items()
            if not (math.isfinite(value) and value >= 0)
        ]
        if not any((self.dice, self.near_clicks, self.entropy)):
            found.append("the weights of the Dice loss and the cross entropies must not all be 0")
        return found


PLAIN = LossConfig()


@dataclass(frozen=True)
class Before:
    """What was there before a user's newest clicks, on the grid of the prompt maps.

    Args:
        mask: The answer before, bool (B, 3, k, j, i).
        clicked: The errors of the newest clicks near these, bool (B, 3, k, j, i).
    """

    mask: Tensor
    clicked: Tensor


def segmentation_loss(
    logits: Tensor,
    truth: Tensor,
    maps: Tensor,
    config: LossConfig = PLAIN,
    before: Before | None = None,
    known: Tensor | None = None,
) -> Tensor:
    """Loss of `logits` (B, 3, K, J, I) against `truth` of the same shape, mean over the batch.

    Args:
        logits: Logits of WT, TC, ET.
        truth: 0 or 1.
        maps: Prompt maps (B, CHANNELS, K/2, J/2, I/2); channels 6..11 weigh the surroundings of clicks.
        config: The weights.
        before: What was there before, for the weights of errors; None without an answer before.
        known: Which regions the truth tells, bool (B, 3); the others count for nothing. None for all.
    """
    logits, truth = logits.float(), truth.float()
    wide = maps[:, 6:12].float().amax(dim=1, keepdim=True)
    weight = 1 + config.click_weight * _on_voxels(wide, logits)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if before is not None:
        entropy = entropy * _error_weights(logits, truth, config, before)
    near_clicks = (entropy * weight).mean(dim=(2, 3, 4)) / weight.mean(dim=(2, 3, 4))
    plain = entropy.mean(dim=(2, 3, 4))
    by_region = config.dice * _dice(logits, truth).flatten(1) + config.near_clicks * near_clicks  # B x 3
    by_region = by_region + config.entropy * plain
    return known_mean(by_region, known).mean()


def known_mean(by_region: Tensor, known: Tensor | None) -> Tensor:
    """Means over the regions that are known, (B,), of values (B, 3)."""
    if known is None:
        return by_region.mean(dim=1)
    return torch.where(known, by_region, 0.0).sum(dim=1) / known.sum(dim=1)


@torch.no_grad()
def _error_weights(logits: Tensor, truth: Tensor, config: LossConfig, before: Before) -> Tensor:
    """Weights of the voxels, (B, 3, K, J, I)."""
    weights = torch.ones_like(logits)
    if config.clicked_error_weight != 1:
        weights[_on_voxels(before.clicked, logits)] = config.clicked_error_weight
    if config.new_error_weight != 1:
        inside = truth > 0
        new = (_on_voxels(before.mask, logits) == inside) & ((logits > 0) != inside)
        weights[new] = config.new_error_weight
    return weights


def _on_voxels(cells: Tensor, like: Tensor) -> Tensor:
    """Values of cells of 2 mm on the voxels of `like`, nearest neighbour; bool stays bool."""
    fine = F.interpolate(cells.float(), size=like.shape[2:], mode="nearest")
    return fine > 0 if cells.dtype == torch.bool else fine


CELL_MM = 2.0
"""Edge of the voxels that users click and the maps of prompts are drawn on."""

PROPOSAL_WEIGHT = 0.5
"""Of the loss on what is found without prompts, beside that on the answers to them."""


class TrainingStep(nn.Module):
    """Wraps a decoder so that one `forward` is a whole step, which lets Fabric distribute it.

    All is computed on the device of the batch. The host learns of prompts, once for each round of the users.

    Args:
        decoder: The network to be trained.
        clicks: How users are simulated.
        seed: Seed of the simulated users; with a sample's index it fixes every click.
        kinds: Kinds of prompts that the network reads; users give no others.
        previous: What the network is given besides prompts, see `MethodConfig.previous`.
        loss: What counts how much.
    """

    def __init__(
        self,
        decoder: VolumeDecoder,
        clicks: ClickConfig,
        seed: int,
        kinds: Sequence[str] = PROMPTS,
        previous: Previous = "proposal",
        loss: LossConfig = PLAIN,
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.clicks = clicks
        self.seed = seed
        self.kinds = kinds
        self.previous = previous
        self.loss = loss

    def forward(self, batch: Batch, training_progress: float = 1.0) -> tuple[Tensor, Tensor]:
        """Compute loss and mean Dice of a batch.

        Both are means over the samples, none of which depends on the others: it does not matter which are together.
        (But where the label of one does not tell all regions, the network's own auxiliary losses, which know nothing of
        that, are left out for all.) All users of a sample share its features; the loss is half of that on the
        proposal and the mean of theirs, and the auxiliary losses of the network.

        Args:
            batch: The samples.
            training_progress: Fraction of the training that is done, 0 to 1.

        Returns:
            The loss, a scalar, and the Dice of WT, TC, ET, (3,), each over the samples in which it is known; not a
            number where it is known in none.
        """
        images, known = batch.images, batch.known
        features, loss = self.decoder.encode_for_training(images, batch.present, batch.embeddings, training_progress)
        unprompted = [PromptSet()] * len(images)
        nothing = self._maps(unprompted, [None] * len(images), images)
        regions = nested(batch.levels)
        counted = 1.0 - float(any(told != REGIONS for told in batch.told))
        proposed, auxiliary = self.decoder.decode_for_training(features, nothing, unprompted, regions.to(torch.uint8))
        proposal_loss = segmentation_loss(proposed, regions, nothing, self.loss, known=known)
        loss = loss + counted * auxiliary + PROPOSAL_WEIGHT * proposal_loss
        scenes = [
            Scene(batch.levels[n], images[n].float(), batch.present_on_host[n], proposal, batch.told[n])
            for n, proposal in enumerate(mean_on_cells(proposed))
        ]
        losses, dices = [], []
        for number in range(self.clicks.users):
            users = [
                User(scene, self.clicks, self.kinds, self.previous, Chance(images.device, self.seed, 7, n, number))
                for scene, n in zip(scenes, batch.index, strict=True)
            ]
            self._correct(users, features, images)
            goal = nested(torch.stack([user.levels for user in users]))
            prompts = [user.prompts for user in users]
            previous = torch.stack([user.previous_logits for user in users])
            maps = self._maps(prompts, list(previous), images)
            logits, auxiliary = self.decoder.decode_for_training(features, maps, prompts, goal.to(torch.uint8))
            before = Before(previous > 0, torch.stack([user.near_clicks() for user in users]))
            losses.append(segmentation_loss(logits, goal, maps, self.loss, before, known) + counted * auxiliary)
            dices.append(mean_dice(logits.detach(), goal, known))
        return loss + torch.stack(losses).mean(), torch.stack(dices).mean(dim=0)

    @torch.no_grad()
    def _correct(self, users: Sequence[User], features: list[Tensor], like: Tensor) -> None:
        """Let users, one of each sample, look at the answers and correct them until none has a round left."""
        settle(users)
        while any(user.rounds for user in users):
            answers: list[Tensor | None] = [None] * len(users)
            if any(user.needs_answer for user in users):
                prompts = [user.prompts for user in users]
                maps = self._maps(prompts, [user.previous_logits for user in users], like)
                answers = list(mean_on_cells(self.decoder.decode([f.detach() for f in features], maps, prompts)))
            for user, answer in zip(users, answers, strict=True):
                user.react(answer)
            settle(users)

    def _maps(self, prompts: Sequence[PromptSet], previous: Sequence[Tensor | None], like: Tensor) -> Tensor:
        shape = [side // 2 for side in like.shape[2:]]
        return torch.stack(
            [draw_maps(one, shape, CELL_MM, like.device, logits) for one, logits in zip(prompts, previous, strict=True)]
        )


def mean_dice(logits: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Dice of the thresholded logits (B, 3, K, J, I) of each region, mean over those of the batch in which it is known,
    (3,). Two empty masks: 1.
    """
    found, wanted = logits > 0, truth > 0
    both, either = (one.sum(dim=(2, 3, 4)) for one in (found & wanted, found.int() + wanted))
    each = torch.where(either > 0, 2 * both / either.clamp(min=1), 1.0)  # MONAI's asks the device for each region
    if known is None:
        return each.mean(dim=0)
    return torch.where(known, each, 0.0).sum(dim=0) / known.sum(dim=0)
