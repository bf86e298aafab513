"""The section Follow-up: the visits of a patient, what the tumour did between them, targets and calliper lines."""

import os

import qt
import slicer
from slicer.i18n import tr as _

from . import dialogs
from .follow_up_fields import FieldsForm, dateText
from .views import jump

NARROW = 250
"""The width in pixels that a text is laid out for at least."""


def events():
    """What the table calls what became of a lesion; nothing for what is usual."""
    return {
        "first": "",
        "new": _("new"),
        "kept": "",
        "split": _("split"),
        "merged": _("merged"),
        "vanished": _("gone"),
        "absent": _("absent"),
        "returned": _("returned"),
    }


class FollowUpSection:
    """Leads the tables and the fields; what they do lives in `GliomaSAMLib.slicer.follow_up`.

    Args:
        panel: The `Panel`.

    Attributes:
        session: The `FollowUp` of the scene; None before the section is opened.
    """

    def __init__(self, panel):
        self._panel = panel
        self._ui = panel.ui
        self.session = None
        self._entries = []
        self._rows = []
        self._chosen = None
        self._filling = False
        self._due = False
        self._changedDue = False
        self._stale = False
        self._reopen = False
        self._sideBySide = False
        ui = self._ui
        for label in (ui.categoryLabel, ui.reasonsLabel, ui.followUpNotesLabel):
            label.textFormat = qt.Qt.PlainText
        ui.categoryLabel.styleSheet = "font-weight: bold;"
        for table, wide in ((ui.visitsTable, 1), (ui.lesionsTable, 0)):
            header = table.horizontalHeader()
            for column in range(table.columnCount):
                header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
            header.setSectionResizeMode(wide, qt.QHeaderView.Stretch)
        self.fields = FieldsForm(self, panel)
        ui.followUpButton.connect("contentsCollapsed(bool)", self._opened)
        ui.findVisitsButton.connect("clicked()", self.findVisits)
        ui.outlineVisitButton.connect("clicked()", self.outlineVisit)
        ui.compareButton.connect("clicked()", self.compare)
        ui.visitsTable.connect("itemChanged(QTableWidgetItem*)", self._visitEdited)
        ui.visitsTable.connect("itemSelectionChanged()", self._visitChosen)
        ui.lesionsTable.connect("itemChanged(QTableWidgetItem*)", self._lesionTicked)
        ui.lesionsTable.connect("itemSelectionChanged()", self._lesionChosen)
        ui.sideBySideButton.connect("clicked()", self.sideBySide)
        ui.resetChoicesButton.connect("clicked()", self.reset)
        ui.exportReportButton.connect("clicked()", self.export)
        self.show()

    # the session

    def _require(self):
        """The session, made when there is none; None and a message where that cannot be."""
        if self.session is None and self._panel.parameters is not None and self._panel.requireEngine() is not None:
            from GliomaSAMLib.slicer.follow_up.session import FollowUp

            self.session = FollowUp(slicer.mrmlScene, self._panel.engine, self.showLater)
            self._panel.parameters.visitsAligned = self.session.aligned
            self._panel.parameters.followUpTumour = type(self._panel.parameters.followUpTumour)(
                self.session.options.tumour
            )
            self.session.find(self._like())
        return self.session

    def _like(self):
        """A node of the patient who is shown."""
        parameters = self._panel.parameters
        nodes = [parameters.segmentation, *self._panel.inputs.nodes().values()]
        return next((node for node in nodes if node is not None), None)

    def release(self):
        """Let go of the scene; the next one is looked at as this one was."""
        if self.session is not None:
            self._reopen = True
            self.session.close()
            self.session = None
        self._chosen = None
        self.show()

    def leave(self):
        """Other views are wanted: those of before, with the lines of the chosen visit in all of them."""
        if self.session is not None and self.session.views.shown:
            self.session.views.close()
            index = self.index()
            if index is not None:
                self.session.show_callipers(index)
            self.show()

    @property
    def isSideBySide(self):
        """Whether two visits are shown side by side."""
        return self.session is not None and self.session.views.is_open

    def viewsOfOthers(self, task):
        """The tags of the views side by side that show another visit than that of a task."""
        return self.session.views.tags_of_others(task.node) if self.session is not None else ()

    def showLater(self):
        """Show what is new at the next tick."""
        self._changedDue = True

    def nodesMayHaveChanged(self):
        """Volumes, segmentations or segments are others: look for visits at the next tick, while there is a list."""
        self._due = self.session is not None

    def parametersChanged(self):
        """Options were chosen on the panel, or came with the scene."""
        parameters = self._panel.parameters
        if self.session is not None and parameters is not None:
            with self._panel.attempt():
                self.session.set_options(parameters.visitsAligned, tumour=parameters.followUpTumour.value)

    def tick(self):
        """Do a little of what is due."""
        if self._panel.parameters is None:
            return
        if self._reopen and self._panel.entered:
            self._reopen = False
            self._opened(self._ui.followUpButton.collapsed)
        session = self.session
        if session is None:
            return
        if self._due:
            self._due = False
            session.find(self._like())
        session.tick()
        if session.views.shown and not session.views.is_open:
            self.leave()
        if session.outlined is not None:
            self._panel.parameters.segmentation, session.outlined = session.outlined, None
        if session.is_stale != self._stale:
            self.showLater()
        if self._changedDue:
            self._changedDue = False
            self.show()

    def cancelled(self):
        """The user stopped the work."""
        if self.session is not None:
            self.session.cancelled()

    # what the user does

    def _opened(self, collapsed):
        if collapsed:
            return
        with self._panel.attempt():
            session = self._require()
            if session is not None and session.was_compared and session.assessment is None:
                session.compare()

    def findVisits(self):
        """Look for visits in the scene."""
        self._panel.messages.clear()
        with self._panel.attempt():
            session = self._require()
            if session is None:
                return
            session.find(self._like())
            if not session.entries:
                self._panel.message(
                    _("No visit was found: put the volumes of each visit into a study (module Data), or outline them"),
                    "info",
                )

    def outlineVisit(self):
        """Let the model outline the visit that is chosen."""
        self._panel.messages.clear()
        with self._panel.attempt():
            session, entry = self._require(), self.entry()
            if session is None:
                return
            if entry is None:
                self._panel.message(_("Choose the visit to outline in the table first"), "info")
                return
            session.outline(entry)

    def compare(self):
        """Compare the visits that are ticked."""
        self._panel.messages.clear()
        with self._panel.attempt():
            session = self._require()
            if session is not None:
                session.compare()

    def entry(self):
        """The visit that is chosen in the table; None where none is."""
        return self._chosen if self._chosen in self._entries else None

    def index(self):
        """The index of the chosen visit in the comparison; the last one where none is chosen, None without one."""
        if self.session is None or self.session.assessment is None:
            return None
        entry, compared = self.entry(), list(self.session.compared)
        shared = [n for n, one in enumerate(compared) if entry is not None and one.visit.shares(entry.visit.nodes)]
        return shared[0] if shared else len(compared) - 1

    def _visitEdited(self, item):
        """A visit was ticked, or a date typed."""
        if self._filling or item.column() != 0 or item.row() >= len(self._entries):
            return
        entry = self._entries[item.row()]
        with self._panel.attempt():
            from GliomaSAMLib.followup.dates import parse_date

            self._panel.messages.clear()
            included = item.checkState() == qt.Qt.Checked
            text = item.text().strip()
            try:
                if included != entry.is_included:
                    self.session.include(entry, included)
                elif text != dateText(entry.date):
                    self.session.set_date(entry, parse_date(text, _("The date of the visit")) if text else None)
            finally:
                self.showLater()

    def _visitChosen(self):
        if self._filling:
            return
        row = self._ui.visitsTable.currentRow()
        if 0 <= row < len(self._entries):
            self._chosen = self._entries[row]
            with self._panel.attempt():
                index = self.index()
                if index is not None and self._ui.sideBySideButton.checked:
                    self._openViews(index)
                elif index is not None:
                    self.session.show_callipers(index)
            self.show()

    def _lesionTicked(self, item):
        if self._filling or item.column() != 0 or item.row() >= len(self._rows):
            return
        row = self._rows[item.row()]
        with self._panel.attempt():
            chosen = item.checkState() == qt.Qt.Checked
            if chosen != row.is_target:
                self.session.set_target(row.component, row.track, chosen)

    def _lesionChosen(self):
        row, index = self._ui.lesionsTable.currentRow(), self.index()
        if self._filling or index is None or not 0 <= row < len(self._rows):
            return
        with self._panel.attempt():
            lesion = self._rows[row]
            places = self.session.go_to(lesion.component, lesion.track, index)
            if not self.session.views.is_open:
                jump(places.get(index))

    def sideBySide(self):
        """Show the chosen visit beside the one before it, or show the views as they were."""
        self._panel.messages.clear()
        with self._panel.attempt():
            index = self.index()
            if not self._ui.sideBySideButton.checked:
                self.leave()
            elif index is None:
                self._panel.message(_("Nothing is compared yet: press Compare visits first"), "info")
            else:
                self._openViews(index)
        self.show()

    def _openViews(self, index):
        self._panel.reading.close()
        self._panel.prompts.stop()
        self.session.show_side_by_side(*((index - 1, index) if index else (0, 1)))

    def reset(self):
        """Take the targets and lines that the program chose."""
        if self.session is not None:
            with self._panel.attempt():
                self.session.reset_choices()

    def export(self):
        """Save the report into a folder."""
        self._panel.messages.clear()
        with self._panel.attempt():
            if self.session is None or self.session.assessment is None:
                self._panel.message(_("Nothing is compared yet: press Compare visits first"), "info")
                return
            folder = dialogs.chooseFolder(_("A new or empty folder for the report"))
            if folder:
                earlier = os.path.lexists(os.path.join(folder, "report.json"))
                question = _("There is a report in this folder. Replace its files?")
                if not earlier or slicer.util.confirmYesNoDisplay(question):
                    self.session.export(folder, self._exported, earlier)

    def _exported(self, folder):
        self._panel.message(_("The report is in {name}").format(name=folder.name), "info")

    # showing

    def show(self):
        """Fill the tables and the fields."""
        session = self.session
        self._filling = True
        try:
            self._entries = list(session.entries) if session is not None else []
            if self._chosen is not None and self._chosen not in self._entries:
                nodes = self._chosen.visit.nodes
                self._chosen = next((entry for entry in self._entries if entry.visit.shares(nodes)), None)
            if self._chosen is None and session is not None and session.compared:
                self._chosen = session.compared[-1]
            self._fillVisits()
            index = self.index()
            self._fillVerdict(index)
            self._fillLesions(index)
            self._fillNotes(index)
            entry = self.entry()
            self._ui.outlineVisitButton.enabled = entry is not None and not entry.visit.is_outlined
            self._ui.sideBySideButton.enabled = self._ui.exportReportButton.enabled = index is not None
            self._ui.sideBySideButton.checked = session is not None and session.views.is_open
            self._ui.resetChoicesButton.enabled = session is not None and session.has_choices
        finally:
            self._filling = False
        if self._sideBySide != self.isSideBySide:
            self._sideBySide = self.isSideBySide
            self._panel.viewsChanged()

    def _fillVisits(self):
        table = self._ui.visitsTable
        table.setRowCount(len(self._entries))
        for row, entry in enumerate(self._entries):
            volumes = ", ".join(entry.visit.volumes) or _("no volumes")
            outlined = _("yes") if entry.visit.is_outlined else "-"
            for column, text in enumerate((dateText(entry.date), f"{entry.visit.name} ({volumes})", outlined)):
                item = table.item(row, column)
                if item is None:  # one that is there may be typed into just now
                    item = qt.QTableWidgetItem()
                    if column:
                        item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
                    table.setItem(row, column, item)
                item.setText(text)
            date = table.item(row, 0)
            date.setCheckState(qt.Qt.Checked if entry.is_included else qt.Qt.Unchecked)
            origin = {"DICOM": _("from DICOM"), "name": _("from the name")}.get(entry.visit.date_from, "")
            date.setToolTip(_("typed") if entry.typed_date else origin or _("not known: type it, YYYY-MM-DD"))
        if self._chosen in self._entries:
            table.selectRow(self._entries.index(self._chosen))

    def _fillVerdict(self, index):
        ui = self._ui
        asked, title, lines = (), "", ()
        if index is not None:
            from GliomaSAMLib.slicer.follow_up.tables import verdict

            found = verdict(self.session.assessment, index)
            date = dateText(self.session.assessment.visits[index].date)
            title, lines, asked = f"{date}: {found.title}", found.lines, found.asked
        showText(ui.categoryLabel, title)
        showText(ui.reasonsLabel, "\n".join(lines))
        self.fields.show(self.entry(), self.answered(), self.before(), asked)

    def answered(self):
        """The visit that the clinical fields are about: that of the category; None without one."""
        index = self.index()
        return self.session.compared[index] if index is not None else None

    def before(self):
        """The visit of the comparison before that one; None where it is the first."""
        index = self.index()
        return self.session.compared[index - 1] if index else None

    def _fillLesions(self, index):
        self._rows = []
        if index is not None:
            from GliomaSAMLib.slicer.follow_up.tables import lesion_rows

            self._rows = lesion_rows(self.session.assessment, index)
        table = self._ui.lesionsTable
        table.visible = index is not None
        table.setRowCount(len(self._rows))
        for line, row in enumerate(self._rows):
            mark = " R" if row.by_reader else ""
            diameters = "-" if row.longest_mm is None else f"{row.longest_mm:.1f} x {row.perpendicular_mm:.1f}{mark}"
            event = events().get(row.event, row.event)
            texts = [
                f"{row.component} {row.track}" + (f", {event}" if event else ""),
                number(row.volume_ml, 2),
                diameters,
                number(row.product_mm2, 0),
                signed(row.from_baseline_percent),
                signed(row.from_nadir_percent),
            ]
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                reason = row.why_not and _("not measurable: {reason}").format(reason=row.why_not)
                item.setToolTip("; ".join(part for part in (texts[0], reason) if part))
                if column:
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                else:
                    item.setCheckState(qt.Qt.Checked if row.is_target else qt.Qt.Unchecked)
                table.setItem(line, column, item)

    def _fillNotes(self, index):
        notes = []
        self._stale = self.session is not None and self.session.is_stale
        if self._stale:
            notes.append(_("Outlines were changed since: compare the visits again"))
        if index is not None:
            notes += [*self.session.callipers.notes(), *self.session.assessment.notes]
            notes += self.session.assessment.visits[index].notes
        showText(self._ui.followUpNotesLabel, "\n".join(dict.fromkeys(notes)))


def showText(label, text):
    """Show a text of several lines, for which a collapsible section leaves no room by itself; hide an empty one."""
    label.text = text
    label.visible = bool(text)
    label.setMinimumHeight(label.heightForWidth(max(label.width, NARROW)) if text else 0)


def number(value, digits):
    """A number as text, a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def signed(value):
    """A change in percent with its sign, a dash where there is none."""
    return "-" if value is None else f"{value:+.1f}"
