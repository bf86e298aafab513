"""Which examination nodes are of, so that results of one are not written into the outlines of another."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import slicer

from ..errors import StudyError
from ..followup.dates import dates_in_name, parse_date
from ..study.modalities import REFERENCE_ORDER
from .modality_detection import guess_volumes, visible_volumes
from .patients import item_above
from .persistence import volumes_made_on
from .segments.patient import database_value, same_patient

STUDY_UID = "0020,000D"
STUDY_DATE = "0008,0020"
ACQUISITION_DATE = "0008,0022"
DATE_ATTRIBUTE = "DICOM.StudyDate"
ACQUISITION_ATTRIBUTE = "DICOM.AcquisitionDate"
"""Attributes of a study in the subject hierarchy."""


@dataclass(frozen=True)
class Examination:
    """What is known of the examination that a node is of.

    Args:
        study: What tells its study in the subject hierarchy apart from others; "" where it lies under none.
        uid: StudyInstanceUID as the DICOM database has it, or "".
        days: Its dates, as the subject hierarchy and the database have them.
    """

    study: str = ""
    uid: str = ""
    days: frozenset[str] = frozenset()

    @classmethod
    def of(cls, node: Any) -> "Examination":
        """That of a node, as far as it is known."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
        item = item_above(node, "Study")
        study = (hierarchy.GetItemUID(item, "DICOM") or f"item {item}") if item else ""
        days = {hierarchy.GetItemAttribute(item, DATE_ATTRIBUTE) if item else "", database_value(node, STUDY_DATE)}
        return cls(study, database_value(node, STUDY_UID) or "", frozenset(day for day in days if day))

    @property
    def is_known(self) -> bool:
        """Whether anything tells it."""
        return bool(self.study or self.uid)

    def differs(self, other: "Examination") -> bool:
        """Whether the two are certainly not one. Parts of one day are one, as are those under one study."""
        pairs = [(self.study, other.study), (self.uid, other.uid)]
        known = [one == two for one, two in pairs if one and two]
        return bool(known) and not any(known) and not self.days & other.days


def date_in(texts: Iterable[str]) -> date | None:
    """The only date, as YYYY-MM-DD or YYYYMMDD, that texts hold; None where there is none, or more than one."""
    found = set()
    for text in texts:
        for day in dates_in_name(text):
            with contextlib.suppress(StudyError):
                found.add(parse_date(day, text))
    return found.pop() if len(found) == 1 else None


def study_day(nodes: Iterable[Any]) -> date | None:
    """The day of the examination of nodes by Slicer's DICOM database and the subject hierarchy; None where neither
    tells.
    """
    known = list(nodes)
    texts = [database_value(node, tag) for tag in (ACQUISITION_DATE, STUDY_DATE) for node in known]
    for study, node in ((item_above(node, "Study"), node) for node in known):
        if study:
            hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
            texts += [hierarchy.GetItemAttribute(study, name) for name in (ACQUISITION_ATTRIBUTE, DATE_ATTRIBUTE)]
    return next((day for text in texts if text and (day := date_in([text])) is not None), None)


def reference_volume(volume_nodes: Mapping[str, Any]) -> Any:
    """The volume that results are given on, which says what examination they are of; None where there is none."""
    return next((volume_nodes[name] for name in REFERENCE_ORDER if volume_nodes.get(name) is not None), None)


def is_of_another_examination(segmentation_node: Any, volume_nodes: Mapping[str, Any]) -> bool:
    """Whether a segmentation was certainly made on another examination, of the same patient, than that of volumes, by
    modality. False for those that it was made on, and wherever nothing tells.
    """
    volume_node = reference_volume(volume_nodes)
    made_on = volumes_made_on(segmentation_node)
    if volume_node is None or any(node is volume_node for node in made_on.values()):
        return False
    known = [
        node
        for node in (segmentation_node, _reference(segmentation_node), reference_volume(made_on))
        if node is not None
    ]
    found = [(node, examination) for node in known if (examination := Examination.of(node)).is_known]
    if not found or not found[0][1].differs(Examination.of(volume_node)):
        return False
    return same_patient(found[0][0], volume_node) is not False


def own_volumes(segmentation_node: Any) -> dict[str, Any]:
    """By modality the volumes in the scene of the examination that a segmentation was made on, as far as known."""
    scene = segmentation_node.GetScene()
    known = [node for node in (segmentation_node, _reference(segmentation_node)) if node is not None]
    own = next((examination for node in known if (examination := Examination.of(node)).is_known), None)
    if own is None:
        return {}
    candidates = [(node, Examination.of(node)) for node in visible_volumes(scene)]
    among = [node for node, other in candidates if other.is_known and not own.differs(other)]
    return {modality: guess.node for modality, guess in guess_volumes(scene, among).items()}


def without_other_examinations(segmentation_node: Any, volume_nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Volumes by modality, and for those that are certainly of another examination than the one that a segmentation was
    made on, the volumes that its result was made on.
    """
    made_on = volumes_made_on(segmentation_node)
    kept = {
        modality: made_on.get(modality) if is_of_another_examination(segmentation_node, {modality: node}) else node
        for modality, node in volume_nodes.items()
    }
    return {modality: node for modality, node in kept.items() if node is not None}


def segmentation_made_on(volume_nodes: Mapping[str, Any]) -> Any:
    """The segmentation node that was made on volumes, by modality, the latest of several; None where there is none."""
    volume_node = reference_volume(volume_nodes)
    if volume_node is None:
        return None
    scene = volume_node.GetScene()
    count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    nodes = [scene.GetNthNodeByClass(index, "vtkMRMLSegmentationNode") for index in range(count)]
    made = [node for node in nodes if any(one is volume_node for one in volumes_made_on(node).values())]
    return made[-1] if made else None


def _reference(segmentation_node: Any) -> Any:
    return segmentation_node.GetNodeReference(segmentation_node.GetReferenceImageGeometryReferenceRole())
