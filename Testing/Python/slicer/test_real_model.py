"""The shipped model through the engine on a piece of a real case, against the library's own session."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

CASE = "Brats18_CBICA_ASG_1"
MARGIN = (12, 30, 30)
"""Voxels (K, J, I) on each side of the click that are kept."""
HELD_SECONDS = 0.1


@pytest.fixture
def piece(
    glioma_case: Callable[[str], Path], add_volume: Callable[..., Any]
) -> tuple[dict[str, Any], tuple[float, ...]]:
    """Nodes of t1c and flair cut to a piece round the middle of the tumour core, and that middle in RAS mm."""
    folder = glioma_case(CASE)
    labels = sitk.ReadImage(str(folder / "seg.nii"))
    core = np.argwhere(np.isin(sitk.GetArrayViewFromImage(labels), (1, 3, 4)))
    middle = core[np.argmin(np.linalg.norm(core - core.mean(axis=0), axis=1))]
    start, stop = middle - MARGIN, middle + MARGIN
    cut = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    whole = Geometry.of_image(labels)
    grid = whole.crop(tuple(int(n) for n in start), tuple(int(n) for n in stop - start))
    nodes = {}
    for modality in ("t1c", "flair"):
        values = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{modality}.nii")))
        nodes[modality] = add_volume(np.ascontiguousarray(values[cut]), grid.ijk_to_ras, modality)
    return nodes, tuple(float(value) for value in whole.to_ras(middle[::-1]))


@pytest.mark.slow
def test_the_panel_gives_what_the_library_gives(mrml_scene: Any, segmentation: Any, panel: Any, piece: Any) -> None:
    from GliomaSAMLib import Session, Study, load_model
    from GliomaSAMLib.slicer.engine import Engine
    from GliomaSAMLib.slicer.volumes import volume_image

    nodes, click = piece
    loaded = load_model("gliomasam", device="cpu")
    engine = Engine(panel, load=lambda name, device: loaded, cache=None)
    task = engine.task(segmentation)
    held: list[float] = []

    def run() -> None:
        while engine.busy:
            started = time.thread_time()  # what this thread did, however busy the machine
            engine.collect()
            held.append(time.thread_time() - started)
            time.sleep(0.01)

    try:
        assert task.set_volumes(nodes, skull="off")
        task.session.add_point(click, True, "TC")
        run()
        first = {region: task.masks(region) for region in REGIONS}
        second = (click[0] + 8.0, click[1], click[2])
        held.clear()
        task.session.add_point(second, False, "TC")
        run()
        assert max(held) < HELD_SECONDS
        assert task.uncertainty() is None
        run()
        assert task.uncertainty().values.shape == task.geometry.shape
        started = time.thread_time()
        task.session.undo()
        assert time.thread_time() - started < HELD_SECONDS
        assert all(np.array_equal(task.masks(region), first[region]) for region in REGIONS)
        task.session.redo()
        study = Study.read(**{modality: volume_image(node) for modality, node in nodes.items()}, skull="off")
        session = Session(study, loaded, cache=None)
        session.add_point(click, True, "TC")
        session.update()
        assert all(np.array_equal(first[region], session.mask(region)) for region in REGIONS)
        session.add_point(second, False, "TC")
        session.update()
        assert all(np.array_equal(task.masks(region), session.mask(region)) for region in REGIONS)
        assert task.volumes()["TC"] > 0.5 and panel.told("error") == ""
    finally:
        assert engine.close(30)
