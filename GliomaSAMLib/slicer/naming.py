"""What an examination is called in the name of its segmentation: its day, or what its files are filed under.

Nothing here is a value of the patient: what DICOM knows of the patient is never read, and volumes whose patient is
known are called by their day alone, since exports are often filed under the patient's name.
"""

import re
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from ..study.naming import speaks_of_sequence
from ..study.volume import image_suffix
from .examinations import study_day
from .patients import origin
from .segments.patient import patient_of
from .volumes import files_of

WORD = re.compile(r"[^\W_]+")

DIMENSIONS = re.compile(r"[23]d|\d+t|t\d+", re.I)
"""Words with a digit that say nothing of an examination: 3D, 3T, T1."""


def name_of_examination(volume_nodes: Mapping[str, Any]) -> str:
    """What tells the examination of volumes, by modality, apart from others; "" where nothing does.

    It is the day by DICOM or the subject hierarchy; else what the names of the volumes begin with alike, else the
    folder of their files, where there is a number in it: a name of letters alone may be that of the patient.
    """
    nodes = list(volume_nodes.values())
    day = study_day(nodes)
    if day is not None:
        return str(day)
    if any(patient_of(node) or _is_of_dicom(node) for node in nodes):
        return ""
    folders = {origin(modality, node).place for modality, node in volume_nodes.items()}
    folder = folders.pop() if len(folders) == 1 else None
    filed = folder.name if folder is not None and folder != Path.home().resolve() else ""
    texts = [shared_beginning([str(node.GetName()) for node in nodes]), filed]
    return next((text for text in texts if _has_number(text)), "")


def shared_beginning(names: list[str]) -> str:
    """The words that all names begin with, up to the first that speaks of a sequence; "" where nothing follows them."""
    words = [list(WORD.finditer(name)) for name in names]
    if not words or (len(names) == 1 and not speaks_of_sequence(names[0])):
        return ""
    columns = zip(*(found[:-1] for found in words), strict=False)
    alike = [column[0] for column in takewhile(_tells_case, columns)]
    return names[0][alike[0].start() : alike[-1].end()] if alike else ""


def _is_of_dicom(node: Any) -> bool:
    """Whether a volume was read from DICOM files, by Slicer's DICOM module or one by one."""
    return bool(node.GetAttribute("DICOM.instanceUIDs")) or not all(map(image_suffix, files_of(node)))


def _tells_case(column: tuple[re.Match[str], ...]) -> bool:
    """Whether it is one word in all names, and none of a sequence."""
    return len({match.group() for match in column}) == 1 and not speaks_of_sequence(column[0].group())


def _has_number(text: str) -> bool:
    return any(any(map(str.isdigit, word)) and not DIMENSIONS.fullmatch(word) for word in WORD.findall(text))
