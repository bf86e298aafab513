"""Which volume nodes of a scene are which modality, by their names and DICOM series descriptions."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import slicer

from ..study.modalities import MODALITIES
from ..study.naming import AGENT_UNSAID, Judgement, judge
from .patients import doubts_of_one_patient, item_above, origin

MOST_CANDIDATES = 8
"""A modality's volumes that are compared; there are rarely more than two."""

DESCRIPTION_TAG, AGENT_TAG = "0008,103E", "0018,0010"


@dataclass(frozen=True)
class DetectedVolume:
    """The volume that is probably one modality.

    Args:
        node: The volume node.
        confident: Whether nothing speaks against it.
        reason: Why it was taken, or what speaks against it, for the user to read.
        belongs: Whether it goes with the volumes that are chosen already.
    """

    node: Any
    confident: bool
    reason: str
    belongs: bool = True


@dataclass(frozen=True)
class _Candidate:
    node: Any
    reason: str
    place: int  # item of the subject hierarchy that holds it: the study or a folder
    folder: str  # that its file lies in; "" where there is none

    @classmethod
    def of(cls, modality: str, volume_node: Any, reason: str) -> "_Candidate":
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(volume_node.GetScene())
        place = int(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(volume_node)))
        return cls(volume_node, reason, place, str(origin(modality, volume_node).place or ""))

    @property
    def name(self) -> str:
        return str(self.node.GetName()).lower()


def guess_volumes(
    scene: Any, among: Iterable[Any] | None = None, chosen: Mapping[str, Any] | None = None
) -> dict[str, DetectedVolume]:
    """The volume of each modality found among the scene's visible scalar volumes, or among some of them. Each node
    stands for one at most.

    Where several could be one modality those of one patient are taken together: of one folder or study of the subject
    hierarchy, then of one folder of files, then of the names that begin alike.

    Args:
        scene: The scene.
        among: The volumes to look among.
        chosen: By modality what is chosen already: volumes of the other modalities are found that go with it.
    """
    fixed = {modality: _Candidate.of(modality, node, "") for modality, node in (chosen or {}).items()}
    taken = {candidate.node.GetID() for candidate in fixed.values()}
    candidates: dict[str, list[_Candidate]] = {}
    for volume_node in visible_volumes(scene) if among is None else among:
        modality, reason = _modality(volume_node, has_t1c=False)
        if modality is not None and volume_node.GetID() not in taken:
            candidates.setdefault(modality, []).append(_Candidate.of(modality, volume_node, reason))
    wanted = [modality for modality in MODALITIES if modality in candidates and modality not in fixed]
    lists = [*([one] for one in fixed.values()), *(candidates[modality][:MOST_CANDIDATES] for modality in wanted)]
    alike = dict(zip([*fixed, *wanted], _most_alike(lists), strict=True))
    rivals = {modality: candidates.get(modality, []) for modality in fixed}
    strange = {modality for modality in wanted if not _belongs(modality, alike[modality], fixed, rivals)}
    together = {modality: one for modality, one in alike.items() if modality not in strange}
    doubts = doubts_of_one_patient({modality: one.node for modality, one in together.items()})
    return {
        modality: DetectedVolume(alike[modality].node, False, "it does not go with the volumes chosen", belongs=False)
        if modality in strange
        else _guess(alike[modality], len(candidates[modality]), modality == "t1" and "t1c" in together, doubts)
        for modality in wanted
    }


def _belongs(
    modality: str, candidate: _Candidate, fixed: Mapping[str, _Candidate], rivals: Mapping[str, Sequence[_Candidate]]
) -> bool:
    """Whether a candidate goes with each volume chosen: it lies where that lies, nothing speaks against one patient and
    one examination, and outside a study its name is as much like that of the chosen one as of any rival.
    """
    for name, one in fixed.items():
        if candidate.place != one.place or doubts_of_one_patient({modality: candidate.node, name: one.node}):
            return False
        nearer = any(_likeness((candidate, rival)) > _likeness((candidate, one)) for rival in rivals[name])
        if nearer and not item_above(candidate.node, "Study"):
            return False
    return True


def _guess(candidate: _Candidate, count: int, has_t1c: bool, doubts: Sequence[str]) -> DetectedVolume:
    reason = candidate.reason
    if doubts:
        return DetectedVolume(candidate.node, False, "; ".join(doubts))
    if has_t1c:
        _, reason = _modality(candidate.node, has_t1c=True)
    if count > 1:
        reason = f"one of {count} volumes that look alike: check that it is the right one"
    return DetectedVolume(candidate.node, not reason, reason or "recognised by its name")


def visible_volumes(scene: Any) -> list[Any]:
    """The scalar volumes that a user can choose."""
    found = []
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")):
        volume_node = scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode")
        if volume_node.GetClassName() == "vtkMRMLScalarVolumeNode" and not volume_node.GetHideFromEditors():
            found.append(volume_node)
    return found


def _modality(volume_node: Any, has_t1c: bool) -> tuple[str | None, str]:
    """The modality that a node's texts speak of, and what speaks against it."""
    description, agent = _series(volume_node)
    by_name = judge(volume_node.GetName() or "", agent)
    by_description = judge(description, agent) if description else Judgement(None)
    if by_name.modality and by_description.modality and by_name.modality != by_description.modality:
        return by_description.modality, (
            f"its name speaks of {by_name.modality}, its DICOM description of {by_description.modality}: check it"
        )
    found = by_description if by_description.modality else by_name
    if not found.doubt or (has_t1c and found.doubt == AGENT_UNSAID):
        return found.modality, ""
    return found.modality, f"{found.doubt}: check that it is {found.modality}"


def _series(volume_node: Any) -> tuple[str, bool]:
    """The DICOM series description of a node, and whether a contrast agent is recorded, from Slicer's database."""
    database = getattr(slicer, "dicomDatabase", None)
    instances = (volume_node.GetAttribute("DICOM.instanceUIDs") or "").split()
    if database is None or not instances:
        return "", False
    return str(database.instanceValue(instances[0], DESCRIPTION_TAG)), bool(
        database.instanceValue(instances[0], AGENT_TAG)
    )


def _most_alike(candidates: list[list[_Candidate]]) -> tuple[_Candidate, ...]:
    """One candidate of each list, so that as many as possible lie in one place and their names begin alike."""
    return max(itertools.product(*candidates), key=_likeness)


def _likeness(chosen: tuple[_Candidate, ...]) -> tuple[int, int, int]:
    pairs = list(itertools.combinations(chosen, 2))
    together = sum(one.place == other.place for one, other in pairs)
    beside = sum(one.folder == other.folder for one, other in pairs)
    return together, beside, sum(_shared_beginning(one.name, other.name) for one, other in pairs)


def _shared_beginning(text: str, other: str) -> int:
    """How many letters two texts begin with alike."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(text, other, strict=False)))
