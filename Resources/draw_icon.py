"""Draw GliomaSAM.png, the icon of the extension: an axial brain with a tumour in three nested outlines and a click.

    python Resources/draw_icon.py GliomaSAM.png

Drawn eight times larger with Pillow and scaled down, so that edges are smooth at 128 x 128 pixels.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 128
SCALE = 8
BACKGROUND = (16, 24, 38)
GREY, WHITE, FLUID = (128, 138, 152), (196, 203, 212), (38, 48, 64)
WHOLE, CORE, ENHANCING = (92, 214, 120), (255, 196, 61), (240, 82, 82)

Point = tuple[float, float]


def blob(centre: Point, radii: Point, waves: tuple[tuple[int, float, float], ...] = ()) -> list[Point]:
    """A closed curve in icon pixels: an ellipse whose radius is waved by (count, height, phase) terms."""
    angle = np.linspace(0.0, 2.0 * np.pi, 721)
    factor = 1.0 + sum((height * np.cos(count * angle + phase) for count, height, phase in waves), np.zeros_like(angle))
    x = centre[0] + radii[0] * factor * np.sin(angle)
    y = centre[1] - radii[1] * factor * np.cos(angle)
    return [(float(a) * SCALE, float(b) * SCALE) for a, b in zip(x, y, strict=True)]


def draw_brain(draw: ImageDraw.ImageDraw) -> None:
    """Cortex with sulci, white matter, the midline and the ventricles."""
    draw.polygon(blob((64, 64), (47, 57), ((22, 0.010, 0.0),)), fill=GREY)
    for side in (-1, 1):
        draw.polygon(blob((64 + side * 20, 64), (16, 41), ((1, 0.08, 1.6 * side), (11, 0.07, 0.8 * side))), fill=WHITE)
        draw.polygon(blob((64 + side * 6.5, 55), (3.2, 12), ((1, 0.25, 0.4 * side),)), fill=FLUID)
    for angle in np.arange(0.5, 22.0) * (2.0 * np.pi / 22.0):
        draw_sulcus(draw, float(angle))
    for top, bottom in ((6, 38), (82, 122)):
        draw.line([(64 * SCALE, top * SCALE), (64 * SCALE, bottom * SCALE)], fill=FLUID, width=int(1.8 * SCALE))


def draw_sulcus(draw: ImageDraw.ImageDraw, angle: float) -> None:
    """A wedge of fluid from the surface inwards, at an angle (radians) from the top."""
    direction = np.array([np.sin(angle), -np.cos(angle)])
    across = np.array([-direction[1], direction[0]]) * 1.5
    outer = np.array([64.0, 64.0]) + direction * (47.5, 57.5)
    corners = [outer + across, outer - across, outer - direction * 9.0]
    draw.polygon([(float(x) * SCALE, float(y) * SCALE) for x, y in corners], fill=FLUID)


def draw_tumour(image: Image.Image) -> None:
    """Three nested outlines over a tint, and the click that made them."""
    rings = (
        (WHOLE, (84, 70), (20, 25), ((3, 0.10, 0.3), (5, 0.09, 1.9), (8, 0.04, 0.0))),
        (CORE, (84, 70), (13, 16), ((3, 0.07, 1.3), (4, 0.06, 0.4))),
        (ENHANCING, (84, 70), (8, 10), ((3, 0.08, 2.2), (5, 0.05, 1.0))),
    )
    for colour, centre, radii, waves in rings:
        curve = blob(centre, radii, waves)
        tint = Image.new("RGBA", image.size, (0, 0, 0, 0))
        ImageDraw.Draw(tint).polygon(curve, fill=(*colour, 120))
        image.alpha_composite(tint)
        ImageDraw.Draw(image).line(curve, fill=(*colour, 255), width=int(2.6 * SCALE), joint="curve")
    draw = ImageDraw.Draw(image)
    for radius, colour in ((4.6, BACKGROUND), (3.4, (255, 255, 255))):
        draw.ellipse(
            [(84 - radius) * SCALE, (70 - radius) * SCALE, (84 + radius) * SCALE, (70 + radius) * SCALE], fill=colour
        )


def draw_icon() -> Image.Image:
    """The icon, 128 x 128 pixels, RGBA with transparent corners."""
    side = SIZE * SCALE
    image = Image.new("RGBA", (side, side), (*BACKGROUND, 255))
    draw_brain(ImageDraw.Draw(image))
    draw_tumour(image)
    corners = Image.new("L", (side, side), 0)
    ImageDraw.Draw(corners).rounded_rectangle([0, 0, side - 1, side - 1], radius=22 * SCALE, fill=255)
    image.putalpha(corners)
    small = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return small.filter(ImageFilter.UnsharpMask(radius=0.6, percent=60, threshold=0))


def main() -> None:
    """Write the icon to the file that the command line names."""
    parser = argparse.ArgumentParser(description="Draw the icon of GliomaSAM.")
    parser.add_argument("output", type=Path)
    draw_icon().save(parser.parse_args().output, optimize=True)


if __name__ == "__main__":
    main()
