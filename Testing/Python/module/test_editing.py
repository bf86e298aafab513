"""Edit by hand: what is painted in the panel's Segment Editor, or in the module of that name, beside nested regions."""

from typing import Any

import numpy as np
import pytest
import slicer
from user.clinician import Clinician

INSIDE = (12.0, 6.0, 4.0)
RIM = (12.0, 12.0, 4.0)


def volumes(user: Clinician) -> dict[str, int]:
    return {region: int(mask.sum()) for region, mask in user.masks().items()}


def kinds(user: Clinician) -> list[tuple[str, str]]:
    return [(prompt.kind, prompt.region) for prompt in user.task.session.prompts]


@pytest.fixture
def clicked(user: Clinician) -> Clinician:
    """Somebody with an outline, who has just opened the editor."""
    user.click(INSIDE)
    return user


def paint(user: Clinician, region: str, ras: tuple[float, float, float], radius: float, add: bool = True) -> None:
    user.ui.editor.setCurrentSegmentID(user.task.segment_ids()[region])
    user.ui.editor.paint(ras, radius, add)
    user.wait()
    user.window.pump(200)


def check(user: Clinician) -> dict[str, np.ndarray]:
    """What is shown, which is nested and what the segments hold."""
    masks = user.masks()
    assert not (masks["ET"] & ~masks["TC"] & 1).any() and not (masks["TC"] & ~masks["WT"] & 1).any()
    assert all(np.array_equal(user.segment(region), mask) for region, mask in masks.items())
    return masks


@pytest.mark.parametrize("overlap", [True, False], ids=["the panel's editor", "as the module Segment Editor is set"])
def test_a_larger_inner_region_leaves_no_hole_round_it(clicked: Clinician, overlap: bool) -> None:
    node = clicked.ui.editor.mrmlSegmentEditorNode()
    assert node.GetOverwriteMode() == node.OverwriteNone
    node.SetOverwriteMode(node.OverwriteNone if overlap else node.OverwriteAllSegments)
    before = clicked.masks()
    paint(clicked, "ET", RIM, 5.0)
    after = check(clicked)
    assert after["ET"].sum() > before["ET"].sum() and np.array_equal(after["TC"], before["TC"] | after["ET"])
    assert np.array_equal(after["WT"], before["WT"])
    clicked.click((12.0, 2.0, 4.0))
    assert kinds(clicked) == [("point", "WT"), ("mask", "ET"), ("point", "WT")]
    assert np.all(check(clicked)["ET"] >= after["ET"])


def test_what_is_painted_beyond_the_tumour_is_in_all_regions_round_it(clicked: Clinician) -> None:
    before = clicked.masks()
    paint(clicked, "ET", (-12.0, -8.0, -6.0), 4.0)
    after = check(clicked)
    new = after["ET"] & ~before["ET"] & 1
    assert new.any() and not (before["WT"] & new).any() and np.array_equal(after["WT"], before["WT"] | new)
    paint(clicked, "WT", (-12.0, -8.0, -6.0), 6.0, add=False)
    assert all(np.array_equal(mask, before[region]) for region, mask in check(clicked).items())


def test_the_editors_undo_takes_back_what_followed(clicked: Clinician) -> None:
    before = clicked.masks()
    paint(clicked, "ET", (-12.0, -8.0, -6.0), 4.0)
    clicked.ui.editor.undo()
    clicked.wait()
    clicked.window.pump(200)
    assert all(np.array_equal(mask, before[region]) for region, mask in check(clicked).items())


def test_the_rim_of_the_whole_tumour_is_painted_over_the_core(clicked: Clinician) -> None:
    before = volumes(clicked)
    paint(clicked, "WT", (12.0, 14.0, 4.0), 7.0)
    assert {region: volumes(clicked)[region] for region in ("TC", "ET")} == {r: before[r] for r in ("TC", "ET")}
    clicked.task.take_edits()
    assert ("mask", "TC") not in kinds(clicked) and ("mask", "ET") not in kinds(clicked)


def test_side_by_side_what_is_painted_last_holds(user: Clinician) -> None:
    user.ui.styleSelector.currentIndex = 1
    user.wait()
    user.click(INSIDE)
    before = user.masks()
    paint(user, "ED", RIM, 4.0)
    parts = {part: user.segment(part) for part in ("ED", "NC", "ET")}
    assert sum(part.astype(int) for part in parts.values()).max() == 1
    after = user.masks()
    assert np.array_equal(after["WT"], before["WT"]) and after["TC"].sum() < before["TC"].sum()
    user.click((12.0, 2.0, 4.0))
    assert not (user.segment("NC") & parts["ED"] & (user.task.masks("TC") == 0)).any()
    paint(user, "ET", RIM, 3.0)
    parts = {part: user.segment(part) for part in ("ED", "NC", "ET")}
    assert sum(part.astype(int) for part in parts.values()).max() == 1 and user.at(user.masks()["ET"], RIM)


def test_the_cavity_gives_way_to_tumour_painted_over_it(clicked: Clinician) -> None:
    from GliomaSAMLib.slicer.segments.cavity import cavity_id, read_cavity

    clicked.ui.cavityButton.click()
    clicked.ui.editor.paint((-12.0, -8.0, -6.0), 5.0)
    clicked.wait()
    paint(clicked, "ET", (-12.0, -8.0, -4.0), 3.0)
    assert cavity_id(clicked.task.node) is not None and clicked.at(clicked.masks()["ET"], (-12.0, -8.0, -4.0))
    cavity = read_cavity(clicked.task.node, clicked.task.geometry)
    assert cavity.any() and not (cavity & check(clicked)["WT"]).any()


def test_the_users_own_choice_stays_and_a_new_scene_begins_anew(clicked: Clinician, add_patient: Any) -> None:
    node = clicked.ui.editor.mrmlSegmentEditorNode()
    node.SetOverwriteMode(node.OverwriteVisibleSegments)
    clicked.window.select("")
    clicked.enter()
    clicked.wait()
    assert node.GetOverwriteMode() == node.OverwriteVisibleSegments
    slicer.mrmlScene.Clear(False)
    clicked.wait()
    add_patient()
    clicked.wait()
    assert clicked.ui.editor.mrmlSegmentEditorNode().GetOverwriteMode() == node.OverwriteNone
