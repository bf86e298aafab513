"""A simulated user of one crop: what they mean, the prompts given so far, and the logits that the network is given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.placement import on_cells, signed_depths
from ..models.prompt_maps import PromptSet
from ..models.registry import Previous
from ..regions import REGIONS
from .answer_before import all_mended_but, another_outline, as_answer, distorted_answer, nested, with_mask
from .click_simulation import Chances, Click, ClickConfig, correct, first_prompts, region_chances

NEAR_CELLS = 6.0
"""So far from a click its error is what the click was given for: 12 mm."""

SETTLED_REACH = 12.0
"""So far outside of a region, in cells, a click may say that it is not there."""


@dataclass(frozen=True)
class Scene:
    """What a user sees and knows.

    Args:
        levels: The label: number of nested regions that hold a voxel, uint8 (K, J, I), voxels of 1 mm.
        images: (M, K, J, I) in [0, 1].
        present: bool (M,).
        proposal: Logits (3, k, j, i) of what the network finds without prompts, on cells of 2 mm.
    """

    levels: np.ndarray
    images: np.ndarray
    present: np.ndarray
    proposal: np.ndarray


class User:
    """Gives prompts, then looks at the answer and corrects it, some rounds long.

    Args:
        scene: What they look at.
        config: How users are simulated.
        kinds: Kinds of prompts that the network reads; no others are given.
        previous: What the network is given besides prompts, see `MethodConfig.previous`.
        rng: Decides all.

    Attributes:
        levels: What they mean, like those of the scene.
        truth: The same on cells, bool (3, k, j, i).
        prompts: The prompts given so far, in cells.
        previous_logits: Logits (3, k, j, i) that the network is given: the proposal, or the answer to all prompts but
            the newest, in which a mask drawn by hand stands as it was drawn.
        clicks: The newest clicks that lie in an error.
        rounds: Rounds of corrections that are left.
    """

    def __init__(
        self, scene: Scene, config: ClickConfig, kinds: Sequence[str], previous: Previous, rng: np.random.Generator
    ) -> None:
        self.config = config
        self.kinds = kinds
        self.previous = previous
        self.rng = rng
        self.chances: Chances = region_chances(config, rng)
        self.levels = scene.levels
        self.truth = _regions(scene.levels)
        self.prompts = PromptSet(points=[], boxes=[], masks={})
        self.previous_logits = nested(scene.proposal) if previous == "answer" else scene.proposal
        self.clicks: list[Click] = []
        self.rounds = 0
        self._seen: np.ndarray | None = (
            self.previous_logits
        )  # None while the network has not answered the newest prompts
        self._start(scene)

    def react(self, answer: np.ndarray | None) -> None:
        """Correct the answer (3, k, j, i), logits, to the prompts so far, where a round is left.

        It may be None while `needs_answer` is false.
        """
        if not self.rounds:
            return
        self.rounds -= 1
        seen = self._seen if self._seen is not None else nested(_given(answer))
        self._click(seen, 1 if self.rng.random() >= self.config.several else int(self.rng.integers(2, 4)))

    @property
    def needs_answer(self) -> bool:
        """Whether the next round needs the network's answer to the prompts so far."""
        return self.rounds > 0 and self._seen is None

    def near_clicks(self) -> np.ndarray:
        """The errors of the newest clicks within 12 mm of them, bool (3, k, j, i)."""
        near = np.zeros(self.previous_logits.shape, bool)
        for click in self.clicks:
            offsets = np.ogrid[tuple(slice(-c, n - c) for c, n in zip(click.position, click.error.shape, strict=True))]
            near[click.index] |= click.error & (sum(offset**2 for offset in offsets) <= NEAR_CELLS**2)
        return near

    def _start(self, scene: Scene) -> None:
        """The first prompts, and how many rounds of corrections follow."""
        config, rng = self.config, self.rng
        clicks_are_read = "point" in self.kinds
        if clicks_are_read and rng.random() < config.another_outline:
            self._mean_another_outline(scene)
        draw = rng.random()
        if self.previous == "answer" and clicks_are_read and draw < config.previous_truth:
            self._confirm_truth()
        elif (
            self.previous == "answer"
            and clicks_are_read
            and draw < config.previous_truth + config.previous_distorted
            and self.levels.any()
        ):
            self._mend_one_error(scene.proposal)
        else:
            if not self.prompts:
                self._give_first_prompts()
            if clicks_are_read:
                drawn = int(rng.choice(len(config.rounds), p=config.rounds))
                self.rounds = max(drawn, int(self._seen is not None))

    def _mean_another_outline(self, scene: Scene) -> None:
        outline = another_outline(scene.levels, scene.images, scene.present, self.rng, self.config.border)
        if outline is None:
            return
        self.levels, self.truth = outline.levels, _regions(outline.levels)
        self.prompts.points.append((outline.position, outline.positive, outline.region))
        self.clicks = [Click(REGIONS.index(outline.region), outline.position, outline.changed)]
        self._seen = None

    def _give_first_prompts(self) -> None:
        given = first_prompts(self.truth, self.config, self.chances, self.rng)
        self.prompts = PromptSet(
            points=given.points if "point" in self.kinds else [],
            boxes=given.boxes if "box" in self.kinds else [],
            masks=given.masks if "mask" in self.kinds else {},
        )
        for region, mask in self.prompts.masks.items():
            self._seen = with_mask(self.previous_logits, region, mask)
            if self.previous == "answer":
                self.previous_logits = self._seen
        if self.prompts.points or self.prompts.boxes:
            self._seen = None

    def _confirm_truth(self) -> None:
        """The answer before is what they mean, and one to three clicks say so."""
        truth = self.truth
        self.previous_logits = as_answer(truth, self.rng)
        self.clicks = []
        for _ in range(int(self.rng.integers(1, 4))):
            index = int(self.rng.choice(3, p=self.chances))
            depths = signed_depths(truth[index])
            positive = bool(truth[index].any() and self.rng.random() < 0.6)
            where = truth[index] if positive else (depths < 0) & (depths > -SETTLED_REACH)
            if not where.any():
                where = ~truth[index]
                positive = False
            k, j, i = np.unravel_index(int(self.rng.choice(np.flatnonzero(where))), where.shape)
            self.prompts.points.append(((float(k), float(j), float(i)), positive, REGIONS[index]))

    def _mend_one_error(self, proposal: np.ndarray) -> None:
        """The answer before is what they mean but for an error, the largest, which is clicked: one of the network's
        own, or one that is made up.
        """
        truth, rng = self.truth, self.rng
        index = int(rng.choice(3, p=self.chances))
        only: Chances = (float(index == 0), float(index == 1), float(index == 2))
        self.prompts.points.clear()
        before = nested(proposal)
        own = correct(self.prompts, before > 0, truth, only, rng, self.config.border) if rng.random() < 0.5 else None
        if own is not None:
            self.previous_logits, self.clicks = all_mended_but(before, truth, own.error), [own]
        else:
            self.previous_logits = as_answer(distorted_answer(truth, index, rng), rng)
            self.clicks = []
            self._click(self.previous_logits, 1, only)
        if not self.prompts:
            self._confirm_truth()

    def _click(self, seen: np.ndarray, count: int, chances: Chances | None = None) -> None:
        """Up to so many clicks where what they see is wrong."""
        given = [
            correct(self.prompts, seen > 0, self.truth, chances or self.chances, self.rng, self.config.border)
            for _ in range(count)
        ]
        if clicks := [click for click in given if click is not None]:
            self.clicks = clicks
            self._seen = None
            if self.previous == "answer":
                self.previous_logits = seen


def _regions(levels: np.ndarray) -> np.ndarray:
    """WT, TC, ET on cells, bool (3, k, j, i)."""
    return np.stack([on_cells(levels >= level) for level in range(1, len(REGIONS) + 1)])


def _given(answer: np.ndarray | None) -> np.ndarray:
    assert answer is not None, "the user waits for an answer"
    return answer
