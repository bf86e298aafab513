import json

import numpy as np
import pytest

from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.evaluation.protocol import CaseResult, ProtocolOptions, read_results, run_protocol
from GliomaSAMLib.training.validate import ClickEffect


def test_clicks_mend_the_mask(first_case, painter):
    result = run_protocol(painter, first_case, "WT", ProtocolOptions(prompts=6))
    values = [entry.dice for entry in result.rounds]
    assert values[0] == 0.0
    assert values[0] < values[1] < values[2]
    assert values[6] > 0.6
    assert [entry.prompts for entry in result.rounds] == list(range(7))
    assert all(entry.clicks_satisfied for entry in result.rounds)
    assert result.undo_exact == (True, True, True)
    assert result.rounds[0].hd95 == 373.0
    assert result.rounds[-1].hd95 < 5
    assert result.reference_ml == pytest.approx(first_case.truth["WT"].sum() / 1000)


def test_what_each_click_did_is_kept(first_case, make_painter):
    result = run_protocol(make_painter(radius=5.0), first_case, "TC", ProtocolOptions(prompts=2))
    core = int(first_case.truth["TC"].sum())  # a ball of 5 mm, and so is the first click's paint
    assert [entry.effect for entry in result.rounds] == [None, ClickEffect(core, core, core, 0)]
    whole = run_protocol(make_painter(radius=6.0), first_case, "WT", ProtocolOptions(prompts=3))
    wrong = [(entry.volume_ml + whole.reference_ml) * (1 - entry.dice) * 1000 for entry in whole.rounds]
    fewer = [entry.effect.mended - entry.effect.broken for entry in whole.rounds[1:]]
    assert fewer == pytest.approx(list(-np.diff(wrong)))
    assert all(0 < entry.effect.near_mended <= entry.effect.near for entry in whole.rounds[1:])


def test_every_earlier_promise_is_checked(first_case, make_painter):
    method = make_painter(radius=12.0, obey=False)  # paints too much and ignores negative clicks
    result = run_protocol(method, first_case, "WT", ProtocolOptions(prompts=3))
    kept = [(entry.positive, entry.clicks_satisfied) for entry in result.rounds]
    assert kept == [(True, True), (True, True), (False, False), (False, False)]  # round 0 has no click


def test_a_click_that_is_forgotten_later_is_a_broken_promise(first_case, make_painter):
    result = run_protocol(make_painter(radius=3.0, forget=True), first_case, "WT", ProtocolOptions(prompts=2))
    assert [entry.positive for entry in result.rounds] == [True] * 3
    assert [entry.clicks_satisfied for entry in result.rounds] == [True, True, False]


def test_an_undo_that_is_not_exact_is_seen(first_case, make_painter):
    result = run_protocol(make_painter(undo_right=False), first_case, "WT", ProtocolOptions(prompts=4, undo=2))
    assert result.undo_exact == (False, False)


def test_the_robot_stops_when_all_is_right(second_case, painter):
    result = run_protocol(painter, second_case, "ET", ProtocolOptions(prompts=5))  # no ET, and the first mask is empty
    assert len(result.rounds) == 1
    assert result.rounds[0].dice == 1.0
    assert result.curve(5) == [1.0] * 6
    assert result.undo_exact == ()


def test_starting_with_a_box(first_case, painter):
    result = run_protocol(painter, first_case, "TC", ProtocolOptions(prompts=2, start="box"))
    assert [len(entry.points) for entry in result.rounds] == [0, 2, 1]
    assert result.rounds[1].dice > 0


def test_starting_in_the_centre_whatever_the_proposal(first_case, painter):
    class Proposing:
        name, initial_input, signature, weights, folder = "proposing", "nothing", "1", "", ""
        prompt, undo = staticmethod(painter.prompt), staticmethod(painter.undo)

        def begin(self, case, region):
            painter.begin(case, region)
            painter.masks[-1][:] = case.truth[region]
            painter.masks[-1][2:4, 16:20, 14:18] = 1
            return painter.masks[-1]

    centre = run_protocol(Proposing(), first_case, "WT", ProtocolOptions(prompts=1, start="centre"))
    error = run_protocol(Proposing(), first_case, "WT", ProtocolOptions(prompts=1))
    assert centre.rounds[1].positive
    assert not error.rounds[1].positive


