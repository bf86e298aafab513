"""A JSON report of a segmentation: what was measured, from what, and how."""

import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import OutputError
from ..files import replacing
from ..geometry import Geometry
from ..plain_text import plain_json, printable
from ..prompts.history import PromptHistory
from ..regions import REGION_NAMES
from .diameters import Diameters

DISCLAIMER = "For research only, not for clinical use."


def segmentation_report(
    *,
    volumes: Mapping[str, float],
    diameters: Mapping[str, Diameters | None] | None = None,
    prompts: PromptHistory,
    notes: Sequence[str],
    model: str,
    weights_sha256: str | None,
    rules: int,
    seconds: float,
    geometry: Geometry,
    output: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The report as JSON values.

    Args:
        volumes: Millilitres by region.
        diameters: Those of the table of one study by region (`largest_diameters`); None where it is empty.
        prompts: What the user gave; `PromptHistory.from_json(report["prompts"])` gives it back.
        notes: What was done to the images.
        model: The model's name.
        weights_sha256: SHA-256 of its weights file: the same prompts give the same masks only with the same weights.
            None for a model without a file.
        rules: Number of the rules that make masks of what the network says, see `session.prediction.RULES`.
        seconds: Time from the first prompt to the result, without reading the images.
        geometry: The reference grid.
        output: The file with the masks.
        inputs: The files that were read, each with its SHA-256.
        options: What was chosen for reading and computing.
    """
    return {
        "program": "GliomaSAM",
        "version": program_version(),
        "disclaimer": DISCLAIMER,
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "model": model,
        "weights_sha256": weights_sha256,
        "rules": rules,
        "seconds": round(float(seconds), 3),
        "output": output,
        "inputs": dict(inputs or {}),
        "options": dict(options or {}),
        "volumes_ml": {region: round(float(volume), 4) for region, volume in volumes.items()},
        "diameters": {region: _lengths(found) for region, found in (diameters or {}).items()},
        "regions": {region: REGION_NAMES[region] for region in volumes},
        "grid": {
            "size_ijk": list(geometry.size),
            "spacing_mm": list(geometry.spacing),
            "origin_ras_mm": list(geometry.origin),
            "direction_ras": [list(row) for row in geometry.direction],
        },
        "notes": [printable(note) for note in notes],
        "prompts": prompts.to_json(),
    }


def _lengths(found: Diameters | None) -> dict[str, Any] | None:
    if found is None:
        return None
    lengths = {
        "largest_mm": found.largest_mm,
        "perpendicular_mm": found.perpendicular_mm,
        "product_mm2": found.product_mm2,
    }
    return {
        **{name: round(float(length), 3) for name, length in lengths.items()},
        "middle_ras_mm": [round(float(value), 3) for value in found.middle],
    }


def write_report(path: str | os.PathLike[str], report: Mapping[str, Any]) -> None:
    """Write a report as JSON, whole or not at all. Raises `OutputError`, also for a value that JSON cannot hold
    (NaN).
    """
    try:
        text = plain_json(report)
    except (TypeError, ValueError) as error:
        raise OutputError(f"The report for {os.fspath(path)} holds a value that JSON cannot: {error}") from error
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def program_version() -> str:
    """The version of the installed package, "unknown" when it runs from its sources without being installed."""
    try:
        return importlib.metadata.version("gliomasam")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
