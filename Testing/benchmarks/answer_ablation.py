"""What each number of the answer is worth: the click robot with every one of them without effect, halved and doubled.

    python Testing/benchmarks/answer_ablation.py CASES --split split.json --part train --work RUN \
        --output docs/benchmarks/answer_ablation

Writes OUTPUT.json and OUTPUT.md. Each case is read by the network once, and answered under all settings. Stopped, the
same command goes on, for single results are kept in WORK. `--kinds without --model A --model B --part val` shows what
each rule does to each method; `--value reach_mm=25` measures a number of one's own.
"""

import argparse
import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from GliomaSAMLib.data.cases import Case, choose_cases, open_case
from GliomaSAMLib.errors import GliomaSAMError
from GliomaSAMLib.evaluation import ProtocolOptions, ResultStore, Summary, run_protocol, summarise
from GliomaSAMLib.evaluation.protocol import CaseResult, signature_of
from GliomaSAMLib.evaluation.session_method import SessionMethod
from GliomaSAMLib.files import replacing
from GliomaSAMLib.models import Model, load_model
from GliomaSAMLib.models.device import ProgressCallback, no_progress
from GliomaSAMLib.models.model import Features
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session.answer import AnswerOptions

SHIPPED = "as shipped"
NO_PROCESS = "no Gaussian process"
FAR_MM = 1e6
DEAF = 1e9
WITHOUT = {
    "distance_mm": (FAR_MM, "tissue counts at any distance"),
    "intensity": (DEAF, "tissue counts whatever its grey values"),
    "demanded_logit": (0.0, "clicks demand no more than their own side"),
    "noise": (1e-6, "clicks are taken as exact"),
    "reach_mm": (FAR_MM, "the newest prompt may change everything"),
    "dust_ml": (0.0, "parts of any size stay"),
}
"""For each number of the answer the value at which it has no effect, and what that means."""

KINDS = {"half": 0.5, "double": 2.0}
DICE_AFTER = (0, 1, 3, 5)


@dataclass(frozen=True)
class Setting:
    """One way to answer: how it is called in tables, what it means, and its numbers."""

    name: str
    meaning: str
    answer: AnswerOptions


def settings_of(
    shipped: AnswerOptions, kinds: Iterable[str] = ("without", *KINDS), values: Iterable[tuple[str, float]] = ()
) -> list[Setting]:
    """The shipped numbers, each of them in turn changed as `kinds` say, and single `values` of one's own."""
    kinds = tuple(kinds)
    settings = [Setting(SHIPPED, ", ".join(f"{f.name} {getattr(shipped, f.name):g}" for f in fields(shipped)), shipped)]
    if "without" in kinds:
        settings.append(Setting(NO_PROCESS, "clicks change only what the network makes of them", _deaf(shipped)))
    for field in fields(shipped):
        name = field.name
        if "without" in kinds:
            value, meaning = WITHOUT[name]
            settings.append(Setting(f"without {name}", meaning, replace(shipped, **{name: value})))
        for kind in (kind for kind in KINDS if kind in kinds):
            settings.append(_valued(shipped, f"{kind} {name}", name, KINDS[kind] * getattr(shipped, name)))
    settings += [_valued(shipped, f"{name} {value:g}", name, value) for name, value in values]
    return settings


def _deaf(shipped: AnswerOptions) -> AnswerOptions:
    return replace(shipped, noise=DEAF)


def _valued(shipped: AnswerOptions, title: str, name: str, value: float) -> Setting:
    return Setting(title, f"{name} {value:g}", replace(shipped, **{name: value}))


class ReadOnce(Model):
    """A model that keeps the features of the study it read last, so that a session on it again does not wait."""

    def __init__(self, model: Model) -> None:
        self.__dict__.update(model.__dict__)
        self._kept: tuple[bytes, Features] | None = None

    def encode(
        self,
        images: dict[str, np.ndarray],
        embeddings: np.ndarray | None,
        progress_callback: ProgressCallback = no_progress,
    ) -> Features:
        digest = hashlib.sha256()
        for name, image in images.items():
            digest.update(name.encode() + np.ascontiguousarray(image).data)
        if self._kept is None or self._kept[0] != digest.digest():
            self._kept = digest.digest(), super().encode(images, embeddings, progress_callback)
        return self._kept[1]


def measure(
    cases: Sequence[Case],
    models: Sequence[Model],
    settings: Sequence[Setting],
    regions: Sequence[str],
    protocol: ProtocolOptions,
    store: ResultStore,
    tell: Callable[[str], None] = lambda text: None,
) -> list[CaseResult]:
    """Results of all models in all settings on all cases; those that `store` holds are not measured again."""
    results = []
    for number, case in enumerate(cases, 1):
        opened = None
        for model, setting in product(models, settings):
            method = SessionMethod(model, answer=setting.answer, name=f"{model.name}, {setting.name}")
            for region in regions:
                result = store.find(
                    (method.name, case.name, region, "all", method.weights), signature_of(method, protocol, case.name)
                )
                if result is None:
                    opened = opened or open_case(case)
                    tell(f"{case.name} ({number} of {len(cases)}): {method.name}, {region}")
                    result = run_protocol(method, opened, region, protocol)
                    store.add(result)
                results.append(result)
    return results


