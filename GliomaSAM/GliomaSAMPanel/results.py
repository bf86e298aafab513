"""The section of results: the table of measures, exports, and a flash where the last answer changed something."""

import os
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from . import dialogs
from .saving import SavePlace
from .views import jump

FLASH_MS = 350


class Flash:
    """Fills changed segments in the slice views for a moment, and gives them their own opacity back."""

    def __init__(self):
        self._before = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(FLASH_MS)
        self._timer.connect("timeout()", self.end)

    def begin(self, segmentation_node, segment_ids):
        """Flash some segments of a node."""
        self.end()
        display = segmentation_node.GetDisplayNode()
        if display is None:
            return
        for name in segment_ids:
            self._before.append((display, name, display.GetSegmentOpacity2DFill(name)))
            display.SetSegmentOpacity2DFill(name, 1.0)
        if self._before:
            self._timer.start()

    def end(self):
        """Show everything as it was before."""
        self._timer.stop()
        before, self._before = self._before, []
        for display, name, opacity in before:
            if display.GetScene() is not None:
                display.SetSegmentOpacity2DFill(name, opacity)


REGIONS = ("WT", "TC", "ET")

LABEL_MAPS = (".nii.gz", ".nii", ".nrrd", ".mha")
"""Suffixes of label maps; the first is added to a name without one."""


