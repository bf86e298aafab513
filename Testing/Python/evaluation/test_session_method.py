"""The adapter from a session to the protocol, on a session that paints balls and has the interface of ours."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from GliomaSAMLib.data.placement import RobotPrompt
from GliomaSAMLib.evaluation import session_method
from GliomaSAMLib.evaluation.protocol import ProtocolOptions, run_protocol
from GliomaSAMLib.evaluation.session_method import InteractiveMethod
from GliomaSAMLib.models import device as device_module
from GliomaSAMLib.session.answer import AnswerOptions


class BallSession:
    """A ball of 3 mm at each click and everything in each box; `mask` changes only in `update`."""

    made = 0

    def __init__(self, study, model, cache="default", *, answer):
        BallSession.made += 1
        BallSession.answer = answer
        self.study, self.model = study, model
        self.history = [[]]
        self.masks = {}

    def add_point(self, ras, *, positive, region):
        self.history.append([*self.history[-1], ("point", ras, positive, region)])

    def add_box(self, first, second, *, region):
        self.history.append([*self.history[-1], ("box", (first, second), True, region)])

    def undo(self):
        self.history.pop()

    def reset(self):
        self.history.append([])

    def update(self):
        grid = self.study.reference
        places = np.stack(np.meshgrid(*[np.arange(size) for size in grid.shape], indexing="ij"), axis=-1)[..., ::-1]
        ras = grid.to_ras(places)
        self.masks = {}
        for kind, place, positive, region in self.history[-1]:
            mask = self.masks.setdefault(region, np.zeros(grid.shape, np.uint8))
            if kind == "point":
                mask[np.linalg.norm(ras - place, axis=-1) <= 3.0] = positive
            else:
                low, high = np.min(place, axis=0), np.max(place, axis=0)
                mask[np.all((ras >= low - 0.1) & (ras <= high + 0.1), axis=-1)] = 1

    def mask(self, region):
        return self.masks.get(region, np.zeros(self.study.reference.shape, np.uint8))


def small_model(name, value):
    """What the adapter reads of a model."""
    decoder = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(decoder.weight, value)
    torch.nn.init.zeros_(decoder.bias)
    config = SimpleNamespace(to_json=lambda: {"method": "small"})
    device = torch.device("cpu")
    told = {"name": Path(name).stem, "weights_sha256": f"{value}", "folder": ""}
    return SimpleNamespace(**told, config=config, embedding_key="key", decoder=decoder, device=device)


@pytest.fixture
def method(monkeypatch) -> session_method.SessionMethod:
    BallSession.made = 0
    monkeypatch.setattr(session_method, "Session", BallSession)
    monkeypatch.setattr(session_method, "load_model", lambda name, **given: small_model(name, 1.0))
    return session_method.SessionMethod("gliomasam", device="cpu")


def test_clicks_go_to_the_session_and_come_back_as_masks(method, first_case):
    assert isinstance(method, InteractiveMethod)
    result = run_protocol(method, first_case, "WT", ProtocolOptions(prompts=5))
    assert result.rounds[0].dice == 0.0
    assert result.rounds[5].dice > result.rounds[1].dice > 0.0
    assert all(entry.clicks_satisfied for entry in result.rounds)
    assert result.undo_exact == (True, True, True)


def test_a_box_comes_first_when_asked_for(method, first_case):
    result = run_protocol(method, first_case, "TC", ProtocolOptions(prompts=1, start="box"))
    assert len(result.rounds[1].points) == 2
    assert result.rounds[1].dice > 0


def test_one_session_a_case_and_no_prompt_left_between_regions(method, first_case, second_case):
    method.begin(first_case, "WT")
    ras = first_case.geometry.to_ras(np.array([14, 16, 12]))
    assert method.prompt(RobotPrompt((tuple(ras),), ((12, 16, 14),))).any()
    assert not method.begin(first_case, "WT").any()
    assert BallSession.made == 1
    method.begin(second_case, "WT")
    assert BallSession.made == 2


def test_the_signature_follows_the_weights(monkeypatch):
    signatures = []
    for value in (1.0, 2.0, 1.0):
        monkeypatch.setattr(session_method, "load_model", lambda name, value=value, **given: small_model(name, value))
        signatures.append(session_method.SessionMethod("folder/mine.safetensors").signature)
    assert signatures[0] == signatures[2] != signatures[1]


def test_the_numbers_of_the_answer_reach_the_session_and_the_signature(method, first_case):
    method.begin(first_case, "WT")
    assert BallSession.answer == AnswerOptions()
    near = session_method.SessionMethod("gliomasam", answer=AnswerOptions(reach_mm=25.0), name="near")
    near.begin(first_case, "WT")
    assert BallSession.answer.reach_mm == 25.0
    assert near.signature != method.signature
    assert (near.name, method.name) == ("near", "gliomasam")


def test_other_rules_for_answers_reach_the_signature(method, monkeypatch):
    monkeypatch.setattr(session_method, "RULES", session_method.RULES + 1)
    assert session_method.SessionMethod("gliomasam").signature != method.signature


def test_the_signature_follows_the_number_format_of_the_device(method, monkeypatch):
    formats = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
    for dtype, name in formats.items():
        monkeypatch.setattr(device_module, "autocast_dtype", lambda device, dtype=dtype: dtype)
        assert method.signature.endswith(f" {name}")  # also where the device changes in the middle
