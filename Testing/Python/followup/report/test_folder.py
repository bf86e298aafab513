"""The report's folder: whole or not at all, and nothing of others replaced."""

import itertools
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tumours import GRID, visit

from GliomaSAMLib.errors import Cancelled, OutputError
from GliomaSAMLib.followup.assessment import Assessment, assess
from GliomaSAMLib.followup.report import WrittenReport, check_report_folder, folder, write_report_folder
from GliomaSAMLib.output import DISCLAIMER
from GliomaSAMLib.progress import Reporter

Contents = Callable[[Path], dict[str, bytes]]


def test_all_files_are_there_and_no_other(written: WrittenReport, contents: Contents) -> None:
    found = contents(written.folder)
    assert set(found) == set(written.files)
    lesions = {f"pictures/CE-L{number}-{space}.png" for number in (1, 2, 3) for space in ("halfway", "native")}
    assert lesions == {picture["file"] for picture in written.report["pictures"]}
    assert {"report.json", "report.html", "measurements.csv", "V1.seg.nrrd", "V2.seg.nrrd", "V3.seg.nrrd"} <= set(found)
    assert all(found[name].startswith(b"\x89PNG") for name in lesions)
    assert DISCLAIMER in found["report.html"].decode() and b"research only" in found["measurements.csv"]


def test_segmentations_hold_regions_and_tracks(written: WrittenReport, assessment: Assessment) -> None:
    image = sitk.ReadImage(str(written.folder / "V3.seg.nrrd"))
    names = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys() if key.endswith("_ID")}
    assert {"WT", "TC", "ET", "CE L1", "CE L3", "nonCE L1", "nonCE L3"} == set(names.values())
    number = next(key for key, name in names.items() if name == "ET").removesuffix("_ID")
    layer, label = int(image.GetMetaData(f"{number}_Layer")), int(image.GetMetaData(f"{number}_LabelValue"))
    stored = sitk.GetArrayFromImage(image)[..., layer] == label
    assert np.array_equal(stored, assessment.visits[2].masks.et > 0)


def test_many_small_lesions_lose_no_report(tmp_path: Path) -> None:
    spots = np.zeros((30, 90, 50), np.uint8)
    for k, j, i in itertools.product(range(3, 27, 9), range(3, 84, 9), range(3, 48, 9)):
        spots[k : k + 3, j : j + 3, i : i + 3] = 1
    grid = replace(GRID, size=spots.shape[::-1])
    few = np.where(np.arange(90)[None, :, None] < 12, spots, 0).astype(np.uint8)
    found = assess([visit("2024-01-15", spots, grid=grid), visit("2024-03-18", few, grid=grid)])
    assert [sum(map(bool, track.lesions)) for track in found.components["CE"].tracks].count(2) == 15
    done = write_report_folder(found, tmp_path / "report")
    image = sitk.ReadImage(str(tmp_path / "report" / "V1.seg.nrrd"))
    ids = {image.GetMetaData(key) for key in image.GetMetaDataKeys() if key.endswith("_ID")}
    assert ids == {"WT", "TC", "ET", *(f"{name} L{n}" for name in ("CE", "nonCE") for n in range(1, 126))}
    told = "V1.seg.nrrd holds 250 lesions as segments of their own; 20 more are in its WT, TC and ET alone"
    assert [note for note in done.report["notes"] if "segments of their own" in note] == [told]
    assert told in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_masks_of_lesions_are_not_as_large_as_the_grid(without_volumes: Assessment) -> None:
    segments = [one for one in folder.visit_segments(without_volumes, 0) if one.start is not None]
    voxels = without_volumes.visits[0].masks.wt.size
    assert len(segments) == 4 and all(one.mask.size < voxels / 20 for one in segments)


def test_a_second_report_is_the_same_but_for_the_time(
    without_volumes: Assessment, tmp_path: Path, contents: Contents
) -> None:
    created = datetime(2024, 7, 1, 12).astimezone()
    for name in ("one", "two"):
        write_report_folder(without_volumes, tmp_path / name, created=created)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_holds_something_else_is_refused(
    overwrite: bool, without_volumes: Assessment, tmp_path: Path, contents: Contents
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="new"):
        write_report_folder(without_volumes, tmp_path, overwrite=overwrite)
    assert contents(tmp_path) == {"mine.txt": b"mine"}


