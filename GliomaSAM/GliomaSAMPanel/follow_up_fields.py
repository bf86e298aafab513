"""What masks cannot tell of a visit: its role, and the clinical fields, asked for only where a rule needs them."""

from slicer.i18n import tr as _


def roles():
    """What a visit can be, as `VisitFields.role`, with what the selector shows."""
    return {
        None: _("not said"),
        "preoperative": _("before surgery"),
        "postoperative": _("after surgery"),
        "baseline": _("the baseline"),
        "follow-up": _("a follow-up"),
    }


def answers():
    """By field that is chosen from a list: the beginning of its widgets' names, and its values with what is shown."""
    unknown = {None: _("not known")}
    steroids = {
        "none": _("none"),
        "physiological": _("physiological dose"),
        "stable": _("stable"),
        "decreased": _("decreased"),
        "increased": _("increased"),
    }
    states = {"improved": _("improved"), "stable": _("stable"), "worse": _("worse")}
    return {
        "steroids": ("steroids", unknown | steroids),
        "clinical": ("clinical", unknown | states),
        "outside_radiation_field": ("outside", unknown | {True: _("yes"), False: _("no")}),
        "pathology": ("pathology", unknown | {"tumour": _("tumour"), "treatment effect": _("treatment effect")}),
        "surgery": ("surgery", unknown | {"resection": _("resection"), "biopsy": _("biopsy")}),
    }


NOT_KNOWN = -1
"""What a box of a number holds where it is not known."""


class FieldsForm:
    """Leads the selectors of the fields.

    Args:
        section: The `FollowUpSection`.
        panel: The `Panel`.
    """

    def __init__(self, section, panel):
        self._section = section
        self._panel = panel
        self._ui = panel.ui
        self._filling = False
        self._roles = list(roles())
        self._values = {field: list(texts) for field, (_name, texts) in answers().items()}
        self._ui.roleSelector.addItems(list(roles().values()))
        for field, (name, texts) in answers().items():
            box = getattr(self._ui, f"{name}Selector")
            box.addItems(list(texts.values()))
            box.connect("activated(int)", self._answerOf(field))
        self._ui.roleSelector.connect("activated(int)", self._setRole)
        self._ui.radiotherapyEdit.connect("editingFinished()", self._setRadiotherapy)
        self._ui.hoursSpinBox.connect("valueChanged(int)", self._setHours)
        self._ui.doseSpinBox.connect("valueChanged(double)", self._setDose)
        self._ui.doseBeforeSpinBox.connect("valueChanged(double)", self._setDoseBefore)

    def show(self, chosen, answered, before, asked):
        """Show what was said.

        Args:
            chosen: The visit chosen in the table, whose role is shown; or None.
            answered: The visit that the clinical fields are about; or None.
            before: The visit before that one; or None.
            asked: The clinical fields that a rule needs.
        """
        ui = self._ui
        self._filling = True
        try:
            ui.roleSelector.enabled = chosen is not None
            ui.roleSelector.currentIndex = self._roles.index(chosen.fields.role if chosen is not None else None)
            ui.fieldsWidget.visible = bool(asked) and answered is not None
            for field, (name, _texts) in answers().items():
                getattr(ui, f"{name}Label").visible = getattr(ui, f"{name}Selector").visible = field in asked
                value = getattr(answered.fields, field) if answered is not None else None
                getattr(ui, f"{name}Selector").currentIndex = self._values[field].index(value)
            ui.radiotherapyLabel.visible = ui.radiotherapyEdit.visible = "radiotherapy_end" in asked
            if not ui.radiotherapyEdit.modified:  # else somebody is typing
                ui.radiotherapyEdit.text = dateText(answered.fields.radiotherapy_end) if answered is not None else ""
            ui.hoursLabel.visible = ui.hoursSpinBox.visible = "hours_since_surgery" in asked
            hours = answered.fields.hours_since_surgery if answered is not None else None
            showNumber(ui.hoursSpinBox, None if hours is None else round(hours))
            for name, entry in (("dose", answered), ("doseBefore", before)):
                label, box = getattr(ui, f"{name}Label"), getattr(ui, f"{name}SpinBox")
                label.visible = box.visible = "steroids" in asked and entry is not None
                showNumber(box, entry.fields.steroid_mg_per_day if entry is not None else None)
        finally:
            self._filling = False

    def _setRole(self, index):
        entry = self._section.entry()
        if entry is not None:
            with self._panel.attempt():
                self._section.session.set_fields(entry, role=self._roles[index])

    def _answerOf(self, field):
        """What is called when an answer was chosen."""

        def answer(index):
            entry = self._section.answered()
            if entry is not None:
                with self._panel.attempt():
                    self._section.session.set_fields(entry, **{field: self._values[field][index]})

        return answer

    def _setHours(self, hours):
        self._setNumber(self._section.answered(), "hours_since_surgery", hours)

    def _setDose(self, dose):
        self._setNumber(self._section.answered(), "steroid_mg_per_day", dose)

    def _setDoseBefore(self, dose):
        self._setNumber(self._section.before(), "steroid_mg_per_day", dose)

    def _setNumber(self, entry, field, number):
        if self._filling or entry is None:
            return
        with self._panel.attempt():
            self._section.session.set_fields(entry, **{field: float(number) if number >= 0 else None})
            self._section.showLater()

    def _setRadiotherapy(self):
        entry = self._section.answered()
        self._ui.radiotherapyEdit.modified = False
        text = self._ui.radiotherapyEdit.text.strip()
        if self._filling or entry is None or text == dateText(entry.fields.radiotherapy_end):
            return
        self._panel.messages.clear()
        with self._panel.attempt():
            from GliomaSAMLib.followup.dates import parse_date

            try:
                day = parse_date(text, _("The end of radiotherapy")) if text else None
                self._section.session.set_radiotherapy_end(day)
            finally:
                self._section.showLater()


def showNumber(box, number):
    """Show a number, or that it is not known. A box that shows it already is left alone: somebody may be typing."""
    shown = NOT_KNOWN if number is None else number
    if box.value != shown:
        box.value = shown


def dateText(day):
    """A date as text, "" where there is none."""
    return day.isoformat() if day is not None else ""
