"""The phantom is what it says: anatomy, contrasts, truth."""

import hashlib

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.demo import signals

pytest.importorskip("nilearn", reason="the phantom is made from maps that nilearn ships")

from GliomaSAMLib.demo.phantom import Phantom, PhantomOptions, make_phantom
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.study.modalities import MODALITIES


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom()


@pytest.fixture(scope="module")
def arrays(phantom: Phantom) -> dict[str, np.ndarray]:
    return {name: sitk.GetArrayFromImage(image) for name, image in {**phantom.images, "truth": phantom.truth}.items()}


@pytest.mark.slow
def test_it_lies_on_the_grid_of_a_brats_file(phantom: Phantom) -> None:
    assert tuple(phantom.images) == MODALITIES
    for image in (*phantom.images.values(), phantom.truth):
        assert image.GetSize() == (240, 240, 155)
        assert Geometry.of_image(image).matches(Geometry.of_image(phantom.truth))
        np.testing.assert_allclose(image.GetDirection(), np.eye(3).ravel())


@pytest.mark.slow
def test_the_skull_is_off_and_the_brain_has_a_human_size(arrays: dict[str, np.ndarray]) -> None:
    brain = arrays["t1"] > 0
    assert 1200 < brain.sum() / 1000 < 1600
    for name in MODALITIES:
        assert np.array_equal(arrays[name] > 0, brain)
        assert not arrays[name][[0, -1]].any()
    assert not arrays["truth"][~brain].any()


@pytest.mark.slow
def test_the_tumour_has_all_three_parts_one_inside_the_other(arrays: dict[str, np.ndarray]) -> None:
    truth = arrays["truth"]
    volumes = [float((truth == label).sum()) / 1000 for label in (1, 2, 3)]
    assert volumes[0] > 5
    assert volumes[1] == pytest.approx(PhantomOptions().shape.oedema_ml, rel=0.15)
    assert volumes[2] > 10
    centres = [np.argwhere(truth == label).mean(0) for label in (1, 3)]
    assert np.linalg.norm(centres[0] - centres[1]) < 8


@pytest.mark.slow
def test_contrasts_are_those_of_a_glioma(arrays: dict[str, np.ndarray]) -> None:
    truth, brain = arrays["truth"], arrays["t1"] > 0
    healthy = brain & (truth == 0)

    def level(name: str, label: int) -> float:
        return float(np.median(arrays[name][truth == label]) / np.median(arrays[name][healthy]))

    assert level("flair", 2) > 1.6
    assert level("t2", 2) > 1.6
    assert level("t1", 2) < 0.97
    assert level("t1c", 3) > 1.6
    assert level("t1", 3) < 1.0
    assert level("t1c", 1) < 0.75 * level("t1c", 3)


def test_fluid_is_bright_in_t2_and_dark_in_flair() -> None:
    fluid, white = signals.contrasts(signals.FLUID), signals.contrasts(signals.WHITE)
    assert fluid["t2"] > 2 * white["t2"]
    assert fluid["flair"] < 0.02 * white["flair"]
    assert fluid["t1"] < white["t1"]


def test_contrast_agent_brightens_the_rim_alone() -> None:
    rim, grey = signals.contrasts(signals.ENHANCING), signals.contrasts(signals.GREY)
    assert rim["t1c"] > 1.8 * rim["t1"]
    assert grey["t1c"] == pytest.approx(grey["t1"], rel=0.1)


def test_oedema_follows_the_white_matter() -> None:
    from GliomaSAMLib.demo.anatomy import GliomaShape, brain_anatomy, grow_glioma, mass_effect

    shape, rng = GliomaShape(), np.random.default_rng(1)
    anatomy = brain_anatomy(lambda ras: mass_effect(shape, ras), rng)
    glioma = grow_glioma(shape, anatomy, rng)
    total = glioma.necrosis + glioma.enhancing + glioma.oedema
    assert total.max() <= 1.0 + 1e-4
    oedema = glioma.labels() == 2
    near = anatomy.brain & (anatomy.fluid < 0.5) & ~np.isin(glioma.labels(), (1, 3))
    assert anatomy.white[oedema].mean() > anatomy.white[near].mean() + 0.1


def test_the_mass_pushes_nearby_tissue_and_leaves_the_far_side() -> None:
    from GliomaSAMLib.demo.anatomy import GliomaShape, mass_effect

    shape = GliomaShape(centre=(0.0, 0.0, 0.0), radius=20.0, push=6.0)
    places = np.array([[21.0, 0, 0], [90.0, 0, 0]], np.float32).T[:, :, None, None]
    moved = (places - mass_effect(shape, places))[0, :, 0, 0]
    assert moved[0] == pytest.approx(6.0, abs=0.2)
    assert moved[1] == pytest.approx(0.0, abs=0.01)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_phantom(phantom: Phantom) -> None:
    def digest(made: Phantom) -> str:
        return hashlib.sha256(b"".join(sitk.GetArrayFromImage(i).tobytes() for i in made.images.values())).hexdigest()

    assert digest(make_phantom()) == digest(phantom)
    assert digest(make_phantom(PhantomOptions(seed=8))) != digest(phantom)
