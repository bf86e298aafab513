"""A patient with visits in the scene, and the follow-up of them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scene_visits import Patient


@pytest.fixture
def patient(mrml_scene: Any, add_volume: Callable[..., Any]) -> Patient:
    return Patient(mrml_scene, add_volume)


@pytest.fixture
def follow_up(mrml_scene: Any, engine: Any) -> Iterator[Any]:
    """The follow-up of the scene, with visits that are aligned."""
    from GliomaSAMLib.slicer.follow_up.session import FollowUp

    made = FollowUp(mrml_scene, engine, lambda: None)
    made.aligned = True
    yield made
    made.close()


@pytest.fixture
def work(engine: Any, follow_up: Any) -> Callable[[], None]:
    """A function that lets the follow-up and the worker go on until there is nothing to do."""

    def run(seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        follow_up.tick()
        engine.collect()
        while follow_up.is_waiting or engine.busy:
            assert time.monotonic() < until, "not in time"
            time.sleep(0.002)
            follow_up.tick()
            engine.collect()
        follow_up.tick()
        engine.collect()

    return run
