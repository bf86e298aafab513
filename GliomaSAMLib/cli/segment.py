"""`gliomasam segment`: MR volumes and prompts in, a 3D segmentation out.

Prompts as the command line writes them: `R,A,S[,+|-][,WT|TC|ET]` and `R0,A0,S0,R1,A1,S1[,REGION]`, in RAS mm.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OutputError, PromptError, StudyError
from ..files import check_name, replacing_together, sha256_of
from ..prompts import Prompt, PromptHistory, box, is_on_grid, point
from ..regions import REGION_NAMES, REGIONS
from .console import Report, note_line, output, part_of, progress_bar
from .paths import PathCommand
from .repeating import Repeated, absolute
from .sources import Files, described, files_read, volume_files

if TYPE_CHECKING:
    from ..session import Session
    from ..study import Study

POINT_FORM = "R,A,S[,+|-][,WT|TC|ET], for example --point=-32.5,18,40,+,WT"

BOX_FORM = "R0,A0,S0,R1,A1,S1[,WT|TC|ET], for example --box=-50,0,20,-10,40,60"

PROMPT_OPTIONS = ("points", "boxes")
"""The repeatable options whose order counts, by the name of their parameter."""

SKULL_CHOICES = ("auto", "on", "off")

REFERENCE_CHOICES = ("t1", "t1c", "t2", "flair")

ORIENTATION_CHOICES = ("auto", "qform", "sform")

PICTURE_SUFFIXES = (".png", ".pdf", ".svg", ".jpg")

READING = 0.15
"""Part of the progress bar that reading the volumes takes."""

Volume = Annotated[
    Path | None,
    typer.Option(
        help="A file (NIfTI, NRRD, MHA) or a DICOM folder; FOLDER#2 is the second of several volumes in it.",
        show_default=False,
    ),
]


class TypedText(str):
    """What was typed after an option, with its place among all options of the command line."""

    place: int

    @classmethod
    def at(cls, place: int, text: str) -> "TypedText":
        """The text with its place."""
        typed = cls(text)
        typed.place = place
        return typed


class PromptCommand(PathCommand):
    """A command whose prompts know in which order they were typed; the parser alone collects each option apart. With
    --from, what was not typed is taken from the report.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as any command does, make the prompts `TypedText`, and put a `Repeated` in the place of --from."""
        _, _, typed = self.make_parser(ctx).parse_args(list(args))  # options as they come, one for each time
        rest = super().parse_args(ctx, args)
        for name in PROMPT_OPTIONS:
            places = [place for place, option in enumerate(typed) if option.name == name]
            if places:
                ctx.params[name] = list(map(TypedText.at, places, ctx.params[name]))
        if ctx.params.get("report") is not None:
            words = {option.name: _word(option, ctx.params[option.name]) for option in typed}
            repeated = Repeated.read(ctx.params["report"], words)
            given = {name: value for name, value in repeated.parameters().items() if name in ctx.params}
            ctx.params |= {**given, "report": repeated}
        return rest


def _word(option: Any, value: object) -> str:
    """An option as it was typed, such as --no-register."""
    return str((option.secondary_opts if value is False else option.opts)[0])


def parse_point(text: str) -> Prompt:
    """A click from text. Raises `PromptError` that quotes the text and the right form."""
    numbers, extras = _split(text, 3, "point", POINT_FORM)
    signs = [extra for extra in extras if extra in ("+", "-")]
    regions = [extra.upper() for extra in extras if extra not in ("+", "-")]
    if len(signs) > 1 or len(regions) > 1:
        raise PromptError(f"--point={text} has more than a sign and a region: write {POINT_FORM}")
    return point(numbers, signs != ["-"], regions[0] if regions else REGIONS[0])


def parse_box(text: str) -> Prompt:
    """A box from text. Raises `PromptError` that quotes the text and the right form."""
    numbers, extras = _split(text, 6, "box", BOX_FORM)
    if len(extras) > 1:
        raise PromptError(f"--box={text} has more than a region: write {BOX_FORM}")
    return box(numbers[:3], numbers[3:], extras[0].upper() if extras else REGIONS[0])


def read_prompts(
    points: Sequence[str], boxes: Sequence[str], file: Path | None, repeated: Repeated | None = None
) -> tuple[Prompt, ...]:
    """All prompts of a command line: those of the file, else of a report, then points and boxes in the order in which
    they were typed. Texts that are not `TypedText` have no place: of these, boxes come before points. Raises
    `PromptError`.
    """
    saved = PromptHistory.load(file).prompts if file else repeated.prompts.prompts if repeated else ()
    texts = [(text, parse_box) for text in boxes] + [(text, parse_point) for text in points]
    texts.sort(key=lambda typed: getattr(typed[0], "place", 0))
    return (*saved, *(parse(text) for text, parse in texts))


def _split(text: str, count: int, option: str, form: str) -> tuple[list[float], list[str]]:
    """The first `count` numbers and what follows them."""
    words = [word.strip() for word in text.split(",")]
    try:
        numbers = [float(word) for word in words[:count]]
    except ValueError:
        raise PromptError(f"--{option}={text} has a coordinate that is not a number: write {form}") from None
    if len(numbers) < count:
        raise PromptError(f"--{option}={text} has {len(numbers)} coordinates instead of {count}: write {form}")
    return numbers, words[count:]


def segment(
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Where the result goes: .seg.nrrd is a 3D Slicer segmentation; .nii.gz, .nii, .nrrd or .mha a BraTS "
            "label map (NCR 1, ED 2, ET 3).",
            show_default=False,
        ),
    ],
    t1: Volume = None,
    t1c: Volume = None,
    t2: Volume = None,
    flair: Volume = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="A case folder instead of single volumes: modalities are recognised.", show_default=False),
    ] = None,
    register: Annotated[
        bool, typer.Option("--register/--no-register", help="Align the volumes rigidly first.")
    ] = False,
    skull: Annotated[str, typer.Option(help="Whether the skull is still on: auto, on or off.")] = "auto",
    reference: Annotated[
        str | None,
        typer.Option(
            help="The volume whose grid the results lie on: t1, t1c, t2 or flair. Default the one that shows most of "
            "the head; of those that show as much the first of t1c, flair, t2, t1.",
            show_default=False,
        ),
    ] = None,
    orientation: Annotated[
        str,
        typer.Option(help="Which form of a NIfTI header gives the place where they differ: auto, qform or sform."),
    ] = "auto",
    same_patient: Annotated[
        bool,
        typer.Option(
            "--same-patient/--no-same-patient",
            help="The volumes are of one patient, whatever headers and folders say.",
        ),
    ] = False,
    points: Annotated[
        list[str] | None,
        typer.Option("--point", metavar="R,A,S[,+|-][,REGION]", help=f"A click in RAS mm: {POINT_FORM}. Repeatable."),
    ] = None,
    boxes: Annotated[
        list[str] | None,
        typer.Option("--box", metavar="R0,A0,S0,R1,A1,S1[,REGION]", help=f"A box in RAS mm: {BOX_FORM}. Repeatable."),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="A JSON file of prompts, or a report of --json, of which it takes the prompts alone; they come before "
            "those typed here.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write volumes, notes, prompts and model to this JSON file.", show_default=False)
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw slices with the outlines to this .png.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option(help="A name from `gliomasam models`, or a weights file.")] = "gliomasam",
    encoder_weights: Annotated[
        Path | None, typer.Option(help="The .pth file of a SAM or MedSAM that the model adapts.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    et_label: Annotated[int, typer.Option(help="Label of enhancing tumour: 3, or 4 as before 2023.")] = 3,
    report: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A report of --json: the same volumes, options, model and prompts again. What is typed beside it "
            "wins; --point and --box follow its prompts.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Segment a glioma from clicks and boxes; without any, from the images alone.

    Prompts are answered one by one: those of --prompts, then --point and --box in the order in which they are typed.

    Example: gliomasam segment --folder CASE --point=-32.5,18,40 --output tumour.seg.nrrd
    """
    repeated = report if isinstance(report, Repeated) else None  # as `PromptCommand` leaves it
    sources = {"t1": t1, "t1c": t1c, "t2": t2, "flair": flair}
    _check_choices(sources, folder, skull, et_label, orientation, reference)
    for path in (folder, *sources.values()):
        if path is not None:
            check_name(path, StudyError)
    given = read_prompts(points or [], boxes or [], prompts, repeated)
    _check_outputs(out, json, picture)
    read = {"--prompts": prompts, "--encoder-weights": encoder_weights, "--from": repeated and repeated.path}
    outputs = [path for path in (out, json, picture) if path]
    if repeated is not None:
        _tell_what_is_repeated(repeated)
    _check_inputs(outputs, sources, folder, files_read(read, [model]))
    if repeated is not None:
        repeated.check_volumes(volume_files(sources, folder))
    from ..models import load_model
    from ..output import twin_notes
    from ..session import Session

    with progress_bar() as bar:
        network = load_model(model, device=device, encoder_weights=encoder_weights)
        if repeated is not None:
            repeated.check_weights(network.weights_sha256)
        reading = part_of(bar, 0.0, READING)
        study = _read(sources, folder, reference, register, skull, orientation, same_patient, reading)
        session = Session(study, network)
        for prompt in given:
            session.add(prompt)
        start = time.perf_counter()
        result = session.update(progress=part_of(bar, READING, 1.0))
        seconds = time.perf_counter() - start
    options: dict[str, Any] = {
        "reference": study.reference_modality,
        "register": register,
        "skull": skull,
        "orientation": orientation,
        "same_patient": same_patient,
    }
    options |= {"et_label": et_label, "device": device, "folder": folder and absolute(folder)}
    named = {"prompts": prompts, "encoder_weights": encoder_weights}
    inputs = _inputs(sources, folder, named) if json is not None else {}
    again = repeated.notes() if repeated is not None else ()
    told = (*again, *_moved_masks(given, study), *study.notes, *result.notes, *twin_notes(out))
    notes = tuple(dict.fromkeys(told))
    model = (
        absolute(model) if Path(model).suffix or Path(model).name != model else model
    )  # as `find_weights` tells them
    done = _Done(study, session, notes, model, seconds, inputs, options)
    _write(done, out, json, picture, et_label)
    _print_result(done, out)


