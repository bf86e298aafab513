"""The user's prompts: points, boxes, scribbles and edited masks in RAS mm, and their history.

Positions go in as RAS millimetres; `prompt_voxels` gives the voxels they mark on any grid.
"""

from .history import PromptHistory
from .prompt import Prompt, box, format_ras, mask, point, scribble, tilted_box
from .voxelise import (
    box_layers,
    box_range,
    box_voxels,
    flat_axis,
    is_on_grid,
    near_tissue,
    on_grid,
    prompt_voxels,
    scribble_points,
    validate_prompt,
)

__all__ = [
    "Prompt",
    "PromptHistory",
    "box",
    "box_layers",
    "box_range",
    "box_voxels",
    "flat_axis",
    "format_ras",
    "is_on_grid",
    "mask",
    "near_tissue",
    "on_grid",
    "point",
    "prompt_voxels",
    "scribble",
    "scribble_points",
    "tilted_box",
    "validate_prompt",
]
