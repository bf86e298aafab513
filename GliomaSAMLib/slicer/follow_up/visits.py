"""The visits of a patient that a scene holds: volumes of one examination, the segmentation made on them, the date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import slicer

from ..examinations import date_in, study_day
from ..modality_detection import guess_volumes, visible_volumes
from ..patients import item_above
from ..persistence import saved_volumes
from ..segments.patient import database_value, patient_of
from .outlines import has_outline, is_tumour_segmentation, tumour_segments

THICKNESS_TAG = "0018,0050"


@dataclass(frozen=True, eq=False)
class SceneVisit:
    """One examination in the scene.

    Args:
        name: What it is called: the study, the folder, or the segmentation.
        volumes: By modality, the volume nodes.
        others: Volume nodes of the examination that are of no known modality.
        segmentation: The segmentation node made on them; None where there is none.
        date: The day; None where nothing tells it.
        date_from: "DICOM", "name", or "" where it is not known.
        slice_thickness_mm: As the DICOM database has it.
        notes: What the user should check.
    """

    name: str
    volumes: Mapping[str, Any]
    others: tuple[Any, ...] = ()
    segmentation: Any = None
    date: date | None = None
    date_from: str = ""
    slice_thickness_mm: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[Any, ...]:
        """All nodes of the visit, the segmentation first."""
        own = (self.segmentation,) if self.segmentation is not None else ()
        return (*own, *self.volumes.values(), *self.others)

    @cached_property
    def is_outlined(self) -> bool:
        """Whether its segmentation held a tumour when this was asked first: looking for it takes some milliseconds."""
        return self.segmentation is not None and has_outline(self.segmentation)

    @property
    def has_segments(self) -> bool:
        """Whether its segmentation has segments of a tumour, be they empty."""
        return self.segmentation is not None and bool(tumour_segments(self.segmentation))

    def shares(self, nodes: Iterable[Any]) -> bool:
        """Whether one of some nodes is of this examination."""
        return any(one is two for one in self.nodes for two in nodes)


def find_visits(scene: Any, like: Any = None) -> list[SceneVisit]:
    """The visits of one patient, by date; those without a date last.

    Volumes are of one visit that lie in one study of the subject hierarchy; those in none, when one segmentation was
    made on them, or their files lie in one folder.

    Args:
        scene: The scene.
        like: A node of the patient; where that is not known, the patient of the first visit that tells one. Visits of
            other patients are left out; those whose patient is not known are kept.
    """
    groups: dict[object, list[Any]] = {}
    segmentations = _segmentations(scene)
    made_on = {id(node): volumes for node, volumes in segmentations}
    used = {volume.GetID(): node.GetID() for node, volumes in segmentations for volume in volumes}
    for volume_node in visible_volumes(scene):
        key = _group(volume_node, used.get(volume_node.GetID()))
        if key is not None:
            groups.setdefault(key, []).append(volume_node)
    by_group: dict[object, list[Any]] = {key: [] for key in groups}
    for node, _ in segmentations:
        volumes = made_on[id(node)]
        study = item_above(node, "Study")
        first = next((_group(volume, used.get(volume.GetID())) for volume in volumes), None)
        key = first if first is not None else ("study", study) if study else ("segmentation", node.GetID())
        groups.setdefault(key, [])
        by_group.setdefault(key, []).append(node)
    found = [_visit(scene, key, volumes, by_group[key]) for key, volumes in groups.items()]
    found = [visit for visit in found if visit.volumes or visit.segmentation is not None]
    return sorted(_of_one_patient(found, like), key=lambda visit: (visit.date is None, visit.date or date.min))


def _segmentations(scene: Any) -> list[tuple[Any, list[Any]]]:
    """The segmentations of a tumour, with the volumes that each was made on."""
    found = []
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLSegmentationNode")
        if node.GetHideFromEditors() or not is_tumour_segmentation(node):
            continue
        reference = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
        volumes = [*saved_volumes(node).values(), *([reference] if reference is not None else [])]
        found.append((node, volumes))
    return found


def _group(volume_node: Any, segmentation_id: str | None) -> object:
    """What all volumes of an examination have alike; None where nothing tells."""
    study = item_above(volume_node, "Study")
    if study:
        return "study", study
    if segmentation_id is not None:
        return "segmentation", segmentation_id
    folder = _folder(volume_node)
    if folder is not None:
        return "folder", str(folder)
    item = item_above(volume_node, "Folder")
    return ("item", item) if item else None


def _folder(volume_node: Any) -> Path | None:
    storage = volume_node.GetStorageNode()
    name = storage.GetFileName() if storage is not None else None
    return Path(name).parent if name and Path(name).is_absolute() else None


def _visit(scene: Any, key: Any, volumes: list[Any], segmentations: list[Any]) -> SceneVisit:
    outlined = sorted(segmentations, key=lambda node: not has_outline(node))
    segmentation = outlined[0] if outlined else None
    saved = saved_volumes(segmentation) if segmentation is not None else {}
    chosen = saved or {modality: guess.node for modality, guess in guess_volumes(scene, volumes).items()}
    taken = {node.GetID() for node in chosen.values()}
    others = tuple(node for node in volumes if node.GetID() not in taken)
    named = _name(scene, key, segmentation)
    day, source = _date([*chosen.values(), *others], segmentation, named)
    notes: tuple[str, ...] = ()
    if segmentation is not None and len(outlined) > 1 and has_outline(outlined[1]):
        notes = (f"{len(outlined)} segmentations: {segmentation.GetName()} is compared",)
    return SceneVisit(named, chosen, others, segmentation, day, source, _thickness(chosen.values()), notes)


def _name(scene: Any, key: Any, segmentation: Any) -> str:
    kind, value = key
    if kind in ("study", "item"):
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        return str(hierarchy.GetItemName(value))
    if kind == "folder":
        return Path(value).name
    return str(segmentation.GetName())


def _date(volumes: list[Any], segmentation: Any, named: str) -> tuple[date | None, str]:
    own = [segmentation] if segmentation is not None else []
    found = study_day(volumes or own)
    if found is not None:
        return found, "DICOM"
    folders = {folder.name for node in volumes if (folder := _folder(node)) is not None}
    for names in ([named, *folders], [node.GetName() for node in own], [node.GetName() for node in volumes]):
        found = date_in(names)
        if found is not None:
            return found, "name"
    return None, ""


def _thickness(volumes: Iterable[Any]) -> float | None:
    """The largest thickness of slices, mm, that the DICOM database has of the volumes."""
    found = []
    for node in volumes:
        try:
            value = float(database_value(node, THICKNESS_TAG) or "")
        except ValueError:
            continue
        if value > 0:
            found.append(value)
    return max(found, default=None)


def _of_one_patient(visits: list[SceneVisit], like: Any) -> list[SceneVisit]:
    patients = [next((found for node in visit.nodes if (found := patient_of(node))), None) for visit in visits]
    known = patient_of(like) if like is not None else None
    wanted = known or next((found for found in patients if found), None)
    if wanted is None:
        return visits
    return [visit for visit, found in zip(visits, patients, strict=True) if found in (None, wanted)]