def _moved_masks(prompts: Sequence[Prompt], study: "Study") -> tuple[str, ...]:
    """A note where masks edited by hand are on another grid than the results."""
    regions = dict.fromkeys(prompt.region for prompt in prompts if not is_on_grid(prompt, study.reference))
    what = f"what was edited by hand ({', '.join(regions)}) lies on another grid"
    return (f"{what}: it was brought onto that of {study.reference_modality} by the nearest voxel",) * bool(regions)


def _tell_what_is_repeated(repeated: Repeated) -> None:
    """Say what a report has read, before it is."""
    repeated.check_paths()
    console = output()
    for line in repeated.lines():
        console.print(line)


@dataclass(frozen=True)
class _Done:
    """What is written and printed. `seconds` is the time of the update, without reading the images; `inputs` and
    `options` are for the report.
    """

    study: "Study"
    session: "Session"
    notes: tuple[str, ...]
    model: str
    seconds: float
    inputs: dict[str, Any]
    options: dict[str, Any]


def _check_choices(
    sources: dict[str, Path | None],
    folder: Path | None,
    skull: str,
    et_label: int,
    orientation: str,
    reference: str | None,
) -> None:
    """What can be refused before anything is read."""
    single = [f"--{name}" for name, path in sources.items() if path is not None]
    if folder is not None and single:
        raise StudyError(f"Give either --folder or single volumes, not both (there is also {', '.join(single)})")
    if folder is None and not single:
        raise StudyError("No volume given: name at least one of --t1, --t1c, --t2 and --flair, or a --folder")
    if skull not in SKULL_CHOICES:
        raise StudyError(f"Unknown --skull {skull}. Choose auto, on or off")
    if reference is not None and reference not in REFERENCE_CHOICES:
        raise StudyError(f"Unknown --reference {reference}. Choose t1, t1c, t2 or flair")
    if reference is not None and folder is None and sources[reference] is None:
        raise StudyError(f"--reference {reference} names a volume that was not given: give --{reference} too")
    if orientation not in ORIENTATION_CHOICES:
        raise StudyError(f"Unknown --orientation {orientation}. Choose auto, qform or sform")
    if et_label not in (3, 4):
        raise OutputError(f"Unknown --et-label {et_label}. Choose 3, or 4 as in BraTS data before 2023")


