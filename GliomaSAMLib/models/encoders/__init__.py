"""Encoders of slices, frozen: LiteMedSAM, SAM ViT, and either with adapters between its blocks."""
