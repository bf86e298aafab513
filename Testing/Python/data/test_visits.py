"""Cases of one patient are found by the names of their folders."""

import pytest

from GliomaSAMLib.data.visits import on_both_sides, patient_of


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("BraTS-GLI-00001-101", "BraTS-GLI-00001"),
        ("UPENN-GBM-00001_11", "UPENN-GBM-00001"),
        ("sub-pat_ses-pre", "sub-pat"),
        ("sub-01_ses-02", "sub-01"),
        ("Patient-004_week-000-1", "Patient-004"),
        ("PatientID_0003_Timepoint_1", "PatientID_0003"),
        ("pat7 follow-up 2", "pat7"),
        ("case12_postop", "case12"),
        ("pat3_2019-03-12", "pat3"),
    ],
)
def test_a_visit_is_one_of_a_patient(name: str, patient: str) -> None:
    assert patient_of(name) == patient


@pytest.mark.parametrize(
    "name",
    [
        "BraTS2021_00001",
        "BraTS20_Training_001",
        "Brats18_TCIA10_637_1",
        "MSD_BRATS_001",
        "sub-001",
        "patient001",
        "case_2021_001",
        "2021-001",
        "20190312_001",
        "visit-1",
        "case_visit1",
        "Weekday_001",
    ],
)
def test_other_numbers_are_no_visits(name: str) -> None:
    assert patient_of(name) == name


def test_patients_on_both_sides() -> None:
    found = on_both_sides(["sub-1_ses-1", "sub-2_ses-1", "a"], ["sub-1_ses-2", "b"])
    assert found == {"sub-1": ["sub-1_ses-1", "sub-1_ses-2"]}
