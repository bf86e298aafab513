"""A patient with visits in the scene, and the follow-up of them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scene_visits import SECOND, Patient, ball, onion


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


@pytest.fixture
def two_visits(patient: Patient) -> list[tuple[Any, Any]]:
    """A lesion of 7 mm radius that grows to 9 mm, and a second one that stays."""
    second = ball(6.2, SECOND)
    return [patient.visit("20240301", onion(7, second)), patient.visit("20240603", onion(9, second))]


@pytest.fixture
def compared(two_visits: Any, follow_up: Any, work: Callable[[], None]) -> Any:
    """The follow-up after the comparison of the two visits."""
    follow_up.find()
    follow_up.compare()
    work()
    assert follow_up.assessment is not None
    return follow_up
