"""Masks that exist already as a row of the tables: what is read, what fails, and what is measured anew."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.evaluation import Evaluation, EvaluationOptions, ProtocolOptions, run_evaluation
from GliomaSAMLib.evaluation.given_masks import GivenMasks
from GliomaSAMLib.evaluation.protocol import read_results
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output import region_segments, write_segments
from GliomaSAMLib.regions import regions_from_labels


@pytest.fixture
def cases(cases_folder: Path, tmp_path: Path) -> Path:
    """The cases `first` and `second`, to be changed."""
    return shutil.copytree(cases_folder, tmp_path / "cases")


@pytest.fixture
def masks(cases: Path, tmp_path: Path) -> Path:
    """The labels of both cases as masks of somebody."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in ("first", "second"):
        shutil.copyfile(cases / name / "seg.nii.gz", folder / f"{name}.nii.gz")
    return folder


@pytest.fixture
def measure(cases: Path, masks: Path, tmp_path: Path) -> Callable[..., Evaluation]:
    def call(**more: object) -> Evaluation:
        given = {"models": (), "masks": {"rater": masks}, **more}
        return run_evaluation(EvaluationOptions(cases, tmp_path / "out", protocol=ProtocolOptions(prompts=0), **given))

    return call


def labels_of(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def change(path: Path, labels: np.ndarray) -> None:
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(sitk.ReadImage(str(path)))
    sitk.WriteImage(image, str(path))


def test_masks_are_rows_of_the_tables_like_all_others(measure: Callable, masks: Path, tmp_path: Path) -> None:
    labels = labels_of(masks / "first.nii.gz")
    change(masks / "first.nii.gz", np.where(np.arange(labels.shape[2]) < 15, labels, 0).astype(np.uint8))
    done = measure(baselines=("grow_planes",), regions=("WT", "ET"))
    rows = {(row["method"], row["region"]): row for row in json.loads((tmp_path / "out" / "table.json").read_text())}
    assert {method for method, _ in rows} == {"Grow from seeds, three planes", "rater"}
    whole, rater = labels > 0, rows["rater", "WT"]
    kept = np.count_nonzero(whole[:, :, :15])
    assert rater["case_dice"]["first"][0] == pytest.approx(2 * kept / (kept + np.count_nonzero(whole)))
    assert rater["case_dice"]["second"][0] == 1 and rater["hd95"] > 0 and 0 < rater["nsd1"] < 1
    assert (rater["cases"], rater["interactive"], rater["prompts"], rater["settings"]) == (2, False, None, 1)
    assert rater["seconds_first"] is rater["seconds"] is None and rows["Grow from seeds, three planes", "WT"]["seconds"]
    assert (rows["rater", "ET"]["cases"], rows["rater", "ET"]["empty_cases"]) == (1, 1)
    assert not any(result.error for result in done.results)


def test_a_changed_mask_is_measured_anew_and_the_others_are_not(
    measure: Callable, masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, begun = GivenMasks.begin, []

    def noted(self: GivenMasks, case: object, region: str) -> np.ndarray:
        begun.append((case.name, region))
        return begin(self, case, region)

    monkeypatch.setattr(GivenMasks, "begin", noted)
    measure(regions=("WT",))
    measure(regions=("WT",))
    assert begun == [("first", "WT"), ("second", "WT")]
    change(masks / "second.nii.gz", np.zeros_like(labels_of(masks / "second.nii.gz")))
    done = measure(regions=("WT",))
    assert begun[2:] == [("second", "WT")]
    assert {result.case: result.rounds[0].dice for result in done.results} == {"first": 1.0, "second": 0.0}
    assert len({result.signature for result in done.results}) == 2 and done.summaries[0].settings == 1
    measure(regions=("WT",), masks_labels="brats2023")
    assert begun[3:] == [("first", "WT"), ("second", "WT")]
    later = measure(masks={}, baselines=("grow_planes",), regions=("TC",))
    assert {(row.method, row.region) for row in later.summaries} >= {("rater", "WT")} and not later.left_out
    only = measure(regions=("WT",), masks_labels="brats2023", names=("first",))
    assert only.left_out == {"rater": 1, "Grow from seeds, three planes": 1}


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha", ".seg.nrrd"])
def test_masks_of_all_formats(suffix: str, measure: Callable, masks: Path) -> None:
    for path in list(masks.iterdir()):
        image, to = sitk.ReadImage(str(path)), masks / path.name.replace(".nii.gz", suffix)
        if suffix == ".seg.nrrd":
            regions = dict(zip(("WT", "TC", "ET"), regions_from_labels(labels_of(path)), strict=True))
            write_segments(to, region_segments(regions), Geometry.of_image(image))
        else:
            sitk.WriteImage(image, str(to))
        path.unlink()
    assert {result.rounds[0].dice for result in measure().results} == {1.0}


def test_a_mask_that_was_cut_to_its_segments_is_brought_to_the_grid(measure: Callable, masks: Path) -> None:
    whole = labels_of(masks / "first.nii.gz") > 0
    places = np.argwhere(whole)
    box = tuple(slice(int(low), int(high) + 1) for low, high in zip(places.min(0), places.max(0), strict=True))
    image = sitk.ReadImage(str(masks / "first.nii.gz"))[box[::-1]]
    (masks / "first.nii.gz").unlink()
    segments = region_segments(dict.fromkeys(("WT", "TC", "ET"), whole[box]))[:1]
    write_segments(masks / "first.seg.nrrd", segments, Geometry.of_image(image))
    (result,) = measure(regions=("WT",), names=("first",)).results
    assert result.rounds[0].dice == 1.0


def absent(path: Path) -> None:
    path.unlink()


def several(path: Path) -> None:
    shutil.copyfile(path, path.with_name("first.nrrd"))


def spoiled(path: Path) -> None:
    path.write_bytes(b"no image")


def another_grid(path: Path) -> None:
    sitk.WriteImage(sitk.ReadImage(str(path))[1:], str(path))


def exchanged(path: Path) -> None:
    labels = labels_of(path)
    change(path, np.asarray([0, 2, 1, 3], np.uint8)[labels])


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.nii.gz")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (absent, "holds no mask first.nii.gz, nor one of .nii, .nrrd, .mha, .seg.nrrd"),
        (several, "holds 2 masks of first: first.nii.gz, first.nrrd. Leave one"),
        (spoiled, "first.nii.gz cannot be read as labels"),
        (another_grid, "another grid than the volumes"),
        (exchanged, "--masks-labels msd"),
        (dangling, "the file that this link leads to is not there"),
    ],
)
def test_a_mask_that_cannot_be_measured_is_a_failure_and_the_others_go_on(
    spoil: Callable, told: str, measure: Callable, masks: Path, tmp_path: Path
) -> None:
    before = (masks / "first.nii.gz").read_bytes()
    spoil(masks / "first.nii.gz")
    done = measure(regions=("WT",))
    errors = {result.case: result.error for result in done.results}
    assert told in errors["first"] and errors["second"] == ""
    assert (done.summaries[0].cases, done.summaries[0].failed) == (1, 1)
    for path in masks.glob("first.*"):
        path.unlink()
    (masks / "first.nii.gz").write_bytes(before)
    assert not any(result.error for result in measure(regions=("WT",)).results)


