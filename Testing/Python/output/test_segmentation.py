"""Where results may go, told before the work, and files that are whole or not there."""

import errno
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.files import replacing
from GliomaSAMLib.geometry import Geometry, bounding_box
from GliomaSAMLib.output import (
    CAVITY_STYLE,
    REGION_STYLES,
    RegionStyle,
    Segment,
    check_output_path,
    output_suffix,
    region_segments,
    terminology_entry,
    write_label_map,
    write_report,
    write_segmentation,
    write_segments,
)

NAMES = ["a.nii.gz", "a.nii", "a.nrrd", "a.mha", "a.seg.nrrd"]


@pytest.mark.parametrize("name", [*NAMES, "B.SEG.NRRD", "c.d.nii.gz"])
def test_a_good_path_is_returned_and_nothing_left(tmp_path: Path, name: str) -> None:
    assert check_output_path(tmp_path / name) == tmp_path / name
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "a.png", "a.nii.zip", "a.gz", ".nii.gz", "a.json"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"\.nii\.gz.*\.seg\.nrrd"):
        check_output_path(tmp_path / name)
    with pytest.raises(OutputError):
        output_suffix(name)


def test_a_report_may_ask_for_its_own_suffix(tmp_path: Path) -> None:
    assert check_output_path(tmp_path / "r.json", (".json",))
    with pytest.raises(OutputError, match=r"\.json"):
        check_output_path(tmp_path / "r.nii.gz", (".json",))
    assert check_output_path(tmp_path / "anything", None)


def test_a_folder_that_is_absent_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        check_output_path(tmp_path / "none" / "a.nii.gz")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        check_output_path(tmp_path / "file" / "a.nii.gz")
    (tmp_path / "a.nii.gz").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_output_path(tmp_path / "a.nii.gz")


