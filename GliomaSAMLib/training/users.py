"""A simulated user of one crop: what they mean, the prompts given so far, and the logits that the network is given.

What users look at stays on the device. The host learns of a prompt when it is asked for it: `User.pending` holds the
numbers of what the user does next, and `settle` brings those of all users over at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ..models.prompt_maps import PromptSet
from ..models.registry import Previous
from ..regions import REGIONS
from .answer_before import all_mended_but, as_answer, distorted_answer, not_above, with_mask
from .chance import Chance
from .click_simulation import (
    BOX_NUMBERS,
    CLICK_NUMBERS,
    Click,
    ClickConfig,
    click_at,
    click_in,
    correct,
    distort,
    draw_region,
    first_box,
    only,
    region_chances,
)
from .masks import depths, distances, nested, on_cells
from .other_outline import another_outline

Value = TypeVar("Value")

NEAR_CELLS = 6.0
"""So far from a click its error is what the click was given for: 12 mm."""

SETTLED_REACH = 12
"""So far outside of a region, in cells, a click may say that it is not there."""


@dataclass(frozen=True)
class Scene:
    """What a user sees and knows, on the device but for `present`.

    Args:
        levels: The label: number of nested regions that hold a voxel, uint8 (K, J, I), voxels of 1 mm.
        images: (M, K, J, I) in [0, 1].
        present: bool (M,).
        proposal: Logits (3, k, j, i) of what the network finds without prompts, on cells of 2 mm.
        known: The regions that the label tells: users work on these.
    """

    levels: Tensor
    images: Tensor
    present: np.ndarray
    proposal: Tensor
    known: tuple[str, ...] = REGIONS


@dataclass(frozen=True)
class Pending:
    """What a user does next, which the host does not know yet.

    Args:
        clicks: Clicks; those that are not there fall away.
        box: A box as numbers, and its region; it falls away where there is a click.
        mask: A mask by hand and its region, which falls away likewise.
        seen: The logits that the user looks at; the network is given them with the clicks, where it reads the answer
            before.
        mending: Whether a prompt has to come of it: else the user confirms the truth instead.
        first: Whether they have said nothing yet.
    """

    clicks: tuple[Click, ...] = ()
    box: tuple[Tensor, str] | None = None
    mask: tuple[Tensor, str, Tensor] | None = None
    seen: Tensor | None = None
    mending: bool = False
    first: bool = False

    def numbers(self) -> list[Tensor]:
        """What the host has to learn."""
        parts = [click.numbers for click in self.clicks]
        if self.box is not None:
            parts.append(self.box[0])
        if self.mask is not None:
            parts.append(self.mask[2].float()[None])
        return parts


class User:
    """Gives prompts, then looks at the answer and corrects it, some rounds long.

    Args:
        scene: What they look at.
        config: How users are simulated.
        kinds: Kinds of prompts that the network reads; no others are given.
        previous: What the network is given besides prompts, see `MethodConfig.previous`.
        chance: Decides all.

    Attributes:
        levels: What they mean, like those of the scene.
        truth: The same on cells, bool (3, k, j, i).
        prompts: The prompts given so far, in cells.
        previous_logits: Logits (3, k, j, i) that the network is given: the proposal, or the answer to all prompts but
            the newest, in which a mask drawn by hand stands as it was drawn.
        clicks: The newest clicks.
        rounds: Rounds of corrections that are left.
        pending: What they do next, until `take` is told.
    """

    def __init__(
        self, scene: Scene, config: ClickConfig, kinds: Sequence[str], previous: Previous, chance: Chance
    ) -> None:
        self.config = config
        self.kinds = kinds
        self.previous = previous
        self.chance = chance
        self.chances = region_chances(config, chance, scene.known)
        self.levels = scene.levels
        self.prompts = PromptSet(points=[], boxes=[], masks={})
        self.proposal = not_above(scene.proposal) if previous == "answer" else scene.proposal
        self.previous_logits = self.proposal
        self.clicks: list[Click] = []
        self.rounds = 0
        self.pending: Pending | None = None
        self._seen: Tensor | None = self.proposal  # None while the network has not answered the newest prompts
        self._start(scene)

    def react(self, answer: Tensor | None) -> None:
        """Correct the answer (3, k, j, i), logits, to the prompts so far, where a round is left.

        It may be None while `needs_answer` is false.
        """
        if not self.rounds:
            return
        self.rounds -= 1
        seen = self._seen if self._seen is not None else not_above(_given(answer))
        several = self.chance.happens(self.config.several)
        self._click(seen, int(self.chance.rng.integers(2, 4)) if several else 1)

    @property
    def needs_answer(self) -> bool:
        """Whether the next round needs the network's answer to the prompts so far."""
        return self.rounds > 0 and self._seen is None

    def near_clicks(self) -> Tensor:
        """The errors of the newest clicks within 12 mm of them, bool (3, k, j, i)."""
        near = torch.zeros_like(self.truth)
        for click in self.clicks:
            reach = distances(click.numbers[:3], click.error.shape) <= NEAR_CELLS
            near[click.index] |= click.error & reach
        return near

    def take(self, numbers: list[float]) -> None:
        """Give the prompts that are pending, now that the host knows their numbers."""
        pending, self.pending = _given(self.pending), None
        found = [n for n in range(len(pending.clicks)) if numbers[CLICK_NUMBERS * (n + 1) - 1]]
        rest = numbers[CLICK_NUMBERS * len(pending.clicks) :]
        if found:
            self.clicks = []
            for n in found:
                k, j, i, positive, _ = numbers[CLICK_NUMBERS * n : CLICK_NUMBERS * (n + 1)]
                click = pending.clicks[n]
                self.prompts.points.append(((k, j, i), bool(positive), click.region))
                self.clicks.append(click)
            self._seen = None
            if self.previous == "answer" and pending.seen is not None:
                self.previous_logits = pending.seen
        elif pending.box is not None and rest[BOX_NUMBERS - 1]:
            self.prompts.boxes.append((tuple(rest[:3]), tuple(rest[3:6]), pending.box[1]))
            self._seen = None
        elif pending.mask is not None and rest[0]:
            mask, region, _ = pending.mask
            self.prompts.masks = {region: mask}
            drawn = with_mask(self.proposal, region, mask)
            self._seen = drawn
            if self.previous == "answer":
                self.previous_logits = drawn
        elif pending.mending:
            self._confirm_truth()
        if pending.first and not self.prompts and "point" in self.kinds:
            self.rounds = max(1, self.rounds)  # who has said nothing yet corrects at least once

    def _start(self, scene: Scene) -> None:
        """The first prompts, and how many rounds of corrections follow."""
        config, chance = self.config, self.chance
        clicks_are_read = "point" in self.kinds
        other: tuple[Click, ...] = ()
        if clicks_are_read and chance.happens(config.another_outline):
            outline = another_outline(scene.levels, scene.images, scene.present, chance, config.border, scene.known)
            self.levels, other = outline.levels, (outline.click,)
        self.truth = on_cells(nested(self.levels))
        draw = chance.rng.random() if self.previous == "answer" and clicks_are_read else 1.0
        if draw < config.previous_truth:
            self._confirm_truth()
        elif draw < config.previous_truth + config.previous_distorted:
            self._mend_one_error()
        else:
            self.pending = self._first_prompts(other)
            if clicks_are_read:
                self.rounds = int(chance.rng.choice(len(config.rounds), p=config.rounds))
                if self.pending is None or self.pending.mask is not None:
                    self.rounds = max(1, self.rounds)

    def _first_prompts(self, other: tuple[Click, ...]) -> Pending | None:
        """What a user does who has seen no answer yet; None for nothing.

        Args:
            other: The click that says that another outline is meant. Where there is one it is the first prompt.
        """
        config, chance = self.config, self.chance
        index = draw_region(self.chances, chance)
        region, mask = REGIONS[index], self.truth[index]
        by_hand, draw = chance.happens(config.start_mask), chance.rng.random()
        if "point" not in self.kinds:
            draw = 1.0 if draw < config.start_none else config.start_none  # nothing, or a box
        if by_hand and "mask" in self.kinds:
            drawn = (distort(mask, chance), region, mask.any())
            return Pending(other, mask=drawn, seen=self.proposal, first=True)
        if config.start_none <= draw < config.start_none + config.start_box and "box" in self.kinds:
            return Pending(other, box=(first_box(mask, chance), region), seen=self.proposal, first=True)
        if draw >= config.start_none + config.start_box and "point" in self.kinds:
            first = click_in(mask, self.truth, index, chance)
            return Pending(_first_of(other, first), seen=self.proposal, first=True)
        return Pending(other, seen=self.proposal, first=True) if other else None

    def _confirm_truth(self) -> None:
        """The answer before is what they mean, and they say so in places that are right already."""
        self.rounds = 0
        seen = as_answer(self.truth, self.chance)
        self.previous_logits = seen
        self.pending = Pending(tuple(self._confirming() for _ in range(int(self.chance.rng.integers(1, 4)))), seen=seen)

    def _confirming(self) -> Click:
        """A click that says what is right already: inside a region, or near it outside."""
        chance = self.chance
        index = draw_region(self.chances, chance)
        inside = self.truth[index]
        outside = ~inside & (depths(~inside, SETTLED_REACH, edge=False) < SETTLED_REACH)
        outside = outside | (~inside & ~outside.any())
        wanted = inside & inside.any() if chance.happens(0.6) else outside
        place = chance.pick(torch.where(wanted.any(), wanted, ~inside))
        nothing = torch.zeros_like(inside)
        return click_at(place, self.truth, index, nothing, torch.ones_like(inside.any()))

    def _mend_one_error(self) -> None:
        """The answer before is what they mean but for an error, the largest, which is clicked: one of the network's
        own, or one that is made up.
        """
        chance = self.chance
        index = draw_region(self.chances, chance)
        if chance.happens(0.5):
            before = not_above(self.proposal)
            click = correct(before > 0, self.truth, only(index), chance, self.config.border)
            seen = all_mended_but(before, self.truth, click.error)
        else:
            seen = as_answer(distorted_answer(self.truth, index, chance), chance)
            click = correct(seen > 0, self.truth, only(index), chance, self.config.border)
        self.pending = Pending((click,), seen=seen, mending=True)

    def _click(self, seen: Tensor, count: int) -> None:
        """Up to so many clicks where what they see is wrong."""
        clicks = tuple(
            correct(seen > 0, self.truth, self.chances, self.chance, self.config.border) for _ in range(count)
        )
        self.pending = Pending(clicks, seen=seen)


def settle(users: Sequence[User]) -> None:
    """Let all users give what is pending: one transfer from the device for all of them."""
    while waiting := [user for user in users if user.pending is not None]:
        parts = [_given(user.pending).numbers() for user in waiting]
        flat = [part for own in parts for part in own]
        numbers = torch.cat(flat).tolist() if flat else []
        for user, own in zip(waiting, parts, strict=True):
            count = sum(len(part) for part in own)
            user.take(numbers[:count])
            numbers = numbers[count:]


def _first_of(clicks: tuple[Click, ...], otherwise: Click) -> tuple[Click, ...]:
    """The click of `clicks` where there is one, else the other: as one click, on the device."""
    if not clicks:
        return (otherwise,)
    (first,) = clicks
    spare = otherwise.numbers.clone()
    spare[-1] = spare[-1] * (1 - first.numbers[-1])
    return first, Click(otherwise.index, otherwise.error, spare)


def _given(value: Value | None) -> Value:
    assert value is not None, "the user waits for an answer"
    return value
