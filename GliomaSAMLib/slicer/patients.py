"""Whether volume nodes are of one patient and one examination: by DICOM database, subject hierarchy, files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import slicer

from ..errors import StudyError
from ..study.patients import TAGS, Origin, patient_notes, place_notes, tag_notes
from .segments.patient import hierarchy_patient

SAME_PATIENT_HINT = "if they are of one patient all the same, tick Of one patient in the section Inputs"


def check_one_patient(volume_nodes: Mapping[str, Any], same_patient: bool = False) -> list[str]:
    """What speaks against the nodes, by modality, being of one patient and one examination, for the user to read.

    Args:
        volume_nodes: By modality.
        same_patient: The user says that they are of one patient.

    Raises:
        StudyError: They are of several patients, by PatientID or the subject hierarchy, unless `same_patient`.
    """
    patients = {modality: hierarchy_patient(node) for modality, node in volume_nodes.items()}
    known = {modality: patient for modality, patient in patients.items() if patient is not None}
    if len(set(known.values())) > 1 and not same_patient:
        raise StudyError(
            f"The volumes are of different patients: {', '.join(known)} lie under several patients of the subject "
            f"hierarchy. Choose volumes of one patient; {SAME_PATIENT_HINT}"
        )
    patient_notes([origin(*one) for one in volume_nodes.items()], same_patient, SAME_PATIENT_HINT)
    doubts = doubts_of_one_patient(volume_nodes)
    return [f"{doubt} (taken as one patient's, as you said)" for doubt in doubts] if same_patient else doubts


def doubts_of_one_patient(volume_nodes: Mapping[str, Any]) -> list[str]:
    """What speaks against the nodes, by modality, being of one patient and one examination, for the user to read."""
    hierarchy_notes = _hierarchy_notes(volume_nodes)
    origins = [origin(modality, node) for modality, node in volume_nodes.items()]
    return [*tag_notes(origins), *(hierarchy_notes or place_notes(origins))]


def origin(modality: str, volume_node: Any) -> Origin:
    """Where a volume comes from, as far as its file and Slicer's database tell."""
    storage_node = volume_node.GetStorageNode()
    file = storage_node.GetFileName() if storage_node is not None else None
    place = Origin.of(modality, Path(file)) if file else Origin(modality, None, (), {})
    return Origin(modality, place.place, (*place.names, str(volume_node.GetName())), _tags(volume_node))


def _tags(volume_node: Any) -> dict[str, str]:
    """Those of `TAGS` that Slicer's database knows of the first slice of a node."""
    database = getattr(slicer, "dicomDatabase", None)
    instances = (volume_node.GetAttribute("DICOM.instanceUIDs") or "").split()
    if database is None or not instances:
        return {}
    values = {tag: str(database.instanceValue(instances[0], tag.replace("|", ",").upper()) or "") for tag in TAGS}
    return {tag: value.strip() for tag, value in values.items() if value.strip()}


def _hierarchy_notes(volume_nodes: Mapping[str, Any]) -> list[str]:
    """One sentence where the subject hierarchy has the nodes under several patients, studies or folders."""
    for level, called in (("Patient", "patients"), ("Study", "studies"), ("Folder", "folders")):
        above = {modality: item_above(node, level) for modality, node in volume_nodes.items()}
        known = {modality: item for modality, item in above.items() if item}
        if len(set(known.values())) > 1:
            return [
                f"{', '.join(known)} lie under different {called} of the subject hierarchy: "
                "check that they are of one patient and one examination"
            ]
        if level == "Study" and len(known) == len(above) > 0:
            return []
    return []


def item_above(volume_node: Any, level: str) -> int:
    """The nearest item of a level above a node in the subject hierarchy; 0 when there is none."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(volume_node.GetScene())
    scene_item = hierarchy.GetSceneItemID()
    item = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(volume_node))
    while item and item != scene_item:
        if hierarchy.GetItemLevel(item) == level:
            return int(item)
        item = hierarchy.GetItemParent(item)
    return 0
