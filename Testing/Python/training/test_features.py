"""What training reads of a case, and its cache."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from GliomaSAMLib.data import Case, find_cases
from GliomaSAMLib.errors import Cancelled, OutputError
from GliomaSAMLib.models.encoders.lite_medsam import LiteMedSAMEncoder
from GliomaSAMLib.models.slice_stack import StackLayout, embed_slice
from GliomaSAMLib.training import TrainOptions, fit, reading
from GliomaSAMLib.training.checkpoint import read_log
from GliomaSAMLib.training.features import CaseFeatures, CropEmbedding, case_features
from GliomaSAMLib.training.patient import Patient

CPU = torch.device("cpu")

LAYOUT = StackLayout(slice_mm=16)


@pytest.fixture
def case(make_case: Callable[..., Path], tmp_path: Path) -> Case:
    make_case(tmp_path / "cases" / "one", 3)
    return find_cases(tmp_path / "cases")[0]


def features(case: Case, encoder: Any, cache: Path, **options: Any) -> CaseFeatures:
    return case_features(case, encoder, LAYOUT, cache, CPU, **options)


def same(first: CaseFeatures, second: CaseFeatures) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in vars(first))


def test_what_features_hold(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    found = features(case, tiny_encoder, tmp_path / "cache")
    assert found.images.shape == (4, *found.regions.shape) and found.images.dtype == np.uint8
    assert all(side % 16 == 0 for side in found.regions.shape)
    assert found.embeddings is not None
    assert found.embeddings.shape == (4, 8, *LAYOUT.shape(found.regions.shape, tiny_encoder))
    assert found.embeddings.dtype == np.float16
    assert set(np.unique(found.regions)) == {0, 1, 2, 3}
    k, j, i = found.brain
    assert not found.images[:, k:].any() and not found.images[:, :, j:].any() and not found.images[..., i:].any()
    # the rim is bright in t1c, where the labels say ET
    assert np.median(found.images[1][found.regions == 3]) > np.median(found.images[1][found.regions == 1]) + 50


def test_a_missing_modality_is_absent(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    next(case.folder.glob("*_t2.nii.gz")).unlink()
    found = features(case, tiny_encoder, tmp_path / "cache")
    assert found.present.tolist() == [True, True, False, True]
    assert found.embeddings is not None and not found.embeddings[2].any() and not found.images[2].any()


def test_the_second_time_comes_from_the_cache(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    first = features(case, tiny_encoder, tmp_path / "cache")
    calls = tiny_encoder.calls
    assert same(first, features(case, tiny_encoder, tmp_path / "cache"))
    assert tiny_encoder.calls == calls
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".safetensors"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which files are mapped, in /proc/self/maps")
def test_a_case_takes_no_memory_until_it_is_looked_at(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    for _ in range(2):  # computed, and from the cache
        found = features(case, tiny_encoder, tmp_path / "cache")
        assert next((tmp_path / "cache").iterdir()).name in Path("/proc/self/maps").read_text()
        found.images[0, 0, 0, 0] = 200  # for this process alone
        del found
    assert features(case, tiny_encoder, tmp_path / "cache").images[0, 0, 0, 0] == 0


def test_without_an_encoder_there_are_no_embeddings(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    features(case, tiny_encoder, tmp_path / "cache")
    for _ in range(2):
        assert features(case, None, tmp_path / "cache").embeddings is None
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("change", ["file", "file in a folder", "time", "encoder"])
def test_computed_anew_when_something_changes(change: str, case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    features(case, tiny_encoder, tmp_path / "cache")
    calls = tiny_encoder.calls
    flair = next(case.folder.glob("*_flair.nii.gz"))
    if change == "file in a folder":
        (case.folder / "anat").mkdir()
        for path in [path for path in case.folder.glob("*.nii.gz") if path != case.labels]:
            path.rename(case.folder / "anat" / path.name)
        flair = case.folder / "anat" / flair.name
        features(case, tiny_encoder, tmp_path / "cache")
        os.utime(flair, ns=(1, 1))
    elif change == "file":
        shutil.copy(next(case.folder.glob("*_t2.nii.gz")), flair)
    elif change == "time":
        os.utime(flair, ns=(1, 1))
    else:
        tiny_encoder.base_sha256 = "1" * 64
    before = tiny_encoder.calls
    features(case, tiny_encoder, tmp_path / "cache")
    assert tiny_encoder.calls == before + calls


@pytest.mark.parametrize("damage", [b"", b"{} no header", None])
def test_a_damaged_cache_is_computed_anew(damage: bytes | None, case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    first = features(case, tiny_encoder, tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    spoiled = path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage
    path.unlink()  # the first are mapped from it
    path.write_bytes(spoiled)
    with pytest.warns(UserWarning, match="damaged"):
        assert same(first, features(case, tiny_encoder, tmp_path / "cache"))
    assert same(first, features(case, tiny_encoder, tmp_path / "cache"))


def test_a_full_disk_leaves_nothing_half_written(
    case: Case, tiny_encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        features(case, tiny_encoder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_features_are_for_this_user_alone(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    folder = tmp_path / "features"
    folder.mkdir(mode=0o755)
    features(case, tiny_encoder, folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_cancel_stops_between_slices(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    def cancel() -> None:
        if tiny_encoder.calls >= 2:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        features(case, tiny_encoder, tmp_path / "cache", cancel=cancel)
    assert tiny_encoder.calls == 2
    assert not (tmp_path / "cache").exists()


def test_the_real_encoder_on_a_small_slice() -> None:
    encoder = LiteMedSAMEncoder()
    image = torch.rand(32, 32, generator=torch.Generator().manual_seed(0))
    embedded = embed_slice(encoder, StackLayout(pixel_mm=1.0), image)
    assert embedded.shape == (256, 8, 8)
    assert torch.isfinite(embedded).all() and embedded.std() > 0.01
    assert not torch.allclose(embedded, embed_slice(encoder, StackLayout(pixel_mm=1.0), image.flip(0)))


@pytest.mark.parametrize("labels", ["one label", "none"])
def test_of_a_whole_tumour_nothing_else_is_known(labels: str, case: Case, tmp_path: Path) -> None:
    image = sitk.ReadImage(str(case.labels))
    whole = sitk.Cast(image > 0, sitk.sitkUInt8) if labels == "one label" else image * 0
    case.labels.unlink()
    sitk.WriteImage(whole, str(case.folder / "wt.nii.gz"))
    (changed,) = find_cases(case.folder.parent)
    for _ in range(2):  # computed, then from the cache
        found = features(changed, None, tmp_path / "cache")
        assert (found.known == ("WT",)) == (labels == "one label")  # where there is no tumour, there is no core
        assert found.regions.max() == int(labels == "one label")


def test_patients_of_one_name_are_kept_apart(case: Case, tmp_path: Path) -> None:
    """Uncompressed volumes of one grid, whose times a copy has made the same."""
    shutil.copytree(case.folder, tmp_path / "other" / "one")
    (other,) = find_cases(tmp_path / "other")
    for one, scale in ((case, 1.0), (other, 0.8)):
        for path in sorted(one.folder.glob("*.nii.gz")):
            image = sitk.ReadImage(str(path))
            path.unlink()
            image = image if path == one.labels else sitk.Cast(image, sitk.sitkFloat32) * scale
            sitk.WriteImage(image, str(path.with_suffix("")))
            os.utime(path.with_suffix(""), (0, 0))
    first, second = (features(find_cases(one.folder.parent)[0], None, tmp_path / "cache") for one in (case, other))
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert first.name == second.name


def test_a_link_to_nothing_beside_the_volumes_is_passed_over(case: Case, tmp_path: Path) -> None:
    (case.folder / "notes.txt").symlink_to(tmp_path / "nowhere")
    features(case, None, tmp_path / "cache")
    assert features(case, None, tmp_path / "cache").name == "one"


def test_what_segments_tell_of_the_core_is_kept(case: Case, tmp_path: Path) -> None:
    image = sitk.ReadImage(str(case.labels))
    labels = sitk.GetArrayFromImage(image)
    layers = sitk.Compose([sitk.GetImageFromArray(one.astype(np.uint8)) for one in (labels > 0, labels % 2 == 1)])
    layers.CopyInformation(image)
    for n, name in enumerate(("WT", "TC")):
        for key, value in {"ID": name, "Name": name, "Layer": str(n), "LabelValue": "1"}.items():
            layers.SetMetaData(f"Segment{n}_{key}", value)
    case.labels.unlink()
    sitk.WriteImage(layers, str(case.folder / "outline.seg.nrrd"))
    (changed,) = find_cases(case.folder.parent)
    for _ in range(2):  # computed, then from the cache
        found = features(changed, None, tmp_path / "cache")
        assert found.known == ("WT", "TC") and found.regions.max() == 2
        assert Patient.of(found, torch.device("cpu")).kind == "with whole tumour and core only"


CROP_LAYOUT = StackLayout(slice_mm=8)

ALL = np.ones(4, bool)


@pytest.fixture
def crop() -> torch.Tensor:
    return torch.rand(4, 32, 32, 48, generator=torch.Generator().manual_seed(0))


def test_slices_are_embedded_as_those_of_a_case(crop: torch.Tensor, tiny_encoder: Any) -> None:
    found = CropEmbedding(tiny_encoder, CROP_LAYOUT)(crop, ALL)
    assert found.shape == (4, 8, 4, *CROP_LAYOUT.shape((32, 32, 48), tiny_encoder)[1:])
    assert not found.requires_grad and not found.is_inference()
    for z, k in enumerate(CROP_LAYOUT.indices(32)):
        torch.testing.assert_close(found[3, :, z], embed_slice(tiny_encoder, CROP_LAYOUT, crop[3, k]))


def test_absent_modalities_are_not_embedded_and_bright_values_are_cut(crop: torch.Tensor, tiny_encoder: Any) -> None:
    seen: list[int] = []
    tiny_encoder.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    embed = CropEmbedding(tiny_encoder, CROP_LAYOUT)
    found = embed(crop, np.array([True, True, False, True]))
    assert sum(seen) == 3 * 4
    assert not found[2].any() and found[1].any()
    assert torch.equal(embed(crop * 10, ALL), embed((crop * 10).clamp(max=1), ALL))


def test_a_training_without_cached_features(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []
    read = reading.case_features

    def watched(case: Any, encoder: Any, *others: Any) -> Any:
        seen.append((case.name, encoder is not None))
        return read(case, encoder, *others)

    monkeypatch.setattr(reading, "case_features", watched)
    options = tiny_options(steps=2, cache_features=False)
    fit(options)
    assert dict(seen) == {"first": False, "second": False, "third": True}  # validation has nothing augmented
    assert [line["step"] for line in read_log(options.output)] == [0, 1, 2, 2]
    fit(replace(options, steps=3))
    assert read_log(options.output)[-1]["step"] == 3
