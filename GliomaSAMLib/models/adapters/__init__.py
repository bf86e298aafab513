"""Adapters: small trained parts put between the frozen blocks of an encoder, one a file.

Each takes and gives tokens (N, h, w, C) of a stack of slices, N = batch * modalities * depth in that order, adds its
correction to them, and is the identity at first, so that a freshly adapted encoder gives what the base model gives.
"""

from .base import StackContext

__all__ = ["StackContext"]