def _check_outputs(out: Path, json: Path | None, picture: Path | None) -> None:
    """Whether all results can be written, before the long work begins."""
    from ..output import check_output_path

    check_output_path(out)
    if json is not None:
        check_output_path(json, (".json",))
    if picture is not None:
        check_output_path(picture, PICTURE_SUFFIXES)
    named = [path.resolve() for path in (out, json, picture) if path is not None]
    if len(set(named)) < len(named):
        raise OutputError("Two results would go to the same file: choose different names")


def _check_inputs(outputs: list[Path], sources: dict[str, Path | None], folder: Path | None, others: Files) -> None:
    """Refuse a result in the place of an input. Raises `OutputError`, and `StudyError` for a folder without volumes."""
    from ..output.overwriting import refuse_inputs

    refuse_inputs(outputs, others)
    folders = [path.resolve() for path in (folder, *sources.values()) if path is not None and path.is_dir()]
    inside = any(path.resolve().is_relative_to(place) for path in outputs for place in folders)
    if folders and not inside and not any(path.exists() for path in outputs):
        sources, folder = {name: path for name, path in sources.items() if path and not path.is_dir()}, None
    volumes = volume_files(sources, folder)
    refuse_inputs(outputs, {f"the volume {modality}": files for modality, files in volumes.items()})


