"""A sign of life from inside long work: whoever waits for it can tell how far it is, and stop it.

Networks call `beat` between pieces of their work; who started the work listens. Without a listener nothing happens.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[], None] | None] = ContextVar("listener", default=None)


def beat() -> None:
    """Tell the listener of this thread that a piece is done. What the listener raises ends the work."""
    listener = _listener.get()
    if listener is not None:
        listener()


@contextmanager
def listening(listener: Callable[[], None]) -> Iterator[None]:
    """Call `listener` at each beat of this thread, as long as the context lasts."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)
