"""How prompts look in the views: apart from each other, from the segments, and for the colour-blind by their shape."""

from collections.abc import Mapping

Colour = tuple[float, float, float]

PROMPT_COLOURS: Mapping[tuple[bool, str], Colour] = {
    (True, "WT"): (0.10, 0.85, 0.25),
    (True, "TC"): (0.00, 0.55, 0.40),
    (True, "ET"): (0.10, 0.25, 0.95),
    (False, "WT"): (0.90, 0.05, 0.15),
    (False, "TC"): (0.85, 0.20, 0.70),
    (False, "ET"): (0.50, 0.10, 0.60),
}
"""Red, green, blue in [0, 1] for inside (True) or outside and the region: cold inside, warm outside."""

GLYPHS: Mapping[bool, str] = {True: "Circle2D", False: "ThickCross2D"}
"""Shapes of a point inside and outside, as vtkMRMLMarkupsDisplayNode calls them."""

GLYPH_SCALE = 2.5
"""Size of a point in per cent of the view, so that it is as easy to grab at every magnification."""
