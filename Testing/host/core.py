"""Slicer's core without the application: the scene, the application logic and the logics of its modules. No Qt.

Does not prove: that a module's logic is there under this name in the application, the order in which the application
starts modules, nor anything drawn.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
import vtk

from .files import CoreIOManager
from .hierarchy import HierarchyKeeper

MODULE_LOGICS = {
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Data": "vtkSlicerDataModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
}
"""Slicer's modules whose logic is started, with the class of the logic, in the order of starting."""


class Module:
    """What `slicer.modules.NAME` gives for a module in C++: its name and its logic."""

    def __init__(self, name: str, logic: Any, folder: Path) -> None:
        self.name = name
        self.title = name
        self.path = str(folder / f"{name}.so")
        self._logic = logic

    def logic(self) -> Any:
        return self._logic


class Application:
    """What `slicer.app` gives without Qt. `host.application` adds signals, settings and cursors."""

    applicationName = "Slicer"
    majorVersion, minorVersion = 5, 12

    def __init__(self, logic: Any, folder: Path) -> None:
        self._logic = logic
        self._io = CoreIOManager()
        self.temporaryPath = str(folder)
        self.slicerHome = str(folder)
        self.extensionsInstallPath = str(folder)

    def applicationLogic(self) -> Any:
        return self._logic

    def coreIOManager(self) -> CoreIOManager:
        return self._io

    def mrmlScene(self) -> Any:
        return slicer.mrmlScene

    def testingEnabled(self) -> bool:
        return True

    def processEvents(self) -> None:
        """Nothing waits without Qt."""

    def topLevelWidgets(self) -> tuple[Any, ...]:
        return ()


def start_core() -> None:
    """Start Slicer's core once for the process: then `slicer.mrmlScene`, `slicer.app` and `slicer.modules` exist."""
    if hasattr(slicer, "mrmlScene"):
        return
    folder = Path(tempfile.mkdtemp(prefix="slicer-host-"))
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    with quiet():  # the application's colour tables and terminologies are not in the package
        logic = start_application_logic(scene)
        slicer.app = Application(logic, folder)
        start_data_io(slicer.app, scene, logic, folder)
        logic.SetModuleLogic("Colors", logic.GetColorLogic())
        slicer.modules = SimpleNamespace(colors=Module("Colors", logic.GetColorLogic(), folder))
        sys.modules["slicer.modules"] = slicer.modules  # type: ignore[assignment]
        for name, class_name in MODULE_LOGICS.items():
            module = Module(name, start_module_logic(class_name, scene, logic, folder), folder)
            logic.SetModuleLogic(name, module.logic())
            setattr(slicer.modules, name.lower(), module)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    slicer.app.hierarchy_keeper = HierarchyKeeper(scene)
    slicer.app.hierarchy_keeper.resolve()


@contextmanager
def quiet() -> Iterator[None]:
    """VTK's errors and warnings are not printed."""
    before = vtk.vtkObject.GetGlobalWarningDisplay()
    vtk.vtkObject.SetGlobalWarningDisplay(0)
    try:
        yield
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(before)


def start_application_logic(scene: Any) -> Any:
    """The application's logic with crosshair, selection, interaction and colour nodes."""
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    add_generic_colors(scene)
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    return logic


def add_generic_colors(scene: Any) -> None:
    """The colour table that Slicer gives to label maps: a file of the application, here with colours of our own."""
    table = slicer.vtkMRMLColorTableNode()
    table.SetName("GenericColors")
    table.SetSingletonTag("FileGenericColors.txt")  # the id is made from it
    table.SetTypeToUser()
    table.SetNumberOfColors(16)
    for index in range(16):
        table.SetColor(index, f"label {index}", index * 5 % 16 / 15, index * 7 % 16 / 15, index * 11 % 16 / 15)
    scene.AddNode(table)


def start_data_io(application: Any, scene: Any, logic: Any, folder: Path) -> None:
    """What reading and writing of scenes and bundles needs."""
    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.SetMRMLScene(scene)
    remote.SetMRMLApplicationLogic(logic)
    cache = folder / "cache"
    cache.mkdir()
    remote.GetCacheManager().SetRemoteCacheDirectory(str(cache))
    manager = slicer.vtkDataIOManagerLogic()
    manager.SetMRMLScene(scene)
    manager.SetMRMLApplicationLogic(logic)
    manager.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    application.data_io = (remote, manager)


def start_module_logic(class_name: str, scene: Any, logic: Any, folder: Path) -> Any:
    """A module's logic, as the application makes it."""
    module_logic = getattr(slicer, class_name)()
    if hasattr(module_logic, "SetModuleShareDirectory"):
        module_logic.SetModuleShareDirectory(str(folder))
    module_logic.SetMRMLApplicationLogic(logic)
    module_logic.SetMRMLScene(scene)
    return module_logic


def clear_scene() -> None:
    """Close the scene, as File > Close Scene does, and forget the parameters of modules too, for the next test.

    Other singletons, such as colour tables and slice nodes, stay.
    """
    scene = slicer.mrmlScene
    scene.Clear(0)
    for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode"):
        scene.RemoveNode(node)
    logic = slicer.app.applicationLogic()
    interaction = logic.GetInteractionNode()
    interaction.SetPlaceModePersistence(0)
    interaction.SetCurrentInteractionMode(interaction.ViewTransform)
