"""One patient's MR volumes, ready for a model."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..geometry import Geometry
from ..listing import first_of
from ..progress import Cancel, Progress, Reporter
from .brain import find_brain, judge_skulls
from .canonical import CanonicalGrid, CanonicalVolume, normalise
from .modalities import MODALITIES, search_folder
from .nifti import ORIENTATIONS, NiftiPlace
from .patients import (
    Origin,
    check_one_case,
    check_sources_differ,
    check_voxels_differ,
    frame_notes,
    patient_notes,
    place_notes,
)
from .reference import reference_modality
from .registration import check_overlap, covered_share, motion_note
from .registration import register as find_motion
from .volume import Source, Volume, read_image

CANONICAL_VERSION = 1
"""Part of `Study.key`; raised whenever the canonical images of the same volumes change."""

FULL_COVER = 0.9

FEWEST_GREY_VALUES = 10
"""An image of a head has more."""

MOST_LEFT_OUT = 12
"""Volumes of a folder that a note names as left out."""


class Study:
    """One patient's MR volumes in one place. Made by `Study.read` or `Study.read_folder`; never changes.

    Attributes:
        reference: The grid that results are given on.
        brain: bool (K, J, I) on `reference`: the brain, without the air around it.
        brain_is_cut_out: Whether it was cut out of a head with a skull, so that what lies outside need not be air.
        notes: What was done to the volumes, for the user to read.
        nifti: The place of `reference` as it stands in the header of its NIfTI file; None when it came from no such.
        reference_modality: Whose grid `reference` is; None where it was given as another volume.
    """

    def __init__(
        self,
        volumes: Sequence[Volume],
        reference: Geometry,
        brain: np.ndarray,
        brain_image: sitk.Image,
        notes: Sequence[str],
        nifti: NiftiPlace | None = None,
        reference_modality: str | None = None,
        brain_is_cut_out: bool = False,
    ) -> None:
        self._volumes = {volume.modality: volume for volume in volumes}
        self.reference = reference
        self.brain = brain
        self.brain_is_cut_out = brain_is_cut_out
        self.notes = tuple(notes)
        self.nifti = nifti
        self.reference_modality = reference_modality
        self._grid = CanonicalGrid.around(brain, brain_image, reference)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those present, in the order of `MODALITIES`."""
        return tuple(modality for modality in MODALITIES if modality in self._volumes)

    def volume(self, modality: str) -> Volume:
        """The volume of a modality as it was read, on its own grid.

        Raises:
            StudyError: The modality is not in this study.
        """
        if modality not in self._volumes:
            raise StudyError(f"No {modality} in this study, only {', '.join(self.modalities)}")
        return self._volumes[modality]

    @classmethod
    def read(
        cls,
        *,
        t1: Source | None = None,
        t1c: Source | None = None,
        t2: Source | None = None,
        flair: Source | None = None,
        reference: Source | None = None,
        register: bool = False,
        skull: str = "auto",
        orientation: str = ORIENTATIONS[0],
        same_patient: bool = False,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> "Study":
        """Read any non-empty subset of the four modalities and bring them into one place.

        Args:
            t1, t1c, t2, flair: A file, a folder with one DICOM series, or a SimpleITK image; never changed. Of a DICOM
                folder or file with several volumes (series, echoes, b-values, stacks) one by its number: `FOLDER#2`.
            reference: What gives the grid of the results: a modality, or a volume. Default the modality that shows most
                of the head; of those that show as much the first of t1c, flair, t2, t1.
            register: Align the volumes rigidly first, for a head that moved between the scans.
            skull: `on`: cut the brain out; `off`: it is cut out already; `auto`: look.
            orientation: `qform` or `sform`: where the two of a NIfTI header differ, or neither is in force, this one
                gives the place; `auto`: as 3D Slicer does.
            same_patient: The volumes are of one patient, whatever their headers, folders and names say.
            progress: Told the fraction done and what is being done.
            cancel: Asked often; True stops the work.

        Raises:
            StudyError: A volume cannot be used, or they do not fit together; the text names the file and the reason.
            Cancelled: `cancel` returned True.
        """
        given = {m: source for m, source in zip(MODALITIES, (t1, t1c, t2, flair), strict=True) if source is not None}
        if not given:
            raise StudyError("No volume given: give at least one of t1, t1c, t2 and flair")
        check_sources_differ(given)
        origins = [Origin.of(*one) for one in given.items()]
        notes = patient_notes(origins, same_patient) + ([] if same_patient else place_notes(origins))
        notes += [] if register else frame_notes(origins)
        return cls._read(given, notes, reference, register, skull, orientation, Reporter(progress, cancel))

    @classmethod
    def _read(
        cls,
        given: Mapping[str, Source],
        found: Sequence[str],
        reference: Source | None,
        register: bool,
        skull: str,
        orientation: str,
        report: Reporter,
    ) -> "Study":
        """Read the volumes, by modality; the notes begin with `found`."""
        volumes = _read_all(given, orientation, report.part(0.0, 0.2))
        places = _check_places(volumes.values())
        found = [*found, *check_voxels_differ(volumes.values())]
        volumes = judge_skulls(volumes)
        chosen, notes = reference_modality(volumes, reference)
        fixed = volumes[chosen]
        named = reference is None or (isinstance(reference, str) and reference in MODALITIES)
        grid, nifti = (fixed.geometry, fixed.nifti) if named else _other_grid(reference, orientation)
        try:
            if register:
                volumes, motions = _align(volumes, fixed, report.part(0.2, 0.7))
                notes += motions
            check_overlap(list(volumes.values()), fixed)
        except StudyError as error:
            raise StudyError(". ".join([str(error), *places])) from error
        brain, brain_image, cut_out, brain_notes = find_brain(
            list(volumes.values()), grid, skull, report.part(0.7 if register else 0.2, 0.95)
        )
        for volume in volumes.values():
            notes += _describe(volume, grid, brain)
        said = [*found, *places, *notes, *brain_notes]
        study = cls(list(volumes.values()), grid, brain, brain_image, said, nifti, chosen if named else None, cut_out)
        report.report(1.0, "the volumes are read")
        return study

    @classmethod
    def read_folder(
        cls,
        folder: str | Path,
        *,
        reference: Source | None = None,
        register: bool = False,
        skull: str = "auto",
        orientation: str = ORIENTATIONS[0],
        same_patient: bool = False,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> "Study":
        """Read the volumes of a folder, recognised by file names or series descriptions; `notes` say what was taken.

        Raises:
            StudyError: As `read`; also when nothing is recognised, several volumes could be one modality, or they lie
                in the folders of several cases.
            Cancelled: `cancel` returned True.
        """
        found = search_folder(folder)
        check_sources_differ(found.volumes)
        origins = [Origin.of(*one) for one in found.volumes.items()]
        notes = [f"{modality} is {_short_name(source)}" for modality, source in found.volumes.items()]
        notes += [f"not sure that this is {modality}: {doubt}; check it" for modality, doubt in found.doubts.items()]
        notes += patient_notes(origins, same_patient) + check_one_case(origins, same_patient)
        notes += [] if register else frame_notes(origins)
        if found.left_out:
            notes.append(f"left out: {first_of(found.left_out, MOST_LEFT_OUT)}")
        return cls._read(found.volumes, notes, reference, register, skull, orientation, Reporter(progress, cancel))

    @cached_property
    def canonical(self) -> CanonicalVolume:
        """The volumes as models see them, each sampled once from its own voxels; computed at the first use.

        Raises:
            StudyError: A volume has no contrast inside the brain.
        """
        grid = self._grid
        images = {modality: self._canonical_image(self._volumes[modality]) for modality in self.modalities}
        return CanonicalVolume(grid.geometry, images, grid.brain)

    def _canonical_image(self, volume: Volume) -> np.ndarray:
        grid = self._grid
        if grid.exact and volume.fits(self.reference):
            values = grid.cut(sitk.GetArrayViewFromImage(volume.image)).astype(np.float32)
        else:
            values = volume.values_on(grid.geometry)
        measured = values != np.float32(volume.background) if volume.skull_stripped else None
        image = normalise(values, grid.brain, measured)
        if image is None:
            raise StudyError(
                f"{volume.name}: the {volume.modality} volume has no contrast inside the brain; "
                "check that it shows this patient's head"
            )
        return image

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        """Labels or a mask (K, J, I) on `reference`, brought to the canonical grid by the nearest voxel; type kept.

        Raises:
            StudyError: The shape is not that of `reference`.
        """
        _check_shape(array, self.reference.shape)
        return self._grid.from_reference(np.asarray(array))

    def from_canonical(self, array: np.ndarray) -> np.ndarray:
        """Values (K, J, I) on the canonical grid, brought linearly to `reference`: float32 (K, J, I), 0 outside.

        An exact copy where the two grids differ by cropping and flipping only.

        Raises:
            StudyError: The shape is not that of the canonical grid.
        """
        _check_shape(array, self._grid.geometry.shape)
        return self._grid.to_reference(np.asarray(array, np.float32))

    def key(self, modality: str) -> str:
        """SHA-256 of the canonical image of a modality, by which caches know it.

        Raises:
            StudyError: The modality is not in this study.
        """
        self.volume(modality)
        image = self.canonical.images[modality]
        digest = hashlib.sha256(f"canonical {CANONICAL_VERSION} {image.shape}".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()


def _read_all(given: Mapping[str, Source], orientation: str, report: Reporter) -> dict[str, Volume]:
    volumes = {}
    for index, (modality, source) in enumerate(given.items()):
        report.report(index / len(given), f"reading {modality}")
        found, name = read_image(source, modality, orientation=orientation)
        volumes[modality] = Volume(
            modality,
            name,
            found.image,
            note=found.note,
            placed=found.placed,
            nifti=found.nifti,
            not_finite=found.not_finite,
        )
    return volumes


def _check_places(volumes: Collection[Volume]) -> list[str]:
    """Notes on what the files say of their place. Raises `StudyError` when only some of them say it."""
    nowhere = [volume for volume in volumes if not volume.placed]
    placed = [volume for volume in volumes if volume.placed]
    if nowhere and placed:
        raise StudyError(
            f"{nowhere[0].name}: the {nowhere[0].modality} volume cannot be laid over the {placed[0].modality} volume, "
            f"as {nowhere[0].note}; export it again as NIfTI, with its place"
        )
    return [f"{volume.modality}: {volume.note}" for volume in volumes if volume.note]


def _other_grid(reference: Source | None, orientation: str) -> tuple[Geometry, NiftiPlace | None]:
    """The grid of a volume that is none of the study's, and its place in a NIfTI header."""
    assert reference is not None
    found, _ = read_image(reference, "reference", any_values=True, orientation=orientation)
    return Geometry.of_image(found.image), found.nifti


def _align(volumes: Mapping[str, Volume], fixed: Volume, report: Reporter) -> tuple[dict[str, Volume], list[str]]:
    """Register every volume with `fixed`; the volumes with their motion, and a note for each."""
    aligned, notes = {}, []
    moving = [modality for modality in volumes if modality != fixed.modality]
    for modality, volume in volumes.items():
        if modality not in moving:
            aligned[modality] = volume
            continue
        index = moving.index(modality)
        motion = find_motion(fixed, volume, report.part(index / len(moving), (index + 1) / len(moving)))
        aligned[modality] = replace(volume, motion=motion.transform)
        notes.append(motion_note(volume, fixed, motion))
    return aligned, notes


def _describe(volume: Volume, grid: Geometry, brain: np.ndarray) -> list[str]:
    """What the user should know about one volume."""
    notes = []
    if volume.not_finite:
        count = volume.image.GetNumberOfPixels()
        notes.append(f"{volume.modality}: {volume.not_finite} of {count} voxels are NaN or infinite; taken as 0")
    if (levels := _grey_values(volume)) <= FEWEST_GREY_VALUES:
        notes.append(f"{volume.modality} has only {levels} different grey values: check that it is no label map")
    if not volume.fits(grid):
        notes.append(
            f"{volume.modality} resampled from {_spacing(volume.geometry)} onto the reference grid of {_spacing(grid)}"
        )
    share = covered_share(brain, grid, volume)
    if share < FULL_COVER:
        notes.append(f"{volume.modality} shows only {100 * share:.0f} % of the brain; beyond it, it counts as empty")
    return notes


def _grey_values(volume: Volume) -> int:
    """How many a volume has; where they are many, of some of its voxels."""
    values = sitk.GetArrayViewFromImage(volume.image)
    some = np.unique(values[::4, ::4, ::4])
    return len(some) if len(some) > FEWEST_GREY_VALUES else len(np.unique(values))


def _spacing(geometry: Geometry) -> str:
    return " x ".join(f"{value:.3g}" for value in geometry.spacing) + " mm"


def _short_name(source: Source) -> str:
    return source.name if isinstance(source, Path) else f"series {source}"


def _check_shape(array: np.ndarray, shape: tuple[int, int, int]) -> None:
    if np.shape(array) != shape:
        raise StudyError(f"An array of shape {np.shape(array)} does not fit the grid of {shape} voxels (K, J, I)")
