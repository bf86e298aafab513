"""One study and its prompts: the session that owns prompts, steps and masks, and the predictor that answers them.

Nothing here needs torch but the predictor, which is imported when a session is made with a model.
"""

from .cache import EmbeddingCache, default_cache_directory
from .prediction import Prediction, Predictor, Request, Result
from .session import Session

__all__ = [
    "EmbeddingCache",
    "Prediction",
    "Predictor",
    "Request",
    "Result",
    "Session",
    "default_cache_directory",
]
