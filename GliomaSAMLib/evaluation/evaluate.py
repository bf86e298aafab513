"""Every method on every case, region and variant; goes on where it was stopped."""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..data.cases import Case, OpenCase, choose_cases, open_case
from ..data.doubts import told_by_doubt
from ..errors import Cancelled, CaseError, GliomaSAMError, OutputError, StudyError
from ..files import alone_in, make_folder, replacing, replacing_together, sha256_of
from ..output.overwriting import files_of_image, files_of_source
from ..progress import Cancel, Progress
from ..regions import REGIONS, check_region
from ..study import MODALITIES
from ..study.modalities import find_volumes
from .chosen_methods import BASELINES, build_methods, check_masks
from .plot import plot_dice
from .protocol import (
    CaseResult,
    Key,
    ProtocolOptions,
    ResultStore,
    read_results,
    run_protocol,
    signature_of,
    told_apart,
)
from .session_method import InteractiveMethod, SegmentationMethod
from .tables import TABLES, Summary, summarise, table_texts

RESULTS = "results.jsonl"
"""File with every single result, in the output folder."""

PLOT = "dice.png"


@dataclass(frozen=True)
class Variant:
    """A way of running a method: with these modalities (None: all there are), with jittered clicks or exact ones."""

    name: str = "all"
    modalities: tuple[str, ...] | None = None
    jitter: bool = False


ALL = Variant()
JITTER = Variant("jitter", jitter=True)
WITHOUT_ONE = tuple(
    Variant(f"without {name}", tuple(other for other in MODALITIES if other != name)) for name in MODALITIES
)
ALONE = (Variant("flair alone", ("flair",)), Variant("t1c alone", ("t1c",)))
VARIANTS = {variant.name: variant for variant in (ALL, JITTER, *WITHOUT_ONE, *ALONE)}
"""By name: all, jitter, without t1, ..., flair alone, t1c alone."""


