"""The slice views go where something was found: to what is proposed, and to the row that is clicked."""

import numpy as np
import pytest
import slicer
from user.clinician import RAS, Clinician
from user.quick import QuickWork

INSIDE = (12.0, 6.0, 4.0)
ELSEWHERE = (-12.0, -8.0, -6.0)
FAR = (30.0, 30.0, 24.0)


def seen(user: Clinician) -> dict[str, float]:
    """Which slice each view shows, mm."""
    return {name: view.view.node.GetSliceOffset() for name, view in user.window.views.items()}


def test_propose_outlines_and_goes_there(user: Clinician) -> None:
    user.window.jump(FAR)
    before = seen(user)
    user.ui.proposeButton.click()
    user.wait()
    masks = user.masks()
    assert masks["WT"].any() and user.task.session.prompts == ()
    place = middle_of(user, "WT")
    assert seen(user) != before and user.at(masks["WT"], place)
    shown = seen(user)
    user.window.jump(place)
    assert seen(user) == pytest.approx(shown, abs=user.task.geometry.spacing[0])
    user.window.jump(FAR)
    user.click(INSIDE, view="Red")
    assert {**seen(user), "Red": 0.0} == {**before, "Red": 0.0}  # who clicks has chosen the place


def test_it_is_told_that_nothing_is_proposed(user: Clinician, quick: QuickWork) -> None:
    quick.finds_nothing = True
    before = seen(user)
    user.ui.proposeButton.click()
    user.wait()
    assert not user.masks()["WT"].any() and seen(user) == before
    assert user.ui.messageLabel.text == "No tumour was found: press Inside and click it"


def middle_of(user: Clinician, region: str) -> RAS:
    """The middle of a region, R, A, S in mm."""
    middle = np.argwhere(user.masks()[region]).mean(axis=0)
    r, a, s = user.task.geometry.to_ras(middle[::-1])
    return float(r), float(a), float(s)


def drawn() -> list[str]:
    """The labels of the ends of all lines in the scene."""
    nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode")
    assert all(node.GetLocked() and not node.GetSaveWithScene() for node in nodes)
    return [node.GetNthControlPointLabel(end) for node in nodes for end in (0, 1)]


def test_a_click_on_a_row_shows_where_it_is_measured(user: Clinician) -> None:
    user.click(ELSEWHERE, region="ET")
    user.window.jump(FAR)
    before = seen(user)
    user.ui.resultsTable.cellClicked.emit(2, 1)
    found = seen(user)
    user.window.jump(ELSEWHERE)
    assert found == pytest.approx(seen(user), abs=user.task.geometry.spacing[0]) and found != before
    assert [label for label in drawn() if label] == [
        f"Enhancing tumour: {user.ui.resultsTable.item(2, 2).text()} mm",
        f"{user.ui.resultsTable.item(2, 3).text()} mm",
    ]
    user.ui.resultsTable.cellClicked.emit(2, 1)
    assert drawn() == [], "a second click takes the lines away"
    user.ui.resultsTable.cellClicked.emit(1, 0)
    assert len(drawn()) == 4
    prompts = user.task.session.prompts
    user.click(INSIDE)
    assert drawn() == [] and len(user.task.session.prompts) == len(prompts) + 1
    user.ui.resultsTable.cellClicked.emit(0, 0)
    user.window.select("")
    assert drawn() == []
    user.enter()
    user.ui.resetButton.click()
    user.wait()
    shown = seen(user)
    user.ui.resultsTable.cellClicked.emit(0, 0)
    assert seen(user) == shown


def test_slicers_own_key_hides_the_outlines_and_shows_them_again(user: Clinician) -> None:
    """As the tutorial tells; nothing of the panel stands in its way."""
    user.click(INSIDE)
    display = user.task.node.GetDisplayNode()
    view = user.window.views["Red"].view
    for shown in (0.0, 1.0):
        view.interactor.SetKeyEventInformation(0, 0, "g", 0, "g")
        view.interactor.KeyPressEvent()
        user.window.pump(100)
        assert display.GetOpacity() == shown
