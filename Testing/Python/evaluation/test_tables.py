"""Tables of results: means, effects of clicks, cases without the region, and the files they are written to."""

import csv
import io
import json
from dataclasses import replace
from itertools import zip_longest

import pytest
from matplotlib.image import imread

from GliomaSAMLib.evaluation.plot import plot_dice
from GliomaSAMLib.evaluation.protocol import CaseResult, Round
from GliomaSAMLib.evaluation.tables import summarise, to_csv, to_json, to_markdown
from GliomaSAMLib.training.validate import ClickEffect


def result(
    case, values, *, method="ours", region="WT", variant="all", interactive=True, ml=10.0, effects=(), found=9.0, **more
):
    rounds = tuple(
        Round(n, ((0.0, 0.0, 0.0),) if n else (), True, value, 10.0 - n, 0.5, 0.6, 1.0 + n, True, found)
        for n, value in enumerate(values)
    )
    rounds = tuple(replace(entry, effect=effect) for entry, effect in zip_longest(rounds, (None, *effects)))
    return CaseResult(method, case, region, variant, "nothing", "s", interactive, ml, rounds, **more)


def test_means_and_gains():
    results = [result("a", [0.5, 0.8, 0.79, 0.9]), result("b", [0.7, 0.86, 0.858])]
    (summary,) = summarise(results)
    assert summary.dice == {
        0: pytest.approx(0.6),
        1: pytest.approx(0.83),
        2: pytest.approx(0.824),
        3: pytest.approx(0.879),
    }
    assert summary.gains == (pytest.approx(0.23), pytest.approx(-0.006), pytest.approx(0.055))
    assert summary.case_dice == {"a": (0.5, 0.8, 0.79, 0.9), "b": (0.7, 0.86, 0.858, 0.858)}
    assert summary.prompts_to[0.85] == (pytest.approx((3 + 1) / 2), 2)
    assert summary.prompts_to[0.9] == (pytest.approx((3 + 3) / 2), 1)
    assert summary.seconds == pytest.approx(3.0)  # of 2, 3, 4, 2, 3
    assert summary.seconds_first == pytest.approx(1.0)
    assert summary.hd95 == pytest.approx((7 + 8) / 2)


@pytest.fixture
def clicked() -> list[CaseResult]:
    """Two cases, of seven and of three prompts; what the first and the sixth do counts for nothing."""
    first = (
        ClickEffect(100, 0, 1000, 9000),
        ClickEffect(100, 90, 200, 50),
        ClickEffect(50, 25, 100, 150),
        ClickEffect(0, 0, 10, 0),
        ClickEffect(10, 10, 90, 0),
        ClickEffect(100, 0, 1000, 9000),
    )
    second = (ClickEffect(1, 1, 1, 1), ClickEffect(10, 4, 100, 100), ClickEffect(10, 6, 100, 0))
    return [
        result("a", [0.9, 0.5, 0.6, 0.594, 0.59, 0.7, 0.1], effects=first),
        result("b", [0.5, 0.6, 0.7, 0.8], effects=second),
    ]


def test_what_clicks_two_to_five_mend_break_and_lower(clicked):
    (summary,) = summarise(clicked)
    assert summary.clicks == 6
    assert summary.mended == pytest.approx((0.9 + 0.5 + 1.0 + 0.4 + 0.6) / 5)  # one click has no error near it
    assert summary.broken_per_mended == pytest.approx((50 + 150 + 100) / (200 + 100 + 10 + 90 + 100 + 100))
    assert summary.lowered == pytest.approx(1 / 6)  # by .006; the fall by .004 does not count


def test_results_of_before_clicks_were_measured_have_no_shares(clicked):
    old = [replace(entry, rounds=tuple(replace(one, effect=None) for one in entry.rounds)) for entry in clicked]
    (summary,) = summarise(old)
    assert (str(summary.mended), str(summary.broken_per_mended)) == ("nan", "nan")
    assert summary.lowered == pytest.approx(1 / 6)
    assert json.loads(to_json([summary]))[0]["mended"] is None


def test_what_was_not_asked_for_is_left_empty():
    """A robot that stopped for want of errors is another thing than one that was to give no more prompts."""
    few = [
        result("a", [0.5, 0.86, 0.88], method="few", prompts=2, start="error"),
        result("b", [0.5, 0.9], method="few", prompts=2, start="error"),
    ]
    many = result("a", [0.5, 0.6, 0.7, 0.8], method="many", prompts=5, start="box")
    longest = result("b", [0.5, 0.6, 0.7, 0.8, 0.84, 0.86], method="many", prompts=5, start="box")
    summaries = {one.method: one for one in summarise([*few, many, longest])}
    short, whole = summaries["few"], summaries["many"]
    assert (list(short.dice), len(short.gains), short.dice[2]) == ([0, 1, 2], 2, pytest.approx(0.89))
    assert [str(value) for value in (short.area, short.hd95, short.nsd1, short.mended, short.lowered)] == ["nan"] * 5
    assert short.prompts_to[0.85] == (1.0, 2)
    assert (str(short.prompts_to[0.9][0]), short.prompts_to[0.9][1]) == ("nan", 1)
    assert (list(whole.dice), whole.dice[5], whole.clicks) == ([0, 1, 2, 3, 4, 5], pytest.approx(0.83), 6)
    assert whole.hd95 == pytest.approx((7 + 5) / 2)
    text = to_markdown([short, whole])
    assert "HD95 and NSD after 5 prompts" in text and "| 1.0 (2/2) | (1/2) |" in text
    assert "**Not all were prompted alike: --prompts 2 --start error for few; --prompts 5 --start box for many." in text
    (alone,) = summarise(few)
    assert (alone.area, alone.hd95) == (pytest.approx((0.775 + 0.8) / 2), pytest.approx((8 + 9) / 2))
    text = to_markdown([alone])
    assert "HD95 and NSD after 2 prompts" in text and "prompted alike" not in text


