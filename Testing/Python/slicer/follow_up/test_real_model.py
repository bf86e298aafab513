"""The shipped model outlines a visit from the outlines of the one before; the two are aligned and compared.

The small study is no head that the model knows: how good its outlines are is tested elsewhere.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene_visits import Patient

from GliomaSAMLib.geometry import Geometry

SHIFT = (6.0, -4.0, 8.0)


@pytest.mark.slow
def test_a_visit_is_outlined_from_the_last_and_compared(
    patient: Patient,
    add_volume: Any,
    small_arrays: dict[str, np.ndarray],
    small_grid: Geometry,
    panel: Any,
    mrml_scene: Any,
    tmp_path: Path,
) -> None:
    from GliomaSAMLib.slicer.engine import Engine
    from GliomaSAMLib.slicer.follow_up.outlines import read_outlines
    from GliomaSAMLib.slicer.follow_up.session import FollowUp
    from GliomaSAMLib.slicer.segments.node import new_segmentation
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    hierarchy = patient.hierarchy()
    subject = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    moved = small_grid.ijk_to_ras.copy()
    moved[:3, 3] += SHIFT
    nodes: list[dict[str, Any]] = []
    for day, matrix in (("20240301", small_grid.ijk_to_ras), ("20240603", moved)):
        study = hierarchy.CreateStudyItem(subject, day)
        hierarchy.SetItemAttribute(study, "DICOM.StudyDate", day)
        volumes = {name: add_volume(small_arrays[name].copy(), matrix, name) for name in ("t1", "t1c", "t2", "flair")}
        for node in volumes.values():
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)
        nodes.append(volumes)
    lesion = small_arrays["lesion"].astype(np.uint8)
    first = new_segmentation(mrml_scene, "first", nodes[0]["t1c"])
    SegmentWriter(first, small_grid, volume_node=nodes[0]["t1c"]).write(dict.fromkeys(("WT", "TC", "ET"), lesion))

    engine = Engine(panel, cache=tmp_path / "cache")
    follow_up = FollowUp(mrml_scene, engine, lambda: None)

    def work() -> None:
        until = time.monotonic() + 600
        while True:
            follow_up.tick()
            engine.collect()
            if not follow_up.is_waiting and not engine.busy:
                return
            assert time.monotonic() < until, panel.messages
            time.sleep(0.01)

    follow_up.find()
    assert [entry.visit.is_outlined for entry in follow_up.entries] == [True, False]
    assert sorted(follow_up.entries[1].visit.volumes) == ["flair", "t1", "t1c", "t2"]
    follow_up.outline(follow_up.entries[1])
    work()
    assert panel.told("error") == ""
    assert follow_up.entries[1].visit.is_outlined
    found = read_outlines(follow_up.entries[1].visit.segmentation)
    assert found.wt.any() and found.geometry.matches(Geometry(**{**vars(small_grid), "origin": tuple(moved[:3, 3])}))
    follow_up.compare()
    work()
    assert panel.told("error") == ""
    visit = follow_up.assessment.visits[1]
    assert visit.source == "model with the mask of V1" and visit.alignment.method == "rigid"
    place = np.array([12.0, 6.0, 4.0])
    back = visit.alignment.to_first[:3, :3] @ (place + SHIFT) + visit.alignment.to_first[:3, 3]
    assert np.linalg.norm(back - place) < 2.0
    follow_up.close()
    assert engine.close(5)
