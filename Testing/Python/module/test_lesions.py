"""Any lesion, at the panel: the segment that is chosen is the one that is shown, written and exported."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from user.clinician import Clinician

INSIDE, ELSEWHERE = (12.0, 6.0, 4.0), (-12.0, -8.0, -6.0)


def choose(user: Clinician, name: str) -> None:
    selector = user.ui.lesionSelector
    selector.currentIndex = [selector.itemText(index) for index in range(selector.count)].index(name)
    selector.activated.emit(selector.currentIndex)
    user.wait()


def names(user: Clinician) -> list[str]:
    return [user.ui.lesionSelector.itemText(index) for index in range(user.ui.lesionSelector.count)]


def held(user: Clinician, segment_id: str) -> np.ndarray:
    from GliomaSAMLib.slicer.segments.node import read_segment

    geometry = user.task.geometry
    return read_segment(user.task.node, segment_id, geometry.ijk_to_ras, geometry.shape)


def test_a_painted_segment_is_chosen_and_others_follow(user: Clinician, tmp_path: Path, monkeypatch: Any) -> None:
    from GliomaSAMPanel import dialogs

    from GliomaSAMLib.slicer.segments.node import Block, add_voxels

    node, geometry = user.task.node, user.task.geometry
    own = node.GetSegmentation().AddEmptySegment("met", "Metastasis")
    painted = np.zeros(geometry.shape, np.uint8)
    painted[4:10, 4:10, 4:10] = 1
    add_voxels(node, own, Block(geometry.ijk_to_ras, (0, 0, 0), geometry.shape), painted > 0)
    user.wait()
    user.ui.styleSelector.currentIndex = 2
    user.wait()
    choose(user, "Metastasis")
    assert np.array_equal(held(user, own), painted) and user.task.segment_ids() == {"lesion": own}
    assert user.ui.resultsTable.item(0, 1).text() == f"{painted.sum() * geometry.voxel_ml:.2f}"
    user.ui.undoButton.click()
    user.wait()
    assert np.array_equal(held(user, own), painted)
    choose(user, "a new one")
    user.click(INSIDE)
    new = user.task.style.lesion_segment
    assert user.panel.parameters.lesionSegment == new and user.ui.lesionSelector.currentText == "Lesion"
    assert names(user)[0] == "a new one" and set(names(user)[1:]) >= {"Metastasis", "Lesion"}
    assert np.array_equal(held(user, own), painted) and held(user, new).any()
    target = tmp_path / "lesion.nii.gz"
    monkeypatch.setattr(dialogs, "saveFile", lambda *_: str(target))
    user.ui.exportLabelMapButton.click()
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(target))) > 0, held(user, new) > 0)


def test_regions_of_a_tumour_are_no_lesion_to_choose(user: Clinician) -> None:
    user.click(INSIDE)
    whole = user.masks()
    user.ui.cavityButton.click()
    user.ui.styleSelector.currentIndex = 2
    user.wait()
    assert names(user) == ["a new one", "Lesion"]
    user.click(ELSEWHERE)
    user.ui.styleSelector.currentIndex = 0
    user.wait()
    assert all(np.array_equal(mask, whole[region]) for region, mask in user.masks().items())
    user.ui.styleSelector.currentIndex = 2
    user.wait()
    assert user.ui.lesionSelector.currentText == "Lesion" and user.at(user.masks()["WT"], ELSEWHERE)
