"""Small labelled cases as NIfTI files, a network that trains in no time, and a stand-in for the slow encoder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from monai.networks.utils import pixelshuffle, pixelunshuffle
from torch import Tensor, nn

from GliomaSAMLib.models import registry
from GliomaSAMLib.models.blocks import only_present
from GliomaSAMLib.models.device import ProgressCallback, no_progress
from GliomaSAMLib.models.encoders.base import SliceEncoder
from GliomaSAMLib.models.prompt_maps import CHANNELS, PromptSet
from GliomaSAMLib.models.registry import Cost, Method, MethodConfig, VolumeDecoder
from GliomaSAMLib.models.slice_stack import StackLayout
from GliomaSAMLib.training import AugmentConfig, ClickConfig, TrainOptions
from GliomaSAMLib.training.features import CaseFeatures


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TinyEncoder(SliceEncoder):
    """Embeds a slice in 8 channels of cells of 4 pixels, with one fixed convolution."""

    name = "tiny"
    channels = 8
    stride = 4
    pixel_multiple = 4
    base_sha256 = "0" * 64

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 8, 4, stride=4)
        torch.nn.init.normal_(self.conv.weight, std=0.3, generator=torch.Generator().manual_seed(5))
        torch.nn.init.zeros_(self.conv.bias)
        self.calls = 0
        self.freeze()

    def embed(self, slices: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.conv(slices)

    def split(self, first_adapted_block: int) -> Any:
        """All of it comes before the split."""
        return SimpleNamespace(stem=self)


@dataclass(frozen=True)
class TinyConfig:
    """Sizes of the tiny network.

    Args:
        embedding_channels: Channels of a slice's embedding.
        width: Channels at 2 mm.
        blank: Share of training steps in which embeddings are blanked.
    """

    embedding_channels: int = 8
    width: int = 8
    blank: float = 0.4
    modalities: int = 4
    multiple: int = 16
    first_adapted_block: int = 0


class TinyNetwork(VolumeDecoder):
    """A network that trains in no time: two convolutions, with the embeddings of slices between them.

    Attributes:
        encoded: Passes of its encoder so far.
    """

    def __init__(self, config: TinyConfig, encoder: Any = None) -> None:
        super().__init__()
        self.config = config
        self.encoded = 0
        self.look = nn.Conv3d(8 * config.modalities, config.width, 3, padding=1)
        self.fusion = nn.Conv3d(config.embedding_channels, config.width, 1) if config.embedding_channels else None
        self.answer = nn.Conv3d(config.width + CHANNELS, 3 * 8, 3, padding=1)

    def encode(
        self,
        images: Tensor,
        present: Tensor,
        embeddings: Tensor | None = None,
        progress_callback: ProgressCallback = no_progress,
    ) -> list[Tensor]:
        self.encoded += 1
        x = self.look(pixelunshuffle(only_present(images, present), 3, 2))
        blank = self.training and bool(torch.rand(()) < self.config.blank)
        if self.fusion is not None and embeddings is not None and not blank:
            there = present[:, :, None, None, None, None].to(embeddings.dtype)
            fused = self.fusion((embeddings * there).sum(dim=1) / there.sum(dim=1))
            x = x + F.interpolate(fused, size=x.shape[2:], mode="trilinear", align_corners=False)
        return [F.leaky_relu(x, 0.01)]

    def decode(self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptSet] | None = None) -> Tensor:
        return pixelshuffle(self.answer(torch.cat([features[0], maps.to(features[0].dtype)], dim=1)), 3, 2)


@pytest.fixture
def tiny_network() -> Callable[..., TinyNetwork]:
    """A tiny network without embeddings; other sizes by name."""

    def make(**sizes: Any) -> TinyNetwork:
        torch.manual_seed(0)
        return TinyNetwork(TinyConfig(**{"embedding_channels": 0, **sizes}))

    return make


@pytest.fixture
def tiny_encoder() -> TinyEncoder:
    return TinyEncoder()


@pytest.fixture
def tiny_config(monkeypatch: pytest.MonkeyPatch) -> MethodConfig:
    """The method `tiny`, which reads the answer before, with the stand-in encoder; both are in the registry."""
    config = MethodConfig("tiny", "tiny", StackLayout(slice_mm=8), TinyConfig(), previous="answer")
    tiny = Method("for tests", config, TinyNetwork, Cost(0, 0, 0, 0), "split")
    monkeypatch.setattr(registry, "ENCODERS", {**registry.ENCODERS, "tiny": lambda checkpoint: TinyEncoder()})
    monkeypatch.setattr(registry, "METHODS", {**registry.METHODS, "tiny": tiny})
    return config


@pytest.fixture
def tiny_options(
    cases_folder: Path, tiny_config: MethodConfig, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., TrainOptions]:
    """Options of a training that takes a second or two; further ones by name."""

    def make(**changes: Any) -> TrainOptions:
        values: dict[str, Any] = {
            "folder": cases_folder,
            "output": tmp_path / "run",
            "split": cases_folder / "split.json",
            "steps": 6,
            "accelerator": "cpu",
            "precision": "32-true",
            "warmup": 2,
            "cache": tmp_path_factory.getbasetemp() / "features",
            "clicks": ClickConfig(users=2, rounds=(0.5, 0.5)),
            "augment": AugmentConfig(crop=(32, 32, 32), large_crop=(32, 48, 32)),
            "method": tiny_config.method,
            "config": tiny_config,
        }
        return TrainOptions(**{**values, **changes})

    return make


@pytest.fixture
def positions() -> CaseFeatures:
    """A case whose images, labels and embeddings all tell the same place.

    Channel c of the embedding, image c (halved, rounded) and the labels are functions of the position along axis c.
    """
    shape, cell = (64, 64, 64), 4
    k, j, i = (axis + 0.5 for axis in np.indices(shape))
    images = np.stack([k, j, i, np.full(shape, 200.0)]).astype(np.uint8) + 1
    regions = (k < 20).astype(np.uint8) + ((k < 20) & (j < 20)) + ((k < 20) & (j < 20) & (i < 20))
    coarse = [(axis + 0.5) * cell for axis in np.indices([n // cell for n in shape])]
    embeddings = np.broadcast_to(np.stack(coarse), (4, 3, 16, 16, 16)).astype(np.float16)
    return CaseFeatures("positions", images, np.ones(4, bool), regions.astype(np.uint8), shape, embeddings)
