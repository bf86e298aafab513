"""Volumes of several patients are refused unless the user says that they are of one; a visible doubt where they are not
of one examination.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import StudyError

VOXELS = np.arange(24 * 10, dtype=np.int16).reshape(4, 10, 6)


@pytest.fixture
def pair(add_volume: Callable[..., Any]) -> dict[str, Any]:
    """A T1c and a FLAIR, which differ by voxels too."""
    return {
        "t1c": add_volume(VOXELS, np.eye(4), "T1c"),
        "flair": add_volume(VOXELS[::-1], np.eye(4), "FLAIR"),
    }


def notes(nodes: dict[str, Any], refused: bool = False) -> list[str]:
    """The doubts, which the guess and the choice of the volumes tell alike; or for which the choice is refused."""
    import slicer

    from GliomaSAMLib.slicer.patients import doubts_of_one_patient
    from GliomaSAMLib.slicer.volumes import Inputs, guess_volumes

    doubts = doubts_of_one_patient(nodes)
    guessed = guess_volumes(slicer.mrmlScene)
    assert {guess.node for guess in guessed.values()} == set(nodes.values())
    assert all(guess.confident is (not doubts) for guess in guessed.values())
    assert all(doubt in guess.reason for guess in guessed.values() for doubt in doubts)
    if refused:
        with pytest.raises(
            StudyError, match=r"^The volumes are of different patients: .*tick Of one patient"
        ) as caught:
            Inputs(nodes)
        assert "t1c" in str(caught.value) and "SECRET" not in str(caught.value)
        told = Inputs(nodes, same_patient=True).doubts
        assert all(f"{doubt} (taken as one patient's, as you said)" in told for doubt in doubts)
    else:
        assert list(Inputs(nodes).doubts) == doubts
    return doubts


def test_nothing_speaks_against_volumes_of_no_known_origin(pair: dict[str, Any]) -> None:
    assert notes(pair) == []


@pytest.mark.parametrize(("level", "called"), [("Patient", "patients"), ("Study", "studies"), ("Folder", "folders")])
def test_the_subject_hierarchy_counts(level: str, called: str, pair: dict[str, Any], mrml_scene: Any) -> None:
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    make = getattr(hierarchy, {"Patient": "CreateSubjectItem"}.get(level, f"Create{level}Item"))
    items = [make(hierarchy.GetSceneItemID(), name) for name in ("one", "other")]
    for item, node in zip(items, pair.values(), strict=True):
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), item)
    (doubt,) = notes(pair, refused=level == "Patient")
    assert f"under different {called} of the subject hierarchy" in doubt
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(pair["flair"]), items[0])
    assert notes(pair) == []


@pytest.mark.parametrize(
    ("tag", "name"), [("0010,0020", "PatientID"), ("0020,000D", "StudyInstanceUID"), ("0008,0020", "StudyDate")]
)
def test_the_dicom_database_counts(tag: str, name: str, pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer

    class Database:  # the application's, which is made of Qt
        def instanceValue(self, instance: str, wanted: str) -> str:
            return f"SECRET{instance}" if wanted == tag else ""

    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    for number, node in enumerate(pair.values()):
        node.SetAttribute("DICOM.instanceUIDs", f"1.{number}")
    (doubt,) = notes(pair, refused=name == "PatientID")
    assert name in doubt and "t1c" in doubt and "flair" in doubt and "SECRET" not in doubt


def test_files_count(pair: dict[str, Any], mrml_scene: Any, tmp_path: Path) -> None:
    for folder, node in zip(("patient-A", "patient-B"), pair.values(), strict=True):
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(str(tmp_path / folder / "x.nrrd"))
    (doubt,) = notes(pair)
    assert "t1c in patient-A, flair in patient-B" in doubt


def two_patients(nodes: dict[str, Any], scene: Any) -> None:
    """Put each node under a patient of its own in the subject hierarchy."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    for number, node in enumerate(nodes.values()):
        item = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), f"patient {number}")
        hierarchy.SetItemUID(item, "DICOM", f"SECRET{number}")
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), item)


def test_what_the_user_said_is_kept_with_the_scene(
    pair: dict[str, Any], mrml_scene: Any, engine: Any, segmentation: Any, panel: Any
) -> None:
    from GliomaSAMLib.slicer.persistence import restore, save_state

    two_patients(pair, mrml_scene)
    task = engine.task(segmentation)
    assert not task.set_volumes(pair) and task.volume_nodes == {}
    assert "tick Of one patient" in panel.told("error") and "SECRET" not in panel.told("error")
    assert task.set_volumes(pair, same_patient=True) and task.volume_nodes == pair
    save_state(task, {})
    assert restore(mrml_scene, segmentation).same_patient
    assert not task.set_volumes(pair)  # no longer said
    assert task.options["same_patient"] and task.volume_nodes == pair
