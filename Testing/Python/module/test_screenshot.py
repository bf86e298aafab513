"""The pictures of the tutorial: the panel at work on the phantom, of whom they may be published.

    GLIOMASAM_SCREENSHOTS=docs/images/slicer GLIOMASAM_TESTS=module QT_QPA_PLATFORM=offscreen \\
        python -m pytest Testing/Python/module/test_screenshot.py -m slow

writes all of them anew; without the variable the steps are only checked.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from PIL import Image
from scipy import ndimage
from user.clinician import SCREENSHOTS, Clinician
from user.quick import QuickWork

from GliomaSAMLib.demo.phantom import make_phantom
from GliomaSAMLib.demo.visits import PhantomVisit, phantom_visits
from GliomaSAMLib.slicer.follow_up.curve import CURVE_VIEW
from GliomaSAMLib.slicer.follow_up.views import VIEWS
from GliomaSAMLib.slicer.jobs import read_study_lazily
from GliomaSAMLib.slicer.reading import tag_of

pytestmark = pytest.mark.slow

PATIENCE = 900.0
SECTIONS = ("inputs", "prompts", "segments", "editor", "results", "followUp", "model")
PANEL_WIDTH = 440
HEAD_MM, TUMOUR_MM = 205.0, 110.0
"""Shown across a view: the whole head, or the tumour."""

COARSE = 4
"""Steps of each colour of a picture; the noise that they leave out is most of its file."""

FLASH_MS = 600
"""After which the segments that changed are not lit up any more."""


def keep(pixmap: Any, name: str) -> None:
    """Write a picture with a palette of its most frequent colours, when pictures are wanted."""
    folder = os.environ.get(SCREENSHOTS)
    if not folder:
        return
    path = Path(folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    pixmap.save(str(path))
    with Image.open(path) as whole:
        coarse = whole.convert("RGB").point([value // COARSE * COARSE for value in range(256)] * 3)
    frequent = sorted(coarse.getcolors(coarse.width * coarse.height), reverse=True)[:256]
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for _, colour in frequent for channel in colour])
    coarse.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def take_picture(clinician: Clinician, name: str, *sections: str) -> None:
    """Keep a picture of the window with only these sections of the panel open."""
    for section in SECTIONS:
        button = getattr(clinician.ui, f"{section}Button")
        button.collapsed = False
        button.collapsed = section not in sections
    clinician.wait(PATIENCE)
    clinician.window.pump(FLASH_MS)
    keep(clinician.window.pixmap(), name)


def take_view(clinician: Clinician, name: str) -> None:
    """Keep a picture of the axial view alone."""
    clinician.window.pump(FLASH_MS)
    clinician.window.pixmap()
    keep(clinician.window.views["Red"].grab(), name)


def show(window: Any, place: tuple[float, float, float], width_mm: float = HEAD_MM) -> None:
    """Show the slices through a place, so many millimetres across; round the place, or round the whole head."""
    for widget in window.views.values():
        widen(widget.view.node, width_mm)
        if width_mm < HEAD_MM:
            widget.view.node.JumpSliceByCentering(*place)
    window.jump(place)


def widen(slice_node: Any, width_mm: float) -> None:
    """Let the shorter side of a view show so many millimetres."""
    columns, rows, _ = slice_node.GetDimensions()
    scale = width_mm / min(columns, rows)
    slice_node.SetFieldOfView(scale * columns, scale * rows, slice_node.GetFieldOfView()[2])


def deepest(mask: np.ndarray, grid: sitk.Image) -> tuple[float, float, float]:
    """The voxel of a mask (K, J, I) farthest from its border, RAS mm."""
    k, j, i = np.unravel_index(ndimage.distance_transform_edt(mask).argmax(), mask.shape)
    x, y, z = grid.TransformIndexToPhysicalPoint([int(i), int(j), int(k)])
    return (-x, -y, z)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second)))


def test_a_tumour_is_outlined_corrected_and_measured(mini_slicer: Any, module_file: Path, tmp_path: Path) -> None:
    phantom = make_phantom()
    labels = sitk.GetArrayFromImage(phantom.truth)
    tumour = labels > 0
    for name, image in phantom.images.items():
        sitk.WriteImage(image, str(tmp_path / f"phantom-{name}.nii.gz"))
        slicer.util.loadVolume(str(tmp_path / f"phantom-{name}.nii.gz"))
    module = mini_slicer.load(module_file)
    module.widgetRepresentation().self().logic.engineOptions = {"cache": tmp_path / "cache"}
    mini_slicer.panel_width = PANEL_WIDTH
    mini_slicer.arrange(["Red"], ["Yellow"])
    mini_slicer.window.resize(790, 720)
    clinician = Clinician(mini_slicer)
    clinician.enter()
    clinician.wait(PATIENCE)
    mini_slicer.show(clinician.panel.parameters.flair)
    middle = deepest(tumour, phantom.truth)
    show(mini_slicer, middle)
    assert clinician.ui.flairSelector.currentNode().GetName() == "phantom-flair"
    take_picture(clinician, "1_volumes", "inputs")

    clinician.take("positive")
    mini_slicer.click("Red", middle)
    clinician.wait(PATIENCE)
    first = clinician.masks()["WT"].astype(bool)
    assert dice(first, tumour) > 0.9
    take_picture(clinician, "2_first_click", "prompts", "results")

    place = deepest(first & ~tumour, phantom.truth)
    show(mini_slicer, place, TUMOUR_MM)
    take_view(clinician, "3_before")
    clinician.click(place, positive=False)
    clinician.wait(PATIENCE)
    corrected = clinician.masks()["WT"].astype(bool)
    assert not clinician.at(corrected, place) and dice(corrected, tumour) > dice(first, tumour)
    take_view(clinician, "3_after")

    clinician.click(deepest(labels == 3, phantom.truth), region="ET", view="Yellow")
    clinician.wait(PATIENCE)
    mini_slicer.show(clinician.panel.parameters.t1c)
    show(mini_slicer, middle)
    clinician.ui.uncertaintyCheckBox.click()
    take_picture(clinician, "4_results", "segments", "results")
    clinician.ui.uncertaintyCheckBox.click()
    take_picture(clinician, "6_model", "model")
    assert clinician.ui.deviceSelector.count > 1

    modalities = tuple(tag_of(modality) for modality in ("t1", "t1c", "t2", "flair"))
    mini_slicer.add_layout(modalities[:2], modalities[2:])
    clinician.ui.readingButton.click()
    show(mini_slicer, middle)
    take_picture(clinician, "7_beside", "inputs", "results")
    assert {widget.view.node.GetSliceOffset() for widget in map(mini_slicer.views.get, modalities)} == {middle[2]}


def add_visit(visit: PhantomVisit) -> Any:
    """Put the volume and the true outlines of a visit into a study with its date. Returns the volume node."""
    from GliomaSAMLib.slicer.segments.node import new_segmentation
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    masks = visit.masks()
    values = sitk.GetArrayFromImage(visit.image("t1c"))
    volume = slicer.util.addVolumeFromArray(values, masks.geometry.ijk_to_ras, f"t1c {visit.name}")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = hierarchy.GetItemByName("Phantom") or hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Phantom")
    study = hierarchy.CreateStudyItem(patient, f"MR {visit.name}")
    hierarchy.SetItemAttribute(study, "DICOM.StudyDate", visit.date.strftime("%Y%m%d"))
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    node = new_segmentation(slicer.mrmlScene, f"Glioma {visit.name}", volume)
    SegmentWriter(node, masks.geometry, volume_node=volume).write({"WT": masks.wt, "TC": masks.tc, "ET": masks.et})
    return volume


def test_two_visits_are_compared(mini_slicer: Any, module_file: Path, quick: QuickWork) -> None:
    *_, later = (add_visit(visit) for visit in phantom_visits(("t1c",))[:2])
    quick.read_study = read_study_lazily  # type: ignore[method-assign]
    module = mini_slicer.load(module_file)
    module.widgetRepresentation().self().logic.engineOptions = quick.options()
    mini_slicer.panel_width = PANEL_WIDTH
    mini_slicer.window.resize(960, 800)
    mini_slicer.show(later)
    clinician = Clinician(mini_slicer)
    clinician.open_follow_up()
    assert clinician.ui.visitsTable.rowCount == 2
    clinician.ui.compareButton.click()
    mini_slicer.pump(120)
    session = clinician.panel.followUp.session
    mini_slicer.wait_for(lambda: not session.is_waiting and not clinician.panel.engine.busy, PATIENCE)
    mini_slicer.pump(120)
    assert clinician.ui.categoryLabel.text.startswith("2024-03-18: PD"), clinician.panel.messages.text
    mini_slicer.add_layout(VIEWS, plot=CURVE_VIEW)
    clinician.ui.sideBySideButton.click()
    widen(mini_slicer.views[VIEWS[0]].view.node, TUMOUR_MM)
    clinician.ui.lesionsTable.selectRow(0)
    take_picture(clinician, "5_follow_up", "followUp")
