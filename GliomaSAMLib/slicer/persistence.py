"""What is saved with the scene, so that a user goes on tomorrow: prompts, volumes, model and settings."""

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import GliomaSAMError, PromptError
from ..prompts import Prompt, PromptHistory
from ..prompts.history import MAX_VOXELS_TOGETHER, declared_voxels, prompt_to_json
from ..session.prediction import RULES
from ..study.modalities import MODALITIES
from .jobs import ModelChoice
from .lesions import Kept
from .segments.node import REGION_TAG, STYLES
from .segments.ownership import own_segments
from .segments.view import SegmentStyle
from .segments.writer import OVERWRITE_MODES

if TYPE_CHECKING:
    from .controller import SegmentationController

ATTRIBUTE = "GliomaSAM.state"
"""Attribute of the segmentation node that holds the state as JSON."""
SET_ASIDE = "GliomaSAM.state.unread"
"""Attribute that keeps a state which could not be read, once there is another one to save; further ones are numbered
from 2."""
CHOSEN = "GliomaSAM"
"""Begins the roles of the references to the volumes chosen: ".t1", ".t1c", ".t2", ".flair" follow."""
MADE_ON = "GliomaSAM.made_on"
"""Begins those of the volumes that the result in the segments was made on."""
FORMAT = "gliomasam-scene"
VERSION = 2
SKULL = ("auto", "on", "off")

T = TypeVar("T")
D = TypeVar("D", str, None)


@dataclass(frozen=True)
class SavedState:
    """The state of a segmentation, as a scene holds it.

    Args:
        choice: Model and device.
        nodes: The volume nodes by modality.
        register, skull, same_patient: As for `Study.read`.
        style: How results become segments.
        prompts: The prompts that held, in their order.
        proposed: Whether the automatic proposal was shown.
        weights: SHA-256 of the weights that made what the segments show; None where that is not known, as in a scene
            of version 1, or where the rules for answers were others.
        earlier: Prompts that other weights answered before, and that were only to be seen.
        due: Whether the segments do not answer these prompts yet.
        kept: The prompts of the places that results went to before, such as other lesions.
    """

    choice: ModelChoice = field(default_factory=ModelChoice)
    nodes: Mapping[str, Any] = field(default_factory=dict)
    register: bool = False
    skull: str = "auto"
    same_patient: bool = False
    style: SegmentStyle = field(default_factory=SegmentStyle)
    prompts: tuple[Prompt, ...] = ()
    proposed: bool = False
    weights: str | None = None
    earlier: tuple[Prompt, ...] = ()
    due: bool = False
    kept: Kept = field(default_factory=dict)

    @property
    def history(self) -> PromptHistory:
        """The prompts as a history, with nothing to undo."""
        return _history(self.prompts, self.earlier, self.proposed)


def save_state(controller: "SegmentationController", kept: Kept) -> None:
    """Write the state of a segmentation into its segmentation node, with references to the volumes.

    Args:
        controller: The task of the segmentation.
        kept: The prompts of other places; those whose segment was removed are left out.
    """
    node, session = controller.node, controller.session
    values = {
        "format": FORMAT,
        "version": VERSION,
        "model": controller.choice.model,
        "rules": RULES,
        "device": controller.choice.device,
        **{"register": False, "skull": "auto", "same_patient": False, **controller.options},
        "style": controller.style.style,
        "overwrite": controller.style.overwrite,
        "lesion_segment": controller.style.lesion_segment,
        **_saved(session.history, session.weights),
        "due": session.is_due,
        "places": [
            {"style": style, "lesion_segment": lesion, **_saved(history, weights)}
            for (style, lesion), (history, weights) in kept.items()
            if (history.prompts or history.is_proposal) and (lesion is None or _has_segment(node, lesion))
        ],
    }
    text = json.dumps(values, separators=(",", ":"))
    before = node.GetAttribute(ATTRIBUTE)
    if before != text:
        if before and not _is_ours(before):
            set_aside(node)  # of a newer version, or damaged: nothing of it is lost
        node.SetAttribute(ATTRIBUTE, text)
    _refer(node, CHOSEN, controller.volume_nodes)


