"""The promise of geometry: a ball drawn at a place in the patient lies in the segment at that place, in every case."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.geometry import Geometry

RADIUS = 9.0
SHAPE = (22, 30, 34)


def turned(x: float, y: float, z: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [x, y, z], degrees=True).as_matrix()
    return matrix


def moved(x: float, y: float, z: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def spaced(i: float, j: float, k: float) -> np.ndarray:
    return np.diag([i, j, k, 1.0])


SHEAR = np.array([[1, 0.4, 0, 3], [0, 1, 0.2, -5], [0, 0, 1, 2], [0, 0, 0, 1.0]])
TILT = np.array([[1, 0, 0, 0], [0, 1, 0.3, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
STRETCH = np.diag([1.3, 0.8, 1.1, 1.0])
RIGID = moved(12, -7, 4) @ turned(12, 25, -8)
PLAIN = moved(-20, -18, -25) @ spaced(1.2, 1.3, 2.1)
OTHER = turned(-14, 9, 33) @ moved(4, 5, 6)


@dataclass(frozen=True)
class Case:
    """A volume's matrix from its voxels to RAS mm, the transforms above volume and segmentation, and the grid that the
    segmentation has already, if any.
    """

    volume: np.ndarray = field(default_factory=lambda: PLAIN)
    above_volume: np.ndarray | None = None
    above_segmentation: np.ndarray | None = None
    own_grid: np.ndarray | None = None


CASES = {
    "plain": Case(),
    "oblique": Case(turned(20, -10, 30) @ PLAIN),
    "thick slices": Case(moved(-10, -12, -60) @ spaced(0.7, 0.7, 5.5)),
    "left-handed": Case(moved(20, -18, -25) @ spaced(-1.2, 1.3, 2.1)),
    "sagittal": Case(moved(-18, 20, 25) @ np.array([[0, 0, 2.0, 0], [-1.2, 0, 0, 0], [0, -1.1, 0, 0], [0, 0, 0, 1]])),
    "cropped": Case(turned(5, 5, 5) @ moved(-9, -13, -17) @ spaced(0.9, 0.9, 1.5)),
    "tilted gantry": Case(PLAIN @ TILT),
    "volume moved": Case(turned(20, -10, 30) @ PLAIN, above_volume=RIGID),
    "volume mirrored": Case(above_volume=np.diag([-1.0, 1, 1, 1])),
    "volume stretched": Case(above_volume=STRETCH),
    "volume sheared": Case(above_volume=SHEAR),
    "oblique volume sheared": Case(turned(20, -10, 30) @ PLAIN, above_volume=SHEAR @ RIGID),
    "segmentation moved": Case(above_segmentation=RIGID),
    "segmentation mirrored": Case(above_segmentation=np.diag([1.0, 1, -1, 1])),
    "segmentation stretched": Case(above_segmentation=STRETCH),
    "segmentation sheared": Case(above_segmentation=SHEAR),
    "both moved": Case(turned(20, -10, 30) @ PLAIN, above_volume=RIGID, above_segmentation=OTHER),
    "both sheared": Case(above_volume=SHEAR, above_segmentation=TILT @ RIGID),
    "own finer grid": Case(own_grid=moved(-30.17, -30.23, -30.31) @ spaced(1.0, 0.9, 1.1)),
    "own oblique grid": Case(own_grid=turned(-20, 30, 10) @ moved(-30, -30, -30) @ spaced(1.1, 1.0, 1.3)),
    "own grid, moved": Case(above_segmentation=RIGID, own_grid=moved(-40, -40, -40) @ spaced(1.5, 1.0, 1.0)),
    "own left-handed grid": Case(own_grid=moved(30.17, -30.23, -30.31) @ spaced(-1.0, 1.1, 1.2)),
}


@pytest.fixture
def scene_of(add_volume: Callable[..., Any], put_under: Callable[..., Any], segmentation: Any) -> Callable[..., Any]:
    """A function from a case to its volume node, bright in a ball, its segmentation node, and the ball's centre."""

    def build(case: Case) -> tuple[Any, Any, np.ndarray]:
        above = np.eye(4) if case.above_volume is None else case.above_volume
        matrix = above @ case.volume
        centre = (matrix @ [15.3, 16.4, 10.7, 1])[:3]
        k, j, i = np.indices(SHAPE)
        world = np.stack([i, j, k], -1) @ matrix[:3, :3].T + matrix[:3, 3]
        inside = ((world - centre) ** 2).sum(-1) < RADIUS**2
        volume_node = add_volume(np.where(inside, 200, 10).astype(np.int16), case.volume)
        if case.above_volume is not None:
            put_under(volume_node, case.above_volume)
        if case.above_segmentation is not None:
            put_under(segmentation, case.above_segmentation)
        if case.own_grid is not None:
            give_grid(segmentation, case.own_grid)
        return volume_node, segmentation, centre

    return build


def give_grid(segmentation_node: Any, matrix: np.ndarray) -> None:
    """A segment of somebody else's on a grid of its own."""
    import slicer
    import vtk

    image = slicer.vtkOrientedImageData()
    image.SetExtent(2, 5, 3, 6, 4, 8)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    to_ras = vtk.vtkMatrix4x4()
    to_ras.DeepCopy(matrix.ravel())
    image.SetGeometryFromImageToWorldMatrix(to_ras)
    segmentation_node.AddSegmentFromBinaryLabelmapRepresentation(image, "another")


def ball(geometry: Geometry, centre: np.ndarray) -> np.ndarray:
    k, j, i = np.indices(geometry.shape)
    ras = geometry.to_ras(np.stack([i, j, k], -1))
    return (((ras - centre) ** 2).sum(-1) < RADIUS**2).astype(np.uint8)


