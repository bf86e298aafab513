"""The four MR contrasts: known by file name or series description, found in a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StudyError
from ..files import is_dangling, refuse_dangling, seen_in
from .dicom import DicomSeries, find_series, how_to_choose, volumes_in
from .naming import AGENT_UNSAID, Judgement, is_segmentation, judge, recognise
from .slice_groups import listed
from .volume import image_suffix

__all__ = [
    "MODALITIES",
    "MODALITY_NAMES",
    "REFERENCE_ORDER",
    "Found",
    "find_volumes",
    "is_segmentation",
    "recognise",
    "search_folder",
]

MODALITIES = ("t1", "t1c", "t2", "flair")
"""T1 before contrast, T1 after contrast, T2, and T2 FLAIR: the order of channels everywhere."""

MODALITY_NAMES = {"t1": "T1", "t1c": "T1c", "t2": "T2", "flair": "FLAIR"}
"""As they are written for people."""

REFERENCE_ORDER = ("t1c", "flair", "t2", "t1")
"""Which of the modalities present gives the grid of the results, unless the caller chooses."""

DEPTH = 4
"""How many levels of folders are searched: a folder itself, and sub-folders three levels deep (patient, study, series
on a DICOM CD).
"""

EXAMPLES = (
    "t1.nii.gz, t1c.nii.gz, t2.nii.gz, flair.nii.gz (or t1n, t1ce, t1gd, t2w, t2f), "
    "or describe the DICOM series as T1, T1 post contrast, T2, FLAIR"
)


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Args:
        volumes: For each modality found, in the order of `MODALITIES`, a file or a DICOM series.
        left_out: Names of the other volumes, label maps not among them.
        doubts: For each modality that is not certain, what speaks against it.
    """

    volumes: Mapping[str, Path | DicomSeries]
    left_out: tuple[str, ...]
    doubts: Mapping[str, str]


def find_volumes(folder: str | Path) -> dict[str, Path | DicomSeries]:
    """The `volumes` of `search_folder`."""
    return dict(search_folder(folder).volumes)


def search_folder(folder: str | Path) -> Found:
    """The volume of each modality in `folder`, recognised by file names and DICOM series descriptions.

    The nearest level of sub-folders that holds any is taken, three levels deep at most. Label maps are passed over.

    Raises:
        StudyError: No such folder, nothing recognised, several volumes for one modality, or one that is a link to
            a file which is not there.
    """
    folder = Path(folder)
    if not folder.exists():
        raise StudyError(f"{folder}: the folder does not exist")
    if not folder.is_dir():
        raise StudyError(f"{folder}: this is a file, not a folder; give it as a volume of one modality")
    level, passed_over = [folder], []
    for depth in range(DEPTH):
        candidates: dict[str, list[Path | DicomSeries]] = {}
        doubts: dict[str, str] = {}
        for place in level:
            for volume, judgement in _volumes_in(place):
                if judgement.modality is None:
                    passed_over.append(volume)
                    continue
                if isinstance(volume, Path):
                    refuse_dangling(volume)
                candidates.setdefault(judgement.modality, []).append(volume)
                if judgement.doubt:
                    doubts[judgement.modality] = judgement.doubt
        below = sub_folders(level)
        if candidates:
            left_out = [_short(volume, folder) for volume in passed_over]
            for _ in range(depth + 1, DEPTH):
                left_out += [_short(path, folder) for place in below for path in _volume_files(place)]
                below = sub_folders(below)
            if "t1c" in candidates and doubts.get("t1") == AGENT_UNSAID:
                del doubts["t1"]  # the other one is that with contrast agent
            return Found(_only_one_each(folder, candidates), tuple(left_out), doubts)
        level = below
    seen = f" Not recognised: {', '.join(map(str, passed_over[:8]))}." if passed_over else ""
    raise StudyError(
        f"{folder}: no MR volume was recognised, nor in sub-folders {DEPTH - 1} levels deep.{seen} "
        f"Name the files {EXAMPLES}, or give the files one by one"
    )


def sub_folders(level: Sequence[Path]) -> list[Path]:
    """The folders directly in those of a level, hidden ones not among them. Raises `StudyError`."""
    return sorted(path for place in level for path in seen_in(place) if path.is_dir())


def _volume_files(folder: Path) -> list[Path]:
    """The image files directly in `folder`, and links to such as are not there; label maps not among them."""
    files = [path for path in seen_in(folder) if path.is_file() or is_dangling(path)]
    return [path for path in files if (suffix := image_suffix(path)) and not is_segmentation(path.name[: -len(suffix)])]


def _volumes_in(folder: Path) -> list[tuple[Path | DicomSeries, Judgement]]:
    """Files and DICOM series directly in `folder`, each with what its name says."""
    files = [path for path in seen_in(folder) if path.is_file()]
    named: list[tuple[Path | DicomSeries, Judgement]] = [
        (path, judge(path.name[: -len(image_suffix(path) or "")])) for path in _volume_files(folder)
    ]
    if all(image_suffix(path) for path in files):
        return named
    series = find_series(folder)
    for one in series:
        judgement = judge(one.description, one.contrast_agent)
        if judgement.modality is None and len(series) == 1:
            judgement = judge(folder.name, one.contrast_agent)
        named.append((one, judgement))
    return named


def _only_one_each(folder: Path, candidates: dict[str, list[Path | DicomSeries]]) -> dict[str, Path | DicomSeries]:
    for modality, volumes in candidates.items():
        if len(volumes) > 1:
            names = ", ".join(_short(volume, folder) for volume in volumes)
            raise StudyError(
                f"{folder}: {len(volumes)} volumes look like {modality}: {names}. Give the files one by one"
                + (f", series of one folder by their number. {_numbers(volumes)}" if _numbers(volumes) else "")
            )
    return {modality: candidates[modality][0] for modality in MODALITIES if modality in candidates}


def _numbers(volumes: Sequence[Path | DicomSeries]) -> str:
    """How a series of a folder that holds several is given, else an empty text."""
    folders = [volume.folder for volume in volumes if isinstance(volume, DicomSeries)]
    doubled = next((folder for folder in folders if folders.count(folder) > 1), None)
    if doubled is None:
        return ""
    return f"{doubled.name} holds {listed(map(str, volumes_in(doubled)))}. {how_to_choose(doubled)}"


def _short(volume: Path | DicomSeries, folder: Path) -> str:
    if isinstance(volume, DicomSeries):
        return f"{volume} in {volume.folder.name}"
    return str(volume.relative_to(folder))
