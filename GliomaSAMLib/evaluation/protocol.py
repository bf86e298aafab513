"""One method on one region of one case: prompts by the robot, what each changed, and the results on disk."""

import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..data.cases import OpenCase
from ..data.placement import RobotPrompt, next_click, slice_box
from ..errors import CaseError, OutputError, PromptError
from ..files import parse_json
from ..regions import REGIONS, dice
from ..training.validate import ClickEffect, click_effect
from .field_types import check_types
from .given_masks import GivenMasks
from .metrics import surface_agreement
from .session_method import InteractiveMethod, SegmentationMethod

STARTS = ("error", "centre", "box")
"""Where the first prompt goes, see `ProtocolOptions.start`."""

ASKED = re.compile(r"ProtocolOptions\(prompts=(\d+), start='(\w+)'")
"""How the signature of an interactive result tells what was asked for, in results of before they told it themselves."""

FORMAT = "with click effects"
"""What is kept of a prompt; a part of the signature, so that runs of which less was kept are measured again."""

OF_MASK = " of the mask "
"""In the signature of a mask that exists already, before the SHA-256 of its file."""

Key = tuple[str, str, str, str, str]
"""What tells runs apart, see `CaseResult.key`."""


@dataclass(frozen=True)
class ProtocolOptions:
    """How the robot prompts.

    Attributes:
        prompts: How many prompts it gives, at most: it stops when nothing is wrong any more.
        start: "error": the first click mends the largest error of the proposal, like every other (with an empty
            proposal this is the deepest voxel of the truth); "centre": the first click goes to the deepest voxel of
            the truth whatever the proposal; "box": a perfect 2D box on the slice that holds most of the truth.
        jitter: Whether every click misses its place by 2 to 3 voxels.
        seed: Of the jitter. Case and region enter too, so that runs are the same in any order.
        undo: How many prompts are undone at the end, to check that the earlier masks return bit for bit.
    """

    prompts: int = 10
    start: str = "error"
    jitter: bool = False
    seed: int = 0
    undo: int = 3

    def __post_init__(self) -> None:
        if self.start not in STARTS:
            raise ValueError(f"Unknown start {self.start!r}. Choose one of {', '.join(STARTS)}")
        if self.prompts < 0 or self.undo < 0:
            raise ValueError("The numbers of prompts and of undone prompts cannot be negative")


@dataclass(frozen=True)
class Round:
    """The state after `prompts` prompts.

    Attributes:
        points: RAS mm of the prompt that was given; empty in round 0.
        hd95: mm.
        seconds: From the prompt to the mask.
        clicks_satisfied: Every positive click so far is inside the mask and every negative one outside.
        volume_ml: Of the mask.
        effect: What the prompt did to the mask; None in round 0, and in results of before this was measured.
    """

    prompts: int
    points: tuple[tuple[float, float, float], ...]
    positive: bool
    dice: float
    hd95: float
    nsd1: float
    nsd2: float
    seconds: float
    clicks_satisfied: bool
    volume_ml: float
    effect: ClickEffect | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Round":
        """The inverse of `dataclasses.asdict`. Raises KeyError or TypeError on anything else."""
        points = tuple(tuple(point) for point in data["points"])
        effect = ClickEffect(**data["effect"]) if data.get("effect") else None
        return cls(**{**data, "points": points, "effect": effect})


