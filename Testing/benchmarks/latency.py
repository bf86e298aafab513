"""How long a user waits: until a study is ready, for the first mask, and for each further click; one run, one process.

    python Testing/benchmarks/latency.py CASE_FOLDER --threads 2 --stock --slices 12 --output latency.json

CASE_FOLDER holds the volumes and the label map of one case. The clicks are a robot's, on the whole tumour, each where
the mask is most wrong. Peak memory is taken after the last click, with all that Python, torch and the study take. With
--stock the stock LiteMedSAM loop follows: each slice that has tumour, of each modality, through the LiteMedSAM encoder
in float32 at 256 x 256 pixels, as the measure of what the first mask costs on this machine.
"""

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from GliomaSAMLib import Session, load_model
from GliomaSAMLib.data.cases import Case, OpenCase, find_cases, open_case
from GliomaSAMLib.data.placement import next_click
from GliomaSAMLib.errors import CaseError, GliomaSAMError
from GliomaSAMLib.evaluation.baselines.lite_medsam import StockLiteMedSAM
from GliomaSAMLib.models import Model
from GliomaSAMLib.regions import dice

LEAST_LATER_CLICKS = 10
CPU_TARGETS = {
    "ready": 6.5,
    "ready_cached": 3.5,
    "first_mask": 1.0,
    "click_median": 0.5,
    "click_p95": 0.7,
    "peak_gb": 2.5,
}
"""At most, with two CPU cores and nothing else running."""
CUDA_TARGETS = {"network_median": 0.04, "update_median": 0.15}
"""At most, on a CUDA device."""


@dataclass(frozen=True)
class Latency:
    """Seconds, but for the last four.

    Attributes:
        model_load: Loading the model.
        study_read: Reading the volumes, before anything below.
        ready: From a study that has been read to a session that is ready for clicks, with nothing cached.
        ready_cached: The same in a new session on the study read anew, with the slices cached on disk.
        first_mask: From ready to the mask of the first click.
        click_median, click_p95: From a further click, appended at the end, to its mask: median and 95th percentile.
        update_median: Of these, in `Session.update`.
        network_median: Of these, in the network, the device's work finished.
        clicks: How many further clicks.
        first_dice, last_dice: WT Dice after the first and the last click.
        peak_gb: Most memory of the process, in GB (10^9 bytes).
        peak_device_gb: Most memory that torch took on a CUDA device, in GB; None on another.
    """

    model_load: float
    study_read: float
    ready: float
    ready_cached: float
    first_mask: float
    click_median: float
    click_p95: float
    update_median: float
    network_median: float
    clicks: int
    first_dice: float
    last_dice: float
    peak_gb: float
    peak_device_gb: float | None


@dataclass(frozen=True)
class Stock:
    """Seconds of the stock loop; extrapolated from `timed` of `slices` encodings when these differ."""

    total: float
    slices: int
    timed: int

    @property
    def extrapolated(self) -> bool:
        return self.timed < self.slices


@dataclass(frozen=True)
class Click:
    """Seconds of one click, of its update, and of the network in it; and the WT Dice afterwards."""

    seconds: float
    update: float
    network: float
    dice: float


