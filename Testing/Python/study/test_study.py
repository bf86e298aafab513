import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import Cancelled, StudyError
from GliomaSAMLib.geometry import Geometry, resample
from GliomaSAMLib.study import MODALITIES, Study

Arrays = dict[str, np.ndarray]


def shifted(grid: Geometry, by: float) -> Geometry:
    return Geometry(grid.size, grid.spacing, (grid.origin[0] + by, *grid.origin[1:]), grid.direction)


def test_one_grid_is_taken_as_it_is(small_study: Study, small_grid: Geometry, small_arrays: Arrays) -> None:
    assert small_study.modalities == MODALITIES
    assert small_study.reference == small_grid
    assert small_study.notes == ()
    assert np.array_equal(small_study.brain, small_arrays["brain"])


def test_canonical_images(small_study: Study, small_arrays: Arrays) -> None:
    canonical = small_study.canonical
    assert tuple(canonical.images) == MODALITIES
    lesion = small_study.to_canonical(small_arrays["lesion"])
    for modality, image in canonical.images.items():
        assert image.dtype == np.float32 and image.shape == canonical.geometry.shape == canonical.brain.shape
        assert image.min() == 0.0 and image.max() == 1.0 and not image[~canonical.brain].any()
        if modality != "t1":
            assert image[lesion].mean() > image[canonical.brain & ~lesion].mean() + 0.2
    assert small_study.canonical is canonical


@pytest.mark.parametrize("subset", [("flair",), ("t1c",), ("t1", "t2"), ("t2", "flair", "t1c")])
def test_any_subset(subset: tuple[str, ...], small_grid: Geometry, small_arrays: Arrays) -> None:
    study = Study.read(**{modality: small_grid.to_image(small_arrays[modality]) for modality in subset})
    assert study.modalities == tuple(modality for modality in MODALITIES if modality in subset)
    assert set(study.canonical.images) == set(subset)


def test_no_volume_and_unknown_words(small_grid: Geometry, small_arrays: Arrays) -> None:
    image = small_grid.to_image(small_arrays["t1"])
    with pytest.raises(StudyError, match="at least one"):
        Study.read()
    with pytest.raises(StudyError, match="auto, on or off"):
        Study.read(t1=image, skull="maybe")
    with pytest.raises(StudyError, match="Unknown reference 'flair'"):
        Study.read(t1=image, reference="flair")


def test_affines_that_differ_by_little_are_one_grid(small_grid: Geometry, small_arrays: Arrays) -> None:
    near = shifted(small_grid, 5e-4)
    study = Study.read(t1=small_grid.to_image(small_arrays["t1"]), flair=near.to_image(small_arrays["flair"]))
    assert study.notes == ()


def test_another_grid_is_resampled_in_place_and_noted(small_grid: Geometry, small_arrays: Arrays) -> None:
    rows = small_grid.direction
    coarse = Geometry((44, 52, 15), (2.2, 2.2, 6.0), (45.0, 55.0, -42.0), rows)
    thick = coarse.to_image(resample(small_grid.to_image(small_arrays["flair"]), coarse))
    study = Study.read(t1c=small_grid.to_image(small_arrays["t1c"]), flair=thick)
    assert study.reference == small_grid
    assert study.notes == ("flair resampled from 2.2 x 2.2 x 6 mm onto the reference grid of 2 x 2 x 2 mm",)
    lesion = study.to_canonical(small_arrays["lesion"])
    flair = study.canonical.images["flair"]
    assert flair[lesion].mean() > flair[study.canonical.brain & ~lesion].mean() + 0.25


def test_reference_is_the_choice_of_the_user(tmp_path: Path, small_grid: Geometry, small_arrays: Arrays) -> None:
    fine = Geometry((80, 96, 40), (1.0, 1.0, 2.0), small_grid.origin, small_grid.direction)
    t2 = fine.to_image(resample(small_grid.to_image(small_arrays["t2"]), fine))
    volumes = {"t1c": small_grid.to_image(small_arrays["t1c"]), "t2": t2}
    assert Study.read(**volumes).reference == small_grid
    assert Study.read(**volumes, reference="t2").reference == fine
    other = small_grid.crop((5, 5, 5), (30, 35, 30))
    sitk.WriteImage(other.to_image(np.zeros(other.shape, np.uint8)), str(tmp_path / "grid.nii"))
    study = Study.read(**volumes, reference=tmp_path / "grid.nii")
    assert study.reference.matches(other) and study.brain.shape == other.shape
    with pytest.raises(StudyError, match="does not exist"):
        Study.read(**volumes, reference=tmp_path / "absent.nii")


def test_images_given_are_not_changed(small_grid: Geometry, small_arrays: Arrays) -> None:
    images = {modality: small_grid.to_image(small_arrays[modality]) for modality in MODALITIES}
    before = {modality: sitk.Hash(image) for modality, image in images.items()}
    study = Study.read(**images)
    key = study.key("t1")
    assert {modality: sitk.Hash(image) for modality, image in images.items()} == before
    images["t1"][20, 20, 20] = 30000
    assert study.key("t1") == key


