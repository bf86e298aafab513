"""The stand-ins for widgets of Slicer and CTK behave as a module relies on."""

from typing import Any

import numpy as np
import pytest
import slicer

pytestmark = pytest.mark.usefixtures("qt_host", "watch")


@pytest.fixture
def volume(mrml_scene: Any) -> Any:
    return slicer.util.addVolumeFromArray(np.zeros((20, 24, 28), np.int16), np.diag([-1.0, -1.0, 1.0, 1.0]), "T1")


@pytest.fixture
def segmentation(volume: Any) -> Any:
    """Two segments, "a" with a cube, "b" empty."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "segmentation")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for name in ("a", "b"):
        node.GetSegmentation().AddEmptySegment(name, name, [1, 0, 0])
    mask = np.zeros((20, 24, 28), np.uint8)
    mask[5:9, 5:9, 5:9] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "a", volume)
    return node


def test_the_node_selector_follows_the_scene(mrml_scene: Any) -> None:
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.noneEnabled = True
    selector.showChildNodeTypes = False
    selector.setMRMLScene(mrml_scene)
    seen: list[Any] = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", seen.append)
    first = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="first")
    mrml_scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    mrml_scene.AddNewNodeByClass("vtkMRMLTextNode", "text")
    hidden = slicer.vtkMRMLScalarVolumeNode()
    hidden.SetHideFromEditors(True)
    mrml_scene.AddNode(hidden)
    assert selector.nodeCount() == 1 and selector.currentNode() is None
    selector.setCurrentNode(first)
    mrml_scene.RemoveNode(first)
    assert [node and node.GetName() for node in seen] == ["first", None]
    assert selector.currentNodeID == ""
    made = selector.addNode()
    assert selector.currentNode() is made
    mrml_scene.Clear(0)
    assert selector.currentNode() is None and selector.nodeCount() == 0


def test_a_selector_without_none_takes_the_first_node(mrml_scene: Any) -> None:
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.setMRMLScene(mrml_scene)
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="first")
    assert selector.currentNode() is volume


def test_the_table_of_segments(segmentation: Any) -> None:
    from PySide6 import QtCore

    table = slicer.qMRMLSegmentsTableView()
    table.setSegmentationNode(segmentation)
    assert table.segmentCount == 2
    table.setSelectedSegmentIDs(["b"])
    segmentation.GetSegmentation().RemoveSegment("a")
    assert table.segmentCount == 1 and table.selectedSegmentIDs() == ["b"]
    table.tableWidget().item(0, 0).setCheckState(QtCore.Qt.Unchecked)
    assert not segmentation.GetDisplayNode().GetSegmentVisibility("b")


def test_surfaces_are_shown_and_taken_away(segmentation: Any) -> None:
    surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    held = segmentation.GetSegmentation()
    button = slicer.qMRMLSegmentationShow3DButton()
    assert not button.enabled
    button.setSegmentationNode(segmentation)
    assert button.enabled and not button.checked
    button.click()
    assert held.ContainsRepresentation(surface)
    assert segmentation.GetDisplayNode().GetDisplayRepresentationName3D() == surface
    assert segmentation.GetDisplayNode().GetDisplayRepresentationName2D() != surface
    held.RemoveRepresentation(surface)
    assert not button.checked
    held.RemoveAllSegments()
    assert not button.enabled


def test_the_editor_paints_by_the_real_logic(volume: Any, segmentation: Any) -> None:
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    with pytest.raises(RuntimeError, match="setMRMLSegmentEditorNode"):
        editor.setSegmentationNode(segmentation)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    node.SetOverwriteMode(node.OverwriteNone)
    editor.setMRMLSegmentEditorNode(node)
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(volume)
    editor.setCurrentSegmentID("b")
    editor.setActiveEffectByName("Paint")
    assert editor.activeEffect().name == "Paint"
    before = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "a", volume)
    editor.paint((-14.0, -12.0, 10.0), 3.0)
    painted = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "b", volume)
    k, j, i = np.indices(painted.shape)
    np.testing.assert_array_equal(painted, (i - 14) ** 2 + (j - 12) ** 2 + (k - 10) ** 2 <= 9)
    editor.paint((-14.0, -12.0, 10.0), 1.0, add=False)
    erased = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "b", volume)
    assert painted.sum() - erased.sum() == 7
    np.testing.assert_array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "a", volume), before)
    editor.undo()
    assert slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "b", volume).sum() == painted.sum()


def test_a_section_hides_what_is_in_it() -> None:
    import ctk
    import qt

    section = ctk.ctkCollapsibleButton("Results")
    layout = qt.QVBoxLayout(section)
    inside, hidden = qt.QLabel("inside"), qt.QLabel("hidden")
    layout.addWidget(inside)
    layout.addWidget(hidden)
    hidden.setVisible(False)
    section.show()
    told: list[bool] = []
    section.connect("contentsCollapsed(bool)", told.append)
    section.collapsed = True
    assert not inside.visible and section.collapsed
    section.collapsed = False
    assert inside.visible and not hidden.visible
    assert told == [True, False] and section.text == "Results"
    section.close()


def test_what_the_user_is_told_and_asked_is_recorded(mrml_scene: Any) -> None:
    from host.dialogs import DIALOGS

    DIALOGS.reset()
    slicer.util.errorDisplay("it went wrong")
    assert slicer.util.confirmOkCancelDisplay("Really?")
    DIALOGS.agree = False
    assert not slicer.util.confirmYesNoDisplay("Sure?")
    assert DIALOGS.take() == [("error", "it went wrong"), ("info", "Really?"), ("info", "Sure?")]


def test_packages_are_recorded_and_not_installed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from host.python_files import INSTALLED

    file = tmp_path / "requirements.txt"
    file.write_text("numpy>=1  # there\n--find-links x\nno-such-package>=3\n")
    wanted = slicer.packaging.load_requirements(str(file))
    assert [str(requirement) for requirement in wanted] == ["numpy>=1", "no-such-package>=3"]
    assert not slicer.packaging.pip_check(wanted) and slicer.packaging.pip_check(wanted[0])
    slicer.packaging.pip_ensure(wanted, requester="test")
    assert INSTALLED == []
    monkeypatch.setattr(slicer.app, "testing", False)
    slicer.packaging.pip_ensure(wanted, requester="test")
    assert INSTALLED.pop() == ("pip_ensure", ["no-such-package>=3"])


def test_placeholders_of_translations_are_names() -> None:
    from slicer.i18n import tr as _

    assert _("{count} points").format(count=2) == "2 points"
    with pytest.raises(ValueError, match="placeholder"):
        _("{0} points")
