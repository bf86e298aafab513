"""Heads whose air is one value are told from brains that were cut out: by the rim, not by the size alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.study import Study, brain
from GliomaSAMLib.study.brain import judge_skulls
from GliomaSAMLib.study.volume import Volume, read_volume

MM = 2.5
SKULL, SCALP = 0.86, 0.92
"""Where skull and scalp begin, as parts of the way from the middle to the surface."""


def head(
    scale: float = 1.0,
    levels: tuple[float, float, float] = (100, 20, 260),
    keep: float = 1.0,
    height: float | None = None,
    face: bool = True,
    threshold: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """float32 (K, J, I) of 2.5 mm: an ellipsoid of brain, skull and scalp in air of exactly 0.

    Args:
        scale: Of the size; 1 is a head of 1600 mL.
        levels: Grey values of brain, skull and scalp.
        keep: How much of the way to the surface is left, the rest is air: what a mask cuts out.
        height: Of a slab through the middle, mm.
        face: Whether the face is there.
        threshold: What is darker is air.
        seed: Of the noise.
    """
    k, j, i = np.meshgrid(*(np.arange(-n, n + 1) * MM for n in (28, 38, 34)), indexing="ij")
    radius = np.sqrt((k / (62 * scale)) ** 2 + (j / (86 * scale)) ** 2 + (i / (72 * scale)) ** 2)
    noise = np.random.default_rng(seed).normal(0, 0.05, radius.shape)
    values = np.select([radius < SKULL, radius < SCALP, radius < 1], levels, 0) * (1 + noise)
    values[(radius >= keep) | (values < threshold)] = 0
    if not face:
        values[(j / 86 - k / 78 < -0.35) & (k < 20)] = 0
    if height is not None:
        values = values[np.abs(k[:, 0, 0]) < height / 2]
    return values.astype(np.float32)


def volume(values: np.ndarray, modality: str = "t1c") -> Volume:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((MM, MM, MM))
    return Volume(modality, modality, image)


@pytest.mark.parametrize(
    "made",
    [
        {"scale": 0.75},
        {"height": 40},
        {"height": 25},
        {"threshold": 40, "height": 60},
        *(
            pytest.param(made, marks=pytest.mark.slow)
            for made in (
                {},
                {"height": 100},
                {"face": False},
                {"threshold": 40},
                {"levels": (100, 20, 60)},
                {"levels": (100, 0, 200)},
                {"keep": 0.96},
            )
        ),
    ],
    ids=str,
)
def test_heads_in_air_of_one_value(made: dict[str, Any]) -> None:
    one = volume(head(**made))
    assert one.may_be_stripped, "it is told by its size already"
    assert not one.skull_stripped


@pytest.mark.parametrize(
    "made",
    [
        {"keep": SKULL, "height": 40},
        {"keep": SKULL, "scale": 0.6},
        {"keep": SCALP, "scale": 0.7},
        *(
            pytest.param(made, marks=pytest.mark.slow)
            for made in (
                {"keep": SKULL},
                {"keep": SKULL, "scale": 1.1},
                {"keep": 0.89},
                {"keep": SKULL, "face": False},
            )
        ),
    ],
    ids=str,
)
def test_brains(made: dict[str, Any]) -> None:
    one = volume(head(**made))
    assert one.skull_stripped and one.scalp_share < 0.05


def test_speckled_air_is_not_cut_out() -> None:
    values = head(height=30)
    speckles = np.random.default_rng(1).random(values.shape) < 0.5
    assert not volume(np.where((values == 0) & speckles, 3, values).astype(np.float32)).skull_stripped


def test_modalities_of_one_head_are_judged_together() -> None:
    """T1c, whose scalp is dark here, is alone taken as a brain; FLAIR of the same head shows that it is none."""
    dark, bright = volume(head(0.75, (100, 20, 21))), volume(head(0.75, seed=1), "flair")
    assert dark.skull_stripped
    judged = judge_skulls({"t1c": dark, "flair": bright})
    assert list(judged) == ["t1c", "flair"] and not any(one.skull_stripped for one in judged.values())
    small = volume(head(0.75, keep=SKULL))
    judged = judge_skulls({"t1c": small, "flair": bright})
    assert judged["t1c"].skull_stripped and not judged["flair"].skull_stripped


def test_the_skull_is_taken_off_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys, SimpleITK as s; i = s.ReadImage(sys.argv[1]); c = s.BinaryErode((i > 50) & (i < 150), [2] * 3);"
        "s.WriteImage(s.Cast(s.RelabelComponent(s.ConnectedComponent(c)) == 1, s.sitkUInt8), sys.argv[2])"
    )
    monkeypatch.setattr(brain, "_PROGRAM", code)
    study = Study.read(t1c=volume(head(0.85)).image)
    truth = np.count_nonzero(head(0.85, keep=SKULL)) * MM**3 / 1000
    assert 0.7 * truth < np.count_nonzero(study.brain) * MM**3 / 1000 < 1.05 * truth
    assert any("the skull is left out" in note for note in study.notes)
    assert study.brain_is_cut_out and not Study.read(t1c=volume(head(0.85)).image, skull="off").brain_is_cut_out


def test_a_doubtful_rim_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("GliomaSAMLib.study.skull.scalp_share", lambda *_: 0.1)
    study = Study.read(t1c=volume(head(keep=SKULL)).image)
    assert [note for note in study.notes if "choose skull on" in note]
    assert not Study.read(t1c=volume(head(keep=SKULL)).image, skull="off").notes


@pytest.mark.slow
@pytest.mark.parametrize("case", ["BraTS2021_01478", "Brats18_CBICA_ASG_1", "Brats18_CBICA_AQQ_1"])
def test_real_brains_are_not_taken_as_heads(case: str, glioma_case: Callable[[str], Path]) -> None:
    for modality in ("t1", "t1c", "t2", "flair"):
        one = Volume(modality, case, read_volume(glioma_case(case) / f"{modality}.nii", modality)[0])
        assert one.skull_stripped, modality


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["t1", "t1c", "t2", "flair"])
@pytest.mark.parametrize("kind", ["child", "slab", "masked slab"])
def test_real_heads_in_air_of_one_value(kind: str, modality: str, shared_data: Path) -> None:
    path = shared_data / "odd" / "tcga_fg_6692_native" / f"{modality}.nii.gz"
    whole = Volume(modality, path.name, read_volume(path, modality)[0])
    values = sitk.GetArrayFromImage(whole.image).astype(np.float32)
    values = np.where(whole.head, np.maximum(values, 1), 0)
    grid = whole.geometry
    if kind == "child":
        grid = Geometry(grid.size, tuple(0.75 * step for step in grid.spacing), grid.origin, grid.direction)  # type: ignore[arg-type]
    else:
        middle = len(values) // 2
        values, grid = values[middle : middle + 7], grid.crop((middle, 0, 0), (7, *values.shape[1:]))
    if kind == "masked slab":
        values[values < np.percentile(values[values > 0], 20)] = 0
    one = Volume(modality, kind, grid.to_image(values))
    assert one.may_be_stripped and not one.skull_stripped
