"""From prompts to masks: embed, decode, correct at the clicks, bring onto the reference grid, keep the promises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..models import Model
from ..models.slices import pad_to
from ..prompts import Prompt, box_range, prompt_voxels
from ..prompts.maps import PromptVoxels
from ..regions import REGIONS
from ..study import Study
from ..study.progress import Reporter
from .decoding import ReadSlab, SlabDecoder, halve
from .embeddings import StudyEmbeddings
from .locality import leave_distant
from .promises import keep_edits, nest, obey, remove_islands, remove_rejected
from .refine import CELL_MM
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
        self._decoder = SlabDecoder(model, embeddings)
        self._most = np.where(study.canonical.brain, np.float32(-OUTSIDE), np.float32(OUTSIDE))
        self._proposed_masks: tuple[Slab, dict[str, np.ndarray]] | None = None

    def answer(
        self, prompts: Sequence[Prompt], report: Reporter, before: Mapping[str, np.ndarray] | None = None
    ) -> Answer:
        """The masks for `prompts`. Raises `Cancelled`; what was embedded by then is kept.

        Args:
            prompts: All prompts.
            report: Told how far it is.
            before: The masks for all prompts but the last where that is a click, which changes them; None where it is
                the only prompt: it changes the proposal.
        """
        placed = self._place(prompts)
        depth = self.embeddings.padded[0]
        slab = Slab.around(self._slices(placed), depth)
        centre = self._centre(placed)
        while True:
            read = self._decoder.read(slab, centre, report)
            logits = self._decoder.logits(read, _on_cells(placed, slab))
            larger = slab.grown(logits[0] > 0)
            if larger == slab:
                break
            slab = larger
        report.report(1.0, "outlining")
        whole = self._whole(logits, slab)
        return Answer(self._masks(whole, read, prompts, before), whole.astype(np.float16))

    def probability(self, answer: Answer, region: str) -> np.ndarray:
        """float32 (K, J, I) in [0, 1] on the reference grid; at least 0.5 in the mask, and less outside."""
        probability = self._on_reference(answer.logits[REGIONS.index(region)].astype(np.float32))
        mask = answer.masks[region]
        inside = np.maximum(probability, np.float32(0.5))
        return np.where(mask, inside, np.minimum(probability, np.float32(0.4999)))

    def _whole(self, logits: np.ndarray, slab: Slab) -> np.ndarray:
        """The slab's logits in the canonical volume, nested, `OUTSIDE` beyond it and beyond the brain."""
        canonical = self.study.canonical
        shape = canonical.geometry.shape
        whole = np.full((len(REGIONS), *shape), OUTSIDE, np.float32)
        stop = min(slab.stop, shape[0])
        whole[:, slab.start : stop] = logits[:, : stop - slab.start, : shape[1], : shape[2]]
        np.minimum(whole, self._most, out=whole)
        for outer, inner in pairwise(whole):
            np.minimum(inner, outer, out=inner)
        return np.maximum(whole, OUTSIDE, out=whole)

    def _on_reference(self, logits: np.ndarray) -> np.ndarray:
        probability = 1 / (1 + np.exp(-logits))
        return np.clip(self.study.from_canonical(probability), 0, 1)

    def _masks(
        self, logits: np.ndarray, read: ReadSlab, prompts: Sequence[Prompt], before: Mapping[str, np.ndarray] | None
    ) -> dict[str, np.ndarray]:
        reference = self.study.reference
        probability = self._probabilities(logits)
        masks = self._found(probability, prompts)
        if prompts and prompts[-1].is_click:
            leave_distant(masks, before or self._proposed(read), probability, prompts, reference)
            remove_islands(masks, prompts, reference)
        if not all(prompt.positive for prompt in prompts):
            remove_rejected(masks, self._proposed(read), prompts, reference)
        keep_edits(masks, prompts, reference)
        nest(masks, prompts)
        obey(masks, prompts, reference)
        return masks

    def _probabilities(self, logits: np.ndarray) -> dict[str, np.ndarray]:
        """float32 (K, J, I) on the reference grid for each region, of canonical logits (3, K, J, I)."""
        return {region: self._on_reference(logits[n]) for n, region in enumerate(REGIONS)}

    def _found(self, probability: Mapping[str, np.ndarray], prompts: Sequence[Prompt]) -> dict[str, np.ndarray]:
        """Masks bool (K, J, I) of what the model finds, without the separate parts that it is not sure of."""
        masks = {region: values >= 0.5 for region, values in probability.items()}
        remove_islands(masks, prompts, self.study.reference, probability)
        return masks

    def _proposed(self, read: ReadSlab) -> dict[str, np.ndarray]:
        """The masks bool (K, J, I) that the model gives for the slab without prompts."""
        if self._proposed_masks is None or self._proposed_masks[0] != read.slab:
            proposed = self._found(self._probabilities(self._whole(read.proposal, read.slab)), ())
            self._proposed_masks = (read.slab, proposed)
        return self._proposed_masks[1]

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
        masks={region: halve(mask[None, slab.start : slab.stop])[0] for region, mask in placed.masks.items()},
    )
