"""What of a follow-up is saved with the scene: dates typed, fields, targets chosen, options. Lines are nodes anyway."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any

from ...errors import StudyError
from ...files import parse_json
from ...followup.options import COMPONENTS, FollowUpOptions
from ...followup.visit import VisitFields
from ...followup.visit_json import visit_json

NODE = "vtkMRMLScriptedModuleNode"
TAG = "GliomaSAMFollowUp"
"""Singleton tag of the node that holds the state."""

PARAMETER = "state"
SET_ASIDE = "state.unread"
"""Parameter that keeps a state which could not be read, once there is another one to save; further ones are numbered
from 2."""
FORMAT = "gliomasam-follow-up-scene"
VERSION = 1
NEWER = "The follow-up of this scene was saved by a newer GliomaSAM: update GliomaSAM, or compare the visits anew"


Targets = Mapping[str, tuple[str, ...]]
"""By component the tracks that a reader chose."""


@dataclass(frozen=True, eq=False)
class SavedVisit:
    """What a person said of a visit.

    Args:
        nodes: Nodes of the visit, by which it is found again.
        included: Whether it is compared; None where nobody said.
        date: The date that was typed.
        fields: What masks cannot tell.
        digest: Of its day and outlines in the comparison that it is in, see `VisitCopy`; "" where it is in none.
    """

    nodes: tuple[Any, ...]
    included: bool | None = None
    date: date | None = None
    fields: VisitFields = field(default_factory=VisitFields)
    digest: str = ""


@dataclass(frozen=True, eq=False)
class SavedFollowUp:
    """The state of a follow-up.

    Args:
        visits: What was said of each.
        options: As chosen.
        aligned: Whether the visits lie in the same space already.
        targets: By the digests of the visits that were compared, the targets that the reader chose, by component.
    """

    visits: tuple[SavedVisit, ...] = ()
    options: FollowUpOptions = field(default_factory=FollowUpOptions)
    aligned: bool = False
    targets: Mapping[tuple[str, ...], Targets] = field(default_factory=dict)


def save(scene: Any, state: SavedFollowUp) -> None:
    """Write the state into its node, which is added where there is none; one that cannot be read is kept beside it."""
    node = scene.GetSingletonNode(TAG, NODE)
    if node is None:
        node = scene.CreateNodeByClass(NODE)
        node.UnRegister(None)
        node.SetSingletonTag(TAG)
        node.SetName(TAG)
        node.SetHideFromEditors(True)
        node = scene.AddNode(node)
    values = {
        "format": FORMAT,
        "version": VERSION,
        "options": asdict(state.options),
        "aligned": state.aligned,
        "targets": [{"digests": digests, "tracks": tracks} for digests, tracks in state.targets.items() if tracks],
        "visits": [
            {
                "included": visit.included,
                "date": visit.date.isoformat() if visit.date else None,
                "fields": fields_to_json(visit.fields),
                "digest": visit.digest,
            }
            for visit in state.visits
        ],
    }
    text = json.dumps(values, separators=(",", ":"), sort_keys=True)
    if node.GetParameter(PARAMETER) != text:
        _set_aside_unread(scene, node)
        node.SetParameter(PARAMETER, text)
    for index, visit in enumerate(state.visits):
        wanted = [one.GetID() for one in visit.nodes if one.GetScene() is scene]
        ids = [node.GetNthNodeReferenceID(_role(index), n) for n in range(node.GetNumberOfNodeReferences(_role(index)))]
        if ids != wanted:
            node.RemoveNodeReferenceIDs(_role(index))
            for identifier in wanted:
                node.AddNodeReferenceID(_role(index), identifier)


def _set_aside_unread(scene: Any, node: Any) -> None:
    try:
        restore(scene)
    except StudyError:
        names = itertools.chain([SET_ASIDE], (f"{SET_ASIDE}.{number}" for number in itertools.count(2)))
        text = node.GetParameter(PARAMETER)
        node.SetParameter(next(name for name in names if node.GetParameter(name) in ("", None, text)), text)


def restore(scene: Any) -> SavedFollowUp:
    """The state that a scene holds; an empty one where it holds none.

    Raises:
        StudyError: It is damaged, or of a newer version. The node is left as it is.
    """
    node = scene.GetSingletonNode(TAG, NODE)
    text = node.GetParameter(PARAMETER) if node is not None else ""
    if not text:
        return SavedFollowUp()
    try:
        values = parse_json(text)
        if values["format"] != FORMAT or type(values["version"]) is not int:
            raise ValueError(values["format"])
        if values["version"] > VERSION:
            raise StudyError(NEWER)
        options = FollowUpOptions(**_known(values["options"]))
        visits = tuple(
            SavedVisit(
                _nodes(node, index),
                visit["included"] if isinstance(visit["included"], bool) else None,
                date.fromisoformat(visit["date"]) if visit["date"] else None,
                visit_json(visit["fields"], "What was saved of the follow-up").fields,
                str(visit.get("digest", "")),
            )
            for index, visit in enumerate(values["visits"])
        )
        chosen = values["targets"] if isinstance(values["targets"], list) else []  # those of before name no comparison
        targets = {tuple(map(str, one["digests"])): _targets(one["tracks"]) for one in chosen}
        return SavedFollowUp(visits, options, values["aligned"] is True, targets)
    except Exception as error:  # whatever a text can cause: none of it is used then
        if str(error) == NEWER:
            raise
        raise StudyError(
            "What was saved of the follow-up in this scene is damaged: compare the visits anew; nothing else is lost. "
            "What is damaged is kept beside what is saved from now on"
        ) from error


def fields_to_json(found: VisitFields) -> dict[str, Any]:
    """The fields that are known, as JSON values."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(found).items()
        if value is not None and value != ()
    }


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(FollowUpOptions)}
    return {name: value for name, value in values.items() if name in names}


def _targets(values: Mapping[str, Any]) -> Targets:
    return {component: tuple(map(str, tracks)) for component, tracks in values.items() if component in COMPONENTS}


def _role(index: int) -> str:
    return f"GliomaSAM.visit.{index}"


def _nodes(node: Any, index: int) -> tuple[Any, ...]:
    found = [node.GetNthNodeReference(_role(index), n) for n in range(node.GetNumberOfNodeReferences(_role(index)))]
    return tuple(one for one in found if one is not None)
