"""What the paths of visits say against their being of one patient."""

import re
from collections.abc import Iterable
from pathlib import Path

_SUBJECT = re.compile(r"(?<![a-z0-9])((?:subj?|subject|pat|patient)[-_ ]?[0-9][a-z0-9]*|sub-[a-z0-9]+)(?![a-z0-9])")
"""The part of a path that tells a patient, in small letters."""


def folder_notes(folders: Iterable[Path | str]) -> list[str]:
    """A sentence where folders tell several patients, such as sub-01 and sub-02; not which."""
    told = {words[-1] for folder in folders if (words := _SUBJECT.findall(str(Path(folder).resolve()).lower()))}
    if len(told) < 2:
        return []
    return ["the visits lie in folders that are called after different patients: check that they are of one patient"]