def test_key_follows_the_content(small_study: Study, small_grid: Geometry, small_arrays: Arrays) -> None:
    keys = {small_study.key(modality) for modality in MODALITIES}
    assert len(keys) == 4 and all(len(key) == 64 for key in keys)
    again = Study.read(**{modality: small_grid.to_image(small_arrays[modality]) for modality in MODALITIES})
    assert again.key("t2") == small_study.key("t2")
    changed = small_arrays["t2"].copy()
    changed[20, 24, 20] += 40
    other = Study.read(**{m: small_grid.to_image(changed if m == "t2" else small_arrays[m]) for m in MODALITIES})
    assert other.key("t2") != small_study.key("t2")
    assert other.key("t1") == small_study.key("t1")
    with pytest.raises(StudyError, match="No t9"):
        small_study.key("t9")


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_number_types_give_one_result(
    kind: type, small_study: Study, small_grid: Geometry, small_arrays: Arrays
) -> None:
    study = Study.read(
        **{modality: small_grid.to_image(small_arrays[modality].astype(kind)) for modality in MODALITIES}
    )
    assert np.allclose(study.canonical.images["flair"], small_study.canonical.images["flair"], atol=1e-6)


def test_negative_values_and_an_outlier(small_study: Study, small_grid: Geometry, small_arrays: Arrays) -> None:
    values = small_arrays["flair"].astype(np.int32) - 1024
    values[20, 24, 20] = 32767
    study = Study.read(flair=small_grid.to_image(values))
    expected = Study.read(flair=small_grid.to_image(small_arrays["flair"]))
    assert np.array_equal(study.brain, expected.brain)
    assert np.abs(study.canonical.images["flair"] - expected.canonical.images["flair"]).mean() < 0.005


def test_a_cut_field_of_view_is_noted_and_empty(small_grid: Geometry, small_arrays: Arrays) -> None:
    slab = small_grid.crop((0, 0, 0), (20, 48, 40))
    whole, cut = small_grid.to_image(small_arrays["t1"]), slab.to_image(small_arrays["t2"][:20])
    study = Study.read(t1=whole, t2=cut, reference="t1")
    assert any(re.match(r"t2 shows only (4[5-9]|5[0-5]) % of the brain", note) for note in study.notes)
    upper = study.canonical.images["t2"][-20:]
    assert not upper.any() and study.canonical.images["t1"][-20:].any()


def test_arrays_of_a_wrong_shape(small_study: Study) -> None:
    with pytest.raises(StudyError, match="does not fit"):
        small_study.to_canonical(np.zeros((3, 4, 5)))
    with pytest.raises(StudyError, match="does not fit"):
        small_study.from_canonical(np.zeros((3, 4, 5)))


def test_progress_rises_to_one_and_cancel_stops(small_grid: Geometry, small_arrays: Arrays) -> None:
    images = {modality: small_grid.to_image(small_arrays[modality]) for modality in MODALITIES}
    told: list[float] = []
    Study.read(**images, progress=lambda fraction, message: told.append(fraction))
    assert told == sorted(told) and told[-1] == 1.0
    with pytest.raises(Cancelled):
        Study.read(**images, cancel=lambda: len(told) > 0)


@pytest.mark.slow
def test_real_case_comes_out_unchanged_but_for_the_crop(glioma_case: Callable[[str], Path]) -> None:
    study = Study.read_folder(glioma_case("Brats18_2013_2_1"))
    assert study.reference.size == (240, 240, 155)
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(glioma_case("Brats18_2013_2_1") / "flair.nii")))
    cropped = study.to_canonical(values)
    image = study.canonical.images["flair"]
    assert np.count_nonzero(cropped) == np.count_nonzero(values)
    assert np.corrcoef(cropped[study.canonical.brain], image[study.canonical.brain])[0, 1] > 0.99
    assert not np.any(
        np.diff(image[study.canonical.brain][np.argsort(cropped[study.canonical.brain], kind="stable")]) < -1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("file", ["captk_flair_96x128x96.nii.gz", "stroke_flair_oblique19.nii.gz"])
def test_odd_real_volumes(file: str, shared_data: Path) -> None:
    study = Study.read(flair=shared_data / "odd" / "small" / file)
    canonical = study.canonical
    assert canonical.geometry.spacing == (1.0, 1.0, 1.0)
    assert 900_000 < np.count_nonzero(canonical.brain) < 1_900_000
    assert 0.2 < canonical.images["flair"][canonical.brain].mean() < 0.8


@pytest.mark.slow
def test_outlier_of_the_raw_case(shared_data: Path) -> None:
    study = Study.read_folder(shared_data / "raw" / "Brats18_TCIA10_637_1")
    inside = study.canonical.images["flair"][study.canonical.brain]
    assert 0.2 < np.median(inside) < 0.8
