"""The section Inputs: four selectors of volumes, filled by themselves, and what has to be done to the volumes."""

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from .parameters import Skull

MODALITIES = ("t1", "t1c", "t2", "flair")


class InputsSection:
    """Fills the selectors, marks what is not certain, and hands the choice to the task of the segmentation.

    Args:
        panel: The `Panel`.
    """

    def __init__(self, panel):
        self._panel = panel
        self._ui = panel.ui
        self._labels = {modality: getattr(self._ui, f"{modality}Label").text for modality in MODALITIES}
        self._tips = {modality: getattr(self._ui, f"{modality}Selector").toolTip for modality in MODALITIES}
        self._unsure = {}
        self._samePatientOf = None
        self._passed = []
        self._offered = []  # weak references to nodes: a node that is read may take the ID of one removed
        self._ui.notesLabel.textFormat = qt.Qt.PlainText  # notes hold names of files and nodes
        self._ui.guessButton.connect("clicked()", self.guessAgain)
        self._ui.samePatientCheckBox.connect("clicked()", panel.messages.clear)

    def nodes(self):
        """The chosen volume nodes by modality, without those that are None."""
        parameters = self._panel.parameters
        chosen = {modality: getattr(parameters, modality) for modality in MODALITIES}
        return {modality: node for modality, node in chosen.items() if node is not None}

    def inUse(self):
        """As `nodes`; where the choice was refused, those that the task goes on with."""
        task = self._panel.task
        return task.volume_nodes if self._panel.isRefused and task is not None else self.nodes()

    def require(self):
        """As `nodes`; a message when there is none."""
        nodes = self.nodes()
        if not nodes:
            self._panel.message(_("Choose at least one volume in the section Inputs first"), "warning")
        return nodes

    def options(self):
        """How the volumes are read, as for `SegmentationController.set_volumes`."""
        parameters = self._panel.parameters
        skull, same = parameters.skull.value, parameters.samePatient
        return {"register": parameters.register, "skull": skull, "same_patient": same}

    def guess(self, among=None):
        """Fill the empty selectors with volumes of the scene, or of those given, that have not been offered before and
        that go with those chosen.
        """
        with self._panel.attempt():
            from GliomaSAMLib.slicer.volumes import guess_volumes

            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            offered = [reference.Get() for reference in self._offered]
            new = {node.GetID() for node in volumes if node not in offered}
            if not new:
                return
            self._offered = [weakReference(node) for node in volumes]
            left, full = [], len(self.nodes()) == len(MODALITIES)
            for modality, guess in guess_volumes(slicer.mrmlScene, among, self.nodes()).items():
                identifier = guess.node.GetID()
                if identifier in new and not guess.belongs:
                    left.append(guess.node.GetName())
                elif identifier in new:
                    self._unsure[modality] = None if guess.confident else (identifier, guess.reason)
                    self._panel.parameters.samePatient = False  # it was said of other volumes
                    setattr(self._panel.parameters, modality, guess.node)
            if left:
                text = _(
                    "Left unchosen, because they seem to be of another patient or examination: {names}. "
                    "If they belong together, choose them yourself"
                )
                self._panel.message(text.format(names=", ".join(left)), "info")
            elif full and any(node.GetID() in new for node in self._others() or ()):
                self._panel.message(_("Other volumes have come: Guess again goes on to them"), "info")
            self.markUnsure()

    def guessAgain(self):
        """What the button does: empty the selectors and fill them anew; where the scene holds another patient or
        examination as well, from that, with a segmentation of its own.
        """
        self._panel.messages.clear()
        self._panel.tryAgain()
        with self._panel.attempt():
            others, passed = self._others(), [*self._passed, *map(weakReference, self.nodes().values())]
            self.forget()
            for modality in MODALITIES:
                setattr(self._panel.parameters, modality, None)
            self.guess(others)
            if others and self.nodes():
                self._passed = passed
                self._panel.segments.leaveFor(self.nodes())
        if not self.nodes():
            self._panel.message(
                _("No volume was recognised: load volumes (File, Add data), or choose them yourself"), "info"
            )

    def _others(self):
        """The volumes among which the next patient or examination of the scene is, after those that were gone through;
        after the last one all but those chosen. None where there is no other one: no other patient that is known as
        such, nor as many volumes as are chosen; and where the scene holds more that goes with those chosen.
        """
        from GliomaSAMLib.slicer.modality_detection import guess_volumes, visible_volumes
        from GliomaSAMLib.slicer.segments.patient import same_patient

        if any(guess.belongs for guess in guess_volumes(slicer.mrmlScene, chosen=self.nodes()).values()):
            return None
        chosen = list(self.nodes().values())
        gone = [node for reference in self._passed if (node := reference.Get()) is not None]
        for passed in ([*gone, *chosen], chosen) if chosen else ():
            left = [node for node in visible_volumes(slicer.mrmlScene) if node not in passed]
            found = [guess.node for guess in guess_volumes(slicer.mrmlScene, left).values()]
            if len(found) >= len(chosen) or any(same_patient(one, two) is False for one in found for two in chosen):
                return left
        return None

    def forget(self):
        """Begin anew: no volume has been offered or gone through, nothing is unsure or said of one patient."""
        self._samePatientOf = None
        self._passed = []
        self._offered.clear()
        self._unsure.clear()

    def keepSamePatient(self):
        """Take back that the volumes are of one patient once there are others than those that it was said of."""
        chosen = {node.GetID() for node in self.nodes().values()}
        if self._samePatientOf is not None and not chosen <= self._samePatientOf:
            self._panel.parameters.samePatient = False
        if not self._panel.parameters.samePatient:
            self._samePatientOf = None
        elif self._samePatientOf is None:
            self._samePatientOf = chosen

    def show(self, task):
        """Fill the selectors with what a task that was saved uses."""
        parameters = self._panel.parameters
        for modality in MODALITIES:
            setattr(parameters, modality, task.volume_nodes.get(modality))
        options = task.options
        parameters.register = options["register"]
        parameters.skull = Skull(options["skull"])
        parameters.samePatient = options["same_patient"]
        self._samePatientOf = None
        self.keepSamePatient()

    def offerOwn(self, segmentation):
        """Fill the selectors with the volumes of the examination that a segmentation was made on, where those chosen
        are of another.
        """
        from GliomaSAMLib.slicer.examinations import is_of_another_examination, own_volumes

        if not is_of_another_examination(segmentation, self.nodes()):
            return
        own = own_volumes(segmentation)
        for modality in MODALITIES:
            setattr(self._panel.parameters, modality, own.get(modality))
        self._panel.parameters.samePatient = False  # it was said of other volumes
        if own:
            text = _("{name} was made on another examination: the volumes of that one are chosen now")
        else:
            text = _("{name} was made on another examination than the volumes chosen: choose its own")
        self._panel.message(text.format(name=segmentation.GetName()), "info")

    def markUnsure(self):
        """Mark the selectors whose guess is not certain, as long as it has not been changed."""
        for modality, label in self._labels.items():
            node = getattr(self._panel.parameters, modality)
            mark = self._unsure.get(modality)
            unsure = mark is not None and node is not None and node.GetID() == mark[0]
            if not unsure:
                self._unsure.pop(modality, None)
            getattr(self._ui, f"{modality}Label").text = f"{label} (?)" if unsure else label
            tip = (
                _("{tip}\n\nPlease check this one: {reason}.").format(
                    tip=self._tips[modality], reason=withoutTags(mark[1])
                )
                if (unsure)
                else self._tips[modality]
            )
            getattr(self._ui, f"{modality}Selector").toolTip = tip

    def showNotes(self, task):
        """Tell in one quiet line what was done to the volumes."""
        notes = list(task.notes) if task is not None else []
        if task is not None and task.volume_nodes and self.nodes() and task.volume_nodes != self.nodes():
            notes.insert(0, _("these volumes cannot be used as they are: those chosen before stay in use"))
        if not notes and not self.nodes():
            notes = [_("Load a patient's MR volumes. Each selector may stay empty, but for one.")]
        self._ui.notesLabel.text = "; ".join(notes)
        self._ui.notesLabel.visible = bool(notes)


def weakReference(node):
    """What gives a node as long as it is there, and does not keep it."""
    reference = vtk.vtkWeakReference()
    reference.Set(node)
    return reference


def withoutTags(text):
    """The text for a tool tip, which has no format of its own: what looks like a tag of HTML is none any more."""
    return text.replace("<", "\u2039").replace(">", "\u203a")
