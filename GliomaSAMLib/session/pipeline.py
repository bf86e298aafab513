"""From prompts to masks: decode, correct at the clicks, blend with the answer before, bring onto the reference grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..models import Model
from ..models.slices import pad_to
from ..prompts import Prompt, box_range, prompt_voxels
from ..prompts.maps import PromptVoxels
from ..regions import REGIONS
from ..study import Geometry, Study
from ..study.canonical import resample
from ..study.extent import Extent
from ..study.progress import Reporter
from .answer import (
    CELL_MM,
    DRAWN_LOGIT,
    DRAWN_SHARE,
    AnswerOptions,
    Point,
    Update,
    correct_at_clicks,
    keep_rules,
    marked_regions,
    signed,
)
from .decoding import StudyDecoder, halve
from .embeddings import StudyEmbeddings

SURE = 10.0
"""Size that logits are clipped to; outside the brain they are its negative."""
SCRIBBLE_STEP_MM = 4.0


@dataclass(frozen=True)
class Answer:
    """The answer to an ordered list of prompts, which with the next prompt is all that the next answer depends on.

    Args:
        masks: bool (K, J, I) on the reference grid, for each region.
        cells: Logits float16 (3, k, j, i) on cells of 2 mm of the padded canonical volume, before parts and clicks.
    """

    masks: dict[str, np.ndarray]
    cells: np.ndarray


class Pipeline:
    """Answers prompts on one study with one model. Not for two threads at once.

    Args:
        study: The study.
        model: The model.
        embeddings: Its embeddings, filled as needed.
        options: The numbers of the answer.
    """

    def __init__(self, study: Study, model: Model, embeddings: StudyEmbeddings, options: AnswerOptions) -> None:
        self.study = study
        self.model = model
        self.options = options
        self._decoder = StudyDecoder(model, embeddings)
        brain = pad_to(study.canonical.brain, model.multiple)
        self._most = np.where(brain, np.float32(SURE), np.float32(-SURE))
        self._cells = _cell_grid(study.canonical.geometry, brain.shape)
        self._proposal: Answer | None = None

    def proposal(self, report: Reporter) -> Answer:
        """The answer without prompts, computed at the first call. Raises `Cancelled`."""
        if self._proposal is None:
            self._decoder.prepare(report.part(0, 0.97))
            everywhere, reference = _whole(self._cells), self.study.reference
            field = self._field(self._decoder.proposal, everywhere)
            masks = {r: self._on_window(field[n], everywhere, _whole(reference)) > 0 for n, r in enumerate(REGIONS)}
            keep_rules(masks, None, (), reference, self.options)
            self._proposal = Answer(masks, halve(field).astype(np.float16))
        report.report(1.0, "outlining")
        return self._proposal

    def answer(self, prompts: Sequence[Prompt], before: Answer) -> Answer:
        """The answer to prompts, after `proposal`; `before` is that to all but the last."""
        if prompts[-1].mask is not None:
            return self._edited(prompts[-1], prompts[-1].mask > 0, before)
        cells = before.cells.astype(np.float32)
        logits = self._decoder.logits(self._place(prompts), cells)
        correct_at_clicks(logits, self._decoder.images, self._points(prompts), self.options)
        drawn = {prompt.region for prompt in prompts if prompt.mask is not None}
        masks = self._blend(logits, cells, prompts[-1], before, drawn)
        keep_rules(masks, before.masks, prompts, self.study.reference, self.options)
        return Answer(masks, cells.astype(np.float16))

    def probability(self, answer: Answer, region: str) -> np.ndarray:
        """float32 (K, J, I) in [0, 1] on the reference grid: above 0.5 in the mask, and below outside."""
        logits = self._before(answer, region, _whole(self.study.reference))
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def _field(self, logits: np.ndarray, cells: Extent) -> np.ndarray:
        """Network logits (3, K, J, I) on a box of cells: clipped, nested, and negative outside the brain. A copy."""
        box = tuple(slice(2 * side.start, 2 * side.stop) for side in cells)
        field = np.minimum(logits[(slice(None), *box)], self._most[box])
        for outer, inner in pairwise(field):
            np.minimum(inner, outer, out=inner)
        return np.maximum(field, -SURE, out=field)

    def _blend(
        self, logits: np.ndarray, cells: np.ndarray, newest: Prompt, before: Answer, drawn: set[str]
    ) -> dict[str, np.ndarray]:
        """Blend new logits (3, K, J, I) with the answer before: on `cells` in place, and as masks, bool (K, J, I) on
        the reference grid, where the blend is positive. A region that was empty is taken as the network gives it.
        """
        masks, reference = {}, self.study.reference
        whole = not all(before.masks[region].any() for region in REGIONS)
        box = _whole(self._cells) if whole else Update.of(newest, self._cells, self.options.reach_mm).window
        field = self._field(logits, box)
        coarse = halve(field)
        for n, region in enumerate(REGIONS):
            old = before.masks[region]
            if not old.any():
                cells[n] = coarse[n]
                masks[region] = self._on_window(field[n], box, _whole(reference)) > 0
                continue
            reach = self.options.reach_mm * (DRAWN_SHARE if region in drawn else 1.0)
            update = Update.of(newest, self._cells, reach)
            new = coarse[n][
                tuple(slice(w.start - b.start, w.stop - b.start) for w, b in zip(update.window, box, strict=True))
            ]
            cells[n][update.window] = update.blend(new, cells[n][update.window])
            update = Update.of(newest, reference, reach)
            masks[region] = old.copy()
            if update.weight.size:
                new = self._on_window(field[n], box, update.window)
                masks[region][update.window] = update.blend(new, self._before(before, region, update.window)) > 0
        np.minimum.accumulate(cells, axis=0, out=cells)
        return masks

    def _edited(self, prompt: Prompt, drawn: np.ndarray, before: Answer) -> Answer:
        """The answer to a mask edited by hand: that mask, and the others nested about it."""
        edited = REGIONS.index(prompt.region)
        canonical = pad_to(self.study.to_canonical(drawn).astype(np.float32), self.model.multiple)
        logits = (halve(canonical[None])[0] * 2 - 1) * DRAWN_LOGIT
        cells, masks = before.cells.astype(np.float32), dict(before.masks)
        for n, region in enumerate(REGIONS):
            if n == edited:
                masks[region], cells[n] = drawn, logits
            elif n < edited:
                masks[region], cells[n] = masks[region] | drawn, np.maximum(cells[n], logits)
            else:
                masks[region], cells[n] = masks[region] & drawn, np.minimum(cells[n], logits)
        return Answer(masks, cells.astype(np.float16))

    def _before(self, answer: Answer, region: str, window: Extent) -> np.ndarray:
        """Logits of an answer on a window of the reference grid: the size from the cells, the sign from the mask."""
        cells = answer.cells[REGIONS.index(region)].astype(np.float32)
        size = resample(self._cells.to_image(cells), _crop(self.study.reference, window), outside=-SURE)
        return signed(size, answer.masks[region][window])

    def _on_window(self, logits: np.ndarray, cells: Extent, window: Extent) -> np.ndarray:
        """Logits (K, J, I) on a box of cells, linearly on a window of the reference grid; negative outside the box."""
        shape = self.study.canonical.geometry.shape
        start = [2 * side.start for side in cells]
        stop = [min(2 * side.stop, n) for side, n in zip(cells, shape, strict=True)]
        k, j, i = (b - a for a, b in zip(start, stop, strict=True))
        grid = self.study.canonical.geometry.crop((start[0], start[1], start[2]), (k, j, i))
        return resample(grid.to_image(logits[:k, :j, :i]), _crop(self.study.reference, window), outside=-SURE)

    def _points(self, prompts: Sequence[Prompt]) -> list[Point]:
        """Clicks and thinned scribbles in cells, with the regions that they mark."""
        return [
            (self._cell(place), prompt.positive, regions)
            for prompt, regions in marked_regions(prompts)
            for place in self._places(prompt)
        ]

    def _places(self, prompt: Prompt) -> np.ndarray:
        """Canonical positions (N, 3), K, J, I, of a click, or of a scribble every few millimetres."""
        geometry = self.study.canonical.geometry
        if prompt.kind == "scribble":
            return _thin(prompt_voxels(prompt, geometry)).astype(float)
        return geometry.to_ijk(np.asarray(prompt.points))[:, ::-1]

    def _place(self, prompts: Sequence[Prompt]) -> PromptVoxels:
        """The prompts as the network reads them, in cells of 2 mm."""
        geometry = self.study.canonical.geometry
        placed, masks = PromptVoxels(), {}
        for prompt in prompts:
            if prompt.mask is not None:
                drawn = pad_to(self.study.to_canonical(prompt.mask).astype(np.float32), self.model.multiple)
                masks[prompt.region] = halve(2 * drawn[None] - 1)[0]
            elif prompt.kind == "box":
                low, high = zip(*box_range(prompt, geometry), strict=True)
                placed.boxes.append((self._cell(low), self._cell([end - 1 for end in high]), prompt.region))
            else:
                placed.points += [(self._cell(place), prompt.positive, prompt.region) for place in self._places(prompt)]
        placed.masks = masks
        return placed

    @staticmethod
    def _cell(place: Sequence[float] | np.ndarray) -> tuple[float, ...]:
        """A canonical position (K, J, I) in cells of 2 mm."""
        return tuple((float(v) + 0.5) / CELL_MM - 0.5 for v in place)


def _cell_grid(geometry: Geometry, padded: tuple[int, ...]) -> Geometry:
    """The cells of 2 mm of a padded canonical volume (K, J, I)."""
    k, j, i = (n // 2 for n in padded)
    origin = geometry.to_ras(np.full(3, 0.5))
    return Geometry((i, j, k), (CELL_MM,) * 3, tuple(float(v) for v in origin), geometry.direction)  # type: ignore[arg-type]


def _whole(geometry: Geometry) -> Extent:
    return tuple(slice(0, n) for n in geometry.shape)


def _crop(geometry: Geometry, window: Extent) -> Geometry:
    k, j, i = window
    return geometry.crop((k.start, j.start, i.start), (k.stop - k.start, j.stop - j.start, i.stop - i.start))


def _thin(voxels: np.ndarray) -> np.ndarray:
    """One voxel of a scribble every few millimetres."""
    if not len(voxels):
        return voxels
    _, first = np.unique((voxels // SCRIBBLE_STEP_MM).astype(int), axis=0, return_index=True)
    return voxels[np.sort(first)]
