"""The masks of a session in the file that the user named: a BraTS label map or a Slicer segmentation.

The format of .seg.nrrd: https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html
"""

import gzip
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import OutputError
from ..files import check_name, check_replaceable, replacing
from ..geometry import Geometry, bounding_box
from ..regions import REGIONS, labels_from_regions
from ..study.nifti import HEADER_BYTES, NiftiPlace
from ..study.reasons import no_warnings
from .colours import ANATOMY_CODE, CATEGORY_CODE, CAVITY_ID, CAVITY_STYLE, REGION_STYLES, RegionStyle

SEGMENTATION_SUFFIX = ".seg.nrrd"

LABEL_MAP_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")

NIFTI_SUFFIXES = (".nii.gz", ".nii")

KNOWN_SUFFIXES = (SEGMENTATION_SUFFIX, *LABEL_MAP_SUFFIXES)

ET_LABELS = (3, 4)
"""Enhancing tumour since 2023, and before."""

LIST_OF_LAYERS = (b"kinds: vector domain domain domain\n", b"kinds: list domain domain domain\n")
"""ITK calls the axis of the layers a vector, Slicer a list."""


def output_suffix(path: str | os.PathLike[str]) -> str:
    """The known suffix that a path ends in, in lower case. Raises `OutputError` when it has none."""
    name = Path(path).name.lower()
    for suffix in KNOWN_SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return suffix
    raise OutputError(
        f"{os.fspath(path)} does not end in a known suffix: "
        "use .nii.gz, .nii, .nrrd or .mha for a label map, .seg.nrrd for a Slicer segmentation"
    )


def check_output_path(path: str | os.PathLike[str], suffixes: tuple[str, ...] | None = KNOWN_SUFFIXES) -> Path:
    """Return `path` when a file can be written there. Nothing is left behind.

    Args:
        path: Where a result is to go. A file that is there will be replaced.
        suffixes: The suffixes that will do (a report: (".json",)); None for any.

    Raises:
        OutputError: No file can have this name; the suffix is not known; the folder does not exist, is none, or cannot
            be written; the path is a folder, a link, a pipe, or a file that must not be written.
    """
    path = Path(path).expanduser()
    check_name(path, OutputError)
    if suffixes == KNOWN_SUFFIXES:
        output_suffix(path)
    elif suffixes is not None and not path.name.lower().endswith(suffixes):
        raise OutputError(f"{path} does not end in {' or '.join(suffixes)}: choose a name that does")
    _check_folder(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file")
    check_replaceable(path)
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"{path} exists and must not be written: choose another name or change its permissions")
    return path


def twin_notes(path: str | os.PathLike[str]) -> list[str]:
    """What to say of a file beside a NIfTI result whose voxels other programs take for those of the result."""
    path = Path(path).expanduser()
    beside = path.with_name(path.name[:-3])
    if not path.name.lower().endswith(".nii.gz") or not beside.exists():
        return []
    return [
        f"{beside.name} lies beside {path.name}: 3D Slicer and others then show the voxels of {beside.name} for those "
        f"of {path.name}; move one of them away"
    ]


def _check_folder(path: Path) -> None:
    folder = path.parent
    if not folder.exists():
        raise OutputError(f"The folder {folder} does not exist: make it, or choose another for {path.name}")
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder: choose a folder for {path.name}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be written ({error.strerror or error}): choose another for {path.name}"
        ) from error


def write_image(
    path: str | os.PathLike[str],
    image: sitk.Image,
    header: tuple[bytes, bytes] | None = None,
    place: NiftiPlace | None = None,
) -> None:
    """Write an image, compressed where the format can, in the place of what is at `path`. The suffix chooses the
    format.

    The file is read back before it replaces the old one, as some of ITK's writers do not notice a full disk.

    Args:
        path: The file.
        image: The image.
        header: A line of the file's header as ITK writes it, and what is to stand there instead.
        place: Of a NIfTI file whose grid the image has: its codes and forms, which ITK does not keep.

    Raises:
        OutputError: It cannot be written; the old file is unchanged and nothing else is left.
    """
    with replacing(path) as temporary, no_warnings():
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True)
            if header is not None:
                temporary.write_bytes(temporary.read_bytes().replace(*header, 1))
            if place is not None and not place.is_plain and output_suffix(temporary) in NIFTI_SUFFIXES:
                _write_place(temporary, place)
            intact = temporary.exists() and _same_voxels(sitk.ReadImage(str(temporary)), image)
        except RuntimeError as error:
            raise OutputError(_failure(path, temporary.parent)) from error
        if not intact:
            raise OutputError(_failure(path, temporary.parent))


