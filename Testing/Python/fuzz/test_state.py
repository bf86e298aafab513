"""Spoiled states of a scene, and spoiled catalogues: read, or refused in one line; nothing is changed."""

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from forks import MOST_MEMORY, in_forks
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


def ends_of(work: Callable[[int], int], seeds: range, errors: Path, lines: int = 0) -> set[int]:
    """The statuses of a work done for each seed in forks: done, or refused, which is told in so many lines."""
    ends = in_forks([partial(work, seed) for seed in seeds], errors)
    for seed, ended in zip(seeds, ends, strict=True):
        told = len(ended.text.splitlines()) == (lines if ended.status == REFUSED else 0)
        if ended.status not in (DONE, REFUSED) or ended.memory >= MOST_MEMORY or not told:
            pytest.fail(f"seed {seed}: {ended}"[:4000], pytrace=False)
    return {ended.status for ended in ends}


@pytest.mark.parametrize("start", range(0, STATES, BLOCK))
def test_states_of_a_scene(start: int, mrml_scene: Any, inputs: Inputs, tmp_path: Path) -> None:
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, FORMAT, VERSION, restore

    node = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "tumour")
    prompts = some_prompts(inputs)
    lists = {"proposed": False, "prompts": prompts, "earlier": {**prompts, "prompts": []}}
    values = {
        **{"format": FORMAT, "version": VERSION, "model": "gliomasam", "weights": "ab" * 32, "device": "auto"},
        **{"register": False, "skull": "auto", "style": "nested", "overwrite": "none", "lesion_segment": None},
        **lists,
        "places": [{"style": "lesion", "lesion_segment": "a", "weights": None, **lists}],
    }

    def read(seed: int) -> int:
        node.SetAttribute(ATTRIBUTE, change_json(random.Random(seed), values).decode("latin-1"))
        kept = node.GetAttribute(ATTRIBUTE)
        status = status_of(lambda: restore(mrml_scene, node))
        return status if node.GetAttribute(ATTRIBUTE) == kept else 4

    assert REFUSED in ends_of(read, range(start, start + BLOCK), tmp_path / "errors")


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

    def find(seed: int) -> int:
        path.write_bytes(change_json(random.Random(seed), content))
        return status_of(find_all)

    def list_them(seed: int) -> int:
        path.write_bytes(change_json(random.Random(seed), content))
        return run(["models"])

    seeds = range(start, start + BLOCK)
    assert REFUSED in ends_of(find, seeds, tmp_path / "errors")
    assert REFUSED in ends_of(list_them, seeds, tmp_path / "errors", lines=1)
    assert {one.name for one in tmp_path.iterdir()} == {"catalogue.json", "errors"}
