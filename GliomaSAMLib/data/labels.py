"""The one reader of outlines drawn before: label maps in any known order, and Slicer segmentations.

Labels of BraTS: Baid et al. 2021 (arXiv 2107.02314, ET 4), Kazerooni et al. 2023 (ET 3), de Verdier et al. 2024 (arXiv
2405.18368, 4 the resection cavity); of the Medical Segmentation Decathlon: Antonelli et al. 2022 (arXiv 2106.05735).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import CaseError, GliomaSAMError, StudyError
from ..files import is_dangling, refuse_dangling, seen_in
from ..geometry import Geometry
from ..regions import REGIONS, regions_from_labels
from ..study.image_file import ImageFile, read_image_file
from ..study.naming import is_tumour_outline
from ..study.nifti import ORIENTATIONS
from ..study.volume import check_grid, image_suffix
from .label_order import core_and_oedema_exchanged
from .segment_names import SEGMENTATION_SUFFIX, masks_of_segments

NCR, ED, ET, CAVITY = 1, 2, 3, 255
"""Labels that maps are brought to, those of BraTS; the cavity is in no region and kept apart."""

ORDERS: Mapping[str, Mapping[int, int]] = {
    "brats2021": {1: NCR, 2: ED, 4: ET},
    "brats2023": {1: NCR, 2: ED, 3: ET},
    "brats2024": {1: NCR, 2: ED, 3: ET, 4: CAVITY},
    "msd": {1: ED, 2: NCR, 3: ET},
    "binary": {},
}
"""What each label means. "binary": any one label, the whole tumour."""

SEGMENTS = "segments"
"""The order of a Slicer segmentation, whose segments say by their names what they are."""

SAME_GRID_VOXELS = 0.02
"""How far, in voxels, outlines may lie beside the voxels of the grid that they were drawn on."""

ROUNDING = 5e-5
"""So far from whole numbers are labels that were stored with a scale."""

MOST_LISTED = 8


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Outlines on their own grid.

    Args:
        geometry: The grid.
        labels: uint8 (K, J, I): 0, NCR 1, ED 2, ET 3.
        cavity: Of the resection, uint8 (K, J, I), in no region; None where the map cannot tell.
        order: Of `ORDERS`, or `SEGMENTS`.
        known: The regions that the map tells; of a map of the whole tumour only WT.
        notes: What the user should know.
        placed: Whether the file says where in the patient the outlines lie.
        place_note: What the user should know of its place, with the file's name; empty when all is well.
    """

    geometry: Geometry
    labels: np.ndarray
    cavity: np.ndarray | None = None
    order: str = "brats2023"
    known: tuple[str, ...] = REGIONS
    notes: tuple[str, ...] = ()
    placed: bool = True
    place_note: str = ""

    @property
    def masks(self) -> dict[str, np.ndarray]:
        """uint8 (K, J, I) for each of WT, TC, ET, nested; empty where the region is not known."""
        return dict(zip(REGIONS, regions_from_labels(self.labels), strict=True))

    def on(self, grid: Geometry, name: str) -> "LabelMap":
        """The same on the grid of the volumes, where its voxels are theirs but for a rounding of their place. A Slicer
        segmentation may have been cut to what is drawn.

        Args:
            grid: Of the volumes.
            name: Of the file, for messages.

        Raises:
            StudyError: The voxels are not those of `grid`; the text says how the two differ.
        """
        if self.geometry.matches(grid):
            return self
        try:
            return self._pasted_on(grid, name)
        except StudyError as error:
            raise StudyError(f"{error}. {self.place_note}" if self.place_note else str(error)) from error

    def lies_on(self, grid: Geometry) -> bool:
        """Whether `on` takes this grid."""
        try:
            self.on(grid, "")
        except StudyError:
            return False
        return True

    def _pasted_on(self, grid: Geometry, name: str) -> "LabelMap":
        start = _place_on(self.geometry, grid, name)
        whole = self.geometry.size == grid.size and not start.any()
        if self.order != SEGMENTS and not whole:
            raise StudyError(_another_grid(name, self.geometry, grid))
        labels = _pasted(self.labels, start, grid)
        cavity = None if self.cavity is None else _pasted(self.cavity, start, grid)
        if np.count_nonzero(labels) != np.count_nonzero(self.labels):
            raise StudyError(_another_grid(name, self.geometry, grid, "segments reach beyond the volumes"))
        return replace(self, geometry=grid, labels=labels, cavity=cavity)


def outline_files(folder: Path, speaks: Callable[[str], bool] = is_tumour_outline) -> list[Path]:
    """The files directly in a folder whose names, without suffix, speak of outlines of a tumour. Raises `StudyError`
    where the folder cannot be read, and for a link to a file that is not there.
    """
    files = [path for path in seen_in(folder) if path.is_file() or is_dangling(path)]
    found = [path for path in files if (end := image_suffix(path)) and speaks(path.name[: -len(end)])]
    for path in found:
        refuse_dangling(path)
    return found


