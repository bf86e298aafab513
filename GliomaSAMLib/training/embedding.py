"""Embeddings of crops as they were augmented, for a training without cached features; the encoder stays frozen."""

import torch

from ..models.encoder import SliceEncoder
from ..models.slices import StackLayout, embed_slice


class CropEmbedding:
    """From crops to the stacks of their slices' embeddings, without gradients.

    Slices lie in a crop as in a whole case: evenly spread over its depth, scaled to the layout's pixels. No module, so
    that neither the checkpoint nor the other processes see the encoder.

    Args:
        encoder: The frozen encoder, on the device of the crops.
        layout: Which slices are embedded.
    """

    def __init__(self, encoder: SliceEncoder, layout: StackLayout) -> None:
        self.encoder = encoder
        self.layout = layout

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Embed crops (B, M, K, J, I) as float32 (B, M, C, z, y, x); what is all 0, as an absent modality, as 0.

        Values above 1, which augmentation makes, are those of the brightest that the encoder knows.
        """
        k, j, i = images.shape[2:]
        shape = (self.encoder.channels, *self.layout.shape((k, j, i), self.encoder))
        volumes = images.flatten(0, 1).clamp(0, 1)
        stacks = torch.zeros((len(volumes), *shape), device=images.device)
        for stack, volume in zip(stacks, volumes, strict=True):
            if volume.any():
                for z, slice_ in enumerate(self.layout.indices(k)):
                    stack[:, z] = embed_slice(self.encoder, self.layout, volume[slice_]).float()
        return stacks.unflatten(0, images.shape[:2])