def restore(scene: Any, segmentation_node: Any) -> SavedState | None:
    """Read the state that a segmentation node holds; None when it holds none.

    Args:
        scene: Where the volumes are.
        segmentation_node: The node.

    Raises:
        PromptError: The state was saved by a newer version, or any value of it is damaged; the node is left as it is.
    """
    text = segmentation_node.GetAttribute(ATTRIBUTE)
    if not text:
        return None
    state = _decoded(text, segmentation_node.GetName())
    saved = saved_volumes(segmentation_node)
    style = state.style
    if style.style == "lesion" and style.lesion_segment is None:  # of a version that had one such segment at most
        style = replace(style, lesion_segment=own_segments(segmentation_node, REGION_TAG).get("lesion"))
    nodes = {modality: node for modality, node in saved.items() if node.GetScene() is scene}
    return replace(state, nodes=nodes, style=style)


def saved_volumes(segmentation_node: Any) -> dict[str, Any]:
    """By modality the volume nodes that were last chosen for a segmentation, as its node says."""
    return _referred(segmentation_node, CHOSEN)


def volumes_made_on(segmentation_node: Any) -> dict[str, Any]:
    """By modality the volume nodes that the result in the segments was made on, as their node says; those last chosen
    where it does not say.
    """
    return _referred(segmentation_node, MADE_ON) or saved_volumes(segmentation_node)


def keep_made_on(segmentation_node: Any, volume_nodes: Mapping[str, Any], anew: bool = True) -> None:
    """Note which volume nodes, by modality, the result in the segments was made on; where that is noted already only
    `anew`.
    """
    if anew or not _referred(segmentation_node, MADE_ON):
        _refer(segmentation_node, MADE_ON, volume_nodes)


def has_lost_volumes(segmentation_node: Any) -> bool:
    """Whether GliomaSAM has worked on a segmentation that holds segments, and none of its volumes is left."""
    worked_on = segmentation_node.GetAttribute(ATTRIBUTE) and segmentation_node.GetSegmentation().GetNumberOfSegments()
    reference = segmentation_node.GetNodeReference(segmentation_node.GetReferenceImageGeometryReferenceRole())
    return bool(worked_on) and reference is None and not volumes_made_on(segmentation_node)


def _referred(segmentation_node: Any, role: str) -> dict[str, Any]:
    nodes = {modality: segmentation_node.GetNodeReference(f"{role}.{modality}") for modality in MODALITIES}
    return {modality: node for modality, node in nodes.items() if node is not None}


def _refer(segmentation_node: Any, role: str, volume_nodes: Mapping[str, Any]) -> None:
    for modality in MODALITIES:
        volume_node = volume_nodes.get(modality)
        wanted = volume_node.GetID() if volume_node is not None else None
        if segmentation_node.GetNodeReferenceID(f"{role}.{modality}") != wanted:
            segmentation_node.SetNodeReferenceID(f"{role}.{modality}", wanted)


def saved_style(segmentation_node: Any) -> tuple[str | None, str | None]:
    """The style in which the segments of a node were written last, and the id of the segment that is chosen for the
    style "lesion"; None where its state does not tell.
    """
    return _style_of(segmentation_node.GetAttribute(ATTRIBUTE) or "")


@functools.lru_cache(maxsize=16)
def _style_of(text: str) -> tuple[str | None, str | None]:
    try:
        values = _values(text, "")
        return _one_of(values, "style", tuple(STYLES), "nested"), _text(values, "lesion_segment", None)
    except PromptError:
        return None, None


def set_aside(segmentation_node: Any) -> None:
    """Keep the state that a node holds, whole, under a name of its own, so that another may take its place."""
    text = segmentation_node.GetAttribute(ATTRIBUTE)
    name = SET_ASIDE
    for number in itertools.count(2):
        kept = segmentation_node.GetAttribute(name)
        if not text or kept == text:
            return
        if not kept:
            break
        name = f"{SET_ASIDE}.{number}"
    segmentation_node.SetAttribute(name, text)


def _decoded(text: str, name: str) -> SavedState:
    """What a text says, without the volumes. Raises `PromptError` where any of it cannot be understood."""
    values = _values(text, name)
    try:
        return _state(values)
    except Exception as error:  # whatever a text can cause: none of it is used then
        reason = f" ({error})" if isinstance(error, GliomaSAMError) else ""
        raise _damaged(name, reason) from error


