"""The phantom at three visits: the glioma grows, then it is treated and a new lesion appears far off.

The visits lie on three grids, and the head moves between them, as it does in a clinic. What the glioma did is known.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ..files import make_folder, replacing
from ..followup.lesions import VisitMasks
from ..followup.report.planes import moved
from ..geometry import Geometry, bounding_box, floats, ints, resample, triple
from ..output.segmentation import write_image
from ..regions import regions_from_labels
from .anatomy import PHANTOM_GRID, GliomaShape
from .phantom import Phantom, PhantomOptions, make_phantom

FIRST = GliomaShape(centre=(31.0, -30.0, 17.0), radius=14.0, oedema_ml=24.0, push=5.0, necrotic=0.25)

GROWN = GliomaShape(centre=FIRST.centre, radius=17.5, oedema_ml=40.0, push=6.0, necrotic=0.25)

TREATED = GliomaShape(centre=FIRST.centre, radius=9.5, oedema_ml=12.0, push=3.5, necrotic=0.25)

NEW = GliomaShape(centre=(-30.0, 34.0, 30.0), radius=8.5, oedema_ml=6.0, push=2.0, necrotic=0.0)
"""In the other hemisphere, some 9 cm away."""

TUMOUR_MARGIN = 2
"""Voxels around the tumour in the part of a grid that holds it."""

SUB_SLICES = 5
"""Sampled and averaged for a thick slice."""


@dataclass(frozen=True, eq=False)
class PhantomVisit:
    """One visit of the phantom.

    Args:
        name: Of its folder.
        date: Of the examination.
        role: For `visit.json`.
        phantom: The head at this visit, on `PHANTOM_GRID`.
        grid: The grid of the scan, RAS mm of the scanner.
        motion: 4 x 4, from RAS mm of the phantom to RAS mm of the scanner.
    """

    name: str
    date: date
    role: str
    phantom: Phantom
    grid: Geometry
    motion: np.ndarray

    @property
    def thick(self) -> bool:
        """Whether the slices are thicker than the phantom's voxels."""
        return self.grid.spacing[2] > PHANTOM_GRID.spacing[2]

    @property
    def in_head(self) -> Geometry:
        """The grid of the scan in RAS mm of the phantom."""
        return moved(self.grid, np.linalg.inv(self.motion))

    def around_tumour(self) -> "PhantomVisit":
        """The same visit on the part of its grid that holds the tumour."""
        box = bounding_box(self.labels()[1] > 0, TUMOUR_MARGIN)
        start, shape = triple(side.start for side in box), triple(side.stop - side.start for side in box)
        return replace(self, grid=self.grid.crop(start, shape))

    def image(self, modality: str) -> sitk.Image:
        """What the scanner stores: int16, thick slices as the mean over their thickness."""
        thin = refined(self.in_head, (1, 1, SUB_SLICES)) if self.thick else self.in_head
        values = resample(sitk.Cast(self.phantom.images[modality], sitk.sitkFloat32), thin)
        values = values.reshape(self.grid.shape[0], -1, *self.grid.shape[1:]).mean(axis=1)
        return self.grid.to_image(np.rint(values).astype(np.int16))

    def labels(self, fine: Sequence[int] = (1, 1, 1)) -> tuple[Geometry, np.ndarray]:
        """The true labels on the grid of the scan, each voxel divided by `fine` along I, J, K: its geometry in the
        scanner, and uint8 (K, J, I); NCR 1, ED 2, ET 3.
        """
        parts = [resample(part, refined(self.in_head, fine)) for part in self.phantom.parts]
        labels = np.argmax([1.0 - sum(parts[1:], parts[0]), *parts], axis=0).astype(np.uint8)
        return refined(self.grid, fine), labels

    def masks(self, fine: Sequence[int] = (1, 1, 1)) -> VisitMasks:
        """The true outlines on the grid of `labels`."""
        grid, labels = self.labels(fine)
        return VisitMasks(grid, *regions_from_labels(labels))


def refined(grid: Geometry, fine: Sequence[int]) -> Geometry:
    """The grid over the same space whose voxels along I, J, K are so many times smaller."""
    parts = np.asarray(fine)
    spacing = np.asarray(grid.spacing) / parts
    origin = grid.to_ras((1 / parts - 1) / 2)
    return Geometry(ints(np.asarray(grid.size) * parts), floats(spacing), floats(origin), grid.direction)


def phantom_visits(modalities: Sequence[str] = ("t1", "t1c", "t2", "flair")) -> tuple[PhantomVisit, ...]:
    """Three visits: 1 mm; slices of 5 mm, oblique; 1 mm after the head moved by 15 mm and turned by 10 degrees.

    Args:
        modalities: Those that are kept of the phantom.
    """
    shapes: tuple[tuple[GliomaShape, ...], ...] = ((FIRST,), (GROWN,), (TREATED, NEW))
    heads = [make_phantom(PhantomOptions(shape=one[0], others=one[1:], scan=scan)) for scan, one in enumerate(shapes)]
    heads = [Phantom({name: head.images[name] for name in modalities}, head.truth, head.parts) for head in heads]
    return (
        PhantomVisit("2024-01-15", date(2024, 1, 15), "baseline", heads[0], PHANTOM_GRID, np.eye(4)),
        PhantomVisit("2024-03-18", date(2024, 3, 18), "follow-up", heads[1], _oblique_grid(), np.eye(4)),
        PhantomVisit("2024-06-10", date(2024, 6, 10), "follow-up", heads[2], PHANTOM_GRID, _motion()),
    )


def write_visits(visits: Sequence[PhantomVisit], folder: Path, truth: bool = True) -> tuple[Path, ...]:
    """Write each visit into a folder of its own, with its volumes, `visit.json` and, unless told, its true labels.

    Raises:
        OutputError: A file cannot be written.
    """
    folders = []
    for visit in visits:
        place = folder / visit.name
        make_folder(place)
        for modality in visit.phantom.images:
            write_image(place / f"{modality}.nii.gz", visit.image(modality))
        if truth:
            grid, labels = visit.labels()
            write_image(place / "seg.nii.gz", grid.to_image(labels))
        fields = {"date": visit.date.isoformat(), "role": visit.role, "clinical": "stable", "steroids": "none"}
        with replacing(place / "visit.json") as temporary:
            temporary.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
        folders.append(place)
    return tuple(folders)


def _oblique_grid() -> Geometry:
    """Slices of 1 x 1 x 5 mm, tilted by 12 degrees about R as along the corpus callosum, over the whole brain."""
    turn = Rotation.from_euler("x", 12, degrees=True).as_matrix() @ np.diag([-1.0, -1.0, 1.0])
    size, spacing = np.array([220, 240, 38]), np.array([1.0, 1.0, 5.0])
    middle = np.array([0.0, -14.5, 7.0])
    origin = middle - turn @ ((size - 1) / 2 * spacing)
    return Geometry(ints(size), floats(spacing), floats(origin), triple(map(floats, turn)))


def _motion() -> np.ndarray:
    """15 mm and 10 degrees."""
    motion = np.eye(4)
    axis = np.array([0.5, 0.3, 0.8])
    motion[:3, :3] = Rotation.from_rotvec(np.radians(10) * axis / np.linalg.norm(axis)).as_matrix()
    motion[:3, 3] = 15.0 * np.array([0.6, -0.64, 0.48])
    return motion
