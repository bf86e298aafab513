"""A study, a model and a predictor that answer in milliseconds: nested balls round the clicks, exact to the voxel.

Prompts are promises here as well: a positive click is inside, a negative one and 3 mm round it outside, a mask drawn by
hand is kept. What is asked of them is what `Engine` asks of the real ones.
"""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from GliomaSAMLib.errors import Cancelled
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import Prompt, prompt_voxels
from GliomaSAMLib.regions import REGIONS, implied_regions
from GliomaSAMLib.session import Prediction, Request
from GliomaSAMLib.session.masks import PackedMasks

RADII = {"WT": 14.0, "TC": 9.0, "ET": 5.0}
"""mm, of the balls round a positive click in the region."""
NOT_HERE = 3.0
"""mm round a negative click that are left out."""
STEPS = 5


class QuickWork:
    """The slow steps, and how long each takes.

    Args:
        seconds: Of reading, loading, encoding and updating, each.

    Attributes:
        finds_nothing: Whether the proposal is empty.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.updates = 0
        self.encoding = False
        self.finds_nothing = False

    def options(self) -> dict[str, Any]:
        """Keyword arguments of `Engine`."""
        return {"load": self.load, "read_study": self.read_study, "new_predictor": self.new_predictor, "cache": None}

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
        brain = np.ones(grid.shape, bool)
        return SimpleNamespace(reference=grid, brain=brain, brain_is_cut_out=False, notes=notes, modalities=())

    def load(self, name: str, device: str) -> Any:
        self.work(None, None)
        return SimpleNamespace(name=name, device=device, on_fallback=None, weights_sha256=f"the SHA-256 of {name}")

    def new_predictor(self, study: Any, model: Any, cache: Any, on_note: Any) -> "QuickPredictor":
        return QuickPredictor(self, study, model.weights_sha256)


class QuickPredictor:
    """Answers prompts as the file says."""

    def __init__(self, quick: QuickWork, study: Any, weights: str) -> None:
        self._quick = quick
        self.study = study
        self.weights = weights
        k, j, i = np.indices(study.reference.shape)
        self._ras = study.reference.to_ras(np.stack([i, j, k], axis=-1))

    def encode(self, progress: Any = None, cancel: Any = None) -> None:
        self._quick.encoding = True
        try:
            self._quick.work(progress, cancel)
        finally:
            self._quick.encoding = False

    def predict(self, request: Request, progress: Any = None, cancel: Any = None) -> Prediction:
        self._quick.work(progress, cancel)
        self._quick.updates += 1
        return Prediction(request.prompts, PackedMasks.of(self._answer(request.prompts)), self.weights)

    def probability(self, request: Request, region: str, progress: Any = None, cancel: Any = None) -> np.ndarray:
        self._quick.work(progress, cancel)
        return np.where(self._answer(request.prompts)[region], 0.8, 0.3).astype(np.float32)

    def _answer(self, prompts: tuple[Prompt, ...]) -> dict[str, np.ndarray]:
        """Masks of 0 and 1, (K, J, I); without prompts a ball in the middle, the proposal."""
        masks = {region: np.zeros(self.study.reference.shape, bool) for region in REGIONS}
        if not prompts and not self._quick.finds_nothing:
            self._ball(masks, self._ras.reshape(-1, 3).mean(0), "WT")
        for prompt in prompts:
            if prompt.mask is not None:
                draw(masks, prompt)
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


def draw(masks: dict[str, np.ndarray], prompt: Prompt) -> None:
    """Take a mask drawn by hand, and nest the other regions about it, in place."""
    drawn = np.array(prompt.mask) > 0
    edited = REGIONS.index(prompt.region)
    for number, region in enumerate(REGIONS):
        if number == edited:
            masks[region] = drawn.astype(masks[region].dtype)
        else:
            masks[region] = masks[region] | drawn if number < edited else masks[region] & drawn
