"""Encoders, fusion and decoders; the registry of methods; the catalogue of weights; a trained `Model` on a device."""

from .model import Model, load_model
from .registry import METHODS, Method, MethodConfig

__all__ = ["METHODS", "Method", "MethodConfig", "Model", "load_model"]
