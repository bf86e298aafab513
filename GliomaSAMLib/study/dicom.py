"""DICOM folders: which series they hold, and one series as a volume."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..files import check_name

SERIES_DESCRIPTION, CONTRAST_AGENT, POSITION = "0008|103e", "0018|0010", "0020|0032"


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


def find_series(folder: Path) -> list[DicomSeries]:
    """The DICOM series directly in `folder`, by description. Empty when there is none. Raises `StudyError` for a name
    that the reader cannot take.
    """
    series = []
    for path in (folder, *folder.iterdir()):
        check_name(path, StudyError)
    for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
        if files:
            header = _header(files[0])
            agent = header.get(CONTRAST_AGENT, "").strip().lower()
            series.append(
                DicomSeries(
                    folder, header.get(SERIES_DESCRIPTION, "").strip(), agent not in ("", "no", "none"), tuple(files)
                )
            )
    return sorted(series, key=lambda one: one.description)


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


def read_series(series: DicomSeries) -> sitk.Image:
    """The volume of one series. Raises `StudyError` when slices are damaged, missing or doubled."""
    if len(series.files) > 1:
        _check_slices(series)
    try:
        if len(series.files) == 1:  # an enhanced, multi-frame file holds the whole volume
            return sitk.ReadImage(series.files[0])
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(series.files)
        return reader.Execute()
    except RuntimeError as error:
        raise StudyError(
            f"{series.folder}: the DICOM series {series} cannot be read; a file is damaged, export it again"
        ) from error


def _header(file: str) -> dict[str, str]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.LoadPrivateTagsOff()
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise StudyError(f"{file}: the DICOM file cannot be read; it is damaged, export it again") from error
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def _check_slices(series: DicomSeries) -> None:
    """Raise `StudyError` unless the slices lie one after another at equal distances."""
    headers = [_header(file) for file in series.files]
    if not all(POSITION in header for header in headers):
        raise StudyError(
            f"{series.folder}: slices of {series} have no position in the patient; export the series again"
        )
    positions = np.array([[float(x) for x in header[POSITION].split("\\")] for header in headers])
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    if steps.min() < 1e-3:
        raise StudyError(
            f"{series.folder}: {series} has several slices at one place (echoes or times); export one volume only"
        )
    usual = float(np.median(steps))
    if np.abs(steps - usual).max() > 0.05 * usual + 0.05:
        raise StudyError(
            f"{series.folder}: slices of {series} are missing or unevenly spaced "
            f"({steps.min():.2f} to {steps.max():.2f} mm); export it again"
        )
