"""Any lesion, at the panel: the segment that is chosen is the one that is shown, written and exported."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from user.clinician import Clinician

INSIDE, ELSEWHERE = (12.0, 6.0, 4.0), (-12.0, -8.0, -6.0)


def choose(user: Clinician, name: str) -> None:
    selector = user.ui.lesionSelector
    selector.currentIndex = [selector.itemText(index) for index in range(selector.count)].index(name)
    selector.activated.emit(selector.currentIndex)
    user.wait()


def names(user: Clinician) -> list[str]:
    return [user.ui.lesionSelector.itemText(index) for index in range(user.ui.lesionSelector.count)]


def held(user: Clinician, segment_id: str) -> np.ndarray:
    from GliomaSAMLib.slicer.segments.node import read_segment

    geometry = user.task.geometry
    return read_segment(user.task.node, segment_id, geometry.ijk_to_ras, geometry.shape)


def test_a_painted_segment_is_chosen_and_others_follow(user: Clinician, tmp_path: Path, monkeypatch: Any) -> None:
    from GliomaSAMPanel import dialogs

    from GliomaSAMLib.slicer.segments.node import Block, add_voxels

    node, geometry = user.task.node, user.task.geometry
    own = node.GetSegmentation().AddEmptySegment("met", "Metastasis")
    painted = np.zeros(geometry.shape, np.uint8)
    painted[4:10, 4:10, 4:10] = 1
    add_voxels(node, own, Block(geometry.ijk_to_ras, (0, 0, 0), geometry.shape), painted > 0)
    user.wait()
    user.ui.styleSelector.currentIndex = 2
    user.wait()
    choose(user, "Metastasis")
    assert np.array_equal(held(user, own), painted) and user.task.segment_ids() == {"lesion": own}
    assert user.ui.resultsTable.item(0, 1).text() == f"{painted.sum() * geometry.voxel_ml:.2f}"
    user.ui.undoButton.click()
    user.wait()
    assert np.array_equal(held(user, own), painted)
    choose(user, "a new one")
    user.click(INSIDE)
    new = user.task.style.lesion_segment
    assert user.panel.parameters.lesionSegment == new and user.ui.lesionSelector.currentText == "Lesion"
    assert names(user)[0] == "a new one" and set(names(user)[1:]) >= {"Metastasis", "Lesion"}
    assert np.array_equal(held(user, own), painted) and held(user, new).any()
    target = tmp_path / "lesion.nii.gz"
    monkeypatch.setattr(dialogs, "saveFile", lambda *_: str(target))
    user.ui.exportLabelMapButton.click()
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(target))) > 0, held(user, new) > 0)


def test_regions_of_a_tumour_are_no_lesion_to_choose(user: Clinician) -> None:
    user.click(INSIDE)
    whole = user.masks()
    user.ui.cavityButton.click()
    user.ui.styleSelector.currentIndex = 2
    user.wait()
    assert names(user) == ["a new one", "Lesion"]
    user.click(ELSEWHERE)
    user.ui.styleSelector.currentIndex = 0
    user.wait()
    assert all(np.array_equal(mask, whole[region]) for region, mask in user.masks().items())
    user.ui.styleSelector.currentIndex = 2
    user.wait()
    assert user.ui.lesionSelector.currentText == "Lesion" and user.at(user.masks()["WT"], ELSEWHERE)


def rows(user: Clinician) -> list[list[str]]:
    table = user.ui.resultsTable
    return [[table.item(row, column).text() for column in range(2)] for row in range(table.rowCount)]


def add_lesions(user: Clinician, *segments: str) -> Any:
    """Add empty segments whose names begin with Met, and choose the style of one of one's own."""
    segmentation = user.task.node.GetSegmentation()
    for name in segments:
        segmentation.AddEmptySegment(name, f"Met {name}")
    user.ui.styleSelector.currentIndex = 2
    user.wait()
    return segmentation


