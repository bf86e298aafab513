"""Label maps in every order, Slicer segmentations, and what is no label map: one line each."""

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from mutations import change_words

from GliomaSAMLib.data import check_order, find_cases, open_case, read_label_map
from GliomaSAMLib.data.labels import SAME_GRID_VOXELS
from GliomaSAMLib.data.segment_names import part_of
from GliomaSAMLib.errors import CaseError, StudyError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output import REGION_STYLES, RegionStyle, Segment, region_segments, write_segments

GRID = Geometry((24, 24, 24), (1, 1, 2), (20, 20, -20), ((-1, 0, 0), (0, -1, 0), (0, 0, 1)))


def balls() -> np.ndarray:
    """ET 3 in NCR 1 in ED 2, all in each other, in labels of 2023."""
    k, j, i = np.ogrid[:24, :24, :24]
    radius = np.sqrt((k - 12) ** 2 + (j - 12) ** 2 + (i - 12) ** 2)
    return np.select([radius < 4, radius < 7, radius < 10], [3, 1, 2]).astype(np.uint8)


def write(path: Path, labels: np.ndarray, grid: Geometry = GRID) -> Path:
    sitk.WriteImage(grid.to_image(labels), str(path))
    return path


IN_ORDER = {
    "brats2021": np.array([0, 1, 2, 4], np.uint8),
    "brats2023": np.array([0, 1, 2, 3], np.uint8),
    "brats2024": np.array([0, 1, 2, 3], np.uint8),
    "msd": np.array([0, 2, 1, 3], np.uint8),
}


@pytest.mark.parametrize("order", IN_ORDER)
def test_every_order_gives_the_same_regions(order: str, tmp_path: Path) -> None:
    found = read_label_map(write(tmp_path / "seg.nii.gz", IN_ORDER[order][balls()]), order)
    assert np.array_equal(found.labels, balls()) and found.order == order and found.known == ("WT", "TC", "ET")
    assert found.geometry.matches(GRID)


@pytest.mark.parametrize("order", ["brats2021", "brats2023"])
def test_the_order_of_brats_needs_not_be_said(order: str, tmp_path: Path) -> None:
    assert read_label_map(write(tmp_path / "seg.nii.gz", IN_ORDER[order][balls()])).order == order


def test_whole_numbers_may_be_floats(tmp_path: Path) -> None:
    found = read_label_map(write(tmp_path / "seg.nii.gz", balls().astype(np.float32)))
    assert np.array_equal(found.labels, balls())


def test_the_cavity_is_in_no_region(tmp_path: Path) -> None:
    labels = balls()
    labels[:2, :3, :4] = 4
    found = read_label_map(write(tmp_path / "seg.nii.gz", labels), "brats2024")
    assert found.cavity is not None and found.cavity.sum() == 24 and found.cavity.max() == 1
    assert not (found.masks["WT"] & found.cavity).any() and np.array_equal(found.labels, balls())


def test_a_map_of_one_label_is_the_whole_tumour(tmp_path: Path) -> None:
    path = write(tmp_path / "seg.nii.gz", (balls() > 0).astype(np.uint8))
    for found in (read_label_map(path), read_label_map(path, "binary")):
        assert found.known == ("WT",) and found.masks["WT"].sum() == (balls() > 0).sum()
        assert not found.masks["TC"].any()
    assert "whole tumour" in read_label_map(path).notes[0]
    assert read_label_map(path, "brats2023").masks["TC"].any()  # where it is said that it is the core


def test_a_mask_of_255_is_read_where_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.nii.gz", (balls() > 0).astype(np.uint8) * 255)
    assert read_label_map(path, "binary").masks["WT"].sum() == (balls() > 0).sum()
    with pytest.raises(CaseError, match=r"unknown labels \[255\].*--labels binary"):
        read_label_map(path)


