"""Slicer segmentations, read by Slicer's own storage node."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.output import REGION_STYLES, terminology_entry, write_segmentation
from GliomaSAMLib.study.geometry import Geometry

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
