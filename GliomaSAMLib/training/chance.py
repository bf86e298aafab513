"""All that is random about one sample, from one seed: numbers on the host, fields and places on the device.

What decides the size or the kind of work (a shape, an angle, whether there is noise) is drawn by numpy on the host, so
that nobody waits for the device to tell. Whole fields, and places in masks that only the device knows, are drawn by
torch there. Neither depends on what was drawn for other samples before, so a training that was stopped goes on as if
nothing had happened.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class Chance:
    """Random numbers for one sample.

    Args:
        device: Where fields and places are drawn.
        seed: Numbers of 0 or more that name the sample; the same ones give the same chance.

    Attributes:
        rng: Draws on the host.
    """

    def __init__(self, device: torch.device, *seed: int) -> None:
        self.device = device
        self.rng = np.random.default_rng(seed)
        self._generator: torch.Generator | None = None
        if device.type != "meta":  # where shapes are computed, but no values
            state = np.random.SeedSequence(seed).generate_state(2)
            self._generator = torch.Generator(device)
            self._generator.manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)

    def happens(self, share: float) -> bool:
        """Whether what befalls such a share of all samples befalls this one."""
        return bool(self.rng.random() < share)

    def uniform(self, low: float, high: float) -> float:
        """A number of the host from `low` to `high`."""
        return float(self.rng.uniform(low, high))

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Independent normal numbers, float32."""
        return torch.randn(tuple(shape), device=self.device, generator=self._generator)

    def smooth(self, shape: Sequence[int], grain: float) -> Tensor:
        """Noise of mean 0 and standard deviation about 1 that changes over `grain` voxels, float32 (k, j, i)."""
        coarse = [max(2, int(np.ceil(side / grain)) + 1) for side in shape]
        values = self.normal(coarse)
        values = values / (values.std() + 1e-6)
        return F.interpolate(values[None, None], size=tuple(shape), mode="trilinear", align_corners=False)[0, 0]

    def pick(self, weights: Tensor) -> Tensor:
        """The flat index of one element, drawn in proportion to `weights`, which are 0 or more; 0 where all are 0.

        It stays on the device: the largest of the weights over exponential numbers, which is such a draw.
        """
        waiting = torch.empty(weights.shape, device=self.device).exponential_(generator=self._generator)
        return (weights.float() / waiting.clamp_(min=1e-20)).flatten().argmax()
