"""Slicer segmentations: which segment is which part of a tumour, by its id or its name.

The format of .seg.nrrd: https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ..regions import REGIONS

SEGMENTATION_SUFFIX = ".seg.nrrd"

NAMES: Mapping[str, tuple[str, ...]] = {
    "WT": ("wt", "whole tumour", "tumour", "glioma", "lesion"),
    "TC": ("tc", "tumour core", "core"),
    "ET": ("et", "enhancing tumour", "enhancing", "enhancement", "enhancing lesion"),
    "ED": ("ed", "edema", "oedema", "peritumoural edema", "peritumoural oedema", "snfh"),
    "NC": ("nc", "ncr", "netc", "non enhancing core", "non enhancing tumour core", "necrosis", "necrotic core"),
    "cavity": ("cavity", "rc", "resection cavity", "surgical cavity"),
}
"""By part, in small letters and British spelling. ED and NC are those of segments that lie side by side."""

_OURS = re.compile(r"(CE|nonCE) L\d+")
"""Segments that follow-up writes beside the regions, one a lesion."""

_KEY = re.compile(r"Segment(0|[1-9][0-9]{0,5})_ID")


@dataclass(frozen=True, eq=False)
class Segments:
    """What the segments of a file say.

    Args:
        masks: bool (K, J, I) for each of WT, TC, ET, nested.
        cavity: The same; None where there is no such segment.
        known: The regions that a segment tells.
        notes: What the user should know.
    """

    masks: Mapping[str, np.ndarray]
    cavity: np.ndarray | None
    known: tuple[str, ...]
    notes: tuple[str, ...]


def masks_of_segments(header: Mapping[str, str], layers: np.ndarray) -> Segments:
    """The regions of a Slicer segmentation.

    Args:
        header: Of the file: `Segment0_ID`, `Segment0_Name`, `Segment0_Layer`, `Segment0_LabelValue`, ...
        layers: (K, J, I, layers).

    Raises:
        ValueError: No segment is a part of a tumour, two are the same, or the header is wrong; the text is the rest of
            a sentence that begins with the file.
    """
    numbers = sorted(int(match[1]) for key in header if (match := _KEY.fullmatch(key)))
    parts: dict[str, tuple[str, np.ndarray]] = {}
    others: list[str] = []
    for number in numbers:
        id_, name = header[f"Segment{number}_ID"], header.get(f"Segment{number}_Name", "")
        part = part_of(id_) or part_of(name)
        if part is None:
            others += [] if _OURS.fullmatch(name) else [name or id_]
            continue
        if part in parts:
            raise ValueError(f"has two segments of one meaning, {parts[part][0]} and {name or id_}: rename one of them")
        parts[part] = (name or id_, _voxels(header, number, layers))
    if not set(parts) - {"cavity"}:
        seen = ", ".join([*others, *(name for name, _ in parts.values())]) or "none"
        raise ValueError(f"has no segment called WT, TC or ET (it has: {seen}): rename those of the tumour")
    return _nested({part: mask for part, (_, mask) in parts.items()}, others)


def part_of(text: str) -> str | None:
    """The key of `NAMES` that an id or a name speaks of, or None."""
    plain = re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
    plain = re.sub(r"\btumor(al|ous)?\b", "tumour", plain).removeprefix("gliomasam ")
    return next((part for part, names in NAMES.items() if plain in names), None)


def _voxels(header: Mapping[str, str], number: int, layers: np.ndarray) -> np.ndarray:
    """Bool (K, J, I) of one segment. Files of old have neither layers nor values: a layer each, of 1."""
    fields = (header.get(f"Segment{number}_Layer", str(number)), header.get(f"Segment{number}_LabelValue", "1"))
    try:
        layer, value = map(int, fields)
        exists = 0 <= layer < layers.shape[-1]
    except ValueError:
        exists = False
    if not exists:
        raise ValueError(
            f"says that segment {number} is label {fields[1]} of layer {fields[0]}, and has {layers.shape[-1]} layers; "
            "save it again"
        )
    return np.asarray(layers[..., layer] == value)


def _nested(parts: Mapping[str, np.ndarray], others: list[str]) -> Segments:
    """Masks in each other from those found, with notes on what was added to one."""
    empty = np.zeros(next(iter(parts.values())).shape, bool)
    union = {
        "ET": [parts.get("ET", empty)],
        "TC": [parts.get("TC", empty), parts.get("NC", empty)],
        "WT": [parts.get("WT", empty), parts.get("ED", empty)],
    }
    known = tuple(region for region in REGIONS if is_told(region, parts))
    notes, masks, inner, inner_name = [], {}, empty, ""
    for region in reversed(REGIONS):
        own = np.logical_or.reduce(union[region])
        outside = int(np.count_nonzero(inner & ~own))
        if outside and region in parts:
            notes.append(f"{outside} voxels of {inner_name} lay outside {region} and were joined to it")
        masks[region] = inner = own | inner
        inner_name = region
    if missing := [region for region in REGIONS if region not in known]:
        notes.append(f"no segment tells {' and '.join(missing)}: not known, and empty where it cannot be inferred")
    if others:
        notes.append(f"segments that are no part of a tumour left out: {', '.join(others)}")
    cavity = parts.get("cavity")
    if cavity is not None and (both := int(np.count_nonzero(cavity & masks["WT"]))):
        cavity = cavity & ~masks["WT"]
        notes.append(f"{both} voxels of the cavity lay in WT and count as tumour")
    return Segments({region: masks[region] for region in REGIONS}, cavity, known, tuple(notes))


def is_told(region: str, parts: Collection[str]) -> bool:
    """Whether a region has a segment, or is the sum of segments that lie side by side."""
    sums = {"WT": {"ED"}, "TC": {"NC"}, "ET": set()}
    return region in parts or bool(sums[region] & set(parts))
