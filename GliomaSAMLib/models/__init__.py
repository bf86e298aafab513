"""Encoders, fusion and decoders; the registry of methods; the catalogue of weights; a trained `Model` on a device."""

import os

from ..working_folder import import_elsewhere

# Linux gives torch memory in pages of 2 MB instead of 4 kB: the large volumes of a decoder take a third less time. Read
# by torch when it reserves memory for the first time, so it is set before anything here does.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
import_elsewhere()  # before PyTorch and MONAI are imported

from .model import Model, load_model
from .registry import METHODS, Method, MethodConfig

__all__ = ["METHODS", "Method", "MethodConfig", "Model", "load_model"]
