"""How many samples a training takes a second, and what share of its time goes into making them.

    python Testing/benchmarks/training_speed.py CASES --processes 1 2 --output speed.json

CASES holds case folders with label maps. Each row is a training of its own, of a few steps on crops of 96 x 128 x 96
voxels, whose first steps are left out of the count. The frozen features of the cases are computed first, once, and are
in no row; name a folder for them with --cache when you measure more often. The cores are shared out evenly. Crops are
made on the device that trains: on a GPU the share is of the device's own time. With --accelerator gpu, --live and crops
of --crop 128 160 128 it measures what a GPU is for.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from GliomaSAMLib.data import find_cases
from GliomaSAMLib.errors import GliomaSAMError
from GliomaSAMLib.training import AugmentConfig, ClickConfig, TrainOptions, fit
from GliomaSAMLib.training.checkpoint import read_log

CROP = [96, 128, 96]


@dataclass(frozen=True)
class Speed:
    """A row: samples a second of all processes together, and the share of the first one's time that crops took."""

    processes: int
    threads: int
    steps: int
    seconds: float
    samples_a_second: float
    waiting: float


def speed(log: list[dict[str, Any]], processes: int, options: argparse.Namespace) -> Speed:
    """Read a training's log, without its first `warm` steps."""
    steps = [line for line in log if "loss" in line]
    ends = [line["seconds"] for line in steps]
    durations = [end - begin for begin, end in pairwise(ends)][options.warm - 1 :]
    shares = [line["data_time"] for line in steps][options.warm :]
    seconds = sum(durations)
    crops = len(durations) * processes * options.batch * options.accumulate
    waiting = sum(share * duration for share, duration in zip(shares, durations, strict=True)) / seconds
    return Speed(processes, threads(processes), len(durations), round(seconds, 1), crops / seconds, waiting)


def threads(processes: int) -> int:
    """Threads of each process."""
    return max(1, (os.cpu_count() or 1) // processes)


def train(options: argparse.Namespace, processes: int, output: Path) -> None:
    """The training of one row; runs in a process of its own, and in as many more as Fabric starts."""
    torch.set_num_threads(threads(processes))
    names = [case.name for case in find_cases(options.cases)][: options.count]
    split = output.parent / "split.json"
    split.write_text(json.dumps({"train": names, "val": []}))
    fit(
        TrainOptions(
            options.cases,
            output,
            split=split,
            method=options.method,
            steps=options.warm + options.steps,
            batch=options.batch,
            accumulate=options.accumulate,
            accelerator=options.accelerator,
            devices=processes,
            cache=options.cache,
            cache_features=False if options.live else None,
            augment=AugmentConfig(crop=tuple(options.crop), large=0.0),
            clicks=ClickConfig(users=options.users),
        )
    )


def measure(options: argparse.Namespace, arguments: Sequence[str], folder: Path) -> list[Speed]:
    """Train once for each number of processes; before that a step, for the features."""
    rows = []
    command = [sys.executable, str(Path(__file__).resolve()), *arguments, "--cache", str(options.cache)]
    for number, processes in enumerate((1, *options.processes)):
        output = folder / str(number)
        more = ["--only", str(processes), "--run", str(output)]
        if number == 0:
            more += ["--steps", "2", "--warm", "1"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads(processes))}
        subprocess.run([*command, *more], check=True, env=environment, stdout=subprocess.DEVNULL)
        if number:
            rows.append(speed(read_log(output), processes, options))
    return rows


def show(rows: list[Speed], options: argparse.Namespace, console: Console) -> None:
    """Print the table."""
    crop = " x ".join(str(side) for side in options.crop)
    what = f"{options.method}, crops of {crop}, batch {options.batch}, users {options.users}"
    table = Table(title=f"{what}, {date.today().isoformat()}")
    for name in ("processes", "threads each", "steps", "samples a second", "waiting for crops"):
        table.add_column(name, justify="right")
    for row in rows:
        numbers = (row.processes, row.threads, row.steps)
        table.add_row(*map(str, numbers), f"{row.samples_a_second:.2f}", f"{100 * row.waiting:.1f} %")
    console.print(table)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path, help="folder of case folders, each with volumes and a label map")
    parser.add_argument("--count", type=int, default=2, help="train on so many of the cases")
    parser.add_argument("--method", default="gliomasam")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--crop", type=int, nargs=3, default=CROP, help="sides K J I in mm, multiples of 16")
    parser.add_argument("--live", action="store_true", help="embed each crop after its augmentation")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--accumulate", type=int, default=1)
    parser.add_argument("--users", type=int, default=ClickConfig().users, help="simulated users of each crop")
    parser.add_argument("--accelerator", default="cpu")
    parser.add_argument("--steps", type=int, default=20, help="steps that are counted")
    parser.add_argument("--warm", type=int, default=4, help="steps before them that are not")
    parser.add_argument(
        "--cache", type=Path, help="folder of the frozen features; default: one that is gone at the end"
    )
    parser.add_argument("--output", type=Path, help="JSON file for the numbers")
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    numbers = (chosen.steps, chosen.warm, chosen.count, chosen.batch, chosen.accumulate, chosen.users)
    if min(*numbers, *chosen.processes) < 1:
        parser.error("--steps, --warm, --count, --batch, --accumulate, --users and --processes must be at least 1")
    return chosen


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write; or train, where this is one of the processes that are measured."""
    console = Console()
    options = parse(arguments)
    try:
        if options.only:
            train(options, options.only, options.run)
            return 0
        find_cases(options.cases)
    except GliomaSAMError as error:
        Console(stderr=True).print(f"[red]{error}[/red]")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        options.cache = options.cache or Path(folder) / "features"
        try:
            rows = measure(options, arguments, Path(folder))
        except subprocess.CalledProcessError:
            return 2  # the training has said why
    show(rows, options, console)
    if options.output:
        numbers = {
            "date": date.today().isoformat(),
            "machine": {"kind": platform.machine(), "cores": os.cpu_count()},
            "method": options.method,
            "crop": options.crop,
            "users": options.users,
            "rows": [asdict(row) for row in rows],
        }
        options.output.write_text(json.dumps(numbers, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
