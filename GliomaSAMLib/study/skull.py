"""Whether a volume whose air is one value shows a brain alone, or a head: defaced, masked by the scanner, of a child.

Under the surface of a head lies bright scalp, then dark skull, then brain; under that of a brain no such dark layer.
Sulci are dark too, but at another depth from place to place: the median over a patch of the surface has none. [ours]
"""

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from ..geometry import Geometry, bounding_box, floats, ints, resample

WORKING_MM = 2.0

CLOSING_MM = 9.0
"""Gaps up to twice as wide are closed: sulci, and skull that was masked out as air."""

PROFILE_MM = 30.0

PROFILE_STEP_MM = 1.0

SURFACE_POINTS = 3000

POINTS_PER_PATCH = 8

PATCH_RADIUS_MM = 14.0

BRAIN_MM, BRAIN_PERCENT = 18.0, 25.0
"""The grey value of the brain is this percentile behind this depth: lower than that of fluid, tumour or fat."""

SCALP_DEPTH_MM = 12.0

SKULL_DEPTH_MM = (3.0, 16.0)

BRAIN_WITHIN_MM = 15.0
"""How far behind the skull the brain begins at the latest."""

SMALLEST_DIP = 0.25
"""Of the grey value of the brain."""

DARK_SHARE = 0.65
"""The skull has at most this part of the grey value of the scalp and of the brain; so do not sulci in T2."""

SPECKLED_SHARE = 0.97


def scalp_share(values: np.ndarray, geometry: Geometry, background: float) -> float:
    """The share of the surface under which a bright, a dark and again a bright layer lie, as scalp, skull and brain.

    Ends of the field of view are no surface, so that a slab is judged by its rim.

    Args:
        values: Grey values (K, J, I).
        geometry: Their grid.
        background: The value of the air.

    Returns:
        0 to 1; 1 where the air is speckled all over, as it is about a head that nobody cut out.
    """
    if not (values != background).any():
        return 0.0
    margin = [int(np.ceil((CLOSING_MM + 2 * WORKING_MM) / step)) for step in geometry.spacing[::-1]]
    box = bounding_box(values != background, margin)
    start, part = tuple(int(side.start) for side in box), values[box].astype(np.float32)
    own = geometry.crop(start, part.shape)  # type: ignore[arg-type]
    grid = _working_grid(own)
    grey = resample(own.to_image(part), grid, outside=background)
    mask = resample(own.to_image((part != background).astype(np.float32)), grid) > 0.5
    if not mask.any():
        return 0.0
    head = _closed(mask)
    if np.count_nonzero(head) > SPECKLED_SHARE * head.size:
        return 1.0
    dark = min(background, float(np.percentile(grey[head], 0.5)))
    profiles = _patch_profiles(grey - dark, head)
    inside = profiles[:, round(BRAIN_MM / PROFILE_STEP_MM) :]
    if not np.isfinite(inside).any():
        return 0.0
    brain = np.nanpercentile(inside, BRAIN_PERCENT)
    return _share_with_dark_layer(profiles / brain) if brain > 0 else 0.0


def _working_grid(own: Geometry) -> Geometry:
    extent = np.asarray(own.size) * own.spacing
    size = np.maximum(np.floor(extent / WORKING_MM), 1)
    first = (0.5 * WORKING_MM) / np.asarray(own.spacing) - 0.5
    return Geometry(ints(size), (WORKING_MM,) * 3, floats(own.to_ras(first)), own.direction)


def _closed(mask: np.ndarray) -> np.ndarray:
    """The largest part of `mask` with its gaps closed and its holes filled, in each slice of the three axes as well."""
    radius = CLOSING_MM / WORKING_MM
    grown = ndimage.distance_transform_edt(~mask) <= radius
    closed = np.ones_like(mask) if grown.all() else mask | (ndimage.distance_transform_edt(grown) > radius)
    labels, count = ndimage.label(closed)
    if count > 1:
        closed = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    for axis in range(3):
        for plane in np.moveaxis(closed, axis, 0):
            plane[...] = ndimage.binary_fill_holes(plane)
    return np.asarray(closed)


def _patch_profiles(grey: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Grey values inwards from the surface, each the median of a patch: (patches, depths), NaN beyond the field."""
    depth = ndimage.distance_transform_edt(head) * WORKING_MM
    outside = ndimage.distance_transform_edt(~head) * WORKING_MM
    inwards = np.stack(np.gradient(ndimage.gaussian_filter(depth - outside, 2.0)), axis=-1)
    points = np.argwhere(head & (depth <= WORKING_MM))
    if len(points) > SURFACE_POINTS:
        points = points[np.random.default_rng(0).choice(len(points), SURFACE_POINTS, replace=False)]
    normals = inwards[tuple(points.T)]
    lengths = np.linalg.norm(normals, axis=1)
    points, normals = points[lengths > 0.3], normals[lengths > 0.3] / lengths[lengths > 0.3, None]
    steps = np.arange(0, PROFILE_MM + PROFILE_STEP_MM / 2, PROFILE_STEP_MM) / WORKING_MM
    if not len(points):
        return np.full((1, len(steps)), np.nan)
    places = points[:, None] + steps[None, :, None] * normals[:, None]
    sampled = ndimage.map_coordinates(grey, np.moveaxis(places, -1, 0), order=1, mode="nearest")
    sampled[~np.all((places >= 0) & (places <= np.asarray(head.shape) - 1), axis=-1)] = np.nan
    near = KDTree(points).query_ball_point(points[::POINTS_PER_PATCH], PATCH_RADIUS_MM / WORKING_MM)
    return np.stack([_median(sampled[patch]) for patch in near])


def _median(profiles: np.ndarray) -> np.ndarray:
    """The median at each depth; NaN where most of the profiles have left the field of view."""
    known = np.count_nonzero(np.isfinite(profiles), axis=0)
    middle = np.sort(profiles, axis=0)[np.maximum(known - 1, 0) // 2, np.arange(profiles.shape[1])]  # NaN come last
    return np.where(4 * known >= len(profiles), middle, np.nan)


def _share_with_dark_layer(profiles: np.ndarray) -> float:
    """The share of profiles, in parts of the grey value of the brain, with a dark layer between two bright ones."""
    values = np.nan_to_num(profiles, nan=0.0)
    first, last = (round(mm / PROFILE_STEP_MM) for mm in SKULL_DEPTH_MM)
    outer, reach = round(SCALP_DEPTH_MM / PROFILE_STEP_MM), round(BRAIN_WITHIN_MM / PROFILE_STEP_MM)
    found = np.zeros(len(values), bool)
    for at in range(first, last + 1):
        bright = np.minimum(
            values[:, : min(at, outer + 1)].max(axis=1), values[:, at + 1 : at + 1 + reach].max(axis=1, initial=0)
        )
        found |= (bright - values[:, at] > SMALLEST_DIP) & (values[:, at] < DARK_SHARE * np.minimum(bright, 1.0))
    return float(found.mean())
