"""A patient with visits in the scene: studies with dates, a volume each, and segmentations of balls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from GliomaSAMLib.geometry import Geometry

GRID = Geometry(
    (40, 44, 30), (1.0, 1.0, 1.5), (-20.0, -22.0, -20.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
)
PLACE = (2.0, -3.0, 1.0)
SECOND = (-11.0, 12.0, -8.0)
"""RAS mm of a second lesion, of 5 mm radius or 6."""


def ball(radius: float, place: tuple[float, float, float] = PLACE, grid: Geometry = GRID) -> np.ndarray:
    """uint8 (K, J, I): a ball of a radius in mm."""
    k, j, i = np.indices(grid.shape)
    ras = grid.to_ras(np.stack([i, j, k], axis=-1))
    return (((ras - place) ** 2).sum(-1) <= radius**2).astype(np.uint8)


def onion(radius: float, *more: np.ndarray, grid: Geometry = GRID) -> dict[str, np.ndarray]:
    """WT, TC and ET as balls in each other; `radius` is that of ET. With further parts of ET."""
    et = np.clip(sum((ball(radius, grid=grid), *more)), 0, 1).astype(np.uint8)
    return {
        "WT": np.maximum(ball(radius + 4, grid=grid), et),
        "TC": np.maximum(ball(radius + 1, grid=grid), et),
        "ET": et,
    }


def lines_of(follow_up: Any, track: str, visit: int) -> dict[str, Any]:
    """The two calliper lines of an enhancing lesion at a visit, by which of the diameters each is."""
    return {one.which: node for one, node in follow_up.callipers.nodes.items() if one.key == ("CE", track, visit)}


@dataclass(eq=False)
class Patient:
    """Puts visits into the scene."""

    scene: Any
    add_volume: Callable[..., Any]
    item: int = 0
    name: str = "patient one"

    def hierarchy(self) -> Any:
        import slicer

        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)

    def visit(
        self, day: str | None, masks: dict[str, np.ndarray] | None, study: bool = True, grid: Geometry = GRID
    ) -> tuple[Any, Any]:
        """A T1c volume and a segmentation, under a study with a date YYYYMMDD."""
        from GliomaSAMLib.slicer.segments.node import new_segmentation
        from GliomaSAMLib.slicer.segments.writer import SegmentWriter

        values = np.random.default_rng(len(day or "")).integers(1, 90, grid.shape).astype(np.int16)
        values += 300 * ball(17, grid=grid).astype(np.int16)
        if masks is not None:
            values += 200 * masks["ET"].astype(np.int16)
        volume = self.add_volume(values, grid.ijk_to_ras, f"t1c {self.name[:3]}")
        hierarchy = self.hierarchy()
        if study:
            self.item = self.item or hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), self.name)
            item = hierarchy.CreateStudyItem(self.item, f"study {hierarchy.GetNumberOfItems()}")
            if day:
                hierarchy.SetItemAttribute(item, "DICOM.StudyDate", day)
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), item)
        if masks is None:
            return volume, None
        node = new_segmentation(self.scene, "tumour", volume)
        SegmentWriter(node, grid, volume_node=volume).write(masks)
        return volume, node
