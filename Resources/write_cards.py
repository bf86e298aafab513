"""Write the model cards from measured results: one Markdown file and one picture for each trained model.

    gliomasam evaluate CASES --split split.json --model gliomasam --model runs/segresnet.safetensors ... --output table
    python Resources/write_cards.py table/results.jsonl docs/model-cards

What is measured is taken from the results, what the weights are from the catalogue; the rest is written here. Patients'
images may not be shown, so the picture is of the digital phantom: with all four volumes, and with T1 alone, where
every model does badly; a model whose weights do not ship has none.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from GliomaSAMLib import Session, Study, load_model
from GliomaSAMLib.data.placement import next_click
from GliomaSAMLib.demo.phantom import make_phantom, phantom_case
from GliomaSAMLib.evaluation.protocol import CaseResult, read_results
from GliomaSAMLib.evaluation.tables import COLUMNS, SURFACE_AT, Summary, summarise
from GliomaSAMLib.models.catalogue import CatalogueEntry, list_models
from GliomaSAMLib.models.registry import METHODS
from GliomaSAMLib.output.picture import Panel, draw_overlay
from GliomaSAMLib.regions import REGIONS, dice
from GliomaSAMLib.study import MODALITIES

CARD = """# Model card: {name}

{description}

**Not for clinical use.** For research only; it is no medical device, and nobody has tested it as one.

| | |
|---|---|
| method | {summary} |
| reads | the volumes, and {prompts} |
| parameters | {trained:.2f} M trained of {total:.2f} M |
| base model | {base} |
| trained on | {training} |
| measured on | six other cases of the same sources, fixed by the split; chosen on them: the checkpoint |
| file | {file} |
| licence | {licence} |

## Data

BraTS 2018 and 2021: pre-operative gliomas with T1, T1 with contrast, T2 and FLAIR, skull-stripped, co-registered, 1
mm, with expert labels.
Sources: Menze et al. 2015 (doi 10.1109/TMI.2014.2377694), Bakas et al. 2017 (doi 10.1038/sdata.2017.117), Baid et
al. 2021 (arXiv 2107.02314). No image
and no label is in this file or in the weights' neighbourhood.
{further}
## Accuracy

Mean Dice after so many clicks of a robot on that region, each in the deepest place of the largest error; HD95 in mm
after {surface} clicks. ET: cases that have any.

{table}

## Where it fails

The cases with the lowest Dice after {surface} clicks:

{failures}

{advice}
{picture}
## What it must not be used for

- Diagnosis, treatment, or anything that a patient's care depends on, without a physician who checks every outline.
- Lesions that are no gliomas, children, images after surgery or treatment, other organs: it has seen none of these.
- Comparing treatments or centres by volume: its error depends on the scanner and on the tumour.
- Any claim about accuracy beyond the cases above: {cases} cases are few, and the interval round each mean is wide.
"""

FURTHER = {
    "gliomasam": (
        "The further cases are of BraTS 2013, 2017, 2018, 2020, 2021 and 2023 and of the Medical Segmentation "
        "Decathlon;\nthe heads without a glioma have multiple sclerosis (Lesjak et al., Neuroinformatics 2018, "
        "CC BY).\n"
    )
}
"""What is to be said of the data of one model only."""

PICTURE = """
![The phantom with all volumes, and with T1 alone]({name}.png)

The picture is of a digital phantom, as patients' images may not be published: dashed the truth, solid the model's
outline after three clicks.
On the left all four volumes, on the right T1 alone: without FLAIR and contrast the outline cannot be trusted.
"""

ADVICE = {
    "gliomasam": "Small enhancement and cores without any are found badly; without FLAIR the whole tumour is.",
    "csad": (
        "It reads no prompts: a click changes its surroundings by image similarity only. It sees a few slices "
        "at a time and has no idea of the whole head. Trained for a short time only."
    ),
    "ma_sam": (
        "It reads boxes, and no clicks: a click changes its surroundings by image similarity only. Slices lie "
        "4 mm apart, and what is between them is interpolated. Trained for a short time only."
    ),
    "cmaa": (
        "Slices lie 4 mm apart and are outlined one by one; what is between them is interpolated. Trained for "
        "a short time only."
    ),
    "3dmedsam": "Clicks act on a coarse grid of 8 x 6 x 6 mm. Trained for a short time only.",
    "segresnet": "It hardly heeds clicks and finds small enhancing parts badly. It is here as a yardstick only.",
}
PANEL_CLICKS = ("WT", "TC", "ET")


def accuracy_table(rows: Sequence[Summary]) -> str:
    """The Markdown table of a model's regions."""
    lines = ["| region | " + " | ".join(str(n) for n in COLUMNS) + " | HD95 |", "|---" * (len(COLUMNS) + 2) + "|"]
    for row in rows:
        dices = [f"{row.dice[n]:.3f}" if n in row.dice else "" for n in COLUMNS]
        lines.append(f"| {row.region} | " + " | ".join(dices) + f" | {row.hd95:.1f} |")
    return "\n".join(lines)