@dataclass(frozen=True)
class CaseResult:
    """What one method did on one region of one case in one variant (see `evaluate.Variant`).

    Attributes:
        interactive: Whether the robot corrected the method; else there is one round, from its initial input.
        reference_ml: Volume of the truth; 0 when the case has none of this region.
        undo_exact: For each undone prompt, whether the earlier mask returned bit for bit.
        error: Why the run failed, or "".
        inputs: SHA-256 of the volumes, the labels and what these mean; "" in results of before it was kept.
        prompts: How many prompts were asked for; None for a method that is not interactive, or where nobody knows.
        start: Where the first went, of `STARTS`; "" likewise.
        refused: Why the method took no further prompt, such as one where the brain extraction has cut the tumour off;
            "" where it took all.
        weights, folder: Of the method; "" also in results of before they were kept.
    """

    method: str
    case: str
    region: str
    variant: str
    initial_input: str
    signature: str
    interactive: bool
    reference_ml: float
    rounds: tuple[Round, ...] = ()
    undo_exact: tuple[bool, ...] = ()
    error: str = ""
    modalities: tuple[str, ...] = ()
    inputs: str = ""
    prompts: int | None = None
    start: str = ""
    refused: str = ""
    weights: str = ""
    folder: str = ""

    @property
    def key(self) -> Key:
        """What was run: method, case, region, variant, weights."""
        return self.method, self.case, self.region, self.variant, self.weights

    @property
    def settings(self) -> str:
        """The signature without what differs between the cases of one method."""
        return self.signature.partition(OF_MASK)[0]

    @property
    def is_timed(self) -> bool:
        """Whether its seconds are those of a method: of a mask that exists already they are of the reading."""
        return OF_MASK not in self.signature

    def curve(self, prompts: int) -> list[float]:
        """Dice after 0..`prompts` prompts, of which no more may be than were asked for; when the robot stopped early,
        for want of errors or as its prompt was refused, the last value stays.
        """
        values = [entry.dice for entry in self.rounds[: prompts + 1]]
        return values + [values[-1]] * (prompts + 1 - len(values))

    def at(self, prompts: int) -> Round:
        """The round after `prompts` prompts, or the last one before it."""
        return self.rounds[min(prompts, len(self.rounds) - 1)]

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "CaseResult":
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError on anything else."""
        rounds = tuple(Round.from_json(entry) for entry in data["rounds"])
        lists: dict[str, Any] = {name: tuple(data[name]) for name in ("undo_exact", "modalities")}
        if "prompts" not in data and (asked := ASKED.search(data["signature"])):
            lists |= {"prompts": int(asked[1]), "start": asked[2]}
        result = cls(**{**data, **lists, "rounds": rounds})
        check_types(result)
        if result.region not in REGIONS or not (rounds or result.error):
            raise ValueError("an unknown region, or no rounds")
        if result.prompts is not None and len(rounds) > result.prompts + 1:
            raise ValueError("more rounds than prompts")
        return result


@dataclass
class _Run:
    """The rounds of one run while it goes on."""

    case: OpenCase
    truth: np.ndarray
    rounds: list[Round] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    last: np.ndarray | None = None
    clicks: list[RobotPrompt] = field(default_factory=list)

    def take(self, given: RobotPrompt | None, answer: Callable[[], np.ndarray]) -> np.ndarray:
        """Time one answer of the method, measure it and keep it."""
        started = time.perf_counter()
        mask = answer()
        seconds = time.perf_counter() - started
        if mask.shape != self.truth.shape:
            raise ValueError(f"The method gave a mask of shape {mask.shape}, not {self.truth.shape}")
        if given is not None and not given.is_box:
            self.clicks.append(given)
        geometry = self.case.geometry
        spacing = geometry.spacing[::-1]
        surface = surface_agreement(mask, self.truth, spacing)
        effect = None
        if given is not None and self.last is not None:
            effect = click_effect(self.last, mask, self.truth, None if given.is_box else given.voxels[0], spacing)
        self.rounds.append(
            Round(
                prompts=len(self.rounds),
                points=given.points if given else (),
                positive=given.positive if given else True,
                dice=dice(mask, self.truth),
                hd95=surface.hd95,
                nsd1=surface.nsd1,
                nsd2=surface.nsd2,
                seconds=seconds,
                clicks_satisfied=all(bool(mask[click.voxels[0]]) == click.positive for click in self.clicks),
                volume_ml=float(np.count_nonzero(mask)) * geometry.voxel_ml,
                effect=effect,
            )
        )
        self.last = mask.copy()
        self.masks.append(np.packbits(mask > 0))
        return mask


def run_protocol(
    method: SegmentationMethod, case: OpenCase, region: str, options: ProtocolOptions, variant: str = "all"
) -> CaseResult:
    """Run a method on one region of a case: first mask, then the robot's prompts, then undo.

    A method that is not interactive gives its one mask. A prompt that the method refuses ends the prompts. Raises what
    else the method raises, and `CaseError` when the labels of the case do not tell the region.
    """
    if region not in case.truth:
        raise CaseError(f"The labels of {case.name} do not tell {region}: measure other regions, or leave out the case")
    interactive = isinstance(method, InteractiveMethod)
    run = _Run(case, case.truth[region])
    mask = run.take(None, lambda: method.begin(case, region))
    undo_exact: tuple[bool, ...] = ()
    refused = ""
    if isinstance(method, InteractiveMethod):
        rng = np.random.default_rng([options.seed, zlib.crc32(f"{case.name} {region}".encode())])
        while len(run.rounds) <= options.prompts:
            given = _next_prompt(mask, run, options, rng)
            if given is None:
                break
            try:
                mask = run.take(given, partial(method.prompt, given))
            except PromptError as error:
                refused = str(error)
                break
        undo_exact = _undo(method, run.masks, options.undo)
    return CaseResult(
        method=method.name,
        case=case.name,
        region=region,
        variant=variant,
        initial_input=method.initial_input,
        signature=signature_of(method, options, case.name),
        interactive=interactive,
        reference_ml=float(np.count_nonzero(run.truth)) * case.geometry.voxel_ml,
        rounds=tuple(run.rounds),
        undo_exact=undo_exact,
        modalities=case.study.modalities,
        prompts=options.prompts if interactive else None,
        start=options.start if interactive else "",
        refused=refused,
        weights=method.weights,
        folder=method.folder,
    )


def signature_of(method: SegmentationMethod, options: ProtocolOptions, case: str) -> str:
    """What a result depends on besides case, region and variant: the method's signature and the robot's options, or
    the file of the mask.
    """
    if isinstance(method, GivenMasks):
        return f"{method.signature}{OF_MASK}{method.sha256(case)}"
    return f"{method.signature} {options} {FORMAT}" if isinstance(method, InteractiveMethod) else method.signature


def _next_prompt(mask: np.ndarray, run: _Run, options: ProtocolOptions, rng: np.random.Generator) -> RobotPrompt | None:
    geometry, first = run.case.geometry, len(run.rounds) == 1
    if first and options.start == "box" and run.truth.any():
        return slice_box(run.truth, geometry)
    if first and options.start == "centre" and run.truth.any():
        mask = np.zeros_like(mask)
    return next_click(mask, run.truth, geometry, rng if options.jitter else None)


def _undo(method: InteractiveMethod, masks: list[np.ndarray], count: int) -> tuple[bool, ...]:
    """Undo the last prompts one by one and compare with `masks`, the packed masks of all rounds."""
    before = masks[-2::-1][:count] if len(masks) > 1 else []
    return tuple(bool(np.array_equal(np.packbits(method.undo() > 0), mask)) for mask in before)


BEGIN = '{"method": "'
"""With what each line of results begins."""


class ResultStore:
    """A JSON-lines file of `CaseResult`s. Of several lines about the same run the last one counts.

    A line that was cut off by a kill is passed over; other damage raises `CaseError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = {result.key: result for result in _read(path)} if path.exists() else {}

    def find(self, key: Key, signature: str, inputs: str = "") -> CaseResult | None:
        """The result of a run, if it is there, did not fail, and was made with the same signature from the same files
        (where it tells from which).
        """
        result = self.results.get(key)
        if result is None or result.error or result.signature != signature:
            return None
        return result if result.inputs in ("", inputs) else None

    def begin(self) -> None:
        """Make the file where there is none. Raises OutputError when it cannot be written."""
        try:
            self.path.touch()
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def add(self, result: CaseResult) -> None:
        """Append a result and flush it to the disk. Raises OutputError when it cannot be written."""
        self.results[result.key] = result
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                if file.tell() and not _ends_with_newline(self.path):
                    file.write(b"\n")
                file.write(json.dumps(result.to_json()).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}") from error


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _read(path: Path) -> Iterator[CaseResult]:
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        try:
            yield CaseResult.from_json(parse_json(line))
        except (ValueError, KeyError, TypeError) as error:
            last = number == len(lines) and not text.endswith("\n")
            begun = line.startswith(BEGIN) or BEGIN.startswith(line)
            if not line.strip() or (begun and (last or not line.rstrip().endswith("}"))):
                continue  # cut off by a kill, perhaps before the run went on
            raise CaseError(f"Line {number} of {path} is not a result: remove the file or that line") from error


def read_results(paths: Iterable[Path]) -> list[CaseResult]:
    """The results of several files together; a later file wins over an earlier one. Raises CaseError on damage."""
    results: dict[Key, CaseResult] = {}
    for path in paths:
        if not path.is_file():
            raise CaseError(f"No results at {path}: name a results.jsonl of an earlier evaluation")
        results.update(ResultStore(path).results)
    return list(results.values())


def told_apart(results: Sequence[CaseResult]) -> list[CaseResult]:
    """The results; where methods of one name have different weights, the names tell folder and SHA-256 as well."""
    weights: dict[str, set[str]] = {}
    for result in results:
        weights.setdefault(result.method, set()).add(result.weights)
    return [
        replace(result, method=_full_name(result)) if len(weights[result.method]) > 1 else result for result in results
    ]


def _full_name(result: CaseResult) -> str:
    parts = [part for part in (result.folder, result.weights[:8]) if part]
    return f"{result.method} ({', '.join(parts)})" if parts else result.method
