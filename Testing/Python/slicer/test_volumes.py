"""Which volume nodes are taken for which modality, which are refused, and when one counts as changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.geometry import Geometry, resample

VOXELS = np.arange(24 * 10, dtype=np.int16).reshape(4, 10, 6)
ITEMS = ("Subject", "Study", "Folder")
"""What the subject hierarchy can hold volumes in."""


@pytest.fixture
def named(add_volume: Callable[..., Any]) -> Callable[..., Any]:
    """A function that adds a small volume under a name."""
    return lambda name, **more: add_volume(VOXELS, np.eye(4), name, **more)


def guesses(scene: Any) -> dict[str, tuple[str, bool]]:
    from GliomaSAMLib.slicer.volumes import guess_volumes

    return {modality: (guess.node.GetName(), guess.confident) for modality, guess in guess_volumes(scene).items()}


def test_four_volumes_are_recognised_by_name(mrml_scene: Any, named: Callable[..., Any]) -> None:
    for name in (
        "BraTS-GLI-00001-000-t2f",
        "BraTS-GLI-00001-000-t1n",
        "BraTS-GLI-00001-000-t1c",
        "BraTS-GLI-00001-000-t2w",
    ):
        named(name)
    named("BraTS-GLI-00001-000-seg", kind="vtkMRMLLabelMapVolumeNode")
    named("5: DWI b1000")
    hidden = named("t1 hidden")
    hidden.SetHideFromEditors(True)
    assert guesses(mrml_scene) == {
        "t1": ("BraTS-GLI-00001-000-t1n", True),
        "t1c": ("BraTS-GLI-00001-000-t1c", True),
        "t2": ("BraTS-GLI-00001-000-t2w", True),
        "flair": ("BraTS-GLI-00001-000-t2f", True),
    }
    assert list(guesses(mrml_scene)) == ["t1", "t1c", "t2", "flair"]


def test_nothing_is_guessed_in_an_empty_scene(mrml_scene: Any, named: Callable[..., Any]) -> None:
    assert guesses(mrml_scene) == {}
    named("CTA head")
    assert guesses(mrml_scene) == {}


def test_what_is_doubtful_is_marked(mrml_scene: Any, named: Callable[..., Any]) -> None:
    from GliomaSAMLib.slicer.volumes import guess_volumes

    named("7: MPRAGE sag")
    assert guesses(mrml_scene) == {"t1": ("7: MPRAGE sag", False)}
    assert "contrast" in guess_volumes(mrml_scene)["t1"].reason
    named("9: MPRAGE post Gd")
    assert guesses(mrml_scene) == {"t1": ("7: MPRAGE sag", True), "t1c": ("9: MPRAGE post Gd", True)}
    named("12: FLAIR")
    named("13: FLAIR cor")
    assert guesses(mrml_scene)["flair"] == ("12: FLAIR", False)
    assert "one of 2" in guess_volumes(mrml_scene)["flair"].reason


@pytest.mark.parametrize("name", ["FLAIR T1 post", "t2_tirm_cor", "T1 W/WO", "BRATS_001_0003", "T1 pituitary C+"])
def test_doubtful_names_are_marked(name: str, mrml_scene: Any, named: Callable[..., Any]) -> None:
    named(name)
    ((found, confident),) = guesses(mrml_scene).values()
    assert found == name and not confident


def test_patients_are_not_mixed(mrml_scene: Any, named: Callable[..., Any]) -> None:
    for name in ("b-t1c", "a-t1n", "a-t1c", "a-flair"):
        named(name)
    found = guesses(mrml_scene)
    assert [found[m][0] for m in ("t1", "t1c", "flair")] == ["a-t1n", "a-t1c", "a-flair"]
    assert found["t1c"][1] is False


def test_volumes_of_one_study_are_taken_together(mrml_scene: Any, named: Callable[..., Any]) -> None:
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    for study, names in (("monday", ("FLAIR", "T1 post")), ("friday", ("flair", "T2", "T1c"))):
        item = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), study)
        for name in names:
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(named(name)), item)
    found = guesses(mrml_scene)
    assert {modality: name for modality, (name, _) in found.items()} == {"t1c": "T1c", "t2": "T2", "flair": "flair"}


def fitting(scene: Any, chosen: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """What is found beside the volumes chosen, and whether it goes with them."""
    from GliomaSAMLib.slicer.volumes import guess_volumes

    found = guess_volumes(scene, chosen=chosen)
    return {modality: (guess.node.GetName(), guess.belongs) for modality, guess in found.items()}


def test_volumes_beside_those_chosen_are_of_the_same_patient(mrml_scene: Any, named: Callable[..., Any]) -> None:
    chosen = {"t1c": named("Smith t1c"), "flair": named("Smith flair")}
    for modality in ("t1", "t1c", "t2", "flair"):
        named(f"Jones {modality}")
    assert fitting(mrml_scene, chosen) == {"t1": ("Jones t1", False), "t2": ("Jones t2", False)}
    named("Smith t1")
    assert fitting(mrml_scene, chosen) == {"t1": ("Smith t1", True), "t2": ("Jones t2", False)}


@pytest.mark.parametrize("level", ["Subject", "Study", "Folder", "file", None])
def test_volumes_of_another_place_do_not_go_with_those_chosen(
    level: str | None, mrml_scene: Any, named: Callable[..., Any], tmp_path: Path
) -> None:
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    places = {}
    for name in ("one", "other"):
        places[name] = [named(modality) for modality in ("t1c", "t2")]
        item = getattr(hierarchy, f"Create{level}Item")(hierarchy.GetSceneItemID(), name) if level in ITEMS else 0
        for volume in places[name]:
            if item:
                hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), item)
            elif level == "file":
                storage = mrml_scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
                storage.SetFileName(str(tmp_path / name / f"{volume.GetName()}.nii.gz"))
                volume.SetAndObserveStorageNodeID(storage.GetID())
    mrml_scene.RemoveNode(places["one"].pop())
    assert fitting(mrml_scene, {"t1c": places["one"][0]}) == {"t2": ("t2", level is None)}


def test_what_is_chosen_by_hand_goes_with_its_own_study_whatever_its_name(
    mrml_scene: Any, named: Callable[..., Any]
) -> None:
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    item = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    chosen, *_ = volumes = [named(name) for name in ("sag T1 post", "axial T1 post", "axial T1 pre", "axial FLAIR")]
    for volume in volumes:
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), item)
    assert fitting(mrml_scene, {"t1c": chosen}) == {"t1": ("axial T1 pre", True), "flair": ("axial FLAIR", True)}


def test_the_dicom_description_counts_more_than_the_name(
    mrml_scene: Any, named: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    class Database:  # the application's, which is made of Qt
        def instanceValue(self, instance: str, tag: str) -> str:
            return {"1.2": {"0008,103E": "AX T1 MPR", "0018,0010": "Gadovist"}, "1.3": {"0008,103E": "t2_tse"}}[
                instance
            ].get(tag, "")

    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    named("3: Vol").SetAttribute("DICOM.instanceUIDs", "1.2 1.9")
    named("flair").SetAttribute("DICOM.instanceUIDs", "1.3")
    assert guesses(mrml_scene) == {"t1c": ("3: Vol", True), "t2": ("flair", False)}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("vtkMRMLLabelMapVolumeNode", "is a label map"),
        ("vtkMRMLVectorVolumeNode", "colours or vectors"),
        ("vtkMRMLDiffusionWeightedVolumeNode", "holds no voxels|colours or vectors|no volume"),
    ],
)
def test_other_kinds_of_volumes_are_refused(kind: str, words: str, named: Callable[..., Any]) -> None:
    from GliomaSAMLib.slicer.volumes import check_volume_node, volume_image

    node = named("mine", kind=kind)
    if kind == "vtkMRMLDiffusionWeightedVolumeNode":
        node.SetAndObserveImageData(None)
    with pytest.raises(StudyError, match=words) as error:
        check_volume_node(node, "t2")
    assert "mine" in str(error.value) and "t2" in str(error.value)
    with pytest.raises(StudyError):
        volume_image(node)


def test_none_empty_removed_and_sequences_are_refused(mrml_scene: Any, named: Callable[..., Any]) -> None:
    import vtk

    from GliomaSAMLib.slicer.volumes import check_volume_node

    with pytest.raises(StudyError, match="No volume is chosen for flair"):
        check_volume_node(None, "flair")
    empty = mrml_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    with pytest.raises(StudyError, match="holds no voxels"):
        check_volume_node(empty, "t1")
    with pytest.raises(StudyError, match="time sequence: choose for t1 the volume that shows"):
        check_volume_node(mrml_scene.AddNewNodeByClass("vtkMRMLSequenceNode", "dynamic"), "t1")
    with pytest.raises(StudyError, match="no volume of grey values"):
        check_volume_node(mrml_scene.AddNewNodeByClass("vtkMRMLModelNode", "skin"), "t1")
    colours = vtk.vtkImageData()
    colours.SetDimensions(4, 4, 4)
    colours.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    empty.SetAndObserveImageData(colours)
    with pytest.raises(StudyError, match="colours or vectors"):
        check_volume_node(empty, "t1")
    node = named("t1")
    check_volume_node(node, "t1")
    mrml_scene.RemoveNode(node)
    with pytest.raises(StudyError, match="was removed from the scene"):
        check_volume_node(node, "t1")


def test_a_frame_of_a_sequence_is_used_and_said_so(mrml_scene: Any, named: Callable[..., Any]) -> None:
    import SimpleITK as sitk

    from GliomaSAMLib.slicer.volumes import check_volume_node, volume_fingerprint, volume_image, volume_notes

    sequence = mrml_scene.AddNewNodeByClass("vtkMRMLSequenceNode", "dynamic")
    frame = named("frame")
    for number in range(2):
        frame.GetImageData().GetPointData().GetScalars().Fill(number + 5)
        sequence.SetDataNodeAtValue(frame, str(number))
    browser = mrml_scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.AddProxyNode(frame, sequence, False)
    import slicer

    browser.SetSelectedItemNumber(1)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    before = volume_fingerprint(frame)
    check_volume_node(frame, "t1c")
    assert volume_notes(frame, "t1c") == ("t1c is a frame of a time sequence: only the frame shown, number 2, is used",)
    assert sitk.GetArrayFromImage(volume_image(frame)).max() == 6
    browser.SetSelectedItemNumber(0)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    assert volume_fingerprint(frame) != before


def test_the_image_is_a_copy(named: Callable[..., Any]) -> None:
    import SimpleITK as sitk
    from vtk.util.numpy_support import vtk_to_numpy

    from GliomaSAMLib.slicer.volumes import volume_image

    node = named("t1")
    image = volume_image(node)
    image[0, 0, 0] = 99
    scalars = vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())
    assert np.array_equal(scalars, VOXELS.ravel())
    scalars[:] = 0
    assert sitk.GetArrayFromImage(image).max() == VOXELS.max()
    assert image.GetPixelID() == sitk.sitkInt16


def test_the_fingerprint_follows_voxels_place_and_transform(
    mrml_scene: Any, named: Callable[..., Any], put_under: Callable[..., Any]
) -> None:
    from GliomaSAMLib.slicer.volumes import volume_fingerprint

    node = named("t1")
    seen = [volume_fingerprint(node)]
    assert volume_fingerprint(node) == seen[0]
    node.SetName("renamed")
    assert volume_fingerprint(node) == seen[0]
    node.GetImageData().GetPointData().GetScalars().SetTuple1(3, 77)
    node.GetImageData().GetPointData().GetScalars().Modified()
    seen.append(volume_fingerprint(node))
    node.SetOrigin(1, 2, 3)
    seen.append(volume_fingerprint(node))
    shift = np.eye(4)
    shift[0, 3] = 4
    put_under(node, shift)
    seen.append(volume_fingerprint(node))
    seen.append(volume_fingerprint(named("t1")))
    assert len(set(seen)) == 5


def test_one_volume_for_two_modalities_is_refused(named: Callable[..., Any]) -> None:
    from GliomaSAMLib.slicer.volumes import one_volume_each

    first, second = named("a"), named("a")
    one_volume_each({"t1": first, "t2": second, "t1c": None, "flair": None})
    with pytest.raises(StudyError, match="a is chosen for t1 and for flair"):
        one_volume_each({"t1": first, "t2": second, "flair": first})


def test_what_a_transform_does_is_told(named: Callable[..., Any], put_under: Callable[..., Any]) -> None:
    from GliomaSAMLib.slicer.volumes import volume_notes

    node = named("t1")
    assert volume_notes(node, "t1") == ()
    shear = np.eye(4)
    shear[0, 1] = 0.4
    put_under(node, shear)
    assert volume_notes(node, "t1") == (
        "t1 is moved by the transform moved",
        "t1 has slanting axes and was resampled onto perpendicular ones",
    )


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_a_file_read_by_slicer_gives_the_same_values_at_the_same_places(
    suffix: str, tmp_path: Path, mrml_scene: Any
) -> None:
    import SimpleITK as sitk
    from scipy.spatial.transform import Rotation

    from GliomaSAMLib.slicer.volumes import volume_image

    turn = Rotation.from_euler("xyz", [12, -31, 8], degrees=True).as_matrix() * (1, -1, 1)  # left-handed
    grid = Geometry((6, 10, 4), (0.9, 1.2, 4.5), (11.0, -22.0, 33.0), tuple(tuple(row) for row in turn))
    sitk.WriteImage(grid.to_image(VOXELS), str(tmp_path / f"t1{suffix}"))
    storage = mrml_scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(tmp_path / f"t1{suffix}"))
    node = mrml_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "t1")
    assert storage.ReadData(node)
    image = volume_image(node)
    read = Geometry.of_image(image)  # Slicer turns the slices of a left-handed file round: right-handed, same places
    assert np.linalg.det(read.direction) > 0
    assert np.array_equal(
        resample(grid.to_image(VOXELS), read, nearest=True, outside=-1), sitk.GetArrayFromImage(image)
    )
    corners = np.array([[0, 0, 0], [5, 9, 3]])
    assert np.allclose(np.sort(grid.to_ijk(read.to_ras(corners)), axis=0), corners, atol=1e-3)


def test_a_volume_is_copied_in_pieces_and_begun_anew_when_it_changes(
    named: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import SimpleITK as sitk
    import slicer

    from GliomaSAMLib.slicer import volumes
    from GliomaSAMLib.slicer.volumes import Inputs

    monkeypatch.setattr(volumes, "PIECE_BYTES", 1)  # a slice a piece
    first, second = named("t1"), named("t2")
    slices = len(slicer.util.arrayFromVolume(first))
    assert slices > 3
    inputs = Inputs({"t1": first, "t2": second})
    for _ in range(slices - 1):
        inputs.copy_next()
    slicer.util.arrayFromVolume(first)[:] = 7
    slicer.util.arrayFromVolumeModified(first)
    pieces = 0
    while not inputs.copied:
        inputs.copy_next()
        pieces += 1
    assert pieces == 2 * slices and not inputs.changed()
    assert (sitk.GetArrayFromImage(inputs.copies["t1"].image()) == 7).all()
    expected = slicer.util.arrayFromVolume(second)
    assert np.array_equal(sitk.GetArrayFromImage(inputs.copies["t2"].image()), expected)
    slicer.util.arrayFromVolume(first)[:] = 8
    slicer.util.arrayFromVolumeModified(first)
    assert inputs.changed() == ("t1",)
    inputs.release()
    assert not inputs.copied