def worst_cases(results: Sequence[CaseResult], most: int = 3) -> str:
    """The worst cases as a list."""
    there = [result for result in results if result.reference_ml > 0 and not result.error]
    ranked = sorted(there, key=lambda result: result.at(SURFACE_AT).dice)[:most]
    return "\n".join(
        f"- {r.case}, {r.region} of {r.reference_ml:.1f} mL: Dice {r.rounds[0].dice:.2f} without a click, "
        f"{r.at(SURFACE_AT).dice:.2f} after {SURFACE_AT}; HD95 {r.at(SURFACE_AT).hd95:.0f} mm"
        for r in ranked
    )


def write_card(entry: CatalogueEntry, results: Sequence[CaseResult], folder: Path) -> None:
    """Write the card of one model."""
    method = METHODS[entry.method]
    rows = [row for row in summarise(results) if row.variant == "all"]
    text = CARD.format(
        name=entry.name,
        description=entry.description,
        summary=method.summary,
        prompts=", ".join(f"{kind}s" for kind in method.prompts).replace("boxs", "boxes") or "no prompts",
        trained=method.cost.trained,
        total=method.cost.total,
        base=entry.base or "none",
        training=entry.training_cases,
        file=f"`{entry.file}`, SHA-256 `{entry.sha256}`" if entry.file else "none: the weights do not ship",
        licence=entry.licence,
        further=FURTHER.get(entry.name, ""),
        surface=SURFACE_AT,
        table=accuracy_table(rows),
        failures=worst_cases([result for result in results if result.variant == "all"]),
        advice=ADVICE[entry.name],
        picture=PICTURE.format(name=entry.name) if entry.file else "",
        cases=max(row.cases for row in rows),
    )
    (folder / f"{entry.name}.md").write_text(text, encoding="utf-8")


def draw_card(entry: CatalogueEntry, folder: Path) -> None:
    """Draw the picture of one model."""
    phantom = make_phantom()
    case = phantom_case(phantom)
    model = load_model(entry.name, device="cpu")
    panels: list[Panel] = []
    told: list[str] = []
    for title, modalities in (("all four volumes", MODALITIES), ("T1 alone", ("t1",))):
        images = {name: phantom.images[name] for name in modalities}
        session = Session(Study.read(reference=phantom.images["t1c"], skull="off", **images), model, cache=None)
        session.update()
        for region in PANEL_CLICKS:
            click = next_click(session.mask(region), case.truth[region], session.study.reference)
            if click is not None:
                session.add_point(click.points[0], positive=click.positive, region=region)
            session.update()
        masks = {region: session.mask(region).copy() for region in REGIONS}
        scores = ", ".join(f"{region} {dice(masks[region], case.truth[region]):.2f}" for region in REGIONS)
        told.append(f"{title}: Dice {scores}")
        panels.append(Panel(title, masks, case.truth, session.prompts, "t1" if len(images) == 1 else "t1c"))
    told.append("A digital phantom. Not for clinical use.")
    path = folder / f"{entry.name}.png"
    draw_overlay(path, case.study, panels, "\n".join(told))
    with Image.open(path) as picture:  # the rare colours of clicks and outlines have to stay
        half = picture.convert("RGB").resize(
            (picture.width * 5 // 8, picture.height * 5 // 8), Image.Resampling.LANCZOS
        )
        half.quantize(96, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Write the cards of all models of the catalogue that the results know."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results.jsonl of gliomasam evaluate")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--no-pictures", action="store_true")
    parser.add_argument("--only", action="append", help="the models whose cards are written; default all")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    results = read_results([arguments.results])
    for entry in list_models():
        own = [one for one in results if one.method == entry.name and one.weights in ("", entry.sha256 or one.weights)]
        if own and entry.method in METHODS and entry.name in (arguments.only or [entry.name]):
            write_card(entry, own, arguments.folder)
            if entry.file and not arguments.no_pictures:
                draw_card(entry, arguments.folder)
            sys.stdout.write(f"{entry.name}: written\n")


if __name__ == "__main__":
    main()
