"""What is saved with the scene, so that a user goes on tomorrow: prompts, volumes, model and settings."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import PromptError
from ..prompts import Prompt, PromptHistory
from ..prompts.history import prompt_to_json
from ..study.modalities import MODALITIES
from .jobs import ModelChoice
from .segments.view import SegmentStyle

if TYPE_CHECKING:
    from .controller import SegmentationController

ATTRIBUTE = "GliomaSAM.state"
"""Attribute of the segmentation node that holds the state as JSON."""
SET_ASIDE = "GliomaSAM.state.unread"
"""Attribute that keeps a state which could not be read, once there is another one to save."""
FORMAT = "gliomasam-scene"
VERSION = 2


@dataclass(frozen=True)
class SavedState:
    """The state of a segmentation, as a scene holds it.

    Args:
        choice: Model and device.
        nodes: The volume nodes by modality.
        register, skull: As for `Study.read`.
        style: How results become segments.
        prompts: The prompts that held, in their order.
        proposed: Whether the automatic proposal was shown.
        weights: SHA-256 of the weights that made what the segments show; None where that is not known, as in a scene
            of version 1.
        earlier: Prompts that other weights answered before, and that were only to be seen.
    """

    choice: ModelChoice = field(default_factory=ModelChoice)
    nodes: Mapping[str, Any] = field(default_factory=dict)
    register: bool = False
    skull: str = "auto"
    style: SegmentStyle = field(default_factory=SegmentStyle)
    prompts: tuple[Prompt, ...] = ()
    proposed: bool = False
    weights: str | None = None
    earlier: tuple[Prompt, ...] = ()


def save_state(controller: "SegmentationController") -> None:
    """Write the state of a segmentation into its segmentation node, with references to the volumes."""
    node, session = controller.node, controller.session
    values = {
        "format": FORMAT,
        "version": VERSION,
        "model": controller.choice.model,
        "weights": session.weights,
        "device": controller.choice.device,
        "register": controller.register,
        "skull": controller.skull,
        "style": controller.style.style,
        "overwrite": controller.style.overwrite,
        "lesion_segment": controller.style.lesion_segment,
        "proposed": session.history.is_proposal,
        "prompts": _listed(session.prompts),
        "earlier": _listed(session.earlier),
    }
    text = json.dumps(values, separators=(",", ":"))
    before = node.GetAttribute(ATTRIBUTE)
    if before != text:
        if before and not _is_ours(before):
            node.SetAttribute(SET_ASIDE, before)  # of a newer version: nothing of it is lost
        node.SetAttribute(ATTRIBUTE, text)
    for modality in MODALITIES:
        volume_node = controller.volume_nodes.get(modality)
        wanted = volume_node.GetID() if volume_node is not None else None
        if node.GetNodeReferenceID(_role(modality)) != wanted:
            node.SetNodeReferenceID(_role(modality), wanted)


def restore(scene: Any, segmentation_node: Any) -> SavedState | None:
    """Read the state that a segmentation node holds; None when it holds none.

    Args:
        scene: Where the volumes are.
        segmentation_node: The node.

    Raises:
        PromptError: The state was saved by a newer version, or is damaged; the node is left as it is.
    """
    text = segmentation_node.GetAttribute(ATTRIBUTE)
    if not text:
        return None
    values = _values(text, segmentation_node.GetName())
    nodes = {modality: segmentation_node.GetNodeReference(_role(modality)) for modality in MODALITIES}
    lesion, weights = values.get("lesion_segment"), values.get("weights")
    prompts, earlier = _prompts(values)
    return SavedState(
        choice=ModelChoice(str(values.get("model", ModelChoice.model)), str(values.get("device", ModelChoice.device))),
        nodes={modality: node for modality, node in nodes.items() if node is not None and node.GetScene() is scene},
        register=bool(values.get("register", False)),
        skull=str(values.get("skull", "auto")),
        style=SegmentStyle(
            str(values.get("style", "nested")),
            str(values.get("overwrite", "none")),
            lesion if isinstance(lesion, str) else None,
        ),
        prompts=prompts,
        proposed=bool(values.get("proposed", False)),
        weights=weights if isinstance(weights, str) else None,
        earlier=earlier,
    )


def _role(modality: str) -> str:
    return f"GliomaSAM.{modality}"


def _values(text: str, name: str) -> dict[str, Any]:
    """The JSON object. Raises `PromptError` when it is none, or of a newer version."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or values.get("format") != FORMAT or not isinstance(values.get("version"), int):
        raise PromptError(
            f"What GliomaSAM saved in the segmentation {name} is damaged: its segments are as they were, "
            "choose the volumes and go on from them"
        )
    if values["version"] > VERSION:
        raise PromptError(
            f"The segmentation {name} was saved by a newer GliomaSAM (version {values['version']} of the scene, this "
            f"one reads {VERSION}): update GliomaSAM, or choose the volumes and go on from the segments. "
            "Nothing of what it holds is lost"
        )
    return values


def _is_ours(text: str) -> bool:
    try:
        _prompts(_values(text, ""))
    except PromptError:
        return False
    return True


def _prompts(values: Mapping[str, Any]) -> tuple[tuple[Prompt, ...], tuple[Prompt, ...]]:
    """The prompts that held, and those that were only to be seen, which version 1 does not know. Raises
    `PromptError`.
    """
    earlier = PromptHistory.from_json(values["earlier"]).prompts if "earlier" in values else ()
    return PromptHistory.from_json(values.get("prompts")).prompts, earlier


def _listed(prompts: Sequence[Prompt]) -> dict[str, Any]:
    return {**PromptHistory().to_json(), "prompts": [_encoded(prompt) for prompt in prompts]}


@functools.lru_cache(maxsize=12)
def _encoded_mask(prompt: Prompt) -> dict[str, Any]:
    return prompt_to_json(prompt)


def _encoded(prompt: Prompt) -> dict[str, Any]:
    """A prompt as JSON values. Packing a mask takes tens of milliseconds and is done once."""
    return _encoded_mask(prompt) if prompt.mask is not None else prompt_to_json(prompt)
