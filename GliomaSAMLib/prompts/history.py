"""The prompts of a session in their order, with undo and redo of any depth, and as JSON values."""

import base64
import binascii
import json
import math
import os
import reprlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np

from ..errors import PromptError
from ..files import replacing
from ..geometry import Geometry, floats, triple
from . import prompt as make
from .prompt import KINDS, Prompt, check_ras

FORMAT = "gliomasam-prompts"

VERSION = 1

MASK_ENCODING = "bits+zlib+base64"

MAX_VOXELS = 2**29
"""Masks larger than this are refused, so that a damaged file cannot fill the memory."""

MAX_VOXELS_TOGETHER = 2**31
"""The most voxels of all masks of a list."""

LONGEST_FILE = 1 << 28
"""In letters; the prompts may hold masks."""

MAX_PROMPTS = 10_000
"""The most prompts of a list."""


Snapshot = tuple[tuple[Prompt, ...], bool]
"""What a step shows: the prompts to be answered, and whether without any the automatic proposal is shown."""


@dataclass(frozen=True)
class PromptHistory:
    """The steps of a user: the prompts of each in the order in which they were given. Immutable: every change is a new
    history.

    A change (`add`, `remove`, `replace`, `move`, `propose`, `reset`) is one step, which can be undone and redone; after
    an undo, a change forgets what could be redone.

    Args:
        prompts: The prompts of the current step, those superseded among them.
        past: The earlier steps, the latest last.
        future: The steps that were undone, the next to redo last.
        proposed: Numbers of the steps, counted from the first, that show the automatic proposal.
        superseded: Prompts of the first step that are displayed only, as masks stand for them already.
        inherited: Masks that hold what the segments showed at the first step, where other weights answered its
            prompts, or where it has none; empty otherwise. They stand for those prompts: every later step begins with
            the masks, and the prompts are displayed only.
    """

    prompts: tuple[Prompt, ...] = ()
    past: tuple[tuple[Prompt, ...], ...] = ()
    future: tuple[tuple[Prompt, ...], ...] = ()
    proposed: frozenset[int] = frozenset()
    superseded: frozenset[Prompt] = frozenset()
    inherited: tuple[Prompt, ...] = ()

    # the current step

    @property
    def answered(self) -> tuple[Prompt, ...]:
        """The prompts of the step that are answered, in their order."""
        seen = self._displayed_only()
        return tuple(prompt for prompt in self.prompts if prompt not in seen) if seen else self.prompts

    @property
    def earlier(self) -> tuple[Prompt, ...]:
        """The prompts of the step that other weights answered: displayed only."""
        seen = self._displayed_only()
        return tuple(prompt for prompt in self.prompts if prompt in seen and prompt.points)

    @property
    def snapshot(self) -> Snapshot:
        """What the step shows."""
        return (self.inherited, False) if self.is_inherited else (self.answered, self.is_proposal)

    @property
    def has_result(self) -> bool:
        """Whether the step shows anything: the answer to a prompt, or the proposal."""
        prompts, proposed = self.snapshot
        return bool(prompts) or proposed

    @property
    def is_proposal(self) -> bool:
        """Whether the step shows the automatic proposal."""
        return not self.answered and self._number in self.proposed

    @property
    def is_inherited(self) -> bool:
        """Whether the step shows masks in place of what its own prompts lead to."""
        return bool(self.inherited) and self._number == 0

    @property
    def begins_empty(self) -> bool:
        """Whether the first step shows nothing but for masks inherited."""
        first = self.past[0] if self.past else self.prompts
        return not replace(self, prompts=first, past=(), inherited=()).has_result

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about prompts that other weights answered."""
        if self.is_inherited and not self.begins_empty:
            made = "other weights or rules made what the segments hold, or somebody drew it"
            return (f"{made}: it stays as it is, and the next prompt refines it",)
        if self.earlier:
            return ("the dimmed prompts are not answered any more: what was made of them before is kept as masks",)
        return ()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step to do again."""
        return bool(self.future)

    @property
    def _number(self) -> int:
        return len(self.past)

    def _displayed_only(self) -> frozenset[Prompt]:
        return frozenset(self.past[0]) if self.inherited and self.past else self.superseded

    def __len__(self) -> int:
        return len(self.prompts)

    def find(self, prompt_id: str) -> Prompt:
        """The prompt of this id as it is now. Raises `PromptError` when there is none."""
        for prompt in self.prompts:
            if prompt.id == prompt_id:
                return prompt
        raise PromptError(f"Unknown prompt {prompt_id!r}: it was removed or undone before")

    def masks(self) -> tuple[Prompt, ...]:
        """The masks edited by hand of all steps, each id once."""
        steps = (self.inherited, *self.past, self.prompts, *self.future)
        return tuple({prompt.id: prompt for prompts in steps for prompt in prompts if prompt.kind == "mask"}.values())

    def contains_mask(self, mask: Prompt) -> bool:
        """Whether the latest mask of the same region in this step is the same mask already."""
        latest = [prompt for prompt in self.answered if prompt.kind == "mask" and prompt.region == mask.region]
        return bool(latest) and latest[-1].has_mask_of(mask)

    # changes

    def add(self, *prompts: Prompt) -> "PromptHistory":
        """With more prompts at the end, as one step. Raises `PromptError` when one of an id is there already."""
        after = [*self._head()]
        for prompt in prompts:
            if any(prompt.id == other.id for other in after):
                raise PromptError(f"The prompt {prompt.id!r} was added before: use move to change it")
            after.append(prompt)
        return self._changed(tuple(after)) if prompts else self

    def remove(self, *prompt_ids: str) -> "PromptHistory":
        """Without the prompts of these ids, as one step. Raises `PromptError` when one is not there."""
        gone = [self.find(prompt_id) for prompt_id in prompt_ids]
        return self._changed(tuple(prompt for prompt in self._head() if prompt not in gone)) if gone else self

    def replace(self, prompt: Prompt) -> "PromptHistory":
        """With `prompt` in the place of the one with its id. Raises `PromptError` when there is none."""
        old = self.find(prompt.id)
        return self._changed(tuple(prompt if other is old else other for other in self._head()))

    def move(self, prompt_id: str, ras: tuple[float, float, float]) -> "PromptHistory":
        """With the prompt of this id centred at `ras` (mm). Raises `PromptError` when there is none, or it is a
        mask.
        """
        return self.replace(self.find(prompt_id).moved(check_ras(ras)))

    def reset(self) -> "PromptHistory":
        """Without prompts and proposal; the same when there is none."""
        return self._changed(()) if self.has_result else self

    def propose(self) -> "PromptHistory":
        """Without prompts, showing the proposal; the same when it is shown already."""
        return self if self.snapshot == ((), True) else self._changed(()).showing_proposal()

    def showing_proposal(self) -> "PromptHistory":
        """With the proposal shown in the current step, where it has no prompts; no step of its own."""
        return replace(self, proposed=self.proposed | {self._number})

    def undo(self) -> "PromptHistory":
        """Before the last step; the same history when there is none."""
        if not self.past:
            return self
        return replace(self, prompts=self.past[-1], past=self.past[:-1], future=(*self.future, self.prompts))

    def redo(self) -> "PromptHistory":
        """After the step that was undone last; the same history when there is none."""
        if not self.future:
            return self
        return replace(self, prompts=self.future[-1], past=(*self.past, self.prompts), future=self.future[:-1])

    def map_prompts(self, change: Callable[[Prompt], Prompt | None]) -> "PromptHistory":
        """Every prompt of every step changed, or left out where `change` returns None, as if it had always been so."""

        def these(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
            changed = (change(prompt) for prompt in prompts)
            return tuple(prompt for prompt in changed if prompt is not None)

        past, future = tuple(map(these, self.past)), tuple(map(these, self.future))
        return replace(self, prompts=these(self.prompts), past=past, future=future, inherited=these(self.inherited))

    def carried(
        self, usable: Callable[[Prompt], Prompt], masks: Mapping[str, Prompt], refused: dict[str, str]
    ) -> "PromptHistory":
        """As a volume can use it: with `masks`, which are on its grid, in the place of those of their ids, and without
        what `usable` refuses by a `PromptError`; `refused` is told why, by id.
        """

        def accepted(prompt: Prompt) -> Prompt | None:
            try:
                return usable(masks.get(prompt.id, prompt))
            except PromptError as error:
                refused[prompt.id] = str(error)
                return None

        return self.map_prompts(accepted)

    def inheriting(self, masks: Sequence[Prompt]) -> "PromptHistory":
        """With `masks` for the first step, which its prompts turned out not to lead to; the steps since then follow the
        masks, up to a reset.
        """
        steps = [*self.past, self.prompts, *reversed(self.future)]
        end = next((number for number, prompts in enumerate(steps) if number and not prompts), len(steps))
        steps[1:end] = [(*masks, *prompts) for prompts in steps[1:end]]
        past, future = tuple(steps[: self._number]), tuple(reversed(steps[self._number + 1 :]))
        return replace(self, prompts=steps[self._number], past=past, future=future, inherited=tuple(masks))

    def disinherited(self) -> "PromptHistory":
        """With a first step that the model answers itself; the same once masks stand for it."""
        answerable = self.is_inherited and not self.begins_empty and not self.can_redo
        return replace(self, inherited=()) if answerable else self

    def _head(self) -> tuple[Prompt, ...]:
        """The prompts that the next step begins with."""
        return (*self.inherited, *self.prompts) if self.is_inherited else self.prompts

    def _changed(self, prompts: tuple[Prompt, ...]) -> "PromptHistory":
        past = (*self.past, self.prompts)
        known = frozenset(number for number in self.proposed if number < len(past))
        return replace(self, prompts=prompts, past=past, future=(), proposed=known)

    def to_json(self) -> dict[str, Any]:
        """The prompts of the current step, in order, as JSON values; what could be undone is not kept."""
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
        entries = values["prompts"]
        if len(entries) > MAX_PROMPTS:
            raise PromptError(f"The list has {len(entries)} prompts: take some out, {MAX_PROMPTS} are the most")
        prompts: dict[str, Prompt] = {}
        voxels = 0
        for number, entry in enumerate(entries, start=1):
            try:
                voxels += declared_voxels(entry)
                if voxels > MAX_VOXELS_TOGETHER:
                    raise PromptError(
                        f"the masks up to this one have {voxels} voxels together, which needs "
                        f"{_gibibytes(voxels):.1f} GiB of memory: take masks out, "
                        f"{MAX_VOXELS_TOGETHER} voxels are the most"
                    )
                prompt = prompt_from_json(entry)
                if prompt.id in prompts:
                    raise PromptError(f"The id {reprlib.repr(prompt.id)} is that of a prompt before: give each its own")
            except PromptError as error:
                raise PromptError(f"Prompt {number} of the list: {error}") from error
            prompts[prompt.id] = prompt
        return cls(tuple(prompts.values()))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_json` to a file, whole or not at all. Raises `OutputError`."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PromptHistory":
        """Read a file of `save`, or the prompts of a report of `gliomasam segment --json`. Raises `PromptError` that
        names the file and what is wrong with it.
        """
        try:
            with open(path, encoding="utf-8-sig") as file:  # editors on Windows begin with a byte order mark
                text = file.read(LONGEST_FILE + 1)
            if len(text) > LONGEST_FILE:
                raise PromptError(f"it has more than {LONGEST_FILE} letters: choose a file of prompts")
            values = json.loads(text)
            is_report = isinstance(values, Mapping) and values.get("program") == "GliomaSAM"
            return cls.from_json(values.get("prompts") if is_report else values)
        except OSError as error:
            raise PromptError(
                f"The prompts cannot be read from {os.fspath(path)}: {error.strerror or error}"
            ) from error
        except (ValueError, RecursionError) as error:
            no_text = "no text, as segment --json writes; a mask from an image is given in Python (Session.set_mask)"
            reason = no_text if isinstance(error, UnicodeDecodeError) else error
            raise PromptError(f"{os.fspath(path)} is not a JSON file of prompts: {reason}") from error
        except PromptError as error:
            raise PromptError(f"{os.fspath(path)}: {error}") from error


def prompt_to_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt as JSON values; a mask takes about 20 kB for a tumour in a head of 1 mm voxels."""
    values: dict[str, Any] = {
        "id": prompt.id,
        "kind": prompt.kind,
        "region": prompt.region,
        "positive": prompt.positive,
    }
    if prompt.shape is None:
        values["points"] = [list(ras) for ras in prompt.points]
    else:
        data = base64.b64encode(prompt.compressed_mask).decode("ascii")
        values["mask"] = {"shape": list(prompt.shape), **_grid_to_json(prompt), "encoding": MASK_ENCODING, "data": data}
    return values


def _grid_to_json(prompt: Prompt) -> dict[str, Any]:
    """Where the voxels of a mask lie, RAS mm: their distances along I, J, K, the centre of the first, the axes."""
    grid = prompt.grid
    if grid is None:
        return {}
    return {"spacing": list(grid.spacing), "origin": list(grid.origin), "direction": [*map(list, grid.direction)]}


def _grid_from_json(values: Mapping[str, Any], shape: tuple[int, ...]) -> Geometry | None:
    """The grid of `_grid_to_json`; None in a file of before masks had one. Raises `PromptError` for half a grid."""
    found = [values.get(key) for key in ("spacing", "origin", "direction")]
    if all(value is None for value in found):
        return None
    try:
        spacing, origin, direction = (np.asarray(value, float) for value in found)
    except (TypeError, ValueError, OverflowError):
        spacing = origin = direction = np.full(3, np.nan)
    right = spacing.shape == origin.shape == (3,) and direction.shape == (3, 3)
    right = right and all(bool(np.isfinite(part).all()) for part in (spacing, origin, direction))
    if not right or not (spacing > 0).all() or not np.allclose(direction.T @ direction, np.eye(3), atol=1e-2):
        raise PromptError('its mask has no usable grid: "spacing", "origin" and "direction" belong together')
    axes = triple(floats(row) for row in direction)
    return Geometry(triple(int(n) for n in shape[::-1]), floats(spacing), floats(origin), axes)


def declared_voxels(entry: object) -> int:
    """How many voxels the mask of a prompt's JSON values says that it has; 0 where it has no usable shape."""
    mask = entry.get("mask") if isinstance(entry, Mapping) else None
    shape = mask.get("shape") if isinstance(mask, Mapping) else None
    return math.prod(shape) if _is_shape(shape) else 0


def _is_shape(shape: object) -> TypeGuard[list[int]]:
    return isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)


def prompt_from_json(values: object) -> Prompt:
    """A prompt from the values of `prompt_to_json`. Raises `PromptError` that says what is missing or wrong."""
    if not isinstance(values, Mapping):
        raise PromptError(
            f"{reprlib.repr(values)} is not a prompt: it needs id, kind, region, positive and points or mask"
        )
    kind, region, positive, prompt_id = (values.get(key) for key in ("kind", "region", "positive", "id"))
    if kind not in KINDS:
        raise PromptError(f"Unknown kind of prompt {reprlib.repr(kind)}. Use one of {', '.join(KINDS)}")
    if not isinstance(region, str):
        raise PromptError('its "region" is missing: use "WT", "TC" or "ET"')
    if not isinstance(positive, bool):
        raise PromptError('its "positive" is missing: use true or false')
    if prompt_id is not None and (not isinstance(prompt_id, str) or not prompt_id):
        raise PromptError(f'its "id" {reprlib.repr(prompt_id)} is not a text')
    if kind == "mask":
        drawn = mask_from_json(values.get("mask"))
        return make.mask(drawn, region, grid=_grid_from_json(values["mask"], drawn.shape), prompt_id=prompt_id)
    points = values.get("points")
    if not isinstance(points, list):
        raise PromptError('its "points" are missing: a list of [R, A, S] in mm')
    return _with_points(kind, points, region, positive, prompt_id)


def _with_points(kind: str, points: list[Any], region: str, positive: bool, prompt_id: str | None) -> Prompt:
    counts = {"point": (1,), "box": (2, 4)}.get(kind, (len(points),))
    if len(points) not in counts:
        raise PromptError(f"A {kind} needs {' or '.join(map(str, counts))} [R, A, S], it has {len(points)}")
    if kind == "point":
        return make.point(points[0], positive, region, prompt_id=prompt_id)
    if kind == "box" and len(points) > 2:
        return make.tilted_box(points, region, prompt_id=prompt_id)
    if kind == "box":
        return make.box(points[0], points[1], region, prompt_id=prompt_id)
    return make.scribble(points, positive, region, prompt_id=prompt_id)


def mask_from_json(values: object) -> np.ndarray:
    """The mask of `prompt_to_json`, uint8 (K, J, I). Raises `PromptError` on damage."""
    if not isinstance(values, Mapping) or values.get("encoding") != MASK_ENCODING:
        raise PromptError(f'its "mask" is missing or not encoded as {MASK_ENCODING}')
    shape = values.get("shape")
    if not _is_shape(shape):
        raise PromptError(f"its mask has no usable shape: {reprlib.repr(shape)}")
    voxels = math.prod(shape)
    if voxels > MAX_VOXELS:
        raise PromptError(
            f"its mask has no usable shape: {reprlib.repr(shape)} are {float(min(voxels, 10**30)):.3g} voxels, which "
            f"need {_gibibytes(voxels):.3g} GiB of memory: {MAX_VOXELS} voxels are the most"
        )
    length = (voxels + 7) // 8
    try:
        stream = zlib.decompressobj()
        packed = stream.decompress(base64.b64decode(values.get("data", ""), validate=True), length + 1)
    except (zlib.error, binascii.Error, TypeError, ValueError) as error:
        raise PromptError(f"its mask is damaged: {error}") from error
    if len(packed) != length or not stream.eof:
        raise PromptError(f"its mask is damaged: it does not hold {voxels} voxels")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=voxels).reshape(shape)


def _gibibytes(count: int) -> float:
    """So many bytes as GiB, for messages; a number beyond all floats becomes a very large one."""
    return min(count, 2**100) / 2**30
