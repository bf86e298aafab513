"""Which volume of a folder is which modality."""

from pathlib import Path

from ..errors import StudyError
from .dicom import DicomSeries, find_series
from .modalities import MODALITIES, is_segmentation, recognise
from .read import image_suffix

DEPTH = 3
EXAMPLES = (
    "t1.nii.gz, t1c.nii.gz, t2.nii.gz, flair.nii.gz (or t1n, t1ce, t1gd, t2w, t2f), "
    "or describe the DICOM series as T1, T1 post contrast, T2, FLAIR"
)


def find_volumes(folder: str | Path) -> dict[str, Path | DicomSeries]:
    """The volume of each modality in `folder`, recognised by file names and DICOM series descriptions.

    The nearest level of sub-folders that holds any is taken, three levels deep at most. Label maps are passed over.

    Returns:
        For each modality found, in the order of `MODALITIES`, a file or a DICOM series.

    Raises:
        StudyError: No such folder, nothing recognised, or several volumes for one modality.
    """
    folder = Path(folder)
    if not folder.exists():
        raise StudyError(f"{folder}: there is no such folder")
    if not folder.is_dir():
        raise StudyError(f"{folder}: this is a file, not a folder; give it as a volume of one modality")
    level, passed_over = [folder], []
    for _ in range(DEPTH):
        candidates: dict[str, list[Path | DicomSeries]] = {}
        for place in level:
            for volume, modality in _volumes_in(place):
                if modality is None:
                    passed_over.append(str(volume))
                else:
                    candidates.setdefault(modality, []).append(volume)
        if candidates:
            return _only_one_each(folder, candidates)
        level = sorted(path for place in level for path in place.iterdir() if path.is_dir() and path.name[0] != ".")
    seen = f" Not recognised: {', '.join(passed_over[:8])}." if passed_over else ""
    raise StudyError(
        f"{folder}: no MR volume was recognised.{seen} Name the files {EXAMPLES}, or give the files one by one"
    )


def _volumes_in(folder: Path) -> list[tuple[Path | DicomSeries, str | None]]:
    """Files and DICOM series directly in `folder`, each with its modality or None."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    named: list[tuple[Path | DicomSeries, str | None]] = []
    for path in files:
        suffix = image_suffix(path)
        if suffix and not is_segmentation(stem := path.name[: -len(suffix)]):
            named.append((path, recognise(stem)))
    if all(image_suffix(path) for path in files):
        return named
    series = find_series(folder)
    for one in series:
        modality = recognise(one.description, one.contrast_agent)
        if modality is None and len(series) == 1:
            modality = recognise(folder.name, one.contrast_agent)
        named.append((one, modality))
    return named


def _only_one_each(folder: Path, candidates: dict[str, list[Path | DicomSeries]]) -> dict[str, Path | DicomSeries]:
    for modality, volumes in candidates.items():
        if len(volumes) > 1:
            listed = ", ".join(_short(volume, folder) for volume in volumes)
            raise StudyError(
                f"{folder}: {len(volumes)} volumes look like {modality}: {listed}. Give the files one by one"
            )
    return {modality: candidates[modality][0] for modality in MODALITIES if modality in candidates}


def _short(volume: Path | DicomSeries, folder: Path) -> str:
    if isinstance(volume, DicomSeries):
        return f"{volume} in {volume.folder.name}"
    return str(volume.relative_to(folder))
