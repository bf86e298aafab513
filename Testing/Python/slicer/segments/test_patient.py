"""A segmentation of another patient is not written into."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

AddPatient = Callable[..., int]


@pytest.fixture
def patient(mrml_scene: Any) -> AddPatient:
    """A function that puts nodes under a new patient of the subject hierarchy."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)

    def add(*nodes: Any, uid: str = "") -> None:
        item = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
        study = hierarchy.CreateStudyItem(item, "study")
        if uid:
            hierarchy.SetItemUID(item, "DICOM", uid)
        for node in nodes:
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)

    return add


@pytest.fixture
def other_node(add_volume: Callable[..., Any], grid: Geometry) -> Any:
    """A volume of somebody else, on the same grid."""
    values = np.random.default_rng(1).integers(1, 900, grid.shape).astype(np.int16)
    return add_volume(values, grid.ijk_to_ras, "other")


@pytest.fixture
def clicked(task: Any, run_until: Any, grid: Geometry) -> Any:
    task.session.add_point(tuple(float(v) for v in grid.to_ras(np.array([8, 8, 7]))))
    run_until()
    return task


@pytest.mark.parametrize("known", ["volume", "segmentation", "reference"])
def test_volumes_of_another_patient_are_refused(
    clicked: Any, t1_node: Any, other_node: Any, patient: Any, panel: Any, run_until: Any, known: str
) -> None:
    patient(clicked.node if known == "segmentation" else t1_node)
    patient(other_node)
    if known == "reference":
        clicked.node.SetNodeReferenceID("GliomaSAM.t1", None)
        clicked.node.SetNodeReferenceID(clicked.node.GetReferenceImageGeometryReferenceRole(), t1_node.GetID())
    prompts, masks = clicked.session.prompts, np.array(clicked.masks("WT"))
    assert not clicked.set_volumes({"t1": other_node})
    assert "tumour belongs to another patient than other" in panel.told("error")
    run_until()
    assert clicked.volume_nodes == {"t1": t1_node} and clicked.session.prompts == prompts
    assert clicked.phase == "ready" and np.array_equal(clicked.masks("WT"), masks)


def test_the_database_tells_patients_apart(
    clicked: Any, t1_node: Any, other_node: Any, panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    patients = {"1.1": "A", "1.2": "B", "1.3": "A"}
    database = SimpleNamespace(instanceValue=lambda uid, tag: patients[uid] if tag == "0010,0020" else "")
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    t1_node.SetAttribute("DICOM.instanceUIDs", "1.1 1.9")
    other_node.SetAttribute("DICOM.instanceUIDs", "1.2")
    assert not clicked.set_volumes({"t1": other_node})
    other_node.SetAttribute("DICOM.instanceUIDs", "1.3")
    assert clicked.set_volumes({"t1": other_node}) and panel.told("warning") == ""


def test_other_volumes_of_the_same_patient_are_taken(
    clicked: Any, t1_node: Any, other_node: Any, patient: Any, panel: Any, run_until: Any
) -> None:
    patient(t1_node, uid="A")
    patient(other_node, uid="A")  # an examination that was loaded later
    assert clicked.set_volumes({"t1": other_node}) and panel.told("warning") == panel.told("error") == ""
    run_until()
    assert clicked.volume_nodes == {"t1": other_node}


def test_volumes_of_nobody_known_are_taken_with_a_word(
    clicked: Any, t1_node: Any, other_node: Any, panel: Any, run_until: Any
) -> None:
    assert clicked.set_volumes({"t1": t1_node, "t2": other_node}) and panel.told("warning") == ""
    run_until()
    assert clicked.set_volumes({"t1": t1_node})
    run_until()
    assert clicked.set_volumes({"flair": other_node})
    assert "tumour was made on other volumes: check" in panel.told("warning")


def warned(panel: Any) -> bool:
    """Whether the user was told since the last call that the volumes are others."""
    told = "tumour was made on other volumes: check" in panel.told("warning")
    panel.messages.clear()
    return told


def test_other_volumes_in_place_of_removed_ones_are_told_of(
    clicked: Any, t1_node: Any, other_node: Any, panel: Any, run_until: Any, mrml_scene: Any
) -> None:
    mrml_scene.RemoveNode(t1_node)
    run_until()
    panel.messages.clear()
    assert clicked.set_volumes({"t1": other_node}) and warned(panel)
    run_until()
    assert clicked.set_volumes({"t2": other_node}) and not warned(panel)


@pytest.fixture
def next_patient(other_node: Any, add_volume: Callable[..., Any], grid: Geometry) -> dict[str, Any]:
    """T1 and T2 of somebody else."""
    values = np.random.default_rng(2).integers(1, 900, grid.shape).astype(np.int16)
    return {"t1": other_node, "t2": add_volume(values, grid.ijk_to_ras, "other t2")}


@pytest.fixture
def t2_node(add_volume: Callable[..., Any], grid: Geometry) -> Any:
    """The T2 of the patient."""
    return add_volume(np.random.default_rng(3).integers(1, 900, grid.shape).astype(np.int16), grid.ijk_to_ras, "t2")


@pytest.mark.parametrize("work", ["click", "paint", "import"])
def test_volumes_that_change_one_after_another_are_compared_with_those_of_the_result(
    engine: Any,
    task: Any,
    t1_node: Any,
    t2_node: Any,
    next_patient: dict[str, Any],
    panel: Any,
    run_until: Any,
    grid: Geometry,
    work: str,
) -> None:
    from GliomaSAMLib.slicer.segments.node import new_segmentation
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    masks = {region: np.pad(np.ones((3, 3, 3), np.uint8), [(2, n - 5) for n in grid.shape]) for region in REGIONS}
    if work == "import":
        node = new_segmentation(task.node.GetScene(), "imported tumour", t1_node)
        SegmentWriter(node, grid).write(masks)
        task = engine.task(node)
    assert task.set_volumes({"t1": t1_node, "t2": t2_node})
    run_until()
    if work == "click":
        task.session.add_point(tuple(float(v) for v in grid.to_ras(np.array([8, 8, 7]))))
    elif work == "paint":
        SegmentWriter(task.node, grid).write(masks)
    run_until()
    assert task.masks("WT").any()
    assert task.set_volumes({"t1": next_patient["t1"], "t2": t2_node}) and not warned(panel)
    run_until()
    assert task.set_volumes(next_patient) and warned(panel)
    run_until()
    assert task.set_volumes({"t2": t2_node, "t1": next_patient["t1"]}) and not warned(panel)
    run_until()
    assert task.set_volumes(next_patient) and warned(panel)
    run_until()
    task.session.add_point(tuple(float(v) for v in grid.to_ras(np.array([4, 8, 7]))))  # of the same patient, then
    run_until()
    assert task.set_volumes({"t1": next_patient["t1"]}) and not warned(panel)


def test_a_new_segmentation_takes_any(
    engine: Any, clicked: Any, other_node: Any, t1_node: Any, patient: Any, panel: Any, mrml_scene: Any, run_until: Any
) -> None:
    from GliomaSAMLib.slicer.segments.node import new_segmentation

    patient(t1_node)
    patient(other_node)
    fresh = engine.task(new_segmentation(mrml_scene, "fresh", other_node))
    assert fresh.set_volumes({"t1": other_node})
    run_until()
    assert fresh.phase == "ready" and panel.messages == []
