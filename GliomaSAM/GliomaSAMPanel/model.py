"""The section Model and device: which model, where to compute, and installing what is missing."""

import json
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from . import dialogs

GIGABYTE = 2**30


class ModelSection:
    """Leads the selectors of model and device, and installs on the user's wish.

    Args:
        panel: The `Panel`.
        requirements: The file with the Python packages that GliomaSAM needs.
    """

    def __init__(self, panel, requirements):
        self._panel = panel
        self._ui = panel.ui
        self._requirements = Path(requirements)
        self._entries = []
        self._catalogued = frozenset()
        self._picked = set()
        self._chosen = {}
        self._devices = ["auto"]
        self._looked = False
        for label in (self._ui.accuracyLabel, self._ui.installLabel):
            label.textFormat = qt.Qt.PlainText
        self._ui.modelSelector.connect("activated(int)", self._chooseModel)
        self._ui.deviceSelector.connect("activated(int)", self._chooseDevice)
        self._ui.modelButton.connect("contentsCollapsed(bool)", self._opened)
        self._ui.installButton.connect("clicked()", self.install)
        self._ui.wheelsButton.connect("clicked()", self.installFromFolder)
        self._ui.weightsButton.connect("clicked()", self.importWeights)

    def fill(self):
        """Fill the lists, without importing PyTorch."""
        with self._panel.attempt():
            from GliomaSAMLib.files import resources_directory

            content = json.loads((resources_directory() / "catalogue.json").read_text(encoding="utf-8"))
            self._entries = [entry for entry in content["models"] if entry["method"] != "base" and entry["file"]]
        self._catalogued = frozenset(entry["name"] for entry in self._entries)
        self._ui.modelSelector.clear()
        self._ui.modelSelector.addItems([entry["name"] for entry in self._entries])
        self._showDevices({"auto": _("automatic: the fastest that works")})
        self.showState()

    # the choice

    def apply(self):
        """Let the engine use what is chosen, and show it. A name that nobody chose in the list comes from a scene."""
        parameters, engine = self._panel.parameters, self._panel.engine
        if engine is not None:
            saved = parameters.model not in self._catalogued | self._picked
            engine.set_model(parameters.model, parameters.device, saved=saved)
            self.sync()
        self._show()

    def sync(self):
        """Show the engine's choice, which goes back to the last that worked when a model cannot be used."""
        parameters, engine = self._panel.parameters, self._panel.engine
        if engine is not None and (engine.choice.model, engine.choice.device) != (parameters.model, parameters.device):
            self._takeOut(parameters.model)
            parameters.model, parameters.device = engine.choice.model, engine.choice.device
            self._show()
        for name in engine.unopened if engine is not None else ():
            self._list(name)

    def _list(self, name):
        """Put a model into the list that is not of the catalogue."""
        if all(entry["name"] != name for entry in self._entries):
            self._entries.append({"name": name, "description": "", "accuracy": {}, "training_cases": ""})
            self._ui.modelSelector.addItem(name)

    def _takeOut(self, name):
        """Take a model out of the list that is neither of the catalogue nor a file; what was not opened stays."""
        found = [index for index, entry in enumerate(self._entries) if entry["name"] == name]
        unopened = name in self._panel.engine.unopened
        if found and name not in self._catalogued and not unopened and not Path(name).is_file():
            del self._entries[found[0]]
            self._ui.modelSelector.removeItem(found[0])

    def _show(self):
        parameters = self._panel.parameters
        self._list(parameters.model)  # a file of the user's own, from a script or an older scene
        names = [entry["name"] for entry in self._entries]
        self._ui.modelSelector.currentIndex = names.index(parameters.model)
        self._ui.accuracyLabel.text = accuracy(self._entries[names.index(parameters.model)])
        if parameters.device not in self._devices:
            self._devices.append(parameters.device)
            self._ui.deviceSelector.addItem(parameters.device)
        self._ui.deviceSelector.currentIndex = self._devices.index(parameters.device)

    def choose(self, **chosen):
        """Let the scene use the model and the device that the user has chosen last, here or for a scene before: they
        are the user's, not the patient's.
        """
        self._chosen |= chosen
        if "model" in chosen:
            self._picked.add(chosen["model"])
        for name, value in self._chosen.items():
            setattr(self._panel.parameters, name, value)

    def _chooseModel(self, index):
        self._panel.messages.clear()
        self.choose(model=self._entries[index]["name"])

    def _chooseDevice(self, index):
        self._panel.messages.clear()
        self.choose(device=self._devices[index])

    # devices

    def _opened(self, collapsed):
        """Look for devices when the user opens the section; PyTorch is imported for it, in the worker's thread."""
        if collapsed:
            return
        self.showState()
        if not self._looked and self._panel.engine is not None:
            self._looked = True
            self._panel.engine.background(_("looking for devices"), lambda progress, cancel: devices(), self._take)

    def _take(self, found):
        self._showDevices({"auto": _("automatic: the fastest that works"), **found})
        if self._panel.parameters is not None:
            self._show()

    def _showDevices(self, texts):
        self._devices = list(texts)
        self._ui.deviceSelector.clear()
        self._ui.deviceSelector.addItems(list(texts.values()))

    # installing

    def ready(self):
        """Whether all is installed that work needs; nothing is imported for it."""
        from GliomaSAMLib.slicer.installing import missing_requirements, torch_state

        return torch_state() == "ready" and not missing_requirements(self._requirements)

    def showState(self):
        """Say what is missing, or that nothing is."""
        with self._panel.attempt():
            ready = self.ready()
            self._ui.installButton.enabled = self._ui.wheelsButton.enabled = not ready
            self._ui.installLabel.text = _("All that is needed is installed.") if ready else self._plan()
            return ready
        return False

    def _plan(self):
        from GliomaSAMLib.slicer.installing import install_plan

        return install_plan(self._requirements)

    def install(self):
        """Install what is missing, after saying what that is."""
        self._install(None)

    def installFromFolder(self):
        """Install what is missing from a folder of wheels."""
        folder = dialogs.chooseFolder(_("Folder with the wheels (.whl files)"))
        if folder:
            self._install(Path(folder))

    def _install(self, folder):
        from GliomaSAMLib.slicer.installing import install

        self._panel.messages.clear()
        if not slicer.util.confirmOkCancelDisplay(self._plan(), windowTitle=_("Install for GliomaSAM")):
            return
        with self._panel.attempt(waiting=True):
            install(self._requirements, wheel_folder=folder, packaging=slicerPackaging())
        if self.showState():
            self._panel.startEngine()
            self._panel.message(_("All is installed"), "info")

    def importWeights(self):
        """Import a weights file that the user has, or use one that the user has trained."""
        path = dialogs.openFile(_("Weights file"), "Weights (*.safetensors *.pth *.bin)")
        if not path:
            return
        self._panel.messages.clear()
        with self._panel.attempt():
            engine = self._panel.requireEngine()
            if engine is not None:
                engine.background(_("checking the weights"), lambda progress, cancel: imported(Path(path)), self._told)

    def _told(self, name):
        if name not in self._catalogued and Path(name).is_file() and self._panel.parameters is not None:
            self.choose(model=name)
        self._panel.message(_("The weights of {name} can be used now").format(name=Path(name).name), "info")


