"""The model outlines a visit; the outlines of the last visit, brought over, take the place of its proposal."""

from typing import TYPE_CHECKING, Any

from ...errors import StudyError
from ...followup.outlining import BY_MODEL
from ...progress import Cancel, Progress, Reporter
from ..jobs import Preparing
from ..naming import name_of_examination
from ..segments.node import new_segmentation
from ..segments.writer import SegmentWriter
from ..volumes import Inputs
from .entries import CARRIED_FROM, VisitEntry, VisitReading
from .jobs import Studies, outline

if TYPE_CHECKING:
    from ...followup.outlining import Outlined
    from ..engine import Engine


class Outlining:
    """Outlines one visit in the background, and makes a segmentation of it on which clicks go on.

    Args:
        scene: The scene.
        engine: Whose model is used.
        studies: What was read for comparisons.
        entry: The visit.
        before: The last outlined visit before it; None outlines without one.
        number: Of that visit, 1 for the first.
        aligned: The two visits lie in the same space already.

    Raises:
        StudyError: The visit has no volumes, or one cannot be used.
    """

    def __init__(
        self,
        scene: Any,
        engine: "Engine",
        studies: Studies,
        entry: VisitEntry,
        before: VisitEntry | None,
        number: int,
        aligned: bool,
    ) -> None:
        if not entry.visit.volumes:
            raise StudyError(
                f"{entry.visit.name} has no volumes that GliomaSAM knows: load them, or name them by modality"
            )
        self._scene = scene
        self._engine = engine
        self._studies = studies
        self._entry = entry
        self._before = before
        self._number = number
        self._aligned = aligned
        self._inputs = Inputs(dict(entry.visit.volumes))
        self._reading = VisitReading(before, studies.has) if before is not None else None
        self._started = self._finished = False
        self.node: Any = None
        """The segmentation that was made."""

    def tick(self) -> bool:
        """Do a little of what is due. Returns whether all is done. Raises `GliomaSAMError`."""
        if self._started:
            return self._finished
        try:
            if not self._inputs.copied:
                self._inputs.copy_next()
            elif self._reading is not None and not self._reading.done:
                self._reading.read_next()
            else:
                self._start()
        except Exception:
            self._started = self._finished = True
            raise
        return self._finished

    def _start(self) -> None:
        self._started = True
        engine, studies, aligned = self._engine, self._studies, self._aligned
        preparing = Preparing(engine.choice, self._inputs.copies)
        before = self._reading.result("given") if self._reading is not None else None

        number, cache = self._number, engine.jobs.cache

        def job(progress: Progress, cancel: Cancel) -> "Outlined":
            report = Reporter(progress, cancel)
            prepared = engine.jobs.prepare(preparing, report.part(0, 0.3).report, cancel)
            return outline(prepared, before, number, studies, aligned, cache, report.part(0.3, 1.0))

        def failed(error: Exception) -> None:
            self._finished = True
            engine.tell_error(error)

        engine.background("outlining the visit", job, self._done, failed)

    def _done(self, found: "Outlined") -> None:
        self._finished = True
        masks = {"WT": found.masks.wt, "TC": found.masks.tc, "ET": found.masks.et}
        visit = self._entry.visit
        if any(node.GetScene() is not self._scene for node in visit.volumes.values()):
            raise StudyError(f"The volumes of {visit.name} were removed: it was not outlined")
        node = visit.segmentation
        if node is None or node.GetScene() is not self._scene or node.GetSegmentation().GetNumberOfSegments():
            called = self._entry.date or name_of_examination(visit.volumes)
            name = self._scene.GenerateUniqueName(f"Glioma {called}".rstrip())
            node = new_segmentation(self._scene, name, self._entry.reference)
        SegmentWriter(node, found.masks.geometry, volume_node=self._entry.reference).write(masks)
        if found.source != BY_MODEL and self._before is not None and self._before.visit.segmentation is not None:
            node.SetNodeReferenceID(CARRIED_FROM, self._before.visit.segmentation.GetID())
        self._engine.task(node).set_volumes(visit.volumes)
        self.node = node
        told = [f"Outlined: {node.GetName()}. Check it, and correct it by clicks", *found.notes]
        self._engine.listener.message("; ".join(told), "info")
