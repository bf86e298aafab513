"""The guide's example, as it stands on the page, is a method: it trains, is loaded, and answers in a session."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from GliomaSAMLib.data.cases import find_cases
from GliomaSAMLib.models import load_model
from GliomaSAMLib.models.registry import METHODS, Cost, Method, MethodConfig
from GliomaSAMLib.session import Session
from GliomaSAMLib.training import TrainOptions, fit

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "developers.md"


@pytest.fixture
def sixth_method(monkeypatch: pytest.MonkeyPatch) -> str:
    """The method of the guide, in the registry."""
    file, line = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    module = ModuleType("my_method")
    monkeypatch.setitem(sys.modules, "my_method", module)  # where a dataclass looks for its module
    exec(compile(file, str(GUIDE), "exec"), module.__dict__)
    names = {"Method": Method, "MethodConfig": MethodConfig, "Cost": Cost, **module.__dict__}
    added = eval(f"{{{line}}}", names)
    monkeypatch.setattr("GliomaSAMLib.models.registry.METHODS", {**METHODS, **added})
    (name,) = added
    return name


def test_one_file_and_one_line_make_a_method(
    sixth_method: str, tiny_options: Callable[..., TrainOptions], cases_folder: Path
) -> None:
    weights = fit(tiny_options(method=sixth_method, config=None, steps=3))
    model = load_model(weights, device="cpu")
    assert model.config.method == sixth_method
    study = find_cases(cases_folder)[0].read_study()
    session = Session(study, model, cache=None)
    k, j, i = (side // 2 for side in study.reference.shape)
    click = tuple(study.reference.to_ras([i, j, k]))
    session.add_point(click, positive=True, region="WT")
    result = session.update()
    assert session.mask("WT")[k, j, i] == 1
    assert not result.notes
