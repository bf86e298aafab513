import json
from dataclasses import fields

import numpy as np
import pytest
from benchmarks import answer_ablation
from benchmarks.answer_ablation import ReadOnce, Setting, settings_of

from GliomaSAMLib.evaluation import summarise
from GliomaSAMLib.evaluation.protocol import CaseResult, Round
from GliomaSAMLib.models import Model
from GliomaSAMLib.models.device import no_progress
from GliomaSAMLib.session.answer import AnswerOptions
from GliomaSAMLib.training.validate import ClickEffect

NAMES = [field.name for field in fields(AnswerOptions)]


def changed(setting: Setting) -> dict[str, float]:
    """The numbers of a setting that are not the shipped ones."""
    shipped = AnswerOptions()
    given = {name: getattr(setting.answer, name) for name in NAMES}
    return {name: value for name, value in given.items() if value != getattr(shipped, name)}


def test_every_number_is_left_out_halved_and_doubled_by_itself():
    settings = settings_of(AnswerOptions())
    assert len({setting.name for setting in settings}) == len(settings) == 2 + 3 * len(NAMES)
    assert changed(settings[0]) == {}
    assert all(len(changed(setting)) == 1 for setting in settings[1:])
    found = {setting.name: changed(setting) for setting in settings}
    assert found["half reach_mm"] == {"reach_mm": AnswerOptions().reach_mm / 2}
    assert found["double noise"] == {"noise": AnswerOptions().noise * 2}
    assert found["without dust_ml"] == {"dust_ml": 0.0}


def test_kinds_and_numbers_of_ones_own():
    settings = settings_of(AnswerOptions(), ["without"], [("reach_mm", 25.0)])
    assert len(settings) == 2 + len(NAMES) + 1
    assert (settings[-1].name, changed(settings[-1])) == ("reach_mm 25", {"reach_mm": 25.0})
    assert [setting.name for setting in settings_of(AnswerOptions(), [])] == ["as shipped"]


class Reader(Model):
    """A model that counts what it reads."""

    def __init__(self):
        self.name, self.read = "reader", 0

    def encode(self, images, embeddings, progress_callback=no_progress):
        self.read += 1
        return [float(sum(image.sum() for image in images.values()))]


class ReadOnceReader(ReadOnce, Reader):
    """The same, remembering."""


def test_a_study_is_read_once():
    model = ReadOnceReader(Reader())
    first, second = {"t1": np.ones((4, 4, 4), np.float32)}, {"t1": np.full((4, 4, 4), 2.0, np.float32)}
    assert model.name == "reader"
    assert model.encode(first, None) == model.encode({"t1": first["t1"].copy()}, None) == [64.0]
    assert model.read == 1
    assert model.encode(second, None) == [128.0]
    assert model.encode({"t2": second["t1"]}, None) == [128.0]  # another modality is another study
    assert model.read == 3


def result(setting: str, values: list[float], region: str = "WT") -> CaseResult:
    rounds = tuple(
        Round(n, (), True, value, 5.0, 0.5, 0.6, 1.0, True, 3.0, ClickEffect(10, 4, 100, 30) if n else None)
        for n, value in enumerate(values)
    )
    return CaseResult(f"net, {setting}", "a", region, "all", "nothing", "s", True, 9.0, rounds)


def test_the_tables_name_setting_and_measures():
    settings = settings_of(AnswerOptions(), ["without"])
    results = [
        result("as shipped", [0.5, 0.6, 0.7, 0.69, 0.8, 0.85]),
        result("without dust_ml", [0.5, 0.6, 0.7, 0.75, 0.8, 0.84]),
        result("as shipped", [0.4, 0.5], "TC"),
    ]
    facts = {"date": "2025-01-01", "part": "train", "cases": ["a"], "prompts": 5, "start": "centre"}
    text = answer_ablation.to_markdown(summarise(results), settings, facts)
    assert "## net, WT, 1 cases" in text
    assert "## net, TC, 1 cases" in text
    assert "| without dust_ml | parts of any size stay | 0.500 | 0.600 | 0.750 | 0.840 | 0.40 | 0.30 | 0 % |" in text
    assert "0.690 | 0.850 | 0.40 | 0.30 | 25 % |" in text
    rows = json.loads(answer_ablation.to_json(summarise(results), settings, facts))["rows"]
    (row,) = [row for row in rows if row["region"] == "TC"]
    assert (row["model"], row["setting"], row["mended"]) == ("net", "as shipped", None)
    assert row["dice"]["1"] == 0.5
    assert {row["lowered"] for row in rows if row["region"] == "WT"} == {0.25, 0.0}


def test_an_unknown_number_is_refused(capsys):
    with pytest.raises(SystemExit):
        answer_ablation.parse(["cases", "--work", "w", "--output", "o", "--value", "width=3"])
    assert "distance_mm" in capsys.readouterr().err
