"""The interface of a method's network, with defaults for what most methods do not need."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ..device import ProgressCallback, no_progress
from ..prompt_maps import PromptSet


class VolumeDecoder(nn.Module):
    """The trained network of a method.

    The work is split in two, because a user clicks many times on one patient: `encode` reads the study once, `decode`
    runs for every set of prompts. A network keeps no state between the calls: training calls the two methods named
    `..._for_training`, which return the auxiliary losses of the network beside its output.

    A subclass implements `encode` and `decode`. The defaults of the other methods: no auxiliary losses, one learning
    rate for all parameters, no checkpointing of activations.
    """

    @abstractmethod
    def encode(
        self,
        images: Tensor,
        present: Tensor,
        embeddings: Tensor | None = None,
        progress_callback: ProgressCallback = no_progress,
    ) -> list[Tensor]:
        """Compute the features of a study, which do not depend on prompts.

        Args:
            images: (B, M, K, J, I), 1 mm, in [0, 1]; sides multiples of `config.multiple`.
            present: (B, M) bool. The content of an absent modality is ignored.
            embeddings: Output of the frozen encoder for the slices, (B, M, C, z, y, x) over the same box; None for a
                method without an encoder.
            progress_callback: Called repeatedly during a long computation, in the caller's thread; an exception that
                it raises ends the computation.
        """

    @abstractmethod
    def decode(self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptSet] | None = None) -> Tensor:
        """Compute logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid.

        Args:
            features: Output of `encode`.
            maps: (B, CHANNELS, K/2, J/2, I/2), see `prompt_maps`.
            prompts: The prompts that the maps were drawn from, one set for each study, in voxels of the maps.
        """

    def encode_for_training(
        self, images: Tensor, present: Tensor, embeddings: Tensor | None = None, training_progress: float = 1.0
    ) -> tuple[list[Tensor], Tensor]:
        """Compute the features of a study, and an auxiliary loss on them.

        Args:
            images, present, embeddings: As for `encode`.
            training_progress: Fraction of the training that is done, 0 to 1; ramps of loss weights depend on it.

        Returns:
            The features, and the weighted loss, a scalar.
        """
        return self.encode(images, present, embeddings), images.new_zeros(())

    def decode_for_training(
        self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptSet] | None, regions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute logits, and an auxiliary loss against the ground truth.

        Args:
            features, maps, prompts: As for `decode`.
            regions: Ground truth of WT, TC, ET as 0 or 1, (B, 3, K, J, I).

        Returns:
            The logits, and the weighted loss, a scalar.
        """
        return self.decode(features, maps, prompts), maps.new_zeros(())

    def learning_rate_factors(self) -> Mapping[str, float]:
        """Factors of the learning rate, by prefix of the parameter name; 1 where no prefix matches."""
        return {}

    def enable_checkpointing(self) -> bool:
        """Recompute activations during the backward pass instead of storing them, which saves memory.

        Returns:
            Whether the network supports it; the default does not.
        """
        return False