def test_the_lesion_of_another_segmentation_is_not_that_of_a_new_one(user: Clinician) -> None:
    add_lesions(user, "GliomaSAM_lesion")
    choose(user, "Met GliomaSAM_lesion")
    user.click(INSIDE)
    node = user.ui.segmentationSelector.addNode()
    user.wait()
    assert user.panel.parameters.lesionSegment == "" and user.ui.lesionSelector.currentText == "a new one"
    user.click(INSIDE)
    made, prompts = user.task.style.lesion_segment, user.task.session.prompts
    assert user.panel.parameters.lesionSegment == made and user.ui.lesionSelector.currentText == "Lesion"
    user.ui.overwriteSelector.currentIndex = 2
    user.wait()
    assert node.GetSegmentation().GetSegmentIDs() == (made,) and user.task.style.lesion_segment == made
    assert user.task.session.prompts == prompts and held(user, made).any()


def test_segments_that_others_add_rename_and_remove_are_followed(user: Clinician) -> None:
    segmentation = add_lesions(user, "A")
    assert names(user) == ["a new one", "Met A"]
    segmentation.AddEmptySegment("B", "Met B")
    user.wait()
    choose(user, "Met B")
    user.click(INSIDE)
    segmentation.GetSegment("B").SetName("Metastasis")
    user.wait()
    assert names(user) == ["a new one", "Met A", "Metastasis"] and user.ui.lesionSelector.currentText == "Metastasis"
    assert [name for name, _ in rows(user)] == ["Metastasis"]
    segmentation.RemoveSegment("B")
    user.wait()
    assert names(user) == ["a new one", "Met A"] and user.ui.lesionSelector.currentText == "a new one"
    assert segmentation.GetSegmentIDs() == ("A",) and rows(user) == [["Lesion", "0.00"]]
    user.click(ELSEWHERE)
    assert user.panel.messages.text == "" and len(user.task.session.prompts) == 1
    (made,) = set(segmentation.GetSegmentIDs()) - {"A"}
    assert user.ui.lesionSelector.currentText == "Lesion" and held(user, made).any()


def test_the_table_of_a_lesion_tells_what_its_segment_holds(user: Clinician) -> None:
    import qt

    add_lesions(user, "A")
    choose(user, "Met A")
    user.click(INSIDE)
    volume = f"{held(user, 'A').sum() * user.task.geometry.voxel_ml:.2f}"
    assert rows(user) == [["Met A", volume]] and user.task.volumes().keys() == {"WT"}
    user.ui.copyButton.click()
    _, *lines = qt.QApplication.clipboard().text().split("\n")
    assert [line.split("\t")[1:3] for line in lines] == [["Met A", volume]]
    user.ui.styleSelector.currentIndex = 0
    user.wait()
    assert [name for name, _ in rows(user)] == ["Whole tumour", "Tumour core", "Enhancing tumour"]


def test_each_lesion_has_a_table_node_of_its_own(user: Clinician) -> None:
    import slicer

    def tables() -> dict[str, tuple[str, str]]:
        nodes = slicer.util.getNodesByClass("vtkMRMLTableNode")
        return {node.GetName(): (node.GetCellText(0, 1), node.GetCellText(0, 2)) for node in nodes}

    user.click(INSIDE)
    user.ui.tableNodeButton.click()
    add_lesions(user, "A", "B")
    for name, place in (("A", INSIDE), ("B", ELSEWHERE), ("A", ELSEWHERE)):
        choose(user, f"Met {name}")
        user.click(place)
        user.ui.tableNodeButton.click()
    found = tables()
    own = user.task.node.GetName()
    assert list(found) == [f"{own} results", f"{own} Met A results", f"{own} Met B results"]
    assert found[f"{own} results"][0] == "Whole tumour"
    for name in "AB":
        volume = held(user, name).sum() * user.task.geometry.voxel_ml
        assert found[f"{own} Met {name} results"] == (f"Met {name}", f"{volume:.2f}")


def test_the_table_is_empty_once_all_volumes_are_gone(user: Clinician) -> None:
    import slicer

    user.click(INSIDE)
    for node in user.panel.inputs.nodes().values():
        slicer.mrmlScene.RemoveNode(node)
    user.wait()
    assert [volume for _, volume in rows(user)] == ["-", "-", "-"]
    buttons = ("copy", "csv", "tableNode", "exportLabelMap", "exportSegmentation", "uncertainty")
    assert not any(getattr(user.ui, f"{name}Button").enabled for name in buttons)
