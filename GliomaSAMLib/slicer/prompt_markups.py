"""One markups node of prompts: how it is made, what it says, and how a prompt is written into it. RAS mm, world."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import PromptError
from ..prompts import Prompt, box, scribble
from ..regions import REGIONS, check_region
from .geometry import array_from_matrix, matrix_from_array
from .lasso import lasso_points
from .prompt_colours import GLYPH_SCALE, GLYPHS, PROMPT_COLOURS

KIND, REGION, SIGN, PROMPT = "GliomaSAM.kind", "GliomaSAM.region", "GliomaSAM.sign", "GliomaSAM.prompt"
"""Attributes of a node: what it is, of which region, "+" or "-", and but for points the id of its prompt."""

CLASSES = {
    "point": "vtkMRMLMarkupsFiducialNode",
    "box2d": "vtkMRMLMarkupsROINode",
    "box": "vtkMRMLMarkupsROINode",
    "scribble": "vtkMRMLMarkupsCurveNode",
    "lasso": "vtkMRMLMarkupsClosedCurveNode",
}
"""Kinds of nodes: points are many a node, the others one."""

VIEW = "vtkMRMLSliceNode"
ON_SLICE_MM = 0.01
"""The centre of a box placed in a slice view is this near to the slice."""

THIN_MM = 0.1
"""Thickness of a 2D box, which has to be seen in its slice and to be thinner than half a voxel."""

UPRIGHT = 0.9999
"""Cosine of the angle, about 0.8 degrees, up to which a box is not turned."""

DIMMED = 0.35
"""Opacity of what is only to be seen."""

MOVED_MM = 1e-3
"""A smaller difference of positions is rounding, by a transform say."""


def create_node(scene: Any, kind: str, positive: bool, region: str) -> Any:
    """A new, visible, empty markups node for prompts. Raises `PromptError` on an unknown kind or region."""
    if kind not in CLASSES:
        raise PromptError(f"there is no kind of prompt {kind!r}: use one of {', '.join(CLASSES)}")
    check_region(region)
    positive = positive or kind.startswith("box")
    node = scene.CreateNodeByClass(CLASSES[kind])
    node.UnRegister(None)  # created nodes are owned by the caller
    sign = "+" if positive else "-"
    node.SetName(scene.GenerateUniqueName(f"{region} {sign} {kind}s" if kind == "point" else f"{region} {sign} {kind}"))
    for name, value in ((KIND, kind), (REGION, region), (SIGN, sign)):
        node.SetAttribute(name, value)
    node.SetMarkupLabelFormat("")
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    colour = PROMPT_COLOURS[positive, region]
    display.SetColor([DIMMED * value + 0.5 * (1 - DIMMED) for value in colour])  # of points that are only to be seen
    display.SetSelectedColor(colour)
    display.SetActiveColor(*[0.5 + 0.5 * value for value in colour])
    display.SetGlyphTypeFromString(GLYPHS[positive])
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(GLYPH_SCALE)
    display.SetTextScale(0.0)
    display.SetSnapMode(display.SnapModeUnconstrained)  # a click means the place clicked, not a surface in front
    if kind.startswith("box"):
        display.SetFillVisibility(False)
        display.SetPropertiesLabelVisibility(False)
    return node


def is_ours(node: Any) -> bool:
    """Whether a node was made here."""
    return node is not None and node.GetAttribute(KIND) in CLASSES and node.GetAttribute(REGION) in REGIONS


def meaning(node: Any) -> tuple[str, bool, str]:
    """Kind, whether it means inside, and region of a node."""
    return node.GetAttribute(KIND), node.GetAttribute(SIGN) != "-", node.GetAttribute(REGION)


def defined_points(node: Any) -> Iterator[tuple[int, str, tuple[float, float, float]]]:
    """Number, description and position of every control point that has been placed."""
    for index in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(index) == node.PositionDefined:
            yield index, node.GetNthControlPointDescription(index) or "", position(node, index)


def position(node: Any, index: int) -> tuple[float, float, float]:
    """Position of a control point."""
    ras = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(index, ras)
    return ras[0], ras[1], ras[2]


def is_finished(node: Any) -> bool:
    """Whether a box, scribble or lasso has been drawn to its end: no point hangs on the mouse, and the mouse does not
    place points into it any more.
    """
    if node.GetNumberOfUndefinedControlPoints(True) > 0:
        return False
    if meaning(node)[0].startswith("box"):
        low, high = outline(node)
        return bool(node.GetControlPointPlacementComplete()) and sum(a < b for a, b in zip(low, high, strict=True)) >= 2
    least = 3 if meaning(node)[0] == "lasso" else 2
    return node.GetNumberOfDefinedControlPoints() >= least and not is_placing(node)


def is_placing(node: Any) -> bool:
    """Whether the next click into a view goes into this node."""
    scene = node.GetScene()
    interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    selection = scene.GetFirstNodeByClass("vtkMRMLSelectionNode")
    if interaction is None or selection is None:
        return False
    return interaction.GetCurrentInteractionMode() == interaction.Place and (
        selection.GetActivePlaceNodeID() == node.GetID()
    )


def outline(node: Any) -> list[tuple[float, float, float]]:
    """The points of a drawn node: two corners of a box, or the line."""
    if meaning(node)[0].startswith("box"):
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        return [(bounds[0], bounds[2], bounds[4]), (bounds[1], bounds[3], bounds[5])]
    return [ras for _, _, ras in defined_points(node)]


def is_turned(node: Any) -> bool:
    """Whether the edges of a box are not along R, A and S: it then counts as the upright box round it."""
    if not meaning(node)[0].startswith("box"):
        return False
    matrix = array_from_matrix(node.GetObjectToWorldMatrix())[:3, :3]
    axes = np.abs(matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-12))
    return bool(axes.max(axis=0).min() < UPRIGHT)


def drawing(node: Any) -> tuple[str, tuple[tuple[float, float, float], ...]]:
    """Kind and outline of a drawn node."""
    return meaning(node)[0], tuple(outline(node))


def drawn_prompt(node: Any, prompt_id: str | None = None) -> Prompt:
    """What a box, scribble or lasso says. Raises `PromptError` when it says nothing."""
    kind, positive, region = meaning(node)
    points = outline(node)
    if kind.startswith("box"):
        return box(points[0], points[1], region, prompt_id=prompt_id)
    line = lasso_points(points) if kind == "lasso" else points
    return scribble(line, positive, region, prompt_id=prompt_id)


def flatten(node: Any) -> None:
    """Make a box that has just been placed in a slice view a 2D box in that slice: placing gives it a depth."""
    corners = np.asarray(outline(node))
    centre = corners.mean(axis=0)
    normal = _slice_normal(node.GetScene(), centre)
    axis = int(np.argmin(np.ptp(corners, axis=0)) if normal is None else np.argmax(np.abs(normal)))
    corners[:, axis] = centre[axis] - THIN_MM / 2, centre[axis] + THIN_MM / 2
    draw(node, corners.tolist())


def _slice_normal(scene: Any, ras: np.ndarray) -> np.ndarray | None:
    """The normal of the slice view that shows a place, that under the mouse first; None where no view does."""
    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    under_mouse = crosshair.GetCursorPositionXYZ([0.0, 0.0, 0.0]) if crosshair is not None else None
    views = [scene.GetNthNodeByClass(n, VIEW) for n in range(scene.GetNumberOfNodesByClass(VIEW))]
    for view in sorted(views, key=lambda view: view is not under_mouse):
        matrix = view.GetSliceToRAS()
        normal = np.array([matrix.GetElement(row, 2) for row in range(3)])
        origin = np.array([matrix.GetElement(row, 3) for row in range(3)])
        if abs(np.dot(ras - origin, normal)) < ON_SLICE_MM:
            return normal
    return None


def draw(node: Any, points: Sequence[Sequence[float]]) -> None:
    """Give a box, scribble or lasso its outline."""
    if meaning(node)[0].startswith("box"):
        low, high = np.asarray(points, float)
        if is_turned(node):
            node.SetAndObserveObjectToNodeMatrix(matrix_from_array(np.eye(4)))
        node.SetCenterWorld(*((low + high) / 2))
        node.SetSizeWorld(*(high - low))
        return
    while node.GetNumberOfControlPoints() > len(points):
        node.RemoveNthControlPoint(node.GetNumberOfControlPoints() - 1)
    for index, ras in enumerate(points):
        if index < node.GetNumberOfControlPoints():
            node.SetNthControlPointPositionWorld(index, list(ras))
        else:
            node.AddControlPointWorld(list(ras))


def dim_point(node: Any, index: int, dimmed: bool) -> None:
    """Let a control point only be seen, dimmed and locked, or be used again."""
    if node.GetNthControlPointLocked(index) != dimmed:
        node.SetNthControlPointLocked(index, dimmed)
        node.SetNthControlPointSelected(index, not dimmed)


def dim_node(node: Any, dimmed: bool) -> None:
    """Let a box, scribble or lasso only be seen, dimmed and locked, or be used again."""
    if node.GetLocked() != dimmed:
        node.SetLocked(dimmed)
        node.GetDisplayNode().SetOpacity(DIMMED if dimmed else 1.0)


def differs(points: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> bool:
    """Whether two lists of positions are not the same but for rounding."""
    return len(points) != len(others) or bool(np.abs(np.subtract(points, others)).max(initial=0) > MOVED_MM)