def _write_place(path: Path, place: NiftiPlace) -> None:
    """Put codes and forms into the NIfTI file that ITK has written."""
    packed = path.name.endswith(".gz")
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    content = place.written_into(content[:HEADER_BYTES]) + content[HEADER_BYTES:]
    path.write_bytes(gzip.compress(content, 6, mtime=0) if packed else content)


def _same_voxels(image: sitk.Image, other: sitk.Image) -> bool:
    return np.array_equal(sitk.GetArrayViewFromImage(image), sitk.GetArrayViewFromImage(other))


def _failure(path: str | os.PathLike[str], folder: os.PathLike[str]) -> str:
    """What went wrong as far as it shows: ITK does not tell a full disk from other failures."""
    try:
        status = os.statvfs(folder)
        free = status.f_bavail * status.f_frsize / 1e6
        reason = f"the folder has {free:.1f} MB free"
    except (OSError, AttributeError):
        reason = "the disk may be full"
    advice = "free space or choose another folder; a file that was there before is unchanged"
    return f"{os.fspath(path)} could not be written ({reason}): {advice}"


def write_label_map(
    path: str | os.PathLike[str],
    masks: Mapping[str, np.ndarray],
    geometry: Geometry,
    et_label: int = 3,
    place: NiftiPlace | None = None,
) -> None:
    """Write nested masks, uint8 (K, J, I), as one label map: NCR 1, ED 2, ET `et_label`. NIfTI, NRRD or MHA by the
    suffix. `place` as for `write_image`.

    Raises:
        OutputError: `et_label` is not 3 or 4; the masks do not fit the grid; the file cannot be written (an old one
            stays).
    """
    if et_label not in ET_LABELS:
        raise OutputError(f"{et_label} is not a label of enhancing tumour: use 3 (BraTS 2023 and later) or 4 (before)")
    labels = labels_from_regions(check_masks(masks, geometry), et_label)
    write_image(path, geometry.to_image(labels), place=place)


def check_masks(masks: Mapping[str, np.ndarray], geometry: Geometry) -> dict[str, np.ndarray]:
    """Masks of all regions as uint8 0 and 1, in nested order. Raises `OutputError` when one is absent or of another
    shape.
    """
    for region in REGIONS:
        if region not in masks:
            raise OutputError(f"The mask of {region} is missing: give WT, TC and ET")
        if masks[region].shape != geometry.shape:
            raise OutputError(
                f"The mask of {region} has the shape {masks[region].shape}, the grid {geometry.shape} (K, J, I)"
            )
    return {region: (np.asarray(masks[region]) > 0).astype(np.uint8) for region in REGIONS}


