"""From prompts to masks: decode, correct at the clicks, blend with the answer before, bring onto the reference grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np

from ..geometry import Extent, Geometry, resample
from ..models import Model
from ..models.model import Features
from ..models.prompt_maps import DRAWN_LOGIT, PromptSet, prompt_maps
from ..models.slice_stack import pad_to
from ..progress import Reporter
from ..prompts import Prompt, box_layers, box_range, prompt_voxels
from ..regions import REGIONS
from ..study import Study
from .answer import (
    AnswerOptions,
    Point,
    add_gp_correction,
    is_edited,
    keep_rules,
    reach_mm,
    still_marked,
    weight_of,
    window_of,
)
from .cells import CELL_MM, halve, voxels_of
from .embeddings import StudyEmbeddings

STEM_SHARE = 0.35
"""Share of the time to the first mask that the stem of an adapted encoder takes."""

PACE = 0.98
"""Share of the progress left by each callback of an encoding network, whose number is not known before."""


class StudyDecoder:
    """Encodes one study with one model and decodes it for prompts.

    The whole brain is always encoded and decoded: the answer does not depend on where a prompt lies.

    Args:
        model: The model.
        embeddings: The study's slice embeddings, computed as needed.
    """

    def __init__(self, model: Model, embeddings: StudyEmbeddings) -> None:
        self.model = model
        self.embeddings = embeddings
        self.images = halve(np.stack(list(embeddings.images.values())))
        """float32 (M, k, j, i) in [0, 1], the modalities present, on cells of 2 mm."""
        self._features: Features | None = None
        self._proposal: np.ndarray | None = None

    def prepare(self, report: Reporter) -> None:
        """Compute all that needs no prompt: embeddings, features, and the logits without prompts. Raises `Cancelled`;
        the embeddings done by then are kept.
        """
        if self._proposal is not None:
            return
        share = STEM_SHARE if self.model.adapts else 0.9
        if self._features is None:
            self.embeddings.ensure(report.part(0, share))
            encoding = report.part(share, 0.92)
            calls = count(1)
            self._features = self.model.encode(
                self.embeddings.images,
                self.embeddings.array,
                lambda: encoding.report(1 - PACE ** next(calls), "encoding the study"),
            )
        report.report(0.92, "outlining")
        self._proposal = self._decode(PromptSet(), None)
        report.report(1.0, "outlining")

    @property
    def proposal(self) -> np.ndarray:
        """Logits float32 (3, K, J, I) without prompts, voxels of 1 mm of the padded volume; after `prepare`."""
        assert self._proposal is not None
        return self._proposal

    def logits(self, prompts: PromptSet, before: np.ndarray) -> np.ndarray:
        """Logits float32 (3, K, J, I) for prompts; after `prepare`.

        Args:
            prompts: All prompts, in cells of 2 mm.
            before: Logits (3, k, j, i) of the answer to all prompts but the last, in cells; for methods that are given
                the answer before.
        """
        given = before if self.model.config.previous == "answer" else halve(self.proposal)
        return self._decode(prompts, given)

    def _decode(self, prompts: PromptSet, previous: np.ndarray | None) -> np.ndarray:
        assert self._features is not None
        maps = prompt_maps(prompts, self.images.shape[1:], CELL_MM, previous)
        return self.model.decode(self._features, maps, prompts)


SURE = 10.0
"""Size that logits are clipped to; outside the brain they are its negative."""

LEAST = 0.1
"""Least size of a logit that takes its sign from the mask: more than a new answer counts at its limit."""

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


@dataclass(frozen=True)
class _Update:
    """Where a prompt may change the answer before, as boxes of cells and of the reference grid, with the weights of the
    new answer on both.
    """

    cells: Extent
    on_cells: np.ndarray
    window: Extent
    on_window: np.ndarray


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

    def proposal(self, report: Reporter, carried: Mapping[str, np.ndarray] | None = None) -> Answer:
        """The answer without prompts. Raises `Cancelled`.

        Args:
            report: Told of progress.
            carried: Masks (K, J, I) on the reference grid of an earlier examination, by region; of one that is absent
                nothing is known. The network is given the mean of them and of its own proposal as the answer before;
                what it makes of that counts everywhere, and nothing of them has to stay.
        """
        self._decoder.prepare(report)
        everywhere, reference = _whole(self._cells), self.study.reference
        logits = self._decoder.proposal if carried is None else self._from_carried(carried)
        field = self._field(logits, everywhere)
        masks = {r: self._on_window(field[n], everywhere, _whole(reference)) > 0 for n, r in enumerate(REGIONS)}
        keep_rules(masks, None, (), reference, self.options)
        return Answer(masks, halve(field).astype(np.float16))

    def _from_carried(self, carried: Mapping[str, np.ndarray]) -> np.ndarray:
        """Network logits (3, K, J, I) without prompts, given carried masks and the proposal as the answer before.

        With the masks alone a tumour that had shrunk kept more of what it was, and one that had grown lost at its rim.
        """
        before = halve(self._decoder.proposal)
        known = [n for n, region in enumerate(REGIONS) if region in carried]
        for n in known:
            before[n] = (self._drawn_on_cells(carried[REGIONS[n]] > 0) * DRAWN_LOGIT + before[n]) / 2
        for n in set(range(len(REGIONS))).difference(known):
            for m in known:  # a region lies within those before it and around those after it
                before[n] = np.minimum(before[n], before[m]) if m < n else np.maximum(before[n], before[m])
        return self._decoder.logits(PromptSet(), before)

    def answer(self, prompts: Sequence[Prompt], before: Answer) -> Answer:
        """The answer to prompts, after `proposal`; `before` is that to all but the last."""
        drawn = prompts[-1].mask
        if drawn is not None:
            return self._edited(prompts[-1], drawn > 0, before)
        cells = before.cells.astype(np.float32)
        points = self._points(prompts)
        logits = self._decoder.logits(self._place(prompts, points), cells)
        add_gp_correction(logits, self._decoder.images, [point for point, _ in points], self.options)
        masks = self._blend(logits, cells, prompts, before)
        keep_rules(masks, before.masks, prompts, self.study.reference, self.options)
        return Answer(masks, cells.astype(np.float16))

    def probability(self, answer: Answer, region: str) -> np.ndarray:
        """float32 (K, J, I) in [0, 1] on the reference grid: above 0.5 in the mask, and below outside."""
        outer = REGIONS[: REGIONS.index(region) + 1]
        logits = np.min([self._before(answer, name, _whole(self.study.reference)) for name in outer], axis=0)
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def _field(self, logits: np.ndarray, cells: Extent) -> np.ndarray:
        """Network logits (3, K, J, I) on a box of cells: clipped, nested, and negative outside the brain. A copy."""
        box = voxels_of(cells)
        field = np.minimum(logits[(slice(None), *box)], self._most[box])
        for outer, inner in pairwise(field):
            np.minimum(inner, outer, out=inner)
        return np.maximum(field, -SURE, out=field)

    def _blend(
        self, logits: np.ndarray, cells: np.ndarray, prompts: Sequence[Prompt], before: Answer
    ) -> dict[str, np.ndarray]:
        """Blend new logits (3, K, J, I) with the answer before: on `cells` in place, and as masks, bool (K, J, I) on
        the reference grid, where the blend is positive. A region that the network found empty is taken as it is now.
        """
        masks = {}
        kept = [region for region in REGIONS if before.masks[region].any() or is_edited(prompts, region)]
        reaches = {region: reach_mm(prompts, region, self.options) for region in REGIONS}
        updates = {reach: self._update(prompts[-1], reach) for reach in set(reaches.values())}
        box = _whole(self._cells)
        if len(kept) == len(REGIONS):
            box = _wider(updates[max(updates)].cells, self._cells)
        field = self._field(logits, box)
        for n, (region, coarse) in enumerate(zip(REGIONS, halve(field), strict=True)):
            if region not in kept:
                cells[n] = coarse
                masks[region] = self._on_window(field[n], box, _whole(self.study.reference)) > 0
                continue
            update = updates[reaches[region]]
            new = coarse[
                tuple(slice(w.start - b.start, w.stop - b.start) for w, b in zip(update.cells, box, strict=True))
            ]
            cells[n][update.cells] += update.on_cells * (new - cells[n][update.cells])
            old = self._before(before, region, update.window)
            blend = old + update.on_window * (self._on_window(field[n], box, update.window) - old)
            masks[region] = before.masks[region].copy()
            masks[region][update.window] = blend > 0
        np.minimum.accumulate(cells, axis=0, out=cells)
        return masks

    def _update(self, newest: Prompt, reach: float) -> "_Update":
        """What the newest prompt may change, on cells and on the reference grid. What marks more than a voxel is
        measured on cells, which are few.
        """
        reference = self.study.reference
        marked = self._box_marks(newest) if newest.kind == "box" else prompt_voxels(newest, reference)
        on_cells = self._on_cells(marked)
        cells, weight = weight_of(on_cells, self._cells, reach)
        if len(marked) == 1:
            return _Update(cells, weight, *weight_of(marked, reference, reach))
        window = window_of(marked, reference, reach)
        image = _crop(self._cells, cells).to_image(weight)
        return _Update(cells, weight, window, resample(image, _crop(reference, window)))

    def _on_cells(self, voxels: np.ndarray) -> np.ndarray:
        """Positions (N, 3) in cells of voxels of the reference grid."""
        return self._cells.to_ijk(self.study.reference.to_ras(voxels[:, ::-1]))[:, ::-1]

    def _box_marks(self, box: Prompt) -> np.ndarray:
        """Of the voxels in a box, which may be millions, one in each cell of each layer, those between two cells and
        those farthest out: on these alone it depends how far from the box a place is, in cells, and what it reaches.
        """
        marks = []
        for layer in box_layers(box, self.study.reference):
            if len(layer):
                places = self._on_cells(layer)
                between = np.any(np.abs(places - np.floor(places) - 0.5) < 1e-6, axis=1)
                inside = np.flatnonzero(~between)
                cells = np.round(places).astype(int)
                cells -= cells.min(axis=0)
                one = np.full(cells.max(axis=0) + 1, -1)
                one[tuple(cells[inside].T)] = inside
                ends = [found for of in (places, layer) for found in (of.argmin(axis=0), of.argmax(axis=0))]
                marks.append(layer[np.unique(np.concatenate([one[one >= 0], np.flatnonzero(between), *ends]))])
        return np.concatenate(marks)

    def _edited(self, prompt: Prompt, drawn: np.ndarray, before: Answer) -> Answer:
        """The answer to a mask edited by hand: that mask, and the others nested about it."""
        edited = REGIONS.index(prompt.region)
        logits = self._drawn_on_cells(drawn) * DRAWN_LOGIT
        cells, masks = before.cells.astype(np.float32), dict(before.masks)
        for n, region in enumerate(REGIONS):
            if n == edited:
                masks[region], cells[n] = drawn, logits
            elif n < edited:
                masks[region] = masks[region] | drawn
                cells[n] = np.where(logits > 0, np.maximum(cells[n], logits), cells[n])
            else:
                masks[region] = masks[region] & drawn
                cells[n] = np.where(logits < 0, np.minimum(cells[n], logits), cells[n])
        return Answer(masks, cells.astype(np.float16))

    def _drawn_on_cells(self, drawn: np.ndarray) -> np.ndarray:
        """A mask (K, J, I) on the reference grid as float32 (k, j, i) on cells: 1 inside, -1 outside."""
        canonical = pad_to(self.study.to_canonical(drawn).astype(np.float32), self.model.multiple)
        return halve(2 * canonical[None] - 1)[0]

    def _before(self, answer: Answer, region: str, window: Extent) -> np.ndarray:
        """Logits of an answer on a window of the reference grid: the size from the cells, the sign from the mask."""
        cells = answer.cells[REGIONS.index(region)].astype(np.float32)
        size = resample(self._cells.to_image(cells), _crop(self.study.reference, window), outside=-SURE)
        size = np.maximum(np.abs(size), np.float32(LEAST))
        return np.where(answer.masks[region][window], size, -size)

    def _on_window(self, logits: np.ndarray, cells: Extent, window: Extent) -> np.ndarray:
        """Logits (K, J, I) on a box of cells, linearly on a window of the reference grid; negative outside the box."""
        shape = self.study.canonical.geometry.shape
        start = [2 * side.start for side in cells]
        stop = [min(2 * side.stop, n) for side, n in zip(cells, shape, strict=True)]
        k, j, i = (b - a for a, b in zip(start, stop, strict=True))
        if min(k, j, i) <= 0:  # the prompt lies beside the canonical volume
            return np.full([side.stop - side.start for side in window], -SURE, np.float32)
        grid = self.study.canonical.geometry.crop((start[0], start[1], start[2]), (k, j, i))
        return resample(grid.to_image(logits[:k, :j, :i]), _crop(self.study.reference, window), outside=-SURE)

    def _points(self, prompts: Sequence[Prompt]) -> list[tuple[Point, str]]:
        """Clicks and thinned scribbles in cells, with the regions that they mark still, and their own region. Those
        that mark none any more are left out.
        """
        canonical, reference = self.study.canonical.geometry, self.study.reference
        points: list[tuple[Point, str]] = []
        for n, prompt in enumerate(prompts):
            if prompt.is_stroke:
                places = self._places(prompt)
                at = np.round(reference.to_ijk(canonical.to_ras(places[:, ::-1]))[:, ::-1]).astype(int)
                held = still_marked(prompts, n, np.clip(at, 0, np.array(reference.shape) - 1))
                for row, place in enumerate(places):
                    if regions := [region for region, here in held.items() if here[row]]:
                        points.append(((self._cell(place), prompt.positive, regions), prompt.region))
        return points

    def _places(self, prompt: Prompt) -> np.ndarray:
        """Canonical positions (N, 3), K, J, I, of a click, or of a scribble every few millimetres."""
        geometry = self.study.canonical.geometry
        if prompt.kind == "scribble":
            return _thin(prompt_voxels(prompt, geometry)).astype(float)
        return geometry.to_ijk(np.asarray(prompt.points))[:, ::-1]

    def _place(self, prompts: Sequence[Prompt], points: Sequence[tuple[Point, str]]) -> PromptSet:
        """The prompts as the network reads them, in cells of 2 mm; `points` as `_points` gives them."""
        geometry = self.study.canonical.geometry
        latest = {prompt.region: prompt for prompt in prompts if prompt.kind == "mask"}
        drawn = {region: prompt.mask for region, prompt in latest.items()}
        placed = PromptSet(
            points=[(place, positive, region) for (place, positive, _), region in points],
            masks={region: self._drawn_on_cells(mask) for region, mask in drawn.items() if mask is not None},
        )
        for prompt in prompts:
            if prompt.kind == "box":
                low, high = zip(*box_range(prompt, geometry), strict=True)
                placed.boxes.append((self._cell(low), self._cell([end - 1 for end in high]), prompt.region))
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


def _wider(box: Extent, geometry: Geometry) -> Extent:
    """A box of cells with those around it, from which its rim is interpolated."""
    return tuple(slice(max(0, s.start - 2), min(n, s.stop + 2)) for s, n in zip(box, geometry.shape, strict=True))


def _crop(geometry: Geometry, window: Extent) -> Geometry:
    k, j, i = window
    return geometry.crop((k.start, j.start, i.start), (k.stop - k.start, j.stop - j.start, i.stop - i.start))


def _thin(voxels: np.ndarray) -> np.ndarray:
    """One voxel of a scribble every few millimetres."""
    if not len(voxels):
        return voxels
    _, first = np.unique((voxels // SCRIBBLE_STEP_MM).astype(int), axis=0, return_index=True)
    return voxels[np.sort(first)]
