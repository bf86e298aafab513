"""Which visits a scene holds, with their dates; what of them is the tumour."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene_visits import GRID, Patient, ball, onion

from GliomaSAMLib.errors import StudyError


def test_studies_are_visits_by_date(patient: Patient, mrml_scene: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.visits import find_visits

    later, later_outlines = patient.visit("20240603", onion(6))
    earlier, _ = patient.visit("20240301", None)
    visits = find_visits(mrml_scene)
    assert [visit.date for visit in visits] == [date(2024, 3, 1), date(2024, 6, 3)]
    assert [visit.date_from for visit in visits] == ["DICOM", "DICOM"]
    assert [visit.volumes["t1c"] for visit in visits] == [earlier, later]
    assert [visit.segmentation for visit in visits] == [None, later_outlines]
    assert [visit.is_outlined for visit in visits] == [False, True]


def test_another_patient_is_left_out(patient: Patient, mrml_scene: Any, add_volume: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.visits import find_visits

    mine, _ = patient.visit("20240301", onion(6))
    other = Patient(mrml_scene, add_volume, name="patient two")
    theirs, _ = other.visit("20240603", onion(6))
    assert [visit.volumes["t1c"] for visit in find_visits(mrml_scene, like=mine)] == [mine]
    assert [visit.volumes["t1c"] for visit in find_visits(mrml_scene, like=theirs)] == [theirs]
    nobody = add_volume(ball(3), GRID.ijk_to_ras, "of nobody known")
    assert len(find_visits(mrml_scene, like=nobody)) == 1


def test_without_studies_a_segmentation_makes_a_visit(patient: Patient, mrml_scene: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.visits import find_visits

    _, one = patient.visit(None, onion(6), study=False)
    _, two = patient.visit(None, onion(7), study=False)
    patient.visit(None, None, study=False)  # of no known visit
    one.SetName("Glioma 2023-05-04")
    visits = find_visits(mrml_scene)
    assert {visit.segmentation for visit in visits} == {one, two}
    assert [visit.date for visit in visits] == [date(2023, 5, 4), None]
    assert visits[0].date_from == "name"


def test_files_of_one_folder_are_a_visit(mrml_scene: Any, tmp_path: Path) -> None:
    import SimpleITK as sitk
    import slicer

    from GliomaSAMLib.slicer.follow_up.visits import find_visits

    for folder in ("2024-03-01", "20240603"):
        (tmp_path / folder).mkdir()
        for name in ("t1c", "flair"):
            path = tmp_path / folder / f"{name}.nrrd"
            sitk.WriteImage(GRID.to_image(ball(9).astype(np.int16)), str(path))
            slicer.util.loadVolume(str(path))
    visits = find_visits(mrml_scene)
    assert [(visit.name, sorted(visit.volumes), visit.date) for visit in visits] == [
        ("2024-03-01", ["flair", "t1c"], date(2024, 3, 1)),
        ("20240603", ["flair", "t1c"], date(2024, 6, 3)),
    ]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["case 2024-03-01"], date(2024, 3, 1)),
        (["20240301", "2024-03-01 T1"], date(2024, 3, 1)),
        (["20240301", "20240302"], None),
        (["20241301 12345678", "0020240301"], None),
        (["30240301"], None),
    ],
)
def test_a_date_in_a_name_counts_when_it_is_the_only_one(texts: list[str], found: date | None) -> None:
    from GliomaSAMLib.slicer.examinations import date_in

    assert date_in(texts) == found


@pytest.mark.parametrize("style", ["nested", "disjoint", "lesion"])
def test_outlines_of_each_style(style: str, segmentation: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.outlines import read_outlines
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    masks = onion(5)
    SegmentWriter(segmentation, GRID, style).write(masks)
    found = read_outlines(segmentation)
    assert found.geometry.matches(GRID)
    assert np.array_equal(found.wt, masks["WT"])
    assert found.known == (("WT",) if style == "lesion" else ("WT", "TC", "ET"))
    if style != "lesion":
        assert np.array_equal(found.tc, masks["TC"]) and np.array_equal(found.et, masks["ET"])
    assert found.cavity is None


def test_the_cavity_is_in_no_region(segmentation: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.outlines import read_outlines
    from GliomaSAMLib.slicer.segments.cavity import add_cavity
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    masks = onion(5)
    SegmentWriter(segmentation, GRID).write(masks)
    cavity = ball(4, (9.0, -3.0, 1.0))
    add_voxels(segmentation, add_cavity(segmentation), Block(GRID.ijk_to_ras, (0, 0, 0), GRID.shape), cavity > 0)
    found = read_outlines(segmentation)
    assert (cavity & masks["WT"]).any()
    assert np.array_equal(found.cavity, cavity)
    assert np.array_equal(found.wt, masks["WT"] & (1 - cavity))


def test_segments_of_others_are_named(segmentation: Any, add_segment: Any, box: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.outlines import read_outlines

    add_segment("skull", box((0, 2), (0, 2), (0, 2)))
    with pytest.raises(StudyError, match=r"has no segments WT, TC and ET, but skull"):
        read_outlines(segmentation)


def test_a_moved_segmentation_is_measured_where_it_lies(segmentation: Any, put_under: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.outlines import read_outlines
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    SegmentWriter(segmentation, GRID).write(onion(5))
    shift = np.eye(4)
    shift[:3, 3] = (5.0, -7.0, 11.0)
    put_under(segmentation, shift)
    found = read_outlines(segmentation)
    assert np.allclose(found.geometry.origin, np.add(GRID.origin, (5.0, -7.0, 11.0)))
    assert np.array_equal(found.wt, onion(5)["WT"])
