"""What is certainly another examination, and what is not."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from scene_visits import GRID, Patient, ball, onion


@pytest.fixture
def patient(mrml_scene: Any, add_volume: Callable[..., Any]) -> Patient:
    return Patient(mrml_scene, add_volume)


def others(segmentation: Any, volume: Any) -> bool:
    from GliomaSAMLib.slicer.examinations import is_of_another_examination

    return is_of_another_examination(segmentation, {"flair": None, "t1c": volume})


def put_beside(patient: Patient, volume: Any, other: Any) -> None:
    hierarchy = patient.hierarchy()
    item = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(other))
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), item)


def test_another_study_is_another_examination_and_its_volumes_are_found(patient: Patient) -> None:
    from GliomaSAMLib.slicer.examinations import own_volumes

    (march, march_outlines), (june, june_outlines) = (patient.visit(day, onion(5)) for day in ("20240301", "20240603"))
    assert others(march_outlines, june) and others(june_outlines, march)
    assert not others(march_outlines, march) and not others(june_outlines, june)
    assert own_volumes(march_outlines) == {"t1c": march} and own_volumes(june_outlines) == {"t1c": june}


def test_derived_volumes_and_those_of_no_study_are_not(patient: Patient, add_volume: Callable[..., Any]) -> None:
    march, outlines = patient.visit("20240301", onion(5))
    coarse = GRID.crop((2, 3, 4), (20, 20, 20))
    beside, nowhere = (add_volume(ball(9, grid=coarse), coarse.ijk_to_ras, "t1c registered") for _ in range(2))
    put_beside(patient, beside, march)
    assert not others(outlines, beside) and not others(outlines, nowhere)
    stray, strays = patient.visit(None, onion(4), study=False)
    assert not others(strays, march) and not others(strays, stray) and not others(outlines, stray)


def test_two_studies_of_one_day_are_one_examination(patient: Patient) -> None:
    _, outlines = patient.visit("20240301", onion(5))
    after, _ = patient.visit("20240301", None)
    assert not others(outlines, after) and others(outlines, patient.visit("20240302", None)[0])


def test_another_patient_is_told_elsewhere(patient: Patient, mrml_scene: Any, add_volume: Any) -> None:
    _, outlines = patient.visit("20240301", onion(5))
    theirs, _ = Patient(mrml_scene, add_volume, name="patient two").visit("20240603", None)
    assert not others(outlines, theirs)


def test_what_it_was_made_on_is_its_own_wherever_it_lies(patient: Patient) -> None:
    _, outlines = patient.visit("20240301", onion(5))
    june, _ = patient.visit("20240603", None)
    outlines.SetNodeReferenceID("GliomaSAM.t1c", june.GetID())
    assert not others(outlines, june)


def test_the_database_tells_examinations_apart(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer

    (march, outlines), (june, _), (same, _) = (patient.visit(None, onion(5), study=False) for _ in range(3))
    values = {
        "1.1": {"0020,000D": "A", "0008,0020": "20240301"},
        "1.2": {"0020,000D": "B", "0008,0020": "20240603"},
        "1.3": {"0020,000D": "A"},
    }
    database = SimpleNamespace(instanceValue=lambda uid, tag: values[uid].get(tag, ""))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    for node, uid in ((march, "1.1"), (june, "1.2"), (same, "1.3")):
        node.SetAttribute("DICOM.instanceUIDs", uid)
    assert others(outlines, june) and not others(outlines, same)
