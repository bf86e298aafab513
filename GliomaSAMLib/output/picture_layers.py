"""What is drawn over a slice: outlines of regions, clicks, scribbles and boxes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ..prompts.prompt import Prompt
from ..prompts.voxelise import box_voxels, scribble_points
from ..study.geometry import Geometry
from .colours import REGION_STYLES
from .picture_planes import Plane

if TYPE_CHECKING:
    from .picture import Panel

POSITIVE, NEGATIVE, BOX, TRUTH = "#39d353", "#ff4d4d", "#ff9df5", "#ffffff"
NEAR_MM = 3.0
"""A click further than this from the slice is drawn small and faint."""


def draw_outlines(axes: Axes, masks: Mapping[str, np.ndarray], plane: Plane, index: int, dashed: bool) -> None:
    """Outlines of masks (K, J, I) in one slice, the outermost region first; dashed ones white on black."""
    for region, style in REGION_STYLES.items():
        if region in masks:
            section = plane.section(masks[region], index)
            _draw_outline(axes, section, TRUTH if dashed else style.colour, "dashed" if dashed else "solid")


def draw_prompts(axes: Axes, prompts: Sequence[Prompt], geometry: Geometry, plane: Plane, index: int) -> None:
    """Clicks and scribbles near a slice, clearly, those further away faintly; the section of boxes; no edited masks."""
    for prompt in prompts:
        if prompt.kind == "box":
            mask = np.zeros(geometry.shape, bool)
            mask[tuple(box_voxels(prompt, geometry).T)] = True
            _draw_outline(axes, plane.section(mask, index), BOX, "dotted")
        elif prompt.points:
            _draw_points(axes, prompt, geometry, plane, index)


def _draw_outline(axes: Axes, section: np.ndarray, colour: str | tuple[float, float, float], line: str) -> None:
    """The outline of a section (rows, columns), on a dark rim so that it shows on bright tissue too."""
    if not section.any():
        return
    rows, columns = (np.arange(-1, size + 1) for size in section.shape)
    outline = axes.contour(columns, rows, np.pad(section.astype(float), 1), levels=[0.5], colors=[colour])
    width = 1.2 if line == "solid" else 0.9
    outline.set(linewidth=width, linestyle=line)
    if line != "dotted":
        outline.set_path_effects([withStroke(linewidth=width + 1.0, foreground="#000000b0")])


def _draw_points(axes: Axes, prompt: Prompt, geometry: Geometry, plane: Plane, index: int) -> None:
    placed = plane.place(geometry.to_ijk(scribble_points(prompt, geometry))[:, ::-1])
    spacing = geometry.spacing[2 - plane.axis]
    colour = POSITIVE if prompt.positive else NEGATIVE
    near = np.abs(placed[:, 2] - index) * spacing <= NEAR_MM
    if prompt.kind == "scribble":
        axes.plot(*placed[near, :2].T, ".", color=colour, markersize=2)
        return
    marker = "P" if prompt.positive else "X"
    looks: dict[str, Any] = {"markersize": 8, "alpha": 1.0} if near.all() else {"markersize": 4, "alpha": 0.45}
    axes.plot(*placed[:, :2].T, marker, color=colour, markeredgecolor="black", markeredgewidth=0.6, **looks)


def legend_entries(panels: Sequence["Panel"]) -> list[Line2D]:
    """Handles of what the panels show."""
    regions = {region for panel in panels for region in panel.masks}
    entries = [
        Line2D([], [], color=style.colour, label=f"{style.name} ({region})")
        for region, style in REGION_STYLES.items()
        if region in regions
    ]
    if any(panel.truth for panel in panels):
        entries.append(Line2D([], [], color=TRUTH, linestyle="dashed", linewidth=0.9, label="true outline"))
    prompts = [prompt for panel in panels for prompt in panel.prompts]
    for positive, colour, marker, label in (
        (True, POSITIVE, "P", "click inside"),
        (False, NEGATIVE, "X", "click outside"),
    ):
        if any(prompt.is_click and prompt.positive == positive for prompt in prompts):
            entries.append(Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=6, label=label))
    if any(prompt.kind == "box" for prompt in prompts):
        entries.append(Line2D([], [], color=BOX, linestyle="dotted", label="box"))
    return entries
