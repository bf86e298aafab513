"""matplotlib as all that is drawn here uses it: the same for everybody, whatever settings there are."""

import contextlib
from collections.abc import Iterator

from .working_folder import import_elsewhere

import_elsewhere()

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

__all__ = ["Axes", "Figure", "FigureCanvasAgg", "Line2D", "standard_look", "withStroke"]


@contextlib.contextmanager
def standard_look() -> Iterator[None]:
    """Draw as matplotlib does without any settings, whoever imported it first, and from whatever folder; a dollar in a
    name is a dollar, not the beginning of a formula.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["text.parse_math"] = False
        yield