def test_prompts_that_began_otherwise_are_told():
    results = [result("a", [0.5, 0.8], method=start, prompts=1, start=start) for start in ("centre", "error")]
    results.append(result("a", [0.7], method="boxes", interactive=False))
    assert "alike: --prompts 1 --start centre for centre; --prompts 1 --start error for error." in to_markdown(
        summarise(results)
    )


def test_the_tables_say_what_clicks_do(clicked):
    summaries = summarise([*clicked, result("a", [0.6, 0.7], region="ET")])
    assert "| 0.68 | 0.50 | 17% |" in to_markdown(summaries)
    assert "| ET | ours | nothing | 1 | 0.600 | 0.700 | 0.700 | 0.700 | 0.700 | 0.700 |  |  |  |  | 0." in to_markdown(
        summaries
    )  # one click, so nothing to say
    row = next(csv.DictReader(io.StringIO(to_csv(summaries))))
    assert (float(row["broken_per_mended"]), int(row["clicks"])) == (pytest.approx(0.5), 6)
    assert json.loads(to_json(summaries))[0]["case_dice"]["b"] == pytest.approx([0.5, 0.6, 0.7, *[0.8] * 4])


def test_cases_without_the_region_are_counted_apart():
    results = [
        result("a", [0.5, 0.8], region="ET"),
        result("b", [1.0], region="ET", ml=0.0, found=0.0),
        result("c", [0.0, 0.0], region="ET", ml=0.0, found=3.0),
    ]
    (summary,) = summarise(results)
    assert (summary.cases, summary.empty_cases, summary.false_cases) == (1, 2, 1)
    assert summary.false_ml == pytest.approx(1.5)
    assert summary.dice[1] == pytest.approx(0.8)
    assert (list(summary.case_dice), summary.case_false_ml) == (["a"], {"b": (0.0, 0.0), "c": (3.0, 3.0)})
    assert "| ET | ours | 2 | 1 (50%) | 1.50 |" in to_markdown([summary])


def test_violations_and_inexact_undo_are_counted():
    broken = result("a", [0.5, 0.8], undo_exact=(True, False))
    (summary,) = summarise([broken])
    assert (summary.violations, summary.undo_broken) == (0, 1)


def test_the_tables_hold_every_method_and_variant():
    results = [
        result("a", [0.5, 0.8, 0.85, 0.9]),
        result("a", [0.4, 0.7, 0.8, 0.85], variant="without t1c"),
        result("a", [0.78], method="boxes", interactive=False),
    ]
    summaries = summarise(results)
    text = to_markdown(summaries)
    assert "| WT | ours | nothing | 1 | 0.500 | 0.800 | 0.850 | 0.900 |" in text
    assert "| WT | boxes | nothing | 1 | 0.780 |  |" in text
    assert "| WT | ours | without t1c | 1 | 0.400 | 0.700 | 0.850 | " in text
    assert "-0.050" in text
    rows = list(csv.DictReader(io.StringIO(to_csv(summaries))))
    assert [row["variant"] for row in rows] == ["all", "without t1c", "all"]
    assert float(rows[0]["gain_1"]) == pytest.approx(0.3)


@pytest.mark.parametrize("sign", "=+-@\t\r")
def test_names_are_no_formulas_and_numbers_stay_numbers(sign):
    worse = result("a", [0.9, 0.5], method=f"{sign}cmd|' /C calc'!A0", variant="<b>|all</b>")
    summaries = summarise([worse, result("a", [0.5, 0.8])])
    row = next(csv.DictReader(io.StringIO(to_csv(summaries), newline="")))
    assert row["method"] in (f"'{sign}cmd|' /C calc'!A0", "' cmd|' /C calc'!A0")
    assert float(row["gain_1"]) == pytest.approx(-0.4)
    lines = to_markdown(summaries).splitlines()
    columns = {line.replace(r"\|", "").count("|") for line in lines if line.startswith(("| region", "| WT"))}
    assert not any("<b>" in line for line in lines)
    assert len(columns) == len([line for line in lines if line.startswith("| region")])


def test_the_plot_draws_a_line_a_method(tmp_path):
    results = [result("a", [0.5, 0.8, 0.9]), result("a", [0.7], method="boxes", interactive=False)]
    plot_dice(results, tmp_path / "one.png")
    plot_dice(results[:1], tmp_path / "two.png")
    one, two = imread(tmp_path / "one.png"), imread(tmp_path / "two.png")
    assert one.shape[0] > 300
    assert (one.std(), one.shape) != (two.std(), two.shape)
