"""A picture of a result: slices in three planes with the outlines of the regions and the prompts."""

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..drawing import Axes, Figure, Line2D, standard_look, withStroke
from ..errors import OutputError
from ..files import replacing
from ..geometry import Geometry
from ..prompts.prompt import Prompt
from ..prompts.voxelise import box_voxels, scribble_points
from ..study import CanonicalVolume, Study
from ..study.modalities import MODALITY_NAMES
from .colours import REGION_STYLES

POSITIVE, NEGATIVE, BOX, TRUTH = "#39d353", "#ff4d4d", "#ff9df5", "#ffffff"

NEAR_MM = 3.0
"""A click further than this from the slice is drawn small and faint."""

BACKGROUND = "#000000"

TEXT = "#e8e8e8"

TILE_INCHES = 3.0

DPI = 160

LEGEND_COLUMNS = 4

CHARACTERS_AN_INCH = 17
"""Of the caption."""

MODALITY_ORDER = ("flair", "t1c", "t2", "t1")
"""Which of the modalities present is drawn, unless the caller chooses."""


@dataclass(frozen=True)
class Plane:
    """One plane in radiological display.

    Args:
        name: For people.
        axis: The array axis it cuts across.
        origin: Where matplotlib puts the first row.
        left, right, top: Letters of the patient's sides at the edges.
        across: Which of R, A, S (0, 1, 2) the axis across follows.
    """

    name: str
    axis: int
    origin: Literal["upper", "lower"]
    left: str
    right: str
    top: str
    across: int

    def section(self, array: np.ndarray, index: int) -> np.ndarray:
        """The slice `index` of an array (K, J, I), its rows and columns in the order of the remaining axes."""
        return np.take(array, index, axis=self.axis)

    def extent(self, geometry: Geometry) -> tuple[float, float]:
        """Width and height of a slice in voxels."""
        height, width = (size for axis, size in enumerate(geometry.shape) if axis != self.axis)
        return width, height

    def limits(self, rows: int) -> tuple[float, float]:
        """The range of the vertical axis for slices of this many rows."""
        return (rows - 0.5, -0.5) if self.origin == "upper" else (-0.5, rows - 0.5)

    def largest_section(self, mask: np.ndarray) -> int:
        """The slice in which a mask (K, J, I) has most voxels."""
        return int(np.argmax(mask.sum(axis=tuple(axis for axis in range(3) if axis != self.axis))))

    def place(self, kji: np.ndarray) -> np.ndarray:
        """Horizontal and vertical coordinates in the slice, and distance along the axis across, of voxel positions
        (N, 3) K, J, I.
        """
        vertical, horizontal = np.delete(kji, self.axis, axis=1).T
        return np.stack([horizontal, vertical, kji[:, self.axis]], axis=1)

    def position(self, geometry: Geometry, index: int) -> str:
        """Where a slice lies, such as "S -12 mm": RAS mm at the middle of the slice."""
        kji = (np.asarray(geometry.shape) - 1) / 2
        kji[self.axis] = index
        return f"{'RAS'[self.across]} {geometry.to_ras(kji[::-1])[self.across]:.0f} mm"


PLANES = (
    Plane("axial", 0, "upper", "R", "L", "A", 2),
    Plane("coronal", 1, "lower", "R", "L", "S", 1),
    Plane("sagittal", 2, "lower", "A", "P", "S", 0),
)


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
        if any(prompt.is_stroke and prompt.positive == positive for prompt in prompts):
            entries.append(Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=6, label=label))
    if any(prompt.kind == "box" for prompt in prompts):
        entries.append(Line2D([], [], color=BOX, linestyle="dotted", label="box"))
    return entries


@dataclass(frozen=True)
class Panel:
    """One column of a picture.

    Args:
        title: Above the column, such as "before" or "after 3 clicks".
        masks: By region, (K, J, I) on the study's reference grid; drawn as solid outlines.
        truth: The same, drawn dashed.
        prompts: Drawn where they are.
        modality: The image behind; the first present of FLAIR, T1c, T2, T1 when None.
    """

    title: str
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)
    prompts: Sequence[Prompt] = ()
    modality: str | None = None


@standard_look()
def draw_overlay(
    path: str | os.PathLike[str],
    study: Study,
    panels: Sequence[Panel],
    caption: str = "",
    centre: Sequence[float] | None = None,
) -> None:
    """Write a picture: a column a panel, rows axial, coronal and sagittal, the patient's left on the right
    (radiological).

    Args:
        path: .png, .pdf, .svg or .jpg.
        study: The images.
        panels: At least one. All show the same slices.
        caption: Below.
        centre: RAS mm where the three planes meet; None: each plane where the whole tumour's section is largest.

    Raises:
        OutputError: The file cannot be written, its suffix is not known, or a panel names a modality that is absent.
    """
    if not panels:
        raise OutputError("A picture needs at least one panel")
    figure = build_overlay(study, panels, caption, centre)
    suffix = os.path.splitext(os.fspath(path))[1].lower().lstrip(".")
    if suffix not in ("png", "pdf", "svg", "jpg"):
        raise OutputError(f"{os.fspath(path)} does not end in a known suffix: use .png, .pdf, .svg or .jpg")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, facecolor=BACKGROUND, format=suffix)


