"""Spoiled images for `gliomasam segment`: one function a format, each writing one into a folder."""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from dicom_files import double, text, whole, write_frames, write_slices
from mutations import WORDS, change_numbers, change_words, cut


@dataclass(frozen=True)
class Inputs:
    """What is whole: a labelled case and weights."""

    case: Path
    weights: Path

    @property
    def image(self) -> sitk.Image:
        return sitk.ReadImage(str(self.case / "t1.nii.gz"))

    def segment(self, folder: Path, **options: object) -> list[str]:
        """The arguments of `gliomasam segment` that write into `folder`."""
        given = {"t1": self.case / "t1.nii.gz", "model": self.weights, "skull": "off", "output": folder / "out.nrrd"}
        given |= {"json": folder / "out.json", **options}
        return ["segment", *(f"--{name}={value}" for name, value in given.items())]

    def evaluate(self, folder: Path, *options: str, cases: Path | None = None) -> list[str]:
        """The arguments of `gliomasam evaluate` for one method that costs little."""
        little = ["--no-model", "--baseline=grow_ball", "--region=WT", "--prompts=0", *options]
        return ["evaluate", str(cases or self.case.parent), f"--output={folder / 'table'}", *little]


Change = Callable[[random.Random, Path, Inputs], list[str]]
"""Writes one spoiled input into an empty folder, and returns the arguments of `gliomasam` that read it."""


def text_header(chance: random.Random, folder: Path, inputs: Inputs, name: str) -> list[str]:
    """A NRRD or MetaImage file, in one piece or with its voxels beside it."""
    path = folder / name
    sitk.WriteImage(inputs.image, str(path), chance.random() < 0.5)
    whole_file = path.read_bytes()
    end = b"LOCAL\n" if name.endswith(".mha") else b"\n\n"
    length = whole_file.index(end) + len(end) if name.endswith((".mha", ".nrrd")) else len(whole_file)
    path.write_bytes(_perhaps_cut(chance, change_words(chance, whole_file[:length]) + whole_file[length:]))
    return inputs.segment(folder, t1=path)


