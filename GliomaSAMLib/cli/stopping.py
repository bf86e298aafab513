"""Being stopped from outside: by a scheduler, a shutdown, a terminal that closes."""

import signal
import threading
from types import FrameType

SIGNALS = ("SIGTERM", "SIGHUP")


class Stopped(BaseException):
    """A signal asked the program to end: what is open is tidied up on the way out.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number
        """The exit status by which a shell knows the signal."""


def tidy_up_when_stopped() -> None:
    """From now on, a signal to end raises `Stopped` in the main thread; a second one changes nothing.

    Signals that are ignored, as `nohup` does, stay ignored. Does nothing outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in SIGNALS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _stop)


def stay_until_the_end() -> None:
    """All is done and told: no signal changes the exit status any more. Does nothing outside the main thread."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", *SIGNALS):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise Stopped(number)
