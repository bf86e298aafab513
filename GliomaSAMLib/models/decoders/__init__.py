"""Decoders: embeddings and prompts in, logits of the regions out."""
