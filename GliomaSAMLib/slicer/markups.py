"""Prompts as markups nodes: what each kind of node means, how it looks, and how it becomes a prompt."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import vtk
from scipy import ndimage

from ..errors import PromptError
from ..geometry import floats
from ..prompts import Prompt, box, scribble, tilted_box
from ..regions import REGIONS, check_region
from .geometry import array_from_matrix, matrix_from_array

Colour = tuple[float, float, float]

PROMPT_COLOURS: Mapping[tuple[bool, str], Colour] = {
    (True, "WT"): (0.10, 0.85, 0.25),
    (True, "TC"): (0.00, 0.55, 0.40),
    (True, "ET"): (0.10, 0.25, 0.95),
    (False, "WT"): (0.90, 0.05, 0.15),
    (False, "TC"): (0.85, 0.20, 0.70),
    (False, "ET"): (0.50, 0.10, 0.60),
}
"""Red, green, blue in [0, 1] for inside (True) or outside and the region: cold inside, warm outside."""

GLYPHS: Mapping[bool, str] = {True: "Circle2D", False: "ThickCross2D"}
"""Shapes of a point inside and outside, as vtkMRMLMarkupsDisplayNode calls them."""

GLYPH_SCALE = 2.5
"""Size of a point in per cent of the view, so that it is as easy to grab at every magnification."""

STEP_MM = 3.0
"""Distance of the lines of the filling; smaller in a small lasso."""

LEAST_ACROSS = 8
"""So many lines at least cross a lasso."""


def lasso_points(outline: Sequence[Sequence[float]]) -> list[tuple[float, float, float]]:
    """A line that fills the inside of a closed line and never leaves it.

    Args:
        outline: At least three points (R, A, S in mm), about in one plane, the last one joined to the first.

    Returns:
        Points in RAS mm in the plane of the lasso, each next to the one before: a walk through a grid inside, which
        goes back on itself where the shape has arms.

    Raises:
        PromptError: The line encloses nothing.
    """
    points = np.asarray(outline, float)
    refused = PromptError("The lasso encloses nothing: draw a closed line round a part of the region")
    if len(points) < 3:
        raise refused
    centre = points.mean(axis=0)
    axes = np.linalg.svd(points - centre)[2][:2]
    flat = (points - centre) @ axes.T
    extent = np.ptp(flat, axis=0)
    step = min(STEP_MM, float(extent.min()) / LEAST_ACROSS)
    if step <= 1e-3:
        raise refused
    first = flat.min(axis=0) + step / 2
    inside = _inside(flat, first, step, np.ceil(extent / step).astype(int))
    parts, count = ndimage.label(inside)
    if count == 0:
        raise refused
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    cells = np.array(_walk(parts == largest))
    walked = centre + (first + cells * step) @ axes
    return [(float(r), float(a), float(s)) for r, a, s in walked]


def _inside(flat: np.ndarray, first: np.ndarray, step: float, size: np.ndarray) -> np.ndarray:
    """Which cells of a grid have their centre inside the polygon `flat` (N, 2): bool of `size`."""
    polygon = np.column_stack([flat, np.zeros(len(flat))])
    corners = vtk.vtkPoints()
    for corner in polygon:
        corners.InsertNextPoint(corner)
    bounds = corners.GetBounds()
    normal = [0.0, 0.0, 1.0]
    flattened = polygon.ravel().tolist()
    inside = np.zeros(size, bool)
    for cell in np.ndindex(*inside.shape):
        u, v = first + np.asarray(cell) * step
        inside[cell] = vtk.vtkPolygon.PointInPolygon([u, v, 0.0], len(polygon), flattened, bounds, normal) == 1
    return inside


def _walk(inside: np.ndarray) -> list[tuple[int, int]]:
    """A walk from neighbour to neighbour through all cells of one connected part: depth first, and back."""
    start = tuple(int(index) for index in np.argwhere(inside)[0])
    path = [(start[0], start[1])]
    back = [path[0]]
    left = {(int(u), int(v)) for u, v in np.argwhere(inside)} - {path[0]}
    while left:
        u, v = back[-1]
        ahead = next((cell for cell in ((u, v + 1), (u, v - 1), (u + 1, v), (u - 1, v)) if cell in left), None)
        if ahead is not None:
            left.discard(ahead)
            back.append(ahead)
        else:
            back.pop()
        path.append(ahead or back[-1])
    return path


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
        raise PromptError(f"Unknown kind of prompt {kind!r}. Use one of {', '.join(CLASSES)}")
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
        extent = np.ptp(outline(node), axis=0)
        return bool(node.GetControlPointPlacementComplete() and np.count_nonzero(extent > 0) >= 2)
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
    """The points of a drawn node: two corners of a box, four of one that `is_tilted`, or the line."""
    if is_tilted(node):
        return _corners_of_plane(node)
    if meaning(node)[0].startswith("box"):
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        return [(bounds[0], bounds[2], bounds[4]), (bounds[1], bounds[3], bounds[5])]
    return [ras for _, _, ras in defined_points(node)]


def is_turned(node: Any) -> bool:
    """Whether the edges of a box are not along R, A and S: unless it `is_tilted`, it then counts as the upright box
    round it.
    """
    if not meaning(node)[0].startswith("box"):
        return False
    return bool(np.abs(_edges(node)[0]).max(axis=0).min() < UPRIGHT)


def is_tilted(node: Any) -> bool:
    """Whether a box is a 2D box in a plane across R, A and S, as it is drawn in a tilted slice view: it counts as what
    it is.
    """
    if meaning(node)[0] != "box2d":
        return False
    directions, lengths = _edges(node)
    return bool(np.abs(directions[:, np.argmin(lengths)]).max() < UPRIGHT)


def _edges(box_node: Any) -> tuple[np.ndarray, np.ndarray]:
    """The directions of the edges of a box, as columns (3, 3), and their lengths in mm."""
    matrix = array_from_matrix(box_node.GetObjectToWorldMatrix())[:3, :3]
    scale = np.maximum(np.linalg.norm(matrix, axis=0), 1e-12)
    return matrix / scale, np.asarray(box_node.GetSize()) * scale


def _corners_of_plane(box_node: Any) -> list[tuple[float, float, float]]:
    """The four corners of a flat box, each next to the one before."""
    directions, lengths = _edges(box_node)
    flat = int(np.argmin(lengths))
    across, along = (directions[:, n % 3] * lengths[n % 3] / 2 for n in (flat + 1, flat + 2))
    return _rectangle(array_from_matrix(box_node.GetObjectToWorldMatrix())[:3, 3], across, along)


def _rectangle(centre: np.ndarray, across: np.ndarray, along: np.ndarray) -> list[tuple[float, float, float]]:
    """The corners of a rectangle, of which half the edges are given."""
    return [floats(centre + a * across + b * along) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]


def drawing(node: Any) -> tuple[str, tuple[tuple[float, float, float], ...]]:
    """Kind and outline of a drawn node."""
    return meaning(node)[0], tuple(outline(node))


def drawn_prompt(node: Any, prompt_id: str | None = None) -> Prompt:
    """What a box, scribble or lasso says. Raises `PromptError` when it says nothing."""
    kind, positive, region = meaning(node)
    points = outline(node)
    if len(points) == 4 and kind.startswith("box"):
        return tilted_box(points, region, prompt_id=prompt_id)
    if kind.startswith("box"):
        return box(points[0], points[1], region, prompt_id=prompt_id)
    line = lasso_points(points) if kind == "lasso" else points
    return scribble(line, positive, region, prompt_id=prompt_id)


def flatten(node: Any) -> None:
    """Make a box that has just been placed in a slice view a 2D box in that slice: placing gives it a depth."""
    corners = np.asarray(outline(node))
    centre = corners.mean(axis=0)
    view = _slice_axes(node.GetScene(), centre)
    if view is not None and np.abs(view[:, 2]).max() < UPRIGHT:
        draw(node, _in_plane(corners, view))
        return
    axis = int(np.argmin(np.ptp(corners, axis=0)) if view is None else np.argmax(np.abs(view[:, 2])))
    corners[:, axis] = centre[axis] - THIN_MM / 2, centre[axis] + THIN_MM / 2
    draw(node, corners.tolist())


def _in_plane(corners: np.ndarray, view: np.ndarray) -> list[tuple[float, float, float]]:
    """The corners of the rectangle, along the axes of a tilted view, whose opposite corners are those of an upright box
    (2, 3) that lie in the plane of the view.
    """
    half = np.ptp(corners, axis=0) / 2
    diagonals = [half * signs for signs in ((1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1))]
    diagonal = min(diagonals, key=lambda one: abs(one @ view[:, 2]))
    across, along = (view[:, n] * abs(diagonal @ view[:, n]) for n in range(2))
    return _rectangle(corners.mean(axis=0), across, along)


def _slice_axes(scene: Any, ras: np.ndarray) -> np.ndarray | None:
    """The axes of the slice view that shows a place, as columns, the normal last: of that under the mouse first; None
    where no view does.
    """
    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    under_mouse = crosshair.GetCursorPositionXYZ([0.0, 0.0, 0.0]) if crosshair is not None else None
    views = [scene.GetNthNodeByClass(n, VIEW) for n in range(scene.GetNumberOfNodesByClass(VIEW))]
    for view in sorted(views, key=lambda view: view is not under_mouse):
        matrix = array_from_matrix(view.GetSliceToRAS())
        if abs(np.dot(ras - matrix[:3, 3], matrix[:3, 2])) < ON_SLICE_MM:
            return np.asarray(matrix[:3, :3])
    return None


def draw(node: Any, points: Sequence[Sequence[float]]) -> None:
    """Give a box, scribble or lasso its outline."""
    if meaning(node)[0].startswith("box"):
        if len(points) == 4:
            _draw_tilted(node, np.asarray(points, float))
            return
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


def _draw_tilted(node: Any, corners: np.ndarray) -> None:
    """Give a 2D box four corners in any plane."""
    edges = np.array([corners[1] - corners[0], corners[3] - corners[0]])
    lengths = np.linalg.norm(edges, axis=1)
    across, along = edges / np.maximum(lengths, 1e-12)[:, None]
    matrix = np.eye(4)
    matrix[:3] = np.column_stack([across, along, np.cross(across, along), corners.mean(axis=0)])
    node.SetAndObserveObjectToNodeMatrix(matrix_from_array(matrix))
    node.SetSize(*(float(length) for length in lengths), THIN_MM)


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
