"""One segmentation node: its volumes, its session, and the segments that show the session's result."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GliomaSAMError, StudyError
from ..geometry import Geometry
from ..progress import Reporter
from ..regions import REGIONS
from ..session import Prediction, Session
from ..session.masks import Boxes
from .jobs import ModelChoice, Prepared, Uncertainty, find_uncertainty
from .lesions import PromptsByPlace
from .markups_sync import PromptNodes
from .persistence import SavedState, has_lost_volumes, keep_made_on, save_state, volumes_made_on
from .preparation import Preparation
from .segments.patient import check_same_patient
from .segments.view import SegmentStyle, SegmentView
from .worker import Work

if TYPE_CHECKING:
    from .engine import Engine


class SegmentationController:
    """What the panel does with one segmentation. Made by `Engine.task`; for the main thread.

    Prompts are given to the `session`, which checks them at once; the segments follow when the worker has the answer.

    Args:
        segmentation_node: The vtkMRMLSegmentationNode.
        engine: Whose segmentation it is.

    Attributes:
        session: Owns prompts, steps and masks. What it shows is what the segments hold.
        changed_boxes: Where the last result changed the masks.
    """

    def __init__(self, segmentation_node: Any, engine: "Engine") -> None:
        self.node = segmentation_node
        self.session = Session(observer=self)
        self.changed_boxes: Boxes = {}
        self._engine = engine
        self._preparation = Preparation()
        self._view = SegmentView(segmentation_node)
        self._places = PromptsByPlace(self.session, self._view)
        self._encode_due = self._uncertainty_due = False
        self._uncertainty: Uncertainty | None = None
        self._notes: tuple[str, ...] = ()
        self._unsaved = self._unwritten = False
        self.prompt_nodes = PromptNodes(
            segmentation_node.GetScene(), segmentation_node, self.session, engine.tell_error
        )

    # volumes

    def set_volumes(
        self, nodes: Mapping[str, Any], register: bool = False, skull: str = "auto", same_patient: bool = False
    ) -> bool:
        """Choose the volumes, by modality, and options as for `Inputs`; reading and encoding begin in the background.
        Nodes that are None are left out. A choice that cannot be used is told as an error, and the one before holds.
        Returns whether it can be used.
        """
        self._tell_gone([modality for modality, node in nodes.items() if node is not None])
        try:
            if not any(node is not None for node in nodes.values()):
                self._preparation.clear()
                self._view.close()
                self.session.close()
                self._notes = ()
                self._forget_uncertainty()
                self._encode_due = False
            elif not self._choose(nodes, register=register, skull=skull, same_patient=same_patient):
                return True
        except GliomaSAMError as error:
            self._engine.tell_error(error)
            return False
        self._engine.drop(self)
        self._engine.touch(self)
        self._unsaved = True
        self.tell_changed()
        return True

    def _choose(self, nodes: Mapping[str, Any], **options: Any) -> bool:
        chosen = [node for node in nodes.values() if node is not None]
        doubt = check_same_patient(self.node, volumes_made_on(self.node).values(), chosen, has_lost_volumes(self.node))
        news = self._preparation.choose(nodes, **options)
        if news and doubt:
            self._engine.listener.message(doubt, "warning")
        return news

    @property
    def volume_nodes(self) -> dict[str, Any]:
        """The volume nodes in use, by modality."""
        return dict(self._preparation.inputs.nodes) if self._preparation.inputs is not None else {}

    @property
    def options(self) -> dict[str, Any]:
        """How the volumes are read, as for `Inputs`."""
        return dict(self._preparation.inputs.options) if self._preparation.inputs is not None else {}

    @property
    def phase(self) -> str:
        """Where it stands: "empty" without volumes, "reading", "stopped" until the user does something, or "ready"."""
        return self._preparation.phase

    @property
    def notes(self) -> tuple[str, ...]:
        """For the user: what other weights made, what was done to the volumes, how prompts are understood, and what the
        last result left.
        """
        noted = (self.session.history, self._preparation, self.prompt_nodes, self._view)
        history, volumes, markups, segments = (part.notes for part in noted)
        return (*history, *volumes, *markups, *self._notes, *segments)

    @property
    def geometry(self) -> Geometry | None:
        """The grid of the masks, in the world; None before the volumes have been read."""
        return self._view.geometry

    # results

    def masks(self, region: str) -> np.ndarray | None:
        """uint8 (K, J, I) on `geometry`: what the segments hold; None before the volumes have been read."""
        shown = self.session.masks
        return shown.mask(region) if shown is not None else None

    def volumes(self) -> dict[str, float]:
        """Volume in mL, as the segments hold it, of each region that they have: of a lesion WT alone."""
        return {region: ml for region, ml in self.session.volumes().items() if region in self._view.regions}

    def segment_ids(self) -> dict[str, str]:
        """By part (WT, TC, ET; ED, NC, ET; lesion): the id of its segment, where there is one."""
        return self._view.segment_ids()

    def uncertainty(self) -> Uncertainty | None:
        """Where what is shown is uncertain. None as long as it is not known: it is computed, and `changed` told."""
        found, request = self._uncertainty, self.session.shown_request()
        if found is not None and request is not None and found.request.prompts == request.prompts:
            return found
        self._uncertainty_due = self.session.history.has_result and self._can_show
        return None

    @property
    def style(self) -> SegmentStyle:
        """How results become segments."""
        return self._view.style

    def set_style(self, style: SegmentStyle) -> None:
        """Write results in another way from now on; `PromptsByPlace` says what is then shown. Raises `OutputError`."""
        self.take_edits()
        if self._places.set_style(style):
            self.changed(dict.fromkeys(REGIONS))
        self._unsaved = True

    def refresh(self, settled: bool = False) -> None:
        """Take what was painted into the segments as the result; with `settled` once it does not change any more."""
        if self._note_edits(settled):
            self._forget_uncertainty()
            self.tell_results()

    def take_edits(self) -> bool:
        """Make what was painted into the segments prompts, as one step: it is kept, and refined from. Returns whether
        there was something.
        """
        self.before_change()
        if not self.session.take_edits():
            return False
        self._forget_uncertainty()
        self._unsaved = True
        self._sync_prompts()
        self.tell_results()
        self.tell_changed()
        return True

    # what the session tells

    def before_prompt(self) -> None:
        """Raise `StudyError` when there is no volume."""
        if self.phase == "empty":
            raise StudyError("No volume is chosen: choose at least one of t1, t1c, t2 and flair")

    def before_change(self) -> None:
        """Note what was painted into the segments."""
        self._note_edits(settled=False)

    def changed(self, boxes: Boxes) -> None:
        """Another step holds: show it, or have it predicted."""
        self._forget_uncertainty()
        self._unsaved = True
        self._engine.touch(self)
        self._preparation.resume()
        self._sync_prompts()
        self._read_again_if_changed()
        self._engine.drop_answers(self, self.session.request())
        if self.session.request() is None:
            self._write(boxes)
        self.tell_changed()

    # work

    def tick(self) -> None:
        """Do a little of what is due in the scene; called by `Engine.collect`."""
        self._check_volumes()
        self.prompt_nodes.collect()
        try:
            self._preparation.copy_next()
        except GliomaSAMError:
            self._preparation.on_failed()
            raise
        try:
            if self._preparation.is_ready:
                self._look_at_segments()
        finally:
            if self._unsaved:
                self._unsaved = False
                save_state(self, self._places.kept)

    def next_work(self) -> Work | None:
        """The most urgent work for the worker; None when there is nothing."""
        choice = self._engine.choice
        wanted = self._preparation.request(choice, self._places.masks(), self._view.geometry)
        if wanted is not None:
            return Work(
                "prepare",
                "reading the volumes" if wanted.study is None else f"loading the model {choice.model}",
                lambda progress, cancel: self._engine.jobs.prepare(wanted, progress, cancel),
                self._prepared,
                lambda error: self._not_prepared(choice, error),
            )
        predictor, grid, request = self.session.predictor, self._view.geometry, self.session.request()
        if predictor is None or grid is None or not self._can_show:
            return None
        if request is not None:
            return Work(
                "update",
                "outlining",
                lambda progress, cancel: predictor.predict(request, progress, cancel),
                self._predicted,
                self._not_predicted,
                request,
            )
        shown = self.session.shown_request()
        if self._uncertainty_due and shown is not None:
            return Work(
                "uncertainty",
                "looking for uncertain places",
                lambda progress, cancel: find_uncertainty(predictor, shown, grid, Reporter(progress, cancel)),
                self._uncertainty_found,
                self._uncertainty_failed,
            )
        if self._encode_due:
            return Work("encode", "getting ready for prompts", predictor.encode, self._encoded, self._not_encoded)
        return None

    @property
    def is_waiting(self) -> bool:
        """Whether something will happen without the user doing anything."""
        if not self._preparation.is_ready:
            return self._preparation.phase == "reading"
        looking = self._uncertainty_due and self.session.shown_request() is not None
        return self.session.request() is not None or self._encode_due or looking or not self._view.is_read

    @property
    def choice(self) -> ModelChoice:
        """The model and device in use."""
        return self._engine.choice

    def model_changed(self) -> None:
        """Another model was chosen."""
        self._unsaved = True
        self._preparation.resume()
        self.tell_changed()

    def stop(self) -> None:
        """Do nothing more until the user does something."""
        self._preparation.stop()
        self.session.stop()
        self._encode_due = self._uncertainty_due = False
        self.tell_changed()

    def close(self) -> None:
        """Let go of the scene; when the segmentation was removed, its prompts go as well."""
        if self.node.GetScene() is None:
            self.prompt_nodes.delete()
        self.prompt_nodes.release()

    def restore(self, state: SavedState) -> None:
        """Go on where a saved scene stopped."""
        self._engine.restore_model(self, state.choice)
        self.session.restore(state.history, state.weights, state.due)
        self._places.kept = dict(state.kept)
        self._view.set_style(state.style)
        self._sync_prompts()
        self.set_volumes(state.nodes, state.register, state.skull, state.same_patient)
        self._unsaved = False

    # what the worker has done

    def _prepared(self, prepared: Prepared) -> None:
        self._preparation.on_prepared(prepared)
        self._engine.loaded(prepared.choice)
        refused = self.session.open(prepared.study, prepared.predictor, prepared.masks)
        self._places.open(prepared.masks, refused)
        self._view.open(prepared.study.reference, self._preparation.reference_node)
        self._encode_due = True
        if refused:
            self._unsaved = True
            self._sync_prompts()
        for reason in dict.fromkeys(refused.values()):
            self._engine.listener.message(reason, "error")
        self._read_again_if_changed()
        self.tell_changed()

    def _not_prepared(self, choice: ModelChoice, error: Exception) -> None:
        self._preparation.on_failed()
        self._engine.not_loaded(choice)
        self._engine.tell_error(error)
        self.tell_changed()

    def _predicted(self, prediction: Prediction) -> None:
        if self._read_again_if_changed():
            return
        self._notes = prediction.notes
        self._note_edits(settled=False)  # painted meanwhile: a step upon this answer
        waiting = self.session.request() is not None
        boxes = self.session.apply(prediction)
        if waiting and self.session.request() is None:
            self._write(boxes)
        self.tell_changed()

    def _not_predicted(self, error: Exception) -> None:
        self.session.stop()
        self._engine.tell_error(error)

    def _uncertainty_found(self, found: Uncertainty) -> None:
        self._uncertainty_due = False
        self._uncertainty = found
        self.tell_changed()

    def _uncertainty_failed(self, error: Exception) -> None:
        self._uncertainty_due = False
        self._engine.tell_error(error)

    def _forget_uncertainty(self) -> None:
        self._uncertainty, self._uncertainty_due = None, False

    def _encoded(self, nothing: None) -> None:
        self._encode_due = False

    def _not_encoded(self, error: Exception) -> None:
        self._encode_due = False
        self._engine.tell_error(error)

    # the segments

    @property
    def _can_show(self) -> bool:
        """Whether the volumes have been read, and what the segments hold is known."""
        return self._preparation.is_ready and self._view.is_read and self.session.masks is not None

    def _look_at_segments(self) -> None:
        """Find out what the segments hold: at first all of it, a segment a call, and then what others change in them,
        so that the results are always those of the segments.
        """
        found = self._view.read_next()
        if found is not None:
            if self.session.adopt(*found):
                self._unsaved = self._unsaved or not self.session.history.is_inherited  # opening a scene changes none
                self._sync_prompts()
            if self.session.masks is not found[0]:
                self._write(None)
            elif any(found[0].voxels(region) for region in REGIONS):
                keep_made_on(self.node, self.volume_nodes, anew=False)
                self._engine.listener.results(self)
            self.tell_changed()
        elif self._unwritten:
            self._write(None)
        else:
            self.refresh(settled=True)

    def _note_edits(self, settled: bool) -> bool:
        """Tell the session what others made of the segments. Returns whether there was something."""
        if not self._can_show or self.node.GetScene() is None:
            return False
        edited, others = self._view.take_changes(settled)
        if edited or others:
            self.session.note_edits(edited, others)
            keep_made_on(self.node, self.volume_nodes)
        return bool(edited or others)

    def _write(self, boxes: Boxes | None) -> None:
        """Let the segments hold what the session shows, which differs in these boxes from what was written before."""
        masks = self.session.masks
        self._unwritten = masks is not None and not self._can_show
        if masks is None or self._unwritten:
            return
        try:
            self._view.write(masks, boxes)
        except GliomaSAMError as error:
            self._engine.tell_error(error)
        else:
            self.changed_boxes = boxes or self.changed_boxes
            keep_made_on(self.node, self.volume_nodes)
        held = self._view.held
        if held is not None and held is not masks:
            self.session.masks = held
        self.tell_results()

    # volumes and prompts in the scene

    def _sync_prompts(self) -> None:
        self.prompt_nodes.sync(self.session.prompts, self.session.earlier)

    def _read_again_if_changed(self) -> bool:
        """Read the volumes again when they are not any more what was read. Returns whether."""
        try:
            if not self._preparation.choose_again():
                return False
            self._engine.listener.message("A volume has changed: reading it again", "info")
        except GliomaSAMError as error:
            self._engine.tell_error(error)
            self._preparation.outdate()
        self._engine.drop(self)
        return True

    def _check_volumes(self) -> None:
        gone, left = self._preparation.missing_nodes()
        if gone:
            self.set_volumes(left, **self.options)

    def _tell_gone(self, left: list[str]) -> None:
        """Tell which volumes in use have left the scene, and with which others it goes on."""
        gone, _ = self._preparation.missing_nodes()
        if gone:
            going = f"going on with {', '.join(left)}" if left else "choose another one"
            text = f"The {' and '.join(gone)} volume was removed from the scene: {going}"
            self._engine.listener.message(text, "warning")

    def tell_changed(self) -> None:
        """Tell the panel that prompts, phase, notes, uncertainty or undo state are others."""
        self._engine.listener.changed(self)

    def tell_results(self) -> None:
        """Tell the panel that the segments hold something else."""
        self._unsaved = True
        self._engine.listener.results(self)
