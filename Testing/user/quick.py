"""A study, a model and a session that answer in milliseconds: nested balls round the clicks, exact to the voxel.

Prompts are promises here as well: a positive click is inside, a negative one and 3 mm round it outside, a mask drawn by
hand is kept. What is asked of them is what `Engine` asks of the real ones.
"""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from GliomaSAMLib.errors import Cancelled
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import Prompt, prompt_voxels, validate_prompt
from GliomaSAMLib.regions import REGIONS, implied_regions

RADII = {"WT": 14.0, "TC": 9.0, "ET": 5.0}
"""mm, of the balls round a positive click in the region."""
NOT_HERE = 3.0
"""mm round a negative click that are left out."""
STEPS = 5


class QuickWork:
    """The slow steps, and how long each takes.

    Args:
        seconds: Of reading, loading, encoding and updating, each.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.updates = 0
        self.encoding = False

    def options(self) -> dict[str, Any]:
        """Keyword arguments of `Engine`."""
        return {"load": self.load, "read_study": self.read_study, "new_session": self.new_session, "cache": None}

    def work(self, progress: Any, cancel: Any) -> None:
        """Take the time, tell of it, and stop when asked to."""
        for step in range(STEPS):
            if cancel is not None and cancel():
                raise Cancelled("stopped")
            if progress is not None:
                progress(step / STEPS, "computing")
            time.sleep(self.seconds / STEPS)

    def read_study(self, *, register: bool, skull: str, progress: Any, cancel: Any, **images: Any) -> Any:
        self.work(progress, cancel)
        grid = Geometry.of_image(images.get("t1c", next(iter(images.values()))))
        notes = tuple(f"{name} was resampled" for name, image in images.items() if image.GetSize() != grid.size)
        return SimpleNamespace(reference=grid, brain=np.ones(grid.shape, bool), notes=notes)

    def load(self, name: str, device: str) -> Any:
        self.work(None, None)
        return SimpleNamespace(name=name, device=device, on_fallback=None, weights_sha256=f"the SHA-256 of {name}")

    def new_session(self, study: Any, model: Any, cache: Any) -> "QuickSession":
        return QuickSession(self, study)


class QuickSession:
    """Answers prompts as the file says."""

    def __init__(self, quick: QuickWork, study: Any) -> None:
        self._quick = quick
        self.study = study
        self.prompts: tuple[Prompt, ...] = ()
        k, j, i = np.indices(study.reference.shape)
        self._ras = study.reference.to_ras(np.stack([i, j, k], axis=-1))
        self._masks = self._answer()

    def add(self, prompt: Prompt) -> Prompt:
        prompt = validate_prompt(prompt, self.study.reference, self.study.brain)
        self.prompts = (*self.prompts, prompt)
        return prompt

    def remove(self, prompt: Prompt) -> None:
        self.prompts = tuple(other for other in self.prompts if other.id != prompt.id)

    def encode(self, progress: Any = None, cancel: Any = None) -> None:
        self._quick.encoding = True
        try:
            self._quick.work(progress, cancel)
        finally:
            self._quick.encoding = False

    def update(self, progress: Any = None, cancel: Any = None) -> Any:
        self._quick.work(progress, cancel)
        self._quick.updates += 1
        self._masks = self._answer()
        return SimpleNamespace(notes=())

    def mask(self, region: str) -> np.ndarray:
        return self._masks[region].astype(np.uint8)

    def probability(self, region: str) -> np.ndarray:
        return np.where(self._masks[region], 0.8, 0.3).astype(np.float32)

    def _answer(self) -> dict[str, np.ndarray]:
        """Masks of 0 and 1, (K, J, I); without prompts a ball in the middle, the proposal."""
        masks = {region: np.zeros(self.study.reference.shape, bool) for region in REGIONS}
        if not self.prompts:
            self._ball(masks, self._ras.reshape(-1, 3).mean(0), "WT")
        for prompt in self.prompts:
            if prompt.mask is not None:
                masks[prompt.region] = np.array(prompt.mask) > 0
            elif prompt.kind == "box":
                for region in implied_regions(prompt.region, prompt.positive):
                    masks[region][tuple(prompt_voxels(prompt, self.study.reference).T)] = True
            else:
                for place in prompt.points:
                    self._click(masks, np.asarray(place), prompt)
        masks["TC"] &= masks["WT"]
        masks["ET"] &= masks["TC"]
        return masks

    def _click(self, masks: dict[str, np.ndarray], place: np.ndarray, prompt: Prompt) -> None:
        if prompt.positive:
            self._ball(masks, place, prompt.region)
            return
        near = ((self._ras - place) ** 2).sum(-1) <= NOT_HERE**2
        for region in REGIONS[REGIONS.index(prompt.region) :]:
            masks[region] &= ~near

    def _ball(self, masks: dict[str, np.ndarray], place: np.ndarray, region: str) -> None:
        distance = ((self._ras - place) ** 2).sum(-1)
        for other, radius in RADII.items():
            inside = REGIONS.index(other) <= REGIONS.index(region)
            if inside or region == "WT":
                masks[other] |= distance <= radius**2
