"""DICOM folders: which series they hold, and one series as a volume."""

from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from ..errors import StudyError
from ..files import check_name
from .dicom_elements import is_dicom, read_elements
from .dicom_frames import read_frames
from .reasons import no_warnings, reason_of
from .slices import Slice, stack_of

SERIES_DESCRIPTION, CONTRAST_AGENT = "0008|103e", "0018|0010"

POSITION, ORIENTATION, PIXEL_SPACING = "0020|0032", "0020|0037", "0028|0030"

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


@no_warnings()
def find_series(folder: Path) -> list[DicomSeries]:
    """The DICOM series directly in `folder`, by description. Empty when there is none. Raises `StudyError` for a name
    that the reader cannot take, and for a file that is damaged or cut short.
    """
    series = []
    for path in (folder, *sorted(folder.iterdir())):
        check_name(path, StudyError)
        if path.is_file() and is_dicom(path):
            read_elements(path)
    for files in _files_by_series(folder):
        if files:
            header = _header(files[0])
            agent = header.get(CONTRAST_AGENT, "").strip().lower()
            series.append(
                DicomSeries(
                    folder, header.get(SERIES_DESCRIPTION, "").strip(), agent not in ("", "no", "none"), tuple(files)
                )
            )
    return sorted(series, key=lambda one: one.description)


def _files_by_series(folder: Path) -> list[tuple[str, ...]]:
    """The files of each series, in the order of their position. Raises `StudyError`."""
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames
    try:
        return [names(str(folder), uid) for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))]
    except RuntimeError as error:
        raise StudyError(
            f"{folder}: the DICOM files cannot be read; one is damaged ({reason_of(error)}), export them again"
        ) from error


def read_dicom_folder(folder: Path) -> sitk.Image:
    """The volume of a folder with exactly one DICOM series. Raises `StudyError` for none or several."""
    series = find_series(folder)
    if not series:
        raise StudyError(f"{folder}: the folder holds no DICOM images")
    if len(series) > 1:
        listed = "; ".join(str(one) for one in series)
        raise StudyError(
            f"{folder}: the folder holds {len(series)} DICOM series: {listed}. "
            "Give a folder with one series for each modality"
        )
    return read_series(series[0])


@no_warnings()
def read_series(series: DicomSeries) -> sitk.Image:
    """The volume of one series. Raises `StudyError` when slices have no place, are damaged, missing or doubled."""
    name = f"{series.folder}: the series {series}"
    stack = None if len(series.files) == 1 else stack_of([_slice(file) for file in series.files], name)
    try:
        if stack is None:  # an enhanced, multi-frame file holds the whole volume
            return read_frames(Path(series.files[0]), name)
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames([series.files[number] for number in stack.order])
        return stack.place(reader.Execute())
    except (RuntimeError, OSError) as error:
        raise StudyError(
            f"{series.folder}: the DICOM series {series} cannot be read; a file is damaged ({reason_of(error)}), "
            "export it again"
        ) from error


def read_dicom_file(path: Path) -> sitk.Image:
    """The volume of one multi-frame DICOM file.

    Raises:
        StudyError: It holds a single slice, or its frames have no place or make up no even stack.
        RuntimeError: SimpleITK cannot read it.
    """
    return read_frames(path, str(path))


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
    return Slice(position, orientation, spacing, size, what)


def _numbers(text: str) -> tuple[float, ...]:
    """The numbers of an element; not a number where a word is none."""
    numbers = []
    for word in text.split("\\") if text.strip() else ():
        try:
            numbers.append(float(word))
        except ValueError:
            numbers.append(float("nan"))
    return tuple(numbers)