def test_jitter_is_the_same_in_every_run(first_case, make_painter):
    options = ProtocolOptions(prompts=3, jitter=True)
    points = [
        [entry.points for entry in run_protocol(make_painter(), first_case, "WT", options).rounds] for _ in range(2)
    ]
    exact = run_protocol(make_painter(), first_case, "WT", ProtocolOptions(prompts=3))
    assert points[0] == points[1]
    assert 2.0 <= np.linalg.norm(np.subtract(points[0][1][0], exact.rounds[1].points[0])) <= 3.0


def test_results_survive_json(first_case, painter):
    result = run_protocol(painter, first_case, "WT", ProtocolOptions(prompts=2))
    assert CaseResult.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_what_was_asked_for_is_kept_and_known_of_results_of_before(first_case, painter):
    result = run_protocol(painter, first_case, "TC", ProtocolOptions(prompts=2, start="box"))
    assert (result.prompts, result.start) == (2, "box")
    before = {name: value for name, value in result.to_json().items() if name not in ("prompts", "start")}
    assert CaseResult.from_json(json.loads(json.dumps(before))) == result
    unknown = CaseResult.from_json({**before, "signature": "other"})
    assert (unknown.prompts, unknown.start) == (None, "")


ROUND = {"prompts": 0, "points": [], "positive": True, "dice": 0.5, "hd95": 1, "nsd1": 0.1, "nsd2": 0.2, "seconds": 1}
ROUND |= {"clicks_satisfied": True, "volume_ml": 2.0, "effect": {"near": 1, "near_mended": 1, "mended": 2, "broken": 0}}
RESULT = {"method": "m", "case": "c", "region": "WT", "variant": "all", "initial_input": "", "signature": ""}
RESULT |= {"interactive": True, "reference_ml": 1.0, "rounds": [ROUND], "undo_exact": [True], "modalities": ["t1"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"case": []},
        {"method": None},
        {"variant": 0.5},
        {"region": "XX"},
        {"interactive": 1},
        {"reference_ml": "1"},
        {"reference_ml": 10**400},
        {"modalities": [1]},
        {"undo_exact": 3},
        {"rounds": []},
        {"rounds": [{**ROUND, "dice": None}]},
        {"rounds": [{**ROUND, "points": [[1, 2]]}]},
        {"rounds": [{**ROUND, "points": [[1, 2, []]]}]},
        {"rounds": [{**ROUND, "effect": {"near": "x", "near_mended": 1, "mended": 2, "broken": 0}}]},
        {"more": 1},
        {"prompts": -1},
        {"prompts": 1.5},
        {"start": None},
        {"weights": None},
    ],
)
def test_results_of_other_types_are_refused(wrong, tmp_path):
    path = tmp_path / "results.jsonl"
    lines = [json.dumps({**RESULT, **values}) for values in ({}, wrong, {"case": "last"})]
    path.write_text("\n".join([lines[0], lines[2]]))
    assert [result.case for result in read_results([path])] == ["c", "last"]
    path.write_text("\n".join(lines))
    with pytest.raises(CaseError, match=r"Line 2 of .* is not a result"):
        read_results([path])


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize(
    "content", ["no results", "{}", "[]", '{"rows": 3', "method,case,dice", "\x00{", json.dumps(ROUND)]
)
def test_a_file_of_something_else_holds_no_results(content, end, tmp_path):
    path = tmp_path / "results.jsonl"
    for text in (content, json.dumps(RESULT) + "\n" + content):
        path.write_text(text + end)
        with pytest.raises(CaseError, match=rf"Line {1 + text.count(chr(10))} of .* is not a result"):
            read_results([path])


@pytest.mark.parametrize("length", [1, 5, 40, -60, -1])
def test_a_line_cut_off_by_a_kill_is_passed_over(length, tmp_path):
    path, whole = tmp_path / "results.jsonl", json.dumps(RESULT)
    cut = json.dumps({**RESULT, "case": "cut"})[:length]
    path.write_text(f"{whole}\n{cut}")
    assert [result.case for result in read_results([path])] == ["c"]
    if not cut.endswith("}"):
        path.write_text(f"{whole}\n{cut}\n{json.dumps({**RESULT, 'case': 'last'})}\n")
        assert [result.case for result in read_results([path])] == ["c", "last"]


@pytest.mark.parametrize("wrong", [{"start": "corner"}, {"prompts": -1}, {"undo": -2}])
def test_options_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=r"corner|negative"):
        ProtocolOptions(**wrong)
