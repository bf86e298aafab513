"""How long a click waits, against the stock LiteMedSAM loop over every tumour slice; one run, one process.

    python Testing/benchmarks/latency.py CASE_FOLDER --output latency.json

CASE_FOLDER holds the volumes and the label map of one case. Ours goes first, so that the peak memory at its end is its
own (with everything that Python, torch and the study take). Then the stock loop: each slice that has tumour, of each
modality, through the LiteMedSAM encoder in float32 at 256 x 256 pixels.
"""

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from GliomaSAMLib import Session, load_model
from GliomaSAMLib.errors import GliomaSAMError
from GliomaSAMLib.evaluation.baselines.slices import StockLiteMedSAM
from GliomaSAMLib.evaluation.cases import OpenCase, open_case
from GliomaSAMLib.evaluation.clicks import next_click
from GliomaSAMLib.evaluation.metrics import dice
from GliomaSAMLib.training.cases import find_cases

LEAST_LATER_CLICKS = 10


@dataclass(frozen=True)
class Ours:
    """Seconds of the first mask and of later clicks, and what they were worth."""

    model_load: float
    study_read: float
    first_mask: float
    later_median: float
    later_p95: float
    later_clicks: int
    first_dice: float
    last_dice: float
    peak_gb: float


@dataclass(frozen=True)
class Stock:
    """Seconds of the stock loop; extrapolated from `timed` of `slices` encodings when these differ."""

    total: float
    slices: int
    timed: int

    @property
    def extrapolated(self) -> bool:
        return self.timed < self.slices


def measure_ours(case: OpenCase, model_name: str, device: str, clicks: int, read_seconds: float) -> Ours:
    """The first mask with nothing cached, in memory or on disk, then the robot's clicks on the whole tumour."""
    started = time.perf_counter()
    model = load_model(model_name, device=device)
    loaded = time.perf_counter() - started
    truth = case.truth["WT"]
    mask = np.zeros_like(truth)
    seconds, values = [], []
    session = Session(case.study, model)
    while len(seconds) <= clicks:
        click = next_click(mask, truth, case.geometry)
        if click is None:
            break
        started = time.perf_counter()
        session.add_point(click.points[0], positive=click.positive, region="WT")
        session.update()
        mask = session.mask("WT")
        seconds.append(time.perf_counter() - started)
        values.append(dice(mask, truth))
    later = seconds[1:]
    return Ours(
        model_load=loaded,
        study_read=read_seconds,
        first_mask=seconds[0],
        later_median=float(np.median(later)),
        later_p95=float(np.percentile(later, 95)),
        later_clicks=len(later),
        first_dice=values[0],
        last_dice=values[-1],
        peak_gb=peak_gb(),
    )


def measure_stock(case: OpenCase, subset: int | None) -> Stock:
    """Encode every slice with tumour of every modality, or a random `subset` of them, and scale up."""
    network = StockLiteMedSAM()
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


def show(ours: Ours, stock: Stock, name: str, console: Console) -> None:
    """Print the table."""
    table = Table(title=f"{name}, {torch.get_num_threads()} threads, {date.today().isoformat()}")
    table.add_column("step")
    table.add_column("seconds", justify="right")
    note = f" (EXTRAPOLATED from {stock.timed} slices)" if stock.extrapolated else ""
    table.add_row(f"stock LiteMedSAM, float32: {stock.slices} slices of all modalities{note}", f"{stock.total:.1f}")
    table.add_row("ours: first 3D mask after the click, nothing cached", f"{ours.first_mask:.2f}")
    table.add_row(f"ours: later clicks, median of {ours.later_clicks}", f"{ours.later_median:.2f}")
    table.add_row("ours: later clicks, 95th percentile", f"{ours.later_p95:.2f}")
    table.add_row("ours: reading the study, before the click", f"{ours.study_read:.2f}")
    table.add_row("ours: loading the model, before the click", f"{ours.model_load:.2f}")
    console.print(table)
    console.print(f"stock loop / first mask: {stock.total / ours.first_mask:.1f} times")
    console.print(f"peak memory of ours: {ours.peak_gb:.2f} GB; WT Dice {ours.first_dice:.3f} -> {ours.last_dice:.3f}")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path, help="folder with the volumes and the label map of one case")
    parser.add_argument("--model", default="gliomasam", help="name of the catalogue or path of a weights file")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clicks", type=int, default=LEAST_LATER_CLICKS, help="later clicks, at least 10")
    parser.add_argument("--slices", type=int, help="time only so many stock encodings, and extrapolate")
    parser.add_argument("--threads", type=int, help="threads of torch; default: its own choice")
    parser.add_argument("--output", type=Path, help="JSON file for the numbers")
    chosen = parser.parse_args(arguments)
    if chosen.clicks < LEAST_LATER_CLICKS:
        parser.error(f"--clicks must be at least {LEAST_LATER_CLICKS}, for the 95th percentile to mean something")
    if chosen.slices is not None and chosen.slices < 1:
        parser.error("--slices must be at least 1")
    return chosen


def run(options: argparse.Namespace, console: Console) -> None:
    """Measure, print, write."""
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = options.case.resolve()
    (labelled,) = find_cases(folder.parent, [folder.name])
    started = time.perf_counter()
    case = open_case(labelled)
    read_seconds = time.perf_counter() - started
    ours = measure_ours(case, options.model, options.device, options.clicks, read_seconds)
    stock = measure_stock(case, options.slices)
    show(ours, stock, folder.name, console)
    if options.output:
        numbers = {
            "case": folder.name,
            "date": date.today().isoformat(),
            "machine": {"kind": platform.machine(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
            "model": Path(options.model).name,
            "device": options.device,
            "ours": asdict(ours),
            "stock": {**asdict(stock), "extrapolated": stock.extrapolated},
            "times_faster": stock.total / ours.first_mask,
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
