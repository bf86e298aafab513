"""What an examination is called, so that its segmentation and its files tell what they are of."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scene_visits import Patient

ReadFrom = Callable[..., dict[str, Any]]


@pytest.fixture
def read_from(mrml_scene: Any, add_volume: Callable[..., Any], tmp_path: Path) -> ReadFrom:
    """A function that reads volumes from files, by modality, in a folder."""
    import slicer

    def read(folder: str, **names: str) -> dict[str, Any]:
        found = {}
        for modality, name in names.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            node = add_volume(np.zeros((3, 3, 3), np.int16), np.eye(4), name.partition(".")[0])
            if name.endswith(".nrrd"):
                assert slicer.util.saveNode(node, str(path))
            else:
                node.AddDefaultStorageNode(str(path))
                node.GetStorageNode().SetFileName(str(path))
            found[modality] = node
        return found

    return read


def called(volume_nodes: dict[str, Any]) -> str:
    from GliomaSAMLib.slicer.naming import name_of_examination

    return name_of_examination(volume_nodes)


def test_the_day_of_the_study_comes_first(mrml_scene: Any, add_volume: Any) -> None:
    volume, _ = Patient(mrml_scene, add_volume, name="DOE^JOHN 1960").visit("20240301", None)
    volume.SetName("P07_t1c")
    assert called({"t1c": volume}) == "2024-03-01"


def test_the_day_in_the_database_counts_and_nothing_of_the_patient_is_asked_for(
    read_from: ReadFrom, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    asked: list[str] = []
    days = {"0008,0020": "20240301", "0010,0030": "19600101"}

    def value(_: str, tag: str) -> str:
        asked.append(tag)
        return days.get(tag, "")

    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(instanceValue=value), raising=False)
    volumes = read_from("DOE_JOHN_1960", t1c="DOE_1960_t1c.nrrd", flair="DOE_1960_flair.nrrd")
    for node in volumes.values():
        node.SetAttribute("DICOM.instanceUIDs", "1.2 1.3")
    assert called(volumes) == "2024-03-01" and not any(tag.startswith("0010") for tag in asked)
    del days["0008,0020"]
    assert called(volumes) == ""


def test_volumes_under_a_patient_and_dicom_files_are_called_by_nothing_else(
    mrml_scene: Any, add_volume: Any, read_from: ReadFrom
) -> None:
    volume, _ = Patient(mrml_scene, add_volume, name="DOE^JOHN 1960").visit(None, None)
    volume.SetName("DOE_1960_t1c")
    assert called({"t1c": volume}) == ""
    assert called(read_from("DOE_JOHN_1960", t1c="IM001_t1c.dcm")) == ""
    assert called(read_from("DOE_JOHN_1961", t1c="IM001_t1c")) == ""


@pytest.mark.parametrize(
    ("folder", "names", "expected"),
    [
        ("data", ("P07_t1.nrrd", "P07_t1c.nrrd"), "P07"),
        ("2024", ("BraTS-GLI-00001-000-t1n.nrrd", "BraTS-GLI-00001-000-t2f.nrrd"), "BraTS-GLI-00001-000"),
        ("sub-01/ses-02/anat", ("sub-01_ses-02_T1w.nrrd", "sub-01_ses-02_FLAIR.nrrd"), "sub-01_ses-02"),
        ("data", ("P07_2024-03-01_t1c.nrrd",), "P07_2024-03-01"),
        ("P07/nifti", ("t1.nrrd", "t1c.nrrd"), "P07"),
        ("P07", ("ax_3d_t1.nrrd", "ax_3d_t1c.nrrd"), "P07"),
        ("20240301", ("t1.nrrd",), "20240301"),
        ("P07", ("Mueller_t1.nrrd", "Mueller_flair.nrrd"), "P07"),
        ("Mueller", ("t1.nrrd", "t1c.nrrd"), ""),
        ("Cases/images", ("series 7.nrrd",), ""),
    ],
)
def test_what_the_files_are_filed_under_where_no_study_tells(
    folder: str, names: tuple[str, ...], expected: str, read_from: ReadFrom
) -> None:
    assert called(read_from(folder, **dict(zip(("t1", "t1c"), names, strict=False)))) == expected


def test_files_of_several_folders_and_volumes_made_in_the_scene_tell_nothing(
    read_from: ReadFrom, add_volume: Any
) -> None:
    assert called(read_from("P07", t1="t1.nrrd") | read_from("P08", t1c="t1c.nrrd")) == ""
    assert called({"t1c": add_volume(np.zeros((3, 3, 3), np.int16), np.eye(4), "Patient t1c")}) == ""
    assert called({}) == ""


def test_the_home_of_the_user_is_no_name(read_from: ReadFrom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user1")
    assert called(read_from("user1", t1c="t1c.nrrd")) == ""
