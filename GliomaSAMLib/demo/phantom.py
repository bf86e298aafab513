"""A digital phantom: four MR contrasts of a head that never lived, with a glioma whose outline is known exactly.

It stands in for a patient where none may be shown. It is no patient's image and proves nothing about patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ..data.cases import OpenCase
from ..files import make_folder
from ..geometry import Geometry
from ..output.segmentation import write_image
from ..regions import REGIONS, regions_from_labels
from ..study import Study
from ..study.modalities import MODALITIES
from . import signals
from .anatomy import PHANTOM_GRID, Anatomy, Glioma, GliomaShape, brain_anatomy, grow_glioma, mass_effect, smooth_noise

BLUR_MM = {"t1": (0.5, 0.5, 0.5), "t1c": (0.5, 0.5, 0.5), "t2": (1.0, 0.5, 0.5), "flair": (1.1, 0.7, 0.7)}
"""Point spread (K, J, I) as standard deviations in mm; T2 and FLAIR come from thicker slices."""

NAME = "phantom"


@dataclass(frozen=True)
class PhantomOptions:
    """What to make.

    Args:
        seed: The same seed gives the same phantom, bit for bit.
        shape: The tumour.
        noise: Standard deviation of the Rician noise, as a part of the signal of white matter.
        bias: Standard deviation of the logarithm of the bias field.
        others: Further tumours in the same head.
        scan: The seed of the noise and the bias field of the scan, for the same head scanned again; None: by `seed`.
    """

    seed: int = 7
    shape: GliomaShape = field(default_factory=GliomaShape)
    noise: float = 0.028
    bias: float = 0.05
    others: tuple[GliomaShape, ...] = ()
    scan: int | None = None


@dataclass(frozen=True)
class Phantom:
    """The contrasts by modality name (int16, 0 outside the brain) and the true labels (uint8; NCR 1, ED 2, ET 3).

    `parts` holds the fractions of necrosis, oedema and enhancing tumour of each voxel (float32, in the order of the
    labels), from which the labels of any other grid follow.
    """

    images: dict[str, sitk.Image]
    truth: sitk.Image
    parts: tuple[sitk.Image, ...] = ()


def make_phantom(options: PhantomOptions | None = None) -> Phantom:
    """Make the phantom on a BraTS grid of 240 x 240 x 155 voxels of 1 mm. Takes a few seconds and needs no network."""
    options = options or PhantomOptions()
    rng = np.random.default_rng(options.seed)
    shapes = (options.shape, *options.others)
    anatomy = brain_anatomy(lambda ras: _displaced(shapes, ras), rng)
    glioma = grow_glioma(options.shape, anatomy, rng)
    for number, shape in enumerate(options.others, start=1):
        glioma = _joined(glioma, grow_glioma(shape, anatomy, np.random.default_rng((options.seed, number))))
    vessels = _vessels(anatomy, rng)
    clean = _mix(anatomy, glioma, vessels, rng)
    rng = rng if options.scan is None else np.random.default_rng((options.seed, 0, options.scan))
    images = {name: _measure(clean[name], name, anatomy, options, rng) for name in MODALITIES}
    truth = np.where(anatomy.brain, glioma.labels(), 0).astype(np.uint8)
    return Phantom(
        {name: _on_full_grid(array, anatomy.geometry) for name, array in images.items()},
        _on_full_grid(truth, anatomy.geometry),
        tuple(
            _on_full_grid(np.where(anatomy.brain, part, np.float32(0)), anatomy.geometry)
            for part in (glioma.necrosis, glioma.oedema, glioma.enhancing)
        ),
    )


def _displaced(shapes: Sequence[GliomaShape], ras: np.ndarray) -> np.ndarray:
    """Where tissue lay before all masses pushed it, one after the other."""
    for shape in shapes:
        ras = mass_effect(shape, ras)
    return ras


def _joined(first: Glioma, second: Glioma) -> Glioma:
    """Two tumours in one head: what is tumour core of either, then what is oedema of either."""
    core = first.necrosis + first.enhancing, second.necrosis + second.enhancing
    mine = core[0] >= core[1]
    necrosis = np.where(mine, first.necrosis, second.necrosis)
    enhancing = np.where(mine, first.enhancing, second.enhancing)
    oedema = np.minimum(np.maximum(first.oedema, second.oedema), 1.0 - necrosis - enhancing)
    return Glioma(necrosis, enhancing, oedema)


def _vessels(anatomy: Anatomy, rng: np.random.Generator) -> np.ndarray:
    """Fraction of each voxel that is a vessel or the sinus: sparse spots in the outer fluid, float32 (K, J, I)."""
    depth = ndimage.distance_transform_edt(anatomy.brain)
    spots = np.clip(1.5 * (smooth_noise(depth.shape, 5.0, rng) - 1.1), 0.0, 1.0) * np.exp(-depth / 8.0)
    edge = np.clip(0.6 + 0.4 * smooth_noise(depth.shape, 4.0, rng), 0.0, 1.0) * (depth < 1.5) * 0.5
    return np.maximum(spots * anatomy.fluid, edge).astype(np.float32)


def _vary(tissue: signals.Tissue, amount: float, texture: np.ndarray) -> signals.Tissue:
    """A tissue whose water content varies from place to place: T1 and T2 grow together."""
    factor = np.exp(amount * texture)
    return replace(tissue, t1=tissue.t1 * factor**0.3, t2=tissue.t2 * factor, agent=tissue.agent * factor)


def _mix(anatomy: Anatomy, glioma: Glioma, vessels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Noise-free signals (K, J, I) by modality: the sum over tissues of fraction times signal."""
    shape = anatomy.brain.shape
    coarse, fine = smooth_noise(shape, 12.0, rng), smooth_noise(shape, 4.0, rng)
    texture = 0.8 * coarse + 0.6 * fine
    healthy = 1.0 - glioma.necrosis - glioma.enhancing - glioma.oedema
    parts = [
        (_vary(signals.WHITE, 0.035, texture), healthy * anatomy.white),
        (_vary(signals.GREY, 0.045, texture), healthy * anatomy.grey),
        (signals.FLUID, healthy * anatomy.fluid),
        (_vary(signals.OEDEMA, 0.16, texture), glioma.oedema),
        (_vary(signals.NECROSIS, 0.25, texture), glioma.necrosis),
        (_vary(signals.ENHANCING, 0.22, fine), glioma.enhancing),
    ]
    total = {name: np.zeros(shape, np.float32) for name in MODALITIES}
    for tissue, fraction in parts:
        for name, signal in signals.contrasts(tissue).items():
            total[name] += (fraction * (1.0 - vessels) * signal).astype(np.float32)
    for name, signal in signals.contrasts(signals.VESSEL).items():
        total[name] += vessels * np.float32(signal)
    return total


