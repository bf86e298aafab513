"""The way of a clinician from the volumes to a saved scene, with the shipped model on a real case."""

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from user.clinician import Clinician

CASE = "Brats18_CBICA_ATB_1"
LIMIT = 0.1
"""Seconds that the main thread may be held while encoding and updating."""
PATIENCE = 600.0
"""Seconds; two slow cores encode four volumes in some minutes."""


class Held:
    """Notes how long each tick of the panel's timer holds the main thread, in which all its work on the scene is done.

    Args:
        panel: The `Panel`, with its engine.
    """

    def __init__(self, panel: Any) -> None:
        self.wall: list[float] = []
        self.processor: list[float] = []
        self._collect = panel.engine.collect
        panel.engine.collect = self._timed

    def _timed(self) -> None:
        wall, processor = time.perf_counter(), time.thread_time()
        self._collect()
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.thread_time() - processor)

    def take(self, name: str, leave_out: int = 0) -> float:
        """Tell the figures since the last call, and return the longest of the processor's time, seconds.

        Args:
            name: What was going on.
            leave_out: How many of the longest are not looked at: segments written for the first time.
        """
        wall, processor = sorted(self.wall), sorted(self.processor)
        self.wall, self.processor = [], []
        logging.getLogger(__name__).info(
            f"main thread held while {name}: {len(wall)} ticks, median {statistics.median(wall) * 1000:.1f} ms, "
            f"99 % {wall[int(0.99 * (len(wall) - 1))] * 1000:.0f} ms, longest {wall[-1] * 1000:.0f} ms "
            f"({processor[-1] * 1000:.0f} ms of processor time)"
        )
        return processor[-1 - leave_out]


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * np.logical_and(mask, truth).sum() / max(int((mask > 0).sum() + (truth > 0).sum()), 1))


@pytest.fixture
def case(glioma_case: Callable[[str], Path]) -> Path:
    return glioma_case(CASE)


@pytest.fixture
def clinician(mini_slicer: Any, module_file: Path, case: Path, tmp_path: Path) -> Iterator[Clinician]:
    """Somebody with the case's volumes loaded as Slicer loads them, before the module is opened."""
    module = mini_slicer.load(module_file)
    module.widgetRepresentation().self().logic.engineOptions = {"cache": tmp_path / "cache"}
    for modality in ("t1", "t1c", "t2", "flair"):
        node = slicer.util.loadVolume(str(case / f"{modality}.nii"), {"name": f"{CASE}_{modality}"})
    mini_slicer.window.resize(1500, 1150)
    mini_slicer.show(node)
    yield Clinician(mini_slicer)
    assert mini_slicer.strays() == []


def places(case: Path) -> tuple[np.ndarray, Any, Any]:
    """The whole tumour of the labels, the RAS mm of the voxel deepest in its core, and that of one 25 mm outside."""
    from scipy import ndimage

    image = sitk.ReadImage(str(case / "seg.nii"))
    labels = sitk.GetArrayFromImage(image)
    core = np.isin(labels, (1, 4))
    deepest = np.unravel_index(ndimage.distance_transform_edt(core).argmax(), core.shape)
    far = ndimage.distance_transform_edt(labels == 0)
    far[labels != 0] = 0
    far[sitk.GetArrayFromImage(sitk.ReadImage(str(case / "t1.nii"))) == 0] = 0
    far[np.arange(far.shape[0]) != deepest[0]] = 0
    outside = np.unravel_index(far.argmax(), far.shape)

    def ras(voxel: Any) -> Any:
        x, y, z = image.TransformIndexToPhysicalPoint([int(v) for v in voxel[::-1]])
        return -x, -y, z

    return labels > 0, ras(deepest), ras(outside)


