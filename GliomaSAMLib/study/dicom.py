"""DICOM folders: which series they hold, and one series as a volume."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import SimpleITK as sitk

from ..errors import StudyError
from ..files import check_name, refuse_dangling
from ..private_folder import folder_of_links
from .dicom_elements import is_dicom, read_elements
from .dicom_frames import frames_of, read_frames
from .reasons import no_warnings, reason_of
from .slice_groups import Part, doubled, listed, parts_of
from .slices import Slice, stack_of

T = TypeVar("T")

_MOST_DIGITS = 6

_FOLDERS_KEPT = 64
"""Of so many folders what they hold is kept, as a folder of thousands of slices takes long to look through."""

SERIES_DESCRIPTION, CONTRAST_AGENT = "0008|103e", "0018|0010"

POSITION, ORIENTATION, PIXEL_SPACING = "0020|0032", "0020|0037", "0028|0030"

STORED = ("0028|1053", "0028|1052", "0028|0100", "0028|0101", "0028|0103")
"""How values are stored: slope, intercept, bits of a voxel and of its value, and whether that is signed."""

FRAMES, ROWS, COLUMNS = "0028|0008", "0028|0010", "0028|0011"

APART = {
    "0018|0081": "echo time",
    "0018|9087": "b-value",
    "0020|0100": "time",
    "0020|0012": "acquisition",
    "0008|0008": "type",
}
"""What may tell apart slices at one place, by tag."""


@dataclass(frozen=True)
class DicomSeries:
    """One series of a folder.

    Args:
        folder: Where the files are.
        description: The series description, may be empty.
        contrast_agent: Whether the header names a contrast agent.
        files: The slices in the order of their position.
    """

    folder: Path
    description: str
    contrast_agent: bool
    files: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.description or 'no description'!r} ({len(self.files)} files)"


_State = tuple[tuple[str, tuple[int, ...]], ...]
"""What lies in a folder: names, and of each file what is another once it was written again."""


def find_series(folder: Path) -> list[DicomSeries]:
    """The DICOM series directly in `folder`, by description. Empty when there is none. Raises `StudyError` for a name
    that the reader cannot take, for a file that is damaged or cut short, and among series for what `_check_whole`
    refuses.
    """
    return list(_series_of(folder, _state_of(folder)))


def _state_of(folder: Path) -> _State:
    return tuple((path.name, _state_of_file(path)) for path in sorted(folder.iterdir()))


def _state_of_file(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:  # a link to a file that is not there
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(_FOLDERS_KEPT)
@no_warnings()
def _series_of(folder: Path, state: _State) -> tuple[DicomSeries, ...]:
    """As `find_series`, of a folder in this state."""
    series = []
    entries = [folder / name for name, _ in state]
    for path in (folder, *entries):
        check_name(path, StudyError)
        if path.is_file() and is_dicom(path):
            read_elements(path)
    for files in _files_by_series(folder, entries):
        if files:
            header = _header(files[0])
            agent = header.get(CONTRAST_AGENT, "").strip().lower()
            series.append(
                DicomSeries(
                    folder, header.get(SERIES_DESCRIPTION, "").strip(), agent not in ("", "no", "none"), tuple(files)
                )
            )
    if series:
        _check_whole(entries)
    return tuple(sorted(series, key=lambda one: one.description))


def _check_whole(entries: Sequence[Path]) -> None:
    """Raise `StudyError` for a file that is empty and for a link to a file that is not there: a slice may be missing.
    Hidden ones are none.
    """
    for path in entries:
        if path.name[0] != ".":
            refuse_dangling(path)
            if path.is_file() and path.stat().st_size == 0:
                raise StudyError(f"{path}: the file is empty; copy or export it again")


def _files_by_series(folder: Path, entries: Sequence[Path]) -> list[tuple[str, ...]]:
    """The files of each series, in the order of their position. Raises `StudyError`."""
    files = [path for path in entries if path.is_file()]
    if len(files) == sum(not path.is_dir() for path in entries):
        return _listed_by_gdcm(folder, folder)
    with folder_of_links({path.name: path for path in files}) as links:  # GDCM stops at what is no file and no folder
        return _listed_by_gdcm(links, folder)


def _listed_by_gdcm(place: Path, folder: Path) -> list[tuple[str, ...]]:
    """As `_files_by_series`, of the files of `folder` that `place` holds."""
    reader = sitk.ImageSeriesReader
    try:
        found = [reader.GetGDCMSeriesFileNames(str(place), uid) for uid in reader.GetGDCMSeriesIDs(str(place))]
    except RuntimeError as error:
        raise StudyError(
            f"{folder}: the DICOM files cannot be read; one is damaged ({reason_of(error)}), export them again"
        ) from error
    return [tuple(str(folder / Path(file).name) for file in files) for files in found]


def read_dicom_folder(folder: Path, number: int | None = None) -> sitk.Image:
    """The volume of a folder with exactly one, or of several that with this number, from 1, of `volumes_in`.

    Raises:
        StudyError: There is none, there are several and none is chosen, or as `read_series`.
    """
    if number is not None:
        return _numbered(volumes_in(folder), number, folder).read()
    series = find_series(folder)
    if len(series) > 1:
        raise StudyError(
            f"{folder}: the folder holds {len(series)} DICOM series: {listed(map(str, volumes_in(folder)))}. "
            f"{how_to_choose(folder)}"
        )
    if not series:
        _check_whole(sorted(folder.iterdir()))
        raise StudyError(f"{folder}: the folder holds no DICOM images")
    return read_series(series[0])


@no_warnings()
def read_series(series: DicomSeries) -> sitk.Image:
    """The volume of one series.

    Raises:
        StudyError: Slices have no place, are damaged, missing or doubled; or they belong to several volumes.
    """
    slices = _slices(series)
    if len(parts_of(slices)) > 1:
        volumes = volumes_in(series.folder)
        first = next(n for n, volume in enumerate(volumes, 1) if volume.series == series)
        raise StudyError(
            f"{series.folder}: the series {series} has {several_slices(slices)} that belong to different volumes: "
            f"{listed(map(str, volumes))}. {how_to_choose(series.folder, first)}"
        )
    return DicomVolume(series).read(slices)


def read_dicom_file(path: Path, number: int | None = None) -> sitk.Image:
    """The volume of one multi-frame DICOM file; of several, that with this number, from 1.

    Raises:
        StudyError: It holds a single slice, or its frames have no place or make up no even stack; or it holds several
            volumes and none is chosen.
        RuntimeError: SimpleITK cannot read it.
    """
    frames = frames_of(path, str(path))
    parts = parts_of(frames)
    if number is not None:
        return read_frames(path, str(path), frames, _numbered(parts, number, path).numbers)
    if len(parts) > 1:
        labels = listed(part.label for part in parts)
        what = several_slices(frames)
        raise StudyError(f"{path} has {what} that belong to different volumes: {labels}. {how_to_choose(path)}")
    return read_frames(path, str(path), frames, parts[0].numbers)


@dataclass(frozen=True)
class DicomVolume:
    """A volume of a folder.

    Args:
        series: The series that it belongs to.
        part: Which of its slices or frames; None for all of them.
    """

    series: DicomSeries
    part: Part | None = None

    def __str__(self) -> str:
        return f"{self.series}" if self.part is None else f"{self.series.description!r}, {self.part.label}"

    @no_warnings()
    def read(self, slices: Sequence[Slice] | None = None) -> sitk.Image:
        """Its voxels in their place.

        Args:
            slices: Those of the whole series, where they have been looked at already.

        Raises:
            StudyError: Slices have no place, are damaged, missing or doubled.
        """
        series = self.series
        name = f"{series.folder}: the series {series}"
        slices = _slices(series) if slices is None else slices
        numbers = tuple(range(len(slices))) if self.part is None else self.part.numbers
        try:
            if len(series.files) == 1:  # an enhanced, multi-frame file holds the whole volume
                return read_frames(Path(series.files[0]), name, slices, numbers)
            stack = stack_of([slices[number] for number in numbers], name)
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames([series.files[numbers[place]] for place in stack.order])
            if len({slices[number].stored for number in numbers}) > 1:  # else the type of the first holds for all
                reader.SetOutputPixelType(sitk.sitkFloat32)
            return stack.place(reader.Execute())
        except (RuntimeError, OSError) as error:
            raise StudyError(
                f"{series.folder}: the DICOM series {series} cannot be read; a file is damaged ({reason_of(error)}), "
                "export it again"
            ) from error


def volumes_in(folder: Path) -> list[DicomVolume]:
    """The DICOM volumes directly in a folder, by description of the series and then by what tells the volumes of one
    apart; the first has the number 1 where one is chosen.
    """
    return list(_volumes_of(folder, _state_of(folder)))


@lru_cache(_FOLDERS_KEPT)
def _volumes_of(folder: Path, state: _State) -> tuple[DicomVolume, ...]:
    """As `volumes_in`, of a folder in this state."""
    volumes: list[DicomVolume] = []
    for series in _series_of(folder, state):
        try:
            parts = parts_of(_slices(series))
        except StudyError:  # told when it is read
            parts = []
        volumes += [DicomVolume(series, part) for part in parts] if len(parts) > 1 else [DicomVolume(series)]
    return tuple(volumes)


def how_to_choose(path: Path, number: int = 1) -> str:
    """The sentence that says how one of several volumes is chosen."""
    return f"Choose one by its number after the path, such as {with_choice(path, number).name}"


def several_slices(slices: Sequence[Slice]) -> str:
    """What slices of several volumes are called: whether some lie at one place."""
    return "several slices at one place" if doubled(slices, range(len(slices))) else "several slices"


def with_choice(path: Path, number: int) -> Path:
    """The path that `split_choice` takes apart."""
    return path.parent / f"{path.name}#{number}"


def split_choice(path: str | Path) -> tuple[Path, int | None]:
    """The path, and the number of the volume that is chosen in it: `FOLDER#2` is the second volume of FOLDER. A path
    that exists with its `#` is that of a file or folder, and has no number.
    """
    path = Path(path)
    head, mark, number = path.name.rpartition("#")
    if not mark or not head or not (number.isascii() and number.isdigit()) or len(number) > _MOST_DIGITS:
        return path, None
    if os.path.lexists(path):
        return path, None
    return path.with_name(head), int(number)


def _numbered(volumes: Sequence[T], number: int, path: Path) -> T:
    if not volumes:
        raise StudyError(f"{path}: the folder holds no DICOM images")
    if not 1 <= number <= len(volumes):
        labels = listed(volume.label if isinstance(volume, Part) else str(volume) for volume in volumes)
        raise StudyError(f"{path}: there is no volume #{number}, only {labels}. {how_to_choose(path)}")
    return volumes[number - 1]


def _slices(series: DicomSeries) -> list[Slice]:
    """The slices or frames of a series. Raises `StudyError` when a file is damaged."""
    if len(series.files) > 1:
        return [_slice(file) for file in series.files]
    name = f"{series.folder}: the series {series}"
    try:
        return frames_of(Path(series.files[0]), name)
    except OSError as error:
        raise StudyError(f"{name} cannot be read ({reason_of(error)}): check the file") from error


def _header(file: str) -> dict[str, str]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.LoadPrivateTagsOff()
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise StudyError(
            f"{file}: the DICOM file cannot be read; it is damaged ({reason_of(error)}), export it again"
        ) from error
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def _slice(file: str) -> Slice:
    """Where the slice of one file lies. Raises `StudyError` when it is damaged or holds several."""
    header = _header(file)
    if header.get(FRAMES, "1").strip() not in ("", "1"):
        raise StudyError(f"{file}: the series has several files of many frames each; give one of these files")
    size = int(header.get(ROWS, "0")), int(header.get(COLUMNS, "0"))
    position, orientation, spacing = (_numbers(header.get(tag, "")) for tag in (POSITION, ORIENTATION, PIXEL_SPACING))
    what = {name: text for tag, name in APART.items() if (text := header.get(tag, "").strip())}
    stored = tuple(_numbers(header.get(tag, "")) for tag in STORED)
    return Slice(position, orientation, spacing, size, what, stored)


def _numbers(text: str) -> tuple[float, ...]:
    """The numbers of an element; not a number where a word is none."""
    numbers = []
    for word in text.split("\\") if text.strip() else ():
        try:
            numbers.append(float(word))
        except ValueError:
            numbers.append(float("nan"))
    return tuple(numbers)
