"""Independent pieces of work side by side, on a CPU.

A network on a small input keeps several threads busy for a part of the time only. As many pieces at once, with one
thread each, take half the time and less.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


def side_by_side(
    work: Callable[[Piece], Answer],
    pieces: Sequence[Piece],
    device: torch.device,
    done: Callable[[], None] = lambda: None,
) -> list[Answer]:
    """The answers to all pieces, in their order.

    Args:
        work: Gives the answer to a piece. Modes of torch that hold for the caller hold for it, in whatever thread.
        pieces: The pieces.
        device: Where the work is done. What is no CPU is busy with one piece already, and takes one after the other.
        done: Called in this thread after each piece, in their order. What it raises ends the work: pieces begun are
            finished, others never begin.
    """
    before = torch.get_num_threads()
    threads = min(before, len(pieces))
    if device.type != "cpu" or threads < 2:
        return _collected(map(work, pieces), done)
    torch.set_num_threads(1)  # new threads begin with as many
    pool = ThreadPoolExecutor(threads, "side by side", torch.set_num_threads, (1,))
    try:
        return _collected(pool.map(_in_same_modes(work), pieces), done)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def _collected(answers: Iterable[Answer], done: Callable[[], None]) -> list[Answer]:
    collected = []
    for answer in answers:
        collected.append(answer)
        done()
    return collected


def _in_same_modes(work: Callable[[Piece], Answer]) -> Callable[[Piece], Answer]:
    """The work in another thread, under the modes of this one."""
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    mixed, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def there(piece: Piece) -> Answer:
        with (
            torch.inference_mode(inference),
            torch.set_grad_enabled(gradients),
            torch.autocast("cpu", dtype=dtype, enabled=mixed),
        ):
            return work(piece)

    return there
