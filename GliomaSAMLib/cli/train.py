"""`gliomasam train`: train a method on labelled cases."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CaseError, ModelError
from ..files import parse_json
from .console import output, progress_bar
from .sources import Labels, files_read, output_folder

if TYPE_CHECKING:
    from ..models.registry import MethodConfig

Crop = tuple[int, int, int]


def train(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of case folders, each with MR volumes and a label map named *seg*.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            parser=output_folder,
            metavar="PATH",
            help="Folder of the run: checkpoint, log and weights.",
            show_default=False,
        ),
    ],
    split: Annotated[
        Path | None,
        typer.Option(
            help='JSON file with the lists "train" and "val" of case names. Without it one is made and written to the '
            "folder of the run.",
            show_default=False,
        ),
    ] = None,
    extra: Annotated[
        list[Path] | None,
        typer.Option(help="A further folder of cases, all for training; may be given again.", show_default=False),
    ] = None,
    validation: Annotated[
        float, typer.Option(help="Share of the gliomas for validation, where a split is made; 0 for none.", min=0)
    ] = 0.2,
    labels: Labels = None,
    method: Annotated[str, typer.Option(help="What to train; `gliomasam models` lists the methods.")] = "gliomasam",
    encoder: Annotated[
        str | None,
        typer.Option(help="Encoder to adapt: lite_medsam, sam_vit, medsam_vit, ... [default: the method's own]"),
    ] = None,
    encoder_weights: Annotated[
        Path | None,
        typer.Option(help="Its .pth file, for SAM and MedSAM, whose weights do not ship.", show_default=False),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Weights to begin from: a file, or the name of a trained model.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help='JSON file with sizes that differ from the method\'s own, such as {"decoder": {"width": 48}}.',
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Steps of the optimiser. [default: as many as --minutes allow, 4000 without]",
            min=1,
            show_default=False,
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after this time, with the schedule fitted to it.", show_default=False)
    ] = None,
    batch: Annotated[int, typer.Option(help="Crops that a process computes at once.", min=1)] = 1,
    accumulate: Annotated[
        int, typer.Option(help="Batches a step and process; more of them take time, not memory.", min=1)
    ] = 1,
    checkpointing: Annotated[
        bool, typer.Option(help="Compute activations twice, where the method can: less memory, more time.")
    ] = False,
    patience: Annotated[
        int | None,
        typer.Option(help="End after so many validations without a better score.", min=1, show_default=False),
    ] = None,
    validate_minutes: Annotated[
        float,
        typer.Option(help="Validate so often; less often where that would take more than a tenth of the time.", min=0),
    ] = 15.0,
    learning_rate: Annotated[
        float | None, typer.Option(help="Highest learning rate of AdamW. [default: 0.0008]", show_default=False)
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="ours; published: optimiser, schedule and loss as far as the method's paper says them; clicks: what "
            "makes a click mend more and break less, for the last part of a training, with --start."
        ),
    ] = "ours",
    crop: Annotated[Crop, typer.Option(help="Sides K J I of a crop in mm, multiples of 16.")] = (96, 128, 96),
    large_crop: Annotated[Crop, typer.Option(help="The same of every fourth step's crops.")] = (128, 160, 128),
    pasted: Annotated[
        float, typer.Option(help="Share of crops with the tumour of another patient.", min=0, max=1)
    ] = 0.25,
    without_uptake: Annotated[
        float, typer.Option(help="Share of crops whose enhancing tumour is made not to enhance.", min=0, max=1)
    ] = 0.12,
    users: Annotated[
        int, typer.Option(help="Simulated users of each crop; more of them take less time than more crops.", min=1)
    ] = 3,
    another_outline: Annotated[
        float, typer.Option(help="Share of users who mean another outline than the label.", min=0, max=1)
    ] = 0.4,
    border_clicks: Annotated[
        float | None,
        typer.Option(
            help="Share of clicks at the border of an error instead of deep inside. [default: 0]",
            show_default=False,
            min=0,
            max=1,
        ),
    ] = None,
    previous_truth: Annotated[
        float | None,
        typer.Option(
            help="Share of answers whose answer before is the truth: nothing may change. [default: 0]",
            show_default=False,
            min=0,
            max=1,
        ),
    ] = None,
    previous_distorted: Annotated[
        float | None,
        typer.Option(
            help="Share whose answer before is a distorted truth: one error is to be mended. [default: 0]",
            show_default=False,
            min=0,
            max=1,
        ),
    ] = None,
    new_error_weight: Annotated[
        float | None,
        typer.Option(help="Weight in the loss of voxels that a click broke. [default: 1]", show_default=False, min=0),
    ] = None,
    clicked_error_weight: Annotated[
        float | None,
        typer.Option(
            help="Weight of the clicked error within 12 mm of its click. [default: 1]", show_default=False, min=0
        ),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu, cuda or mps.")] = "auto",
    devices: Annotated[int, typer.Option(help="How many GPUs, or processes on the CPU.", min=1)] = 1,
    nodes: Annotated[int, typer.Option(help="How many computers.", min=1)] = 1,
    precision: Annotated[str, typer.Option(help="auto, 32-true, bf16-mixed or 16-mixed.")] = "auto",
    seed: Annotated[int, typer.Option(help="The same seed gives the same training.", min=0)] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for the frozen features, to share between runs.", show_default=False)
    ] = None,
    cache_features: Annotated[
        bool | None,
        typer.Option(
            help="Compute frozen features once a case; else anew for each crop as it was augmented. "
            "[default: once a case on a CPU, anew on a GPU]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train on your own cases, in the layout of BraTS. Stopped at any moment, the same command goes on.

    Example: gliomasam train CASES --output runs/mine --minutes 60

    It says how long it will take, draws the curve while it runs, and leaves the weights, which every command and the
    module take, with a table and a card. A case whose label map is named wt tells the whole tumour only.

    Several processes: --devices starts them on one computer. With torchrun (--nproc-per-node, --nnodes) or a cluster's
    launcher, give the same numbers as --devices and --nodes to each process.
    """
    try:
        from ..output.overwriting import refuse_inputs
        from ..training import AugmentConfig, ClickConfig, TrainOptions, fit
        from ..training.recipe import with_recipe
    except ImportError as error:
        raise CaseError(f"Training needs {error.name}: pip install 'gliomasam[train]'") from error
    named = {"--split": split, "--config": config, "--encoder-weights": encoder_weights}
    written = [out / name for name in (f"{method}.safetensors", "last.ckpt", "log.jsonl", "curve.png", "card.md")]
    refuse_inputs(written, files_read(named, [start] if start else []))
    changed = encoder is not None or config is not None
    options = TrainOptions(
        folder=folder,
        output=out,
        split=split,
        extra=tuple(extra or ()),
        validation=validation,
        labels=labels,
        method=method,
        steps=steps,
        minutes=minutes,
        batch=batch,
        accumulate=accumulate,
        checkpointing=checkpointing,
        patience=patience,
        validate_minutes=validate_minutes,
        accelerator=accelerator,
        devices=devices,
        nodes=nodes,
        precision=precision,
        seed=seed,
        cache=cache,
        cache_features=cache_features,
        augment=AugmentConfig(crop=crop, large_crop=large_crop, pasted=pasted, without_uptake=without_uptake),
        clicks=ClickConfig(users=users, another_outline=another_outline),
        config=_config(method, encoder, config) if changed else None,
        encoder_weights=encoder_weights,
        start=start,
    )
    options = with_recipe(recipe, options, lambda line: output().print(line))
    options = replace(
        options,
        clicks=replace(
            options.clicks,
            **_said(border=border_clicks, previous_truth=previous_truth, previous_distorted=previous_distorted),
        ),
        loss=replace(
            options.loss, **_said(new_error_weight=new_error_weight, clicked_error_weight=clicked_error_weight)
        ),
        **_said(learning_rate=learning_rate),
    )
    with progress_bar() as report:
        fit(options, progress=report, tell=lambda line: output().print(line))


def _said(**values: Any) -> dict[str, Any]:
    """What the user has given, which goes before what a recipe has."""
    return {name: value for name, value in values.items() if value is not None}


def _config(method: str, encoder: str | None, file: Path | None) -> "MethodConfig":
    """The method's config with what the user has changed. Raises `ModelError`."""
    from ..models.registry import chosen_config

    if file is None:
        return chosen_config(method, encoder)
    try:
        changes = parse_json(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The config {file} cannot be read: {error}") from error
    if not isinstance(changes, dict):
        raise ModelError(f'The config {file} holds no fields by name: write an object such as {{"decoder": {{}}}}')
    return chosen_config(method, encoder, changes)
