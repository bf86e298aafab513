"""The four MR contrasts: known by file name or series description, found in a folder."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StudyError
from .dicom import DicomSeries, find_series
from .volume import image_suffix

MODALITIES = ("t1", "t1c", "t2", "flair")
"""T1 before contrast, T1 after contrast, T2, and T2 FLAIR: the order of channels everywhere."""

REFERENCE_ORDER = ("t1c", "flair", "t2", "t1")
"""Which of the modalities present gives the grid of the results, unless the caller chooses."""

_EXACT = {
    "t1": "t1", "t1n": "t1", "t1w": "t1", "t1pre": "t1",
    "t1c": "t1c", "t1ce": "t1c", "t1gd": "t1c", "t1wce": "t1c", "t1post": "t1c", "t1gad": "t1c", "t1km": "t1c",
    "t2": "t2", "t2w": "t2",
    "flair": "flair", "t2f": "flair", "t2flair": "flair", "tirm": "flair", "darkfluid": "flair",
}  # fmt: skip

_T1_SEQUENCE = re.compile(r"\b(mprage|mp rage|memprage|spgr|fspgr|bravo|vibe)\b")

_SEGMENTATION = re.compile(r"^(seg|label|mask|brainmask|roi$|truth$|gt$|prediction)|(seg|mask|labels?)$")

_OTHER_SEQUENCE = re.compile(
    r"\b(adc|dwi|dti|trace|b1000|perf\w*|dsc|dce|asl|swi|swan|bold|fmri|locali[sz]er|scout|survey|"
    r"mip|minip|subtract\w*|cbv|cbf|mtt|fieldmap|mra|tof|pd|proton|spectro\w*|calibration|t2 ?star|t2s|t2 gre|map)\b"
)

_WITH_AGENT = re.compile(
    r"\b(post(?!\W?op)\w*|gd|gad\w*|ce|km|contrast|enhanced|dotarem|gadovist|magnevist)\b|\bt1\w* c\b|\+ ?c\b|\bc ?\+"
)

_WITHOUT_AGENT = re.compile(
    r"\b(pre(?!\W?op)|precontrast|native|nativ|without|wo|w o|unenhanced|noncontrast|plain|ohne|"
    r"(no|non) (contrast|gd|gad\w*|c|ce|km))\b"
)

_ONTO = re.compile(r"\b(to|in|on|onto|into|space) (t1\w*|t2\w*|flair)\b")

DEPTH = 3

EXAMPLES = (
    "t1.nii.gz, t1c.nii.gz, t2.nii.gz, flair.nii.gz (or t1n, t1ce, t1gd, t2w, t2f), "
    "or describe the DICOM series as T1, T1 post contrast, T2, FLAIR"
)


def recognise(text: str, contrast_agent: bool = False) -> str | None:
    """The modality that a file name (without suffix) or a DICOM series description speaks of, or None.

    Args:
        text: For example `BraTS-GLI-00001-000-t1n`, `AX T1 POST GD`, `T2_FLAIR_tra`.
        contrast_agent: Whether the DICOM header records a contrast agent; decides a T1 whose text does not say.
    """
    if is_segmentation(text) or re.search(r"t2 ?\*", text.lower()):
        return None
    plain = _ONTO.sub(" ", " ".join(_words(text)))  # "flair_to_t1" is a FLAIR
    if _OTHER_SEQUENCE.search(plain):
        return None
    found = {_EXACT[word] for word in plain.split() if word in _EXACT}
    if "dark fluid" in plain:
        found.add("flair")
    if _T1_SEQUENCE.search(plain):
        found.add("t1")
    if "t1c" in found:
        return "t1c" if found <= {"t1", "t1c"} else None
    if "t1" in found:  # a "T1 FLAIR" is a T1
        return None if "t2" in found else _with_or_without_agent(plain, text.lower(), contrast_agent)
    if found == {"t2", "flair"}:
        return "flair"
    return found.pop() if len(found) == 1 else None


def is_segmentation(text: str) -> bool:
    """Whether a file name or description speaks of a label map or a mask, such as `CASE-seg`."""
    return any(_SEGMENTATION.search(word) for word in _words(text))


def speaks_of_sequence(text: str) -> bool:
    """Whether a name speaks of a sequence of MR or of a label map at all, be it one of `MODALITIES` or not."""
    return recognise(text) is not None or is_segmentation(text) or bool(_OTHER_SEQUENCE.search(" ".join(_words(text))))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", text.lower()) if word]


def _with_or_without_agent(plain: str, text: str, contrast_agent: bool) -> str:
    if _WITHOUT_AGENT.search(plain):
        return "t1"
    return "t1c" if contrast_agent or _WITH_AGENT.search(plain) or _WITH_AGENT.search(text) else "t1"


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Args:
        volumes: For each modality found, in the order of `MODALITIES`, a file or a DICOM series.
        left_out: Names of the other volumes, label maps not among them.
    """

    volumes: Mapping[str, Path | DicomSeries]
    left_out: tuple[str, ...]


def find_volumes(folder: str | Path) -> dict[str, Path | DicomSeries]:
    """The `volumes` of `search_folder`."""
    return dict(search_folder(folder).volumes)


def search_folder(folder: str | Path) -> Found:
    """The volume of each modality in `folder`, recognised by file names and DICOM series descriptions.

    The nearest level of sub-folders that holds any is taken, three levels deep at most. Label maps are passed over.

    Raises:
        StudyError: No such folder, nothing recognised, or several volumes for one modality.
    """
    folder = Path(folder)
    if not folder.exists():
        raise StudyError(f"{folder}: the folder does not exist")
    if not folder.is_dir():
        raise StudyError(f"{folder}: this is a file, not a folder; give it as a volume of one modality")
    level, passed_over = [folder], []
    for depth in range(DEPTH):
        candidates: dict[str, list[Path | DicomSeries]] = {}
        for place in level:
            for volume, modality in _volumes_in(place):
                if modality is None:
                    passed_over.append(volume)
                else:
                    candidates.setdefault(modality, []).append(volume)
        below = _sub_folders(level)
        if candidates:
            left_out = [_short(volume, folder) for volume in passed_over]
            for _ in range(depth + 1, DEPTH):
                left_out += [_short(path, folder) for place in below for path in _volume_files(place)]
                below = _sub_folders(below)
            return Found(_only_one_each(folder, candidates), tuple(left_out))
        level = below
    seen = f" Not recognised: {', '.join(map(str, passed_over[:8]))}." if passed_over else ""
    raise StudyError(
        f"{folder}: no MR volume was recognised.{seen} Name the files {EXAMPLES}, or give the files one by one"
    )


def _sub_folders(level: Sequence[Path]) -> list[Path]:
    return sorted(path for place in level for path in place.iterdir() if path.is_dir() and path.name[0] != ".")


def _volume_files(folder: Path) -> list[Path]:
    """The image files directly in `folder`, label maps not among them."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    return [path for path in files if (suffix := image_suffix(path)) and not is_segmentation(path.name[: -len(suffix)])]


def _volumes_in(folder: Path) -> list[tuple[Path | DicomSeries, str | None]]:
    """Files and DICOM series directly in `folder`, each with its modality or None."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    named: list[tuple[Path | DicomSeries, str | None]] = [
        (path, recognise(path.name[: -len(image_suffix(path) or "")])) for path in _volume_files(folder)
    ]
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
