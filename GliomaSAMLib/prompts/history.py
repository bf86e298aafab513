"""The prompts of a session in their order, with undo and redo of any depth, and as JSON values."""

import base64
import binascii
import json
import math
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import PromptError
from ..files import replacing
from . import prompt as make
from .prompt import KINDS, Prompt, check_ras

FORMAT = "gliomasam-prompts"

VERSION = 1

MASK_ENCODING = "bits+zlib+base64"

MAX_VOXELS = 2**31
"""Masks larger than this are refused, so that a damaged file cannot fill the memory."""


@dataclass(frozen=True)
class PromptHistory:
    """Prompts in the order in which they were given, and the states before and after. Immutable: every change is a
    new history.

    A change (`add`, `remove`, `replace`, `move`, `reset`) can be undone and redone; after an undo, a change forgets
    what could be redone.

    Args:
        prompts: The prompts that hold now.
        past: The earlier states, the latest last.
        future: The states that were undone, the next to redo last.
    """

    prompts: tuple[Prompt, ...] = ()
    past: tuple[tuple[Prompt, ...], ...] = ()
    future: tuple[tuple[Prompt, ...], ...] = ()

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone change to do again."""
        return bool(self.future)

    def __len__(self) -> int:
        return len(self.prompts)

    def find(self, prompt_id: str) -> Prompt:
        """The prompt of this id as it is now. Raises `PromptError` when there is none."""
        for prompt in self.prompts:
            if prompt.id == prompt_id:
                return prompt
        raise PromptError(f"Unknown prompt {prompt_id!r}: it was removed or undone before")

    def add(self, prompt: Prompt) -> "PromptHistory":
        """With one more prompt at the end. Raises `PromptError` when one of this id is there already."""
        if any(prompt.id == other.id for other in self.prompts):
            raise PromptError(f"The prompt {prompt.id!r} was added before: use move to change it")
        return self._changed((*self.prompts, prompt))

    def remove(self, prompt_id: str) -> "PromptHistory":
        """Without the prompt of this id. Raises `PromptError` when there is none."""
        gone = self.find(prompt_id)
        return self._changed(tuple(prompt for prompt in self.prompts if prompt is not gone))

    def replace(self, prompt: Prompt) -> "PromptHistory":
        """With `prompt` in the place of the one with its id. Raises `PromptError` when there is none."""
        old = self.find(prompt.id)
        return self._changed(tuple(prompt if other is old else other for other in self.prompts))

    def move(self, prompt_id: str, ras: tuple[float, float, float]) -> "PromptHistory":
        """With the prompt of this id centred at `ras` (mm). Raises `PromptError` when there is none, or it is a
        mask.
        """
        return self.replace(self.find(prompt_id).moved(check_ras(ras)))

    def reset(self) -> "PromptHistory":
        """Without prompts; undo brings them back."""
        return self._changed(()) if self.prompts else self

    def undo(self) -> "PromptHistory":
        """Before the last change; the same history when there is none."""
        if not self.past:
            return self
        return PromptHistory(self.past[-1], self.past[:-1], (*self.future, self.prompts))

    def redo(self) -> "PromptHistory":
        """After the change that was undone last; the same history when there is none."""
        if not self.future:
            return self
        return PromptHistory(self.future[-1], (*self.past, self.prompts), self.future[:-1])

    def _changed(self, prompts: tuple[Prompt, ...]) -> "PromptHistory":
        return PromptHistory(prompts, (*self.past, self.prompts), ())

    def to_json(self) -> dict[str, Any]:
        """The prompts that hold now, in order, as JSON values; what could be undone is not kept."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "space": "RAS, mm",
            "prompts": [prompt_to_json(prompt) for prompt in self.prompts],
        }

    @classmethod
    def from_json(cls, values: object) -> "PromptHistory":
        """A history of the prompts of `to_json`, with nothing to undo. Raises `PromptError` on anything else."""
        if (
            not isinstance(values, Mapping)
            or values.get("format") != FORMAT
            or not isinstance(values.get("prompts"), list)
        ):
            raise PromptError(f'Not a list of prompts: it needs "format": "{FORMAT}" and "prompts": [...]')
        if values.get("version") != VERSION:
            raise PromptError(
                f"The prompts are of version {values.get('version')!r}, this program reads version {VERSION}: "
                "update GliomaSAM"
            )
        history = cls()
        for number, entry in enumerate(values["prompts"], start=1):
            try:
                history = history.add(prompt_from_json(entry))
            except PromptError as error:
                raise PromptError(f"Prompt {number} of the list: {error}") from error
        return cls(history.prompts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_json` to a file, whole or not at all. Raises `OutputError`."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PromptHistory":
        """Read a file of `save`. Raises `PromptError` that names the file and what is wrong with it."""
        try:
            with open(path, encoding="utf-8") as file:
                return cls.from_json(json.load(file))
        except OSError as error:
            raise PromptError(
                f"The prompts cannot be read from {os.fspath(path)}: {error.strerror or error}"
            ) from error
        except (ValueError, RecursionError) as error:
            raise PromptError(f"{os.fspath(path)} is not a JSON file of prompts: {error}") from error
        except PromptError as error:
            raise PromptError(f"{os.fspath(path)}: {error}") from error


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
        raise PromptError(f"{values!r} is not a prompt: it needs id, kind, region, positive and points or mask")
    kind, region, positive, prompt_id = (values.get(key) for key in ("kind", "region", "positive", "id"))
    if kind not in KINDS:
        raise PromptError(f"Unknown kind of prompt {kind!r}. Use one of {', '.join(KINDS)}")
    if not isinstance(region, str):
        raise PromptError('its "region" is missing: use "WT", "TC" or "ET"')
    if not isinstance(positive, bool):
        raise PromptError('its "positive" is missing: use true or false')
    if prompt_id is not None and (not isinstance(prompt_id, str) or not prompt_id):
        raise PromptError(f'its "id" {prompt_id!r} is not a text')
    if kind == "mask":
        return make.mask(mask_from_json(values.get("mask")), region, prompt_id=prompt_id)
    points = values.get("points")
    if not isinstance(points, list):
        raise PromptError('its "points" are missing: a list of [R, A, S] in mm')
    return _with_points(kind, points, region, positive, prompt_id)


def _with_points(kind: str, points: list[Any], region: str, positive: bool, prompt_id: str | None) -> Prompt:
    count = {"point": 1, "box": 2}.get(kind, len(points))
    if len(points) != count:
        raise PromptError(f"A {kind} needs {count} [R, A, S], it has {len(points)}")
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
