"""`gliomasam measure`: volumes and diameters of masks that exist, and the table that holds them."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.data.labels import read_label_map
from GliomaSAMLib.output import region_segments, write_segments

SPACING = (1.0, 2.0, 3.0)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """A folder with a label map `a.nii.gz` and the same as a segmentation `b.seg.nrrd`."""
    folder = tmp_path / "masks"
    folder.mkdir()
    write_labels(folder / "a.nii.gz", labels())
    found = read_label_map(folder / "a.nii.gz")
    write_segments(folder / "b.seg.nrrd", region_segments(found.masks), found.geometry)
    return folder


def labels() -> np.ndarray:
    array = np.zeros((10, 20, 20), np.uint8)
    array[2:6, 4:14, 4:16] = 2
    array[3:5, 6:10, 6:12] = 1
    array[3, 6:10, 6:12] = 3
    return array


def write_labels(path: Path, array: np.ndarray) -> None:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    sitk.WriteImage(image, str(path))


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_volumes_and_diameters_are_printed_and_written(gliomasam: Callable, masks: Path, tmp_path: Path) -> None:
    out = tmp_path / "measured.csv"
    done = gliomasam("measure", *sorted(masks.iterdir()), "--output", out)
    assert (done.status, done.err) == (0, "")
    assert "masks/a.nii.gz  WT 2.9  TC 0.3  ET 0.1 mL; WT 22.8 x " in done.out
    assert "2 measured; " in done.out and "not for clinical use" in done.out
    rows = table(out)
    assert list(rows) == ["masks/a.nii.gz", "masks/b.seg.nrrd"]
    for row in rows.values():
        assert [float(row[f"{region}_ml"]) for region in ("WT", "TC", "ET")] == pytest.approx([2.88, 0.288, 0.144])
        assert float(row["WT_largest_mm"]) == pytest.approx(np.hypot(12, 20), abs=1.0)
        assert float(row["ET_product_mm2"]) > 0 and row["error"] == ""


def test_what_cannot_be_measured_is_told_and_the_others_go_on(gliomasam: Callable, masks: Path, tmp_path: Path) -> None:
    (masks / "c.nii.gz").write_bytes(b"no image")
    write_labels(masks / "d.nrrd", np.where(labels() == 2, 7, 0).astype(np.uint8))
    write_labels(masks / "e.mha", (labels() > 0).astype(np.uint8))
    write_labels(masks / "f.nii", np.zeros_like(labels()))
    given = [*sorted(masks.iterdir()), masks / "absent.nii.gz", masks]
    done = gliomasam("measure", *given, "-o", tmp_path / "new" / "measured.csv")
    assert (done.status, done.err) == (2, "")
    assert "4 measured, 4 not measured; " in done.out
    rows = {Path(name).name: row for name, row in table(tmp_path / "new" / "measured.csv").items()}
    assert {name for name, row in rows.items() if row["error"]} == {"c.nii.gz", "d.nrrd", "absent.nii.gz", "masks"}
    for name in ("c.nii.gz", "d.nrrd", "absent.nii.gz", "masks"):
        assert len([line for line in done.out.splitlines() if f"{name}: " in line]) == 1
    assert (rows["e.mha"]["WT_ml"], rows["e.mha"]["TC_ml"]) == ("2.880", "")
    assert "e.mha: its only label, 1, is taken as the whole tumour" in done.out
    assert (rows["f.nii"]["WT_ml"], rows["f.nii"]["WT_largest_mm"]) == ("0.000", "")
    assert "f.nii  WT 0.0  TC 0.0  ET 0.0 mL; no diameters" in done.out


def test_labels_say_what_the_labels_mean(gliomasam: Callable, masks: Path, tmp_path: Path) -> None:
    write_labels(masks / "a.nii.gz", np.asarray([0, 2, 1, 3], np.uint8)[labels()])
    assert gliomasam("measure", masks / "a.nii.gz", "-o", tmp_path / "t.csv").status == 0
    assert table(tmp_path / "t.csv")["masks/a.nii.gz"]["TC_ml"] == "2.736"
    assert gliomasam("measure", masks / "a.nii.gz", "-o", tmp_path / "t.csv", "--labels", "msd").status == 0
    row = table(tmp_path / "t.csv")["masks/a.nii.gz"]
    assert (row["WT_ml"], row["TC_ml"], row["ET_ml"], row["error"]) == ("2.880", "0.288", "0.144", "")


def test_a_file_measured_again_replaces_its_own_row(
    gliomasam: Callable, masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "t.csv"
    assert gliomasam("measure", *sorted(masks.iterdir()), "-o", out).status == 0
    before = table(out)
    write_labels(masks / "a.nii.gz", (labels() == 3) * np.uint8(3))
    monkeypatch.chdir(masks)
    done = gliomasam("measure", "a.nii.gz", masks / "a.nii.gz", "-o", "../t.csv")
    assert done.status == 0 and "1 measured; ../t.csv written, with 1 of other files as before" in done.out
    after = table(out)
    assert after["masks/a.nii.gz"]["WT_ml"] == "0.144"
    assert after["masks/b.seg.nrrd"] == before["masks/b.seg.nrrd"] and list(after) == list(before)


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("masks/a.nii.gz", "does not end in .csv"),
        ("mine.csv", "is there already and is no table of measure"),
        ("volumes.csv", "is there already and is no table of measure"),
        ("mask.csv", "would replace the input"),
        ("link.csv", "is a link to"),
        ("masks/a.nii.gz/t.csv", "cannot be made"),
    ],
)
def test_the_table_takes_the_place_of_nothing_else(
    output: str, told: str, gliomasam: Callable, masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert gliomasam("measure", "masks/a.nii.gz", "-o", "earlier.csv").status == 0
    earlier = Path("earlier.csv").read_text(encoding="utf-8")
    Path("mine.csv").write_text("name,ml\nanna,3\n")
    Path("volumes.csv").write_text(earlier.replace("file", "case", 1))
    Path("link.csv").symlink_to("earlier.csv")
    shutil.copyfile(masks / "a.nii.gz", "mask.csv")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = gliomasam("measure", "masks/a.nii.gz", "mask.csv", "-o", output)
    assert (done.status, done.out) == (2, "") and done.err.count("\n") == 1 and told in done.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_unknown_labels_are_one_line(gliomasam: Callable, masks: Path, tmp_path: Path) -> None:
    done = gliomasam("measure", masks / "a.nii.gz", "-o", tmp_path / "t.csv", "--labels", "magic")
    assert done.status == 2 and "magic" in done.err and done.err.count("\n") == 1
    assert not (tmp_path / "t.csv").exists()
