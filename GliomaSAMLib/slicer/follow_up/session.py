"""The follow-up of one patient in a scene: the list of visits, the comparison, and what the reader changes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import StudyError
from ...followup.assessment import Assessment, ReaderChoices
from ...followup.one_patient import folder_notes
from ...followup.options import COMPONENTS, FollowUpOptions
from ...progress import Cancel, Progress, Reporter
from ..jobs import importing
from ..volumes import files_of
from .callipers import Callipers
from .choices import Choices, Digests
from .curve import Curve
from .entries import VisitEntry, VisitReading, source_of
from .jobs import Studies, compare, judge
from .outlines import outlines_version
from .outlining import Outlining
from .persistence import SavedFollowUp, restore, save
from .views import Shown, SideBySide
from .visit_list import VisitList
from .visits import find_visits

if TYPE_CHECKING:
    from ..engine import Engine


class FollowUp:
    """Compares the visits of a patient. Main thread only; the slow work is done by the engine's worker.

    Volumes and segments are read, and never changed. What it adds to the scene: calliper lines, the curve, one hidden
    node with its state, and the segmentation of a visit that it outlines.

    Args:
        scene: The scene.
        engine: Does the work.
        changed: Called when the list, the comparison or the numbers are others.

    Attributes:
        outlined: The segmentation that the model made last; the panel takes it up, and sets it to None.
        options: As chosen.
        aligned: Whether the visits lie in the same space already.
    """

    def __init__(self, scene: Any, engine: "Engine", changed: Callable[[], None]) -> None:
        self._scene = scene
        self._engine = engine
        self._changed = changed
        self._studies = Studies(engine.jobs.read_study)
        self._readings: list[VisitReading] = []
        self._outlining: Outlining | None = None
        self._versions: tuple[object, ...] = ()
        self._compared: tuple[VisitEntry, ...] = ()
        self._assessment: Assessment | None = None
        self._listed: tuple[VisitEntry, ...] = ()
        self._busy = False
        self._judge_again = False
        self._unsaved = False
        self._closed = False
        self._like: Any = None
        self.outlined: Any = None
        self.options = FollowUpOptions()
        self.aligned = False
        self.curve = Curve(scene)
        self.views = SideBySide(scene)
        saved = restore(scene)
        for reason in saved.unread:
            engine.listener.message(reason, "warning")  # it is kept by `save`
        self.options, self.aligned = saved.options, saved.aligned
        self._visits, self._choices = VisitList(saved.visits), Choices(scene, saved.targets)

    # the visits

    @property
    def entries(self) -> list[VisitEntry]:
        """The visits of the patient who is shown, by date."""
        return self._visits.entries

    def find(self, like: Any = None) -> None:
        """Look for visits in the scene; what was said of them before holds on.

        Args:
            like: A node of the patient; the last one when it is not given.
        """
        self._like = like if like is not None else self._like
        gone = self._like is not None and self._like.GetScene() is not self._scene
        shown = self.assessment
        self._visits.take(find_visits(self._scene, None if gone else self._like))
        if self.assessment is not shown:
            self.judge_again()
            self._show()
        self._changed()

    def include(self, entry: VisitEntry, included: bool) -> None:
        """Compare a visit, or leave it out."""
        entry.included = included
        self._unsaved = True

    def set_date(self, entry: VisitEntry, day: date | None) -> None:
        """Give a visit the date that a person typed; None: what the scene tells."""
        entry.typed_date = day
        self._visits.sort()
        self._unsaved = True
        self._changed()

    def set_fields(self, entry: VisitEntry, **values: Any) -> None:
        """Say what masks cannot tell of a visit, as for `VisitFields`; None: not known."""
        fields = replace(entry.fields, **values)
        if fields == entry.fields:
            return
        entry.fields = fields
        self._unsaved = True
        self.judge_again()

    def set_radiotherapy_end(self, day: date | None) -> None:
        """Say when radiotherapy ended, which holds for all visits; None: not known."""
        for entry in self.entries:
            self.set_fields(entry, radiotherapy_end=day)

    def set_options(self, aligned: bool | None = None, **values: Any) -> None:
        """Choose otherwise, as for `FollowUpOptions`. Raises `StudyError`."""
        options = replace(self.options, **values)
        again = options != self.options
        self.options = options
        if aligned is not None and aligned != self.aligned:
            self.aligned = aligned  # holds from the next comparison on
            self._unsaved = True
        if again:
            self._unsaved = True
            self.judge_again()

    # comparing

    @property
    def assessment(self) -> Assessment | None:
        """Of the last comparison; None before it, and while another patient is shown."""
        shown = any(entry in self.entries for entry in self._compared)
        return self._assessment if shown else None

    @property
    def compared(self) -> tuple[VisitEntry, ...]:
        """The visits of the comparison, in its order."""
        return self._compared if self.assessment is not None else ()

    @property
    def was_compared(self) -> bool:
        """Whether the visits were compared, be it before the scene was saved."""
        return any(entry.digest for entry in self.entries)

    @property
    def is_stale(self) -> bool:
        """Whether outlines or days were changed since they were compared."""
        return self.assessment is not None and self._versions != self._version(self._compared)

    @property
    def is_waiting(self) -> bool:
        """Whether something will happen without the user doing anything."""
        return self._busy or bool(self._readings) or self._judge_again or self._outlining is not None

    def compare(self) -> None:
        """Compare the visits that are included; the numbers come later, in the background.

        Raises:
            StudyError: Fewer than two can be, or one cannot be used.
        """
        self.find()
        chosen = [entry for entry in self.entries if entry.is_included]
        if len(chosen) < 2:
            raise StudyError(
                f"{len(chosen) or 'No'} visit{'s' * (not chosen)} to compare: outline and tick at least two visits"
            )
        chosen.sort(key=lambda entry: entry.date or date.min)
        self._listed = tuple(self.entries)
        self._readings = [VisitReading(entry, self._studies.has) for entry in chosen]

    def tick(self) -> None:
        """Do a little of what is due in the scene; called often. Raises `GliomaSAMError`."""
        if self._closed or self._scene.IsBatchProcessing():
            return
        if self._readings:
            self._read_next()
        if self._outlining is not None and self._outlining.tick():
            self.outlined, self._outlining = self._outlining.node, None
            self.find()
        if self.assessment is not None and self.callipers.changed():
            self.judge_again()
        if self._judge_again and not self._busy and not self._readings:
            self._start_judging()
        if self._unsaved:
            self._unsaved = False
            self._save()

    def _read_next(self) -> None:
        try:
            waiting = next((reading for reading in self._readings if not reading.done), None)
            if waiting is not None:
                waiting.read_next()
                return
        except Exception:
            self._readings = []
            raise
        if self._busy:
            return
        readings, self._readings = self._readings, []
        nodes = [reading.entry.visit.segmentation for reading in readings]
        sources = [source_of(node, nodes[:number]) for number, node in enumerate(nodes)]
        copies = [reading.result(source) for reading, source in zip(readings, sources, strict=True)]
        folders = [file.parent for reading in readings for n in reading.entry.visit.nodes for file in files_of(n)]
        copies[-1] = replace(copies[-1], notes=(*copies[-1].notes, *folder_notes(folders)))
        entries = tuple(reading.entry for reading in readings)
        versions, digests = self._version(entries), tuple(copy.digest for copy in copies)
        listed, before = self._listed, tuple(entry.digest for entry in self._listed if entry.digest)
        studies, options, aligned = self._studies, self.options, self.aligned
        choices = self._choices.of(digests) if digests == before else ReaderChoices()

        def job(progress: Progress, cancel: Cancel) -> Assessment:
            return compare(copies, studies, options, choices, aligned, Reporter(progress, cancel))

        def done(found: Assessment) -> None:
            self._busy = False
            for entry in listed:
                entry.digest = digests[entries.index(entry)] if entry in entries else ""
            self._compared, self._versions = entries, versions
            self._carry_choices(before, digests, found)
            self._take(found)

        self._run("comparing the visits", job, done)

    def judge_again(self) -> None:
        """Let what the reader changed count."""
        self._judge_again = self.assessment is not None

    def _start_judging(self) -> None:
        self._judge_again = False
        assert self.assessment is not None
        pairs = zip(self.assessment.visits, self._compared, strict=True)
        visits = [replace(visit, fields=entry.all_fields) for visit, entry in pairs]
        options, choices = self.options, self._choices.shown

        def done(found: Assessment) -> None:
            self._busy = False
            self._take(found)

        earlier = self.assessment

        def job(progress: Progress, cancel: Cancel) -> Assessment:
            return judge(visits, options, choices, earlier, Reporter(progress, cancel))

        self._run("judging", job, done)

    def _run(self, text: str, job: Callable[[Progress, Cancel], Any], done: Callable[[Any], None]) -> None:
        self._busy = True

        def failed(error: Exception) -> None:
            self._busy = False
            self._engine.tell_error(error)
            self._changed()

        self._engine.background(text, job, done, failed)

    def cancelled(self) -> None:
        """The work in the background was stopped."""
        self._busy = self._judge_again = False
        self._readings = []
        self._outlining = None

    def _take(self, assessment: Assessment) -> None:
        if self._closed:
            return
        self._assessment = assessment
        self._unsaved = True
        self._show()
        self._changed()

    def _show(self) -> None:
        """Let the scene show the comparison; nothing of one of a patient who is not shown."""
        assessment = self.assessment
        if assessment is None:
            self.views.close()
            self.callipers.show_in({})
            return
        self.callipers.show(assessment, self._target_tracks(assessment))
        self.show_callipers(len(assessment.visits) - 1)
        self.curve.show(assessment)

    def _target_tracks(self, assessment: Assessment) -> dict[str, tuple[str, ...]]:
        """The targets of the components that are judged."""
        judged = COMPONENTS if self.options.tumour == "mixed" else (self.options.tumour,)
        return {name: result.targets for name, result in assessment.components.items() if name in judged}

    # the reader's choices

    @property
    def callipers(self) -> Callipers:
        """The lines of the comparison."""
        return self._choices.callipers

    def set_target(self, component: str, track: str, chosen: bool) -> None:
        """Choose a lesion as target, or take it away."""
        if self.assessment is not None and self._choices.set_target(component, track, chosen, self.assessment):
            self._unsaved = True
            self.judge_again()

    def reset_choices(self) -> None:
        """Take the targets and the lines that the program chose."""
        self._choices.reset()
        self._unsaved = True
        self.judge_again()

    @property
    def has_choices(self) -> bool:
        """Whether the reader changed something."""
        return self.assessment is not None and self._choices.shown != ReaderChoices()

    def _carry_choices(self, before: Digests, digests: Digests, assessment: Assessment) -> None:
        """Keep what the reader chose, as far as it is of the same visits."""
        if self._choices.carry(before, digests, assessment):
            self._engine.listener.message(
                "The outlines or the visits are others than before: the targets that you changed, and calliper lines "
                "where outlines are others, were given up",
                "warning",
            )
        self._judge_again = self._judge_again or (digests != before and self._choices.shown != ReaderChoices())

    # showing

    def show_callipers(self, visit: int) -> None:
        """Show the calliper lines where their visit is shown: in its view, or, when the views are not side by side,
        those of one visit (index) everywhere.
        """
        self.callipers.show_in(self.views.view_ids() if self.views.is_open else {visit: ()})

    def show_side_by_side(self, earlier: int, later: int) -> None:
        """Show two visits of the comparison side by side."""
        if self.assessment is None:
            raise StudyError("Nothing is compared yet: press Compare visits first")
        self.views.open(self._shown(earlier), self._shown(later))
        self.show_callipers(later)
        self.curve.show(self.assessment)

    def _shown(self, index: int) -> Shown:
        assert self.assessment is not None
        entry, visit = self._compared[index], self.assessment.visits[index]
        title = f"V{index + 1}  {visit.date.isoformat()}"
        return Shown(index, entry.reference, entry.visit.segmentation, visit.alignment.to_first, title)

    def go_to(self, component: str, track: str, visit: int) -> dict[int, np.ndarray]:
        """Show a lesion: in the views side by side each visit in the slice it was measured in. Returns for each visit
        that shows it the middle of the longest diameter, RAS mm of that visit.
        """
        if self.assessment is None:
            return {}
        places = {
            index: np.array(found.diameters.middle)
            for index, found in enumerate(self.assessment.components[component].at[track])
            if found is not None
        }
        if self.views.is_open:
            self.views.go_to(places)
        shown = {name: set(tracks) for name, tracks in self._target_tracks(self.assessment).items()}
        shown.setdefault(component, set()).add(track)
        self.callipers.show(self.assessment, shown)
        self.show_callipers(visit)
        return places

    # outlining and export

    def outline(self, entry: VisitEntry) -> None:
        """Let the model outline a visit; the outlines of the last visit before it take the place of its proposal.

        Raises:
            StudyError: The visit has no volumes, or is outlined already, or one is being outlined.
        """
        if self._outlining is not None:
            raise StudyError("A visit is being outlined: wait until it is done, or press Cancel")
        if entry.visit.is_outlined:
            raise StudyError(f"{entry.visit.name} is outlined already: change it by clicks, or remove its segmentation")
        day = entry.date
        before = [one for one in self.entries if one.visit.is_outlined and one.date and day and one.date <= day]
        last, number = (before[-1], self.entries.index(before[-1]) + 1) if before else (None, 0)
        self._outlining = Outlining(self._scene, self._engine, self._studies, entry, last, number, self.aligned)

    def export(self, folder: str | Path, done: Callable[[Path], None], overwrite: bool = False) -> None:
        """Write the report into a folder, in the background.

        Args:
            folder: New or empty, or with `overwrite` that of an earlier report.
            done: Called with the folder.
            overwrite: Replace the files of an earlier report.

        Raises:
            StudyError: Nothing is compared, or something was changed since that is not in the numbers yet.
            OutputError: The folder cannot take a report.
        """
        from ...followup.report.folder import check_report_folder, write_report_folder

        if self.assessment is None:
            raise StudyError("Nothing is compared yet: press Compare visits first")
        if self.is_stale:
            raise StudyError("Outlines or days were changed since the visits were compared: press Compare visits again")
        if self.is_waiting:
            raise StudyError("The numbers are being computed anew: write the report once they are shown")
        files = [file for entry in self._compared for node in entry.visit.nodes for file in files_of(node)]
        read = {place for file in files for place in (file.parent, file.resolve().parent)}
        path = check_report_folder(folder, read, overwrite)
        assessment = self.assessment
        aligned = all(visit.alignment.method != "rigid" for visit in assessment.visits)
        used = {"registered": aligned, "overwrite": overwrite}

        def job(progress: Progress, cancel: Cancel) -> Path:
            report = Reporter(progress, cancel)
            importing(lambda: write_report_folder(assessment, path, options=used, overwrite=overwrite, report=report))
            return path

        self._engine.background("writing the report", job, done)

    def close(self) -> None:
        """Let go of the scene; what is in it stays."""
        self._closed = True
        self._readings = []
        self.views.close()

    # the scene

    def _version(self, entries: tuple[VisitEntry, ...]) -> tuple[object, ...]:
        nodes = [entry.visit.segmentation for entry in entries]
        present = [node if node is not None and node.GetScene() is self._scene else None for node in nodes]
        versions = (outlines_version(node) if node is not None else () for node in present)
        return tuple(zip((entry.date for entry in entries), versions, strict=True))

    def _save(self) -> None:
        save(self._scene, SavedFollowUp(self._visits.saved(), self.options, self.aligned, self._choices.targets))
