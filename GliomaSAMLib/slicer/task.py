"""One segmentation node: its volumes, its prompts, and the results that they get."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import prompts as prompting
from ..errors import GliomaSAMError, StudyError
from ..geometry import Geometry
from ..prompts import Prompt, PromptHistory
from ..regions import REGIONS
from .answering import Answering
from .editing import PromptEditing
from .library import Choice, Doubt, Prepared
from .markups_sync import PromptNodes
from .persistence import State, save_state
from .preparing import Preparation
from .shown import Output, ShownSegments
from .timeline import Timeline
from .worker import Work

if TYPE_CHECKING:
    from ..kept_masks import Box
    from .engine import Engine


class Task(PromptEditing):
    """What the panel does with one segmentation. Made by `Engine.task`; for the main thread.

    Every method that takes a prompt validates it at once (`PromptError`, `StudyError`; then nothing has changed) and
    returns; the segments follow when the worker has the answer. Positions are RAS mm.

    Args:
        segmentation_node: The vtkMRMLSegmentationNode.
        engine: Whose task it is.
    """

    def __init__(self, segmentation_node: Any, engine: "Engine") -> None:
        super().__init__()
        self.node = segmentation_node
        self._engine = engine
        self._preparation = Preparation()
        self._segments = ShownSegments(segmentation_node)
        self._answering = Answering(self, self._preparation, self._segments, engine.library)
        self._unsaved = False
        self.prompt_nodes = PromptNodes(segmentation_node.GetScene(), segmentation_node, self)

    # volumes

    def set_volumes(self, nodes: Mapping[str, Any], register: bool = False, skull: str = "auto") -> bool:
        """Choose the volumes, by modality; reading and encoding begin in the background. Nodes that are None are left
        out. A choice that cannot be used is told as an error, and the one before holds. Returns whether it can be used.
        """
        self._tell_gone([modality for modality, node in nodes.items() if node is not None])
        try:
            if not any(node is not None for node in nodes.values()):
                self._preparation.clear()
                self._segments.close()
                self._answering.forget()
            elif not self._preparation.choose(nodes, register, skull):
                return True
        except GliomaSAMError as error:
            self._engine.tell_error(error)
            return False
        self._engine.drop(self)
        self._engine.touch(self)
        self._unsaved = True
        self.tell_changed()
        return True

    @property
    def volume_nodes(self) -> dict[str, Any]:
        """The volume nodes in use, by modality."""
        return dict(self._preparation.inputs.nodes) if self._preparation.inputs is not None else {}

    @property
    def register(self) -> bool:
        """Whether the volumes are aligned first."""
        return self._preparation.inputs is not None and self._preparation.inputs.register

    @property
    def skull(self) -> str:
        """How the skull is dealt with: "auto", "on" or "off"."""
        return self._preparation.inputs.skull if self._preparation.inputs is not None else "auto"

    @property
    def phase(self) -> str:
        """Where it stands: "empty" without volumes, "reading", "stopped" until the user does something, or "ready"."""
        return self._preparation.phase

    @property
    def notes(self) -> tuple[str, ...]:
        """What other weights made, what was done to the volumes, how prompts are understood, and what the last result
        left; for the user.
        """
        noted = (self._timeline, self._preparation, self.prompt_nodes, self._answering, self._segments)
        return tuple(note for part in noted for note in part.notes)

    @property
    def geometry(self) -> Geometry | None:
        """The grid of masks and doubt, in the world; None before the volumes have been read."""
        return self._segments.geometry

    def recompute(self) -> None:
        """Answer the same prompts once more, with a model chosen since."""
        self._engine.drop(self, "update", "doubt")
        self._answering.forget_answers()
        self._go(self._timeline, again=True)

    def take_edits(self) -> bool:
        return self._preparation.is_ready and self.keep_edits(self._segments.take_edits())

    def _usable(self, prompt: Prompt) -> Prompt:
        self._check_volumes_chosen()
        if self._preparation.prepared is None or not self._preparation.is_ready:
            return prompt  # the worker checks it once the volumes have been read
        study = self._preparation.prepared.study
        return prompting.validate_prompt(prompt, study.reference, study.brain)

    def _check_volumes_chosen(self) -> None:
        if self.phase == "empty":
            raise StudyError("no volume is chosen: choose at least one of t1, t1c, t2 and flair")

    def _go(self, timeline: Timeline, again: bool = False) -> None:
        if timeline is self._timeline and not again:
            return
        self._timeline = timeline
        self._unsaved = True
        self._engine.touch(self)
        self._preparation.want()
        self.prompt_nodes.sync(self.prompts, self.earlier)
        self.read_again_if_changed()
        known = self._answering.ask(timeline)
        self._engine.drop_answers(self, None if known else timeline.step)
        self.tell_changed()

    # results

    @property
    def weights(self) -> str | None:
        """SHA-256 of the weights that made what the segments show, as far as that is known."""
        return self._answering.weights

    def masks(self, region: str) -> np.ndarray | None:
        """uint8 (K, J, I) on `geometry`: what the segments show; None before the volumes have been read."""
        shown = self._segments.masks
        return shown.mask(region) if shown is not None else None

    def volumes(self) -> dict[str, float]:
        """Volume of each region in mL, as shown."""
        shown, grid = self._segments.masks, self._segments.geometry
        if shown is None or grid is None:
            return dict.fromkeys(REGIONS, 0.0)
        return {region: shown.voxels(region) * grid.voxel_ml for region in REGIONS}

    @property
    def changed_boxes(self) -> "Mapping[str, Box | None]":
        """For each region the box (k0, k1, j0, j1, i0, i1) of voxels that the last result changed."""
        return self._answering.changed_boxes

    def segment_ids(self) -> dict[str, str]:
        """By part (WT, TC, ET; ED, NC, ET; lesion): the id of its segment, where there is one."""
        return self._segments.segment_ids()

    def doubt(self) -> Doubt | None:
        """Where what is shown is in doubt. None as long as it is not known; then it is computed, and `changed` told."""
        return self._answering.doubt(self._timeline)

    @property
    def output(self) -> Output:
        """How results become segments."""
        return self._segments.output

    def set_output(self, output: Output) -> None:
        """Write results in another way from now on; what is shown is written again. Raises `OutputError`."""
        self.take_edits()
        if self._segments.set_output(output):
            self._answering.show_again()
        self._unsaved = True

    # for the engine, and for what belongs to a task

    def tick(self) -> None:
        """Do a little of what is due in the scene; called by `Engine.collect`."""
        self._check_volumes()
        self.prompt_nodes.collect()
        try:
            self._preparation.copy_next()
        except GliomaSAMError:
            self._preparation.fail()
            raise
        self._answering.tick(self._timeline)
        if self._unsaved:
            self._unsaved = False
            save_state(self)

    def next_work(self) -> Work | None:
        """The most urgent work for the worker."""
        return self._answering.next_work(self._timeline, self._engine.choice)

    @property
    def is_waiting(self) -> bool:
        """Whether something will happen without the user doing anything."""
        return self._answering.is_waiting

    @property
    def choice(self) -> Choice:
        """The model and device in use."""
        return self._engine.choice

    def model_changed(self) -> None:
        """Another model was chosen."""
        self._unsaved = True
        self._preparation.want()
        self.tell_changed()

    def stop(self) -> None:
        """Do nothing more until the user does something."""
        self._preparation.stop()
        self._answering.stop()
        self.tell_changed()

    def close(self) -> None:
        """Let go of the scene; when the segmentation was removed, its prompts go as well."""
        if self.node.GetScene() is None:
            self.prompt_nodes.delete()
        self.prompt_nodes.release()

    def restore(self, state: State) -> None:
        """Go on where a saved scene stopped."""
        self._engine.restore_model(self, state.choice)
        proposed = frozenset([0]) if state.proposed and not state.prompts else frozenset()
        self._timeline = Timeline(
            PromptHistory((*state.earlier, *state.prompts)), proposed, put_by=frozenset(state.earlier)
        )
        self._answering.restored(state.weights)
        self._segments.set_output(state.output)
        self.prompt_nodes.sync(self.prompts, self.earlier)
        self.set_volumes(state.nodes, state.register, state.skull)
        self._unsaved = False

    def keep_edits(self, edits: Mapping[str, np.ndarray]) -> bool:
        """Make masks edited by hand (uint8 (K, J, I) by region) prompts, as one step. Returns whether they say more
        than the prompts do.
        """
        masks = [prompting.mask(mask, region) for region, mask in edits.items()]
        masks = [mask for mask in masks if not self._timeline.holds(mask)]
        if not masks:
            return False
        self._timeline = self._timeline.add(*masks)
        self._answering.painted(self._timeline)
        self._unsaved = True
        self.tell_results()
        self.tell_changed()
        return True

    def refit(self, prepared: Prepared, own: bool) -> None:
        """The session of a model is there, with the masks edited by hand on its grid; `own` says whether its weights
        made what the segments show.
        """
        self._engine.loaded(prepared.choice)
        self._timeline = self._timeline.mapped(lambda prompt: prepared.masks.get(prompt.id, prompt))
        if own:
            self._timeline = self._timeline.owned()

    def stand_on(self, found: Sequence[Prompt]) -> None:
        """Other weights than the model's made what the segments show: these masks."""
        self._timeline = self._timeline.standing_on(found)
        self._unsaved = self._unsaved or not self._timeline.is_found  # opening a scene is no change of it
        self.prompt_nodes.sync(self.prompts, self.earlier)
        self.tell_changed()

    def not_prepared(self, choice: Choice, error: Exception) -> None:
        """There is no session, and why."""
        self._engine.not_loaded(choice)
        self._engine.tell_error(error)
        self.tell_changed()

    def refuse(self, reasons: Mapping[str, str]) -> None:
        """Forget prompts that the study cannot use, by their ids, and tell why."""
        self._timeline = self._timeline.mapped(lambda prompt: None if prompt.id in reasons else prompt)
        self._unsaved = True
        self.prompt_nodes.sync(self.prompts, self.earlier)
        for reason in dict.fromkeys(reasons.values()):
            self._engine.listener.message(reason, "error")

    def read_again_if_changed(self) -> bool:
        """Read the volumes again when they are not any more what was read. Returns whether."""
        try:
            if not self._preparation.choose_again():
                return False
            self._engine.listener.message("a volume has changed: reading it again", "info")
        except GliomaSAMError as error:
            self.tell_error(error)
            self._preparation.clear()
        self._engine.drop(self)
        return True

    def tell_changed(self) -> None:
        """Tell the panel that prompts, phase, notes, doubt or undo state are others."""
        self._engine.listener.changed(self)

    def tell_results(self) -> None:
        """Tell the panel that the segments hold something else."""
        self._unsaved = True
        self._engine.listener.results(self)

    def tell_error(self, error: Exception) -> None:
        """Tell the user of an error."""
        self._engine.tell_error(error)

    def _check_volumes(self) -> None:
        gone, left = self._preparation.look()
        if gone:
            self.set_volumes(left, self.register, self.skull)

    def _tell_gone(self, left: list[str]) -> None:
        """Tell which volumes in use have left the scene, and with which others it goes on."""
        gone, _ = self._preparation.look()
        if gone:
            going = f"going on with {', '.join(left)}" if left else "choose another one"
            text = f"the {' and '.join(gone)} volume was removed from the scene: {going}"
            self._engine.listener.message(text, "warning")
