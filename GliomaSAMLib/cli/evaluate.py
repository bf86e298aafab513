"""`gliomasam evaluate`: Dice after each click, on labelled cases, ours and others in one table."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import CaseError
from ..listing import first_of
from ..regions import REGIONS
from .console import note_line, output, progress_bar
from .paths import expand
from .sources import Labels, files_read, output_folder

NAMES_SHOWN = 3


def evaluate(
    cases: Annotated[Path, typer.Argument(help="Folder of labelled case folders.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            parser=output_folder,
            metavar="PATH",
            help="Folder for results.jsonl, tables (.md, .csv, .json) and the plot. What was measured into it before "
            "on these cases is in the tables too.",
            show_default=False,
        ),
    ],
    split: Annotated[
        Path | None, typer.Option(help="Split file; takes the cases of --part.", show_default=False)
    ] = None,
    labels: Labels = None,
    part: Annotated[str, typer.Option(help="Part of the split: val or train.")] = "val",
    names: Annotated[list[str] | None, typer.Option("--case", help="Only this case. Repeatable.")] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help="A name from `gliomasam models`, or a weights file. Repeatable. [default: gliomasam]"
        ),
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Measure baselines and masks only.")] = False,
    baselines: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            help="A method of others: lite_medsam_boxes, lite_medsam_propagated, lite_medsam_boxes_3ch, grow_ball, "
            "grow_planes; or all. Repeatable.",
        ),
    ] = None,
    masks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FOLDER",
            help="Masks that exist already, as a method NAME: a label map or Slicer segmentation a case, named as the "
            "case folder (CASE.nii.gz, .nii, .nrrd, .mha or .seg.nrrd). Repeatable.",
        ),
    ] = None,
    masks_labels: Annotated[
        str | None, typer.Option(help="What the labels of --masks mean, as for --labels.", show_default=False)
    ] = None,
    variants: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            help='"all", "jitter", "without t1" and so on, "flair alone", "t1c alone"; or every. Repeatable. '
            "[default: all]",
        ),
    ] = None,
    regions: Annotated[
        list[str] | None, typer.Option("--region", help="WT, TC or ET. Repeatable. [default: all]")
    ] = None,
    prompts: Annotated[int, typer.Option(help="Clicks a case and region.", min=0)] = 10,
    start: Annotated[str, typer.Option(help="First prompt: error, centre or box.")] = "error",
    results: Annotated[
        list[Path] | None, typer.Option("--results", help="A results.jsonl of another run, to take in. Repeatable.")
    ] = None,
    encoder_weights: Annotated[
        Path | None, typer.Option(help="The .pth file of a SAM or MedSAM that the models adapt.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
) -> None:
    """Measure with a robot that clicks on the largest error. Stopped, the same command goes on.

    Example: gliomasam evaluate CASES --split split.json --output runs/table --baseline all --variant every
    """
    from ..evaluation import BASELINES, VARIANTS, EvaluationOptions, ProtocolOptions, run_evaluation
    from ..output.overwriting import refuse_inputs

    written = [out / name for name in ("table.md", "table.csv", "table.json", "dice.png")]
    refuse_inputs(
        [*written, out / "results.jsonl"],
        files_read({"--split": split, "--encoder-weights": encoder_weights}, models or []),
    )
    refuse_inputs(written, {"--results": results or []})
    try:
        protocol = ProtocolOptions(prompts=prompts, start=start)
    except ValueError as error:
        raise CaseError(str(error)) from error
    taken = tuple(dict.fromkeys(region.upper() for region in regions)) if regions else REGIONS
    options = EvaluationOptions(
        cases=cases,
        output=out,
        split=split,
        labels=labels,
        part=part,
        models=() if no_model else tuple(models or ("gliomasam",)),
        baselines=_all_or(baselines or [], "all", tuple(BASELINES)),
        masks=_folders(masks or []),
        masks_labels=masks_labels,
        regions=taken,
        variants=_all_or(variants or ["all"], "every", tuple(VARIANTS)),
        variant_regions=taken,
        names=tuple(names or ()),
        results=tuple(results or ()),
        device=device,
        encoder_weights=encoder_weights,
        protocol=protocol,
    )
    with progress_bar() as report:
        evaluation = run_evaluation(options, progress=report)
    console = output()
    for path in evaluation.files:
        console.print(f"{path} written")
    for method, count in evaluation.left_out.items():
        others = (
            f"of other cases, files or settings are left out of the tables ({count}); {out / 'results.jsonl'} keeps"
        )
        console.print(note_line(f"results of {method} {others} them"))
    for region, untold in evaluation.untold.items():
        console.print(
            note_line(
                f"the labels of {first_of(untold, NAMES_SHOWN)} do not tell {region}, which was not measured there"
            )
        )
    for line in evaluation.doubts:
        console.print(line)
    failed: dict[tuple[str, str, str], list[str]] = {}
    for result in evaluation.results:
        if result.error:
            failed.setdefault((result.case, result.method, result.error), []).append(result.region)
    for (case, method, why), missed in failed.items():
        console.print(" ".join(f"failed: {case}, {method}, {', '.join(dict.fromkeys(missed))}: {why}".split()))
    table = next((path for path in evaluation.files if path.suffix == ".md"), None)
    if table is not None:
        console.print(table.read_text(encoding="utf-8"))


def _all_or(given: list[str], everything: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """`known` when `everything` was asked for, else what was given, once each."""
    return known if everything in given else tuple(dict.fromkeys(given))


def _folders(given: list[str]) -> dict[str, Path]:
    """The folders of `--masks`, by name. Raises `CaseError` where one is not NAME=FOLDER, or a name is there twice."""
    found: dict[str, Path] = {}
    for text in given:
        name, _, folder = text.partition("=")
        if not name.strip() or not folder:
            raise CaseError(f"--masks {text} is not NAME=FOLDER, such as --masks nnunet=predictions")
        if name.strip() in found:
            raise CaseError(f"--masks has the name {name.strip()} twice: give each folder a name of its own")
        found[name.strip()] = expand(Path(folder))
    return found
