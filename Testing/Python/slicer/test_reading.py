"""The patient's volumes beside each other: views that Slicer makes and links."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry


@pytest.fixture
def layouts(mrml_scene: Any) -> Iterator[Any]:
    """The layout node of the application, which makes the views of a layout; its logic links them."""
    import slicer

    application, logics = slicer.app.applicationLogic(), []

    def fill(*_: Any) -> None:
        """What the window of each new view brings: what it shows."""
        for index in range(mrml_scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")):
            node = mrml_scene.GetNthNodeByClass(index, "vtkMRMLSliceNode")
            if node not in [logic.GetSliceNode() for logic in logics]:
                logics.append(slicer.vtkMRMLSliceLogic())
                logics[-1].SetMRMLApplicationLogic(application)
                application.GetSliceLogics().AddItem(logics[-1])
                logics[-1].SetMRMLScene(mrml_scene)
                logics[-1].SetSliceNode(node)
                node.SetDimensions(300, 300, 1)

    layout_logic = slicer.vtkMRMLLayoutLogic()
    layout_logic.SetMRMLScene(mrml_scene)
    layout = layout_logic.GetLayoutNode()
    layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
    fill()
    tag = layout.AddObserver("ModifiedEvent", fill)
    yield layout
    layout.RemoveObserver(tag)
    for logic in logics:
        application.GetSliceLogics().RemoveItem(logic)
        logic.SetMRMLScene(None)
    layout_logic.SetMRMLScene(None)
    mrml_scene.RemoveNode(layout)


@pytest.fixture
def volumes(
    mrml_scene: Any, add_volume: Callable[..., Any], small_arrays: dict[str, np.ndarray], small_grid: Geometry
) -> dict[str, Any]:
    """Four volumes; T2 is turned and has thick slices."""
    turned = small_grid.ijk_to_ras.copy()
    turned[:3, :3] = [[-2, 0, 0], [0, -1.96, -0.4], [0, -0.4, 1.96]]
    matrices = dict.fromkeys(("flair", "t1", "t1c"), small_grid.ijk_to_ras) | {"t2": turned}
    return {name: add_volume(small_arrays[name].copy(), matrix, name) for name, matrix in matrices.items()}


@pytest.fixture
def views(layouts: Any, mrml_scene: Any) -> Iterator[Any]:
    from GliomaSAMLib.slicer.reading import ReadingViews

    reading = ReadingViews(mrml_scene)
    yield reading
    reading.close()


def view_of(scene: Any, modality: str) -> tuple[Any, Any]:
    """The slice node and the composite node of a modality."""
    from GliomaSAMLib.slicer.reading import tag_of
    from GliomaSAMLib.slicer.slice_views import composite_node, slice_node

    return slice_node(scene, tag_of(modality)), composite_node(scene, tag_of(modality))


def matrix_of(node: Any) -> np.ndarray:
    from GliomaSAMLib.slicer.geometry import array_from_matrix

    return array_from_matrix(node.GetSliceToRAS())


def test_each_volume_has_a_view_in_the_same_planes(views: Any, mrml_scene: Any, volumes: dict[str, Any]) -> None:
    views.open(volumes)
    assert views.is_open
    first = matrix_of(view_of(mrml_scene, "t1c")[0])
    for modality, volume in volumes.items():
        view, composite = view_of(mrml_scene, modality)
        assert composite.GetBackgroundVolumeID() == volume.GetID()
        assert view.GetLayoutLabel() == {"t1": "T1", "t1c": "T1c", "t2": "T2", "flair": "FLAIR"}[modality]
        np.testing.assert_allclose(matrix_of(view), first, atol=1e-6)
    wide = volumes["t1c"].GetImageData().GetDimensions()[0] * volumes["t1c"].GetSpacing()[0]
    assert view_of(mrml_scene, "t1")[0].GetFieldOfView()[0] >= wide


def test_scrolling_one_view_scrolls_all(views: Any, mrml_scene: Any, volumes: dict[str, Any]) -> None:
    views.open(volumes)
    scrolled = view_of(mrml_scene, "t2")[0]
    before = matrix_of(scrolled)[2, 3]
    scrolled.InteractingOn()  # as the application does on the wheel
    scrolled.SetInteractionFlags(scrolled.SliceToRASFlag)
    scrolled.SetSliceOffset(scrolled.GetSliceOffset() + 6)
    scrolled.InteractingOff()
    for modality in volumes:
        assert matrix_of(view_of(mrml_scene, modality)[0])[2, 3] == pytest.approx(before + 6), modality


def test_a_volume_that_is_shown_everywhere_takes_no_place(
    views: Any, mrml_scene: Any, volumes: dict[str, Any], layouts: Any
) -> None:
    """As when one is loaded, or its eye is pressed."""
    import slicer

    from GliomaSAMLib.slicer.slice_views import composite_node

    views.open(volumes)
    application = slicer.app.applicationLogic()
    application.GetSelectionNode().SetActiveVolumeID(volumes["flair"].GetID())
    application.PropagateVolumeSelection(0)
    assert composite_node(mrml_scene, "Red").GetBackgroundVolumeID() == volumes["flair"].GetID()
    for modality, volume in volumes.items():
        assert view_of(mrml_scene, modality)[1].GetBackgroundVolumeID() == volume.GetID()


@pytest.mark.parametrize("chosen", [("t1c",), ("t1", "flair"), ("t1c", "t2", "flair")], ids=len)
def test_fewer_volumes_have_fewer_views(
    views: Any, mrml_scene: Any, volumes: dict[str, Any], layouts: Any, chosen: tuple[str, ...]
) -> None:
    from GliomaSAMLib.slicer.reading import tag_of

    views.open({modality: volumes[modality] for modality in chosen})
    description = layouts.GetLayoutDescription(layouts.GetViewArrangement())
    assert {modality for modality in volumes if f'"{tag_of(modality)}"' in description} == set(chosen)


def test_other_volumes_are_shown_at_the_same_height(views: Any, mrml_scene: Any, volumes: dict[str, Any]) -> None:
    views.open({"t1c": volumes["t1c"]})
    view_of(mrml_scene, "t1c")[0].SetSliceOffset(10.0)
    views.open({"t1c": volumes["t1c"], "t1": volumes["t1"]})
    assert [matrix_of(view_of(mrml_scene, m)[0])[2, 3] for m in ("t1", "t1c")] == pytest.approx([10, 10])


def test_a_volume_without_voxels_is_shown_as_nothing(views: Any, mrml_scene: Any, volumes: dict[str, Any]) -> None:
    volumes["t1"].SetAndObserveImageData(None)
    for chosen in ({"t1": volumes["t1"]}, volumes, {"t1": volumes["t1"], "t1c": volumes["t1"]}):
        views.open(chosen)
        field = view_of(mrml_scene, "t1")[0].GetFieldOfView()
        assert views.is_open and min(field) > 0 and np.isfinite(field).all()
        assert np.abs(matrix_of(view_of(mrml_scene, "t1")[0])).max() < 1000


def test_what_was_before_is_given_back(views: Any, mrml_scene: Any, volumes: dict[str, Any], layouts: Any) -> None:
    from GliomaSAMLib.slicer.reading import SLICER_AXIAL
    from GliomaSAMLib.slicer.slice_views import slice_node

    own = slice_node(mrml_scene, SLICER_AXIAL)
    own.SetSliceOffset(-8.0)
    before = layouts.GetViewArrangement()
    views.open(volumes)
    assert matrix_of(view_of(mrml_scene, "t1")[0])[2, 3] == pytest.approx(-8.0)
    assert not layouts.GetSaveWithScene()  # a scene saved now comes back with a layout that Slicer knows
    view_of(mrml_scene, "flair")[0].SetSliceOffset(4.0)
    view_of(mrml_scene, "t1")[0].SetSliceOffset(4.0)
    views.close()
    assert layouts.GetViewArrangement() == before and layouts.GetSaveWithScene()
    assert own.GetSliceOffset() == pytest.approx(4.0)


def test_a_layout_that_the_user_chose_meanwhile_stays(
    views: Any, mrml_scene: Any, volumes: dict[str, Any], layouts: Any
) -> None:
    views.open(volumes)
    chosen = layouts.SlicerLayoutFourUpView
    layouts.SetViewArrangement(chosen)
    assert not views.is_open
    views.open(volumes)
    assert views.is_open
    layouts.SetViewArrangement(chosen)
    views.close()
    assert layouts.GetViewArrangement() == chosen and layouts.GetSaveWithScene()