def slicer_segmentation(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """A .seg.nrrd file, with the fields of its segments."""
    from GliomaSAMLib.geometry import Geometry
    from GliomaSAMLib.output import write_segmentation

    grid = Geometry.of_image(inputs.image)
    mask = (sitk.GetArrayFromImage(inputs.image) > 250).astype(np.uint8)
    path = folder / "t1.seg.nrrd"
    write_segmentation(path, {"WT": mask, "TC": 0 * mask, "ET": 0 * mask}, grid)
    content = path.read_bytes()
    length = content.index(b"\n\n") + 2
    path.write_bytes(_perhaps_cut(chance, change_words(chance, content[:length]) + content[length:]))
    return inputs.segment(folder, t1=path)


def nifti(chance: random.Random, folder: Path, inputs: Inputs, name: str) -> list[str]:
    """NIfTI-1, packed or not, and as a pair."""
    path = folder / name
    sitk.WriteImage(inputs.image, str(path))
    packed = name.endswith(".gz")
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    content = _perhaps_cut(chance, change_numbers(chance, content[:348]) + content[348:])
    if packed:
        content = gzip.compress(content, 1)
        if chance.random() < 0.2:
            content = change_numbers(chance, content)
    path.write_bytes(content)
    if name.endswith(".hdr") and chance.random() < 0.3:
        voxels = path.with_suffix(".img")
        voxels.write_bytes(cut(chance, voxels.read_bytes()))
    if name.endswith(".hdr") and chance.random() < 0.3:
        path = path.with_suffix(".img")
    return inputs.segment(folder, t1=path, orientation=chance.choice(["auto", "qform", "sform"]))


def nifti2(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """NIfTI-2."""
    import nibabel

    path = folder / "t1.nii"
    values = sitk.GetArrayFromImage(inputs.image).transpose()
    nibabel.save(nibabel.Nifti2Image(values, np.eye(4)), path)
    content = path.read_bytes()
    path.write_bytes(_perhaps_cut(chance, change_numbers(chance, content[:544]) + content[544:]))
    return inputs.segment(folder, t1=path)


TAGS = {
    **{0x00200032: "DS", 0x00200037: "DS", 0x00280030: "DS", 0x00180050: "DS", 0x00200013: "IS", 0x00280008: "IS"},
    **{0x00280010: "US", 0x00280011: "US", 0x00280002: "US", 0x00280100: "US", 0x00280101: "US", 0x00280102: "US"},
    **{0x00280103: "US", 0x00080016: "UI", 0x0020000D: "UI", 0x0020000E: "UI", 0x00281052: "DS", 0x00281053: "DS"},
    **{0x00080060: "CS", 0x00280004: "CS", 0x00180081: "DS", 0x00189087: "FD", 0x00080005: "CS", 0x00100020: "LO"},
}
"""Elements that a chance mistake may change, with their kinds."""


def element(chance: random.Random, kind: str) -> Any:
    """An element that is wrong, or none."""
    if chance.random() < 0.15:
        return None
    if kind == "US":
        return whole(chance.choice([0, 1, 2, 8, 15, 17, 32, 64, 255, 65535]))
    if kind == "FD":
        return double(chance.choice([float("nan"), float("inf"), -1.0, 1e300, 0.0]))
    words = [chance.choice([*WORDS, b"1", b"0.5", b"-3", b"12"]) for _ in range(chance.choice([0, 1, 1, 2, 3, 6, 7]))]
    return kind, b"\\".join(words)


def dicom_series(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """A file a slice; elements of some slices are wrong, or bytes of their headers."""
    spoiled = {tag: chance.choice([0.1, 1.0]) for tag in chance.sample(list(TAGS), chance.randint(0, 2))}

    def change(k: int, elements: dict[int, Any]) -> None:
        for tag, share in spoiled.items():
            if chance.random() < share:
                elements[tag] = element(chance, TAGS[tag])

    voxels = sitk.GetArrayFromImage(inputs.image)[:, :, :27]
    series = write_slices(folder / "series", voxels, np.diag([1.0, 1.0, 2.0, 1.0]), change)
    files = sorted(series.iterdir())
    if not spoiled or chance.random() < 0.3:
        for path in chance.sample(files, chance.choice([1, 2, len(files)])):
            content = path.read_bytes()
            at = max(len(content) - voxels[0].nbytes, 8)
            path.write_bytes(
                _perhaps_cut(chance, content[:128] + change_numbers(chance, content[128:at]) + content[at:])
            )
    return inputs.segment(folder, t1=series)


def dicom_frames(chance: random.Random, folder: Path, inputs: Inputs, implicit: bool) -> list[str]:
    """One enhanced file."""
    groups = {0x00209113: 0x00200032, 0x00209116: 0x00200037, 0x00289110: 0x00280030, 0x00189114: 0x00189082}
    spoiled = chance.sample(list(groups), chance.randint(0, 1))

    def change(frame: int, of_frame: dict[int, Any]) -> None:
        for group in spoiled:
            if chance.random() < 0.2:
                value = element(chance, TAGS.get(groups[group], "DS"))
                of_frame[group] = ("SQ", [{groups[group]: value}] if value is not None else [])

    voxels = sitk.GetArrayFromImage(inputs.image)
    order = list(range(len(voxels)))
    chance.shuffle(order)
    path = write_frames(
        folder / "t1.dcm", voxels, np.diag([1.0, 1.0, 2.0, 1.0]), order, change, implicit=implicit, open_ends=implicit
    )
    if not spoiled or chance.random() < 0.3:
        content = path.read_bytes()
        at = len(content) - voxels.nbytes
        path.write_bytes(_perhaps_cut(chance, content[:128] + change_numbers(chance, content[128:at]) + content[at:]))
    return inputs.segment(folder, t1=path)


def headers_of_tags(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """Two volumes of a folder, so that their patients are compared as well."""
    for number, name in enumerate(("t1", "flair")):

        def change(k: int, elements: dict[int, Any]) -> None:
            elements[0x0008103E] = text("LO", name)  # noqa: B023
            elements[0x00100020] = text("LO", "somebody")
            tag = chance.choice([0x0008103E, 0x00100020, 0x00080020, 0x0020000D, 0x00180010, 0x00080005])
            if chance.random() < 0.05:
                elements[tag] = element(chance, "LO")

        voxels = sitk.GetArrayFromImage(inputs.image)[::2, ::2, ::2] + number
        write_slices(folder / "case", voxels, np.eye(4), change, series=str(number + 7), prefix=name.upper())
    options = [option for option in inputs.segment(folder) if not option.startswith("--t1=")]
    return [*options, f"--folder={folder / 'case'}"]


def _perhaps_cut(chance: random.Random, content: bytes) -> bytes:
    return cut(chance, content) if chance.random() < 0.1 else content


IMAGES: dict[str, tuple[int, Change]] = {
    "nifti": (200, partial(nifti, name="t1.nii")),
    "packed nifti": (150, partial(nifti, name="t1.nii.gz")),
    "nifti pair": (200, partial(nifti, name="t1.hdr")),
    "nifti 2": (50, nifti2),
    "nrrd": (200, partial(text_header, name="t1.nrrd")),
    "nrrd with voxels beside": (150, partial(text_header, name="t1.nhdr")),
    "slicer segmentation": (100, slicer_segmentation),
    "metaimage": (200, partial(text_header, name="t1.mha")),
    "metaimage with voxels beside": (150, partial(text_header, name="t1.mhd")),
    "dicom series": (200, dicom_series),
    "dicom frames": (100, partial(dicom_frames, implicit=False)),
    "dicom frames without kinds": (100, partial(dicom_frames, implicit=True)),
    "two dicom series": (50, headers_of_tags),
}
"""How many of each kind, and what writes them."""
