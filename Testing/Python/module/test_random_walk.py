"""Anything at any moment: no exception, nobody else's work changed, nothing left behind."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from user.clinician import Clinician
from user.quick import QuickWork
from user.random_user import FOREIGN, FOREIGN_VOXELS, RandomUser

FEW, MANY = 200, 1000


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def volume_digests() -> set[str]:
    """Of every volume in the scene that is not hidden."""
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return {digest(slicer.util.arrayFromVolume(node)) for node in nodes if not node.GetHideFromEditors()}


def foreign_segments() -> dict[tuple[str, str], int]:
    """Number of voxels of every segment that is not GliomaSAM's."""
    found = {}
    for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        for name in node.GetSegmentation().GetSegmentIDs():
            if name.startswith(FOREIGN):
                voxels = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, name)
                value = node.GetSegmentation().GetSegment(name).GetLabelValue()
                found[node.GetName(), name] = int((voxels == value).sum())
    return found


def walk(window: Any, add_patient: Any, quick: QuickWork, folder: Path, seed: int, steps: int) -> None:
    quick.seconds = 0.02
    volumes = add_patient()
    known = volume_digests()
    window.show(volumes["t1c"])
    clinician = Clinician(window)
    clinician.enter()
    user = RandomUser(clinician, seed, add_patient, folder)
    for step in range(steps):
        user.act()
        if step % 20 == 0:
            assert set(foreign_segments().values()) <= {FOREIGN_VOXELS}, (foreign_segments(), user.done[-20:])
            assert volume_digests() <= known, f"a volume was changed by one of {user.done[-20:]}"
        assert "unexpected" not in clinician.panel.messages.text, clinician.panel.messages.text
        assert window.watch_problems() == [], user.done[-12:]
    clinician.wait(60)
    panel = clinician.panel
    window.select("")
    panel.close()
    window.pump(50)
    assert [thread.name for thread in threading.enumerate() if thread.name == "GliomaSAM"] == []
    assert not panel._timer.active and panel.shortcuts._shortcuts == []
    assert not [node for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode") if node.GetHideFromEditors()]


@pytest.fixture
def window(slicer_with_module: Any, watch: Any) -> Any:
    slicer_with_module.watch_problems = lambda: list(watch.problems)
    return slicer_with_module


def test_a_short_walk(window: Any, add_patient: Any, quick: QuickWork, tmp_path: Path) -> None:
    walk(window, add_patient, quick, tmp_path, seed=1, steps=FEW)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_a_long_walk(window: Any, add_patient: Any, quick: QuickWork, tmp_path: Path, seed: int) -> None:
    walk(window, add_patient, quick, tmp_path, seed, MANY)
