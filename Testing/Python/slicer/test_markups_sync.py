"""Markups in the views and prompts of a task, in both directions."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import Prompt, PromptHistory, box, mask, point, scribble
from GliomaSAMLib.session import Session

NEAR = {"abs": 1e-4}


class Keeper:
    """A session of prompts in a cube of 200 mm that nobody answers, and the nodes that show them."""

    def __init__(self, scene: Any, segmentation_node: Any) -> None:
        from GliomaSAMLib.slicer.markups_sync import PromptNodes

        axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        grid = Geometry((100, 100, 100), (2.0, 2.0, 2.0), (-99.0, -99.0, -99.0), axes)
        study = SimpleNamespace(reference=grid, brain=np.ones(grid.shape, bool), brain_is_cut_out=False)
        self.session = Session(study, predictor=SimpleNamespace(weights=None), observer=self)
        self.errors: list[str] = []
        self.nodes = PromptNodes(scene, segmentation_node, self.session, lambda error: self.errors.append(str(error)))

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        return self.session.prompts

    @property
    def history(self) -> PromptHistory:
        return self.session.history

    def before_prompt(self) -> None: ...
    def before_change(self) -> None: ...

    def changed(self, boxes: Any) -> None:
        self.nodes.sync(self.session.prompts, self.session.earlier)

    def restore(self, history: PromptHistory) -> None:
        self.session.restore(history, None)
        self.changed({})


@pytest.fixture
def keeper(mrml_scene: Any, segmentation: Any) -> Keeper:
    return Keeper(mrml_scene, segmentation)


def positions(node: Any) -> list[tuple[float, ...]]:
    return [tuple(node.GetNthControlPointPositionWorld(n)) for n in range(node.GetNumberOfControlPoints())]


def test_points_placed_become_prompts(keeper: Keeper) -> None:
    inside = keeper.nodes.node_for("point", True, "TC")
    outside = keeper.nodes.node_for("point", False, "WT")
    assert keeper.nodes.node_for("point", True, "TC") is inside and inside is not outside
    inside.AddControlPointWorld([1, 2, 3])
    outside.AddControlPointWorld([4, 5, 6])
    inside.AddControlPointWorld([7, 8, 9])
    assert keeper.prompts == ()  # nothing happens inside an event
    keeper.nodes.collect()
    found = {(prompt.points[0], prompt.positive, prompt.region) for prompt in keeper.prompts}
    assert found == {((1, 2, 3), True, "TC"), ((7, 8, 9), True, "TC"), ((4, 5, 6), False, "WT")}
    keeper.nodes.collect()
    assert len(keeper.prompts) == 3 and len(keeper.history.past) == 3  # no echo


def test_a_point_dragged_moves_its_prompt_once_it_is_let_go(keeper: Keeper) -> None:
    node = keeper.nodes.node_for("point")
    node.AddControlPointWorld([1, 2, 3])
    keeper.nodes.collect()
    before = keeper.prompts[0]
    node.InvokeEvent(node.PointStartInteractionEvent)
    for step in range(5):
        node.SetNthControlPointPositionWorld(0, [1 + step, 2, 3])
        keeper.nodes.collect()
    assert keeper.prompts == (before,)
    node.InvokeEvent(node.PointEndInteractionEvent)
    keeper.nodes.collect()
    assert keeper.prompts[0].id == before.id and keeper.prompts[0].points == ((5, 2, 3),)
    assert len(keeper.history.past) == 2


def test_points_deleted_take_their_prompts_along(keeper: Keeper, mrml_scene: Any) -> None:
    node = keeper.nodes.node_for("point")
    for n in range(4):
        node.AddControlPointWorld([n, 0, 0])
    keeper.nodes.collect()
    node.RemoveNthControlPoint(1)
    keeper.nodes.collect()
    assert [prompt.points[0][0] for prompt in keeper.prompts] == [0, 2, 3]
    mrml_scene.RemoveNode(node)
    keeper.nodes.collect()
    assert keeper.prompts == () and keeper.nodes.nodes == ()
    keeper.session.undo()
    assert sorted(positions(keeper.nodes.nodes[0])) == [(0, 0, 0), (2, 0, 0), (3, 0, 0)]


def test_undo_and_redo_move_the_points_without_echo(keeper: Keeper) -> None:
    node = keeper.nodes.node_for("point")
    for n in range(3):
        node.AddControlPointWorld([n, 0, 0])
        keeper.nodes.collect()
    node.SetNthControlPointPositionWorld(1, [5, 5, 5])
    keeper.nodes.collect()
    before = keeper.history
    keeper.session.undo()
    assert positions(node) == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    keeper.session.undo()
    assert positions(node) == [(0, 0, 0), (1, 0, 0)]
    keeper.session.redo()
    keeper.session.redo()
    assert sorted(positions(node)) == [(0, 0, 0), (2, 0, 0), (5, 5, 5)]
    keeper.nodes.collect()
    assert keeper.history is not before and keeper.history == before


def test_a_click_not_yet_read_survives_undo(keeper: Keeper) -> None:
    node = keeper.nodes.node_for("point")
    node.AddControlPointWorld([1, 0, 0])
    keeper.nodes.collect()
    node.AddControlPointWorld([2, 0, 0])
    keeper.session.undo()
    keeper.nodes.collect()
    assert [prompt.points[0] for prompt in keeper.prompts] == [(2, 0, 0)] and positions(node) == [(2, 0, 0)]


def test_what_is_refused_is_told_and_goes_back(keeper: Keeper) -> None:
    node = keeper.nodes.node_for("point")
    node.AddControlPointWorld([1, 0, 0])
    node.AddControlPointWorld([500, 0, 0])
    keeper.nodes.collect()
    assert positions(node) == [(1, 0, 0)] and len(keeper.errors) == 1 and "outside" in keeper.errors[0]
    node.SetNthControlPointPositionWorld(0, [500, 0, 0])
    keeper.nodes.collect()
    assert positions(node) == [(1, 0, 0)] and len(keeper.errors) == 2
    roi = keeper.nodes.node_for("box")
    roi.SetSizeWorld(5, 5, 5)
    roi.SetCenterWorld(500, 0, 0)
    keeper.nodes.collect()
    assert roi.GetScene() is None and len(keeper.errors) == 3 and len(keeper.prompts) == 1


def test_prompts_by_other_means_get_markups(keeper: Keeper) -> None:
    keeper.session.add(point((1, 2, 3), False, "ET"))
    keeper.session.add(box((0, 0, 0), (4, 6, 8)))
    keeper.session.add(scribble([(0, 0, 0), (5, 0, 0), (5, 5, 0)]))
    kinds = {node.GetClassName(): node for node in keeper.nodes.nodes}
    bounds = [0.0] * 6
    kinds["vtkMRMLMarkupsROINode"].GetRASBounds(bounds)
    assert bounds == pytest.approx([0, 4, 0, 6, 0, 8], **NEAR)
    assert positions(kinds["vtkMRMLMarkupsFiducialNode"]) == [(1, 2, 3)]
    assert positions(kinds["vtkMRMLMarkupsCurveNode"]) == [(0, 0, 0), (5, 0, 0), (5, 5, 0)]
    keeper.nodes.collect()
    assert len(keeper.history.past) == 3
    for _ in range(3):
        keeper.session.undo()
    assert [node.GetClassName() for node in keeper.nodes.nodes] == ["vtkMRMLMarkupsFiducialNode"]


def test_a_box_is_drawn_resized_and_undone(keeper: Keeper) -> None:
    node = keeper.nodes.node_for("box", True, "TC")
    node.SetSizeWorld(4, 6, 8)
    node.SetCenterWorld(10, 0, 0)
    keeper.nodes.collect()
    (drawn,) = keeper.prompts
    assert np.allclose(drawn.points, ((8, -3, -4), (12, 3, 4))) and drawn.region == "TC"
    assert keeper.nodes.node_for("box", True, "TC") is not node  # the next box
    node.SetSizeWorld(4, 6, 2)
    keeper.nodes.collect()
    assert keeper.prompts[0].id == drawn.id and np.allclose(np.ptp(keeper.prompts[0].points, axis=0), (4, 6, 2))
    keeper.session.undo()
    assert node.GetSize()[2] == pytest.approx(8)
    keeper.session.undo()
    assert node.GetScene() is None
    keeper.session.redo()
    assert keeper.prompts[0] == drawn and len([n for n in keeper.nodes.nodes if n.GetNumberOfControlPoints()]) == 1


def test_a_turned_box_counts_by_what_is_round_it_and_that_is_told(keeper: Keeper) -> None:
    import vtk

    node = keeper.nodes.node_for("box", True, "WT")
    node.SetSizeWorld(20, 10, 8)
    node.SetCenterWorld(10, 5, 0)
    keeper.nodes.collect()
    upright = keeper.prompts[0]
    assert keeper.nodes.notes == ()
    turn = vtk.vtkTransform()
    turn.Translate(10, 5, 0)
    turn.RotateZ(30)
    node.InvokeEvent(node.PointStartInteractionEvent)
    node.SetAndObserveObjectToNodeMatrix(turn.GetMatrix())
    node.InvokeEvent(node.PointEndInteractionEvent)
    keeper.nodes.collect()
    wide, high = 20 * np.cos(np.pi / 6) + 10 * 0.5, 20 * 0.5 + 10 * np.cos(np.pi / 6)
    assert np.allclose(np.ptp(keeper.prompts[0].points, axis=0), (wide, high, 8)) and keeper.prompts[0].id == upright.id
    assert keeper.nodes.notes == ("a box that is turned counts as the upright box round it",)
    keeper.session.undo()
    assert keeper.nodes.notes == () and keeper.prompts[0] == upright
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    assert np.allclose(bounds, (0, 20, 0, 10, -4, 4))


def test_a_lasso_is_filled_and_keeps_its_outline(keeper: Keeper) -> None:
    node = keeper.nodes.node_for("lasso", False, "ET")
    square = [[0, 0, 5], [20, 0, 5], [20, 20, 5], [0, 20, 5]]
    for corner in square:
        node.AddControlPointWorld(corner)
    keeper.nodes.collect()
    (drawn,) = keeper.prompts
    filled = np.array(drawn.points)
    assert drawn.kind == "scribble" and not drawn.positive and drawn.region == "ET" and len(filled) > 30
    assert np.all((filled[:, :2] > 0) & (filled[:, :2] < 20)) and np.allclose(filled[:, 2], 5)
    keeper.session.undo()
    assert not [other for other in keeper.nodes.nodes if other.GetNumberOfControlPoints()]
    keeper.session.redo()
    (again,) = keeper.nodes.nodes
    assert again.GetClassName() == "vtkMRMLMarkupsClosedCurveNode" and positions(again) == [tuple(c) for c in square]


def test_prompts_lie_in_the_world_under_a_transform(keeper: Keeper, put_under: Callable[..., Any]) -> None:
    shift = np.eye(4)
    shift[:3, 3] = 10, 20, 30
    node = keeper.nodes.node_for("point")
    node.AddControlPointWorld([1, 2, 3])
    keeper.nodes.collect()
    put_under(node, shift)
    keeper.nodes.collect()
    assert keeper.prompts[0].points[0] == pytest.approx((11, 22, 33))


def test_one_folder_and_references_and_nothing_of_others(keeper: Keeper, mrml_scene: Any, segmentation: Any) -> None:
    others = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "WT + points")
    others.AddControlPointWorld([9, 9, 9])
    nodes = [keeper.nodes.node_for(kind) for kind in ("point", "box2d", "box", "scribble", "lasso")]
    hierarchy = mrml_scene.GetSubjectHierarchyNode()
    folders = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in nodes}
    assert len(folders) == 1 and hierarchy.GetItemName(folders.pop()).endswith("prompts")
    referenced = [segmentation.GetNthNodeReference("GliomaSAM.prompts", n) for n in range(5)]
    assert referenced == nodes and len({node.GetName() for node in nodes}) == 5
    keeper.nodes.show(False)
    assert all(not node.GetDisplayNode().GetVisibility() for node in nodes)
    assert not keeper.nodes.node_for("point", False).GetDisplayNode().GetVisibility()
    keeper.nodes.show(True)
    assert all(node.GetDisplayNode().GetVisibility() for node in nodes)
    before = hierarchy.GetNumberOfItems()
    keeper.nodes.delete()
    assert positions(others) == [(9, 9, 9)] and others.GetScene() is not None
    assert mrml_scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode") == 1
    assert hierarchy.GetNumberOfItems() == before - 7  # six nodes and their folder


def test_unknown_kinds_and_regions_are_refused(keeper: Keeper, mrml_scene: Any) -> None:
    for kind, region in (("blob", "WT"), ("point", "XY")):
        with pytest.raises(PromptError):
            keeper.nodes.node_for(kind, True, region)
    assert mrml_scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode") == 0


def test_colours_are_apart() -> None:
    from GliomaSAMLib.output import REGION_STYLES
    from GliomaSAMLib.slicer.markups import PROMPT_COLOURS

    colours = np.array([*PROMPT_COLOURS.values(), *(style.colour for style in REGION_STYLES.values())])
    apart = np.linalg.norm(colours[:, None] - colours, axis=-1)
    assert apart[~np.eye(len(colours), dtype=bool)].min() > 0.3


def test_in_a_slice_view(keeper: Keeper, t1_node: Any, mrml_scene: Any) -> None:
    """Placed by real clicks: points while placing goes on, a 2D box in the slice, a curve that ends with placing."""
    import torchvision  # noqa: F401 - with Triton, which crashes when it is loaded after software OpenGL
    from host.views import SliceView

    view = SliceView()
    try:
        view.show(t1_node)
        view.render()
        interaction = mrml_scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        selection = mrml_scene.GetFirstNodeByClass("vtkMRMLSelectionNode")

        def place(node: Any, *clicks: tuple[int, int]) -> None:
            selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
            selection.SetActivePlaceNodeID(node.GetID())
            interaction.SetPlaceModePersistence(1)
            interaction.SetCurrentInteractionMode(interaction.Place)
            for click in clicks:
                view.click(*click)
                keeper.nodes.collect()

        place(keeper.nodes.node_for("point"), (150, 200), (230, 210))
        assert np.allclose([p.points[0] for p in keeper.prompts], [view.xy_to_ras(150, 200), view.xy_to_ras(230, 210)])
        keeper.session.undo()
        place(keeper.nodes.node_for("point"), (220, 150))
        assert np.allclose(keeper.prompts[-1].points[0], view.xy_to_ras(220, 150)) and len(keeper.prompts) == 2
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        before = keeper.prompts
        view.move(150, 200)
        view.press()
        for x in (160, 170, 180):  # a point is dragged, and read once it is let go
            view.move(x, 230)
            keeper.nodes.collect()
            assert keeper.prompts == before
        view.release()
        keeper.nodes.collect()
        assert [prompt.id for prompt in keeper.prompts] == [prompt.id for prompt in before]
        assert np.allclose(keeper.prompts[0].points[0], view.xy_to_ras(180, 230)) and keeper.prompts[1] == before[1]
        keeper.session.undo()
        opened = PromptHistory(before).inheriting([mask(np.ones((2, 2, 2)))])
        keeper.restore(opened.add(point(view.xy_to_ras(300, 300))))
        view.drag((150, 200), (180, 230))  # only to be seen: nothing can be dragged
        keeper.nodes.collect()
        assert keeper.session.earlier == before and len(keeper.prompts) == 2
        assert np.allclose(positions(keeper.nodes.node_for("point"))[0], before[0].points[0])
        keeper.restore(PromptHistory(before))
        place(keeper.nodes.node_for("box2d"), (120, 120), (260, 240))
        assert keeper.prompts[-1].kind == "box" and np.ptp(keeper.prompts[-1].points, axis=0)[2] == pytest.approx(0.1)
        curve = keeper.nodes.node_for("scribble", False)
        place(curve, (120, 120), (150, 140), (180, 120))
        assert len(keeper.prompts) == 3  # still being drawn
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        keeper.nodes.collect()
        assert keeper.prompts[-1].kind == "scribble" and len(keeper.prompts[-1].points) == 3
    finally:
        view.close()


def test_a_2d_box_in_a_tilted_view_is_the_rectangle_that_was_drawn(
    keeper: Keeper, t1_node: Any, mrml_scene: Any
) -> None:
    import torchvision  # noqa: F401 - with Triton, which crashes when it is loaded after software OpenGL
    from host.views import SliceView

    from GliomaSAMLib.slicer.markups import outline

    view = SliceView()
    try:
        view.show(t1_node)
        tilted = Rotation.from_euler("xyz", [20, -10, 5], degrees=True).as_matrix() @ np.diag([-1, 1, 1])
        for row, column in np.ndindex(3, 3):
            view.node.GetSliceToRAS().SetElement(row, column, tilted[row, column])
        view.node.UpdateMatrices()
        view.render()
        node = keeper.nodes.node_for("box2d")
        interaction = mrml_scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        selection = mrml_scene.GetFirstNodeByClass("vtkMRMLSelectionNode")
        selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
        selection.SetActivePlaceNodeID(node.GetID())
        interaction.SetCurrentInteractionMode(interaction.Place)
        clicks = [(120, 150), (260, 240)]
        for click in clicks:
            view.click(*click)
            keeper.nodes.collect()
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        wanted = [view.xy_to_ras(x, y) for x, y in ((120, 150), (260, 150), (260, 240), (120, 240))]
    finally:
        view.close()
    (drawn,) = keeper.prompts

    def is_as_drawn(points: Any) -> bool:
        return len(points) == 4 and all(np.abs(np.subtract(points, one)).max(axis=1).min() < 0.01 for one in wanted)

    assert drawn.kind == "box" and is_as_drawn(drawn.points) and keeper.nodes.notes == ()
    keeper.nodes.collect()
    assert keeper.prompts == (drawn,)  # no echo
    keeper.session.undo()
    keeper.session.redo()
    (again,) = [one for one in keeper.nodes.nodes if one.GetNumberOfControlPoints()]
    assert keeper.prompts == (drawn,) and is_as_drawn(outline(again)) and keeper.nodes.notes == ()
    centre = np.add(again.GetCenterWorld(), (3, 4, 5))
    again.SetCenterWorld(*(float(value) for value in centre))
    again.InvokeEvent(again.PointEndInteractionEvent)
    keeper.nodes.collect()
    (moved,) = keeper.prompts
    assert moved.id == drawn.id and np.allclose(np.subtract(moved.points, drawn.points), (3, 4, 5))
    assert PromptHistory.from_json(PromptHistory((moved,)).to_json()).prompts == (moved,)
    keeper.restore(PromptHistory((drawn,)))
    assert is_as_drawn(outline(keeper.nodes.nodes[-1]))