@standard_look()
def build_overlay(study: Study, panels: Sequence[Panel], caption: str, centre: Sequence[float] | None) -> Figure:
    """The picture of `draw_overlay` as a matplotlib figure."""
    volume = study.canonical
    canonical = [_on_canonical(study, panel) for panel in panels]
    slices = _slices(volume, canonical, centre)
    heights = [plane.extent(volume.geometry)[1] for plane in PLANES]
    widest = max(plane.extent(volume.geometry)[0] for plane in PLANES)
    inches = TILE_INCHES / widest
    width = TILE_INCHES * len(panels) + 0.2
    lines = [part for line in caption.splitlines() for part in textwrap.wrap(line, int(width * CHARACTERS_AN_INCH))]
    entries = legend_entries(panels)
    legend_rows = -(-len(entries) // LEGEND_COLUMNS)
    bottom = 0.2 + 0.16 * len(lines) + 0.18 * legend_rows
    size = (width, sum(heights) * inches + bottom + 0.45)
    figure = Figure(figsize=size, facecolor=BACKGROUND)
    grid = figure.add_gridspec(
        len(PLANES), len(panels), height_ratios=heights, hspace=0.02, wspace=0.02, left=0.02, right=0.98,
        top=1 - 0.4 / size[1], bottom=bottom / size[1],
    )  # fmt: skip
    for column, panel in enumerate(canonical):
        for row, (plane, index) in enumerate(zip(PLANES, slices, strict=True)):
            axes = figure.add_subplot(grid[row, column])
            _draw_tile(axes, volume, panel, plane, index)
            if row == 0:
                axes.set_title(panel.title, color=TEXT, fontsize=11)
    _add_text(figure, lines, entries, size[1])
    return figure


def _on_canonical(study: Study, panel: Panel) -> Panel:
    """The panel with its masks on the canonical grid and its modality chosen."""
    images = study.canonical.images
    modality = panel.modality or next(name for name in MODALITY_ORDER if name in images)
    if modality not in images:
        raise OutputError(f"The study has no {modality}: choose one of {', '.join(images)}")
    masks, truth = (
        {r: study.to_canonical(np.asarray(m, np.uint8)) > 0 for r, m in part.items()}
        for part in (panel.masks, panel.truth)
    )
    return Panel(panel.title, masks, truth, panel.prompts, modality)


def _slices(volume: CanonicalVolume, panels: Sequence[Panel], centre: Sequence[float] | None) -> list[int]:
    """The slice to show in each plane."""
    if centre is not None:
        index = np.round(volume.geometry.to_ijk(np.asarray(centre, float))).astype(int)[::-1]
        return [int(np.clip(index[plane.axis], 0, volume.geometry.shape[plane.axis] - 1)) for plane in PLANES]
    candidates = [mask["WT"] for panel in reversed(panels) for mask in (panel.truth, panel.masks) if "WT" in mask]
    shown = next((mask for mask in candidates if mask.any()), volume.brain)
    return [plane.largest_section(shown) for plane in PLANES]


def _draw_tile(axes: Axes, volume: CanonicalVolume, panel: Panel, plane: Plane, index: int) -> None:
    """One slice of one panel."""
    assert panel.modality is not None
    image = plane.section(volume.images[panel.modality], index)
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, origin=plane.origin, interpolation="bilinear", aspect="equal")
    draw_outlines(axes, panel.truth, plane, index, dashed=True)
    draw_outlines(axes, panel.masks, plane, index, dashed=False)
    draw_prompts(axes, panel.prompts, volume.geometry, plane, index)
    axes.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=plane.limits(image.shape[0]), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    letters: dict[str, Any] = {"color": TEXT, "fontsize": 7, "alpha": 0.75, "transform": axes.transAxes}
    axes.text(0.01, 0.5, plane.left, ha="left", va="center", **letters)
    axes.text(0.99, 0.5, plane.right, ha="right", va="center", **letters)
    axes.text(0.5, 0.99, plane.top, ha="center", va="top", **letters)
    where = plane.position(volume.geometry, index)
    axes.text(0.02, 0.98, f"{MODALITY_NAMES[panel.modality]}  {where}", ha="left", va="top", **letters)


def _add_text(figure: Figure, lines: Sequence[str], entries: Sequence[Line2D], height: float) -> None:
    """Legend and caption below the slices."""
    figure.text(0.5, 0.1 / height, "\n".join(lines), color=TEXT, fontsize=8, ha="center", va="bottom", linespacing=1.4)
    if entries:
        figure.legend(
            handles=entries, loc="lower center", ncols=min(len(entries), LEGEND_COLUMNS), frameon=False, fontsize=7,
            labelcolor=TEXT, borderaxespad=0, bbox_to_anchor=(0.5, (0.14 + 0.16 * len(lines)) / height),
        )  # fmt: skip
