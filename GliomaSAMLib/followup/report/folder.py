"""The folder of a report, written whole or not at all."""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import OutputError
from ...files import check_name, make_folder, replacing_together
from ...output.colours import REGION_STYLES, RegionStyle
from ...output.segmentation import Segment, region_segments, write_segments
from ...progress import Reporter
from ...regions import REGIONS
from ..assessment import Assessment
from ..options import COMPONENTS
from .table import measurements_csv
from .values import FORMAT, report_json

REPORT, TABLE, PAGE, PRINTED = "report.json", "measurements.csv", "report.html", "report.pdf"

CURVES = {"light": "pictures/curve.png", "dark": "pictures/curve-dark.png"}

MOST_LESION_SEGMENTS = 250
"""In one segmentation, which holds 255 segments with the regions and the cavity; of more lesions the first of each
component.
"""

LESION_COLOURS = ((0.80, 0.47, 0.65), (0.00, 0.62, 0.45), (0.90, 0.62, 0.00), (0.00, 0.45, 0.70), (0.6, 0.6, 0.6))
"""Of the segments of single lesions, in turn (after Okabe and Ito, 2008)."""

Writer = Callable[[Path], None]


@dataclass(frozen=True)
class WrittenReport:
    """What was written: the folder, the names of its files in it, and the report as JSON values."""

    folder: Path
    files: tuple[str, ...]
    report: dict[str, Any]


def check_report_folder(
    folder: str | os.PathLike[str], visits: Iterable[Path] = (), overwrite: bool = False, pdf: bool = False
) -> Path:
    """Whether a report can be written, before the long work. Nothing is left behind.

    Args:
        folder: New, or empty, or with `overwrite` that of an earlier report.
        visits: The folders of the visits, in which no report may lie.
        overwrite: Replace the files of an earlier report; others in the folder stay.
        pdf: Whether there is to be a PDF too.

    Raises:
        OutputError: The folder is a file, holds something else, cannot be written, or lies in that of a visit; there is
            no WeasyPrint for the PDF.
    """
    folder = Path(folder).expanduser()
    check_name(folder, OutputError)
    place = folder.resolve()
    for visit in visits:
        if place.is_relative_to(visit.expanduser().resolve()):
            raise OutputError(f"{folder} lies in the folder of the visit {visit}: choose a folder outside it")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file: choose a folder for the report")
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise OutputError(f"The folder {folder} is not empty: choose a new one, or --overwrite an earlier report")
        _earlier_files(folder)
    parent = next(part for part in (place, *place.parents) if part.is_dir())
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {parent} cannot be written: choose another for the report")
    if pdf:
        from .printing import check_printing

        check_printing()
    return folder


def write_report_folder(
    assessment: Assessment,
    folder: str | os.PathLike[str],
    *,
    options: Mapping[str, Any] | None = None,
    patient: str | None = None,
    overwrite: bool = False,
    pdf: bool = False,
    created: datetime | None = None,
    report: Reporter | None = None,
) -> WrittenReport:
    """Write the report: `report.json`, `measurements.csv`, `report.html`, pictures, and a segmentation for each visit.

    When anything fails, or the user stops, the folder is as it was.

    Args:
        assessment: What was found.
        folder: See `check_report_folder`.
        options: Options of the command, for the report.
        patient: What the user calls the patient.
        overwrite: Replace the files of an earlier report.
        pdf: Write `report.pdf` too; needs the extra `pdf`.
        created: When; now by default.
        report: Told how far the work is, and asked whether to stop.

    Raises:
        OutputError: See `check_report_folder`; or a file cannot be written.
        Cancelled: The user stopped.
    """
    report = report or Reporter()
    folder = check_report_folder(folder, overwrite=overwrite, pdf=pdf)
    earlier = _earlier_files(folder) if folder.is_dir() and any(folder.iterdir()) else set()
    contents, values = _contents(assessment, options, patient, created, pdf, report.part(0.0, 0.7))
    writers: dict[str, Writer] = {name: _bytes_writer(content) for name, content in contents.items()}
    for index in range(len(assessment.visits)):
        writers[f"V{index + 1}.seg.nrrd"] = _segments_writer(assessment, index)
    foreign = sorted(name for name in writers if (folder / name).exists() and name not in earlier)
    if foreign:
        raise OutputError(f"{folder / foreign[0]} is of no earlier report: move it away or choose another folder")
    _write(folder, writers, report.part(0.7, 1.0))
    for name in sorted(earlier - set(writers)):
        with contextlib.suppress(OSError):
            (folder / name).unlink()
    return WrittenReport(folder, tuple(writers), values)