def test_regions_that_a_mask_does_not_tell_are_failures(measure: Callable, masks: Path) -> None:
    path = masks / "first.nii.gz"
    change(path, (labels_of(path) > 0).astype(np.uint8))
    found = {(result.case, result.region): result for result in measure().results}
    assert found["first", "WT"].rounds[0].dice == 1.0
    assert "first.nii.gz tells WT only, not ET" in found["first", "ET"].error
    assert not found["second", "ET"].error
    core = {(result.case, result.region): result for result in measure(masks_labels="brats2023").results}
    assert core["first", "TC"].rounds[0].volume_ml == core["first", "WT"].rounds[0].volume_ml


def test_a_name_of_another_method_is_refused(measure: Callable, masks: Path, tmp_path: Path) -> None:
    planes = "Grow from seeds, three planes"
    for name in (planes, "grow_planes"):
        with pytest.raises(CaseError, match=f"The masks {name} have the name of a method that is measured"):
            measure(masks={name: masks}, baselines=("grow_planes",))
    measure(masks={}, baselines=("grow_planes",), regions=("WT",))
    before = (tmp_path / "out" / "results.jsonl").read_bytes()
    for more in ({}, {"results": (tmp_path / "out" / "results.jsonl",)}):
        with pytest.raises(CaseError, match=f"results of another method with the name of the masks {planes}"):
            measure(masks={planes: masks}, **more)
    assert (tmp_path / "out" / "results.jsonl").read_bytes() == before


@pytest.mark.parametrize("what", ["no folder", "no mask", "unknown labels"])
def test_what_is_no_folder_of_masks_is_refused(what: str, measure: Callable, masks: Path, tmp_path: Path) -> None:
    if what == "no mask":
        for path in list(masks.iterdir()):
            path.rename(masks / f"sub-{path.name}")
    given = {"masks": {"rater": tmp_path / "nowhere"}} if what == "no folder" else {}
    given |= {"masks_labels": "magic"} if what == "unknown labels" else {}
    told = {"no folder": "does not exist", "no mask": r"such as first\.nii\.gz", "unknown labels": "magic"}[what]
    with pytest.raises(CaseError, match=told):
        measure(**given)
    assert not (tmp_path / "out").exists()


def test_results_of_masks_of_another_run_are_taken_in(measure: Callable, tmp_path: Path) -> None:
    measure(regions=("WT",))
    (tmp_path / "out").rename(tmp_path / "earlier")
    results = tmp_path / "earlier" / "results.jsonl"
    assert {result.method for result in read_results([results])} == {"rater"}
    done = measure(masks={}, results=(results,))
    assert [(row.method, row.cases) for row in done.summaries] == [("rater", 2)]