def test_a_folder_that_refuses_files_is_found_out_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OutputError, match=r"cannot be written \(Permission denied\)"):
        check_output_path(tmp_path / "a.nii.gz")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        check_output_path(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("name", NAMES)
def test_a_writer_that_fails_half_way_leaves_the_old_file_and_no_other(
    tmp_path: Path,
    nested: dict[str, np.ndarray],
    oblique: Geometry,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    (tmp_path / name).write_bytes(b"old")

    def fail(_: sitk.Image, path: str, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sitk, "WriteImage", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        write_segmentation(tmp_path / name, nested, oblique)
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_a_writer_that_fails_without_saying_so_is_caught(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(b"old")
    write = sitk.WriteImage

    def truncate(image: sitk.Image, path: str, **options: object) -> None:
        write(image, path, **options)
        os.truncate(path, os.path.getsize(path) * 2 // 3)

    monkeypatch.setattr(sitk, "WriteImage", truncate)
    with pytest.raises(OutputError, match="free space"):
        write_segmentation(tmp_path / name, nested, oblique)
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_interruption_removes_the_temporary_file(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing(tmp_path / "a.json") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 64 kB, where the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root and mount")
    options = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(options, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let a small tmpfs be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", [*NAMES, "a.json"])
def test_a_full_disk_leaves_the_old_file_and_no_other(small_disk: Path, name: str) -> None:
    noise = (np.random.default_rng(0).random((3, 80, 80, 80)) < 0.5).astype(np.uint8)
    masks = dict(zip(("WT", "TC", "ET"), noise, strict=True))
    straight = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    (small_disk / name).write_bytes(b"old")

    def write() -> None:
        if name.endswith(".json"):
            write_report(small_disk / name, {"notes": "x" * 200_000})
        else:
            write_segmentation(small_disk / name, masks, Geometry((80, 80, 80), (1, 1, 1), (0, 0, 0), straight))

    with pytest.raises(OutputError, match="free space"):
        write()
    assert (small_disk / name).read_bytes() == b"old"
    assert [path.name for path in small_disk.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.nrrd", "a.mha", "A.NII.GZ", "patient.7.nii.gz"])
@pytest.mark.parametrize("et_label", [3, 4])
def test_labels_and_geometry_come_back(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry, name: str, et_label: int
) -> None:
    write_segmentation(tmp_path / name, nested, oblique, et_label)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    image = sitk.ReadImage(str((tmp_path / name).rename(tmp_path / name.lower())))  # ITK reads lower case only
    labels = sitk.GetArrayFromImage(image)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels > 0, nested["WT"])
    assert np.array_equal(np.isin(labels, (1, et_label)), nested["TC"])
    assert np.array_equal(labels == et_label, nested["ET"])
    assert set(np.unique(labels)) == {0, 1, 2, et_label}
    corners = np.array([(0, 0, 0), (13, 0, 0), (0, 11, 0), (0, 0, 9), (13, 11, 9)])
    assert np.allclose(Geometry.of_image(image).to_ras(corners), oblique.to_ras(corners), atol=1e-4)


def test_another_label_of_enhancing_tumour_is_refused(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry
) -> None:
    with pytest.raises(OutputError, match="use 3"):
        write_label_map(tmp_path / "a.nii.gz", nested, oblique, 5)


def test_masks_that_do_not_fit_are_refused_and_nothing_is_written(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry
) -> None:
    for masks in ({**nested, "TC": nested["TC"][1:]}, {"WT": nested["WT"]}):
        for name in ("a.nii.gz", "a.seg.nrrd"):
            with pytest.raises(OutputError, match="TC"):
                write_segmentation(tmp_path / name, masks, oblique)
    assert list(tmp_path.iterdir()) == []


READ_IN_SLICER = """
import json, sys
import numpy as np, slicer, vtk
from vtk.util.numpy_support import vtk_to_numpy

scene = slicer.vtkMRMLScene()
application = slicer.vtkSlicerApplicationLogic()
application.SetMRMLScene(scene)
segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
segmentations.SetMRMLScene(scene)
storage = slicer.vtkMRMLSegmentationStorageNode()
storage.SetFileName(sys.argv[1])
scene.AddNode(storage)
node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
assert storage.ReadData(node), "Slicer could not read it"
found = {}
segmentation = node.GetSegmentation()
for number in range(segmentation.GetNumberOfSegments()):
    name = segmentation.GetNthSegmentID(number)
    segment = segmentation.GetSegment(name)
    tag = vtk.reference("")
    segment.GetTag("TerminologyEntry", tag)
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(name, image)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    extent = image.GetExtent()
    voxels = []
    if image.GetPointData().GetScalars() is not None:
        i0, i1, j0, j1, k0, k1 = extent
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
        voxels = (np.argwhere(array) + (k0, j0, i0)).tolist()
    found[name] = dict(
        name=segment.GetName(), colour=segment.GetColor(), terminology=str(tag), layer=segmentation.GetLayerIndex(name),
        matrix=[[matrix.GetElement(row, column) for column in range(4)] for row in range(4)], voxels=voxels,
    )
print("FOUND", json.dumps(found))
"""


def read_in_slicer(path: Path) -> dict:
    """What Slicer's core finds in a file, in a process of its own."""
    if importlib.util.find_spec("slicer") is None:
        pytest.skip("slicer-core is not installed")
    done = subprocess.run(
        [sys.executable, "-c", READ_IN_SLICER, str(path)],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0].removeprefix("FOUND "))


def voxels(mask: np.ndarray) -> list:
    return np.argwhere(mask).tolist()


def test_slicer_reads_overlapping_segments_exactly(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry
) -> None:
    write_segmentation(tmp_path / "a.seg.nrrd", nested, oblique)
    found = read_in_slicer(tmp_path / "a.seg.nrrd")
    assert list(found) == ["WT", "TC", "ET"]
    assert {found[region]["layer"] for region in found} == {0, 1, 2}
    for region, segment in found.items():
        assert segment["voxels"] == voxels(nested[region])
        assert np.allclose(segment["matrix"], oblique.ijk_to_ras, atol=1e-9)
        assert segment["name"] == REGION_STYLES[region].name
        assert segment["colour"] == pytest.approx(REGION_STYLES[region].colour)
        assert segment["terminology"] == terminology_entry(region)


def test_slicer_reads_an_empty_segment_as_empty(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry
) -> None:
    nested["ET"][:] = 0
    write_segmentation(tmp_path / "a.seg.nrrd", nested, oblique)
    found = read_in_slicer(tmp_path / "a.seg.nrrd")
    assert found["ET"]["voxels"] == []
    assert found["TC"]["voxels"] == voxels(nested["TC"])


def test_slicer_reads_a_file_without_any_tumour(tmp_path: Path, oblique: Geometry) -> None:
    empty = {region: np.zeros(oblique.shape, np.uint8) for region in ("WT", "TC", "ET")}
    write_segmentation(tmp_path / "a.seg.nrrd", empty, oblique)
    found = read_in_slicer(tmp_path / "a.seg.nrrd")
    assert [segment["voxels"] for segment in found.values()] == [[], [], []]


def test_slicer_reads_further_segments_beside_the_regions(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry
) -> None:
    """What does not touch shares a layer, as a label of its own."""
    cavity, lesion = np.zeros(oblique.shape, np.uint8), nested["ET"].copy()
    cavity[:2, :2, :3] = 1
    style = RegionStyle("CE L1", (1.0, 0.0, 0.0), ("SCT", "52988006", "Lesion"))
    segments = [*region_segments(nested, cavity), Segment("CE L1", lesion, style)]
    write_segments(tmp_path / "a.seg.nrrd", segments, oblique)
    found = read_in_slicer(tmp_path / "a.seg.nrrd")
    assert list(found) == ["WT", "TC", "ET", "cavity", "CE L1"]
    assert [found[name]["layer"] for name in found] == [0, 1, 2, 0, 3]
    for segment in segments:
        assert found[segment.id]["voxels"] == voxels(segment.mask)
        assert found[segment.id]["name"] == segment.style.name
    assert found["cavity"]["colour"] == pytest.approx(CAVITY_STYLE.colour)
    assert "Resection cavity" in found["cavity"]["terminology"]


def test_slicer_reads_segments_of_one_layer(tmp_path: Path, oblique: Geometry) -> None:
    cavity = np.zeros(oblique.shape, np.uint8)
    cavity[:2, :2, :3] = 1
    write_segments(tmp_path / "a.seg.nrrd", [Segment("cavity", cavity, CAVITY_STYLE)], oblique)
    assert read_in_slicer(tmp_path / "a.seg.nrrd")["cavity"]["voxels"] == voxels(cavity)


def test_a_segment_may_be_cut_to_what_it_holds(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry
) -> None:
    whole = region_segments(nested)
    boxes = [bounding_box(one.mask) for one in whole]
    starts = [tuple(side.start for side in box) for box in boxes]
    cut = [replace(one, mask=one.mask[box], start=start) for one, box, start in zip(whole, boxes, starts, strict=True)]
    assert all(one.mask.size < nested[one.id].size for one in cut)
    write_segments(tmp_path / "whole.seg.nrrd", whole, oblique)
    write_segments(tmp_path / "cut.seg.nrrd", cut, oblique)
    assert (tmp_path / "cut.seg.nrrd").read_bytes() == (tmp_path / "whole.seg.nrrd").read_bytes()


def test_segments_that_cannot_be_written(tmp_path: Path, oblique: Geometry) -> None:
    good = Segment("cavity", np.zeros(oblique.shape, np.uint8), CAVITY_STYLE)
    for name, segments, said in (
        ("a.nii.gz", [good], "does not end in .seg.nrrd"),
        ("a.seg.nrrd", [], "No segment"),
        ("a.seg.nrrd", [good, good], "called cavity"),
        ("a.seg.nrrd", [replace(good, mask=good.mask[1:])], "The segment cavity has the shape"),
        ("a.seg.nrrd", [replace(good, start=(1, 0, 0))], "reaches beyond the grid"),
        ("a.seg.nrrd", [replace(good, mask=good.mask[1:], start=(-1, 0, 0))], "reaches beyond the grid"),
    ):
        with pytest.raises(OutputError, match=said):
            write_segments(tmp_path / name, segments, oblique)
    assert list(tmp_path.iterdir()) == []


def test_the_header_is_that_of_slicer(tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry) -> None:
    write_segmentation(tmp_path / "a.seg.nrrd", nested, oblique)
    header = (tmp_path / "a.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    assert "kinds: list domain domain domain" in header
    assert "encoding: gzip" in header
    assert "Segment2_Extent:=4 7 4 6 3 4" in header
    assert "Segment0_Name:=Whole tumour" in header
    image = sitk.ReadImage(str(tmp_path / "a.seg.nrrd"))
    assert sitk.GetArrayFromImage(image).shape == (*oblique.shape, 3)


def test_the_terminology_names_codes_and_the_brain() -> None:
    parts = terminology_entry("ET").split("~")
    assert len(parts) == 7
    assert parts[2] == "NCIt^C113842^Enhancing Lesion"
    assert parts[5] == "SCT^12738006^Brain"
    assert len({style.colour for style in REGION_STYLES.values()}) == len(REGION_STYLES) == 3
