"""A report of `gliomasam segment --json` given back as a whole: the same volumes, options, model and prompts again.

A report may come from a stranger. It names only files that are read: volumes and weights. They are told before any of
them is opened, have to be those that the report was made from, and are none of another computer.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PromptError, StudyError, WeightsError
from ..files import check_name, sha256_of
from ..prompts import PromptHistory
from .sources import Files

VOLUMES = ("t1", "t1c", "t2", "flair")

CHOICES: dict[str, type] = {
    "reference": str,
    "register": bool,
    "skull": str,
    "orientation": str,
    "same_patient": bool,
    "et_label": int,
    "device": str,
}
"""The options that a report gives back, by the names of the parameters of `segment`; null is no choice."""

LARGEST_REPORT = 1 << 28
"""In bytes: the prompts in it may hold masks."""


@dataclass(frozen=True)
class Repeated:
    """What a report says of its segmentation, and what was typed beside it.

    Args:
        path: The report.
        typed: The parameters of `segment` that were typed, with the option that each was typed as: they win.
        files: For each volume, and `encoder_weights`, the path and the SHA-256 of its bytes.
        folder: The case folder, where the volumes were found in one.
        options: Of `CHOICES`.
        model: A name or a path.
        weights_sha256: Of the model; None for one without a file.
        rules: Number of the rules for answers, see `session.prediction.RULES`; 1 in reports of before they had one.
        prompts: All of them.
    """

    path: Path
    typed: Mapping[str, str]
    files: Mapping[str, tuple[str, str]]
    folder: str | None
    options: Mapping[str, Any]
    model: str
    weights_sha256: str | None
    rules: int
    prompts: PromptHistory

    @classmethod
    def read(cls, path: Path, typed: Mapping[str, str]) -> "Repeated":
        """Read a report.

        Raises:
            StudyError: It cannot be read, or is no report of `gliomasam segment`.
            PromptError: Its prompts cannot be used.
        """
        check_name(path, StudyError)
        values = _read_json(path)
        if not isinstance(values, Mapping) or values.get("program") != "GliomaSAM" or "inputs" not in values:
            raise StudyError(f"{path} is no report of gliomasam segment: give the file that --json wrote")
        try:
            options, inputs, weights = values["options"], values["inputs"], values["weights_sha256"]
            files = {
                name: (_text(inputs[name]["path"]), _text(inputs[name]["sha256"]))
                for name in (*VOLUMES, "encoder_weights")
                if name in inputs
            }
            folder = None if options.get("folder") is None else _text(options["folder"])
            given = {name: kind for name, kind in CHOICES.items() if options.get(name) is not None}
            chosen = {name: _value(options[name], kind) for name, kind in given.items()}
            model, weights = _text(values["model"]), None if weights is None else _text(weights)
            rules = _value(values.get("rules", 1), int)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise StudyError(f"{path} is no whole report: {error} is missing or wrong; write it again") from error
        if not files.keys() & set(VOLUMES):
            raise StudyError(f"{path} names no volume: give a report that --json wrote")
        try:
            prompts = PromptHistory.from_json(values.get("prompts"))
        except PromptError as error:
            raise PromptError(f"{path}: {error}") from error
        return cls(path, typed, files, folder, chosen, model, weights, rules, prompts)

    def parameters(self) -> dict[str, Any]:
        """What stands in the place of the parameters of `segment` that were not typed."""
        values: dict[str, Any] = {name: value for name, value in self.options.items() if name not in self.typed}
        if "model" not in self.typed:
            values["model"] = self.model
        if "encoder_weights" not in self.typed and "model" not in self.typed and "encoder_weights" in self.files:
            values["encoder_weights"] = Path(self.files["encoder_weights"][0])
        if self.folder is not None and not self.typed.keys() & {"folder", *VOLUMES}:
            return {**values, "folder": Path(self.folder)}
        return {**values, **{name: Path(self.files[name][0]) for name in self._volumes()}}

    def _volumes(self) -> list[str]:
        """The volumes that are those of the report."""
        if "folder" in self.typed:
            return []
        return [name for name in VOLUMES if name in self.files and name not in self.typed]

    def lines(self) -> list[str]:
        """What is read because the report names it, one line a file, and what was typed in the place of it."""
        parameters = self.parameters()
        named = {
            "folder": "--folder",
            **{name: f"--{name}" for name in VOLUMES},
            "encoder_weights": "--encoder-weights",
        }
        told = [f"{option} {parameters[name]}" for name, option in named.items() if name in parameters]
        told += [f"--model {self.model}"] if "model" in parameters else []
        count = len(self.prompts.prompts) if "prompts" not in self.typed else 0
        told.append(f"{count} {'prompt' if count == 1 else 'prompts'}")
        return [*(f"from {self.path.name}: {line}" for line in told), *self.notes()]

    def notes(self) -> list[str]:
        """What differs from the report, for the notes of the result."""
        from ..session.prediction import RULES

        known = {*CHOICES, *VOLUMES, "folder", "model", "encoder_weights", "prompts"}
        typed = [self.typed[name] for name in sorted(self.typed.keys() & known)]
        notes = [f"as in {self.path.name}, but for what was typed: {', '.join(typed)}"] if typed else []
        if self.rules != RULES:
            notes.append(f"{self.path.name} was made by another version: the same prompts may give other masks now")
        more = sorted({"points", "boxes"} & self.typed.keys())
        return notes + (
            [f"the {' and '.join(more)} that were typed follow the prompts of {self.path.name}"] * bool(more)
        )

    def check_paths(self) -> None:
        """See that what the report names is here. Raises `StudyError`; nothing is opened."""
        for name, path in self.parameters().items():
            if name not in ("folder", "model", "encoder_weights", *VOLUMES):
                continue
            option = f"--{name.replace('_', '-')}"
            if str(path).startswith(("\\\\", "//")):
                raise StudyError(
                    f"{self.path} names {path}, of another computer: type {option} {path} if that is to be read"
                )
            if name == "model":
                continue  # a name of the catalogue, or a file that the reader of weights looks at
            from ..study.dicom import split_choice

            place, _ = split_choice(path)
            check_name(place, StudyError)
            if not (place.is_dir() if name == "folder" else place.is_dir() or place.is_file()):
                raise StudyError(f"{self.path} names {path}, which is not there: say where it is by {option}")

    def check_volumes(self, volumes: Files) -> None:
        """See that files are those that the report was made from.

        Args:
            volumes: The files of each volume, as they were found.

        Raises:
            StudyError: A file is another, or a folder holds other volumes.
        """
        names = self._volumes()
        if names and set(volumes) != {*names, *(self.typed.keys() & set(VOLUMES))}:
            found, told = ", ".join(volumes) or "none", ", ".join(names)
            raise StudyError(
                f"{self.folder} holds other volumes than for {self.path}: {found} instead of {told}; type --folder or "
                "the volumes to take them as they are"
            )
        for name in names:
            self._check(name, volumes[name])
        if "encoder_weights" in self.parameters():
            self._check("encoder_weights", (Path(self.files["encoder_weights"][0]),))

    def _check(self, name: str, files: tuple[Path, ...]) -> None:
        path, expected = self.files[name]
        if sha256_of(files) != expected:
            option = f"--{name.replace('_', '-')}"
            raise StudyError(
                f"{path} is not the file of {self.path} any more (its SHA-256 differs): give the one of then, or type "
                f"{option} {path} to take it as it is"
            )

    def check_weights(self, found: str | None) -> None:
        """See that the weights of the model are those of the report. Raises `WeightsError`."""
        if "model" not in self.typed and found != self.weights_sha256:
            raise WeightsError(
                f"The weights of the model {self.model} are not those of {self.path} (their SHA-256 differs): give "
                f"the ones of then by --model, or type --model {self.model} to take these"
            )


def _read_json(path: Path) -> Any:
    try:
        if not path.is_file():
            raise StudyError(f"{path}: there is no such file; give a report that --json wrote")
        if path.stat().st_size > LARGEST_REPORT:
            raise StudyError(f"{path} is no report: it has more than {LARGEST_REPORT >> 20} MB")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}: check it") from error
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path} is no report of gliomasam segment, nor any JSON file: {error}") from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("a text")
    return value


def _value(value: object, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"an option ({value!r:.40})")
    return value


def absolute(path: str | os.PathLike[str]) -> str:
    """A path as it stands in a report, so that it is found again from any folder."""
    return os.path.abspath(os.path.expanduser(path))