@pytest.mark.parametrize("name", CASES)
def test_a_volume_is_read_where_it_is(name: str, scene_of: Callable[..., Any]) -> None:
    from GliomaSAMLib.slicer.volumes import volume_image

    volume_node, _, centre = scene_of(CASES[name])
    image = volume_image(volume_node)
    geometry = Geometry.of_image(image)
    bright = np.argwhere(sitk.GetArrayFromImage(image) > 105)[:, ::-1]
    found = geometry.to_ras(bright)
    assert np.abs(geometry.to_ijk(found.mean(axis=0)) - geometry.to_ijk(centre)).max() < 0.5
    volume = len(bright) * np.prod(geometry.spacing)
    assert volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.12)
    axes = np.asarray(geometry.direction)
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_a_ball_lies_in_the_segment_where_it_was(
    name: str, scene_of: Callable[..., Any], voxels_of: Callable[..., np.ndarray]
) -> None:
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter
    from GliomaSAMLib.slicer.volumes import volume_image

    volume_node, segmentation, centre = scene_of(CASES[name])
    others = segmentation.GetSegmentation().GetSegmentIDs()
    before = [voxels_of(segmentation, other) for other in others]
    reference = Geometry.of_image(volume_image(volume_node))
    mask = ball(reference, centre)
    writer = SegmentWriter(segmentation, reference, "lesion", volume_node=volume_node)
    (written,) = writer.write({"WT": mask})

    found = voxels_of(segmentation, written)
    half = np.linalg.norm(reference.spacing) / 2
    assert np.abs(reference.to_ijk(found.mean(axis=0)) - reference.to_ijk(centre)).max() < 0.5
    nearest = np.round(reference.to_ijk(found)).astype(int)  # each voxel of the segment is one of the mask's
    assert mask[tuple(nearest[:, ::-1].T)].all()
    distances = np.linalg.norm(found - centre, axis=1)
    assert RADIUS - 2 * half < distances.max() < RADIUS + half
    again = writer.read("WT")
    assert again is not None
    overlap = 2 * (again & mask).sum() / (again.sum() + mask.sum())
    assert overlap == 1 or ((CASES[name].own_grid is not None or "sheared" in name) and overlap > 0.9)
    assert all(np.array_equal(voxels_of(segmentation, o), b) for o, b in zip(others, before, strict=True))


@pytest.mark.parametrize("name", ["oblique", "segmentation moved", "own oblique grid", "both sheared"])
def test_a_small_change_is_written_where_it_is(
    name: str, scene_of: Callable[..., Any], voxels_of: Callable[..., np.ndarray]
) -> None:
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter
    from GliomaSAMLib.slicer.volumes import volume_image

    volume_node, segmentation, centre = scene_of(CASES[name])
    reference = Geometry.of_image(volume_image(volume_node))
    mask = ball(reference, centre)
    writer = SegmentWriter(segmentation, reference, "lesion")
    (written,) = writer.write({"WT": mask})
    k, j, i = (int(n) for n in np.round(reference.to_ijk(centre))[::-1])
    box = (k - 2, k + 2, j - 2, j + 3, i - 2, i + 2)
    changed = mask.copy()
    changed[tuple(slice(*box[2 * a : 2 * a + 2]) for a in range(3))] = 0
    before = voxels_of(segmentation, written)
    writer.write({"WT": changed}, {"WT": box})
    after = voxels_of(segmentation, written)

    expected = changed[tuple(np.round(reference.to_ijk(before)).astype(int)[:, ::-1].T)] > 0
    assert 0 < len(after) < len(before)
    assert np.allclose(after, before[expected], atol=1e-6)


def test_a_volume_under_a_warp_is_refused_and_so_is_a_segmentation(
    scene_of: Callable[..., Any], put_under_warp: Callable[[Any], Any]
) -> None:
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter
    from GliomaSAMLib.slicer.volumes import volume_image

    volume_node, segmentation, centre = scene_of(Case())
    reference = Geometry.of_image(volume_image(volume_node))
    put_under_warp(volume_node)
    with pytest.raises(StudyError, match=r"warp, a transform that is not linear: harden it"):
        volume_image(volume_node)
    put_under_warp(segmentation)
    with pytest.raises(StudyError, match="not linear"):
        SegmentWriter(segmentation, reference).write({r: ball(reference, centre) for r in ("WT", "TC", "ET")})
    assert segmentation.GetSegmentation().GetNumberOfSegments() == 0


def test_a_volume_in_use_put_under_a_warp_is_read_again_once_it_can_be(
    task: Any, t1_node: Any, grid: Geometry, panel: Any, put_under_warp: Any, plain: Any, run_until: Callable[..., None]
) -> None:
    def place(*ijk: int) -> tuple[float, ...]:
        return tuple(float(value) for value in grid.to_ras(np.asarray(ijk)))

    given = [task.session.add_point(place(5, 5, 5))]
    run_until()
    put_under_warp(t1_node)
    given.append(task.session.add_point(place(12, 11, 8)))
    run_until()
    assert "harden it" in panel.told("error") and task.phase == "stopped" and task.volume_nodes == {"t1": t1_node}
    assert np.array_equal(task.masks("WT"), plain(tuple(given[:1]), grid)["WT"]), "nothing is answered on what was read"
    t1_node.SetAndObserveTransformNodeID(None)
    given.append(task.session.add_point(place(3, 12, 8)))
    run_until()
    assert task.phase == "ready" and np.array_equal(task.masks("WT"), plain(tuple(given), grid)["WT"])
