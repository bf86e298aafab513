"""The patient's volumes beside each other: a layout of up to four linked axial slice views, as they are read.

All views show the planes of one volume, the one that outlines are drawn on, at the same place and scale: Slicer links
the views of a group. Prompts are placed in any of them, and outlines are seen in all.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..study.modalities import MODALITIES, MODALITY_NAMES, REFERENCE_ORDER
from .borrowed_layout import BorrowedLayout
from .slice_views import bounds_of, centre, composite_node, middle_of_view, show_middle, show_volume, slice_node

FIRST_LAYOUT = 5630
"""Number of the layout of no volume, far from those of Slicer itself; one number for each choice of modalities."""
GROUP = 73
SLICER_AXIAL = "Red"
"""Singleton tag of Slicer's own axial view."""


def tag_of(modality: str) -> str:
    """Singleton tag of the slice view of a modality."""
    return f"GliomaSAM{MODALITY_NAMES[modality]}"


class ReadingViews:
    """The layout and its views, one for each volume: all in one row, or four in two rows. `close` gives back what was
    before.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._layout = BorrowedLayout(scene)
        self._shown: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        """Whether the layout is the one on show."""
        return self._layout.is_open

    def open(self, volume_nodes: Mapping[str, Any]) -> bool:
        """Show volumes, by modality, at least one; what is shown already stays as it is. The axial view of Slicer says
        at which height, where the volume reaches there. Returns whether the views are others now.
        """
        nodes = {modality: volume_nodes[modality] for modality in MODALITIES if modality in volume_nodes}
        shown = {modality: node.GetID() for modality, node in nodes.items()}
        if self.is_open and shown == self._shown:
            return False
        height = self._place() if self.is_open else _middle(self._scene, SLICER_AXIAL)
        self._shown = shown
        self._layout.take(*_layout(tuple(nodes)))
        reference = next(nodes[modality] for modality in REFERENCE_ORDER if modality in nodes)
        for modality, volume in nodes.items():
            composite, view = composite_node(self._scene, tag_of(modality)), slice_node(self._scene, tag_of(modality))
            if composite is not None:
                show_volume(composite, volume, linked=True)
            if view is not None:
                view.SetOrientation("Axial")
                show_middle(view, reference)
                centre(view, _at_height(height, view, bounds_of(reference)))
        return True

    def close(self) -> None:
        """Give back the layout that was before, its axial view at the height that was read last."""
        place = self._place()
        own = slice_node(self._scene, SLICER_AXIAL)
        if self.is_open and place is not None and own is not None:
            own.JumpSliceByOffsetting(*(float(value) for value in place))
        self._layout.give_back()
        self._shown = {}

    def _place(self) -> np.ndarray | None:
        """The place in the middle of the views, RAS mm."""
        return next((_middle(self._scene, tag_of(modality)) for modality in self._shown), None)


def _layout(modalities: tuple[str, ...]) -> tuple[int, str]:
    """Number and description of the layout of some modalities."""
    number = FIRST_LAYOUT + sum(1 << MODALITIES.index(modality) for modality in modalities)
    half = 2 if len(modalities) == len(MODALITIES) else len(modalities)
    rows = [modalities[start : start + half] for start in range(0, len(modalities), half)]
    items = "".join(f'<item><layout type="horizontal">{"".join(map(_view, row))}</layout></item>' for row in rows)
    return number, f'<layout type="vertical">{items}</layout>'


def _view(modality: str) -> str:
    """The description of one view."""
    return (
        f'<item><view class="vtkMRMLSliceNode" singletontag="{tag_of(modality)}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{MODALITY_NAMES[modality]}</property>'
        '<property name="viewcolor" action="default">#F34A33</property>'
        f'<property name="viewgroup" action="default">{GROUP}</property>'
        "</view></item>"
    )


def _middle(scene: Any, tag: str) -> np.ndarray | None:
    view = slice_node(scene, tag)
    return middle_of_view(view) if view is not None else None


def _at_height(place: np.ndarray | None, view: Any, bounds: np.ndarray) -> np.ndarray:
    """The middle of a box (3, 2), RAS mm, moved along the normal of a view to the height of a place, if it reaches."""
    middle = np.asarray(bounds.mean(axis=1))
    if place is None:
        return middle
    normal = np.array([view.GetSliceToRAS().GetElement(row, 2) for row in range(3)])
    height = np.dot(place - middle, normal)
    reaches = abs(height) <= np.dot(np.abs(normal), np.diff(bounds)[:, 0]) / 2
    return np.asarray(middle + normal * height) if reaches else middle