def slicerPackaging():
    """What installs Python packages: `slicer.packaging`, or `slicer.util` in a Slicer before 5.12."""
    try:
        from slicer import packaging
    except ImportError:
        return slicer.util
    return packaging


def accuracy(entry):
    """What the catalogue says about a model, in a sentence or two."""
    figures = "; ".join(f"{name}: {value:.2f}" for name, value in entry["accuracy"].items())
    measured = _("Measured: {figures}.").format(figures=figures) if figures else ""
    trained = _("Trained on {cases}.").format(cases=entry["training_cases"]) if entry["training_cases"] else ""
    return " ".join(text for text in (entry["description"], trained, measured) if text)


def devices():
    """What each device is called on the panel, by name. For the worker's thread."""
    import torch

    from GliomaSAMLib.models.device import available_devices, device_memory

    found = {}
    for name in available_devices():
        device = torch.device(name)
        memory = device_memory(device)
        title = torch.cuda.get_device_name(device) if device.type == "cuda" else name.upper()
        if memory.total is not None and memory.free is not None:
            free, total = memory.free / GIGABYTE, memory.total / GIGABYTE
            title = _("{title}: {free:.1f} of {total:.1f} GB free").format(title=title, free=free, total=total)
        found[name] = title
    return found


def imported(path):
    """Import a weights file of the catalogue and return the name of its model; a file that `gliomasam train` wrote is
    used where it lies, by its path. For the worker's thread.
    """
    from GliomaSAMLib.errors import WeightsError
    from GliomaSAMLib.models.catalogue import import_weights
    from GliomaSAMLib.models.weights import load_weights

    try:
        return import_weights(path).name
    except WeightsError as unknown:
        if path.suffix != ".safetensors":
            raise
        try:
            load_weights(path)
        except WeightsError:
            raise unknown from None
        return str(path)
