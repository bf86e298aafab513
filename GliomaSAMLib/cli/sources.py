"""What a command reads: the option of its labels, the files behind its options, and their SHA-256 for the report."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OutputError
from ..files import sha256_of

if TYPE_CHECKING:
    from ..study.volume import Source

Files = dict[str, tuple[Path, ...]]
"""Files by the option that names them."""

Labels = Annotated[
    str | None,
    typer.Option(
        help="What the labels mean: brats2021, brats2023, brats2024 (4 is the resection cavity), msd or binary "
        "(the whole tumour). [default: looked at; 4 is enhancing tumour]",
        show_default=False,
    ),
]

HEADERS = (".mhd", ".nhdr", ".hdr", ".img", ".gz")
"""Suffixes of files that are read together with another one."""


def output_folder(text: str) -> Path:
    """The folder that `--output` names. Raises `OutputError` for an empty name, which would be the working folder."""
    if not text:
        raise OutputError("--output is empty: name a folder")
    return Path(text)


def files_read(named: Mapping[str, Path | None], models: Sequence[str]) -> Files:
    """The files that options name, and those of models that are given by a path."""
    files: Files = {option: (path,) for option, path in named.items() if path is not None}
    return {**files, **{f"the model {model}": (Path(model),) for model in models}}


def volume_files(sources: Mapping[str, Path | None], folder: Path | None) -> Files:
    """The files of the volumes, by modality: one, a header and its voxels, or the slices of a DICOM series.

    Args:
        sources: A file or a DICOM folder by modality; None where there is none.
        folder: A case folder instead, in which the volumes are recognised.

    Raises:
        StudyError: Nothing is recognised in `folder`, or a volume cannot be looked at.
    """
    found: Mapping[str, Source | None] = sources
    if folder is not None:
        from ..study.modalities import find_volumes

        found = find_volumes(folder)
    return {modality: _files(source) for modality, source in found.items() if source is not None}


def _files(source: Any) -> tuple[Path, ...]:
    from ..output.overwriting import files_of_image
    from ..study.dicom import DicomSeries, find_series, split_choice, volumes_in

    if isinstance(source, DicomSeries):
        return tuple(Path(file) for file in source.files)
    path, number = split_choice(source)
    if path.is_dir() and number is not None:
        return tuple(Path(file) for one in volumes_in(path)[number - 1 : number] for file in one.series.files)
    if path.is_dir():
        return tuple(Path(file) for series in find_series(path) for file in series.files)
    return files_of_image(path)


def described(volumes: Files, sources: Mapping[str, Path | None]) -> dict[str, dict[str, Any]]:
    """For the report: by modality the path as it was given in `sources`, else one by which these files are read again;
    the number of files, and the SHA-256 of all bytes in this order. Raises `StudyError`.
    """
    values = {}
    for modality, files in volumes.items():
        path = os.path.abspath(os.path.expanduser(sources.get(modality) or _place(files)))
        values[modality] = {"path": path, "files": len(files), "sha256": sha256_of(files)}
    return values


def _place(files: tuple[Path, ...]) -> Path:
    """The file, or the folder of the slices, with the number of their volume where it holds several."""
    if len(files) == 1 or files[0].suffix.lower() in HEADERS:
        return files[0]
    from ..study.dicom import volumes_in, with_choice

    folder = files[0].parent
    series = [tuple(map(Path, one.series.files)) for one in volumes_in(folder)]
    several = len(series) > 1 and files in series
    return with_choice(folder.absolute(), series.index(files) + 1) if several else folder