@pytest.mark.slow
def test_from_the_first_click_to_a_saved_scene(clinician: Clinician, case: Path, tmp_path: Path) -> None:
    truth, inside, outside = places(case)
    clinician.window.jump(inside)
    clinician.enter()
    clinician.fold()
    clinician.window.wait_for(lambda: clinician.panel.engine is not None, 30)
    held = Held(clinician.panel)
    clinician.window.pump(3000)
    clinician.picture("encoding")
    clinician.wait(PATIENCE)
    clinician.picture("ready")
    encoding = held.take("encoding")

    clinician.take("positive")
    clinician.window.click("Red", inside)
    clinician.wait(PATIENCE)
    clinician.picture("first_click")
    held.take("writing the segments for the first time")
    masks = clinician.masks()
    assert all(np.array_equal(clinician.segment(region), mask) for region, mask in masks.items())
    assert dice(masks["WT"], truth) > 0.7
    library = library_masks(case, clinician.task.session.prompts, tmp_path / "cache")
    assert all(dice(masks[region], mask) > 0.999 for region, mask in library.items())

    wrong = where_wrong(clinician, masks["WT"], truth)
    clinician.click(wrong, positive=False)
    clinician.picture("negative_click")
    assert not clinician.at(clinician.masks()["WT"], wrong)
    aside = (outside[0], outside[1] - 8, outside[2])
    clinician.window.click("Red", outside)
    clinician.wait(PATIENCE)
    clinician.ui.negativeButton.click()  # the tool is put away
    clinician.window.drag("Red", outside, aside)
    clinician.wait(PATIENCE)
    clinician.picture("dragged")
    moved = clinician.task.session.prompts[-1]
    assert not moved.positive and np.allclose(moved.points[0], aside, atol=1.5)
    clinician.take("box")
    r, a, s = inside
    clinician.window.click("Red", (r - 15, a - 15, s))
    clinician.window.click("Red", (r + 15, a + 15, s))
    clinician.wait(PATIENCE)
    clinician.picture("box")
    assert [prompt.kind for prompt in clinician.task.session.prompts][-1] == "box"
    boxed = clinician.masks()
    clinician.ui.undoButton.click()
    clinician.wait(PATIENCE)
    clinician.ui.redoButton.click()
    clinician.wait(PATIENCE)
    assert all(np.array_equal(mask, boxed[region]) for region, mask in clinician.masks().items())
    updating = held.take("updating")

    clinician.ui.editorButton.collapsed = False
    clinician.ui.editor.setCurrentSegmentID(clinician.task.segment_ids()["WT"])
    clinician.ui.editor.paint(outside, 4.0)
    clinician.wait(PATIENCE)
    clinician.picture("painted")
    clinician.click((r, a, s + 4), region="TC")
    clinician.picture("click_after_edit")
    assert clinician.at(clinician.masks()["WT"], outside)
    clinician.ui.editorButton.collapsed = True
    clinician.ui.uncertaintyCheckBox.click()
    clinician.ui.uncertaintyButton.click()
    clinician.wait(PATIENCE)
    clinician.picture("uncertainty")
    clinician.ui.uncertaintyCheckBox.click()
    clinician.wait(PATIENCE)

    before, count = clinician.masks(), len(clinician.task.session.prompts)
    path = tmp_path / "patient.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(0)
    clinician.window.pump(200)
    slicer.util.loadScene(str(path))
    clinician.wait(PATIENCE)
    assert len(clinician.task.session.prompts) == count
    assert all(np.array_equal(mask, before[region]) for region, mask in clinician.masks().items())
    clinician.window.show(clinician.panel.parameters.flair)
    clinician.click((r, a, s - 4), region="WT")
    clinician.picture("next_day")
    assert clinician.at(clinician.masks()["WT"], (r, a, s - 4)) and clinician.at(clinician.masks()["WT"], outside)
    assert encoding < LIMIT and updating < LIMIT


def where_wrong(clinician: Clinician, mask: np.ndarray, truth: np.ndarray) -> Any:
    """RAS mm of the voxel deepest in what the mask has too much."""
    from scipy import ndimage

    too_much = np.pad((mask > 0) & ~truth, 1)
    depth = ndimage.distance_transform_edt(too_much)[1:-1, 1:-1, 1:-1]
    k, j, i = np.unravel_index(depth.argmax(), depth.shape)
    return tuple(round(float(value), 1) for value in clinician.task.geometry.to_ras(np.array([i, j, k])))


def library_masks(case: Path, prompts: Any, cache: Path) -> dict[str, np.ndarray]:
    """What the library answers to the same prompts on the same files."""
    from GliomaSAMLib import Session, Study, load_model

    study = Study.read(**{modality: case / f"{modality}.nii" for modality in ("t1", "t1c", "t2", "flair")})
    session = Session(study, load_model("gliomasam"), cache)
    for prompt in prompts:
        session.add(prompt)
    session.update()
    return {region: session.mask(region) for region in ("WT", "TC", "ET")}
