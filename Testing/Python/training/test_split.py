"""A split that is made: stratified, the same for the same seed, and readable."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.data import Case, read_split
from GliomaSAMLib.data.visits import on_both_sides
from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.training.split import check_validation, make_split, write_split


def case(folder: Path, name: str, whole: int, enhancing: int, whole_only: bool = False) -> Case:
    """A case of so many voxels; only its label map is there."""
    labels = np.zeros((6, 10, 10), np.uint8)
    labels.reshape(-1)[:whole] = 2
    labels.reshape(-1)[:enhancing] = 3
    path = folder / f"{name}.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(path))
    return Case(name, folder, path, "binary" if whole_only else None)


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    """Twenty gliomas, five of which do not enhance; a whole tumour alone, and a head without a glioma."""
    gliomas = [case(tmp_path, f"g{n:02}", 20 * (n + 1), 0 if n % 4 == 0 else 5) for n in range(20)]
    return [*gliomas, case(tmp_path, "whole", 50, 0, whole_only=True), case(tmp_path, "healthy", 0, 0)]


def test_validation_has_all_sizes_and_both_kinds(cases: list[Case]) -> None:
    split = make_split(cases, 0.2, seed=0)
    assert sorted(split.train + split.val) == sorted(one.name for one in cases)
    numbers = sorted(int(name[1:]) for name in split.val)
    assert len(numbers) == 4 and sum(n % 4 == 0 for n in numbers) == 1
    assert numbers[0] < 9 and numbers[-1] > 10
    assert {"whole", "healthy"} <= set(split.train)


def test_what_tells_the_whole_tumour_only_is_validated_on_that(tmp_path: Path) -> None:
    masks = [case(tmp_path, f"w{n}", 20 * (n + 1), 0, whole_only=True) for n in range(10)]
    assert len(make_split(masks, 0.2, seed=0).val) == 2
    mixed = [*(case(tmp_path, f"g{n}", 20 * (n + 1), 5) for n in range(10)), *masks]
    names = "".join(make_split(mixed, 0.2, seed=0).val)
    assert names.count("g") == names.count("w") == 2


def test_the_same_seed_makes_the_same_split(cases: list[Case]) -> None:
    made = [make_split(cases, 0.2, seed).val for seed in (1, 1, *range(2, 8))]
    assert made[0] == made[1] and len(set(made)) > 2


@pytest.mark.parametrize(("share", "count"), [(0.0, 20), (0.2, 4)])
def test_none_is_chosen_where_none_is_wanted_or_few_are_there(share: float, count: int, cases: list[Case]) -> None:
    assert make_split(cases[:count], share, seed=0).val == ()


def test_at_least_one_is_chosen(cases: list[Case]) -> None:
    assert len(make_split(cases[:6], 0.05, seed=0).val) == 1


@pytest.mark.parametrize("seed", range(4))
def test_all_cases_of_a_patient_are_on_one_side(seed: int, tmp_path: Path) -> None:
    visits = [case(tmp_path, f"BraTS-GLI-{n:05}-{day}", 40 + n, 5) for n in range(6) for day in (100, 101)]
    split = make_split([*visits, case(tmp_path, "healthy_0001-01", 0, 0)], 0.3, seed)
    assert len(split.val) == 4 and not on_both_sides(split.train, split.val)
    assert make_split(visits[:8], 0.3, seed).val == ()  # of four patients


def test_what_is_written_can_be_read(cases: list[Case], tmp_path: Path) -> None:
    split = make_split(cases, 0.3, seed=0)
    write_split(split, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json") == split


def test_nothing_is_validated_without_the_whole_tumour(cases: list[Case], tmp_path: Path) -> None:
    check_validation(cases)
    core = sitk.ReadImage(str(cases[9].labels))
    for key, value in {"ID": "a", "Name": "TC", "Layer": "0", "LabelValue": "2"}.items():
        core.SetMetaData(f"Segment0_{key}", value)
    path = tmp_path / "core.seg.nrrd"
    sitk.WriteImage(core, str(path))
    with pytest.raises(CaseError, match=r"core cannot be used for .* validation: the labels do not tell the whole"):
        check_validation([*cases, Case("core", tmp_path, path)])
