"""Spoiled states of a scene, and spoiled catalogues: read, or refused in one line; nothing is changed."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forks import MOST_MEMORY, Ended, in_a_fork
from fuzz.images import Inputs
from fuzz.texts import some_prompts
from mutations import change_json

from GliomaSAMLib.errors import GliomaSAMError

pytestmark = pytest.mark.slow

DONE, REFUSED = 0, 2

BLOCK = 50

STATES, CATALOGUES = 250, 150


def status_of(work: Callable[[], object]) -> int:
    """0, or 2 when it is refused in one short line."""
    try:
        work()
    except GliomaSAMError as error:
        return REFUSED if "\n" not in str(error) and 10 < len(str(error)) < 2000 else 3
    return DONE


def check(ended: Ended, said: str) -> None:
    if ended.status not in (DONE, REFUSED) or ended.memory >= MOST_MEMORY or ended.text:
        pytest.fail(f"{said}: {ended}"[:4000], pytrace=False)


@pytest.mark.parametrize("start", range(0, STATES, BLOCK))
def test_states_of_a_scene(start: int, mrml_scene: Any, inputs: Inputs, tmp_path: Path) -> None:
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, FORMAT, VERSION, restore

    node = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "tumour")
    prompts = some_prompts(inputs)
    values = {
        **{"format": FORMAT, "version": VERSION, "model": "gliomasam", "weights": "ab" * 32, "device": "auto"},
        **{"register": False, "skull": "auto", "style": "nested", "overwrite": "none", "lesion_segment": None},
        **{"proposed": False, "prompts": prompts, "earlier": {**prompts, "prompts": []}},
    }
    statuses = set()
    for seed in range(start, start + BLOCK):
        text = change_json(random.Random(seed), values).decode("latin-1")
        node.SetAttribute(ATTRIBUTE, text)
        kept = node.GetAttribute(ATTRIBUTE)

        def work() -> int:
            status = status_of(lambda: restore(mrml_scene, node))
            return status if node.GetAttribute(ATTRIBUTE) == kept else 4  # noqa: B023

        ended = in_a_fork(work, tmp_path / "errors")
        check(ended, f"seed {seed}")
        statuses.add(ended.status)
    assert REFUSED in statuses


@pytest.mark.parametrize("start", range(0, CATALOGUES, BLOCK))
def test_catalogues(start: int, ready: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from GliomaSAMLib.cli.app import run
    from GliomaSAMLib.files import resources_directory
    from GliomaSAMLib.models import catalogue

    monkeypatch.setenv("GLIOMASAM_WEIGHTS", str(tmp_path / "weights"))
    content = json.loads((resources_directory() / "catalogue.json").read_text(encoding="utf-8"))
    content["models"] = content["models"][:3]
    path = tmp_path / "catalogue.json"
    monkeypatch.setattr(catalogue, "resources_directory", lambda: tmp_path)

    def find_all() -> None:
        for entry in catalogue.list_models():
            catalogue.find_weights(entry.name)

    statuses = set()
    for seed in range(start, start + BLOCK):
        path.write_bytes(change_json(random.Random(seed), content))
        ended = in_a_fork(lambda: status_of(find_all), tmp_path / "errors")
        check(ended, f"seed {seed}")
        listed = in_a_fork(lambda: run(["models"]), tmp_path / "errors")
        refused = listed.status == REFUSED and len(listed.text.splitlines()) == 1
        assert refused or (listed.status == DONE and not listed.text), f"seed {seed}: {listed}"[:3000]
        statuses.add(listed.status)
        assert {one.name for one in tmp_path.iterdir()} == {"catalogue.json", "errors"}
    assert REFUSED in statuses