@dataclass(frozen=True)
class EvaluationOptions:
    """What `gliomasam evaluate` measures.

    Attributes:
        cases: Folder with one sub-folder a case.
        output: Folder for results.jsonl, table.md, table.csv, table.json and dice.png; made when absent. What earlier
            runs measured on the same cases and left there is in the tables too.
        split: Split file; with it the cases of `part` are taken, else all.
        models: Names of the catalogue or paths of weights files.
        baselines: Of `BASELINES`.
        masks: Folders of masks that exist already, by the name that each is to have in the tables, see `GivenMasks`.
        masks_labels: What their labels mean, likewise.
        variants: Of `VARIANTS`; baselines run in "all" only.
        variant_regions: Regions of the variants other than "all".
        names: Of the chosen cases only these; empty for all.
        encoder_weights: As for `load_model`, for all models.
        results: Further results.jsonl to take into the tables, of runs elsewhere.
        fresh: Forget the results in `output` first. Results follow weights and settings, but not changes of the code.
        labels: What the labels of all cases mean, as for `find_cases`.
    """

    cases: Path
    output: Path
    split: Path | None = None
    part: str = "val"
    models: tuple[str, ...] = ("gliomasam",)
    baselines: tuple[str, ...] = ()
    masks: Mapping[str, Path] = field(default_factory=dict)
    masks_labels: str | None = None
    regions: tuple[str, ...] = REGIONS
    variants: tuple[str, ...] = ("all",)
    variant_regions: tuple[str, ...] = REGIONS
    names: tuple[str, ...] = ()
    results: tuple[Path, ...] = ()
    device: str = "auto"
    encoder_weights: Path | None = None
    fresh: bool = False
    labels: str | None = None
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)

    def __post_init__(self) -> None:
        for region in (*self.regions, *self.variant_regions):
            check_region(region)
        for kind, known, given in (
            ("variant", tuple(VARIANTS), self.variants),
            ("baseline", BASELINES, self.baselines),
        ):
            for name in given:
                if name not in known:
                    raise CaseError(f"Unknown {kind} {name!r}. Choose from {', '.join(known)}")


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        results: The single results.
        summaries: Of these.
        files: Those that were written.
        left_out: How many results of earlier runs in the folder are in no table, by method.
        untold: The regions that were asked for, and the names of the cases whose labels do not tell them.
        doubts: What is not certain of the cases that were measured now, a line for each kind of doubt.
    """

    results: tuple[CaseResult, ...]
    summaries: tuple[Summary, ...]
    files: tuple[Path, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    untold: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def run_evaluation(
    options: EvaluationOptions, progress: Progress | None = None, cancel: Cancel | None = None
) -> Evaluation:
    """Measure models and baselines as `options` say and write tables and plot. Finished runs are not repeated.

    Raises:
        CaseError, ModelError, WeightsError: Something that was asked for cannot be used; the first also where there is
            nothing to measure or nothing at all could be measured: then no tables are written.
        OutputError: The output folder cannot be written.
        Cancelled: The user stopped; what was finished is kept.
    """
    cases = choose_cases(options.cases, options.split, options.part, options.labels)
    if options.names:
        known = {case.name for case in cases}
        absent = [name for name in options.names if name not in known]
        if absent:
            raise CaseError(f"Unknown cases {', '.join(absent)}. Choose from {', '.join(sorted(known))}")
        cases = [case for case in cases if case.name in options.names]
    read = read_results(options.results)
    _check_output(options.output)
    methods = build_methods(options)
    check_masks(methods, cases, read)
    results = _with_weights(read, methods)
    if not results and next(_jobs(cases, methods, options), None) is None:
        raise CaseError(f"Nothing to measure: {_why_nothing(cases, methods, options)}")
    made = not options.output.exists()
    make_folder(options.output)
    with alone_in(options.output):
        if options.fresh:
            (options.output / RESULTS).unlink(missing_ok=True)
        store = ResultStore(options.output / RESULTS)
        check_masks(methods, cases, store.results.values())
        begun = not store.path.exists()
        store.begin()
        store.results = _with_weights(store.results.values(), methods)
        earlier = list(store.results.values())
        opener = _Opener()
        done = evaluate(cases, methods, options, store, progress, cancel, opener)
        found = {result.key: result for result in done}
        untold = _untold(found.values(), cases, methods, options)
        if not all(result.error for result in [*results.values(), *found.values()]):
            kept, left_out = _of_earlier_runs(earlier, found, cases, methods, options, untold)
            together = {result.key: result for result in kept} | results | found
            written = write_evaluation(list(together.values()), options.output)
            doubts = tuple(told_by_doubt(opener.doubts))
            return replace(written, left_out=left_out, untold=untold, doubts=doubts)
        if begun:
            store.path.unlink()
    if made:
        with contextlib.suppress(OSError):  # somebody else has put something there
            options.output.rmdir()
    raise CaseError(_nothing_measured([*results.values(), *found.values()], untold))


def _with_weights(results: Iterable[CaseResult], methods: Sequence[SegmentationMethod]) -> dict[Key, CaseResult]:
    """Results by their keys. Those of before weights were told get them where one of these methods has made them;
    failures told no signature then.
    """
    told = {}
    for given in results:
        result = given
        for method in methods:
            same = not given.signature or given.signature.split()[0] == method.signature.split()[0]
            if result.method == method.name and not result.weights and same:
                result = replace(result, weights=method.weights, folder=method.folder)
        told[result.key] = result
    return told


def _of_earlier_runs(
    earlier: Sequence[CaseResult],
    found: Mapping[Key, CaseResult],
    cases: Sequence[Case],
    methods: Sequence[SegmentationMethod],
    options: EvaluationOptions,
    untold: Mapping[str, tuple[str, ...]],
) -> tuple[list[CaseResult], Counter[str]]:
    """What earlier runs left that goes into one table with what this one `found`: of these cases, from the same files,
    and of these methods as they are now. Also how many others there are, by method.
    """
    inputs = dict.fromkeys((case.name for case in cases), "")
    inputs |= {result.case: result.inputs for result in found.values()}
    here = {(method.name, method.weights): method for method in methods}
    kept, left_out = [], Counter[str]()
    for result in earlier:
        if result.key in found or result.case in untold.get(result.region, ()):
            continue
        method, variant = here.get((result.method, result.weights)), VARIANTS.get(result.variant)
        of_now = inputs.get(result.case)
        same = of_now is not None and (result.inputs == of_now or "" in (result.inputs, of_now))
        if method is not None and variant is not None:
            same &= result.signature == signature_of(
                method, replace(options.protocol, jitter=variant.jitter), result.case
            )
        if same:
            kept.append(result)
        else:
            left_out[result.method] += 1
    return kept, left_out


def _why_nothing(cases: Sequence[Case], methods: Sequence[SegmentationMethod], options: EvaluationOptions) -> str:
    """Why there is no run at all, and what to do."""
    if not cases:
        return f"{options.split} names no case in its list '{options.part}': choose the other part, or no split"
    if not methods:
        return "without a model, name a baseline, or masks"
    names = ", ".join(method.name for method in methods)
    return f"{names} can be measured in the variant all only, which is not among those chosen"


def _untold(
    found: Iterable[CaseResult],
    cases: Sequence[Case],
    methods: Sequence[SegmentationMethod],
    options: EvaluationOptions,
) -> dict[str, tuple[str, ...]]:
    """The cases of which a region was asked for and not measured, as their labels do not tell it, by region."""
    measured = {(result.case, result.region) for result in found}
    asked = dict.fromkeys((case.name, region) for case, _, _, region in _jobs(cases, methods, options))
    untold: dict[str, tuple[str, ...]] = {}
    for name, region in asked:
        if (name, region) not in measured:
            untold[region] = (*untold.get(region, ()), name)
    return untold


def _nothing_measured(failed: Sequence[CaseResult], untold: Mapping[str, tuple[str, ...]]) -> str:
    """What to tell where every run has failed, or labels tell no region that was asked for."""
    if not failed:
        names = sorted({name for cases in untold.values() for name in cases})
        return (
            f"Nothing to measure: the labels of {names[0]} do not tell {', '.join(untold)}"
            f"{f', nor those of {len(names) - 1} others' if names[1:] else ''}: choose other regions or cases"
        )
    first = failed[0]
    others = sorted({result.case for result in failed} - {first.case})
    more = f"; nor of {len(others)} other case{'s' if len(others) > 1 else ''}" if others else ""
    return f"Nothing of {first.case} could be measured{more}: {first.error}"


def _check_output(folder: Path) -> None:
    """Raise `OutputError` where tables would take the place of files of no earlier evaluation."""
    there = [name for name in (*TABLES, PLOT) if (folder / name).exists()]
    if there and not (folder / RESULTS).is_file():
        raise OutputError(
            f"{folder / there[0]} is of no earlier evaluation (there is no {RESULTS} beside it): choose another folder"
        )


def write_evaluation(results: Sequence[CaseResult], folder: Path) -> Evaluation:
    """Write tables and plot of results into a folder that exists, all of them or none. Raises OutputError."""
    results = told_apart(results)
    summaries = summarise(results)
    files = [folder / name for name in (*TABLES, PLOT)]
    with replacing_together(files) as temporary:
        for path, text in zip(temporary, table_texts(summaries), strict=False):
            with replacing(path, durable=False) as inner:
                inner.write_text(text, encoding="utf-8")
        plot_dice(results, temporary[-1])
    return Evaluation(tuple(results), tuple(summaries), tuple(files))


def evaluate(
    cases: Sequence[Case],
    methods: Sequence[SegmentationMethod],
    options: EvaluationOptions,
    store: ResultStore,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    opener: "_Opener | None" = None,
) -> Iterator[CaseResult]:
    """Run what `store` does not hold yet, case by case, and yield all results, old and new. There is none of a region
    that the labels of a case do not tell.

    A run that ends in an error of ours is kept with its message, and tried again next time.
    """
    jobs = list(_jobs(cases, methods, options))
    opener = opener or _Opener()
    inputs: dict[str, str] = {}
    for number, (case, method, variant, region) in enumerate(jobs):
        if cancel is not None and cancel():
            raise Cancelled("The evaluation was stopped: start it again to go on from here")
        if progress is not None:
            progress(number / len(jobs), f"{case.name}: {method.name}, {region}, {variant.name}")
        protocol = replace(options.protocol, jitter=variant.jitter)
        key = (method.name, case.name, region, variant.name, method.weights)
        if case.name not in inputs:
            inputs[case.name] = inputs_of(case)
        result = store.find(key, signature_of(method, protocol, case.name), inputs[case.name])
        if result is None and not opener.tells(case, region):
            continue
        if result is None:
            result = _attempt(method, case, region, variant, protocol, opener)
            result = replace(result, inputs=inputs[case.name])
            store.add(result)
        yield result
    if progress is not None:
        progress(1.0, "evaluated")


def inputs_of(case: Case) -> str:
    """SHA-256 of the files of a case and of what its labels mean; "" where its volumes cannot be found."""
    try:
        files = [file for source in find_volumes(case.folder).values() for file in files_of_source(source)]
        read = sha256_of([*files, *files_of_image(case.labels)])
    except StudyError:  # told when the case is opened
        return ""
    return hashlib.sha256(f"{read} {case.order}".encode()).hexdigest()


class _Opener:
    """Keeps the last case that was opened, for the next run is likely to need it, and the doubts of all."""

    def __init__(self) -> None:
        self.doubts: dict[str, tuple[str, ...]] = {}
        self._last: tuple[Case, tuple[str, ...] | None, OpenCase] | None = None
        self._told: dict[Case, tuple[str, ...]] = {}

    def tells(self, case: Case, region: str) -> bool:
        """Whether the labels of a case tell a region; also where they cannot be read, which is told on opening it."""
        if case not in self._told:
            try:
                self._told[case] = case.read_own_labels().known
            except GliomaSAMError:
                self._told[case] = REGIONS
        return region in self._told[case]

    def open(self, case: Case, modalities: tuple[str, ...] | None) -> OpenCase:
        if self._last is None or self._last[:2] != (case, modalities):
            self._last = None  # let go of the memory before the next case is read
            self._last = (case, modalities, open_case(case, modalities))
            found = (*self.doubts.get(case.name, ()), *self._last[2].doubts)
            self.doubts[case.name] = tuple(dict.fromkeys(found))
        return self._last[2]


def _jobs(
    cases: Sequence[Case], methods: Sequence[SegmentationMethod], options: EvaluationOptions
) -> Iterator[tuple[Case, SegmentationMethod, Variant, str]]:
    """All runs, in the order that opens each case and encodes each study once."""
    for case in cases:
        for name in sorted(options.variants, key=lambda name: str(VARIANTS[name].modalities)):
            variant = VARIANTS[name]
            for method in methods:
                from_nothing = isinstance(method, InteractiveMethod) and method.initial_input == "nothing"
                if variant is not ALL and not from_nothing:
                    continue
                for region in options.regions if variant is ALL else options.variant_regions:
                    yield case, method, variant, region


def _attempt(
    method: SegmentationMethod, case: Case, region: str, variant: Variant, protocol: ProtocolOptions, opener: _Opener
) -> CaseResult:
    """One run; an error of ours becomes a result that tells it."""
    try:
        return run_protocol(method, opener.open(case, variant.modalities), region, protocol, variant.name)
    except Cancelled:
        raise
    except GliomaSAMError as error:
        return CaseResult(
            method=method.name,
            case=case.name,
            region=region,
            variant=variant.name,
            initial_input=method.initial_input,
            signature=signature_of(method, protocol, case.name),
            interactive=isinstance(method, InteractiveMethod),
            reference_ml=0.0,
            error=str(error),
            weights=method.weights,
            folder=method.folder,
        )
