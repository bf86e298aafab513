"""The device that the network runs on: choosing it, its memory and number format, threads, and progress."""

import contextlib
import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from ..errors import ModelError, is_out_of_memory

Item = TypeVar("Item")

Result = TypeVar("Result")

ProgressCallback = Callable[[], None]
"""Called after each item of a long computation; an exception that it raises ends the computation."""


def no_progress() -> None:
    """The progress callback that does nothing."""


def thread_map(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    device: torch.device,
    progress_callback: ProgressCallback = no_progress,
) -> list[Result]:
    """Apply a function to all items, on a CPU in as many threads as torch uses; results in the order of the items.

    Args:
        work: The function. Torch's modes of the caller (inference, gradients, autocast) apply in its threads too.
        items: The items.
        device: Where the work is done. On devices other than a CPU the items are processed one after the other.
        progress_callback: Called in the caller's thread after each item, in order. An exception that it raises ends the
            work: items that have started are finished, the others never start.
    """
    before = torch.get_num_threads()
    threads = min(before, len(items))
    if device.type != "cpu" or threads < 2:
        return _collected(map(work, items), progress_callback)
    torch.set_num_threads(1)  # new threads begin with as many
    pool = ThreadPoolExecutor(threads, "thread_map", torch.set_num_threads, (1,))
    try:
        return _collected(pool.map(_in_same_modes(work), items), progress_callback)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def _collected(results: Iterable[Result], progress_callback: ProgressCallback) -> list[Result]:
    collected = []
    for result in results:
        collected.append(result)
        progress_callback()
    return collected


def _in_same_modes(work: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """The work in another thread, under the modes of this one."""
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    mixed, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def there(item: Item) -> Result:
        with (
            torch.inference_mode(inference),
            torch.set_grad_enabled(gradients),
            torch.autocast("cpu", dtype=dtype, enabled=mixed),
        ):
            return work(item)

    return there


T = TypeVar("T")


def available_devices() -> tuple[str, ...]:
    """Return the names of the devices that can be chosen, the best first: cuda:0 ..., mps, cpu."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return (*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu")


def choose_device(name: str = "auto") -> torch.device:
    """Return the device with a name: auto, cuda, cuda:1, mps or cpu.

    `auto` is the first of `available_devices` on which a computation works (a graphics card can be too old for this
    build of PyTorch).

    Raises:
        ModelError: There is no such device here; the text says which there are.
    """
    present = available_devices()
    if name == "auto":
        return next(device for device in map(torch.device, present) if device.type == "cpu" or _works(device))
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in present:
        raise ModelError(f"there is no device {name!r} here: choose auto or one of {', '.join(present)}")
    device = torch.device(wanted)
    if device.type != "cpu" and not _works(device):
        raise ModelError(f"the device {name!r} is there, but PyTorch {torch.__version__} cannot use it: choose cpu")
    return device


def _works(device: torch.device) -> bool:
    """Tell whether a small computation on the device succeeds."""
    try:
        return bool((torch.ones(2, device=device) + 1).sum().item() == 4)
    except torch.OutOfMemoryError:
        return True  # full for the moment, not unusable: `with_fallback` deals with that
    except RuntimeError:
        return False


@dataclass(frozen=True)
class DeviceMemory:
    """Memory of a device in bytes; None where the system does not tell.

    Args:
        total: What is built in.
        free: What is not taken, by this program or another.
    """

    total: int | None
    free: int | None


def device_memory(device: torch.device) -> DeviceMemory:
    """Return the memory of a device: the card's own for cuda, else the computer's."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return DeviceMemory(total, free)
    return DeviceMemory(_pages("SC_PHYS_PAGES"), _pages("SC_AVPHYS_PAGES"))


def _pages(name: str) -> int | None:
    """Return a number of memory pages, by its name in sysconf, in bytes."""
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, macOS not every name
        return None


def autocast_dtype(device: torch.device) -> torch.dtype:
    """Return the number format that is fastest on a device without a loss that matters: bfloat16, float16, float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return torch.float32


def number_format(device: torch.device) -> str:
    """The name of `autocast_dtype`, such as "bfloat16"."""
    return str(autocast_dtype(device)).removeprefix("torch.")


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which networks run in the fastest number format of the device (see `autocast_dtype`)."""
    dtype = autocast_dtype(device)
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which networks compute in the format of the numbers that they are given."""
    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """A small array on the device, sent without waiting for what the device is doing."""
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def with_fallback(
    device: torch.device,
    work: Callable[[torch.device], T],
    on_fallback: Callable[[str], None] | None = None,
) -> T:
    """Run work on a device, and once more on the CPU when the device's memory does not suffice.

    Args:
        device: Where to run first.
        work: Is called with the device; must leave nothing half done when it fails for want of memory.
        on_fallback: Is called with a message for the user before the second run.

    Returns:
        What the work returned.

    Raises:
        ModelError: The computer's own memory does not suffice either.
    """
    if device.type != "cpu":
        try:
            return work(device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # outside the except clause: the error's traceback would keep the tensors of the failed run alive
        _empty_cache(device)
        if on_fallback is not None:
            on_fallback(f"the memory of {device} does not suffice: going on with the CPU, which is slower")
    try:
        return work(torch.device("cpu"))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ModelError(
            "the computer's memory does not suffice for this volume: close other programs, or crop the volume"
        ) from error


def _empty_cache(device: torch.device) -> None:
    """Give memory that PyTorch holds on a device but does not use back to the system."""
    gc.collect()
    if device.type == "cuda" and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif device.type == "mps" and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def thread_count() -> int:
    """Return how many threads the CPU may use: `OMP_NUM_THREADS` when set, at most the cores open to this program."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(wanted), cores) if wanted.isdecimal() and int(wanted) > 0 else cores


def use_threads() -> int:
    """Let PyTorch use `thread_count` threads, and return their number."""
    threads = thread_count()
    torch.set_num_threads(threads)
    return threads


@contextlib.contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """A context for sums over a whole volume, which on a CPU depend on how many threads share them: outside of training
    one thread adds up, so that masks do not depend on the number of threads.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or torch.is_grad_enabled() or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
