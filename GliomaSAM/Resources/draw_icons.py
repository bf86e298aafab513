"""Draw the icons of the panel, each for light and for dark themes, and the icon of the module.

    python GliomaSAM/Resources/draw_icons.py GliomaSAM/Resources/Icons

Drawn eight times larger with Pillow and scaled down, so that edges are smooth at 48 x 48 pixels. Positions are given on
a square of 24 x 24 units.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 48
SCALE = 8
UNIT = SIZE * SCALE / 24
GREEN, RED = (46, 160, 67), (214, 63, 63)
THEMES = {"light": (52, 58, 64), "dark": (225, 228, 232)}
"""The colour of lines, by the theme that the icon is for."""

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Pen:
    """Draws on a square of 24 x 24 units with round line ends."""

    def __init__(self, ink: Colour) -> None:
        self.ink = ink
        self.image = Image.new("RGBA", (SIZE * SCALE, SIZE * SCALE), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    def dot(self, centre: Point, radius: float, colour: Colour | None = None) -> None:
        """A filled circle."""
        x, y = centre
        corners = [(x - radius) * UNIT, (y - radius) * UNIT, (x + radius) * UNIT, (y + radius) * UNIT]
        self._draw.ellipse(corners, fill=(*(colour or self.ink), 255))

    def line(self, points: list[Point], width: float = 2.0, colour: Colour | None = None) -> None:
        """Straight lines from point to point."""
        scaled = [(x * UNIT, y * UNIT) for x, y in points]
        self._draw.line(scaled, fill=(*(colour or self.ink), 255), width=round(width * UNIT), joint="curve")
        for end in (points[0], points[-1]):
            self.dot(end, width / 2, colour)

    def arc(self, centre: Point, radius: float, start: float, end: float, width: float = 2.0) -> None:
        """Part of a circle, angles in degrees clockwise from the right."""
        x, y = centre
        corners = [(x - radius) * UNIT, (y - radius) * UNIT, (x + radius) * UNIT, (y + radius) * UNIT]
        self._draw.arc(corners, start, end, fill=(*self.ink, 255), width=round(width * UNIT))

    def polygon(self, points: list[Point], colour: Colour | None = None) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * UNIT, y * UNIT) for x, y in points], fill=(*(colour or self.ink), 255))


def positive(pen: Pen) -> None:
    """A plus on green."""
    pen.dot((12, 12), 10, GREEN)
    pen.line([(12, 7), (12, 17)], 2.4, (255, 255, 255))
    pen.line([(7, 12), (17, 12)], 2.4, (255, 255, 255))


def negative(pen: Pen) -> None:
    """A minus on red."""
    pen.dot((12, 12), 10, RED)
    pen.line([(7, 12), (17, 12)], 2.4, (255, 255, 255))


def box(pen: Pen) -> None:
    """A rectangle with handles at two corners."""
    pen.line([(5, 6), (19, 6), (19, 18), (5, 18), (5, 6)], 1.8)
    for corner in ((5, 6), (19, 18)):
        pen.dot(corner, 2.6, GREEN)


def roi(pen: Pen) -> None:
    """A cube."""
    pen.line([(3.5, 9), (15, 9), (15, 20.5), (3.5, 20.5), (3.5, 9)], 1.8)
    pen.line([(3.5, 9), (9, 3.5), (20.5, 3.5), (20.5, 15), (15, 20.5)], 1.8)
    pen.line([(15, 9), (20.5, 3.5)], 1.8)


def scribble(pen: Pen) -> None:
    """A pencil and the line that it draws."""
    pen.polygon([(17.2, 2.5), (21.5, 6.8), (12.5, 15.8), (7.2, 17), (8.2, 11.5)])
    pen.line([(3, 20.5), (6, 18.8), (9.5, 21), (13.5, 19.2), (17, 21), (20.5, 19.6)], 2.0, GREEN)


def lasso(pen: Pen) -> None:
    """A loop with its end."""
    pen.arc((12, 10), 8, 0, 360, 2.0)
    pen.line([(8.4, 17), (6, 18.6), (8.2, 20.6), (6.4, 22)], 1.8)
    pen.dot((8.4, 17), 2.2, GREEN)


def undo(pen: Pen) -> None:
    """An arrow back."""
    pen.arc((13, 13.5), 6.5, 180, 90, 2.2)
    pen.polygon([(2.2, 11.5), (10.8, 11.5), (6.5, 17.6)])


def redo(pen: Pen) -> None:
    """An arrow forward."""
    pen.arc((11, 13.5), 6.5, 90, 0, 2.2)
    pen.polygon([(21.8, 11.5), (13.2, 11.5), (17.5, 17.6)])


def reset(pen: Pen) -> None:
    """A cross."""
    pen.line([(6, 6), (18, 18)], 2.4, RED)
    pen.line([(18, 6), (6, 18)], 2.4, RED)


def propose(pen: Pen) -> None:
    """A wand with sparks."""
    pen.line([(4, 20), (14, 10)], 2.6)
    for x, y, size in ((17, 7, 4.6), (7.5, 6.5, 2.6), (19, 16.5, 2.6)):
        waist = size * 0.26
        star = [(0, -size), (waist, -waist), (size, 0), (waist, waist), (0, size), (-waist, waist), (-size, 0)]
        pen.polygon([(x + a, y + b) for a, b in [*star, (-waist, -waist)]], (235, 170, 30))


ICONS: tuple[Callable[[Pen], None], ...] = (
    positive,
    negative,
    box,
    roi,
    scribble,
    lasso,
    undo,
    redo,
    reset,
    propose,
)


def main() -> None:
    """Write all icons, and that of the module from the extension's, into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Draw the icons of the panel.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for draw in ICONS:
        for theme, ink in THEMES.items():
            pen = Pen(ink)
            draw(pen)
            icon = pen.image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
            icon.save(folder / f"{draw.__name__}_{theme}.png", optimize=True)
    with Image.open(Path(__file__).resolve().parents[2] / "GliomaSAM.png") as extension:
        extension.save(folder / "GliomaSAM.png", optimize=True)


if __name__ == "__main__":
    main()
