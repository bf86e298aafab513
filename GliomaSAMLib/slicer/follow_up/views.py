"""Two visits side by side: a layout of two axial slice views, linked through the registration, over the curve.

Each view shows its visit in the planes of that visit's own voxels, in which it is measured. Linked views show the same
place of the head at the same scale; where the visits are turned against each other, so are the planes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk

from ..borrowed_layout import BorrowedLayout
from ..slice_views import centre, composite_node, middle_of_view, scale_like, show_middle, show_volume, slice_node

LAYOUT = 5620
"""Number of the layout, far from those of Slicer itself."""

VIEWS = ("GliomaSAMEarlier", "GliomaSAMLater")
"""Singleton tags of the two slice views."""

CURVE_VIEW = "GliomaSAMCurve"

EVERYWHERE = "GliomaSAM.everywhere"
"""Attribute of the display of a segmentation that is shown in all views but one, and has to be in all of them again."""

DESCRIPTION = (
    '<layout type="vertical" split="true">'
    '<item splitSize="700"><layout type="horizontal">'
    + "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{tag}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{label}</property>'
        '<property name="viewcolor" action="default">#F34A33</property>'
        f'<property name="viewgroup" action="default">{group}</property>'
        "</view></item>"
        for tag, label, group in zip(VIEWS, ("1", "2"), (71, 72), strict=True)
    )
    + "</layout></item>"
    '<item splitSize="300">'
    f'<view class="vtkMRMLPlotViewNode" singletontag="{CURVE_VIEW}">'
    '<property name="viewlabel" action="default">C</property></view></item></layout>'
)
"""Each slice view is of a group of its own, as Slicer links the views of one group in the world's coordinates."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What one view shows.

    Args:
        visit: Index of the visit.
        volume: The volume node; None for none.
        segmentation: The segmentation node; None for none.
        to_first: 4 x 4, from RAS mm of the visit to RAS mm of the first visit.
        title: For the corner of the view.
    """

    visit: int
    volume: Any
    segmentation: Any
    to_first: np.ndarray
    title: str


class SideBySide:
    """The layout and its two views. `close` gives back what was before. As the scene may be saved meanwhile,
    segmentations stay visible in all other views.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._layout = BorrowedLayout(scene)
        self._shown: tuple[Shown, ...] = ()
        self._tags: list[tuple[Any, int]] = []
        self._views_before: dict[str, tuple[str, ...]] = {}
        self._moving = False

    @property
    def is_open(self) -> bool:
        """Whether the layout is the one on show."""
        return self._layout.is_open

    @property
    def shown(self) -> tuple[Shown, ...]:
        """What the two views show."""
        return self._shown

    def open(self, earlier: Shown, later: Shown, place: np.ndarray | None = None) -> None:
        """Show two visits, and a place (RAS mm of the first visit) in both; the middle of the earlier one by default.

        The views are made by the application when it takes the layout up.
        """
        self._unlink()
        self._layout.take(LAYOUT, DESCRIPTION)
        self._shown = (earlier, later)
        self._separate()
        for tag, shown in zip(VIEWS, self._shown, strict=True):
            self._fill(tag, shown)
        self._link()
        if place is not None:
            self.go(place)

    def go(self, place: np.ndarray) -> None:
        """Show a place, RAS mm of the first visit, in the middle of both views."""
        with self._quiet():
            for node, shown in self._pairs():
                centre(node, _map(np.linalg.inv(shown.to_first), place))

    def go_to(self, places: Mapping[int, np.ndarray]) -> None:
        """Show for each visit (index) a place in RAS mm of that visit; a visit without one follows the other."""
        own = {shown.visit: shown for _, shown in self._pairs()}
        given = [(own[visit], place) for visit, place in places.items() if visit in own]
        if not given:
            return
        self.go(_map(given[-1][0].to_first, given[-1][1]))
        with self._quiet():
            for node, shown in self._pairs():
                if shown.visit in places:
                    centre(node, places[shown.visit])

    def view_ids(self) -> dict[int, tuple[str, ...]]:
        """By visit the ids of the slice views that show it."""
        return {shown.visit: (node.GetID(),) for node, shown in self._pairs()}

    def tags_of_others(self, segmentation: Any) -> tuple[str, ...]:
        """Singleton tags of the views that show another visit than that of a segmentation."""
        pairs = zip(VIEWS, self._shown, strict=False)
        return tuple(tag for tag, shown in pairs if shown.segmentation is not segmentation)

    def close(self) -> None:
        """Give back the layout that was before, and show segmentations where they were shown."""
        self._unlink()
        for identifier, views in self._views_before.items():
            display = self._scene.GetNodeByID(identifier)
            if display is not None:
                _show_in(display, views)
                display.RemoveAttribute(EVERYWHERE)
        self._views_before = {}
        self._shown = ()
        self._layout.give_back()

    # the views

    def _pairs(self) -> Iterator[tuple[Any, Shown]]:
        """The slice nodes of the views with what they show."""
        for tag, shown in zip(VIEWS, self._shown, strict=False):
            node = slice_node(self._scene, tag)
            if node is not None:
                yield node, shown

    def _fill(self, tag: str, shown: Shown) -> None:
        node = slice_node(self._scene, tag)
        composite = composite_node(self._scene, tag)
        if composite is not None:
            show_volume(composite, shown.volume, linked=False)
        if node is None:
            return
        node.SetLayoutLabel(shown.title)
        node.SetOrientation("Axial")
        if shown.volume is not None:
            show_middle(node, shown.volume)

    def _separate(self) -> None:
        """Show the segmentation of each visit in its own view, and in that of the other visit no more."""
        views = self.view_ids()
        if not views:
            return
        own = {view for ids in views.values() for view in ids}
        others = [view for view in _views(self._scene) if view not in own]
        for shown in self._shown:
            node = shown.segmentation
            display = node.GetDisplayNode() if node is not None else None
            if display is None:
                continue
            before = self._views_before.setdefault(display.GetID(), tuple(display.GetViewNodeIDs()))
            if not before:
                display.SetAttribute(EVERYWHERE, "1")
            _show_in(display, (*views[shown.visit], *(before or others)))

    # linked

    def _link(self) -> None:
        for node, _ in self._pairs():
            self._tags.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._moved)))

    def _unlink(self) -> None:
        for node, tag in self._tags:
            node.RemoveObserver(tag)
        self._tags = []

    def _moved(self, caller: Any, event: str) -> None:
        """One view was moved or zoomed: the other follows."""
        if self._moving:
            return
        pairs = list(self._pairs())
        source = next((pair for pair in pairs if pair[0] is caller), None)
        if source is None or len(pairs) < len(VIEWS):
            return
        with self._quiet():
            node, shown = source
            place = _map(shown.to_first, middle_of_view(node))
            for other, there in pairs:
                if other is not node:
                    centre(other, _map(np.linalg.inv(there.to_first), place))
                    scale_like(other, node)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """What is moved within moves no other view."""
        before, self._moving = self._moving, True
        try:
            yield
        finally:
            self._moving = before


def show_everywhere(scene: Any) -> None:
    """Show in all views what a scene that was saved with two visits side by side has in all but one."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSegmentationDisplayNode")):
        display = scene.GetNthNodeByClass(index, "vtkMRMLSegmentationDisplayNode")
        if display.GetAttribute(EVERYWHERE):
            display.RemoveAttribute(EVERYWHERE)
            _show_in(display, ())


def _views(scene: Any) -> list[str]:
    """The ids of all views that segmentations are shown in."""
    kinds = ("vtkMRMLSliceNode", "vtkMRMLViewNode")
    return [
        scene.GetNthNodeByClass(index, kind).GetID()
        for kind in kinds
        for index in range(scene.GetNumberOfNodesByClass(kind))
    ]


def _map(matrix: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.asarray(matrix[:3, :3] @ np.asarray(place, float) + matrix[:3, 3])


def _show_in(display_node: Any, views: tuple[str, ...]) -> None:
    if tuple(display_node.GetViewNodeIDs()) != tuple(views):
        display_node.RemoveAllViewNodeIDs()
        for view in views:
            display_node.AddViewNodeID(view)
