"""Write every table of the documentation from the JSON files in `docs/benchmarks`.

    python Testing/benchmarks/write_tables.py

Writes `docs/benchmarks/tables.md`, and the table of the README between its two marks. A test fails while a JSON file
and the text disagree.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from GliomaSAMLib.regions import REGION_NAMES

PROJECT = Path(__file__).resolve().parents[2]
BENCHMARKS = PROJECT / "docs" / "benchmarks"
TABLES = BENCHMARKS / "tables.md"
README = PROJECT / "README.md"
BEGIN, END = "<!-- accuracy -->\n", "<!-- /accuracy -->"
PROMPTS = ("0", "1", "2", "3", "4", "5", "10")


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def number(value: float | None, digits: int = 3) -> str:
    """A figure, empty where there is none."""
    return "" if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """A share as whole percent."""
    return "" if value is None else f"{100 * value:.0f} %"


def read(name: str) -> dict[str, Any]:
    """A JSON file of `docs/benchmarks`."""
    content: dict[str, Any] = json.loads((BENCHMARKS / name).read_text(encoding="utf-8"))
    return content


def methods(models: dict[str, Any], level: str = "###") -> str:
    """All methods of one setting, a table a region."""
    rows_of_all = [measured[region] for measured in models.values() for region in REGION_NAMES]
    counts = [count for count in PROMPTS if any(count in row["dice"] for row in rows_of_all)]
    heads = ["method", *counts, "HD95", "NSD", "mended", "broken", "lowered"]
    parts = []
    for region, name in REGION_NAMES.items():
        rows = []
        for model, measured in models.items():
            row = measured[region]
            dice = [number(row["dice"].get(count)) for count in counts]
            surface = [number(row["hd95"], 1), number(row["nsd2"])]
            clicks = [number(row["mended"], 2), number(row["broken_per_mended"], 2), percent(row["lowered"])]
            rows.append([model, *dice, *surface, *clicks])
        parts += [f"{level} {name.capitalize()} ({region})", table(heads, rows)]
    return "\n\n".join(part.rstrip("\n") for part in parts)


def cases(measured: dict[str, Any]) -> str:
    """Dice of each case after 0, 1, 3 and 5 clicks."""
    counts = (0, 1, 3, 5)
    heads = ["case", *(f"{region} {count}" for region in REGION_NAMES for count in counts)]
    names = sorted({name for row in measured.values() for name in row["case_dice"]})
    rows = []
    for name in names:
        curves = [measured[region]["case_dice"].get(name) for region in REGION_NAMES]
        rows.append(
            [name, *(number(curve[min(n, len(curve) - 1)] if curve else None) for curve in curves for n in counts)]
        )
    return table(heads, rows)


def facts(content: dict[str, Any], *names: str) -> str:
    """What is known of how a file was made."""
    return "\n".join(f"- {name}: {content[name]}" for name in ("date", "commit", "command", *names) if name in content)


def tables() -> str:
    """The whole page."""
    validation, baseline = read("validation.json"), read("baseline_5e0f670.json")
    others, variants = read("methods_of_others.json"), read("variants.json")
    latency, wide, plain = (read(f"latency{kind}.json") for kind in ("", "_avx512", "_avx2"))
    equal = read("equal_terms.json")
    (equal_rows,) = equal["settings"].values()
    (setting,) = validation["settings"].values()
    parts = [
        "# All tables",
        "Written by `python Testing/benchmarks/write_tables.py` from the JSON files beside this page; "
        "[what was measured, and how](README.md).",
        "## Six validation cases",
        "Mean Dice after so many clicks of a robot on that region. HD95 (mm) and NSD (2 mm) after five. *Mended*, "
        "*broken* and *lowered* as explained [here](README.md), over clicks 2 to 5. ET: the cases that have any.",
        facts(validation, "part", "numbers", "segresnet"),
        methods(setting),
        "`csad` and `ma_sam` do not read clicks: the session alone answers them. The four published methods were "
        "trained for ten to 37 minutes of one shared core each, `gliomasam` far longer: the table compares what "
        "ships, not what the methods can be.",
        "### Single cases, gliomasam",
        cases(setting["gliomasam"]),
        "## On equal terms",
        f"The methods that have been trained so far with the same {equal['samples']} crops of "
        f"{' x '.join(map(str, equal['crop']))} mm, one a step ([how](../training.md#methods-on-equal-terms)), "
        "measured on the six validation cases. These weights do not ship.",
        facts(equal),
        table(
            ["method", "minutes of training", "on", "recipe"],
            (
                [name, one["minutes"], one["machine"], "as published" if one["as_published"] else "as gliomasam"]
                for name, one in equal["trainings"].items()
            ),
        ),
        methods(equal_rows),
        "## Methods of others",
        f"{others['note']} Three painted planes, or a box on each of some 70 slices, are far more work than a click.",
        table(
            ["region", "method", "effort before", "Dice", "HD95 mm", "NSD 2 mm"],
            (
                [row["region"], row["method"], row["effort"], number(row["dice"]), row["hd95"], number(row["nsd2"])]
                for row in others["rows"]
            ),
        ),
        "## Without one of the volumes",
        facts(variants, "model"),
        table(
            ["WT, gliomasam", "Dice 0", "1", "3"],
            ([row["variant"], *(number(row["dice"][count]) for count in ("0", "1", "3"))] for row in variants["rows"]),
        ),
        "## Waits",
        f"- date: {latency['date']}; without bfloat16 {wide['date']} and {plain['date']}\n"
        f"- machine: {latency['machine']['cores']} cores, {latency['machine']['threads']} threads, "
        f"{latency['machine']['card'] or 'no graphics card'}; processors with bfloat16 (AVX-512 BF16), and two without "
        "it (AVX-512; AVX2), where all is computed in float32\n"
        "- command: `python Testing/benchmarks/latency.py CASE --threads 2`",
        table(
            ["wait", "seconds with bfloat16", "AVX-512 without it", "AVX2 without it", "at most, as we want it"],
            (
                [
                    text,
                    *(number(file["latency"][name], 2) for file in (latency, wide, plain)),
                    latency["targets"].get(name, ""),
                ]
                for name, text in (
                    ("ready", "a study that has been read is ready for clicks (in the background in 3D Slicer)"),
                    ("ready_cached", "the same with its slices cached"),
                    ("first_mask", "from ready to the first mask"),
                    ("click_median", "a further click, median"),
                    ("click_p95", "a further click, 95th percentile"),
                )
            ),
        ),
        "Most memory of the process: "
        f"{', '.join(number(file['latency']['peak_gb'], 2) for file in (latency, wide, plain))} GB.",
        "## An earlier version, for comparison",
        facts(baseline, "part", "shipped"),
        methods(baseline["settings"]["shipped"]),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def readme_table() -> str:
    """The one table of the README."""
    validation = read("validation.json")
    (setting,) = validation["settings"].values()
    rows = [
        [f"{name} ({region})", *(number(setting["gliomasam"][region]["dice"][count]) for count in "0135")]
        for region, name in REGION_NAMES.items()
    ]
    for name, file in (("with bfloat16", "latency.json"), ("without it", "latency_avx2.json")):
        waits = read(file)["latency"]
        seconds = [f"{waits[wait]:.1f}" for wait in ("ready", "first_mask", "click_median", "click_median")]
        rows.append([f"seconds on two CPU cores {name}", f"{seconds[0]}, in the background", *seconds[1:]])
    return table(["mean Dice", "no click", "1 click", "3", "5"], rows)


def readme(text: str) -> str:
    """The README with its table brought up to date."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + readme_table() + END + rest.split(END)[1]


def main() -> None:
    """Write both files."""
    TABLES.write_text(tables(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
    console = Console()
    for path in (TABLES, README):
        console.print(f"{path.relative_to(PROJECT)} written", soft_wrap=True)


if __name__ == "__main__":
    main()
