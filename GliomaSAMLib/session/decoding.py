"""A slab as the model reads it, once, and its logits for any prompts."""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import count

import numpy as np

from ..models import Model
from ..models.model import Features
from ..prompts.maps import PromptVoxels, prompt_maps
from ..study.progress import Reporter
from .embeddings import StudyEmbeddings
from .refine import CELL_MM, correct_at_clicks
from .roi import Slab

FRONT_SHARE = 0.35
"""Of the time until a first mask that the front of an adapted encoder takes."""
PACE = 0.98
"""What each sign of life of a reading network leaves of the way to go, as its number is not known before."""

KEPT_SLABS = 2
"""Slabs whose features stay in memory, some 70 MB each: a mask that grows and shrinks again finds them there."""


@dataclass(frozen=True)
class ReadSlab:
    """What a model makes of a slab before any prompt.

    Args:
        slab: The slab.
        features: The model's features.
        images: float32 (M, k, j, i) in [0, 1], modalities present, on cells of 2 mm.
        proposal: Logits float32 (3, K, J, I) without prompts, 1 mm.
        proposal_cells: The same on cells of 2 mm, which the model sees beside the prompts.
    """

    slab: Slab
    features: Features
    images: np.ndarray
    proposal: np.ndarray
    proposal_cells: np.ndarray


class SlabDecoder:
    """Reads slabs of one study with one model and decodes them for prompts.

    Args:
        model: The model.
        embeddings: The study's embeddings, filled as needed.
    """

    def __init__(self, model: Model, embeddings: StudyEmbeddings) -> None:
        self.model = model
        self.embeddings = embeddings
        self._read: OrderedDict[Slab, ReadSlab] = OrderedDict()

    def read(self, slab: Slab, centre: float, report: Reporter) -> ReadSlab:
        """Embed what is missing of `slab`, beginning at slice `centre` (K), and read it. Raises `Cancelled`."""
        share = FRONT_SHARE if self.model.adapts else 0.9
        self.embeddings.ensure(slab, centre, report.part(0, share))
        report.report(share, "outlining")
        if slab not in self._read:
            images = {name: image[slab.start : slab.stop] for name, image in self.embeddings.images.items()}
            reading = report.part(share, 0.92)
            beats = count(1)
            features = self.model.encode(
                images, self.embeddings.of(slab), lambda: reading.report(1 - PACE ** next(beats), "reading the slices")
            )
            report.report(0.92, "outlining")
            half = halve(np.stack(list(images.values())))
            nothing = PromptVoxels()
            proposal = self.model.decode(features, prompt_maps(nothing, half.shape[1:], CELL_MM), nothing)
            self._read[slab] = ReadSlab(slab, features, half, proposal, halve(proposal))
            report.report(0.95, "outlining")
        self._read.move_to_end(slab)
        while len(self._read) > KEPT_SLABS:
            self._read.popitem(last=False)
        return self._read[slab]

    def logits(self, read: ReadSlab, prompts: PromptVoxels) -> np.ndarray:
        """Logits float32 (3, K, J, I) of the slab for prompts in its cells of 2 mm, corrected at the clicks."""
        if not prompts:
            return read.proposal
        maps = prompt_maps(prompts, read.images.shape[1:], CELL_MM, read.proposal_cells)
        logits = self.model.decode(read.features, maps, prompts)
        if prompts.points:
            correct_at_clicks(logits, read.proposal_cells, read.images, prompts.points)
        return logits


def halve(volume: np.ndarray) -> np.ndarray:
    """Mean of blocks of 2 x 2 x 2: (C, 2k, 2j, 2i) -> (C, k, j, i)."""
    c, k, j, i = volume.shape
    return volume.reshape(c, k // 2, 2, j // 2, 2, i // 2, 2).mean(axis=(2, 4, 6), dtype=np.float32)
