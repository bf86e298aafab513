"""What a training leaves for people: the table of its validation, and a card beside the weights."""

from collections.abc import Mapping
from pathlib import Path

from ..files import replacing
from ..models.registry import MethodConfig, find_method
from ..regions import REGIONS
from .clock import time_needed
from .options import TrainOptions
from .validations import Validations

CARD = "card.md"

TEXT = """# Model card: {weights}

**Not for clinical use.** For research only; it is no medical device, and nobody has tested it as one.

| | |
|---|---|
| method | {method}: {summary} |
| trained on | {patients} |
| training | {steps} steps of {crops} crops in {time}, seed {seed}{chosen} |
| validated on | {validation} |
| file | `{weights}` |

## Accuracy

{accuracy}

## Its use

`gliomasam segment --model {weights} ...`; in the module of 3D Slicer, import the file under "Model".
`gliomasam evaluate CASES --model {weights}` measures it in whole sessions, on the grid of the images.

## What it must not be used for

- Diagnosis, treatment, or anything that a patient's care depends on, without a physician who checks every outline.
- Patients unlike those it was trained on: other lesions, other scanners, images after surgery where it has seen none.
"""

MEASURED = """Mean Dice of the validation cases after so many clicks, each in the deepest place of the largest error, on
a grid of 2 mm. The checkpoint was chosen on the same cases: on others it does a little worse.

{table}
"""

UNMEASURED = "No case was set aside for validation: nobody knows how good it is. Measure it on cases it has not seen."


def result_table(measured: Mapping[str, float]) -> str:
    """Dice by region and clicks, as a table in Markdown; without the regions that no label told."""
    counts = sorted({int(name[2:]) for name in measured if name[:2] in REGIONS})
    lines = [
        "| Dice after clicks | " + " | ".join(str(count) for count in counts) + " |",
        "|---" * (len(counts) + 1) + "|",
    ]
    for region in REGIONS:
        values = [measured.get(f"{region}{count}") for count in counts]
        if all(one is None for one in values):
            continue
        lines.append(f"| {region} | " + " | ".join("" if one is None else f"{one:.3f}" for one in values) + " |")
    return "\n".join(lines)


def write_card(
    options: TrainOptions,
    config: MethodConfig,
    found: Validations,
    training: tuple[int, float],
    patients: str,
    validation: int,
) -> Path:
    """Write the card of a training into its folder.

    Args:
        options: The training.
        config: What was trained.
        found: What its validations have found.
        training: Steps done, and the seconds that they took.
        patients: Those it was trained on, by kind.
        validation: How many cases it was validated on.

    Raises:
        OutputError: It cannot be written.
    """
    path = options.output / CARD
    steps, seconds = training
    chosen = ""
    if found.best_step not in (None, steps) and found.best_seconds is not None:
        after = time_needed(found.best_seconds)
        chosen = f"; these weights, the best in validation, are of step {found.best_step} (after {after})"
    text = TEXT.format(
        weights=options.weights.name,
        method=config.method,
        summary=find_method(config.method).summary,
        patients=patients,
        steps=steps,
        crops=options.batch * options.accumulate * options.devices * options.nodes,
        time=time_needed(seconds),
        seed=options.seed,
        chosen=chosen,
        validation=f"{validation} other cases" if validation else "none",
        accuracy=MEASURED.format(table=result_table(found.best)) if found.best else UNMEASURED,
    )
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
