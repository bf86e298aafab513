"""Where nodes lie in the world: matrices from voxel indices to RAS mm, transforms above nodes, and sampling between
grids.

Matrices are homogeneous 4 x 4 from (I, J, K) to RAS mm; arrays are (K, J, I).
"""

from typing import Any

import numpy as np
import vtk
from scipy import ndimage
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..errors import StudyError
from ..geometry import Geometry

LARGEST_SKEW = 0.1
"""How far, in voxels, a corner may move when nearly perpendicular axes are made exactly so."""
ON_THE_GRID = 1e-3
"""Two grids are one when no corner differs by more than this many voxels."""


def array_from_matrix(matrix: Any) -> np.ndarray:
    """A vtkMatrix4x4 as an array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrix_from_array(array: np.ndarray) -> Any:
    """An array as a vtkMatrix4x4."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, float).ravel())
    return matrix


def shifted(matrix: np.ndarray, start: tuple[int, int, int]) -> np.ndarray:
    """The matrix of the part of a grid that starts at voxel `start` (I, J, K)."""
    result = np.array(matrix, float)
    result[:3, 3] += result[:3, :3] @ np.asarray(start, float)
    return result


def local_to_world(node: Any) -> np.ndarray:
    """From a node's own coordinates to the world's, through the linear transforms above it.

    Raises:
        StudyError: A transform above the node is not linear.
    """
    transform_node = node.GetParentTransformNode()
    if transform_node is None:
        return np.eye(4)
    matrix = vtk.vtkMatrix4x4()
    if not transform_node.IsTransformToWorldLinear() or not transform_node.GetMatrixTransformToWorld(matrix):
        raise StudyError(
            f"{node.GetName()} lies under {transform_node.GetName()}, a transform that is not linear: "
            "harden it (Transforms module, Harden) or take the volume out of it"
        )
    return array_from_matrix(matrix)


def volume_matrix(volume_node: Any) -> np.ndarray:
    """From the voxel indices of a volume node to the world. Raises `StudyError` as `local_to_world`."""
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return local_to_world(volume_node) @ array_from_matrix(matrix)


def image_matrix(oriented_image: Any) -> np.ndarray:
    """From the voxel indices of a vtkOrientedImageData to the coordinates it is given in."""
    matrix = vtk.vtkMatrix4x4()
    oriented_image.GetImageToWorldMatrix(matrix)
    return array_from_matrix(matrix)


def image_array(image: Any) -> np.ndarray:
    """The voxels (K, J, I) of a vtkImageData with one component, without a copy; empty where it has none."""
    i0, i1, j0, j1, k0, k1 = image.GetExtent()
    scalars = image.GetPointData().GetScalars()
    if scalars is None or i1 < i0 or j1 < j0 or k1 < k0:
        return np.zeros((0, 0, 0), np.uint8)
    return np.asarray(vtk_to_numpy(scalars)).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)


def image_start(image: Any) -> tuple[int, int, int]:
    """The first voxel (I, J, K) of a vtkImageData, which need not be 0."""
    extent = image.GetExtent()
    return extent[0], extent[2], extent[4]


def fill_image(image: Any, array: np.ndarray, start: tuple[int, int, int] = (0, 0, 0)) -> None:
    """Give a vtkImageData the voxels (K, J, I) of `array`, copied, from voxel `start` (I, J, K) on."""
    extent = [end for first, count in zip(start, array.shape[::-1], strict=True) for end in (first, first + count - 1)]
    image.SetExtent(*extent)
    scalars = numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True)
    image.GetPointData().SetScalars(scalars)


def perpendicular_grid(matrix: np.ndarray, size: tuple[int, int, int]) -> Geometry | None:
    """The same grid as a `Geometry`; None where its axes are not perpendicular. Left-handed axes stay so.

    Rounding errors of files are put right: no voxel moves by more than `LARGEST_SKEW`.
    """
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    left, _, right = np.linalg.svd(matrix[:3, :3] / spacing)
    direction = left @ right
    half = (np.asarray(size) - 1) / 2
    skew = np.abs(direction * spacing - matrix[:3, :3]) @ half
    if np.linalg.norm(skew) > LARGEST_SKEW * spacing.min():
        return None
    centre = matrix[:3, :3] @ half + matrix[:3, 3]
    return _geometry(size, spacing, centre - (direction * spacing) @ half, direction)


