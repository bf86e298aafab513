"""Whether a segmentation node and volume nodes are of one patient, so that nothing is written into another's."""

from collections.abc import Iterable
from typing import Any

import slicer

from ...errors import StudyError

PATIENT_ID = "0010,0020"


def check_same_patient(
    segmentation_node: Any, earlier: Iterable[Any], volume_nodes: Iterable[Any], lost: bool = False
) -> str:
    """Compare the patient of a segmentation, and of the volumes that its result was made on, with that of volumes that
    are to be used.

    Args:
        segmentation_node: The vtkMRMLSegmentationNode.
        earlier: The volume nodes that its result was made on, as far as they are known.
        volume_nodes: Those that it is to be written for.
        lost: It was made on volumes that are not in the scene any more.

    Returns:
        What the user should check, where the volumes are all others than before and nothing says whose they are; else
        an empty text.

    Raises:
        StudyError: They are of another patient, by the subject hierarchy or the DICOM database.
    """
    reference = segmentation_node.GetNodeReference(segmentation_node.GetReferenceImageGeometryReferenceRole())
    made_on = list(earlier)
    known = [*made_on, *([reference] if reference is not None else [])]
    chosen = [node for node in volume_nodes if node.GetScene() is not None]
    if any(one is other for one in made_on or known for other in chosen):
        return ""
    pairs = [(same_patient(one, other), other) for one in (segmentation_node, *known) for other in chosen]
    name = segmentation_node.GetName()
    for same, other in pairs:
        if same is False:
            raise StudyError(
                f"The segmentation {name} belongs to another patient than {other.GetName()}, so nothing is written "
                "into it: choose the segmentation of this patient, or make a new one"
            )
    unsure = (known or lost) and chosen and segmentation_node.GetSegmentation().GetNumberOfSegments()
    if not unsure or any(same for same, _ in pairs):
        return ""
    return (
        f"The segmentation {name} was made on other volumes: check that it is of the same patient, "
        "or make a new segmentation"
    )


def same_patient(node: Any, other: Any) -> bool | None:
    """Whether two nodes are of one patient; None where that is not known."""
    for find in (hierarchy_patient, _database_patient):
        one, two = find(node), find(other)
        if one is not None and two is not None:
            return one == two
    return None


def patient_of(node: Any) -> str | None:
    """What tells a node's patient apart from others, by the subject hierarchy, else by the DICOM database; None where
    that is not known.
    """
    return hierarchy_patient(node) or _database_patient(node)


def hierarchy_patient(node: Any) -> str | None:
    """What tells a node's patient in the subject hierarchy apart from others; None where it lies under none."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    top, item = hierarchy.GetSceneItemID(), hierarchy.GetItemByDataNode(node)
    while item and item != top:
        if hierarchy.GetItemLevel(item) == "Patient":
            return hierarchy.GetItemUID(item, "DICOM") or f"item {item}"
        item = hierarchy.GetItemParent(item)
    return None


def _database_patient(node: Any) -> str | None:
    """The PatientID that Slicer's DICOM database knows of a node's first slice."""
    return database_value(node, PATIENT_ID)


def database_value(node: Any, tag: str) -> str | None:
    """What Slicer's DICOM database knows of a tag ("gggg,eeee") of a node's first slice; None where that is nothing."""
    database = getattr(slicer, "dicomDatabase", None)
    instances = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    return (str(database.instanceValue(instances[0], tag) or "").strip() or None) if database and instances else None