def _state(values: Mapping[str, Any]) -> SavedState:
    """The state of the JSON values; what a version before did not know takes its default."""
    choice = ModelChoice(_text(values, "model", ModelChoice.model), _text(values, "device", ModelChoice.device))
    style = SegmentStyle(
        _one_of(values, "style", tuple(STYLES), "nested"),
        _one_of(values, "overwrite", OVERWRITE_MODES, "none"),
        _text(values, "lesion_segment", None),
    )
    prompts, earlier = _prompts(values)
    same_rules = _number(values, "rules", 1) == RULES
    return SavedState(
        choice=choice,
        register=_one_of(values, "register", (False, True), False),
        skull=_one_of(values, "skull", SKULL, "auto"),
        same_patient=_one_of(values, "same_patient", (False, True), False),
        style=style,
        prompts=prompts,
        proposed=_one_of(values, "proposed", (False, True), False),
        weights=_text(values, "weights", None) if same_rules else None,
        earlier=earlier,
        due=_one_of(values, "due", (False, True), False),
        kept=_kept(values.get("places", []), same_rules),
    )


def _kept(places: Sequence[Mapping[str, Any]], same_rules: bool) -> Kept:
    """The prompts of the places that the JSON values name. Raises whatever damaged values cause."""
    entries = [entry for one in places for key in ("prompts", "earlier") for entry in one[key]["prompts"]]
    if sum(map(declared_voxels, entries)) > MAX_VOXELS_TOGETHER:
        raise PromptError("the masks of its lesions have too many voxels together")
    kept = {}
    for one in places:
        place = _one_of(one, "style", tuple(STYLES), "nested"), _text(one, "lesion_segment", None)
        history = _history(*_prompts(one), _one_of(one, "proposed", (False, True), False))
        weights = _text(one, "weights", None)
        kept[place] = history, weights if same_rules else None
    return kept


def _one_of(values: Mapping[str, Any], key: str, allowed: tuple[T, ...], default: T) -> T:
    value = values.get(key, default)
    if type(value) is not type(default) or value not in allowed:
        raise PromptError(f"its {key} is none of {', '.join(map(str, allowed))}")
    return value


def _text(values: Mapping[str, Any], key: str, default: D) -> str | D:
    value = values.get(key, default)
    if value is not default and not isinstance(value, str):
        raise PromptError(f"its {key} is no text")
    return value


def _number(values: Mapping[str, Any], key: str, default: int) -> int:
    value = values.get(key, default)
    if type(value) is not int:
        raise PromptError(f"its {key} is no whole number")
    return value


def _damaged(name: str, reason: str = "") -> PromptError:
    return PromptError(
        f"What GliomaSAM saved in the segmentation {name} is damaged{reason}: its segments are as they were, "
        "choose the volumes and go on from them. What is damaged is kept beside what is saved from now on"
    )


def _values(text: str, name: str) -> dict[str, Any]:
    """The JSON object. Raises `PromptError` when it is none, or of a newer version."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or values.get("format") != FORMAT or type(values.get("version")) is not int:
        raise _damaged(name)
    if values["version"] > VERSION:
        raise PromptError(
            f"The segmentation {name} was saved by a newer GliomaSAM (version {values['version']} of the scene, this "
            f"one reads {VERSION}): update GliomaSAM, or choose the volumes and go on from the segments. "
            "Nothing of what it holds is lost"
        )
    return values


def _is_ours(text: str) -> bool:
    try:
        _decoded(text, "")
    except PromptError:
        return False
    return True


def _prompts(values: Mapping[str, Any]) -> tuple[tuple[Prompt, ...], tuple[Prompt, ...]]:
    """The prompts that held, and those that were only to be seen, which version 1 does not know. Raises
    `PromptError`.
    """
    earlier = PromptHistory.from_json(values["earlier"]).prompts if "earlier" in values else ()
    return PromptHistory.from_json(values.get("prompts")).prompts, earlier


def _history(prompts: tuple[Prompt, ...], earlier: tuple[Prompt, ...], proposed: bool) -> PromptHistory:
    history = PromptHistory((*earlier, *prompts), superseded=frozenset(earlier))
    return history.showing_proposal() if proposed and not prompts else history


def _saved(history: PromptHistory, weights: str | None) -> dict[str, Any]:
    """The step that a history shows, as JSON values, and the weights that answered it."""
    return {
        "weights": weights,
        "proposed": history.is_proposal,
        "prompts": _listed(history.answered),
        "earlier": _listed(history.earlier),
    }


def _has_segment(segmentation_node: Any, segment_id: str) -> bool:
    return segmentation_node.GetSegmentation().GetSegment(segment_id) is not None


def _listed(prompts: Sequence[Prompt]) -> dict[str, Any]:
    return {**PromptHistory().to_json(), "prompts": [prompt_to_json(prompt) for prompt in prompts]}
