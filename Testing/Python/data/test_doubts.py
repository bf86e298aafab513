"""What is not certain of many cases is told once a kind."""

from pathlib import Path

import pytest
from support import phantom_case

from GliomaSAMLib.data.cases import find_cases, open_case
from GliomaSAMLib.data.doubts import told_by_doubt


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """Cases whose only volume may be a T1 or a T1c."""
    for name in "ab":
        folder = phantom_case(tmp_path / name)
        for modality in ("t1c", "t2", "flair"):
            (folder / f"{modality}.nii.gz").unlink()
        (folder / "t1.nii.gz").rename(folder / "AX_T1.nii.gz")
    return tmp_path


def test_a_volume_that_may_be_another_is_a_doubt(doubtful: Path) -> None:
    found = {case.name: open_case(case).doubts for case in find_cases(doubtful)}
    (line,) = told_by_doubt(found)
    assert line.startswith("note: a and 1 other cases: not sure that this is t1: ")


def test_a_usual_case_has_none(tmp_path: Path) -> None:
    phantom_case(tmp_path / "a")
    assert open_case(find_cases(tmp_path)[0]).doubts == ()


def test_numbers_and_places_make_no_other_kind() -> None:
    found = {
        "a": ("t1 has only 5 different grey values: check it",),
        "b": ("t1 has only 7 different grey values: check it",),
    }
    assert told_by_doubt({**found, "c": ("other: check it",)}) == [
        "note: a and 1 other cases: t1 has only 5 different grey values: check it",
        "note: c: other: check it",
    ]
