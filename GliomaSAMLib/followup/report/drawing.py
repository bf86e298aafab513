"""How the slices of the report are drawn: two visits side by side, with outlines, calliper lines and a scale."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ...geometry import Geometry
from ...output.colours import REGION_STYLES
from ...output.diameters import Diameters
from ...output.report import DISCLAIMER
from .planes import on_plane

BACKGROUND, TEXT, FAINT, CALLIPER = "#000000", "#ececec", "#b4b4b4", "#ff86d8"

PANEL_INCHES = 2.4

HEADER_INCHES, FOOTER_INCHES = 0.26, 0.36

DPI = 200

RIM: list[Any] = [withStroke(linewidth=1.8, foreground="#000000c0")]

SCALES_MM = (100, 50, 20, 10)


@dataclass(frozen=True, eq=False)
class SlicePanel:
    """One slice of one visit.

    Args:
        title: Above it: the visit and its date.
        label: In its corner: modality and place.
        plane: One slice; its first axis runs to the patient's left.
        image: Grey values in [0, 1] (rows, columns); NaN where there are none.
        masks: By region, (rows, columns) in [0, 1]; the outline is drawn at a half.
        diameters: The calliper lines of a lesion.
        remark: What is to be said at the lower edge, such as "not seen".
    """

    title: str
    label: str
    plane: Geometry
    image: np.ndarray
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    diameters: Diameters | None = None
    remark: str = ""


def draw_panels(panels: Sequence[SlicePanel], caption: str) -> bytes:
    """A PNG of panels side by side, with the caption, the legend of the outlines, and the disclaimer below."""
    width = PANEL_INCHES * len(panels)
    tallest = max(panel.image.shape[0] * panel.plane.spacing[1] for panel in panels)
    widest = max(panel.image.shape[1] * panel.plane.spacing[0] for panel in panels)
    tile = PANEL_INCHES * tallest / widest
    height = tile + HEADER_INCHES + FOOTER_INCHES
    figure = Figure(figsize=(width, height), facecolor=BACKGROUND)
    for number, panel in enumerate(panels):
        box = (number / len(panels), FOOTER_INCHES / height, 1 / len(panels) - 0.006, tile / height)
        axes = figure.add_axes(box)
        _draw(axes, panel)
        middle = (number + 0.5) / len(panels)
        figure.text(middle, 1 - 0.13 / height, panel.title, color=TEXT, fontsize=8.5, ha="center", va="center")
    figure.text(0.01, 0.26 / height, caption, color=TEXT, fontsize=6.2, ha="left", va="center")
    figure.text(0.01, 0.1 / height, DISCLAIMER, color=TEXT, fontsize=6.2, ha="left", va="center", weight="bold")
    shown = [name for name in REGION_STYLES if any(panel.masks.get(name, np.zeros(1)).any() for panel in panels)]
    if shown:
        entries = [Line2D([], [], color=REGION_STYLES[name].colour, linewidth=1.4, label=name) for name in shown]
        figure.legend(
            handles=entries, loc="lower right", ncols=len(entries), frameon=False, fontsize=6.2, labelcolor=TEXT,
            borderaxespad=0, handlelength=1.4, columnspacing=1.2, bbox_to_anchor=(0.99, 0.035 / height),
        )  # fmt: skip
    return png(figure, BACKGROUND)


def png(figure: Figure, background: str) -> bytes:
    """A figure as the bytes of a PNG file, the same each time."""
    content = io.BytesIO()
    figure.savefig(content, dpi=DPI, facecolor=background, format="png", metadata={"Software": None})
    return content.getvalue()


def _draw(axes: Axes, panel: SlicePanel) -> None:
    rows, columns = panel.image.shape
    across, down = panel.plane.spacing[:2]
    x, y = np.arange(-1, columns + 1) * across, np.arange(-1, rows + 1) * down
    edges = (-across / 2, (columns - 0.5) * across, (rows - 0.5) * down, -down / 2)
    image = np.nan_to_num(panel.image, nan=0.0)
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=edges, interpolation="bilinear", aspect="equal")
    for region, style in REGION_STYLES.items():
        mask = panel.masks.get(region)
        if mask is not None and (mask > 0.5).any():
            outline = axes.contour(x, y, np.pad(mask, 1), levels=[0.5], colors=[style.colour], linewidths=0.9)
            outline.set_path_effects([withStroke(linewidth=1.7, foreground="#000000b0")])
    if panel.diameters is not None:
        _draw_callipers(axes, panel.diameters, panel.plane)
    axes.set(xlim=edges[:2], ylim=edges[2:], xticks=[], yticks=[])
    axes.set_axis_off()
    _write(axes, 0.015, 0.985, panel.label, "left", "top", size=6.5)
    for x_part, y_part, letter in ((0.015, 0.5, "R"), (0.985, 0.5, "L"), (0.5, 0.985, "A")):
        _write(axes, x_part, y_part, letter, {0.015: "left", 0.985: "right"}.get(x_part, "center"),
               "top" if letter == "A" else "center", size=6.5, colour=FAINT)  # fmt: skip
    if panel.remark:
        _write(axes, 0.015, 0.015, panel.remark, "left", "bottom", size=8)
    _draw_scale(axes, edges)


def _write(axes: Axes, x: float, y: float, text: str, ha: Any, va: Any, size: float, colour: str = TEXT) -> None:
    place: dict[str, Any] = {"transform": axes.transAxes, "fontsize": size, "color": colour}
    axes.text(x, y, text, ha=ha, va=va, path_effects=RIM, **place)


def _draw_scale(axes: Axes, edges: tuple[float, float, float, float]) -> None:
    """A bar of a round length at the lower right."""
    width, height = edges[1] - edges[0], edges[2] - edges[3]
    length = next(scale for scale in SCALES_MM if scale < width / 3)
    right, low = edges[1] - 0.03 * width, edges[2] - 0.035 * height
    axes.plot([right - length, right], [low, low], color=TEXT, linewidth=1.6, path_effects=RIM, solid_capstyle="butt")
    axes.text(
        right - length / 2, low - 0.015 * height, f"{length} mm", color=TEXT, fontsize=6.5, ha="center", va="bottom",
        path_effects=RIM,
    )  # fmt: skip


def _draw_callipers(axes: Axes, diameters: Diameters, plane: Geometry) -> None:
    """Both lines with end marks, their lengths beside an end."""
    lines = [on_plane(ends, plane) for ends in (diameters.largest, diameters.perpendicular)]
    for ends, length in zip(lines, (diameters.largest_mm, diameters.perpendicular_mm), strict=True):
        axes.plot(*ends.T, color=CALLIPER, linewidth=1.0, path_effects=RIM)
        along = (ends[1] - ends[0]) / max(float(np.linalg.norm(ends[1] - ends[0])), 1e-6)
        tick = 1.2 * np.array([-along[1], along[0]])
        for end in ends:
            axes.plot(*np.stack([end - tick, end + tick]).T, color=CALLIPER, linewidth=1.0, path_effects=RIM)
        if along[0] < -0.2 or (abs(along[0]) <= 0.2 and along[1] > 0):  # the label at the right end, else at the top
            ends, along = ends[::-1], -along
        place = ends[1] + 2.5 * along
        ha: Any = "left" if along[0] > 0.35 else "center"
        va: Any = "center" if abs(along[1]) < 0.6 else "top" if along[1] > 0 else "bottom"
        axes.text(place[0], place[1], f"{length:.1f} mm", color=CALLIPER, fontsize=8, ha=ha, va=va, path_effects=RIM)