def test_overwrite_replaces_an_earlier_report_and_nothing_else(
    without_volumes: Assessment, written: WrittenReport, tmp_path: Path, contents: Contents
) -> None:
    for name, content in contents(written.folder).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        write_report_folder(without_volumes, tmp_path)
    done = write_report_folder(without_volumes, tmp_path, overwrite=True)
    assert set(contents(tmp_path)) == {*done.files, "notes.txt"}
    assert not any("CE-" in name for name in contents(tmp_path)), "pictures of the earlier report"
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["patient"] is None


def test_a_file_of_no_earlier_report_is_not_replaced(without_volumes: Assessment, tmp_path: Path) -> None:
    write_report_folder(without_volumes, tmp_path / "report")
    report = tmp_path / "report" / "report.json"
    values = json.loads(report.read_text(encoding="utf-8"))
    values["visits"] = values["visits"][:2]
    report.write_text(json.dumps(values))
    with pytest.raises(OutputError, match=r"V3\.seg\.nrrd is of no earlier report"):
        write_report_folder(without_volumes, tmp_path / "report", overwrite=True)
    assert json.loads(report.read_text(encoding="utf-8")) == values


def test_an_earlier_report_cannot_name_files_elsewhere(without_volumes: Assessment, tmp_path: Path) -> None:
    write_report_folder(without_volumes, tmp_path / "report")
    (tmp_path / "other.png").write_text("mine")
    report = tmp_path / "report" / "report.json"
    values = json.loads(report.read_text(encoding="utf-8"))
    values["pictures"] = [{"file": "pictures/../../other.png"}, {"file": "../other.png"}]
    report.write_text(json.dumps(values))
    write_report_folder(without_volumes, tmp_path / "report", overwrite=True)
    assert (tmp_path / "other.png").read_text(encoding="utf-8") == "mine"


def test_a_failure_leaves_the_folder_as_it_was(
    without_volumes: Assessment, tmp_path: Path, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report_folder(without_volumes, tmp_path / "report")
    before = contents(tmp_path)

    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "write_segments", full)
    for place in ("report", "new"):
        with pytest.raises(OutputError, match="No space left on device"):
            write_report_folder(without_volumes, tmp_path / place, overwrite=True)
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_a_user_who_stops_gets_nothing(without_volumes: Assessment, tmp_path: Path) -> None:
    told: list[str] = []

    def stop() -> bool:
        return "writing V1.seg.nrrd" in told

    reporter = Reporter(lambda _, message: told.append(message), stop)
    with pytest.raises(Cancelled):
        write_report_folder(without_volumes, tmp_path / "report", report=reporter)
    assert not list(tmp_path.iterdir())


def test_text_from_outside_is_written_whatever_it_holds(without_volumes: Assessment, tmp_path: Path) -> None:
    """Halves of pairs, as `visit.json` and headers can hold them, and characters that act on a terminal."""
    text = "half \ud800 \udcd6dem \x1b[2J \u202e <b>"
    first = without_volumes.visits[0]
    strange = replace(first, notes=(text,), fields=replace(first.fields, note=text), file=f"{text}.nrrd")
    assessed = replace(without_volumes, visits=(strange, *without_volumes.visits[1:]))
    written = write_report_folder(assessed, tmp_path / "report", patient=text)
    shown = "half \\ud800 \\udcd6dem \\x1b[2J \\u202e <b>"
    assert written.report["visits"][0]["notes"] == [shown] and written.report["patient"] == shown
    assert shown.replace("<b>", "&lt;b&gt;") in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_no_report_inside_a_visit(tmp_path: Path) -> None:
    visit = tmp_path / "visit"
    visit.mkdir()
    for place in (visit, visit / "report", tmp_path / "other" / ".." / "visit" / "report"):
        with pytest.raises(OutputError, match="lies in the folder of the visit"):
            check_report_folder(place, [visit])
    assert check_report_folder(tmp_path / "report", [visit]) == tmp_path / "report"
    assert not (tmp_path / "report").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        check_report_folder(tmp_path / "report")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not hold for this user")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        check_report_folder(tmp_path / "report")


def test_without_weasyprint_the_pdf_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    with pytest.raises(OutputError, match=r"pip install 'gliomasam\[pdf\]'"):
        check_report_folder(tmp_path / "report", pdf=True)