@pytest.mark.parametrize("scale", [0.9999999, 1.0000153])
def test_whole_numbers_may_be_so_but_for_a_rounding(scale: float, tmp_path: Path) -> None:
    found = read_label_map(write(tmp_path / "seg.nii.gz", balls() * np.float32(scale)))
    assert np.array_equal(found.labels, balls())


def test_an_empty_map_is_no_tumour(tmp_path: Path) -> None:
    found = read_label_map(write(tmp_path / "seg.nii.gz", np.zeros_like(balls())))
    assert not found.labels.any() and found.known == ("WT", "TC", "ET")


BAD = {
    "blurred": (balls() * np.float32(0.9999), None, r"no whole numbers, such as 2.9997.*nearest neighbour"),
    "a little": (balls() * np.float32(1.00003), None, "no whole numbers, such as 3.00009"),
    "nan": (np.where(balls() == 3, np.float32("nan"), balls()).astype(np.float32), None, "NaN or infinite"),
    "minus": (balls().astype(np.int16) * -1, None, r"unknown labels \[-3, -2, -1\]"),
    "large": (balls().astype(np.int32) + np.where(balls() == 3, 1000, 0).astype(np.int32), None, "1003"),
    "both": (np.where(balls() == 1, 4, balls()).astype(np.uint8), None, r"labels 3 and 4.*--labels brats2024"),
    "decathlon": (IN_ORDER["msd"][balls()], None, r"label 1 all around the others.*--labels msd"),
    "other year": (balls(), "brats2021", "has the labels 3, which brats2021 does not know: it has 1, 2, 4"),
    "several": (balls(), "binary", "has the labels 1, 2, 3, of which a mask of the whole tumour has one only"),
    "unknown": (balls(), "brats", r"Unknown order of labels 'brats'. Choose brats2021, brats2023"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_label_map_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    labels, order, said = BAD[name]
    with pytest.raises(CaseError, match=said) as caught:
        read_label_map(write(tmp_path / "seg.nii.gz", labels), order)
    assert "\n" not in str(caught.value) and (order == "brats" or "seg.nii.gz" in str(caught.value))


def test_four_is_refused_where_it_may_be_the_cavity(tmp_path: Path) -> None:
    path = write(tmp_path / "seg.nii.gz", IN_ORDER["brats2021"][balls()])
    with pytest.raises(StudyError, match=r"labels 1, 2, 4.*brats2021 or --labels brats2024"):
        read_label_map(path, four_is_enhancing=False, error=StudyError)
    assert read_label_map(path, "brats2021", four_is_enhancing=False).masks["ET"].any()


def test_no_order_is_no_error() -> None:
    assert check_order(None) is None and check_order("msd") == "msd"


# Slicer segmentations


def regions() -> dict[str, np.ndarray]:
    return {region: np.isin(balls(), labels).astype(np.uint8) for region, labels in
            {"WT": (1, 2, 3), "TC": (1, 3), "ET": (3,)}.items()}  # fmt: skip


def test_what_we_write_is_read_with_its_cavity(tmp_path: Path) -> None:
    cavity = np.zeros(GRID.shape, np.uint8)
    cavity[:2, :3, :4] = 1
    lesion = Segment("CE L1", regions()["ET"], RegionStyle("CE L1", (1, 0, 0), ("SCT", "52988006", "Lesion")))
    write_segments(tmp_path / "V1.seg.nrrd", [*region_segments(regions(), cavity), lesion], GRID)
    found = read_label_map(tmp_path / "V1.seg.nrrd")
    assert np.array_equal(found.labels, balls()) and found.geometry.matches(GRID)
    assert found.cavity is not None and np.array_equal(found.cavity, cavity)
    assert found.order == "segments" and found.known == ("WT", "TC", "ET") and found.notes == ()


def segments(**masks: np.ndarray) -> list[Segment]:
    style = REGION_STYLES["WT"]
    return [
        Segment(f"Segment_{n}", mask, replace(style, name=name.replace("_", " ")))
        for n, (name, mask) in enumerate(masks.items())
    ]


def test_segments_side_by_side_are_joined(tmp_path: Path) -> None:
    parts = segments(**{name: balls() == label for name, label in
                        {"Edema": 2, "Non-enhancing_core": 1, "Enhancing_tumor": 3}.items()})  # fmt: skip
    write_segments(tmp_path / "a.seg.nrrd", parts, GRID)
    found = read_label_map(tmp_path / "a.seg.nrrd")
    assert np.array_equal(found.labels, balls()) and found.known == ("WT", "TC", "ET") and found.notes == ()


def test_what_lies_outside_is_joined_and_said(tmp_path: Path) -> None:
    et = regions()["ET"].copy()
    et[0, 0, :5] = 1
    write_segments(tmp_path / "a.seg.nrrd", region_segments({**regions(), "ET": et}), GRID)
    found = read_label_map(tmp_path / "a.seg.nrrd")
    assert np.array_equal(found.masks["ET"], et) and (found.masks["WT"] >= et).all()
    assert found.notes == (
        "5 voxels of ET lay outside TC and were joined to it",
        "5 voxels of TC lay outside WT and were joined to it",
    )


def test_a_cavity_within_the_tumour_counts_as_tumour(tmp_path: Path) -> None:
    write_segments(tmp_path / "a.seg.nrrd", region_segments(regions(), regions()["ET"]), GRID)
    found = read_label_map(tmp_path / "a.seg.nrrd")
    assert found.cavity is not None and not found.cavity.any() and "count as tumour" in found.notes[0]


def test_segments_that_are_no_tumour(tmp_path: Path) -> None:
    path = tmp_path / "a.seg.nrrd"
    write_segments(path, segments(Left_lung=balls() > 0, Brain=balls() > 1), GRID)
    with pytest.raises(CaseError, match=r"no segment called WT, TC or ET \(it has: Left lung, Brain\)"):
        read_label_map(path)
    write_segments(path, segments(Tumor_core=balls() == 1, TC=balls() == 3), GRID)
    with pytest.raises(CaseError, match="two segments of one meaning, Tumor core and TC"):
        read_label_map(path)
    write_segments(path, segments(Whole_tumor=balls() > 0, Brain=balls() > 1), GRID)
    found = read_label_map(path)
    assert found.known == ("WT",) and "TC and ET" in found.notes[0] and "left out: Brain" in found.notes[1]


@pytest.mark.parametrize("offset", [348.0, 360.0])
def test_a_header_that_nibabel_does_not_like(offset: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """ITK reads it all the same; nothing is written to the terminal."""
    path = tmp_path / "seg.nii"
    sitk.WriteImage(sitk.Cast(GRID.to_image(regions()["WT"]), sitk.sitkFloat32), str(path))
    content = path.read_bytes()
    path.write_bytes(content[:108] + struct.pack("<f", offset) + content[112:] + bytes(64))
    assert read_label_map(path).known == ("WT",)
    assert capfd.readouterr().err == ""


def test_numbers_of_segments_are_plain(tmp_path: Path) -> None:
    """`Segment01_ID` is not what Slicer writes, and belongs to no segment."""
    path = tmp_path / "a.seg.nrrd"
    image = GRID.to_image(regions()["WT"])
    for key, value in {"Segment0_ID": "WT", "Segment01_ID": "ET", "Segment\u0662_ID": "TC"}.items():
        image.SetMetaData(key, value)
    image.SetMetaData("Odem", "a name in Latin-1")
    sitk.WriteImage(image, str(path))
    path.write_bytes(path.read_bytes().replace(b"Odem", b"\xd6dem", 1))
    assert read_label_map(path).known == ("WT",)


def test_mistakes_by_chance_in_the_header_of_a_segmentation(tmp_path: Path) -> None:
    path = tmp_path / "a.seg.nrrd"
    write_segments(path, region_segments(regions()), GRID)
    header, _, voxels = path.read_bytes().partition(b"\n\n")
    refused = []
    for seed in range(120):
        path.write_bytes(change_words(random.Random(seed), header) + b"\n\n" + voxels)
        try:
            read_label_map(path)
        except CaseError as error:
            refused.append(str(error))
    assert 20 < len(refused) < 120 and max(map(len, refused)) < 1000


@pytest.mark.parametrize("name", ["WT", "GliomaSAM_WT", "Whole Tumor", "whole tumour", "Whole_tumour"])
def test_the_names_of_the_whole_tumour(name: str) -> None:
    assert part_of(name) == "WT"
    assert part_of(f"my {name}") is None


# cases


def test_a_case_says_what_its_labels_mean(make_case: Callable[..., Path], tmp_path: Path) -> None:
    case = make_case(tmp_path / "one", 0, et_label=4)
    (found,) = find_cases(tmp_path, labels="brats2024")
    labels = found.read_label_map(found.read_study())
    assert labels.cavity is not None and labels.cavity.any() and not labels.masks["ET"].any()
    image = sitk.ReadImage(str(case / "one_seg.nii.gz"))
    sitk.WriteImage(image > 0, str(case / "one_seg.nii.gz"))
    (found,) = find_cases(tmp_path)
    assert set(open_case(found).truth) == {"WT"}
    with pytest.raises(CaseError, match=r"one_seg.nii.gz tells WT only, of WT, TC, ET.*--labels"):
        found.read_labels(found.read_study())
    with pytest.raises(CaseError, match="Unknown order of labels"):
        find_cases(tmp_path, labels="mine")


@pytest.mark.parametrize("shift", [0.003, -0.019, 0.05])
def test_a_place_rounded_by_another_program_is_the_same(
    shift: float, make_case: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_case(tmp_path / "one", 0, et_label=3) / "one_seg.nii.gz"
    (found,) = find_cases(tmp_path)
    study = found.read_study()
    labels = found.read_labels(study)
    image = sitk.ReadImage(str(path))
    image.SetOrigin([place + shift for place in image.GetOrigin()])
    sitk.WriteImage(image, str(path))
    if shift < SAME_GRID_VOXELS:
        moved = found.read_label_map(study)
        assert np.array_equal(moved.labels, labels) and moved.geometry == study.reference
    else:
        with pytest.raises(CaseError, match=r"its voxels lie 0\.09 mm beside theirs"):
            found.read_label_map(study)


def test_a_cropped_segmentation_is_put_back_and_a_shifted_map_refused(
    make_case: Callable[..., Path], tmp_path: Path
) -> None:
    case = make_case(tmp_path / "one", 0, et_label=3)
    path = case / "one_seg.nii.gz"
    image = sitk.ReadImage(str(path))
    (found,) = find_cases(tmp_path)
    study = found.read_study()
    whole = found.read_label_map(study)
    image.SetOrigin((0.5, 0.0, 0.0))
    sitk.WriteImage(image, str(path))
    with pytest.raises(CaseError, match=r"one_seg.nii.gz has 44 x 44 x 44.*lie 0.50 mm beside theirs.*remove the case"):
        found.read_label_map(study)
    path.unlink()
    grid = whole.geometry.crop((5, 4, 3), (38, 38, 38))
    cut = {region: mask[5:43, 4:42, 3:41] for region, mask in whole.masks.items()}
    write_segments(case / "mine.seg.nrrd", region_segments(cut), grid)
    (found,) = find_cases(tmp_path)
    assert found.labels.name == "mine.seg.nrrd"
    assert np.array_equal(found.read_labels(study), whole.labels)
    for slices in (3, 1):
        grid = whole.geometry.crop((20, 4, 3), (slices, 38, 38))
        cut = {region: mask[20 : 20 + slices, 4:42, 3:41] for region, mask in whole.masks.items()}
        write_segments(case / "mine.seg.nrrd", region_segments(cut), grid)
        kept = np.zeros_like(whole.labels)
        kept[20 : 20 + slices] = whole.labels[20 : 20 + slices]
        assert kept.any() and np.array_equal(found.read_labels(study), kept)
