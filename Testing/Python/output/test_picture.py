"""Pictures: the right slice, the right way round, with the outlines and clicks where they belong."""

from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output.colours import REGION_STYLES
from GliomaSAMLib.output.picture import Panel, build_overlay, draw_overlay
from GliomaSAMLib.prompts import box, mask, point, scribble

SHAPE = (20, 30, 24)
LPS = ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass
class Volume:
    """A head of grey noise; I runs to the left, J to the back, K up."""

    geometry: Geometry = field(default_factory=lambda: Geometry(SHAPE[::-1], (1.0, 1.0, 1.0), (12.0, 15.0, -10.0), LPS))
    images: dict[str, np.ndarray] = field(
        default_factory=lambda: {m: np.random.default_rng(0).random(SHAPE, np.float32) for m in ("t1c", "t2")}
    )
    brain: np.ndarray = field(default_factory=lambda: np.ones(SHAPE, bool))


class Study:
    """A study whose reference grid is the canonical one."""

    canonical = Volume()

    def to_canonical(self, array: np.ndarray) -> np.ndarray:
        return array


@pytest.fixture
def study() -> Study:
    return Study()


@pytest.fixture
def masks() -> dict[str, np.ndarray]:
    """A tumour on the patient's left, in front, low: largest sections at K 4, J 6, I 18."""
    wt = np.zeros(SHAPE, np.uint8)
    wt[2:8, 3:10, 15:22] = 1
    wt[4, 2:11, 14:23] = 1
    wt[1:9, 6, 14:23] = 1
    wt[1:9, 2:11, 18] = 1
    tc = np.zeros(SHAPE, np.uint8)
    tc[3:6, 4:8, 16:20] = 1
    return {"WT": wt, "TC": tc, "ET": np.zeros(SHAPE, np.uint8)}


def outlines(figure: Figure, tile: int) -> list[np.ndarray]:
    """Vertices of the contours of one tile, in the order drawn."""
    return [c.get_paths()[0].vertices for c in figure.axes[tile].collections]


def test_outlines_are_those_of_the_largest_sections(study: Study, masks: dict[str, np.ndarray]) -> None:
    figure = build_overlay(study, [Panel("after", masks)], "", None)
    assert len(figure.axes) == 3
    axial, coronal, sagittal = (outlines(figure, tile) for tile in range(3))
    assert len(axial) == 2  # WT and TC: ET is empty
    assert (axial[0].min(axis=0).tolist(), axial[0].max(axis=0).tolist()) == ([13.5, 1.5], [22.5, 10.5])
    assert (coronal[0].min(axis=0).tolist(), coronal[0].max(axis=0).tolist()) == ([13.5, 0.5], [22.5, 8.5])
    assert (sagittal[0].min(axis=0).tolist(), sagittal[0].max(axis=0).tolist()) == ([1.5, 0.5], [10.5, 8.5])
    assert (axial[1].min(axis=0).tolist(), axial[1].max(axis=0).tolist()) == ([15.5, 3.5], [19.5, 7.5])


def test_the_display_is_radiological(study: Study, masks: dict[str, np.ndarray]) -> None:
    """The patient's left on the right, front up (axial) or left (sagittal), head up."""
    figure = build_overlay(study, [Panel("after", masks)], "", None)

    def on_screen(tile: int, ras: tuple[float, float, float], columns: tuple[int, int]) -> np.ndarray:
        ijk = study.canonical.geometry.to_ijk(np.array(ras))
        return figure.axes[tile].transData.transform([ijk[columns[0]], ijk[columns[1]]])

    left, right, front, back, up, down = (-5, 0, 0), (5, 0, 0), (0, 5, 0), (0, -5, 0), (0, 0, 5), (0, 0, -5)
    assert on_screen(0, left, (0, 1))[0] > on_screen(0, right, (0, 1))[0]
    assert on_screen(0, front, (0, 1))[1] > on_screen(0, back, (0, 1))[1]
    assert on_screen(1, left, (0, 2))[0] > on_screen(1, right, (0, 2))[0]
    assert on_screen(1, up, (0, 2))[1] > on_screen(1, down, (0, 2))[1]
    assert on_screen(2, front, (1, 2))[0] < on_screen(2, back, (1, 2))[0]
    assert on_screen(2, up, (1, 2))[1] > on_screen(2, down, (1, 2))[1]


def test_a_click_is_drawn_where_it_is_and_large_only_near_its_slice(study: Study, masks: dict[str, np.ndarray]) -> None:
    ras = tuple(
        study.canonical.geometry.to_ras(np.array([18, 3, 4]))
    )  # in the axial and sagittal slice, not in the coronal
    figure = build_overlay(study, [Panel("after", masks, prompts=[point(ras)])], "", None)
    lines = [figure.axes[tile].lines[0] for tile in range(3)]
    assert np.allclose([line.get_xydata()[0] for line in lines], [(18, 3), (18, 4), (3, 4)])
    far = build_overlay(study, [Panel("after", masks, prompts=[point(ras)])], "", (0, -12, 0))
    assert far.axes[1].lines[0].get_markersize() < lines[0].get_markersize()


def test_the_slices_through_a_point_are_those_asked_for(study: Study, masks: dict[str, np.ndarray]) -> None:
    figure = build_overlay(
        study, [Panel("a", masks, modality="t2")], "", study.canonical.geometry.to_ras(np.array([5, 20, 11]))
    )
    image = study.canonical.images["t2"]
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    for found, expected in zip(shown, (image[11], image[:, 20], image[:, :, 5]), strict=True):
        assert np.array_equal(found, expected)


def test_all_that_can_be_drawn_makes_a_picture(tmp_path: Path, study: Study, masks: dict[str, np.ndarray]) -> None:
    prompts = [
        point((-6, 8, -6)),
        point((5, 0, 0), False),
        scribble([(-8, 8, -7), (-3, 10, -6)], False, "TC"),
        box((-10, 5, -8), (-2, 12, -3)),
        mask(masks["WT"]),
    ]
    panels = [Panel("before"), Panel("after", masks, masks, prompts, "t2")]
    draw_overlay(tmp_path / "p.png", study, panels, "Dice 0.91; " * 30)
    pixels = matplotlib.image.imread(tmp_path / "p.png")
    assert pixels.shape[1] > 900
    assert pixels[:40, :20, :3].max() < 0.1  # dark
    for colour in (REGION_STYLES["WT"].colour, REGION_STYLES["TC"].colour):
        assert (np.abs(pixels[..., :3] - colour).max(axis=-1) < 0.02).sum() > 50
    draw_overlay(tmp_path / "p.svg", study, panels[:1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.png", "p.svg"]


def test_without_any_mask_the_brain_is_shown(study: Study) -> None:
    assert build_overlay(study, [Panel("before", {"WT": np.zeros(SHAPE)})], "", None).axes


def test_what_cannot_be_drawn_is_an_output_error(tmp_path: Path, study: Study) -> None:
    with pytest.raises(OutputError, match="no flair"):
        draw_overlay(tmp_path / "p.png", study, [Panel("a", modality="flair")])
    with pytest.raises(OutputError, match="known suffix"):
        draw_overlay(tmp_path / "p.bmp", study, [Panel("a")])
    with pytest.raises(OutputError, match="at least one panel"):
        draw_overlay(tmp_path / "p.png", study, [])
    with pytest.raises(OutputError, match="cannot be written"):
        draw_overlay(tmp_path / "none" / "p.png", study, [Panel("a")])
