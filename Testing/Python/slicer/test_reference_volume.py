"""Which of the volumes the segments lie on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry

Run = Callable[..., None]


def test_segments_lie_on_the_volume_that_the_study_chose(
    engine: Any,
    segmentation: Any,
    add_volume: Callable[..., Any],
    grid: Geometry,
    run_until: Run,
    world: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """T1c is a slab: the study takes the grid of FLAIR, and so do the segments."""
    slab = grid.crop((4, 0, 0), (5, *grid.shape[1:]))
    nodes = {
        modality: add_volume(np.ones(one.shape, np.int16) * 7, one.ijk_to_ras, modality)
        for modality, one in (("t1c", slab), ("flair", grid))
    }
    read = world.read_study

    def read_study(**given: Any) -> Any:
        study = read(**given)
        study.reference, study.reference_modality = Geometry.of_image(given["flair"]), "flair"
        return study

    monkeypatch.setattr(engine.jobs, "read_study", read_study)
    task = engine.task(segmentation)
    task.set_volumes(nodes)
    assert task._preparation.reference_node is nodes["t1c"]  # as long as nothing is known
    run_until()
    assert task.geometry.matches(grid) and task._preparation.reference_node is nodes["flair"]
