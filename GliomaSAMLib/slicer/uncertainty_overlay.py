"""Uncertainty over the images: where the next click helps most, shown in the foreground of the slice views."""

from collections.abc import Collection
from typing import Any

import numpy as np
import vtk

from ..errors import OutputError
from ..geometry import Geometry
from .geometry import fill_image, matrix_from_array
from .slice_views import composite_nodes

OPACITY = 0.6

FAINTEST = 0.1
"""Uncertainty below this is not shown."""

COLOURS = 256

DARK, BRIGHT = np.array([0.35, 0.0, 0.45]), np.array([1.0, 0.85, 0.95])
"""From the least to the most uncertain: purple to nearly white, unlike any region."""


FORMER = "GliomaSAM.foreground"
"""Of what a slice view shows: the attribute with the opacity that its foreground had before, and the node reference to
that foreground. Slicer tells nobody that it saves a scene, so that both may come back with it."""


class UncertaintyOverlay:
    """Shows an array of uncertainty in the foreground of the slice views. Its nodes are hidden and not saved.

    Args:
        scene: Where the views are.
        geometry: The grid of the arrays, in the world (RAS mm).
    """

    def __init__(self, scene: Any, geometry: Geometry) -> None:
        self._scene = scene
        self._geometry = geometry
        self._nodes: list[Any] = []

    @property
    def node(self) -> Any:
        """The volume node shown, None while nothing is."""
        shown = [node for node in self._nodes if node.GetScene() is not None]
        return shown[-1] if len(shown) == len(self._nodes) and shown else None

    def show(self, uncertainty: np.ndarray, without: Collection[str] = ()) -> None:
        """Show an array (K, J, I) of values from 0, sure, to 1, most uncertain; again for another array.

        Args:
            uncertainty: The array.
            without: Singleton tags of views that show something else than what the array is of.

        Raises:
            OutputError: It does not fit the grid; what was shown stays.
        """
        if uncertainty.shape != self._geometry.shape:
            raise OutputError(
                f"The uncertainty has the shape {uncertainty.shape}, the grid {self._geometry.shape} (K, J, I): "
                "read the volumes again"
            )
        if self.node is None:
            self.remove()
            self._add_nodes()
        image = vtk.vtkImageData()
        fill_image(image, np.asarray(uncertainty, np.float32))
        self.node.SetAndObserveImageData(image)
        volume_id = self.node.GetID()
        for composite_node in composite_nodes(self._scene):
            if composite_node.GetLayoutName() not in without and composite_node.GetForegroundVolumeID() != volume_id:
                composite_node.SetAttribute(FORMER, str(composite_node.GetForegroundOpacity()))
                composite_node.SetNodeReferenceID(FORMER, composite_node.GetForegroundVolumeID())
                composite_node.SetForegroundVolumeID(volume_id)
                composite_node.SetForegroundOpacity(OPACITY)

    def remove(self) -> None:
        """Take the overlay away and give each view its former foreground back, unless the user has changed it."""
        if self.node is not None:
            give_back_foregrounds(self._scene, self.node.GetID())
        for node in reversed(self._nodes):
            if node.GetScene() is not None:
                self._scene.RemoveNode(node)
        self._nodes = []

    def _add_nodes(self) -> None:
        colour_node = self._add("vtkMRMLColorTableNode", "Uncertainty colours")
        colour_node.SetTypeToUser()
        colour_node.SetNumberOfColors(COLOURS)
        for index, share in enumerate(np.linspace(0, 1, COLOURS)):
            colour = DARK + share * (BRIGHT - DARK)
            colour_node.SetColor(index, f"{share:.2f}", *(float(value) for value in colour), 1.0)
        display_node = self._add("vtkMRMLScalarVolumeDisplayNode", "Uncertainty display")
        display_node.SetAndObserveColorNodeID(colour_node.GetID())
        display_node.AutoWindowLevelOff()
        display_node.SetWindowLevelMinMax(0.0, 1.0)
        display_node.AutoThresholdOff()
        display_node.SetThreshold(FAINTEST, 1.0)
        display_node.ApplyThresholdOn()
        volume_node = self._add("vtkMRMLScalarVolumeNode", "Uncertainty")
        volume_node.SetIJKToRASMatrix(matrix_from_array(self._geometry.ijk_to_ras))
        volume_node.SetAndObserveDisplayNodeID(display_node.GetID())

    def _add(self, kind: str, name: str) -> Any:
        node = self._scene.CreateNodeByClass(kind)
        node.UnRegister(None)
        node.SetName(name)
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        self._nodes.append(self._scene.AddNode(node))
        return self._nodes[-1]


def give_back_foregrounds(scene: Any, shown: str | None = None) -> None:
    """Give each slice view the foreground that it had before the overlay, unless the user has changed it.

    Args:
        scene: Where the views are.
        shown: The id of the overlay's volume; None for a scene that was saved with an overlay, which is not in it.
    """
    for composite_node in composite_nodes(scene):
        opacity = composite_node.GetAttribute(FORMER)
        if opacity is None:
            continue
        former = composite_node.GetNodeReference(FORMER)
        if composite_node.GetForegroundVolumeID() == shown:
            composite_node.SetForegroundVolumeID(former.GetID() if former is not None else None)
            composite_node.SetForegroundOpacity(float(opacity))
        composite_node.RemoveAttribute(FORMER)
        composite_node.RemoveNodeReferenceIDs(FORMER)
