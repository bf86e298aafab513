"""From the volumes that the user chose to a session that is ready for prompts."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..geometry import Geometry
from ..prompts import Prompt
from ..study.modalities import REFERENCE_ORDER
from .jobs import ModelChoice, Prepared, Preparing
from .volumes import Inputs, volume_notes


class Preparation:
    """The choice of volumes of one task and what has become of it. A new choice replaces the one before only once it
    has proved usable.
    """

    def __init__(self) -> None:
        self.inputs: Inputs | None = None
        """The choice that holds, or is being tried."""
        self.prepared: Prepared | None = None
        """What is ready: of `inputs` when `is_ready`, else of the choice before."""
        self._last_working: Inputs | None = None
        self._wanted = False

    @property
    def is_ready(self) -> bool:
        """Whether the volumes chosen have been read."""
        return self.prepared is not None and self._last_working is self.inputs

    @property
    def phase(self) -> str:
        """Where it stands: "empty" without volumes, "reading", "stopped" until the user does something, or "ready"."""
        if self.inputs is None:
            return "empty"
        if self.is_ready:
            return "ready"
        return "reading" if self._wanted else "stopped"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the volumes."""
        if self.inputs is None or self.prepared is None or not self.is_ready:
            return ()
        present = [(node, modality) for modality, node in self.inputs.nodes.items() if node.GetScene() is not None]
        said = [note for node, modality in present for note in volume_notes(node, modality)]
        return (*self.inputs.doubts, *said, *self.prepared.study.notes)

    @property
    def reference_node(self) -> Any:
        """The volume node that results are given on; before the study is read the one that is likely to be it."""
        nodes = self.inputs.nodes if self.inputs is not None else {}
        study = self.prepared.study if self.is_ready and self.prepared is not None else None
        chosen = getattr(study, "reference_modality", None)  # of `Study`; what stands in for one may not say it
        if chosen in nodes:
            return nodes[chosen]
        return next((nodes[modality] for modality in REFERENCE_ORDER if modality in nodes), None)

    def choose(self, nodes: Mapping[str, Any], **options: Any) -> bool:
        """Choose volumes; options as for `Inputs`. Returns whether that is news.

        Raises:
            StudyError: One cannot be used; the choice before holds.
        """
        if self.inputs is not None and self.inputs.same(nodes, **options):
            self.resume()
            return False
        self.inputs = Inputs(nodes, **options)
        self._wanted = True
        return True

    def choose_again(self) -> bool:
        """Whether the volumes in use are not any more as they were read; then they will be read again.

        Raises:
            StudyError: One cannot be used any more; the choice before holds.
        """
        inputs = self.inputs
        if inputs is None or inputs.gone() or not inputs.changed():
            return False
        return self.choose(inputs.nodes, **inputs.options)

    def missing_nodes(self) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The modalities whose volumes have left the scene, and the nodes of the others."""
        if self.inputs is None:
            return (), {}
        gone = self.inputs.gone()
        return gone, {modality: node for modality, node in self.inputs.nodes.items() if modality not in gone}

    def clear(self) -> None:
        """Choose no volume."""
        self.inputs = self.prepared = self._last_working = None
        self._wanted = False

    def resume(self) -> None:
        """Go on with what was stopped or failed."""
        self._wanted = self._wanted or self.inputs is not None

    def stop(self) -> None:
        """Do not go on until the user does something."""
        self._wanted = False

    def outdate(self) -> None:
        """The volumes in use are not any more as they were read, and cannot be read now: they are read again when the
        user does something.
        """
        self._last_working = None
        self.stop()

    def copy_next(self) -> None:
        """Copy a piece of a volume out of the scene where that is due. Raises `StudyError`."""
        if self._wanted and self.inputs is not None and not self.is_ready and not self.inputs.copied:
            self.inputs.copy_next()

    def request(self, choice: ModelChoice, masks: Sequence[Prompt], grid: Geometry | None) -> Preparing | None:
        """What the worker has to prepare; None when nothing, or not yet."""
        if self.inputs is None or not self._wanted:
            return None
        if self.is_ready and self.prepared is not None:
            if self.prepared.choice == choice:
                return None
            return Preparing(choice, study=self.prepared.study)
        if not self.inputs.copied:
            return None
        return Preparing(choice, self.inputs.copies, self.inputs.register, self.inputs.skull, None, masks, grid)

    def on_prepared(self, prepared: Prepared) -> None:
        """The worker has prepared what was requested."""
        self.prepared = prepared
        self._last_working = self.inputs
        if self.inputs is not None:
            self.inputs.release()

    def on_failed(self) -> None:
        """What was requested cannot be prepared: the choice before holds again."""
        if not self.is_ready and self._last_working is not None:
            self.inputs = self._last_working
        self._wanted = self.is_ready