def check_order(labels: str | None, error: type[GliomaSAMError] = CaseError) -> str | None:
    """Return `labels`, the name of an order, or raise when it is none. None: look at the map."""
    if labels is not None and labels not in ORDERS:
        raise error(f"Unknown order of labels {labels!r}. Choose {', '.join(ORDERS)}")
    return labels


def read_label_map(
    path: Path,
    labels: str | None = None,
    *,
    four_is_enhancing: bool = True,
    orientation: str = ORIENTATIONS[0],
    option: str = "--labels",
    error: type[GliomaSAMError] = CaseError,
) -> LabelMap:
    """Read a label map or a Slicer segmentation and find out what its labels mean.

    Args:
        path: NIfTI, NRRD, MetaImage; ending in .seg.nrrd a Slicer segmentation.
        labels: Of `ORDERS`; None: 4 is the enhancing tumour, and a map of nothing but 1 is the whole tumour.
        four_is_enhancing: Whether 4 is that, where nothing is said; else a map with it is refused, as it may be the
            resection cavity.
        orientation: As for `read_image_file`.
        option: By which the command line takes `labels`, for messages.
        error: What is raised.

    Raises:
        GliomaSAMError: `error`, when the file cannot be read, has labels that its order does not know, values that are
            no labels, or core and oedema exchanged.
    """
    check_order(labels, error)
    try:
        found = read_image_file(path, orientation)
        if path.name.lower().endswith(SEGMENTATION_SUFFIX):
            told = _of_segments(found.image)
        else:
            told = _of_values(found.image, labels, four_is_enhancing, _not_finite(found), option)
        return replace(told, placed=found.placed, place_note=f"{path.name}: {found.note}" if found.note else "")
    except (StudyError, _Unusable) as reason:
        said = str(reason)
        if isinstance(reason, _Unusable):
            raise error(f"{path} {said}") from reason
        raise error(f"{path} cannot be read as labels; export them again. The reason: {said}") from reason


class _Unusable(Exception):
    """Why a file is no label map that can be used, as the rest of a sentence that begins with its path."""


def _of_segments(image: sitk.Image) -> LabelMap:
    layers = sitk.GetArrayFromImage(image)
    several = image.GetNumberOfComponentsPerPixel() > 1
    if layers.ndim != (4 if several else 3):
        raise _Unusable("is not a segmentation: expected layers of a 3D volume")
    first = sitk.VectorIndexSelectionCast(image, 0) if several else image
    geometry = _grid(first)
    keys = (key for key in image.GetMetaDataKeys() if key.isascii())  # SimpleITK takes back no name that is not UTF-8
    header = {key: image.GetMetaData(key) for key in keys}
    try:
        found = masks_of_segments(header, layers if several else layers[..., None])
    except ValueError as reason:
        raise _Unusable(str(reason)) from reason
    labels = np.zeros(geometry.shape, np.uint8)
    for region, label in zip(REGIONS, (ED, NCR, ET), strict=True):
        labels[found.masks[region]] = label
    cavity = None if found.cavity is None else found.cavity.astype(np.uint8)
    return LabelMap(geometry, labels, cavity, SEGMENTS, found.known, found.notes)


def _not_finite(found: ImageFile) -> int:
    """How many voxels are NaN or infinite."""
    if "float" not in found.image.GetPixelIDTypeAsString():
        return 0
    values = sitk.GetArrayViewFromImage(found.image)
    return found.not_finite + int(values.size - np.count_nonzero(np.isfinite(values)))


def _of_values(
    image: sitk.Image, labels: str | None, four_is_enhancing: bool, not_finite: int, option: str
) -> LabelMap:
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise _Unusable("is not a label map: expected a 3D volume with one label a voxel")
    if not_finite:
        raise _Unusable(f"has {not_finite} voxels that are NaN or infinite, which are no labels: write 0 there")
    geometry, values = _grid(image), _as_whole(sitk.GetArrayFromImage(image))
    found = [int(value) for value in np.unique(values) if value]
    order = labels or _order_of(found, values, four_is_enhancing, option)
    notes: tuple[str, ...] = ()
    if order == "binary":
        if len(found) > 1:
            raise _Unusable(f"has the labels {_listed(found)}, of which a mask of the whole tumour has one only")
        if labels is None:
            notes = ("its only label, 1, is taken as the whole tumour; core and enhancing tumour are not known",)
        return LabelMap(geometry, (values != 0).astype(np.uint8) * np.uint8(ED), None, order, REGIONS[:1], notes)
    meaning = ORDERS[order]
    if unknown := [value for value in found if value not in meaning]:
        raise _Unusable(f"has the labels {_listed(unknown)}, which {order} does not know: it has {_listed(meaning)}")
    table = np.zeros(max(meaning) + 1, np.uint8)
    table[list(meaning)] = list(meaning.values())
    told = table[values.astype(np.uint8)]
    cavity = (told == CAVITY).astype(np.uint8) if CAVITY in meaning.values() else None
    return LabelMap(geometry, np.where(told == CAVITY, 0, told).astype(np.uint8), cavity, order)


