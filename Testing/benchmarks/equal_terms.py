"""Every method trained with the same cases, crops and number of samples, and then measured on the same cases.

    python Testing/benchmarks/equal_terms.py CASES --extra EXTRA --split split.json --work RUN \
        --output docs/benchmarks/equal_terms.json

One method after the other: 2,000 crops of 64 x 80 x 64 mm (or other --samples and --crop), one a step, the same seed
and so the same crops, with users who click where the method reads clicks; optimiser, schedule and loss as published
where that is known (`training/recipe.py`). Stopped, the same command goes on, for days if need be. With --until, only
those methods are measured whose training is over by then. Rows of other methods that OUTPUT holds already stay, where
they are of the same terms and cases: so the methods can be trained on different days and machines. Each training is a
`gliomasam train`, the measuring a `gliomasam evaluate`; both leave all they know in WORK.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from collect_tables import collect, write
from rich.console import Console

from GliomaSAMLib.cli.app import run as gliomasam
from GliomaSAMLib.errors import Cancelled, CaseError, GliomaSAMError
from GliomaSAMLib.models.registry import METHODS
from GliomaSAMLib.models.weights import load_weights
from GliomaSAMLib.training import AugmentConfig, ClickConfig, TrainOptions, fit
from GliomaSAMLib.training.chosen_cases import chosen_cases
from GliomaSAMLib.training.recipe import PUBLISHED, as_published

SAMPLES = 2000
CROP = (64, 80, 64)
"""Sides K, J, I in mm, of such a size that two cores take all methods through their samples in 8 h."""
USERS = 2
PRECISION = "32-true"
"""The same on all machines, as are the features, which are computed once a case: rows from several join one table."""
SETTING = "equal_terms"


def options_of(method: str, given: argparse.Namespace) -> TrainOptions:
    """How a method is trained: all as for the others, but what its paper says."""
    return as_published(
        TrainOptions(
            folder=given.cases,
            extra=tuple(given.extra),
            split=given.split,
            output=given.work / method,
            cache=given.work / "features",
            method=method,
            steps=given.samples,
            accelerator=given.accelerator,
            precision=PRECISION,
            cache_features=True,
            augment=AugmentConfig(crop=tuple(given.crop), large_crop=tuple(given.crop)),
            clicks=ClickConfig(users=USERS),
            seed=0,
            validate_minutes=1e6,  # once, at the end
        )
    )


def train(method: str, given: argparse.Namespace, console: Console) -> bool:
    """Train one method, or go on; whether it is through."""
    options = options_of(method, given)
    console.print(f"{method}: {given.samples} samples, {'as published' if method in PUBLISHED else 'as ours'}")
    late = (lambda: time.time() > given.begun + 60 * given.until) if given.until else (lambda: False)
    try:
        fit(options, cancel=late, tell=lambda line: console.print(line, markup=False, soft_wrap=True))
    except Cancelled as told:
        console.print(f"{method}: {told}", markup=False)
        return False
    return True


def facts(done: Sequence[str], given: argparse.Namespace) -> dict[str, Any]:
    """What stands beside the table."""
    notes = {method: load_weights(options_of(method, given).weights)[1].extra for method in done}
    card = torch.cuda.get_device_name() if torch.cuda.is_available() and given.accelerator != "cpu" else None
    machine = card or f"{platform.machine()}, {os.cpu_count()} cores"
    cases = training_cases(given)
    trainings = {
        method: {
            "minutes": note.get("minutes"),
            "machine": machine,
            "as_published": method in PUBLISHED,
            "training_cases": cases,
        }
        for method, note in notes.items()
    }
    return {**terms(given), "trainings": trainings}


def training_cases(given: argparse.Namespace) -> list[str]:
    """Names of the cases that all methods are trained on."""
    train, _ = chosen_cases(options_of(next(iter(METHODS)), given), goes_on=False)
    return sorted(case.name for case in train)


def terms(given: argparse.Namespace) -> dict[str, Any]:
    """What is equal for all methods, besides the cases."""
    return {"samples": given.samples, "crop": list(given.crop), "users": USERS, "precision": PRECISION}


def keep_terms(given: argparse.Namespace) -> None:
    """Write the terms into WORK, which is of one of them only. Raises CaseError where it is of others, OutputError."""
    path = given.work / "terms.json"
    if path.exists():
        _refuse_others(json.loads(path.read_text(encoding="utf-8")), terms(given), path, "another folder as --work")
    else:
        write(terms(given), path)


def read_earlier(given: argparse.Namespace) -> dict[str, Any] | None:
    """What the output holds already; None where it is not there. Raises CaseError when that was made on other terms."""
    if not given.output.exists():
        return None
    earlier: dict[str, Any] = json.loads(given.output.read_text(encoding="utf-8"))
    _refuse_others(earlier, terms(given), given.output)
    cases = training_cases(given)
    for training in earlier["trainings"].values():
        if "training_cases" in training:
            _refuse_others(training, {"training_cases": cases}, given.output)
    return earlier


def with_earlier(found: dict[str, Any], earlier: dict[str, Any], path: Path) -> dict[str, Any]:
    """What was found, and the rows of other methods from `earlier`. Raises CaseError when these are of other cases."""
    _refuse_others(earlier, {"cases": found["cases"]}, path)
    rows = earlier["settings"][SETTING] | found["settings"][SETTING]
    in_order = {method: rows[method] for method in METHODS if method in rows}
    trainings = earlier["trainings"] | found["trainings"]
    return {**found, "trainings": trainings, "settings": {SETTING: in_order}}


def _refuse_others(
    earlier: dict[str, Any], wanted: dict[str, Any], path: Path, advice: str = "another file as --output"
) -> None:
    other = [name for name, value in wanted.items() if earlier.get(name) != value]
    if other:
        raise CaseError(f"{path} was made with other {', '.join(other)}: name {advice}")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--extra", type=Path, action="append", default=[], help="further cases for training")
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder of what is trained and measured")
    parser.add_argument("--method", action="append", choices=list(METHODS), help="default: all")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--crop", type=int, nargs=3, default=CROP, metavar="MM", help="its sides, multiples of 16")
    parser.add_argument("--accelerator", default="auto")
    parser.add_argument("--until", type=float, help="minutes after which the training stops, to go on another time")
    parser.add_argument("--output", type=Path, required=True, help="JSON file for the table")
    return parser.parse_args(arguments)


def main() -> int:
    """Train, measure, write."""
    console, given = Console(), parse()
    given.begun = time.time()
    methods = given.method or list(METHODS)
    try:
        earlier = read_earlier(given)  # before hours of training
        keep_terms(given)
        done = [method for method in methods if train(method, given, console)]
        if not done:
            return 1
        table = given.work / "table"
        asked = ["evaluate", str(given.cases), f"--split={given.split}", "--start=centre", "--prompts=5"]
        asked += [f"--model={options_of(method, given).weights}" for method in done]
        if status := gliomasam([*asked, f"--output={table}"]):
            return status
        found = collect({SETTING: table / "table.json"}, facts(done, given))
        write(with_earlier(found, earlier, given.output) if earlier else found, given.output)
    except GliomaSAMError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    console.print(f"{given.output} written", markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
