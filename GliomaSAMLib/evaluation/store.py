"""Results on disk, one a line, so that an evaluation that was stopped goes on where it was."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import CaseError, OutputError
from .protocol import CaseResult


class ResultStore:
    """A JSON-lines file of `CaseResult`s. Of several lines about the same run the last one counts.

    A last line that was cut off by a kill is passed over; damage anywhere else raises `CaseError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = {result.key: result for result in _read(path)} if path.exists() else {}

    def find(self, key: tuple[str, str, str, str], signature: str) -> CaseResult | None:
        """The result of a run, if it is there, did not fail, and was made with the same signature."""
        result = self.results.get(key)
        return result if result and result.signature == signature and not result.error else None

    def add(self, result: CaseResult) -> None:
        """Append a result and flush it to the disk. Raises OutputError when it cannot be written."""
        self.results[result.key] = result
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                if file.tell() and not _ends_with_newline(self.path):
                    file.write(b"\n")
                file.write(json.dumps(result.to_json()).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}") from error


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _read(path: Path) -> Iterator[CaseResult]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            yield CaseResult.from_json(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                return
            if not line.strip() or not line.rstrip().endswith("}"):
                continue  # a line cut off by a kill, before the run went on
            raise CaseError(f"line {number} of {path} is no evaluation result: remove the file or that line") from error


def read_results(paths: Iterable[Path]) -> list[CaseResult]:
    """The results of several files together; a later file wins over an earlier one. Raises CaseError on damage."""
    results: dict[tuple[str, str, str, str], CaseResult] = {}
    for path in paths:
        if not path.is_file():
            raise CaseError(f"there are no results at {path}")
        results.update(ResultStore(path).results)
    return list(results.values())