def _as_whole(values: np.ndarray) -> np.ndarray:
    """The values as whole numbers. Raises `_Unusable` where they are none."""
    if not np.issubdtype(values.dtype, np.floating):
        return values
    whole = np.rint(values)
    broken = values[np.abs(values - whole) > ROUNDING]
    if len(broken):
        raise _Unusable(
            f"has values that are no whole numbers, such as {broken.max():.7g}, as resampling leaves them: "
            "resample the labels again with the nearest neighbour, or round them"
        )
    return whole


def _order_of(found: list[int], values: np.ndarray, four_is_enhancing: bool, option: str) -> str:
    """The order of a map of which nothing is said."""
    if unknown := [value for value in found if value not in (1, 2, 3, 4)]:
        raise _Unusable(
            f"has unknown labels [{_listed(unknown)}]: expected 0, 1 (NCR), 2 (ED), 3 or 4 (ET)"
            + (f"; of a mask of the whole tumour say so ({option} binary)" if len(found) == 1 else "")
        )
    if 4 in found and not four_is_enhancing:
        raise _Unusable(
            f"has the labels {_listed(found)}, and 4 is the enhancing tumour before 2023, the resection cavity since "
            f"2024: say which ({option} brats2021 or {option} brats2024)"
        )
    if {3, 4} <= set(found):
        raise _Unusable(
            "has the labels 3 and 4, of which only one can be the enhancing tumour: write that as 3, and what else "
            f"there is as one of 0, 1 (NCR), 2 (ED); where 4 is the resection cavity say so ({option} brats2024)"
        )
    if found == [1]:
        return "binary"
    order = "brats2021" if 4 in found else "brats2023"
    if core_and_oedema_exchanged(values):
        raise _Unusable(
            "has label 1 all around the others, as where 1 is the oedema (Medical Segmentation Decathlon): say so "
            f"({option} msd), write the labels in the order of BraTS, 1 (NCR), 2 (ED), 3 (ET), or leave it out; where "
            f"1 is the core all the same, say that ({option} {order})"
        )
    return order


def _grid(image: sitk.Image) -> Geometry:
    """The grid of a 3D image, which may be cut to few slices. Raises `StudyError` where it cannot be."""
    check_grid(image, "the label image")
    return Geometry.of_image(image)


def _place_on(geometry: Geometry, grid: Geometry, name: str) -> np.ndarray:
    """The voxel (K, J, I) of `grid` at which `geometry` begins. Raises `StudyError` where there is none."""
    tolerance = SAME_GRID_VOXELS / max(*geometry.size, *grid.size)
    turned = not np.allclose(geometry.direction, grid.direction, atol=tolerance)
    if turned or not np.allclose(geometry.spacing, grid.spacing, rtol=tolerance):
        raise StudyError(_another_grid(name, geometry, grid))
    start = grid.to_ijk(np.asarray(geometry.origin))[::-1]
    beside = start - np.round(start)
    if np.abs(beside).max() > SAME_GRID_VOXELS:
        apart = np.linalg.norm(beside * np.asarray(grid.spacing)[::-1])
        raise StudyError(_another_grid(name, geometry, grid, f"its voxels lie {apart:.2f} mm beside theirs"))
    return np.round(start).astype(int)


def _another_grid(name: str, geometry: Geometry, grid: Geometry, how: str = "") -> str:
    said = f" ({how})" if how else ""
    return (
        f"{name} has {_size(geometry.size)} voxels and another grid than the volumes ({_size(grid.size)}){said}: "
        "resample the labels onto the volumes with the nearest neighbour"
    )


def _pasted(array: np.ndarray, start: np.ndarray, grid: Geometry) -> np.ndarray:
    """An array (K, J, I) that begins at the voxel `start` of `grid`, on it: what lies beyond is lost."""
    low, high = np.maximum(-start, 0), np.minimum(np.asarray(grid.shape) - start, array.shape)
    inside = array[tuple(slice(a, max(a, b)) for a, b in zip(low, high, strict=True))]
    whole = np.zeros(grid.shape, np.uint8)
    first = np.maximum(start, 0)
    whole[tuple(slice(a, a + n) for a, n in zip(first, inside.shape, strict=True))] = inside
    return whole


def _listed(values: Collection[int]) -> str:
    shown = ", ".join(str(value) for value in list(values)[:MOST_LISTED])
    return f"{shown}, ..." if len(values) > MOST_LISTED else shown


def _size(size: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in size)
