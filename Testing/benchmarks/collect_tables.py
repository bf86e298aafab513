"""What `gliomasam evaluate` measured, of one or several settings, in one JSON file to be committed.

    gliomasam evaluate CASES --split split.json --start centre --prompts 5 --model gliomasam --output RUN
    python Testing/benchmarks/collect_tables.py shipped=RUN/table.json other=OTHER_RUN/table.json \
        --fact commit=5e0f670 --fact threads=1 --fact "command=gliomasam evaluate ..." --output docs/benchmarks/X.json

For each setting, model and region: Dice after 0 to 5 (and 10) prompts, what clicks 2 to 5 mend, break and lower (see
`GliomaSAMLib/evaluation/tables.py`), the Dice of each case, and apart the volume found in cases without the region.
Seconds are left out, as they belong to a machine; `latency.py` measures them.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from GliomaSAMLib.errors import CaseError, GliomaSAMError
from GliomaSAMLib.evaluation.tables import MAIN_VARIANT
from GliomaSAMLib.files import replacing

DIGITS = 5
INNER_LIST = re.compile(r"\[\n([^\[\]]*)\]")
MEASURES = ("cases", "failed", "clicks", "mended", "broken_per_mended", "lowered", "hd95", "nsd1", "nsd2", "case_dice")


def collect(settings: dict[str, Path], facts: dict[str, str]) -> dict[str, Any]:
    """One dictionary of facts and tables: setting, then variant (unless "all"), model and region.

    Raises CaseError when a table cannot be read.
    """
    tables = {name: _table(path) for name, path in settings.items()}
    known = {case for table in tables.values() for row in table for case in (*row["case_dice"], *row["case_false_ml"])}
    collected = {name: _by_model(table) for name, table in tables.items()}
    return {"date": date.today().isoformat(), **facts, "cases": sorted(known), "settings": collected}


def _table(path: Path) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        if not all("case_dice" in row for row in rows):
            raise ValueError("its rows have no case_dice")
    except (OSError, ValueError, TypeError) as error:
        raise CaseError(f"{path} is no table.json of gliomasam evaluate: {error}") from error
    return rows


def _by_model(table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    models: dict[str, Any] = {}
    for row in table:
        name = row["method"] if row["variant"] == MAIN_VARIANT else f"{row['method']}, {row['variant']}"
        entry = {"dice": row["dice"], **{measure: row[measure] for measure in MEASURES}}
        if row["empty_cases"]:
            without = {"cases": row["empty_cases"], "found_in": row["false_cases"], "mean_ml": row["false_ml"]}
            entry["without_the_region"] = {**without, "case_ml": row["case_false_ml"]}
        models.setdefault(name, {})[row["region"]] = _rounded(entry)
    return models


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def to_text(collected: dict[str, Any]) -> str:
    """JSON with each list on one line, so that a case that changes shows as one line."""
    text = json.dumps(collected, indent=1, ensure_ascii=False)
    return INNER_LIST.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def write(collected: dict[str, Any], path: Path) -> None:
    """Write what was collected. Raises OutputError."""
    text = to_text(collected)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=_pair, metavar="SETTING=TABLE.json")
    parser.add_argument("--fact", action="append", default=[], type=_pair, metavar="NAME=TEXT", dest="facts")
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args(arguments)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def main() -> int:
    """Collect and write."""
    console = Console()
    options = parse()
    try:
        tables = {name: Path(path) for name, path in options.tables}
        write(collect(tables, dict(options.facts)), options.output)
    except GliomaSAMError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    console.print(f"{options.output} written", markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
