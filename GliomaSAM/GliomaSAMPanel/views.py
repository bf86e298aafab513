"""The slice views of the application."""

import slicer


def jump(place):
    """Let the middle of all slice views be a place, RAS mm; where it is None they stay."""
    if place is not None:
        slicer.modules.markups.logic().JumpSlicesToLocation(*(float(value) for value in place), True)
