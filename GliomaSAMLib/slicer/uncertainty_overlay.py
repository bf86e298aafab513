"""Uncertainty over the images: where the next click helps most, shown in the foreground of the slice views."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import vtk

from ..errors import OutputError
from ..geometry import Geometry
from .geometry import fill_image, matrix_from_array

OPACITY = 0.6

FAINTEST = 0.1
"""Uncertainty below this is not shown."""

COLOURS = 256

DARK, BRIGHT = np.array([0.35, 0.0, 0.45]), np.array([1.0, 0.85, 0.95])
"""From the least to the most uncertain: purple to nearly white, unlike any region."""


class UncertaintyOverlay:
    """Shows an array of uncertainty in the foreground of every slice view. Its nodes are hidden and not saved.

    Args:
        scene: Where the views are.
        geometry: The grid of the arrays, in the world (RAS mm).
    """

    def __init__(self, scene: Any, geometry: Geometry) -> None:
        self._scene = scene
        self._geometry = geometry
        self._nodes: list[Any] = []
        self._former: dict[str, tuple[str | None, float]] = {}

    @property
    def node(self) -> Any:
        """The volume node shown, None while nothing is."""
        shown = [node for node in self._nodes if node.GetScene() is not None]
        return shown[-1] if len(shown) == len(self._nodes) and shown else None

    def show(self, uncertainty: np.ndarray) -> None:
        """Show an array (K, J, I) of values from 0, sure, to 1, most uncertain; again for another array.

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
        for composite_node in self._views():
            if composite_node.GetForegroundVolumeID() != volume_id:
                former = composite_node.GetForegroundVolumeID(), composite_node.GetForegroundOpacity()
                self._former[composite_node.GetID()] = former
                composite_node.SetForegroundVolumeID(volume_id)
                composite_node.SetForegroundOpacity(OPACITY)

    def remove(self) -> None:
        """Take the overlay away and give each view its former foreground back, unless the user has changed it."""
        volume_node = self.node
        for composite_node in self._views():
            former = self._former.get(composite_node.GetID())
            if former is not None and volume_node is not None:
                volume_id, opacity = former
                if composite_node.GetForegroundVolumeID() == volume_node.GetID():
                    gone = volume_id is not None and self._scene.GetNodeByID(volume_id) is None
                    composite_node.SetForegroundVolumeID(None if gone else volume_id)
                    composite_node.SetForegroundOpacity(opacity)
        for node in reversed(self._nodes):
            if node.GetScene() is not None:
                self._scene.RemoveNode(node)
        self._nodes, self._former = [], {}

    def _views(self) -> Iterator[Any]:
        """What each slice view shows."""
        for index in range(self._scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
            yield self._scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")

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