def _inputs(sources: dict[str, Path | None], folder: Path | None, others: dict[str, Path | None]) -> dict[str, Any]:
    """What the report says of the files that were read: paths and SHA-256."""
    files = {
        name: {"path": absolute(path), "sha256": sha256_of((path,))}
        for name, path in others.items()
        if path is not None
    }
    return {**described(volume_files(sources, folder), {} if folder else sources), **files}


def _read(
    sources: dict[str, Path | None],
    folder: Path | None,
    reference: str | None,
    register: bool,
    skull: str,
    orientation: str,
    same_patient: bool,
    report: Report,
) -> "Study":
    from ..study import Study

    if folder is not None:
        return Study.read_folder(
            folder,
            reference=reference,
            register=register,
            skull=skull,
            orientation=orientation,
            same_patient=same_patient,
            progress=report,
        )
    t1, t1c, t2, flair = (sources[name] for name in ("t1", "t1c", "t2", "flair"))
    return Study.read(
        t1=t1,
        t1c=t1c,
        t2=t2,
        flair=flair,
        reference=reference,
        register=register,
        skull=skull,
        orientation=orientation,
        same_patient=same_patient,
        progress=report,
    )


def _write(done: _Done, out: Path, json: Path | None, picture: Path | None, et_label: int) -> None:
    """Write segmentation, report and picture, all of them or none."""
    from ..output import write_report, write_segmentation

    masks = {region: done.session.mask(region) for region in REGION_NAMES}
    paths = [path for path in (out, json, picture) if path is not None]
    with replacing_together(paths) as names:
        to = dict(zip(paths, names, strict=True))
        write_segmentation(to[out], masks, done.study.reference, et_label, done.study.nifti)
        if json is not None:
            write_report(to[json], _report(done, out))
        if picture is not None:
            from ..output.picture import Panel, draw_overlay

            volumes = "  ".join(f"{region} {volume:.1f} mL" for region, volume in done.session.volumes().items())
            panels = [Panel("image"), Panel("result", masks, prompts=done.session.prompts)]
            draw_overlay(to[picture], done.study, panels, f"{volumes}   for research only, not for clinical use")


def _report(done: _Done, out: Path) -> dict[str, Any]:
    from ..output import segmentation_report
    from ..session.prediction import RULES

    return segmentation_report(
        volumes=done.session.volumes(),
        prompts=done.session.history,
        notes=done.notes,
        model=done.model,
        weights_sha256=done.session.weights,
        rules=RULES,
        seconds=done.seconds,
        geometry=done.study.reference,
        output=str(out),
        inputs=done.inputs,
        options=done.options,
    )


def _print_result(done: _Done, out: Path) -> None:
    console = output()
    for note in done.notes:
        console.print(note_line(note))
    for region, volume in done.session.volumes().items():
        console.print(f"{region}  {REGION_NAMES[region]:<17} {volume:8.1f} mL")
    console.print(f"{out} written; {done.seconds:.1f} s")
