"""Batches of crops: which patient when, what the host knows, and that the device is never asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from GliomaSAMLib.training.augment import AugmentConfig
from GliomaSAMLib.training.batches import Batch, CropMaker
from GliomaSAMLib.training.features import CaseFeatures
from GliomaSAMLib.training.intensity import IntensityConfig
from GliomaSAMLib.training.patient import Patient

CPU = torch.device("cpu")
SHAPE = (32, 32, 32)
PLAIN = AugmentConfig(
    SHAPE,
    (32, 48, 32),
    affine=0.0,
    elastic=0.0,
    pasted=0.0,
    without_uptake=0.0,
    intensity=IntensityConfig(0.0, 0.0),
)


def maker(
    cases: list[CaseFeatures], config: AugmentConfig = PLAIN, device: torch.device = CPU, together: int = 2
) -> CropMaker:
    return CropMaker([Patient.of(case, device) for case in cases], device, config, seed=3, together=together)


def whole_only(case: CaseFeatures) -> CaseFeatures:
    return replace(case, name="whole", known=("WT",), regions=np.minimum(case.regions, 1))


def tensors(batch: Batch) -> list[torch.Tensor]:
    found = (batch.images, batch.present, batch.levels, batch.known, batch.embeddings)
    return [one for one in found if one is not None]


def test_every_patient_is_seen_once_a_round(positions: CaseFeatures) -> None:
    crops = maker([replace(positions, name=str(n)) for n in range(5)])
    seen = [crops.crop(n)[0].name for n in range(20)]
    assert [sorted(seen[start : start + 5]) for start in range(0, 20, 5)] == [["0", "1", "2", "3", "4"]] * 4
    assert seen[:5] != seen[5:10] or seen[5:10] != seen[10:15]


def test_who_has_all_labels_of_a_glioma_is_seen_twice_as_often(positions: CaseFeatures) -> None:
    healthy = replace(positions, name="healthy", regions=np.zeros_like(positions.regions))
    crops = maker([positions, whole_only(positions), healthy])
    seen = [crops.crop(n)[0].name for n in range(4)]
    assert sorted(seen) == ["healthy", "positions", "positions", "whole"]


def test_samples_do_not_depend_on_what_was_drawn_before(positions: CaseFeatures) -> None:
    config = AugmentConfig(SHAPE, (32, 48, 32), pasted=0.5, without_uptake=0.5, elastic=0.5)
    cases = [replace(positions, name=str(n), embeddings=None) for n in range(3)]
    busy, fresh = maker(cases, config), maker(cases, config)
    for _ in range(3):
        busy.batch([0, 1])
    pairs = zip(tensors(busy.batch([6, 7])), tensors(fresh.batch([6, 7])), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    shapes = [busy.batch([n, n + 1]).images.shape[2:] for n in range(0, 24, 2)]
    assert set(shapes) == {SHAPE, (32, 48, 32)}


def test_what_a_label_does_not_tell_is_unknown(positions: CaseFeatures) -> None:
    batch = maker([positions, whole_only(positions)], together=3).batch([0, 1, 2])
    expected = [[region in one for region in ("WT", "TC", "ET")] for one in batch.told]
    assert sorted(map(len, batch.told)) == [1, 3, 3] and batch.known.tolist() == expected
    assert batch.index == (0, 1, 2)
    assert torch.equal(batch.present, torch.from_numpy(np.stack(batch.present_on_host)))
    assert not batch.images[~batch.present].any()  # what was left out cannot be looked at


def test_embeddings_of_different_cells_are_joined(positions: CaseFeatures) -> None:
    assert positions.embeddings is not None
    finer = replace(positions, embeddings=positions.embeddings.repeat(2, axis=2))
    crops = CropMaker([Patient.of(case, CPU) for case in (positions, finer)], CPU, PLAIN, 0, 2, embed=refuse)
    batch = crops.batch([0, 1])
    assert batch.embeddings is not None and batch.embeddings.shape[:3] == (2, 4, 3)


def refuse(images: torch.Tensor, present: np.ndarray) -> torch.Tensor:
    raise AssertionError("all is embedded already")


def test_what_has_no_embeddings_is_embedded(positions: CaseFeatures) -> None:
    asked = []

    def embed(images: torch.Tensor, present: np.ndarray) -> torch.Tensor:
        asked.append(present)
        return torch.ones(4, 3, 8, 8, 8)

    bare = replace(positions, embeddings=None)
    crops = CropMaker([Patient.of(case, CPU) for case in (positions, bare)], CPU, PLAIN, 0, 2, embed=embed)
    batch = crops.batch([0, 1])
    assert batch.embeddings is not None and batch.embeddings.shape == (2, 4, 3, 8, 8, 8)
    assert len(asked) == 1


def test_making_a_crop_never_asks_the_device(positions: CaseFeatures) -> None:
    """On the device `meta` there are no values: whoever asked for one would fail."""
    config = AugmentConfig(
        SHAPE, SHAPE, affine=1.0, elastic=1.0, pasted=1.0, without_uptake=1.0, intensity=IntensityConfig(1.0, 1.0)
    )
    crops = maker([positions, positions, whole_only(positions)], config, torch.device("meta"))
    for n in range(6):
        assert crops.batch([n]).images.shape == (1, 4, *SHAPE)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_tumours_are_pasted_as_often_as_said(share: float, positions: CaseFeatures) -> None:
    healthy = replace(positions, name="healthy", regions=np.zeros_like(positions.regions))
    crops = maker([positions, healthy], replace(PLAIN, pasted=share))
    found = [float(crop.levels.max()) for patient, crop in map(crops.crop, range(30)) if patient.name == "healthy"]
    assert len(found) == 10 and (max(found) > 0) == bool(share)
