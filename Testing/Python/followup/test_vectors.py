"""The test vectors of the specification against the program's own functions."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from GliomaSAMLib.followup import vectors

FOLDER = Path(__file__).resolve().parents[2] / "acceptance" / "follow_up"

COUNTS = {"measure": 46, "match": 22, "respond": 71, "combine": 17, "overall": 31, "resect": 18, "grow": 9}


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_vectors", FOLDER / "check_vectors.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", COUNTS)
def test_all_vectors_agree(kind: str, checker: ModuleType) -> None:
    listed = json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))["vectors"]
    chosen = [vector for vector in listed if vector["kind"] == kind]
    assert len(chosen) == COUNTS[kind]
    faults = {vector["name"]: checker.check(vector, getattr(vectors, kind)) for vector in chosen}
    assert {name: found for name, found in faults.items() if found} == {}
