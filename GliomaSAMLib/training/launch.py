"""Starting the processes of a training, stopping them, and what to say when their memory does not suffice."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

import lightning as L
import torch
from lightning.fabric.utilities import rank_zero_only

from ..errors import ModelError, is_out_of_memory
from ..models.registry import MethodConfig
from .options import TrainOptions


def launch(options: TrainOptions, config: MethodConfig) -> L.Fabric:
    """Start a process a device, each of which goes on from here, and return its handle.

    Under torchrun or a cluster's launcher the processes are there already: this one takes its place among them, and
    `options` must tell the same numbers of devices and nodes.

    Raises:
        ModelError: There are no such devices here.
    """
    strategy = "auto"
    if options.devices * options.nodes > 1:
        # embeddings are blanked now and then, and then their fusion has no gradient in one of the processes
        strategy = "ddp_find_unused_parameters_true" if config.encoder else "ddp"
    try:
        fabric = L.Fabric(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.nodes,
            strategy=strategy,
            precision=_precision(options),  # type: ignore[arg-type]
        )
        fabric.launch()
        if fabric.device.type == "cuda":  # crops have two shapes only, and gradients need no more digits than these
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
    except (ValueError, RuntimeError) as error:  # Lightning's MisconfigurationException among them
        raise ModelError(
            f"training cannot start on {options.devices} x {options.accelerator!r} with precision "
            f"{options.precision!r}: {error}. Choose accelerator auto or cpu, fewer devices, or precision auto"
        ) from error
    return fabric


def destroy_process_group(fabric: L.Fabric) -> None:
    """Destroy the process group of `launch` after all processes have finished; otherwise gloo aborts at exit (pytorch
    issue 190489).
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        fabric.barrier()
        torch.distributed.destroy_process_group()


def summed(fabric: L.Fabric, *values: float) -> list[float]:
    """The sums of `values` over all processes."""
    if fabric.world_size == 1:
        return list(values)
    mine = torch.tensor(values, dtype=torch.float64, device=fabric.device)
    total = fabric.all_reduce(mine, reduce_op="sum")
    return total.tolist()  # type: ignore[union-attr]


def is_first_process() -> bool:
    """Whether this is the process of a training that reports; true before one has started."""
    return getattr(rank_zero_only, "rank", 0) == 0


def _precision(options: TrainOptions) -> str:
    if options.precision != "auto":
        return options.precision
    if options.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"


@contextlib.contextmanager
def stop_on_signal(cancel: Callable[[], bool] | None) -> Iterator[Callable[[], bool]]:
    """Make the first SIGTERM or Ctrl-C end the training after a checkpoint, and the second one end it at once.

    Outside the main thread signals are left alone, and only `cancel` stops the training.
    """
    stopped: list[int] = []
    previous: dict[int, object] = {}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def handle(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        restore()

    with contextlib.suppress(ValueError):
        for wanted in (signal.SIGTERM, signal.SIGINT):
            previous[wanted] = signal.signal(wanted, handle)
    try:
        yield lambda: bool(stopped) or (cancel is not None and cancel())
    finally:
        restore()


CASES_IN_MEMORY = "reading one case after the other: close other programs, or train on the CPU (--accelerator cpu)"
"""What to do where it does not suffice for that."""


def crops_in_memory(options: TrainOptions) -> str:
    """What to do where they are too large."""
    shape = " x ".join(str(n) for n in options.augment.large_crop)
    return (
        f"{options.batch} crops of up to {shape} voxels a step: choose a smaller batch or smaller crops (--batch, "
        "--crop, --large-crop); --accumulate and --checkpointing save memory too. The last checkpoint is kept; it "
        "goes on where the crops, and their number a step, stay as they are"
    )


@contextlib.contextmanager
def memory_errors(what: str) -> Iterator[None]:
    """Say what to do when the memory of a device does not suffice for what is done. Raises `ModelError`."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ModelError(f"the memory does not suffice for {what}") from error
