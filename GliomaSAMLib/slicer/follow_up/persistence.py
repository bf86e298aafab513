"""What of a follow-up is saved with the scene: dates typed, fields, targets chosen, options. Lines are nodes anyway.

It is in one hidden node. A scene that is added to another one brings its own; `save` makes one of them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from typing import Any

from ...errors import StudyError
from ...files import parse_json
from ...followup.options import COMPONENTS, FollowUpOptions
from ...followup.visit import VisitFields
from ...followup.visit_json import visit_json

NODE = "vtkMRMLScriptedModuleNode"
TAG = "GliomaSAMFollowUp"
"""Name of the node that holds the state, and attribute by which it is known. In older scenes it is a singleton of this
tag, in whose place Slicer puts that of a scene that is added."""

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
        unread: Why something of what a scene holds could not be read; none of that is here.
    """

    visits: tuple[SavedVisit, ...] = ()
    options: FollowUpOptions = field(default_factory=FollowUpOptions)
    aligned: bool = False
    targets: Mapping[tuple[str, ...], Targets] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def state_nodes(scene: Any) -> list[Any]:
    """The nodes that hold states: several where scenes were added to each other, that of the first scene first."""
    nodes = [scene.GetNthNodeByClass(index, NODE) for index in range(scene.GetNumberOfNodesByClass(NODE))]
    return [node for node in nodes if node.GetAttribute(TAG) or node.GetSingletonTag() == TAG]


def save(scene: Any, state: SavedFollowUp) -> None:
    """Write the state, which holds all that can be read in the scene, into its node, which is added where there is
    none; what cannot be read is kept beside it, and other nodes of states go.
    """
    present = state_nodes(scene)
    node = next((one for one in present if one.GetSingletonTag() != TAG), None) or _add_node(scene)
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
        _set_aside_unread(node, node)
        node.SetParameter(PARAMETER, text)
    for other in present:
        if other is not node:
            _set_aside_unread(other, node)
            scene.RemoveNode(other)
    for index, visit in enumerate(state.visits):
        wanted = [one.GetID() for one in visit.nodes if one.GetScene() is scene]
        ids = [node.GetNthNodeReferenceID(_role(index), n) for n in range(node.GetNumberOfNodeReferences(_role(index)))]
        if ids != wanted:
            node.RemoveNodeReferenceIDs(_role(index))
            for identifier in wanted:
                node.AddNodeReferenceID(_role(index), identifier)


def _add_node(scene: Any) -> Any:
    node = scene.CreateNodeByClass(NODE)
    node.UnRegister(None)
    node.SetAttribute(TAG, "1")
    node.SetName(TAG)
    node.SetHideFromEditors(True)
    return scene.AddNode(node)


def _set_aside_unread(node: Any, into: Any) -> None:
    """Keep the state of a node, if it cannot be read, in another or the same one, and what was set aside before."""
    aside = (node.GetParameter(name) for name in _names_aside())
    texts = list(itertools.takewhile(bool, aside)) if node is not into else []
    try:
        _read(node)
    except StudyError:
        texts.append(node.GetParameter(PARAMETER))
    for text in texts:
        into.SetParameter(next(name for name in _names_aside() if into.GetParameter(name) in ("", None, text)), text)


def _names_aside() -> Iterator[str]:
    """Names of the parameters that keep what could not be read."""
    return itertools.chain([SET_ASIDE], (f"{SET_ASIDE}.{number}" for number in itertools.count(2)))


def restore(scene: Any) -> SavedFollowUp:
    """The state that a scene holds, of all its visits, and the options of its first part; an empty one where it holds
    none. What is damaged, or of a newer version, is told by `unread`, and its node is left as it is.
    """
    states, unread = [], []
    for node in state_nodes(scene):
        try:
            states.append(_read(node))
        except StudyError as error:
            unread.append(str(error))
    targets = {digests: tracks for state in reversed(states) for digests, tracks in state.targets.items()}
    return replace(
        states[0] if states else SavedFollowUp(),
        visits=tuple(visit for state in states for visit in state.visits),
        targets=targets,
        unread=tuple(dict.fromkeys(unread)),
    )


def _read(node: Any) -> SavedFollowUp:
    """The state that a node holds. Raises `StudyError` when it is damaged, or of a newer version."""
    text = node.GetParameter(PARAMETER)
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