def measure(labelled: Case, model: Model, model_load: float, later: int) -> Latency:
    """Time everything on one case. The cache of slices must be empty, see `main`."""
    case, study_read = timed(lambda: open_case(labelled))
    session, ready = timed(lambda: ready_session(case, model))
    first, *further = robot_clicks(session, case, model, later)
    peak = peak_gb()
    peak_device = torch.cuda.max_memory_allocated(model.device) / 1e9 if model.device.type == "cuda" else None
    again = open_case(labelled)  # a study keeps what was computed from its images
    _, ready_cached = timed(lambda: ready_session(again, model))
    return Latency(
        model_load=model_load,
        study_read=study_read,
        ready=ready,
        ready_cached=ready_cached,
        first_mask=first.seconds,
        click_median=float(np.median([click.seconds for click in further])),
        click_p95=float(np.percentile([click.seconds for click in further], 95)),
        update_median=float(np.median([click.update for click in further])),
        network_median=float(np.median([click.network for click in further])),
        clicks=len(further),
        first_dice=first.dice,
        last_dice=further[-1].dice,
        peak_gb=peak,
        peak_device_gb=peak_device,
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` gives, and its seconds."""
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started


def ready_session(case: OpenCase, model: Model) -> Session:
    """A session that has computed everything that needs no prompt."""
    session = Session(case.study, model)
    session.encode()
    synchronise(model)
    return session


def robot_clicks(session: Session, case: OpenCase, model: Model, later: int) -> list[Click]:
    """The first click, in the middle of the tumour, and `later` further ones, each at the largest error."""
    truth = case.truth["WT"]
    mask = np.zeros_like(truth)
    clicks: list[Click] = []
    with network_seconds(model) as network:
        while len(clicks) <= later:
            place = next_click(mask, truth, case.geometry)
            if place is None:
                raise CaseError(
                    f"{case.name}: there is no error to click on after {len(clicks)} clicks, and {later + 1} are "
                    "needed: choose a case with a label map of a tumour that is larger, or outlined otherwise"
                )
            del network[:]
            started = time.perf_counter()
            session.add_point(place.points[0], positive=place.positive, region="WT")
            _, update = timed(session.update)
            mask = session.mask("WT")
            spent = time.perf_counter() - started
            clicks.append(Click(spent, update, sum(network), dice(mask, truth)))
    return clicks


@contextmanager
def network_seconds(model: Model) -> Iterator[list[float]]:
    """The seconds of every `model.decode`, as they come; the device has finished before and after each."""
    seconds: list[float] = []
    decode = model.decode

    def timed_decode(*arguments: Any, **named: Any) -> Any:
        synchronise(model)
        started = time.perf_counter()
        found = decode(*arguments, **named)
        synchronise(model)
        seconds.append(time.perf_counter() - started)
        return found

    model.decode = timed_decode
    try:
        yield seconds
    finally:
        del model.decode


def synchronise(model: Model) -> None:
    """Wait until the model's device has finished."""
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)


def measure_stock(case: OpenCase, subset: int | None) -> Stock:
    """Encode every slice with tumour of every modality, or a random `subset` of them, and scale up."""
    network = StockLiteMedSAM(fast=False)
    slices = np.flatnonzero(case.truth["WT"].any(axis=(1, 2)))
    places = [(modality, int(index)) for modality in case.study.modalities for index in slices]
    chosen = places
    if subset is not None and subset < len(places):
        picks = np.random.default_rng(0).choice(len(places), subset, replace=False)
        chosen = [places[pick] for pick in sorted(picks)]
    images = case.images
    network.encode(images[chosen[0][0]][chosen[0][1]][None])  # the first call is slower; ours has no such help
    started = time.perf_counter()
    for modality, index in chosen:
        network.encode(images[modality][index][None])
    spent = time.perf_counter() - started
    return Stock(spent * len(places) / len(chosen), len(places), len(chosen))


def peak_gb() -> float:
    """The most memory that this process has held so far, in GB (10^9 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures were measured on."""
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    threads = torch.get_num_threads()
    return {"kind": platform.machine(), "cores": os.cpu_count(), "threads": threads, "card": card}


def show(found: Latency, stock: Stock | None, targets: dict[str, float], title: str, console: Console) -> None:
    """Print the table."""
    rows = {
        "ready": "study read to ready, nothing cached",
        "ready_cached": "study read to ready, slices cached on disk",
        "first_mask": "ready to first mask",
        "click_median": f"a further click, median of {found.clicks}",
        "click_p95": "a further click, 95th percentile",
        "update_median": "of it Session.update, median",
        "network_median": "of it the network, median",
        "study_read": "before: reading the study",
        "model_load": "before: loading the model",
    }
    table = Table(title=title)
    table.add_column("step")
    table.add_column("seconds", justify="right")
    table.add_column("at most", justify="right")
    for name, text in rows.items():
        table.add_row(text, f"{getattr(found, name):.3f}", f"{targets[name]:g}" if name in targets else "")
    console.print(table)
    limit = f" (at most {targets['peak_gb']:g})" if "peak_gb" in targets else ""
    on_card = f", {found.peak_device_gb:.2f} GB on the card" if found.peak_device_gb is not None else ""
    console.print(f"peak memory {found.peak_gb:.2f} GB{limit}{on_card}")
    console.print(f"WT Dice {found.first_dice:.3f} -> {found.last_dice:.3f}")
    if stock is not None:
        note = f" (EXTRAPOLATED from {stock.timed})" if stock.extrapolated else ""
        console.print(f"stock LiteMedSAM, float32: {stock.total:.1f} s for {stock.slices} slices{note}")
        console.print(f"stock loop / (ready and first mask): {times_faster(found, stock):.1f} times")


def times_faster(found: Latency, stock: Stock) -> float:
    """The stock loop over ours from the study to the first mask, with nothing cached."""
    return stock.total / (found.ready + found.first_mask)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path, help="folder with the volumes and the label map of one case")
    parser.add_argument("--model", default="gliomasam", help="name of the catalogue or path of a weights file")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clicks", type=int, default=LEAST_LATER_CLICKS, help="further clicks, at least 10")
    parser.add_argument("--stock", action="store_true", help="time the stock LiteMedSAM loop as well")
    parser.add_argument("--slices", type=int, help="time only so many stock encodings, and extrapolate")
    parser.add_argument("--threads", type=int, help="threads of torch; default: its own choice")
    parser.add_argument("--output", type=Path, help="JSON file for the numbers")
    chosen = parser.parse_args(arguments)
    if chosen.clicks < LEAST_LATER_CLICKS:
        parser.error(f"--clicks must be at least {LEAST_LATER_CLICKS}, for the 95th percentile to mean something")
    if chosen.slices is not None and (chosen.slices < 1 or not chosen.stock):
        parser.error("--slices must be at least 1, and goes with --stock")
    return chosen


def run(options: argparse.Namespace, console: Console) -> None:
    """Measure, print, write."""
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = options.case.resolve()
    (labelled,) = find_cases(folder.parent, [folder.name])
    model, model_load = timed(lambda: load_model(options.model, device=options.device))
    found = measure(labelled, model, model_load, options.clicks)
    stock = measure_stock(open_case(labelled), options.slices) if options.stock else None
    device = model.device  # where it ended: a card that is full is left for the CPU
    targets = CUDA_TARGETS if device.type == "cuda" else CPU_TARGETS
    where, day = machine(device), date.today().isoformat()
    title = f"{folder.name}, {where['card'] or device}, {where['threads']} threads, {day}"
    show(found, stock, targets, title, console)
    if options.output:
        numbers = {
            "case": folder.name,
            "date": day,
            "machine": where,
            "model": Path(options.model).name,
            "weights_sha256": model.weights_sha256,
            "device": str(device),
            "latency": asdict(found),
            "targets": targets,
            "stock": None if stock is None else {**asdict(stock), "extrapolated": stock.extrapolated},
            "times_faster": None if stock is None else times_faster(found, stock),
        }
        options.output.write_text(json.dumps(numbers, indent=1) + "\n")


def main() -> int:
    """Run with an empty cache folder of its own, that is gone at the end."""
    console = Console()
    options = parse()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["GLIOMASAM_CACHE"] = cache
        try:
            run(options, console)
        except GliomaSAMError as error:
            console.print(f"[red]{error}[/red]")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
