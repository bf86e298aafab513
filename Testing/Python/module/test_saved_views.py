"""What a scene shows that was saved while GliomaSAM showed something of its own in the views."""

from pathlib import Path
from typing import Any

import slicer

INSIDE = (12.0, 6.0, 4.0)


def composite() -> Any:
    return next(
        node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode") if node.GetLayoutName() == "Red"
    )


def test_a_scene_saved_with_the_uncertainty_on_gets_its_foreground_back(user: Any, tmp_path: Path) -> None:
    user.click(INSIDE)
    flair = user.panel.inputs.nodes()["flair"]
    composite().SetForegroundVolumeID(flair.GetID())
    composite().SetForegroundOpacity(0.4)
    user.ui.uncertaintyCheckBox.click()
    user.wait()
    assert composite().GetForegroundVolumeID() != flair.GetID()
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    user.ui.uncertaintyCheckBox.click()
    user.wait()
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(path)
    user.wait()
    assert user.ui.uncertaintyCheckBox.checked  # saved as well, so that it is shown again
    user.ui.uncertaintyCheckBox.click()
    user.wait()
    volume = slicer.mrmlScene.GetNodeByID(composite().GetForegroundVolumeID() or "")
    assert volume is not None and volume.GetName() == "Patient flair"
    assert composite().GetForegroundOpacity() == 0.4
