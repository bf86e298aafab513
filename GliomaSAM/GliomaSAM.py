"""The scripted module GliomaSAM of 3D Slicer: thin over GliomaSAMPanel (the panel) and GliomaSAMLib.slicer."""

import sys
import time

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class GliomaSAM(ScriptedLoadableModule):
    """What Slicer knows of the module.

    Attributes:
        translator: The module's texts in Slicer's language; None where they stay English.
    """

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        from GliomaSAMPanel.translation import installTranslation

        self.translator = installTranslation(self.resourcePath("Translations"))
        self.parent.title = _("GliomaSAM")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "Markups", "Volumes", "SubjectHierarchy"]
        self.parent.contributors = ["The contributors of GliomaSAM"]
        self.parent.helpText = _(
            "One click on up to four MR volumes, and the glioma in 3D: whole tumour, tumour core and enhancing tumour, "
            "as segments that stay editable, with their volumes. For research only, not for clinical use."
        )
        self.parent.acknowledgementText = _(
            "Built on Segment Anything, MedSAM, MONAI and PyTorch. The models were trained on cases of BraTS."
        )
        slicer.app.connect("startupCompleted()", self._startupCompleted)

    def _startupCompleted(self):
        from GliomaSAMPanel.sample_data import registerSampleData

        registerSampleData(self.resourcePath("Icons/GliomaSAM.png"))


class GliomaSAMWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Hands what happens to the module on to its panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.ui = None
        self.panel = None

    def setup(self):
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        from GliomaSAMPanel.panel import Panel
        from GliomaSAMPanel.shortcuts import setIcons

        top = slicer.util.loadUI(self.resourcePath("UI/GliomaSAM.ui"))
        self.layout.addWidget(top)
        self.ui = slicer.util.childWidgetVariables(top)
        top.setMRMLScene(slicer.mrmlScene)
        setIcons(self.ui, top, self.resourcePath("Icons"))
        self.logic = GliomaSAMLogic()
        self.panel = Panel(self.ui, top, self.logic, self.resourcePath("requirements.txt"))
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEnd)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEnd)
        self.addObserver(scene, scene.NodeAddedEvent, self.onNodeAdded)
        if getattr(self.parent, "isEntered", False):  # reloaded while it is shown: Slicer calls nothing but this
            self.enter()

    def enter(self):
        """The module is shown."""
        self._takeParameterNode()
        self.panel.enter()

    def exit(self):
        """Another module is shown."""
        self.panel.leave()

    def cleanup(self):
        """The module goes."""
        self.removeObservers()
        if self.panel is not None:
            self.panel.close()
            self.panel = None

    def onReload(self):
        """Read the panel and the library anew as well."""
        for name in [name for name in sys.modules if name.partition(".")[0] in ("GliomaSAMPanel", "GliomaSAMLib")]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event):
        """The nodes are going, or being read: let go of them."""
        self.panel.setParameterNode(None)

    def onSceneEnd(self, caller, event):
        """The scene is ready again."""
        if self.panel.entered:
            self._takeParameterNode()

    def onNodeAdded(self, caller, event):
        """Something came into the scene."""
        self.panel.volumesMayHaveCome()

    def _takeParameterNode(self):
        if self.panel.parameters is None:
            self.panel.setParameterNode(self.logic.getParameterNode())


class GliomaSAMLogic(ScriptedLoadableModuleLogic):
    """Makes the engine, which does the work; for scripts as well, with a listener of their own.

    Attributes:
        engineOptions: Keyword arguments of `GliomaSAMLib.slicer.engine.Engine`, for tests and scripts.
    """

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        self.engineOptions = {}

    def createEngine(self, listener):
        """A new engine that tells `listener`; the caller calls its `collect` often and its `close` in the end."""
        from GliomaSAMLib.slicer.engine import Engine

        return Engine(listener, **self.engineOptions)


class GliomaSAMTest(ScriptedLoadableModuleTest):
    """The module's own test: runs inside Slicer (CTest, or Reload and Test) and in the project's small Slicer."""

    PLACE = (8.0, -6.0, 4.0)
    SECONDS = 300.0

    def setUp(self):
        """An empty scene."""
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        """Run all."""
        self.setUp()
        self.test_panel_opens_without_volumes()
        self.setUp()
        self.test_click_makes_segments()

    def test_panel_opens_without_volumes(self):
        """The panel says what to do, and adds no segmentation."""
        slicer.util.selectModule("GliomaSAM")
        slicer.app.processEvents()
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
        assert slicer.modules.GliomaSAMWidget.ui.notesLabel.text

    def test_click_makes_segments(self):
        """A point inside a bright ball becomes a segment; without PyTorch nothing is computed, and that is said."""
        slicer.util.selectModule("GliomaSAM")
        panel = slicer.modules.GliomaSAMWidget.panel
        self.addBall("FLAIR")
        self.waitFor(lambda: panel.parameters.flair is not None)
        panel.ui.positiveButton.click()
        if panel.engine is None:
            self.delayDisplay("Skipped: PyTorch is not installed, and the panel says so: " + panel.messages.text)
            assert panel.messages.text
            return
        node = panel.task.prompt_nodes.node_for("point", True, "WT")
        node.AddControlPointWorld(list(self.PLACE))
        self.waitFor(lambda: panel.task.volumes().get("WT", 0.0) > 0.0)
        names = panel.task.segment_ids()
        assert "WT" in names
        panel.ui.undoButton.click()
        self.waitFor(lambda: panel.task.volumes()["WT"] == 0.0)
        assert node.GetNumberOfControlPoints() == 0
        self.delayDisplay("Passed")

    def addBall(self, name):
        """A volume of 48 x 48 x 40 voxels of 2 mm: an ellipsoid with a bright ball round the place."""
        import numpy as np

        k, j, i = np.indices((40, 48, 48))
        ras = np.stack([i * 2.0 - 47.0, j * 2.0 - 47.0, k * 2.0 - 39.0], axis=-1)
        head = ((ras / (40.0, 44.0, 34.0)) ** 2).sum(-1) < 1
        ball = ((ras - self.PLACE) ** 2).sum(-1) < 12.0**2
        values = np.where(head, np.where(ball, 600, 300), 0) + np.random.default_rng(0).integers(0, 20, head.shape)
        matrix = np.diag([2.0, 2.0, 2.0, 1.0])
        matrix[:3, 3] = (-47.0, -47.0, -39.0)
        return slicer.util.addVolumeFromArray((values * head).astype(np.int16), matrix, name)

    def waitFor(self, condition):
        """Let the application go on until something holds."""
        end = time.monotonic() + self.SECONDS
        while not condition():
            assert time.monotonic() < end, "it took too long"
            slicer.app.processEvents()