def to_json(summaries: Sequence[Summary], settings: Sequence[Setting], facts: dict[str, Any]) -> str:
    """The three measures and Dice of every setting, with its numbers."""
    rows = []
    for summary in summaries:
        model, setting = _parted(summary.method, settings)
        measures = {name: getattr(summary, name) for name in ("mended", "broken_per_mended", "lowered")}
        rows.append(
            {
                "model": model,
                "setting": setting.name,
                "meaning": setting.meaning,
                "region": summary.region,
                "cases": summary.cases,
                "clicks": summary.clicks,
                "dice": {str(n): _rounded(summary.dice.get(n)) for n in DICE_AFTER},
                **{name: _rounded(value) for name, value in measures.items()},
            }
        )
    return json.dumps({**facts, "rows": rows}, indent=1) + "\n"


def to_markdown(summaries: Sequence[Summary], settings: Sequence[Setting], facts: dict[str, Any]) -> str:
    """A table for each model and region."""
    models = dict.fromkeys(_parted(summary.method, settings)[0] for summary in summaries)
    parts = ["# What each number of the answer is worth", _head(facts)]
    for model in models:
        for region in REGIONS:
            rows = [
                (setting, summary)
                for summary in summaries
                for name, setting in [_parted(summary.method, settings)]
                if (name, summary.region) == (model, region)
            ]
            if rows:
                parts += [f"## {model}, {region}, {rows[0][1].cases} cases", _table(rows)]
    return "\n\n".join(parts) + "\n"


def _head(facts: dict[str, Any]) -> str:
    return (
        f"{facts['date']}, {facts['part']}: {', '.join(facts['cases'])}. {facts['prompts']} clicks on the region "
        f"itself, the first by `--start {facts['start']}`. Mended: the share of the clicked error within 10 mm of the "
        "click that is right just after it; broken per mended: voxels anywhere that became wrong, over those that "
        "became right; lowered: the share of clicks after which Dice is lower by more than 0.005; each over clicks 2 "
        "to 5. Made by `Testing/benchmarks/answer_ablation.py`."
    )


def _table(rows: Sequence[tuple[Setting, Summary]]) -> str:
    header = ["setting", "that is", *[f"Dice {n}" for n in DICE_AFTER], "mended", "broken per mended", "lowered"]
    lines = [header, ["---"] * len(header)]
    for setting, summary in rows:
        dice = [_written(summary.dice.get(n), 3) for n in DICE_AFTER]
        measures = [_written(summary.mended, 2), _written(summary.broken_per_mended, 2)]
        lines.append([setting.name, setting.meaning, *dice, *measures, f"{100 * summary.lowered:.0f} %"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _parted(method: str, settings: Sequence[Setting]) -> tuple[str, Setting]:
    model, _, name = method.partition(", ")
    return model, next(setting for setting in settings if setting.name == name)


def _rounded(value: float | None) -> float | None:
    return None if value is None or value != value else round(value, 5)


def _written(value: float | None, digits: int) -> str:
    return "" if value is None or value != value else f"{value:.{digits}f}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="CASES", help="folder of labelled case folders")
    parser.add_argument("--split", type=Path, help="split file; takes the cases of --part")
    parser.add_argument("--part", default="train", help="part of the split")
    parser.add_argument("--case", action="append", default=[], dest="names", help="only this case; repeatable")
    parser.add_argument("--model", action="append", default=[], dest="models", help="name or weights file; repeatable")
    parser.add_argument("--region", action="append", default=[], dest="regions", choices=REGIONS)
    parser.add_argument("--kinds", nargs="*", default=["without", *KINDS], choices=["without", *KINDS])
    parser.add_argument("--value", action="append", default=[], type=_value, metavar="NAME=NUMBER", dest="values")
    parser.add_argument("--prompts", type=int, default=5)
    parser.add_argument("--start", default="centre")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="threads of torch; default: its own choice")
    parser.add_argument("--work", type=Path, required=True, help="folder for the single results")
    parser.add_argument("--output", type=Path, required=True, help="path of the tables, without .json and .md")
    return parser.parse_args(arguments)


def _value(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    if name not in WITHOUT:
        raise argparse.ArgumentTypeError(f"there is no number {name!r}: choose one of {', '.join(WITHOUT)}")
    return name, float(number)


def run(options: argparse.Namespace, console: Console) -> None:
    """Measure and write."""
    if options.threads:
        torch.set_num_threads(options.threads)
    cases = [
        case
        for case in choose_cases(options.folder, options.split, options.part)
        if not options.names or case.name in options.names
    ]
    settings = settings_of(AnswerOptions(), options.kinds, options.values)
    models = [ReadOnce(load_model(name, device=options.device)) for name in options.models or ["gliomasam"]]
    protocol = ProtocolOptions(prompts=options.prompts, start=options.start, undo=0)
    regions = options.regions or ["WT"]
    store = ResultStore(options.work / "results.jsonl")
    tell = functools.partial(console.print, markup=False, soft_wrap=True)
    results = measure(cases, models, settings, regions, protocol, store, tell)
    facts = {
        "date": date.today().isoformat(),
        "part": options.part if options.split else "all cases",
        "cases": [case.name for case in cases],
        "prompts": options.prompts,
        "start": options.start,
    }
    summaries = summarise(results)
    for suffix, write in ((".json", to_json), (".md", to_markdown)):
        path = options.output.with_name(options.output.name + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(write(summaries, settings, facts), encoding="utf-8")
        console.print(f"{path} written", markup=False, soft_wrap=True)


def main() -> int:
    """Run; errors of ours in one line."""
    console = Console()
    try:
        run(parse(), console)
    except GliomaSAMError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
