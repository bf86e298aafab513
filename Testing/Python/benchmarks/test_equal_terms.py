"""The comparison of methods on equal terms, on heads by chance and with the method that takes the least time."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support import phantom_case

from GliomaSAMLib.errors import Cancelled, CaseError
from GliomaSAMLib.models.registry import METHODS
from GliomaSAMLib.training.checkpoint import read_log

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))  # where a script finds its neighbours
from collect_tables import write
from equal_terms import SETTING, main, options_of, parse, with_earlier

RADII = {"necrosis": 3, "enhancing": 5, "oedema": 8}


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    for name in ("first", "second"):
        phantom_case(tmp_path / "cases" / name, (40, 40, 40), radii=RADII)
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["first"], "val": ["second"]}))
    files = [f"--split={split}", f"--work={tmp_path / 'run'}", f"--output={tmp_path / 'table.json'}"]
    return [str(tmp_path / "cases"), *files, "--accelerator=cpu"]


def test_all_methods_see_the_same_samples(arguments: list[str]) -> None:
    given = parse(arguments)
    assert given.samples >= 2000
    options = [options_of(method, given) for method in METHODS]
    same = {(one.steps, one.batch, one.accumulate, one.seed, one.augment, one.clicks, one.cache) for one in options}
    assert len(same) == 1
    assert len({one.output for one in options}) == len(METHODS)
    for one in options:
        one.method_config()


def found(method: str, dice: float, samples: int = 2000) -> dict[str, Any]:
    trained = {"trainings": {method: {"minutes": "3"}}, "settings": {SETTING: {method: {"WT": {"dice": dice}}}}}
    return {"samples": samples, "crop": [64, 80, 64], "users": 2, "cases": ["second"], **trained}


def test_methods_measured_before_stay_beside_the_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    first = found("segresnet", 0.7)
    second = with_earlier(found("cmaa", 0.8), first, path)
    both = with_earlier(found("segresnet", 0.75), second, path)
    assert list(both["settings"][SETTING]) == ["cmaa", "segresnet"]  # in the order of the registry
    assert both["settings"][SETTING]["segresnet"]["WT"]["dice"] == 0.75
    assert both["trainings"].keys() == {"cmaa", "segresnet"}
    with pytest.raises(CaseError, match="other cases"):
        with_earlier({**found("csad", 0.6), "cases": ["third"]}, both, path)


def test_rows_of_other_terms_are_refused_before_anything_is_trained(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(found("segresnet", 0.7, samples=100), tmp_path / "table.json")
    monkeypatch.setattr("sys.argv", ["x", *arguments, "--method=cmaa"])
    assert main() == 2
    assert "other samples" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "run").exists()


def stop(*_: Any, **__: Any) -> None:
    raise Cancelled("stopped")


@pytest.mark.parametrize(
    ("cases", "said"), [(["first", "third"], "other training_cases"), (["first"], "stopped"), (None, "stopped")]
)
def test_rows_of_other_training_cases_are_refused(
    cases: list[str] | None, said: str, arguments: list[str], tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """Only earlier tables do not know theirs."""
    earlier = {**found("segresnet", 0.7), "precision": "32-true"}
    if cases:
        earlier["trainings"]["segresnet"]["training_cases"] = cases
    write(earlier, tmp_path / "table.json")

    monkeypatch.setattr("equal_terms.fit", stop)
    monkeypatch.setattr("sys.argv", ["x", *arguments, "--method=cmaa"])
    assert main() == (2 if "other" in said else 1)
    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("other", "said"), [(["--samples=3"], "other samples"), (["--crop", "48", "48", "48"], "other crop")]
)
def test_a_folder_of_work_is_of_one_set_of_terms(
    other: list[str], said: str, arguments: list[str], tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr("equal_terms.fit", stop)
    for more, status in (([], 1), (other, 2), ([], 1)):
        monkeypatch.setattr("sys.argv", ["x", *arguments, "--method=segresnet", *more])
        assert main() == status
        assert (said in " ".join(capsys.readouterr().out.split())) is bool(more)


@pytest.mark.slow
def test_a_training_stops_in_time_goes_on_and_is_measured(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["x", *arguments, "--method=segresnet", "--samples=3", "--until=0.0001"])
    assert main() == 1
    assert not (tmp_path / "table.json").exists()
    monkeypatch.setattr("sys.argv", ["x", *arguments, "--method=segresnet", "--samples=3"])
    assert main() == 0
    assert [line["step"] for line in read_log(tmp_path / "run" / "segresnet") if "loss" in line] == [1, 2, 3]
    written = json.loads((tmp_path / "table.json").read_text())
    assert (written["samples"], written["cases"]) == (3, ["second"])
    assert written["trainings"].keys() == {"segresnet"}
    (table,) = written["settings"].values()
    assert 0 <= table["segresnet"]["WT"]["dice"]["5"] <= 1
