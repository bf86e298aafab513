"""A saved state of which anything cannot be understood: told, set aside whole, and saving goes on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

POINT = {"kind": "point", "region": "WT", "positive": True, "points": [[0, 0, 0]]}
MASK = {"kind": "mask", "region": "WT", "positive": True}
HUGE = {"shape": [2**20, 2**20, 1], "encoding": "bits+zlib+base64", "data": ""}
DEEP = "[" * 3000 + "]" * 3000


def with_prompt(**values: Any) -> Callable[[dict[str, Any]], Any]:
    def change(state: dict[str, Any]) -> dict[str, Any]:
        state["prompts"]["prompts"].append({**POINT, **values})
        return state

    return change


def having(**values: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda state: {**state, **values}


def with_place(**values: Any) -> Callable[[dict[str, Any]], Any]:
    def change(state: dict[str, Any]) -> dict[str, Any]:
        lists = {"prompts": state["prompts"], "earlier": state["earlier"]}
        return {**state, "places": [{"style": "lesion", "lesion_segment": "a", **lists, **values}]}

    return change


MANY = [{**POINT, **MASK, "mask": {**HUGE, "shape": [2**29, 1, 1]}}] * 5

DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a number that no float holds": with_prompt(points=[[10**400, 0, 0]]),
    "infinity": with_prompt(points=[[float("inf"), 0, 0]]),
    "not a number": with_prompt(points=[[float("nan"), 0, 0]]),
    "a text for a number": with_prompt(points=[["x", 0, 0]]),
    "two coordinates": with_prompt(points=[[0, 0]]),
    "no points": with_prompt(points=None),
    "an unknown kind": with_prompt(kind=["point"]),
    "an unknown region": with_prompt(region="XX"),
    "a region that is a list": with_prompt(region=[]),
    "an id twice": lambda state: with_prompt(id="a")(with_prompt(id="a")(state)),
    "an id that is a number": with_prompt(id=1),
    "a mask without voxels": with_prompt(**MASK, mask={"shape": [0, 1, 1]}),
    "a huge mask": with_prompt(**MASK, mask=HUGE),
    "a mask that is cut": with_prompt(**MASK, mask={**HUGE, "shape": [3, 3, 3], "data": "eJw="}),
    "no list of prompts": having(prompts=None),
    "a newer list of prompts": lambda state: {**state, "prompts": {**state["prompts"], "version": 2}},
    "prompts of before that are none": having(earlier=[]),
    "a model that is a number": having(model=1),
    "a model that is null": having(model=None),
    "a device that is a list": having(device=[]),
    "an unknown style": having(style="other"),
    "a style that is an object": having(style={}),
    "an unknown way to overwrite": having(overwrite="some"),
    "an unknown skull": having(skull="maybe"),
    "register that is a number": having(register=1),
    "proposed that is a text": having(proposed="yes"),
    "weights that are a list": having(weights=[]),
    "a lesion that is a number": having(lesion_segment=3),
    "places that are none": having(places=None),
    "a place that is a text": having(places=["lesion"]),
    "a place of an unknown style": with_place(style="other"),
    "a place of a segment that is a number": with_place(lesion_segment=3),
    "a place without prompts": with_place(prompts=None),
    "a place with too many voxels": with_place(earlier={"prompts": MANY}),
    "a version that is true": having(version=True),
    "another format": having(format="other"),
    "a list": lambda state: [state],
    "text": lambda state: "{",
    "deep text": lambda state: DEEP,
}


@pytest.fixture
def saved(engine: Any, task: Any, run_until: Any, place: Any, segmentation: Any) -> str:
    """A state that an engine of before has saved, with one click."""
    task.session.add_point(place(8, 8, 7))
    run_until()
    text = str(segmentation.GetAttribute("GliomaSAM.state"))
    engine.close()
    return text


@pytest.fixture
def later(engine: Any, panel: Any, saved: str) -> Any:
    """An engine of the next day."""
    from GliomaSAMLib.slicer.engine import Engine

    jobs = engine.jobs
    made = Engine(
        panel, load=jobs._load, read_study=jobs.read_study, new_predictor=jobs._new_predictor, cache=None
    )  # fmt: skip
    yield made
    assert made.close(5)


def work(engine: Any) -> None:
    engine.collect()
    while engine.busy:
        engine.collect()
    engine.collect()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_and_set_aside_whole_and_saving_goes_on(
    later: Any, saved: str, segmentation: Any, panel: Any, place: Any, t1_node: Any, damage: str
) -> None:
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, SET_ASIDE

    changed = DAMAGES[damage](json.loads(saved))
    text = changed if isinstance(changed, str) else json.dumps(changed)
    segmentation.SetAttribute(ATTRIBUTE, text)
    panel.messages.clear()
    task = later.task(segmentation)
    assert "damaged" in panel.told("error") and len(panel.told("error")) < 600
    assert task.session.prompts == () and segmentation.GetAttribute(SET_ASIDE) == text
    assert task.set_volumes({"t1": t1_node})
    work(later)
    assert task.volumes()["WT"] > 0  # what the segments hold stays
    task.session.add_point(place(4, 4, 4))
    work(later)
    now = json.loads(segmentation.GetAttribute(ATTRIBUTE))
    assert now["prompts"]["prompts"][-1]["points"] == [list(place(4, 4, 4))]
    assert segmentation.GetAttribute(SET_ASIDE) == text


def test_what_cannot_be_taken_up_for_another_reason_is_kept_as_well(
    later: Any, saved: str, segmentation: Any, panel: Any, place: Any, t1_node: Any, monkeypatch: Any
) -> None:
    from GliomaSAMLib.slicer.controller import SegmentationController
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, SET_ASIDE

    def fail(task: Any, state: Any) -> None:
        raise ValueError("anything")

    segmentation.SetAttribute(ATTRIBUTE, saved)
    monkeypatch.setattr(SegmentationController, "restore", fail)
    task = later.task(segmentation)
    assert "ValueError: anything" in panel.told("error") and segmentation.GetAttribute(SET_ASIDE) == saved
    assert task.set_volumes({"t1": t1_node})
    work(later)
    task.session.add_point(place(4, 4, 4))
    work(later)
    assert segmentation.GetAttribute(ATTRIBUTE) != saved and segmentation.GetAttribute(SET_ASIDE) == saved
    panel.messages.clear()


def test_a_second_state_set_aside_does_not_replace_the_first(segmentation: Any) -> None:
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, SET_ASIDE, set_aside

    for text in ("first", "second", "first", "third"):
        segmentation.SetAttribute(ATTRIBUTE, text)
        set_aside(segmentation)
    kept = [segmentation.GetAttribute(f"{SET_ASIDE}{end}") for end in ("", ".2", ".3", ".4")]
    assert kept == ["first", "second", "third", None]
