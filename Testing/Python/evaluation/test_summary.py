import csv
import io

import pytest
from matplotlib.image import imread

from GliomaSAMLib.evaluation.plot import plot_dice
from GliomaSAMLib.evaluation.protocol import CaseResult, Round
from GliomaSAMLib.evaluation.summary import summarise
from GliomaSAMLib.evaluation.table import to_csv, to_markdown


def result(case, values, *, method="ours", region="WT", variant="all", interactive=True, ml=10.0, **more):
    rounds = tuple(
        Round(n, ((0.0, 0.0, 0.0),) if n else (), True, value, 10.0 - n, 0.5, 0.6, 1.0 + n, True, 9.0)
        for n, value in enumerate(values)
    )
    return CaseResult(method, case, region, variant, "nothing", "s", interactive, ml, rounds, **more)


def test_means_gains_and_lowered():
    results = [result("a", [0.5, 0.8, 0.79, 0.9]), result("b", [0.7, 0.86, 0.858])]
    (summary,) = summarise(results)
    assert summary.dice == {
        0: pytest.approx(0.6),
        1: pytest.approx(0.83),
        2: pytest.approx(0.824),
        3: pytest.approx(0.879),
    }
    assert summary.gains == (pytest.approx(0.23), pytest.approx(-0.006), pytest.approx(0.055))
    assert (summary.prompts_given, summary.lowered, summary.lowered_much) == (5, 2, 1)
    assert summary.lowered_share == pytest.approx(0.4)
    assert summary.prompts_to[0.85] == (pytest.approx((3 + 1) / 2), 2)
    assert summary.prompts_to[0.9] == (pytest.approx((3 + 3) / 2), 1)
    assert summary.seconds == pytest.approx(3.0)  # of 2, 3, 4, 2, 3
    assert summary.seconds_first == pytest.approx(1.0)
    assert summary.hd95 == pytest.approx((7 + 8) / 2)


def test_cases_without_the_region_are_counted_apart():
    results = [result("a", [0.5, 0.8], region="ET"), result("b", [1.0], region="ET", ml=0.0)]
    (summary,) = summarise(results)
    assert (summary.cases, summary.empty_cases, summary.empty_right) == (1, 1, 1)
    assert summary.dice[1] == pytest.approx(0.8)


def test_broken_promises_and_undo_are_counted():
    broken = result("a", [0.5, 0.8], undo_exact=(True, False))
    (summary,) = summarise([broken])
    assert (summary.promises_broken, summary.undo_broken) == (0, 1)


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


def test_the_plot_draws_a_line_a_method(tmp_path):
    results = [result("a", [0.5, 0.8, 0.9]), result("a", [0.7], method="boxes", interactive=False)]
    plot_dice(results, tmp_path / "one.png")
    plot_dice(results[:1], tmp_path / "two.png")
    one, two = imread(tmp_path / "one.png"), imread(tmp_path / "two.png")
    assert one.shape[0] > 300
    assert (one.std(), one.shape) != (two.std(), two.shape)