def _contents(
    assessment: Assessment,
    options: Mapping[str, Any] | None,
    patient: str | None,
    created: datetime | None,
    pdf: bool,
    report: Reporter,
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files but for the segmentations, by name, and the report as JSON values."""
    from .curve import draw_curve
    from .page import report_html
    from .pictures import draw_pictures

    pictures = draw_pictures(assessment, report.part(0.0, 0.8).report)
    report.report(0.8, "writing the report")
    values = report_json(
        assessment,
        options=options,
        patient=patient,
        pictures=[picture.to_json() for picture in pictures],
        created=created,
    )
    values["notes"] += _segment_notes(assessment)
    curves = {paper: draw_curve(assessment, paper) for paper in CURVES}
    page = report_html(assessment, values, pictures, curves)
    contents = {
        REPORT: _json_text(values).encode(),
        TABLE: measurements_csv(assessment).encode(),
        PAGE: page.encode(),
        **{picture.file: picture.content for picture in pictures},
        **{CURVES[paper]: content for paper, content in curves.items()},
    }
    if pdf:
        from .printing import printed

        contents[PRINTED] = printed(page)
    return contents, values


def _json_text(values: Mapping[str, Any]) -> str:
    try:
        return json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    except (TypeError, ValueError) as error:
        raise OutputError(f"The report holds a value that JSON cannot: {error}: tell us how it came about") from error


def _bytes_writer(content: bytes) -> Writer:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def _segments_writer(assessment: Assessment, index: int) -> Writer:
    def write(path: Path) -> None:
        write_segments(path, visit_segments(assessment, index), assessment.visits[index].masks.geometry)

    return write


def visit_segments(assessment: Assessment, index: int) -> list[Segment]:
    """WT, TC, ET and the cavity, as far as they are known, and each track at a visit, such as `CE L1`."""
    masks = assessment.visits[index].masks
    regions = region_segments({"WT": masks.wt, "TC": masks.tc, "ET": masks.et}, masks.cavity)
    segments = [one for one in regions if one.id not in REGIONS or one.id in masks.known]
    return segments + [_track_segment(assessment, index, *one) for one in _tracks_at(assessment, index)[0]]


def _tracks_at(assessment: Assessment, index: int) -> tuple[list[tuple[str, int]], int]:
    """The component and number of each track that is a segment at a visit, and how many others are seen there."""
    seen = [
        (name, number)
        for name in COMPONENTS
        for number, track in enumerate(assessment.components[name].tracks)
        if track.lesions[index]
    ]
    first = set(sorted(seen, key=lambda one: one[1])[:MOST_LESION_SEGMENTS])
    return [one for one in seen if one in first], len(seen) - len(first)


def _track_segment(assessment: Assessment, index: int, name: str, number: int) -> Segment:
    component = assessment.components[name]
    track = component.tracks[number]
    voxels = np.concatenate([component.measured[index].lesions[lesion].voxels for lesion in track.lesions[index]])
    k, j, i = map(int, voxels.min(0))
    mask = np.zeros(np.ptp(voxels, axis=0) + 1, np.uint8)
    mask[tuple((voxels - (k, j, i)).T)] = 1
    title, code = f"{name} {track.id}", REGION_STYLES["ET" if name == "CE" else "WT"].code
    style = RegionStyle(title, LESION_COLOURS[number % len(LESION_COLOURS)], code)
    return Segment(title, mask, style, (k, j, i))


def _segment_notes(assessment: Assessment) -> list[str]:
    """What the segmentations of the visits leave out."""
    left = [(visit, _tracks_at(assessment, visit)[1]) for visit in range(len(assessment.visits))]
    return [
        f"V{visit + 1}.seg.nrrd holds {MOST_LESION_SEGMENTS} lesions as segments of their own; {count} more are in its "
        "WT, TC and ET alone"
        for visit, count in left
        if count
    ]


def _write(folder: Path, writers: Mapping[str, Writer], report: Reporter) -> None:
    """Write all files, or leave the folder as it was."""
    with _folders(folder, {(folder / name).parent for name in writers}):
        paths = [folder / name for name in writers]
        with replacing_together(paths) as temporary:
            for number, (name, path) in enumerate(zip(writers, temporary, strict=True)):
                report.report(number / len(paths), f"writing {name}")
                try:
                    writers[name](path)
                except OSError as error:
                    reason = error.strerror or error
                    raise OutputError(f"{folder / name} cannot be written: {reason}: choose another folder") from error
            report.check()


@contextlib.contextmanager
def _folders(folder: Path, inner: Iterable[Path]) -> Iterator[None]:
    """Make folders; take away those that were made when the block fails."""
    made: list[Path] = []
    try:
        for one in (folder, *sorted(inner)):
            missing = [part for part in (one, *one.parents) if not part.exists()]
            make_folder(one)
            made += reversed(missing)
        yield
    except BaseException:
        for one in reversed(made):
            with contextlib.suppress(OSError):
                one.rmdir()
        raise


def _earlier_files(folder: Path) -> set[str]:
    """The files of an earlier report in a folder. Raises `OutputError` where there is none."""
    try:
        found = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(found["format"])
        pictures = [str(picture["file"]) for picture in found["pictures"]]
        visits = [f"{visit['id']}.seg.nrrd" for visit in found["visits"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise OutputError(
            f"The folder {folder} holds something else than an earlier report: choose a new or empty folder"
        ) from None
    names = {REPORT, TABLE, PAGE, PRINTED, *CURVES.values(), *_plain(pictures, "pictures/", ".png")}
    return names | set(_plain(visits, "", ".seg.nrrd"))


def _plain(names: Sequence[str], start: str, end: str) -> Iterator[str]:
    """Of names in a file, those that a report can hold: no way out of its folder."""
    for name in names:
        middle = name.removeprefix(start).removesuffix(end)
        if name == f"{start}{middle}{end}" and middle and not set(middle) & set("/\\."):
            yield name
