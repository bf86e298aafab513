"""One study, one model and its prompts: embedding cache, update, progress, cancel, and the masks that they give."""

from .cache import EmbeddingCache, default_cache_directory
from .result import Result
from .session import Session

__all__ = ["EmbeddingCache", "Result", "Session", "default_cache_directory"]
