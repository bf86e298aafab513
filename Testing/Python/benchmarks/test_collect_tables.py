import json

import pytest
from benchmarks.collect_tables import collect, main, to_text

from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.evaluation import summarise
from GliomaSAMLib.evaluation.protocol import CaseResult, Round
from GliomaSAMLib.evaluation.tables import to_json


def result(case, values, region="ET", ml=10.0, variant="all"):
    rounds = tuple(Round(n, (), True, value, 5.0, 0.5, 0.6, 1.0, True, 3.0) for n, value in enumerate(values))
    return CaseResult("ours", case, region, variant, "nothing", "s", True, ml, rounds)


@pytest.fixture
def table(tmp_path):
    results = [
        result("a", [0.5, 0.7, 0.812345678]),
        result("b", [0.0, 0.0], ml=0.0),
        result("a", [0.1], variant="jitter"),
    ]
    path = tmp_path / "table.json"
    path.write_text(to_json(summarise(results)))
    return path


def test_what_was_measured_is_found_again(table, tmp_path, monkeypatch):
    out = tmp_path / "docs" / "one.json"
    monkeypatch.setattr("sys.argv", ["x", f"shipped={table}", "--fact", "commit=abc=1", "--output", str(out)])
    assert main() == 0
    written = json.loads(out.read_text())
    assert (written["commit"], written["cases"]) == ("abc=1", ["a", "b"])
    row = written["settings"]["shipped"]["ours"]["ET"]
    assert row["dice"]["2"] == row["case_dice"]["a"][2] == 0.81235
    assert (row["cases"], row["clicks"], row["lowered"], row["mended"]) == (1, 1, 0.0, None)
    assert row["without_the_region"] == {"cases": 1, "found_in": 1, "mean_ml": 3.0, "case_ml": {"b": [3.0] * 3}}
    assert written["settings"]["shipped"]["ours, jitter"]["ET"]["dice"]["0"] == 0.1


def test_each_list_is_a_line(table):
    collected = collect({"one": table}, {"command": "x [y]"})
    text = to_text(collected)
    assert json.loads(text) == collected
    assert '"a": [0.5, 0.7, 0.81235]\n' in text


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.json"
    for content in ("[{}]", "{", "[3]"):
        path.write_text(content)
        with pytest.raises(CaseError, match=r"no table\.json"):
            collect({"one": path}, {})
    with pytest.raises(CaseError, match=r"no table\.json"):
        collect({"one": tmp_path / "absent.json"}, {})