class ResultsSection:
    """Shows volumes at once and diameters as soon as they have been measured.

    Args:
        panel: The `Panel`.
    """

    def __init__(self, panel):
        self._panel = panel
        self._ui = panel.ui
        self._flash = Flash()
        self._place = SavePlace()
        self._rows = ()
        self._overlay = None
        self._shown = None
        self._cavity = None
        self._filled = None
        self.going = False
        self._seeking = False
        self._lines = self._measured = None
        table = self._ui.resultsTable
        header = table.horizontalHeader()
        for column in range(table.columnCount):
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch)
        header.setSectionResizeMode(0, qt.QHeaderView.ResizeToContents)
        table.connect("cellClicked(int,int)", self.goToRow)
        self._ui.copyButton.connect("clicked()", self.copy)
        self._ui.csvButton.connect("clicked()", self.saveCsv)
        self._ui.tableNodeButton.connect("clicked()", self.makeTableNode)
        self._ui.exportLabelMapButton.connect("clicked()", self.exportLabelMap)
        self._ui.exportSegmentationButton.connect("clicked()", self.exportSegmentation)
        self._ui.uncertaintyButton.connect("clicked()", self.goToUncertainPlace)

    # the table

    def show(self, task):
        """Show what is known of a task, and measure the rest in the background."""
        known = is_known(task)
        self._rows = ()
        self.hideDiameters()
        self._fill(task)
        self.showCavity(task if known else None)
        self._ui.show3DButton.setSegmentationNode(task.node if task is not None else None)
        for name in ("copy", "csv", "tableNode", "exportLabelMap", "exportSegmentation", "uncertainty"):
            getattr(self._ui, f"{name}Button").enabled = known
        self._ui.uncertaintyCheckBox.enabled = known
        if known:
            self._measure(task)

    def showCavity(self, task):
        """Tell the volume of the resection cavity, where there is one."""
        from GliomaSAMLib.slicer.segments.cavity import cavity_ml

        found = cavity_ml(task.node, task.geometry) if task is not None and task.geometry is not None else None
        text = _("Resection cavity: {volume} mL, in no tumour volume")
        self._ui.cavityLabel.text = text.format(volume=number(found, 2)) if found is not None else ""
        self._ui.cavityLabel.visible = found is not None

    def watch(self):
        """Show anew what may have changed without a result: the painted resection cavity, the name of a lesion, and
        whether anything is known.
        """
        from GliomaSAMLib.slicer.segments.cavity import cavity_version

        task = self._panel.task
        version = (task.node, cavity_version(task.node)) if task is not None else None
        if version != self._cavity:
            self._cavity = version
            self.showCavity(task)
        if self._filled != (rowNames(task), is_known(task)):
            self.show(task)

    def _measure(self, task):
        """Measure the diameters in the worker's thread; a result that is not shown any more is dropped."""
        from GliomaSAMLib.slicer.results_table import results_rows

        names = rowNames(task)
        masks = {name: task.masks(region) for region, name in names.items()}
        geometry = task.geometry
        volumes = task.volumes()

        def take(rows):
            if self._panel.task is task and task.volumes() == volumes and rowNames(task) == names:
                self._rows = rows
                self._fill(task)
                self._goToProposal()

        engine = self._panel.engine
        engine.measure(_("measuring"), lambda progress, cancel: results_rows(masks, geometry, cancel), take)

    def _fill(self, task):
        """Write the table: volumes in mL, and the rows that have been measured."""
        from GliomaSAMLib.output.colours import REGION_STYLES

        names, known = self._filled = rowNames(task), is_known(task)
        volumes = task.volumes() if known else {}
        self._ui.resultsTable.setRowCount(len(names))
        for line, (region, name) in enumerate(names.items()):
            row = self._rows[line] if self._rows else None
            measures = row.numbers()[1:4] if row is not None else (None,) * 3
            texts = [name, number(volumes.get(region), 2), *(number(m, 1) for m in measures)]
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                else:
                    item.setIcon(swatch(REGION_STYLES[region].colour))
                self._ui.resultsTable.setItem(line, column, item)

    def changed(self, task):
        """Flash the segments that the last result changed."""
        boxes = task.changed_boxes
        ids = task.segment_ids()
        changed = {region for region in REGIONS if boxes.get(region) is not None}
        parts = {"ED": ("WT", "TC"), "NC": ("TC", "ET"), "lesion": ("WT",)}
        names = [name for part, name in ids.items() if changed & set(parts.get(part, (part,)))]
        if self._panel.entered:
            self._flash.begin(task.node, names)

    def _requireKnown(self):
        """The task whose result the user wants something of; None and a message when none is known, as after a change
        of the volumes that has only now been taken over, or while the last prompt is being answered.
        """
        task = self._panel.requireTask()
        if task is not None and not is_known(task):
            self._panel.message(_("The volumes are still being read: try again when the table is filled"), "info")
            return None
        if task is not None and task.session.request() is not None:
            self._panel.message(_("The last prompt is being answered: try again when the outline is shown"), "info")
            return None
        return task

    def rows(self):
        """The rows of the table, measured now when they have not been; none, and a message, when no result is known."""
        from GliomaSAMLib.slicer.results_table import results_rows

        task = self._requireKnown()
        if task is None:
            return ()
        task.refresh()
        if not self._rows:
            masks = {name: task.masks(region) for region, name in rowNames(task).items()}
            self._rows = results_rows(masks, task.geometry)
            self._fill(task)
        return self._rows

    def copy(self):
        """Put the table onto the clipboard."""
        self._panel.messages.clear()
        with self._panel.attempt():
            from GliomaSAMLib.slicer.results_table import rows_as_text

            rows = self.rows()
            if rows:
                qt.QApplication.clipboard().setText(rows_as_text(rows, self._panel.task.node.GetName()))
                self._tellDone(_("The table is on the clipboard"))

    def saveCsv(self):
        """Save the table as a CSV file."""
        path = self._askPath(_("Save the results"), (".csv",), "CSV (*.csv)")
        if path:
            with self._panel.attempt():
                from GliomaSAMLib.files import replacing
                from GliomaSAMLib.output.segmentation import check_output_path
                from GliomaSAMLib.slicer.results_table import rows_as_csv

                rows = self.rows()
                if rows:
                    text = rows_as_csv(rows, self._panel.task.node.GetName())
                    with replacing(check_output_path(path, (".csv",))) as temporary:
                        temporary.write_text(text, encoding="utf-8")
                    self._saved(path)

    def makeTableNode(self):
        """Put the table into the scene."""
        self._panel.messages.clear()
        with self._panel.attempt():
            from GliomaSAMLib.slicer.results_table import ResultsTable

            rows = self.rows()
            if rows:
                task = self._panel.task
                lesion = task.segment_ids().get("lesion", "lesion") if task.style.style == "lesion" else ""
                name = f"{task.node.GetName()} {rows[0].region}" if lesion else task.node.GetName()
                table = ResultsTable(slicer.mrmlScene, task.node, lesion)
                node = table.show(rows, _("{name} results").format(name=name))
                self._tellDone(_("The table {name} is in the scene").format(name=node.GetName()))

    # where the regions are

    def goToRow(self, line, column):
        """Go to the diameters of a row in all slice views, and show them; those that are shown go away."""
        self._panel.messages.clear()
        with self._panel.attempt():
            if line >= len(self._rows) or self._panel.refusesSideBySide():
                return
            row, shown = self._rows[line], self._measured
            self.hideDiameters()
            if row.diameters is not None and row != shown:
                from GliomaSAMLib.slicer.diameter_lines import DiameterLines

                self._lines = DiameterLines(slicer.mrmlScene)
                self._lines.show(row.diameters, row.region)
                self._measured = row
                jump(row.diameters.middle)

    def hideDiameters(self):
        """Take the lines of a row away."""
        lines, self._lines, self._measured = self._lines, None, None
        if lines is not None:
            lines.hide()

    def seek(self):
        """Go to what is proposed without a click, as soon as it has been measured."""
        self._seeking = True
        self._goToProposal()

    def _goToProposal(self):
        task = self._panel.task
        if not self._seeking or task is None or not task.session.history.is_proposal:
            self._seeking = False
        elif self._rows and not task.session.is_due:
            self._seeking = False
            found = self._rows[0].diameters
            if found is None:
                self._panel.message(_("No tumour was found: press Inside and click it"), "info")
            elif not self._panel.followUp.isSideBySide:
                jump(found.middle)

    # files

    def exportLabelMap(self):
        """Save the segments as a label map in the numbering of BraTS."""
        path = self._askPath(_("Export a label map"), LABEL_MAPS, "NIfTI (*.nii.gz *.nii)")
        if path:
            with self._panel.attempt():
                from GliomaSAMLib.slicer.export import export_label_map

                task = self._requireKnown()
                if task is not None:
                    style = task.style
                    export_label_map(
                        task.node, task.geometry, path, style=style.style, lesion_segment=style.lesion_segment
                    )
                    self._saved(path)

    def exportSegmentation(self):
        """Save the segments as a file of segments."""
        path = self._askPath(_("Export the segmentation"), (".seg.nrrd",), "Segmentation (*.seg.nrrd)")
        if path:
            with self._panel.attempt():
                from GliomaSAMLib.slicer.export import export_segmentation

                task = self._requireKnown()
                if task is not None:
                    export_segmentation(task.node, path)
                    self._saved(path)

    def _askPath(self, title, suffixes, pattern):
        """Where to save, as a `Path` with one of `suffixes`, else with the first of them added; None when the user does
        not want to, or when a file would be lost: one that the dialog did not ask about, or that of a volume in use.
        """
        self._panel.messages.clear()
        task = self._requireKnown()
        if task is None:
            return None
        with self._panel.attempt():
            from GliomaSAMLib.errors import OutputError
            from GliomaSAMLib.output.overwriting import refuse_inputs
            from GliomaSAMLib.slicer.volumes import files_of

            chosen = dialogs.saveFile(title, str(self._place.propose(task, suffixes[0])), pattern)
            if not chosen:
                return None
            path = Path(chosen)
            if not path.name.lower().endswith(suffixes):
                path = path.with_name(path.name + suffixes[0])
                if os.path.lexists(path):
                    raise OutputError(
                        _("{name} is there already: choose it by its whole name to replace it").format(name=path.name)
                    )
            refuse_inputs([path], {node.GetName(): files_of(node) for node in task.volume_nodes.values()})
            return path
        return None

    def _saved(self, path):
        self._place.saved(path)
        self._tellDone(_("Saved: {name}").format(name=path.name))

    def _tellDone(self, text):
        """Tell what was made of the results, and where the user has stopped the answer to the last prompt, that it is
        not in them.
        """
        if self._panel.task is not None and self._panel.task.session.is_due:
            unanswered = _("{done}. The last prompt was not answered: this is the outline before it")
            self._panel.message(unanswered.format(done=text), "warning")
        else:
            self._panel.message(text, "info")

    # uncertainty

    def showUncertainty(self, task):
        """Show or hide where the result is uncertain, as is chosen."""
        parameters = self._panel.parameters
        wanted = task is not None and parameters is not None and parameters.showUncertainty and self._panel.entered
        found = task.uncertainty() if task is not None and (wanted or self.going) else None
        if found is None or not wanted:
            if not wanted:
                self.hideUncertainty()
        elif found is not self._shown:
            from GliomaSAMLib.slicer.uncertainty_overlay import UncertaintyOverlay

            self.hideUncertainty()
            self._overlay = UncertaintyOverlay(slicer.mrmlScene, task.geometry)
            self._overlay.show(found.values, self._panel.followUp.viewsOfOthers(task))
            self._shown = found
        if found is not None and self.going:
            self.going = False
            if found.place is None:
                self._panel.message(_("No uncertain place is left outside existing prompts"), "info")
            jump(found.place)

    def showUncertaintyAnew(self, task):
        """As `showUncertainty`, in the views that there are now."""
        self.hideUncertainty()
        self.showUncertainty(task)

    def cancelled(self):
        """The user stops all work: uncertain places that are not known yet are not looked for until asked for again."""
        self.going = self._seeking = False
        task, parameters = self._panel.task, self._panel.parameters
        if parameters is not None and parameters.showUncertainty and (task is None or task.uncertainty() is None):
            parameters.showUncertainty = False
            self.hideUncertainty()

    def hideUncertainty(self):
        """Take the overlay away."""
        self._shown = None
        overlay, self._overlay = self._overlay, None
        if overlay is not None:
            overlay.remove()

    def goToUncertainPlace(self):
        """Show the most uncertain place in all views, as soon as it is known."""
        self._panel.messages.clear()
        with self._panel.attempt():
            task = self._panel.requireTask() if not self._panel.refusesSideBySide() else None
            if task is None:
                return
            if not task.session.history.has_result:
                self._panel.message(_("There is no result yet: click the tumour, or press Propose"), "info")
                return
            self.going = True
            self.showUncertainty(task)

    def release(self):
        """Leave the scene as it was."""
        self.going = self._seeking = False
        self._flash.end()
        self.hideUncertainty()
        self.hideDiameters()


def is_known(task):
    """Whether there is a task whose masks can be asked for: its volumes have been read."""
    return task is not None and task.geometry is not None and task.session.masks is not None


def rowNames(task):
    """By region the names of the rows of a task's table; a lesion has one, of the name of its segment."""
    from GliomaSAMLib.output.colours import REGION_STYLES
    from GliomaSAMLib.slicer.segments.node import STYLES

    if task is None or task.style.style != "lesion":
        return {region: REGION_STYLES[region].name for region in REGIONS}
    segment = task.node.GetSegmentation().GetSegment(task.segment_ids().get("lesion", ""))
    return {"WT": segment.GetName() if segment is not None else STYLES["lesion"][0].looks.name}


def number(value, digits):
    """A number as text, a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def swatch(colour):
    """An icon of one colour, red, green, blue in [0, 1]."""
    pixmap = qt.QPixmap(12, 12)
    pixmap.fill(qt.QColor(*(round(255 * value) for value in colour)))
    return qt.QIcon(pixmap)
