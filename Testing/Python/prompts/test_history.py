"""The history of prompts: undo and redo of any depth, bit for bit, and its file."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from GliomaSAMLib.errors import OutputError, PromptError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import Prompt, PromptHistory, box, mask, point, scribble, tilted_box
from GliomaSAMLib.session import Session

POSITIONS = st.tuples(*[st.floats(-300, 300)] * 3)
REGIONS = st.sampled_from(["WT", "TC", "ET"])
PROMPTS = st.one_of(
    st.builds(point, POSITIONS, st.booleans(), REGIONS),
    st.builds(scribble, st.lists(POSITIONS, min_size=1, max_size=4), st.booleans(), REGIONS),
    st.builds(
        lambda low, size, region: box(low, np.add(low, size), region),
        POSITIONS,
        st.tuples(*[st.floats(1, 50)] * 3),
        REGIONS,
    ),
    st.builds(
        lambda at, wide, region: tilted_box(np.add(at, [(0, 0, 0), (wide, 1, 2), (wide, 3, 9), (0, 2, 7)]), region),
        POSITIONS,
        st.floats(1, 50),
        REGIONS,
    ),
    st.builds(
        mask,
        npst.arrays(np.uint8, npst.array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(0, 1)),
        REGIONS,
    ),
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), PROMPTS),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("move"), st.integers(0, 9), POSITIONS),
        st.tuples(st.just("reset")),
    ),
    max_size=12,
)


def change(history: PromptHistory, step: tuple) -> PromptHistory:
    """Apply one step that is possible, else leave the history as it is."""
    if step[0] == "add":
        return history.add(step[1])
    if step[0] == "reset":
        return history.reset()
    if not history.prompts:
        return history
    chosen = history.prompts[step[1] % len(history.prompts)]
    if step[0] == "remove":
        return history.remove(chosen.id)
    return history if chosen.kind == "mask" else history.move(chosen.id, step[2])


def contents(prompts: tuple[Prompt, ...]) -> list[tuple]:
    """Everything about prompts, masks as bytes."""
    return [
        (p.kind, p.region, p.positive, p.points, p.id, None if p.mask is None else (p.mask.shape, p.mask.tobytes()))
        for p in prompts
    ]


@settings(deadline=None, max_examples=60)
@given(CHANGES)
def test_undo_and_redo_walk_through_every_state_bit_for_bit(changes: list[tuple]) -> None:
    history = PromptHistory()
    states = [contents(history.prompts)]
    for step in changes:
        before, history = history, change(history, step)
        if history is not before:
            states.append(contents(history.prompts))
    for state in reversed(states[:-1]):
        assert history.can_undo
        history = history.undo()
        assert contents(history.prompts) == state
    assert not history.can_undo
    for state in states[1:]:
        assert history.can_redo
        history = history.redo()
        assert contents(history.prompts) == state
    assert not history.can_redo


@settings(deadline=None, max_examples=60)
@given(CHANGES, PROMPTS)
def test_a_change_after_an_undo_forgets_the_redo_but_not_the_past(changes: list[tuple], prompt: Prompt) -> None:
    history = PromptHistory()
    for step in changes:
        history = change(history, step)
    branched = history.undo().add(prompt)
    assert not branched.can_redo
    assert branched.undo().prompts == history.undo().prompts


@settings(deadline=None, max_examples=60)
@given(CHANGES)
def test_json_gives_the_same_prompts_and_ids_back(changes: list[tuple]) -> None:
    history = PromptHistory()
    for step in changes:
        history = change(history, step)
    again = PromptHistory.from_json(json.loads(json.dumps(history.to_json())))
    assert contents(again.prompts) == contents(history.prompts)
    assert not again.can_undo


@settings(deadline=None, max_examples=60)
@given(CHANGES, PROMPTS)
def test_no_change_alters_the_history_it_was_made_from(changes: list[tuple], prompt: Prompt) -> None:
    history = PromptHistory().add(prompt)
    before = contents(history.prompts)
    later = history
    for step in changes:
        later = change(later, step)
    assert contents(history.prompts) == before
    assert len(history.past) == 1


def test_nothing_to_undo_or_redo_or_reset_changes_nothing() -> None:
    empty = PromptHistory()
    assert empty.undo() is empty
    assert empty.redo() is empty
    assert empty.reset() is empty
    assert not empty.reset().can_undo


def test_undo_brings_back_a_removed_prompt_in_its_place() -> None:
    prompts = [point((i, 0, 0)) for i in range(3)]
    history = PromptHistory()
    for prompt in prompts:
        history = history.add(prompt)
    assert history.remove(prompts[1].id).prompts == (prompts[0], prompts[2])
    assert history.remove(prompts[1].id).undo().prompts == tuple(prompts)
    assert history.reset().undo().prompts == tuple(prompts)


def test_what_is_not_there_is_refused() -> None:
    history = PromptHistory().add(point((0, 0, 0), prompt_id="a"))
    for act in (
        lambda: history.remove("b"),
        lambda: history.move("b", (0, 0, 0)),
        lambda: history.replace(point((0, 0, 0))),
        lambda: history.undo().remove("a"),
    ):
        with pytest.raises(PromptError, match="Unknown prompt"):
            act()
    with pytest.raises(PromptError, match="added before"):
        history.add(point((1, 1, 1), prompt_id="a"))


def test_a_file_keeps_prompts_and_their_order(tmp_path: Path) -> None:
    history = PromptHistory().add(point((1, 2, 3))).add(mask(np.eye(3)[None], "ET")).add(box((0, 0, 0), (1, 1, 0)))
    history.save(tmp_path / "prompts.json")
    assert PromptHistory.load(tmp_path / "prompts.json").prompts == history.prompts
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.json"]


def test_a_mask_of_a_head_takes_little_room() -> None:
    head = np.zeros((155, 240, 240), np.uint8)
    head[40:90, 60:120, 80:150] = 1
    assert len(json.dumps(PromptHistory().add(mask(head)).to_json())) < 50_000


def test_saving_to_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        PromptHistory().save(tmp_path / "none" / "prompts.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "7",
        '{"format": "gliomasam-prompts", "version": 1}',
        '{"format": "gliomasam-prompts", "version": 2, "prompts": []}',
        "\xff\xfe",
        "[" * 100_000,
    ],
)
def test_a_file_that_is_no_history_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PromptError, match=r"prompts\.json"):
        PromptHistory.load(path)


def test_an_image_is_told_from_a_file_of_prompts(tmp_path: Path) -> None:
    path = tmp_path / "mask.nii.gz"
    sitk.WriteImage(sitk.Image(4, 4, 4, sitk.sitkUInt8), str(path))
    with pytest.raises(PromptError, match=r"mask\.nii\.gz is not a JSON file of prompts: no text.*set_mask") as told:
        PromptHistory.load(path)
    assert "codec" not in str(told.value) and callable(Session.set_mask)


def test_a_file_without_an_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("GliomaSAMLib.prompts.history.LONGEST_FILE", 1000)
    with pytest.raises(PromptError, match="/dev/zero: it has more than 1000 letters"):
        PromptHistory.load("/dev/zero")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"absent\.json"):
        PromptHistory.load(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"kind": "circle"}, "Unknown kind of prompt 'circle'"),
        ({"kind": None}, "Unknown kind of prompt"),
        ({"region": "XX"}, "Choose WT"),
        ({"region": None}, "region"),
        ({"positive": "yes"}, "positive"),
        ({"id": 7}, "id"),
        ({"points": None}, "points"),
        ({"points": []}, "needs 1"),
        ({"points": [[1, 2]]}, "three coordinates"),
        ({"points": [[1, 2, None]]}, "not"),
        ({"kind": "box"}, "needs 2 or 4"),
        ({"kind": "box", "points": [[0, 0, 0], [1, 2, 3], [2, 4, 6], [1, 2, 3]]}, "no area"),
        ({"kind": "mask"}, "mask"),
    ],
)
def test_a_damaged_prompt_is_counted_and_explained(damage: dict, reason: str) -> None:
    values = PromptHistory().add(point((0, 0, 0))).add(point((1, 2, 3))).to_json()
    values["prompts"][1].update(damage)
    with pytest.raises(PromptError, match=rf"Prompt 2 of the list: .*{reason}"):
        PromptHistory.from_json(values)


@pytest.mark.parametrize(
    "damage",
    [
        {"data": "!!"},
        {"data": "AAAA"},
        {"data": None},
        {"shape": [2, 2]},
        {"shape": [2, 2, -1]},
        {"shape": [9999, 9999, 9999]},
        {"shape": [40, 40, 40]},
        {"shape": [1, 1, 1]},
        {"encoding": "rle"},
    ],
)
def test_a_damaged_mask_is_refused(damage: dict) -> None:
    values = PromptHistory().add(mask(np.ones((4, 4, 4)))).to_json()
    values["prompts"][0]["mask"].update(damage)
    with pytest.raises(PromptError, match="mask"):
        PromptHistory.from_json(values)


GRID = Geometry((6, 5, 4), (0.5, 0.75, 3.0), (1.0, -2.0, 1 / 3), ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))


def test_a_mask_is_read_back_with_its_grid_and_without_one_from_a_file_of_before() -> None:
    history = PromptHistory().add(mask(np.ones(GRID.shape), "ET", grid=GRID))
    values = json.loads(json.dumps(history.to_json()))
    (read,) = PromptHistory.from_json(values).prompts
    assert read.grid == GRID and read == history.prompts[0]
    for key in ("spacing", "origin", "direction"):
        del values["prompts"][0]["mask"][key]
    (read,) = PromptHistory.from_json(values).prompts
    assert read.grid is None and read == history.prompts[0]


@pytest.mark.parametrize(
    "damage",
    [
        {"spacing": None},
        {"spacing": [1, 1]},
        {"spacing": [1, 1, 0]},
        {"origin": [0, 0, "x"]},
        {"origin": [0, 0, 10**400]},
        {"origin": [0, 0, float("nan")]},
        {"direction": [[1, 0, 0], [0, 1, 0]]},
        {"direction": [[1, 0, 0], [1, 0, 0], [0, 0, 1]]},
        {"direction": {}},
    ],
)
def test_half_a_grid_is_refused(damage: dict) -> None:
    values = PromptHistory().add(mask(np.ones(GRID.shape), grid=GRID)).to_json()
    values["prompts"][0]["mask"].update(damage)
    with pytest.raises(PromptError, match="no usable grid"):
        PromptHistory.from_json(values)


@pytest.mark.parametrize("points", [[[10**400, 0, 0]], [[1e999, 0, 0]], [[[], [], []]], [[0, 0, None]]])
def test_a_position_that_no_float_holds_is_refused_in_a_short_text(points: list[object]) -> None:
    entry = {"kind": "point", "region": "WT", "positive": True, "points": points}
    with pytest.raises(PromptError, match="position") as told:
        PromptHistory.from_json({**PromptHistory().to_json(), "prompts": [entry]})
    assert len(str(told.value)) < 300


def test_lists_that_would_fill_the_memory_are_refused_before_with_the_figure() -> None:
    empty = PromptHistory().to_json()
    entry = {"kind": "point", "region": "WT", "positive": True, "points": [[0, 0, 0]]}
    with pytest.raises(PromptError, match="10001 prompts"):
        PromptHistory.from_json({**empty, "prompts": [entry] * 10_001})
    for shape, figure in (([2**10, 2**10, 2**10], "1 GiB of memory"), ([1, 1, 2**34], r"16\.0 GiB of memory")):
        drawn = {"shape": shape, "encoding": "bits+zlib+base64", "data": ""}
        damaged = {"kind": "mask", "region": "WT", "positive": True, "mask": drawn}
        with pytest.raises(PromptError, match=rf"Prompt 2 of the list.*{figure}"):
            PromptHistory.from_json({**empty, "prompts": [entry, damaged]})


def test_the_prompts_of_a_report_and_a_file_of_a_windows_editor_are_read(tmp_path: Path) -> None:
    history = PromptHistory().add(point((1, 2, 3)))
    path = tmp_path / "prompts.json"
    for values in (history.to_json(), {"program": "GliomaSAM", "prompts": history.to_json()}):
        for encoding in ("utf-8", "utf-8-sig"):
            path.write_text(json.dumps(values), encoding=encoding)
            assert PromptHistory.load(path).prompts == history.prompts
    path.write_text(json.dumps({"program": "GliomaSAM"}))
    with pytest.raises(PromptError, match="Not a list of prompts"):
        PromptHistory.load(path)


def test_the_file_of_prompts_that_the_manual_shows_is_read(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[3] / "docs" / "command_line.md").read_text(encoding="utf-8")
    path = tmp_path / "prompts.json"
    path.write_text(manual.split("```json")[1].split("```")[0])
    assert [prompt.kind for prompt in PromptHistory.load(path).prompts] == ["point", "box", "scribble"]
