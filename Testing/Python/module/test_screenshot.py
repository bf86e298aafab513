"""The picture of the README: the panel at work on the phantom, of whom it may be published."""

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from user.clinician import Clinician

PATIENCE = 900.0


@pytest.mark.slow
def test_the_phantom_after_two_clicks(mini_slicer: Any, module_file: Any, tmp_path: Any) -> None:
    from scipy import ndimage

    from GliomaSAMLib.demo.phantom import make_phantom

    phantom = make_phantom()
    labels = sitk.GetArrayFromImage(phantom.truth)
    for name, image in phantom.images.items():
        sitk.WriteImage(image, str(tmp_path / f"phantom_{name}.nii.gz"))
        slicer.util.loadVolume(str(tmp_path / f"phantom_{name}.nii.gz"))
    deepest = np.unravel_index(ndimage.distance_transform_edt(labels > 0).argmax(), labels.shape)
    x, y, z = phantom.truth.TransformIndexToPhysicalPoint([int(value) for value in deepest[::-1]])
    place = (-x, -y, z)

    module = mini_slicer.load(module_file)
    module.widgetRepresentation().self().logic.engineOptions = {"cache": tmp_path / "cache"}
    mini_slicer.window.resize(1250, 990)
    clinician = Clinician(mini_slicer)
    clinician.enter()
    clinician.fold()
    clinician.wait(PATIENCE)
    mini_slicer.show(clinician.panel.parameters.flair)
    clinician.take("positive")
    mini_slicer.jump(place)
    mini_slicer.click("Red", place)
    clinician.wait(PATIENCE)
    whole = clinician.masks()["WT"]
    assert 2 * (whole & (labels > 0)).sum() / (whole.sum() + (labels > 0).sum()) > 0.9
    k, j, i = np.unravel_index(ndimage.distance_transform_edt(labels == 3).argmax(), labels.shape)
    x, y, z = phantom.truth.TransformIndexToPhysicalPoint([int(i), int(j), int(k)])
    clinician.take("positive", "ET")
    mini_slicer.click("Yellow", (-x, -y, z))
    clinician.wait(PATIENCE)
    mini_slicer.jump(place)
    clinician.picture("module")