def covering_grid(matrix: np.ndarray, size: tuple[int, int, int]) -> Geometry:
    """A grid with perpendicular axes, as near to those of `matrix` as can be, of its finest spacing, over all of it."""
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    left, _, right = np.linalg.svd(matrix[:3, :3] / lengths)
    direction = left @ right
    spacing = np.full(3, _finest_spacing(matrix[:3, :3]))
    ends = [(-0.5, count - 0.5) for count in size]
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    along = (corners @ matrix[:3, :3].T + matrix[:3, 3]) @ direction
    first, last = along.min(axis=0), along.max(axis=0)
    count = np.maximum(np.ceil((last - first) / spacing - 1e-6), 1).astype(int)
    origin = direction @ (first + spacing / 2)
    return _geometry(tuple(int(n) for n in count), spacing, origin, direction)


def _finest_spacing(axes: np.ndarray) -> float:
    """The smallest distance between neighbouring planes of voxels."""
    return float(1 / np.linalg.norm(np.linalg.inv(axes), axis=1).max())


def _geometry(size: tuple[int, ...], spacing: np.ndarray, origin: np.ndarray, direction: np.ndarray) -> Geometry:
    return Geometry(
        size,  # type: ignore[arg-type]
        tuple(float(v) for v in spacing),  # type: ignore[arg-type]
        tuple(float(v) for v in origin),  # type: ignore[arg-type]
        tuple(tuple(float(v) for v in row) for row in direction),  # type: ignore[arg-type]
    )


def same_grid(matrix: np.ndarray, other: np.ndarray, size: tuple[int, int, int]) -> bool:
    """Whether two matrices put the voxels of a grid of `size` (I, J, K) in the same places."""
    return _offset(np.linalg.inv(matrix) @ other, size) == (0, 0, 0)


def sample(
    array: np.ndarray, matrix: np.ndarray, target: np.ndarray, shape: tuple[int, int, int], outside: float
) -> np.ndarray:
    """The nearest values of `array` on another grid: (K, J, I) of `shape`, `outside` where `array` has no voxel.

    Args:
        array: (K, J, I), of numbers.
        matrix: Where its voxels lie.
        target: Where the voxels wanted lie.
        shape: How many are wanted (K, J, I).
        outside: A float makes the result one of floats.
    """
    result = np.full(shape, outside, np.result_type(array.dtype, outside))
    if array.size == 0 or 0 in shape:
        return result
    step = np.linalg.inv(matrix) @ target  # indices in `array` from those wanted, both (I, J, K)
    offset = _offset(step, shape[::-1])
    if offset is not None:
        _paste(result, array, offset[::-1])
        return result
    cut, first = _needed(array, step, shape)
    if cut.size:
        padded = np.pad(cut.astype(result.dtype), 1, constant_values=outside)  # half a voxel beyond a centre is inside
        start = step[:3, 3][::-1] - first + 1
        ndimage.affine_transform(padded, step[:3, :3][::-1, ::-1], start, shape, result, order=0, cval=outside)
    return result


def _needed(array: np.ndarray, step: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The part of `array` that a grid of `shape` (K, J, I) looks at, and its first voxel (K, J, I)."""
    ends = np.stack(np.meshgrid(*[(0, count - 1) for count in shape[::-1]], indexing="ij"), axis=-1).reshape(-1, 3)
    looked_at = (ends @ step[:3, :3].T + step[:3, 3])[:, ::-1]
    first = np.clip(np.floor(looked_at.min(axis=0)).astype(int) - 1, 0, array.shape)
    last = np.clip(np.ceil(looked_at.max(axis=0)).astype(int) + 2, 0, array.shape)
    return array[tuple(slice(a, max(a, b)) for a, b in zip(first, last, strict=True))], first


def _offset(step: np.ndarray, size: tuple[int, ...]) -> tuple[int, int, int] | None:
    """The whole voxels (I, J, K) by which two grids differ; None where they differ otherwise."""
    offset = np.round(step[:3, 3])
    error = np.abs(step[:3, :3] - np.eye(3)) @ np.asarray(size, float) + np.abs(step[:3, 3] - offset)
    return tuple(int(n) for n in offset) if error.max() < ON_THE_GRID else None  # type: ignore[return-value]


def _paste(result: np.ndarray, array: np.ndarray, offset: tuple[int, ...]) -> None:
    """Copy what `array` holds of `result`, whose first voxel is `offset` in `array` (K, J, I)."""
    into, out_of = [], []
    for first, wanted, held in zip(offset, result.shape, array.shape, strict=True):
        start, stop = max(first, 0), min(first + wanted, held)
        if stop <= start:
            return
        into.append(slice(start - first, stop - first))
        out_of.append(slice(start, stop))
    result[tuple(into)] = array[tuple(out_of)]
