"""Boxes of voxels: (k0, k1, j0, j1, i0, i1), ends excluded."""

from typing import TYPE_CHECKING

import numpy as np

from .segment_voxels import Block

if TYPE_CHECKING:
    from ..kept_masks import Box


def whole_box(shape: tuple[int, int, int]) -> "Box":
    """All of a grid of `shape` (K, J, I)."""
    return 0, shape[0], 0, shape[1], 0, shape[2]


def union(boxes: "list[Box | None]") -> "Box | None":
    """The smallest box round those given; None round none."""
    ends = np.array([box for box in boxes if box is not None])
    if ends.size == 0:
        return None
    lowest, highest = ends[:, ::2].min(axis=0), ends[:, 1::2].max(axis=0)
    return tuple(int(end) for pair in zip(lowest, highest, strict=True) for end in pair)  # type: ignore[return-value]


def trimmed(mask: np.ndarray, box: "Box") -> "tuple[np.ndarray, Box]":
    """The smallest part of a mask, which lies in `box`, that holds all it holds; one voxel where it is empty."""
    ranges = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        ranges.append((int(held[0]), int(held[-1]) + 1) if held.size else (0, 1))
    ends = [box[2 * axis] + end for axis, pair in enumerate(ranges) for end in pair]
    return mask[tuple(slice(*pair) for pair in ranges)], tuple(ends)  # type: ignore[return-value]


def covering_block(matrix: np.ndarray, place: np.ndarray, shape: tuple[int, ...]) -> Block:
    """The box of a grid that covers another box of voxels, given by `place` and `shape` in the same coordinates."""
    step = np.linalg.inv(matrix) @ place
    corners = np.stack(np.meshgrid(*[(-0.5, count - 0.5) for count in shape[::-1]], indexing="ij"), -1).reshape(-1, 3)
    reached = corners @ step[:3, :3].T + step[:3, 3]
    first = np.ceil(reached.min(axis=0) - 1e-3).astype(int)
    last = np.floor(reached.max(axis=0) + 1e-3).astype(int)
    size = np.maximum(last - first + 1, 1)
    return Block(matrix, tuple(int(n) for n in first), tuple(int(n) for n in size[::-1]))  # type: ignore[arg-type]
