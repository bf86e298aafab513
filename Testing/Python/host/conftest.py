"""Fixtures of the tests of the small Slicer, and a scripted module written for them."""

from pathlib import Path
from typing import Any

import pytest
from host.fixtures import mini_slicer, qt_host, watch

__all__ = ["example", "example_module", "mini_slicer", "qt_host", "watch"]

MODULE = """
from typing import Annotated, Optional
import qt, vtk, slicer
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import parameterNodeWrapper, WithinRange
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class Example(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Example")
        self.parent.dependencies = ["Markups"]


@parameterNodeWrapper
class ExampleParameterNode:
    volume: Optional[slicer.vtkMRMLScalarVolumeNode] = None
    threshold: Annotated[float, WithinRange(-10, 500)] = 100
    invert: bool = False
    label: str = "tumour"


class ExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.calls = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/Example.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = ExampleLogic()
        self.parameters = None
        self.gui = None
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.ui.failButton.connect("clicked()", self.onFail)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onClose)

    def take(self, parameters):
        if self.parameters:
            self.parameters.disconnectGui(self.gui)
        self.parameters = parameters
        if parameters:
            self.gui = parameters.connectGui(self.ui)

    def enter(self):
        self.calls.append("enter")
        self.take(self.logic.getParameterNode())

    def exit(self):
        self.calls.append("exit")
        self.take(None)

    def cleanup(self):
        self.calls.append("cleanup")
        self.take(None)
        self.removeObservers()

    def onClose(self, caller, event):
        self.take(None)

    def onApply(self):
        self.calls.append("apply")
        slicer.util.infoDisplay("done")

    def onFail(self):
        raise RuntimeError("the slot fails")


class ExampleLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return ExampleParameterNode(super().getParameterNode())


class ExampleTest(ScriptedLoadableModuleTest):
    def test_it(self):
        self.delayDisplay("testing")
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "the test ran")
"""

UI = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Example</class>
<widget class="qMRMLWidget" name="Example"><layout class="QFormLayout">
<item row="0" column="1"><widget class="qMRMLNodeComboBox" name="volumeSelector">
  <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
  <property name="noneEnabled"><bool>true</bool></property>
  <property name="addEnabled"><bool>false</bool></property>
  <property name="SlicerParameterName" stdset="0"><string>volume</string></property></widget></item>
<item row="1" column="1"><widget class="ctkSliderWidget" name="thresholdSlider">
  <property name="SlicerParameterName" stdset="0"><string>threshold</string></property></widget></item>
<item row="2" column="1"><widget class="QCheckBox" name="invertBox">
  <property name="SlicerParameterName" stdset="0"><string>invert</string></property></widget></item>
<item row="3" column="1"><widget class="QLineEdit" name="labelLine">
  <property name="SlicerParameterName" stdset="0"><string>label</string></property></widget></item>
<item row="4" column="1"><widget class="ctkCollapsibleButton" name="section">
  <property name="text"><string>Section</string></property><layout class="QVBoxLayout">
  <item><widget class="QPushButton" name="applyButton"><property name="text"><string>Apply</string></property>
  </widget></item><item><widget class="QPushButton" name="failButton"/></item></layout></widget></item>
<item row="5" column="1"><widget class="qSlicerMarkupsPlaceWidget" name="placeWidget"/></item>
</layout></widget>
<connections>
<connection><sender>Example</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
  <receiver>volumeSelector</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>
<connection><sender>Example</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
  <receiver>placeWidget</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection>
</connections></ui>
"""


@pytest.fixture
def example_module(tmp_path: Path) -> Path:
    """The file of a small scripted module with a panel."""
    folder = tmp_path / "Example"
    (folder / "Resources" / "UI").mkdir(parents=True)
    (folder / "Resources" / "UI" / "Example.ui").write_text(UI)
    (folder / "Example.py").write_text(MODULE)
    return folder / "Example.py"


@pytest.fixture
def example(mini_slicer: Any, example_module: Path) -> Any:
    """The panel of the example module, loaded and entered."""
    mini_slicer.load(example_module)
    mini_slicer.select("Example")
    return mini_slicer.panel
