import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from GliomaSAMLib.errors import Cancelled, CaseError, OutputError
from GliomaSAMLib.models.lite_medsam import LiteMedSAMEncoder
from GliomaSAMLib.models.slices import StackLayout, embed_slice
from GliomaSAMLib.training import Case, find_cases
from GliomaSAMLib.training.features import CaseFeatures, case_features

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
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npz"]


def test_without_an_encoder_there_are_no_embeddings(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    features(case, tiny_encoder, tmp_path / "cache")
    for _ in range(2):
        assert features(case, None, tmp_path / "cache").embeddings is None
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("change", ["file", "time", "encoder"])
def test_computed_anew_when_something_changes(change: str, case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    features(case, tiny_encoder, tmp_path / "cache")
    calls = tiny_encoder.calls
    flair = next(case.folder.glob("*_flair.nii.gz"))
    if change == "file":
        shutil.copy(next(case.folder.glob("*_t2.nii.gz")), flair)
    elif change == "time":
        os.utime(flair, ns=(1, 1))
    else:
        tiny_encoder.base_sha256 = "1" * 64
    features(case, tiny_encoder, tmp_path / "cache")
    assert tiny_encoder.calls == 2 * calls


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_damaged_cache_is_computed_anew(damage: bytes | None, case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    first = features(case, tiny_encoder, tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    with pytest.warns(UserWarning, match="damaged"):
        assert same(first, features(case, tiny_encoder, tmp_path / "cache"))
    assert same(first, features(case, tiny_encoder, tmp_path / "cache"))


def test_a_full_disk_leaves_nothing_half_written(
    case: Case, tiny_encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, **arrays: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match="No space left"):
        features(case, tiny_encoder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


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


def test_a_case_without_its_enhancement(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    plain = features(case, tiny_encoder, tmp_path / "cache")
    found = features(case.without_enhancement(), tiny_encoder, tmp_path / "cache")
    assert found.name != plain.name and len(list((tmp_path / "cache").iterdir())) == 2
    rim = plain.regions == 3
    assert (found.regions[rim] == 2).all() and np.array_equal(found.regions[~rim], plain.regions[~rim])
    assert np.array_equal(found.images[[0, 2, 3]], plain.images[[0, 2, 3]])
    assert np.median(found.images[1][rim]) < np.median(plain.images[1][rim]) - 50
    assert found.embeddings is not None and plain.embeddings is not None
    assert not np.array_equal(found.embeddings[1], plain.embeddings[1])
    assert np.array_equal(found.embeddings[[0, 2, 3]], plain.embeddings[[0, 2, 3]])


def test_a_case_without_t1c_says_why_it_cannot_be_so_used(case: Case, tiny_encoder: Any, tmp_path: Path) -> None:
    next(case.folder.glob("*_t1c.nii.gz")).unlink()
    with pytest.raises(CaseError, match=r"one: enhancement .* leave the case out"):
        features(case.without_enhancement(), tiny_encoder, tmp_path / "cache")
