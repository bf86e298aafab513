"""The slice embeddings of one study: computed once, kept in memory and on disk."""

import hashlib
import time

import numpy as np

from ..models import Model
from ..models.model import is_finite
from ..models.slice_stack import pad_to
from ..progress import Reporter
from ..study import MODALITIES, Study
from .cache import EmbeddingCache

AT_ONCE = 8
"""Slices from one sign of life to the next."""


class StudyEmbeddings:
    """Embeddings of a study by a model's frozen encoder.

    Args:
        study: The study.
        model: The model. Without an encoder there is nothing to embed.
        cache: Where embeddings outlive the program, or None.
    """

    def __init__(self, study: Study, model: Model, cache: EmbeddingCache | None) -> None:
        self.model = model
        self.cache = cache
        self.images = {name: pad_to(image, model.multiple) for name, image in study.canonical.images.items()}
        self.padded = next(iter(self.images.values())).shape
        self._keys: dict[str, str] = {}
        self._study = study
        if model.encoder is not None:
            layout = model.config.layout
            self._slices = layout.indices(self.padded[0])
            shape = layout.shape(self.padded, model.encoder)
            self._array = np.zeros((len(MODALITIES), model.encoder.channels, *shape), np.float16)
            self._done = np.zeros((len(MODALITIES), shape[0]), bool)

    def ensure(self, report: Reporter) -> None:
        """Embed what is missing. What is done when the user cancels is kept. Raises `Cancelled`."""
        if self.model.encoder is None:
            return
        missing = [
            (name, z)
            for z in range(len(self._slices))
            for name in self.images
            if not self._done[MODALITIES.index(name), z]
        ]
        started = time.monotonic()
        for n in range(0, len(missing), AT_ONCE):
            spent = time.monotonic() - started
            left = f", {spent * (len(missing) - n) / n:.0f} s left" if n else ""
            name, z = missing[n]
            report.report(n / len(missing), f"encoding {name} slice {self._slices[z] + 1}{left}")
            self._embed(missing[n : n + AT_ONCE])

    @property
    def array(self) -> np.ndarray | None:
        """float16 (M, C, z, y, x), zeros for absent modalities; None without an encoder."""
        return self._array if self.model.encoder is not None else None

    def _embed(self, places: list[tuple[str, int]]) -> None:
        found = [self._cached(*place) for place in places]
        absent = [place for place, embedding in zip(places, found, strict=True) if embedding is None]
        slices = [self.images[name][self._slices[z]] for name, z in absent]
        computed = iter(self.model.embed(slices) if slices else ())
        for (name, z), embedding in zip(places, found, strict=True):
            if embedding is None:
                embedding = next(computed)
                if self.cache is not None:
                    self.cache.put(self._key(name, z), embedding)
            m = MODALITIES.index(name)
            self._array[m, :, z] = embedding
            self._done[m, z] = True

    def _cached(self, name: str, z: int) -> np.ndarray | None:
        found = self.cache.get(self._key(name, z)) if self.cache is not None else None
        if found is None or found.shape != self._array[0, :, z].shape:
            return None
        return found if is_finite(found) else None

    def _key(self, name: str, z: int) -> str:
        if name not in self._keys:
            self._keys[name] = f"{self._study.key(name)} {self.padded}"
        return hashlib.sha256(f"{self._keys[name]} {self.model.embedding_key} {z}".encode()).hexdigest()
