"""Prompts as JSON values: positions as numbers, masks as packed, compressed bits."""

import base64
import binascii
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import PromptError
from . import prompt as make
from .prompt import KINDS, Prompt

MASK_ENCODING = "bits+zlib+base64"
MAX_VOXELS = 2**31
"""Masks larger than this are refused, so that a damaged file cannot fill the memory."""


def prompt_to_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt as JSON values."""
    values: dict[str, Any] = {
        "id": prompt.id,
        "kind": prompt.kind,
        "region": prompt.region,
        "positive": prompt.positive,
    }
    if prompt.mask is None:
        values["points"] = [list(ras) for ras in prompt.points]
    else:
        values["mask"] = mask_to_json(prompt.mask)
    return values


def prompt_from_json(values: object) -> Prompt:
    """A prompt from the values of `prompt_to_json`. Raises `PromptError` that says what is missing or wrong."""
    if not isinstance(values, Mapping):
        raise PromptError(f"{values!r} is no prompt: it needs id, kind, region, positive and points or mask")
    kind, region, positive, prompt_id = (values.get(key) for key in ("kind", "region", "positive", "id"))
    if kind not in KINDS:
        raise PromptError(f"there is no kind of prompt {kind!r}: use one of {', '.join(KINDS)}")
    if not isinstance(region, str):
        raise PromptError('its "region" is missing: use "WT", "TC" or "ET"')
    if not isinstance(positive, bool):
        raise PromptError('its "positive" is missing: use true or false')
    if prompt_id is not None and (not isinstance(prompt_id, str) or not prompt_id):
        raise PromptError(f'its "id" {prompt_id!r} is no text')
    if kind == "mask":
        return make.mask(mask_from_json(values.get("mask")), region, prompt_id=prompt_id)
    points = values.get("points")
    if not isinstance(points, list):
        raise PromptError('its "points" are missing: a list of [R, A, S] in mm')
    return _with_points(kind, points, region, positive, prompt_id)


def _with_points(kind: str, points: list[Any], region: str, positive: bool, prompt_id: str | None) -> Prompt:
    count = {"point": 1, "box": 2}.get(kind, len(points))
    if len(points) != count:
        raise PromptError(f"a {kind} needs {count} [R, A, S], it has {len(points)}")
    if kind == "point":
        return make.point(points[0], positive, region, prompt_id=prompt_id)
    if kind == "box":
        return make.box(points[0], points[1], region, prompt_id=prompt_id)
    return make.scribble(points, positive, region, prompt_id=prompt_id)


def mask_to_json(mask: np.ndarray) -> dict[str, Any]:
    """A mask (K, J, I) of 0 and 1 as JSON values: about 20 kB for a tumour in a head of 1 mm voxels."""
    data = base64.b64encode(zlib.compress(np.packbits(mask).tobytes(), 6)).decode("ascii")
    return {"shape": list(mask.shape), "encoding": MASK_ENCODING, "data": data}


def mask_from_json(values: object) -> np.ndarray:
    """The mask of `mask_to_json`, uint8 (K, J, I). Raises `PromptError` on damage."""
    if not isinstance(values, Mapping) or values.get("encoding") != MASK_ENCODING:
        raise PromptError(f'its "mask" is missing or not encoded as {MASK_ENCODING}')
    shape = values.get("shape")
    if (
        not isinstance(shape, list)
        or len(shape) != 3
        or not all(type(n) is int and n > 0 for n in shape)
        or math.prod(shape) > MAX_VOXELS
    ):
        raise PromptError(f"its mask has no usable shape: {shape!r}")
    voxels = math.prod(shape)
    length = (voxels + 7) // 8
    try:
        stream = zlib.decompressobj()
        packed = stream.decompress(base64.b64decode(values.get("data", ""), validate=True), length + 1)
    except (zlib.error, binascii.Error, TypeError, ValueError) as error:
        raise PromptError(f"its mask is damaged: {error}") from error
    if len(packed) != length or not stream.eof:
        raise PromptError(f"its mask is damaged: it does not hold {voxels} voxels")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=voxels).reshape(shape)