def _measure(
    clean: np.ndarray, name: str, anatomy: Anatomy, options: PhantomOptions, rng: np.random.Generator
) -> np.ndarray:
    """What the scanner stores, int16 (K, J, I): blurred, biased, with Rician noise, white matter at about 400."""
    white = float(np.asarray(signals.contrasts(signals.WHITE)[name]))
    signal = ndimage.gaussian_filter(clean, BLUR_MM[name]) * np.exp(options.bias * smooth_noise(clean.shape, 70.0, rng))
    grain = ndimage.gaussian_filter(rng.standard_normal((2, *clean.shape), dtype=np.float32), (0, 0.5, 0.5, 0.5))
    grain *= options.noise * white / grain.std()
    measured = np.hypot(signal + grain[0], grain[1]) * (400.0 / white)
    return np.where(anatomy.brain, np.clip(np.rint(measured), 1, 32767), 0).astype(np.int16)


def _on_full_grid(array: np.ndarray, geometry: Geometry) -> sitk.Image:
    """Put an array of the brain's box back into `PHANTOM_GRID`."""
    full = np.zeros(PHANTOM_GRID.shape, array.dtype)
    start = np.rint(PHANTOM_GRID.to_ijk(np.asarray(geometry.origin))).astype(int)[::-1]
    full[tuple(slice(s, s + n) for s, n in zip(start, array.shape, strict=True))] = array
    return PHANTOM_GRID.to_image(full)


def phantom_case(phantom: Phantom) -> OpenCase:
    """The phantom's volumes as a `Study` with its truth."""
    truth = regions_from_labels(sitk.GetArrayFromImage(phantom.truth))
    t1, t1c, t2, flair = (phantom.images[name] for name in ("t1", "t1c", "t2", "flair"))
    study = Study.read(t1=t1, t1c=t1c, t2=t2, flair=flair, skull="off")
    return OpenCase(NAME, study, dict(zip(REGIONS, truth, strict=True)))


def write_phantom(phantom: Phantom, folder: Path) -> None:
    """Write `phantom-t1.nii.gz` and so on and the true labels, `phantom-seg.nii.gz`. Raises `OutputError`."""
    make_folder(folder)
    for name, image in {**phantom.images, "seg": phantom.truth}.items():
        write_image(folder / f"{NAME}-{name}.nii.gz", image)
