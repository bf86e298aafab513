"""Lines in the slice views: the two diameters of a region, with their lengths."""

from typing import Any

from ..output.diameters import Diameters, Point

Ends = tuple[Point, Point]

LARGEST_COLOUR, PERPENDICULAR_COLOUR = (1.0, 0.85, 0.1), (0.2, 0.9, 0.75)


def new_line(scene: Any, name: str, ends: Ends, colour: tuple[float, float, float]) -> Any:
    """Add a line to a scene, seen in slice views only, whose labels are those of its ends.

    Args:
        scene: The scene.
        name: A name for people.
        ends: RAS mm, in the world.
        colour: Red, green, blue in [0, 1].
    """
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", name)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*colour)
    display.SetSelectedColor(*colour)
    display.SetVisibility3D(False)
    display.SetGlyphScale(1.5)
    display.SetTextScale(3.0)
    display.SetPropertiesLabelVisibility(False)
    display.SetPointLabelsVisibility(True)
    for place in ends:
        node.AddControlPointWorld(list(place))
    return node


class DiameterLines:
    """Shows where the diameters of a region were measured. The lines are to be looked at: nobody can drag them, and
    they are not saved with the scene.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._nodes: list[Any] = []

    def show(self, diameters: Diameters, region: str) -> None:
        """Show these, in the place of any before; `region` is its name for people."""
        self.hide()
        lines = (
            (diameters.largest, LARGEST_COLOUR, f"{region}: {diameters.largest_mm:.1f} mm"),
            (diameters.perpendicular, PERPENDICULAR_COLOUR, f"{diameters.perpendicular_mm:.1f} mm"),
        )
        for ends, colour, length in lines:
            node = new_line(self._scene, f"{region} diameter", ends, colour)
            for index, label in enumerate((length, "")):  # at an end, as lines cross in the middle
                node.SetNthControlPointLabel(index, label)
            node.SetLocked(True)
            node.SetHideFromEditors(True)
            node.SetSaveWithScene(False)
            self._nodes.append(node)

    def hide(self) -> None:
        """Take them away."""
        nodes, self._nodes = self._nodes, []
        for node in nodes:
            if node.GetScene() is not None:
                self._scene.RemoveNode(node)
