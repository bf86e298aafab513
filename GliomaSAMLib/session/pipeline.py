"""From prompts to masks: embed, decode, correct at the clicks, bring onto the reference grid, keep the promises."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..models import Model
from ..models.model import Features
from ..models.slices import pad_to
from ..prompts import Prompt, box_range, prompt_voxels
from ..prompts.maps import PromptVoxels, prompt_maps
from ..regions import REGIONS
from ..study import Study
from ..study.progress import Reporter
from .embeddings import StudyEmbeddings
from .promises import keep_edits, nest, obey, remove_islands
from .refine import CELL_MM, click_correction
from .roi import Slab

OUTSIDE = -10.0
"""Logit of what was not decoded."""
SCRIBBLE_STEP_MM = 4.0


@dataclass(frozen=True)
class Answer:
    """Masks bool (K, J, I) on the reference grid, and logits float16 (3, K, J, I) on the canonical grid."""

    masks: dict[str, np.ndarray]
    logits: np.ndarray


class Pipeline:
    """Answers prompts on one study with one model. Not for two threads at once.

    Args:
        study: The study.
        model: The model.
        embeddings: Its embeddings, filled as needed.
    """

    def __init__(self, study: Study, model: Model, embeddings: StudyEmbeddings) -> None:
        self.study = study
        self.model = model
        self.embeddings = embeddings
        self._features: tuple[Slab, Features] | None = None
        self._half: np.ndarray | None = None
        self._proposal: tuple[Slab, dict[str, np.ndarray]] | None = None

    def answer(self, prompts: Sequence[Prompt], report: Reporter) -> Answer:
        """The masks for `prompts`. Raises `Cancelled`; what was embedded by then is kept."""
        placed = self._place(prompts)
        depth = self.embeddings.padded[0]
        slab = Slab.around(self._slices(placed), depth)
        centre = self._centre(placed)
        while True:
            logits = self._decode(placed, slab, centre, report)
            larger = slab.grown(logits[0] > 0)
            if larger == slab:
                break
            slab = larger
        whole = self._whole(logits, slab)
        return Answer(self._masks(whole, slab, prompts), whole.astype(np.float16))

    def probability(self, answer: Answer, region: str) -> np.ndarray:
        """float32 (K, J, I) in [0, 1] on the reference grid; at least 0.5 in the mask, and less outside."""
        probability = self._on_reference(answer.logits[REGIONS.index(region)].astype(np.float32))
        mask = answer.masks[region]
        inside = np.maximum(probability, np.float32(0.5))
        return np.where(mask, inside, np.minimum(probability, np.float32(0.4999)))

    def _decode(self, placed: PromptVoxels, slab: Slab, centre: float, report: Reporter) -> np.ndarray:
        """Corrected logits float32 (3, K, J, I) of the slab, padded."""
        self.embeddings.ensure(slab, centre, report.part(0, 0.9))
        report.report(0.9, "outlining")
        cut = slice(slab.start, slab.stop)
        if self._features is None or self._features[0] != slab:
            images = {name: image[cut] for name, image in self.embeddings.images.items()}
            self._features = (slab, self.model.encode(images, self.embeddings.of(slab)))
            stacked = np.stack(list(images.values()))
            self._half = _halve(stacked)
            report.report(0.93, "outlining")
        inside = _on_cells(placed, slab)
        logits = self._logits(inside, slab)
        assert self._half is not None
        if inside.points:
            logits += _double(click_correction(_halve(logits), self._half, inside.points))
        report.report(1.0, "outlining")
        return logits

    def _logits(self, prompts: PromptVoxels, slab: Slab) -> np.ndarray:
        """The model's logits float32 (3, K, J, I) of the slab, whose features are there, for prompts in its cells."""
        assert self._features is not None
        shape = [n // 2 for n in (slab.stop - slab.start, *self.embeddings.padded[1:])]
        return self.model.decode(self._features[1], prompt_maps(prompts, shape, CELL_MM))

    def _whole(self, logits: np.ndarray, slab: Slab) -> np.ndarray:
        """The slab's logits in the canonical volume, nested, `OUTSIDE` beyond it and beyond the brain."""
        canonical = self.study.canonical
        shape = canonical.geometry.shape
        whole = np.full((len(REGIONS), *shape), OUTSIDE, np.float32)
        stop = min(slab.stop, shape[0])
        whole[:, slab.start : stop] = logits[:, : stop - slab.start, : shape[1], : shape[2]]
        whole[:, ~canonical.brain] = OUTSIDE
        return np.clip(np.minimum.accumulate(whole, axis=0), OUTSIDE, -OUTSIDE)

    def _on_reference(self, logits: np.ndarray) -> np.ndarray:
        probability = 1 / (1 + np.exp(-logits))
        return np.clip(self.study.from_canonical(probability), 0, 1)

    def _thresholded(self, logits: np.ndarray) -> dict[str, np.ndarray]:
        """Masks bool (K, J, I) on the reference grid of canonical logits (3, K, J, I)."""
        return {name: self._on_reference(logits[n]) >= 0.5 for n, name in enumerate(REGIONS)}

    def _masks(self, logits: np.ndarray, slab: Slab, prompts: Sequence[Prompt]) -> dict[str, np.ndarray]:
        reference = self.study.reference
        masks = self._thresholded(logits)
        remove_islands(masks, self._proposed(slab, prompts), prompts, reference)
        keep_edits(masks, prompts, reference)
        nest(masks, prompts)
        obey(masks, prompts, reference)
        return masks

    def _proposed(self, slab: Slab, prompts: Sequence[Prompt]) -> dict[str, np.ndarray] | None:
        """The masks that the model gives for the slab without prompts; None where no negative prompt asks for them."""
        if all(prompt.positive for prompt in prompts):
            return None
        if self._proposal is None or self._proposal[0] != slab:
            self._proposal = (slab, self._thresholded(self._whole(self._logits(PromptVoxels(), slab), slab)))
        return self._proposal[1]

    def _place(self, prompts: Sequence[Prompt]) -> PromptVoxels:
        """The prompts in canonical voxels (K, J, I); masks float32 in [-1, 1] on the padded grid."""
        geometry = self.study.canonical.geometry
        placed = PromptVoxels()
        masks = {}
        for prompt in prompts:
            if prompt.mask is not None:
                drawn = pad_to(self.study.to_canonical(prompt.mask).astype(np.float32), self.model.multiple)
                masks[prompt.region] = 2 * drawn - 1
            elif prompt.kind == "box":
                low, high = zip(*box_range(prompt, geometry), strict=True)
                placed.boxes.append((low, tuple(end - 1 for end in high), prompt.region))
            else:
                ras = np.asarray(prompt.points)
                if prompt.kind == "scribble":
                    voxels = prompt_voxels(prompt, geometry)
                    ras = geometry.to_ras(_thin(voxels)[:, ::-1])
                for place in geometry.to_ijk(ras)[:, ::-1]:
                    placed.points.append((tuple(float(v) for v in place), prompt.positive, prompt.region))
        placed.masks = masks
        return placed

    def _slices(self, placed: PromptVoxels) -> list[float]:
        slices = [place[0] for place, _, _ in placed.points]
        for low, high, _ in placed.boxes:
            slices += [low[0], high[0]]
        for mask in placed.masks.values():
            slices += (
                [float(k) for k in np.flatnonzero((mask > 0).any(axis=(1, 2)))[[0, -1]]] if (mask > 0).any() else []
            )
        return slices

    def _centre(self, placed: PromptVoxels) -> float:
        """The slice to embed first: that of the latest prompt, else the middle."""
        slices = self._slices(placed)
        return slices[-1] if slices else self.embeddings.padded[0] / 2


def _thin(voxels: np.ndarray) -> np.ndarray:
    """One voxel of a scribble every few millimetres."""
    if not len(voxels):
        return voxels
    _, first = np.unique((voxels // SCRIBBLE_STEP_MM).astype(int), axis=0, return_index=True)
    return voxels[np.sort(first)]


def _on_cells(placed: PromptVoxels, slab: Slab) -> PromptVoxels:
    """Prompts in cells of 2 mm of the slab."""

    def cell(place: Sequence[float]) -> tuple[float, ...]:
        return tuple((v - offset + 0.5) / CELL_MM - 0.5 for v, offset in zip(place, (slab.start, 0, 0), strict=True))

    return PromptVoxels(
        points=[(cell(place), positive, region) for place, positive, region in placed.points],
        boxes=[(cell(low), cell(high), region) for low, high, region in placed.boxes],
        masks={region: _halve(mask[None, slab.start : slab.stop])[0] for region, mask in placed.masks.items()},
    )


def _halve(volume: np.ndarray) -> np.ndarray:
    """Mean of blocks of 2 x 2 x 2: (C, 2k, 2j, 2i) -> (C, k, j, i)."""
    c, k, j, i = volume.shape
    return volume.reshape(c, k // 2, 2, j // 2, 2, i // 2, 2).mean(axis=(2, 4, 6), dtype=np.float32)


def _double(volume: np.ndarray) -> np.ndarray:
    """Each voxel as a block of 2 x 2 x 2."""
    return volume.repeat(2, axis=1).repeat(2, axis=2).repeat(2, axis=3)
