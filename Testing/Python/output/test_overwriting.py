"""No result takes the place of an input, by whatever path or link."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.output.overwriting import files_of_image, refuse_inputs
from GliomaSAMLib.study.image_file import read_image_file


def same(path: Path) -> Path:
    return path


def through_dots(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


def relative(path: Path) -> Path:
    return Path(os.path.relpath(path))


def link(path: Path) -> Path:
    made = path.with_name("link.nii.gz")
    made.symlink_to(path)
    return made


def hard_link(path: Path) -> Path:
    made = path.with_name("hard.nii.gz")
    os.link(path, made)
    return made


def linked_folder(path: Path) -> Path:
    made = path.parent.with_name("other")
    made.symlink_to(path.parent)
    return made / path.name


def unpacked_twin(path: Path) -> Path:
    return path.with_suffix("")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "case" / "flair.nii.gz"
    path.parent.mkdir()
    path.write_bytes(b"voxels")
    return path


@pytest.mark.parametrize("way", [same, through_dots, relative, link, hard_link, linked_folder, unpacked_twin])
def test_an_input_by_any_path(way: Callable[[Path], Path], volume: Path) -> None:
    with pytest.raises(OutputError, match="choose another name"):
        refuse_inputs([volume.with_name("fine.nii.gz"), way(volume)], {"--flair": (volume,)})


def test_an_input_that_is_a_link(volume: Path) -> None:
    with pytest.raises(OutputError, match="--flair"):
        refuse_inputs([volume], {"--flair": (link(volume),)})


def test_other_names_will_do(volume: Path) -> None:
    copy = volume.with_name("copy.nii.gz")
    copy.write_bytes(volume.read_bytes())
    refuse_inputs([copy, volume.with_name("new.nii.gz"), volume.with_name("flair.seg.nrrd")], {"--flair": (volume,)})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.mhd", "NDims = 3\nElementDataFile = voxels.nii\n"),
        ("a.nhdr", "NRRD0004\ndata file: voxels.nii\n\n"),
        ("a.nhdr", "NRRD0004\ndatafile: ./voxels.nii\n\n"),
    ],
)
def test_voxels_that_lie_apart_from_their_header(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(OutputError):
        refuse_inputs([tmp_path / "voxels.nii"], {"--t1": files_of_image(tmp_path / name)})


@pytest.mark.parametrize("name", ["Müller.mhd", "Müller.nhdr", "脑.mhd"])
def test_names_that_are_not_ascii(name: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.arange(12 * 14 * 16, dtype=np.int16).reshape(12, 14, 16))
    sitk.WriteImage(image, str(tmp_path / name))
    (voxels,) = (path for path in tmp_path.iterdir() if path.name != name)
    read = read_image_file(tmp_path / name).image
    assert np.array_equal(sitk.GetArrayViewFromImage(read), sitk.GetArrayViewFromImage(image))
    assert files_of_image(tmp_path / name) == (tmp_path / name, voxels)
    with pytest.raises(OutputError):
        refuse_inputs([voxels], {"--t1": files_of_image(tmp_path / name)})


def test_a_name_in_latin_1(tmp_path: Path) -> None:
    (tmp_path / "a.mhd").write_text("NDims = 3\nElementDataFile = Müller.raw\n", encoding="latin-1")
    (tmp_path / "Müller.raw").touch()
    assert files_of_image(tmp_path / "a.mhd")[1] == tmp_path / "Müller.raw"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.mhd", "NDims = 3\nElementDataFile = slice%02d.raw 1 3 1\n"),
        ("a.nhdr", "NRRD0004\ndata file: slice%02d.raw 1 3 1\n\n"),
        ("a.nhdr", "NRRD0004\ndata file: slice%d.raw 1 3 1 2\n\n"),
    ],
)
def test_voxels_in_several_numbered_files(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    for other in ("slice01.raw", "slice02.raw", "slice03.raw", "slicex.raw", "slice04.raw.txt"):
        (tmp_path / other).write_bytes(b"")
    inputs = {"--t1": files_of_image(tmp_path / name)}
    with pytest.raises(OutputError):
        refuse_inputs([tmp_path / "slice03.raw"], inputs)
    refuse_inputs([tmp_path / "slicex.raw", tmp_path / "slice04.raw.txt"], inputs)
