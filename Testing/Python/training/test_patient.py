"""Patients on the device, and how they are counted."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from GliomaSAMLib.models.device import DeviceMemory
from GliomaSAMLib.training.clock import Stopwatch, time_needed
from GliomaSAMLib.training.features import CaseFeatures
from GliomaSAMLib.training.patient import KINDS, PLACES, Patient, home_of, rounds, told_by_kind

CPU = torch.device("cpu")


def test_patients_are_told_by_kind(positions: CaseFeatures) -> None:
    empty = np.zeros_like(positions.regions)
    cases = [
        positions,
        replace(positions, present=np.array([False, True, False, True])),
        replace(positions, known=("WT", "TC")),
        replace(positions, known=("WT", "ET")),
        replace(positions, known=("WT",)),
        replace(positions, regions=empty),
        replace(positions, regions=empty),
    ]
    patients = [Patient.of(case, CPU) for case in cases]
    assert [patient.kind for patient in patients] == [*KINDS, KINDS[-1]]
    assert told_by_kind(patients, ["mine"] * 7) == (
        "1 with all labels and volumes, 1 with all labels and fewer volumes, 1 with whole tumour and core only, "
        "1 with whole and enhancing tumour only, 1 with the whole tumour only, 2 without a glioma"
    )
    apart = told_by_kind(patients, ["mine"] * 5 + ["more"] * 2)
    assert apart.startswith("mine: 1 with all labels") and apart.endswith("; more: 2 without a glioma")
    assert [rounds(some) for some in (patients, patients[:2], patients[2:])] == [
        [0, 0, 1, 1, 2, 3, 4, 5, 6],
        [0, 1],
        [0, 1, 2, 3, 4],
    ]
    assert [patient.can_lend_a_tumour for patient in patients] == [True, True, *[False] * 5]


def test_patients_stay_in_their_files_where_the_card_is_small(
    positions: CaseFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, free = torch.device("cuda"), 2 * positions.nbytes
    monkeypatch.setattr("GliomaSAMLib.training.patient.device_memory", lambda device: DeviceMemory(free, free))
    assert home_of([positions], card) == card
    assert home_of([positions] * 2, card) == home_of([positions] * 2, CPU) == CPU


def test_places_of_a_tumour_are_spread_over_all_of_it(positions: CaseFeatures) -> None:
    patient = Patient.of(positions, CPU)
    assert 0 < len(patient.tumour) <= PLACES
    assert all(positions.regions[tuple(place)] for place in patient.tumour[::100])
    assert patient.tumour.max(axis=0).tolist() == [19, 63, 63]


def test_a_stopwatch_tells_the_share_of_its_parts() -> None:
    watch = Stopwatch(CPU)
    with watch:
        torch.rand(1000, 1000).square().sum()
    assert 0 < watch.share() <= 1
    assert Stopwatch(CPU).share() == 0


def test_time_is_told_as_exactly_as_an_estimate_is() -> None:
    told = [time_needed(seconds) for seconds in (0.2, 40, 89, 100, 3600, 12_345)]
    assert told == ["1 s", "40 s", "89 s", "2 min", "60 min", "3 h 20 min"]
