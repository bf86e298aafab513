"""Segments as files, read by SimpleITK and by Slicer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import labels_from_regions


@pytest.fixture
def written(segmentation: Any, grid: Geometry, nested: dict[str, np.ndarray]) -> Any:
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    SegmentWriter(segmentation, grid).write(nested)
    return segmentation


@pytest.mark.parametrize("et_label", [3, 4])
def test_a_label_map_holds_the_segments_as_they_are_now(
    et_label: int, tmp_path: Path, written: Any, grid: Geometry, nested: dict[str, np.ndarray]
) -> None:
    from GliomaSAMLib.slicer.export import export_label_map

    export_label_map(written, grid, tmp_path / "a.nii.gz", et_label)
    image = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image), labels_from_regions(nested, et_label))
    assert Geometry.of_image(image).matches(grid)
    written.GetSegmentation().RemoveSegment("GliomaSAM_ET")
    export_label_map(written, grid, tmp_path / "a.nii.gz")
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.nii.gz"))))) == {0, 1, 2}


def test_a_label_map_on_a_volumes_grid_and_of_other_styles(
    tmp_path: Path, mrml_scene: Any, grid: Geometry, nested: dict[str, np.ndarray], add_volume: Callable[..., Any]
) -> None:
    from GliomaSAMLib.slicer.export import export_label_map
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter, new_segmentation

    volume_node = add_volume(np.zeros(grid.shape, np.int16), grid.ijk_to_ras)
    for style, expected in (("disjoint", labels_from_regions(nested)), ("lesion", nested["WT"])):
        node = new_segmentation(mrml_scene, style, volume_node)
        (first, *_) = SegmentWriter(node, grid, style, volume_node=volume_node).write(nested)
        lesion = first if style == "lesion" else None
        export_label_map(node, volume_node, tmp_path / "b.nrrd", style=style, lesion_segment=lesion)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "b.nrrd"))), expected)


@pytest.mark.parametrize("moved", [False, True])
def test_a_segmentation_file_is_read_by_slicer_where_it_was(
    moved: bool,
    tmp_path: Path,
    mrml_scene: Any,
    written: Any,
    put_under: Callable[..., Any],
    voxels_of: Callable[..., np.ndarray],
) -> None:
    import slicer

    from GliomaSAMLib.slicer.export import export_segmentation

    if moved:
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_euler("xyz", [4, 30, -12], degrees=True).as_matrix()
        matrix[:3, 3] = 5, 6, -7
        put_under(written, matrix)
    export_segmentation(written, tmp_path / "a.seg.nrrd")
    storage = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(tmp_path / "a.seg.nrrd"))
    node = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert storage.ReadData(node)
    for segment_id in ("GliomaSAM_WT", "GliomaSAM_TC", "GliomaSAM_ET"):
        expected = voxels_of(written, segment_id)
        found = voxels_of(node, segment_id)
        assert found.shape == expected.shape and np.allclose(found, expected, atol=1e-4)
        segment, original = (n.GetSegmentation().GetSegment(segment_id) for n in (node, written))
        assert segment.GetTerminology() == original.GetTerminology() != ""
        assert segment.GetName() == original.GetName()
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.seg.nrrd"]


def test_what_cannot_be_written_is_said_and_nothing_is_lost(
    tmp_path: Path, mrml_scene: Any, written: Any, grid: Geometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    from GliomaSAMLib.slicer.export import export_label_map, export_segmentation

    with pytest.raises(OutputError, match="does not exist: make it"):
        export_label_map(written, grid, tmp_path / "absent" / "a.nii.gz")
    with pytest.raises(OutputError, match="does not end in"):
        export_segmentation(written, tmp_path / "a.nrrd")
    empty = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "new")
    with pytest.raises(OutputError, match="click the tumour first"):
        export_label_map(empty, grid, tmp_path / "a.nii.gz")
    with pytest.raises(OutputError, match="click the tumour first"):
        export_segmentation(empty, tmp_path / "a.seg.nrrd")
    old = tmp_path / "a.seg.nrrd"
    old.write_text("old")

    class FullDisk(slicer.vtkMRMLSegmentationStorageNode):
        def WriteData(self, node: Any) -> int:
            return 0

    monkeypatch.setattr(slicer, "vtkMRMLSegmentationStorageNode", FullDisk)
    with pytest.raises(OutputError, match="free space"):
        export_segmentation(written, old)
    assert old.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_read_only_disk(tmp_path: Path, written: Any, grid: Geometry, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    from GliomaSAMLib.slicer.export import export_label_map, export_segmentation

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OutputError, match="Read-only file system"):
        export_label_map(written, grid, tmp_path / "a.nii.gz")
    with pytest.raises(OutputError, match="Read-only file system"):
        export_segmentation(written, tmp_path / "a.seg.nrrd")
