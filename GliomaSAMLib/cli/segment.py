"""`gliomasam segment`: MR volumes and prompts in, a 3D segmentation out.

Prompts as the command line writes them: `R,A,S[,+|-][,WT|TC|ET]` and `R0,A0,S0,R1,A1,S1[,REGION]`, in RAS mm.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OutputError, PromptError, StudyError
from ..files import check_name
from ..prompts import Prompt, PromptHistory, box, is_on_grid, point
from ..regions import REGION_NAMES, REGIONS
from .console import note_line, output, part_of, progress_bar
from .outlining import (
    READING,
    Device,
    EncoderWeights,
    EtLabel,
    ModelName,
    Orientation,
    Outlined,
    Reading,
    Reference,
    Register,
    SamePatient,
    Skull,
    check_et_label,
    digests,
)
from .paths import PathCommand
from .repeating import Repeated
from .sources import Files, files_read, volume_files

if TYPE_CHECKING:
    from ..study import Study

POINT_FORM = "R,A,S[,+|-][,WT|TC|ET], for example --point=-32.5,18,40,+,WT"

BOX_FORM = "R0,A0,S0,R1,A1,S1[,WT|TC|ET], for example --box=-50,0,20,-10,40,60"

PROMPT_OPTIONS = ("points", "boxes")
"""The repeatable options whose order counts, by the name of their parameter."""

PICTURE_SUFFIXES = (".png", ".pdf", ".svg", ".jpg")

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
    register: Register = False,
    skull: Skull = "auto",
    reference: Reference = None,
    orientation: Orientation = "auto",
    same_patient: SamePatient = False,
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
    model: ModelName = "gliomasam",
    encoder_weights: EncoderWeights = None,
    device: Device = "auto",
    et_label: EtLabel = 3,
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
    _check_sources(sources, folder, reference)
    reading = Reading(reference, register, skull, orientation, same_patient)
    check_et_label(et_label)
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

    with progress_bar() as bar:
        network = load_model(model, device=device, encoder_weights=encoder_weights)
        if repeated is not None:
            repeated.check_weights(network.weights_sha256)
        study = reading.study(sources, folder, part_of(bar, 0.0, READING))
        inputs = {}
        if json is not None:
            named = {"prompts": prompts, "encoder_weights": encoder_weights}
            inputs = digests(volume_files(sources, folder), {} if folder else sources, named)
        again = repeated.notes() if repeated is not None else ()
        done = Outlined.of(
            study,
            network,
            given,
            part_of(bar, READING, 1.0),
            model=model,
            inputs=inputs,
            options=reading.options(study.reference_modality, et_label, device, folder),
            notes=(*again, *_moved_masks(given, study), *twin_notes(out)),
        )
    done.write(out, json, picture, et_label)
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


def _check_sources(sources: dict[str, Path | None], folder: Path | None, reference: str | None) -> None:
    """What can be refused of the volumes before anything is read."""
    single = [f"--{name}" for name, path in sources.items() if path is not None]
    if folder is not None and single:
        raise StudyError(f"Give either --folder or single volumes, not both (there is also {', '.join(single)})")
    if folder is None and not single:
        raise StudyError("No volume given: name at least one of --t1, --t1c, --t2 and --flair, or a --folder")
    if reference in sources and folder is None and sources[reference] is None:
        raise StudyError(f"--reference {reference} names a volume that was not given: give --{reference} too")


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


def _print_result(done: Outlined, out: Path) -> None:
    console = output()
    for note in done.notes:
        console.print(note_line(note))
    for region, volume in done.session.volumes().items():
        console.print(f"{region}  {REGION_NAMES[region]:<17} {volume:8.1f} mL")
    console.print(f"{out} written; {done.seconds:.1f} s")