@dataclass(frozen=True, eq=False)
class Segment:
    """One segment of a Slicer segmentation.

    Args:
        id: Its id, such as "WT" or "CE L1".
        mask: (K, J, I), what is not 0 belongs to it.
        style: Its name, colour and meaning.
        start: The voxel (K, J, I) of the grid at which the mask begins, where it is cut to what it holds; default it is
            as large as the grid.
    """

    id: str
    mask: np.ndarray
    style: RegionStyle
    start: tuple[int, int, int] | None = None

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Where on the grid the mask lies."""
        k, j, i = (slice(a, a + n) for a, n in zip(self.start or (0, 0, 0), np.shape(self.mask), strict=True))
        return k, j, i


def region_segments(masks: Mapping[str, np.ndarray], cavity: np.ndarray | None = None) -> list[Segment]:
    """The segments WT, TC and ET of masks (K, J, I) by region, and that of a resection cavity where there is one."""
    segments = [Segment(region, masks[region], style) for region, style in REGION_STYLES.items()]
    return segments + ([] if cavity is None else [Segment(CAVITY_ID, cavity, CAVITY_STYLE)])


def write_slicer_segmentation(
    path: str | os.PathLike[str], masks: Mapping[str, np.ndarray], geometry: Geometry
) -> None:
    """Write nested masks, uint8 (K, J, I), as segments WT, TC and ET.

    Raises:
        OutputError: The masks do not fit the grid; the file cannot be written (an old one stays).
    """
    write_segments(path, region_segments(check_masks(masks, geometry)), geometry)


def write_segments(path: str | os.PathLike[str], segments: Sequence[Segment], geometry: Geometry) -> None:
    """Write any segments as a Slicer segmentation, in their order. They may overlap: each goes into the first layer
    whose segments it does not touch, as a label of its own.

    Args:
        path: Ending in .seg.nrrd.
        segments: At least one; no two with one id.
        geometry: The grid of their masks.

    Raises:
        OutputError: Another suffix; no segments, or two with one id; a mask does not fit the grid; the file cannot be
            written (an old one stays).
    """
    if output_suffix(path) != SEGMENTATION_SUFFIX:
        raise OutputError(f"{os.fspath(path)} does not end in {SEGMENTATION_SUFFIX}, as a Slicer segmentation has to")
    _check_segments(segments, geometry)
    layers: list[np.ndarray] = []
    fields: dict[str, str] = {}
    for number, segment in enumerate(segments):
        mask = np.asarray(segment.mask) > 0
        layer = next((n for n, taken in enumerate(layers) if not taken[segment.box][mask].any()), len(layers))
        if layer == len(layers):
            layers.append(np.zeros(geometry.shape, np.uint8))
        value = sum(fields[f"Segment{other}_Layer"] == str(layer) for other in range(number)) + 1
        layers[layer][segment.box][mask] = value
        for key, text in segment_fields(segment, layer, value).items():
            fields[f"Segment{number}_{key}"] = text
    image = sitk.Compose([geometry.to_image(layer) for layer in layers])
    image.SetMetaData("Segmentation_SourceRepresentation", "Binary labelmap")
    image.SetMetaData("Segmentation_MasterRepresentation", "Binary labelmap")
    image.SetMetaData("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
    image.SetMetaData("Segmentation_ReferenceImageExtentOffset", "0 0 0")
    for key, text in fields.items():
        image.SetMetaData(key, text)
    write_image(path, image, header=LIST_OF_LAYERS if len(layers) > 1 else None)


def _check_segments(segments: Sequence[Segment], geometry: Geometry) -> None:
    if not segments:
        raise OutputError("No segment to write: give at least one")
    ids = [segment.id for segment in segments]
    if len(ids) > np.iinfo(np.uint8).max:
        raise OutputError(f"{len(ids)} segments are more than a segmentation of 8 bits holds: write at most 255")
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise OutputError(f"Several segments are called {', '.join(twice)}: give each its own id")
    for segment in segments:
        shape = np.shape(segment.mask)
        if segment.start is None and shape != geometry.shape:
            raise OutputError(f"The segment {segment.id} has the shape {shape}, the grid {geometry.shape} (K, J, I)")
        if any(side.start < 0 or side.stop > n for side, n in zip(segment.box, geometry.shape, strict=True)):
            raise OutputError(
                f"The segment {segment.id}, {shape} from {segment.start}, reaches beyond the grid {geometry.shape}"
            )


def segment_fields(segment: Segment, layer: int, value: int) -> dict[str, str]:
    """The header fields of one segment, without the prefix "SegmentN_": of the label `value` in a layer."""
    return {
        "ID": segment.id,
        "Name": segment.style.name,
        "NameAutoGenerated": "0",
        "Color": "{:.6g} {:.6g} {:.6g}".format(*segment.style.colour),
        "ColorAutoGenerated": "0",
        "LabelValue": str(value),
        "Layer": str(layer),
        "Extent": _extent(segment),
        "Tags": f"TerminologyEntry:{serialised(segment.style)}|Segmentation.Status:inprogress|",
    }


def terminology_entry(region: str) -> str:
    """As `serialised`, for a region."""
    return serialised(REGION_STYLES[region])


def serialised(style: RegionStyle) -> str:
    """Category, type and anatomy in Slicer's serialised form: contexts, and codes as scheme^value^meaning."""
    category, anatomy = "^".join(CATEGORY_CODE), "^".join(ANATOMY_CODE)
    kind = "^".join(style.code)
    return (
        f"Segmentation category and type - DICOM master list~{category}~{kind}~^^"
        f"~Anatomic codes - DICOM master list~{anatomy}~^^"
    )


def _extent(segment: Segment) -> str:
    """First and last voxel that hold the segment along I, J and K; of an empty one "0 -1 0 -1 0 -1"."""
    if not segment.mask.any():
        return "0 -1 0 -1 0 -1"
    sides = zip(bounding_box(segment.mask), segment.start or (0, 0, 0), strict=True)
    return " ".join(f"{start + side.start} {start + side.stop - 1}" for side, start in reversed(list(sides)))


def write_segmentation(
    path: str | os.PathLike[str],
    masks: Mapping[str, np.ndarray],
    geometry: Geometry,
    et_label: int = 3,
    place: NiftiPlace | None = None,
) -> None:
    """Write nested masks, uint8 (K, J, I) by region, in the format that the suffix names.

    Args:
        path: Ending in .seg.nrrd, a Slicer segmentation; in .nii.gz, .nii, .nrrd or .mha, a BraTS label map.
        masks: WT, TC and ET.
        geometry: Their grid.
        et_label: The label of enhancing tumour in a label map, 3 or 4.
        place: Of the NIfTI file that the grid is of, see `write_image`.

    Raises:
        OutputError: See `write_label_map` and `check_output_path`. A file that was there before is then unchanged.
    """
    if output_suffix(path) == SEGMENTATION_SUFFIX:
        write_slicer_segmentation(path, masks, geometry)
    else:
        write_label_map(path, masks, geometry, et_label, place)
