"""The user's prompts: points, boxes, scribbles and edited masks in RAS mm, and their history.

Positions go in as RAS millimetres; `prompt_voxels` gives the voxels they mark on any grid.
"""

from .history import PromptHistory
from .prompt import Prompt, box, format_ras, mask, point, scribble, tilted_box
from .voxelise import box_range, box_voxels, flat_axis, near_tissue, prompt_voxels, scribble_points, validate_prompt

__all__ = [
    "Prompt",
    "PromptHistory",
    "box",
    "box_range",
    "box_voxels",
    "flat_axis",
    "format_ras",
    "mask",
    "near_tissue",
    "point",
    "prompt_voxels",
    "scribble",
    "scribble_points",
    "tilted_box",
    "validate_prompt",
]
