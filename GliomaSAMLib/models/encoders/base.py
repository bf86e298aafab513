"""The interface of a slice encoder: grey slices in, a grid of embedding vectors a slice out."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from torch import Tensor, nn
from torch.nn import functional

from ...errors import ModelError, WeightsError
from ...listing import first_of

if TYPE_CHECKING:
    from .frozen_blocks import SplitEncoder


class SliceEncoder(nn.Module):
    """A frozen image encoder that looks at one grey slice at a time.

    Slices are float (N, 1, H, W) in [0, 1]; rows and columns are whatever in-plane axes the caller sliced along.
    Any H and W are taken: the lower and right sides are padded with 0 to a multiple of `pixel_multiple`.
    Embeddings are (N, channels, ceil(H / stride), ceil(W / stride)); cell (i, j) belongs to the pixels
    `stride * i ... stride * (i + 1)` by `stride * j ... stride * (j + 1)`.

    Parameters are frozen (`requires_grad` is off) and batch normalisation keeps its stored statistics in `train()`, so
    that trained parts can be put inside or behind an encoder without changing the base model. A call changes the
    module's own state for the time it runs, so one encoder must not run in two threads unless it says it may.

    Attributes:
        name: the encoder's name, as in a method's config.
        channels: length of an embedding vector.
        stride: pixels of input per embedding cell, along rows and columns.
        pixel_multiple: sides of the input are padded to a multiple of this.
        base_sha256: SHA-256 of the checkpoint file the weights came from, in hexadecimal.
    """

    name: str
    channels: int = 256
    stride: int
    pixel_multiple: int
    base_sha256: str

    def forward(self, slices: Tensor) -> Tensor:
        """Embed slices (N, 1, H, W) in [0, 1] as (N, channels, ceil(H / stride), ceil(W / stride)).

        Raises:
            ModelError: the tensor is not (N, 1, H, W) floating point, or a side is empty.
        """
        if slices.ndim != 4 or slices.shape[1] != 1 or not slices.is_floating_point() or 0 in slices.shape:
            raise ModelError(
                f"the encoder {self.name} takes grey slices as a floating-point tensor (N, 1, H, W), "
                f"not {slices.dtype} {tuple(slices.shape)}"
            )
        height, width = slices.shape[-2:]
        embeddings = self.embed(pad_to_multiple(slices, self.pixel_multiple))
        return embeddings[..., : -(-height // self.stride), : -(-width // self.stride)]

    @abstractmethod
    def embed(self, slices: Tensor) -> Tensor:
        """Embed slices (N, 1, H, W) whose sides are multiples of `pixel_multiple`."""

    @property
    def fingerprint(self) -> str:
        """Names what an embedding depends on, besides the slice."""
        return self.base_sha256

    def split(self, first_adapted_block: int) -> "SplitEncoder":
        """Split the encoder before a block, for adapters to be put into the blocks behind the split.

        Args:
            first_adapted_block: Number of that block, or of the stage of blocks.

        Raises:
            ModelError: It cannot be split there, or not at all.
        """
        raise ModelError(f"the encoder {self.name} cannot be adapted")

    def freeze(self) -> Self:
        """Turn off gradients of every parameter, and go to evaluation mode."""
        self.requires_grad_(False)
        self.eval()
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode for what is trained inside the encoder; batch normalisation stays as it was learned."""
        super().train(mode)
        keep_statistics(self)
        return self


def keep_statistics(module: nn.Module) -> None:
    """Let every batch normalisation inside keep the statistics it has learned, whatever mode the rest is in."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()


def pad_to_multiple(slices: Tensor, multiple: int) -> Tensor:
    """Pad the last two axes at their end with 0 up to a multiple of `multiple`."""
    height, width = slices.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    return functional.pad(slices, (0, right, 0, bottom)) if bottom or right else slices


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load `state` into `module`; every tensor must be there with its shape, and none besides.

    Args:
        module: the module to fill.
        state: tensors by name.
        source: where they come from, for the message (a file).

    Raises:
        WeightsError: names the tensors that are missing, unexpected or of another shape.
    """
    wanted = module.state_dict()
    problems = [
        _listed("missing", [key for key in wanted if key not in state]),
        _listed("unexpected", [key for key in state if key not in wanted]),
        _listed(
            "of another shape",
            [
                f"{key} (expected {tuple(wanted[key].shape)}, found {tuple(state[key].shape)})"
                for key in wanted
                if key in state and wanted[key].shape != state[key].shape
            ],
        ),
    ]
    if any(problems):
        raise WeightsError(
            f"{source} does not hold the weights of this model: {'; '.join(filter(None, problems))}. "
            "Choose the file that belongs to this model."
        )
    module.load_state_dict(dict(state), strict=True)


def _listed(label: str, keys: list[str], at_most: int = 4) -> str:
    """Say which tensors are wrong, the first few by name; empty when there are none."""
    return f"{label}: {first_of(keys, at_most)}" if keys else ""
