"""No result replaces what it is made from."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..errors import OutputError
from ..study.dicom import DicomSeries
from ..study.nifti import NiftiError, header_file, voxel_file
from ..study.text_headers import beside

DETACHED = {
    ".mhd": re.compile(r"^ElementDataFile\s*[=:]\s*(.+)$", re.M),
    ".nhdr": re.compile(r"^data ?file\s*:\s*(.+)$", re.M),
}
"""What names the file of the voxels in a header that stands alone, by the header's suffix."""

NUMBERED = re.compile(r"([^%\s]*)%\d*d(\S*)")
"""A name that stands for several files, by their numbers."""

HEADER_CHARACTERS = 65536


def refuse_inputs(outputs: Iterable[Path], inputs: Mapping[str, Sequence[Path]]) -> None:
    """See that no result would take the place of an input.

    Args:
        outputs: Where results are to go.
        inputs: The files that are read, by what the user knows them as, such as an option.

    Raises:
        OutputError: A result and an input are one file, by whatever path or link; or they differ by `.gz` alone, so
            that readers of images would mix the two up.
    """
    for output in outputs:
        for name, files in inputs.items():
            for file in files:
                if _same_file(output, file):
                    raise OutputError(
                        f"The result {output} would replace the input of {name}: choose another name for it"
                    )
                if _twins(output, file):
                    raise OutputError(
                        f"The result {output} would lie beside {file.name} of {name}, and programs would take one "
                        "for the other: choose another name for it"
                    )


def files_of_image(path: Path) -> tuple[Path, ...]:
    """The file of an image, and the others where header and voxels stand apart."""
    if path.name.lower().endswith((".hdr", ".hdr.gz", ".img", ".img.gz")):
        try:
            return (path, voxel_file(path) if ".hdr" in path.name.lower()[-7:] else header_file(path))
        except NiftiError:
            return (path,)  # the reader says what is wrong
    pattern = DETACHED.get(path.suffix.lower())
    if pattern is None:
        return (path,)
    try:
        with path.open(encoding="latin-1") as header:
            named = pattern.search(header.read(HEADER_CHARACTERS))
    except OSError:
        return (path,)  # the reader says what is wrong
    if named is None:
        return (path,)
    data = beside(path, named.group(1).strip())
    numbered = NUMBERED.match(data.name)
    if numbered is None:
        return (path, data)
    like = re.compile(rf"{re.escape(numbered.group(1))}\s*\d+{re.escape(numbered.group(2))}")
    return (path, *sorted(other for other in path.parent.iterdir() if like.fullmatch(other.name)))


def files_of_source(source: Path | DicomSeries) -> tuple[Path, ...]:
    """The files that a volume of a folder is read from, as `find_volumes` gives it."""
    return files_of_image(source) if isinstance(source, Path) else tuple(Path(file) for file in source.files)


def _same_file(one: Path, other: Path) -> bool:
    one, other = one.expanduser(), other.expanduser()
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them does not exist
        return os.path.realpath(one) == os.path.realpath(other)


def _twins(one: Path, other: Path) -> bool:
    """Whether two names in one folder differ by `.gz` alone."""
    names = {one.name.lower(), other.name.lower()}
    shorter = min(names, key=len)
    return names == {shorter, f"{shorter}.gz"} and os.path.realpath(one.parent) == os.path.realpath(other.parent)
