import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.data import find_cases, read_split
from GliomaSAMLib.data.cases import open_case
from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.regions import regions_from_labels


def relabel(case: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    path = next(case.glob("*_seg.nii.gz"))
    sitk.WriteImage(sitk.GetImageFromArray(change(sitk.GetArrayFromImage(sitk.ReadImage(path)))), path)


def read(case: Path) -> np.ndarray:
    (found,) = find_cases(case.parent, [case.name])
    return found.read_labels(found.read_study())


def test_finds_cases_by_name_and_passes_over_other_folders(cases_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(cases_folder, tmp_path / "all")
    (tmp_path / "all" / "notes").mkdir()
    (tmp_path / "all" / "first" / "._first_seg.nii.gz").write_text("left by another system")
    found = find_cases(tmp_path / "all")
    assert [case.name for case in found] == ["first", "second", "third"]
    assert found[0].labels.name == "first_seg.nii.gz"
    assert [case.name for case in find_cases(tmp_path / "all", ["third", "first"])] == ["third", "first"]


@pytest.mark.parametrize("et_label", [3, 4])
def test_labels_of_before_and_after_2023_give_the_same_regions(
    et_label: int, make_case: Callable[..., Path], tmp_path: Path
) -> None:
    labels = read(make_case(tmp_path / "case", 0, et_label=et_label))
    wt, tc, et = regions_from_labels(labels)
    assert labels.dtype == np.uint8
    assert (et == (labels == 3)).all() and et.any()
    assert (wt >= tc).all() and (tc >= et).all() and wt.sum() > tc.sum() > et.sum()


def test_no_folder_or_no_case(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="absent does not exist"):
        find_cases(tmp_path / "absent")
    (tmp_path / "patient").mkdir()
    with pytest.raises(CaseError, match=r"No case in .*label map"):
        find_cases(tmp_path)


def test_a_named_case_that_is_absent_or_has_no_labels(cases_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(cases_folder, tmp_path / "all")
    next((tmp_path / "all" / "first").glob("*_seg*")).unlink()
    with pytest.raises(CaseError, match="nobody is not in"):
        find_cases(tmp_path / "all", ["nobody"])
    with pytest.raises(CaseError, match=r"first .* has no label map"):
        find_cases(tmp_path / "all", ["first"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda labels: np.where(labels == 2, 7, labels).astype(np.uint8), r"unknown labels \[7\]"),
        (lambda labels: np.where(labels == 2, 3, labels).astype(np.uint8), "labels 3 and 4"),
        (lambda labels: labels * 0.5, "no whole numbers"),
        (lambda labels: labels[2:], "another grid"),
        (lambda labels: labels[5], "expected a 3D volume"),
    ],
)
def test_labels_that_cannot_be_used(
    change: Callable, said: str, make_case: Callable[..., Path], tmp_path: Path
) -> None:
    case = make_case(tmp_path / "case", 0)
    relabel(case, change)
    with pytest.raises(CaseError, match=said) as caught:
        read(case)
    assert "case_seg.nii.gz" in str(caught.value)


def test_labels_that_are_no_image(make_case: Callable[..., Path], tmp_path: Path) -> None:
    case = make_case(tmp_path / "case", 0)
    next(case.glob("*_seg*")).write_text("not an image")
    with pytest.raises(CaseError, match="cannot be read"):
        read(case)


def test_labels_are_those_of_the_named_file_whatever_lies_beside_it(
    make_case: Callable[..., Path], tmp_path: Path
) -> None:
    case = make_case(tmp_path / "case", 0)
    expected = read(case)
    (found,) = find_cases(case.parent, [case.name])
    plain = found.labels.with_name(found.labels.name.removesuffix(".gz"))
    sitk.WriteImage(sitk.ReadImage(str(found.labels)) * 0, str(plain))
    assert np.array_equal(found.read_labels(found.read_study()), expected)
    assert not replace(found, labels=plain).read_labels(found.read_study()).any()


@pytest.mark.parametrize("name", ["case_seg.nii", "pred.seg.nrrd", "A-label.mha", "mask.nii.gz", "prediction.nrrd"])
def test_of_several_label_maps_none_is_taken(name: str, make_case: Callable[..., Path], tmp_path: Path) -> None:
    case = make_case(tmp_path / "case", 0)
    make_case(tmp_path / "other", 1)
    shutil.copy(case / "case_seg.nii.gz", case / name)
    for names in (None, ["case"]):
        with pytest.raises(CaseError, match="The case case has 2 label maps: ") as caught:
            find_cases(tmp_path, names)
        assert name in str(caught.value) and "case_seg.nii.gz" in str(caught.value)
    assert [one.name for one in find_cases(tmp_path, ["other"])] == ["other"]


def test_a_label_map_that_is_not_fetched_yet_is_named(make_case: Callable[..., Path], tmp_path: Path) -> None:
    labels = make_case(tmp_path / "case", 0) / "case_seg.nii.gz"
    make_case(tmp_path / "other", 1)
    labels.unlink()
    labels.symlink_to(tmp_path / "annex")
    with pytest.raises(CaseError, match=r"case_seg.nii.gz: the file that this link leads to is not there"):
        find_cases(tmp_path)


@pytest.mark.parametrize(
    "name", ["case_brain_mask.nii.gz", "t1c_bet_mask.nii.gz", "brainmask.nii", "hdbet_mask.nrrd", "skull_mask.mha"]
)
def test_a_mask_of_the_brain_is_no_label_map(name: str, make_case: Callable[..., Path], tmp_path: Path) -> None:
    case = make_case(tmp_path / "case", 0)
    shutil.copy(case / "case_seg.nii.gz", case / name)
    assert find_cases(tmp_path)[0].labels.name == "case_seg.nii.gz"
    (case / "case_seg.nii.gz").rename(case / "wt.nii.gz")
    assert find_cases(tmp_path)[0].order == "binary"
    (case / "wt.nii.gz").unlink()
    with pytest.raises(CaseError, match="No case in"):
        find_cases(tmp_path)


def test_labels_cut_short(make_case: Callable[..., Path], tmp_path: Path) -> None:
    case = make_case(tmp_path / "case", 0)
    path = next(case.glob("*_seg.nii.gz"))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CaseError, match="cut short"):
        read(case)


def test_reads_a_split(cases_folder: Path) -> None:
    split = read_split(cases_folder / "split.json")
    assert split.train == ("first", "second") and split.val == ("third",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a split"),
        ("[" * 100_000, "not a split"),
        (json.dumps({"train": ["a"]}), "val"),
        (json.dumps(["a"]), "not a split"),
        (json.dumps({"train": "abc", "val": []}), "must be lists"),
        (json.dumps({"train": ["a", "b"], "val": ["b"]}), "b for training and for validation"),
        (json.dumps({"train": ["a", "a"], "val": []}), "a twice"),
        (json.dumps({"train": ["a"], "val": [], "without_enhancement": ["a"]}), "--without-uptake SHARE"),
    ],
)
def test_splits_that_cannot_be_used(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(CaseError, match=said):
        read_split(tmp_path / "split.json")


def test_an_editor_may_begin_a_split_with_a_mark(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text('{"train": ["Müller"], "val": []}', encoding="utf-8-sig")
    assert read_split(tmp_path / "split.json").train == ("Müller",)


def test_no_split_file(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="not a split"):
        read_split(tmp_path / "absent.json")


def whole_map(folder: Path, name: str = "wt.nii.gz", values: tuple[int, ...] = (1,)) -> Path:
    """Give a case another label map instead of its own."""
    own = next(folder.glob("*seg*"))
    image = sitk.ReadImage(str(own))
    labels = sitk.GetArrayFromImage(image)
    whole = np.zeros_like(labels)
    for n, value in enumerate(values):
        whole[labels > n] = value
    changed = sitk.GetImageFromArray(whole)
    changed.CopyInformation(image)
    own.unlink()
    sitk.WriteImage(changed, str(folder / name))
    return folder / name


def test_a_map_of_the_whole_tumour_is_found_by_its_name(make_case: Callable[..., Path], tmp_path: Path) -> None:
    make_case(tmp_path / "full", 1)
    make_case(tmp_path / "whole", 2)
    whole_map(tmp_path / "whole", values=(2,))  # any one label
    full, whole = find_cases(tmp_path, labels="brats2023")
    assert (full.order, whole.order) == ("brats2023", "binary")
    found = whole.read_label_map(whole.read_study())
    assert found.known == ("WT",) and set(np.unique(found.labels)) == {0, 2}


def test_a_map_of_the_whole_tumour_has_one_label(make_case: Callable[..., Path], tmp_path: Path) -> None:
    make_case(tmp_path / "whole", 2)
    whole_map(tmp_path / "whole", values=(1, 2))
    (case,) = find_cases(tmp_path)
    with pytest.raises(CaseError, match="of which a mask of the whole tumour has one only"):
        case.read_study()


def test_labels_on_the_grid_of_a_volume_that_shows_less(make_case: Callable[..., Path], tmp_path: Path) -> None:
    """The results then lie on that volume, whichever shows most of the head."""
    folder = make_case(tmp_path / "case", 0)
    seg = next(folder.glob("*_seg.nii.gz"))
    labels = sitk.ReadImage(seg)
    slices = np.flatnonzero(sitk.GetArrayViewFromImage(labels).any(axis=(1, 2)))
    first, last = int(slices[0]), int(slices[-1]) + 1
    thin = next(path for path in folder.glob("*t1c.nii.gz"))
    for path in (thin, seg):
        image = sitk.ReadImage(path)
        sitk.WriteImage(image[:, :, first:last], path)
    (case,) = find_cases(folder.parent, [folder.name])
    assert read(folder).shape == sitk.GetArrayViewFromImage(labels)[first:last].shape
    opened = open_case(case, ("t1c", "flair"))
    assert opened.study.reference_modality == "t1c" and opened.truth["WT"].any()


@pytest.mark.parametrize(("beside", "taken"), [(0.01, True), (0.5, False)])
def test_labels_a_rounding_beside_a_thick_volume(
    beside: float, taken: bool, make_case: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_case(tmp_path / "case", 0)
    thick, seg = (next(folder.glob(f"*{name}.nii.gz")) for name in ("flair", "seg"))
    for path, aside in ((thick, 0.0), (seg, beside)):
        image = sitk.ReadImage(path)[:, :, ::4]
        image.SetOrigin([image.GetOrigin()[0] + aside, *image.GetOrigin()[1:]])
        sitk.WriteImage(image, path)
    (case,) = find_cases(folder.parent, [folder.name])
    if taken:
        assert open_case(case).study.reference_modality == "flair"
    else:
        with pytest.raises(CaseError, match="another grid"):
            open_case(case)
