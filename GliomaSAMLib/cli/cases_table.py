"""The tables of `gliomasam segment-cases`, a row a patient, and of `gliomasam measure`, a row a file: with volumes,
diameters, notes and errors.
"""

import csv
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import Cancelled, GliomaSAMError, OutputError
from ..files import check_replaceable, replacing
from ..output.diameters import Diameters
from ..plain_text import spreadsheet_cell
from ..regions import REGIONS
from .console import note_line
from .faults import reason_of

TABLE = "volumes.csv"

MEASURES = ("ml", "largest_mm", "perpendicular_mm", "product_mm2")

MEASURED = (*(f"{region}_{measure}" for region in REGIONS for measure in MEASURES), "notes", "error")

COMMANDS = {"case": "segment-cases", "file": "measure"}
"""Which command leaves a table of what, its first heading."""

STAYS = "it stays as it is: choose another --output, or remove it"

KINDS = ("outlined", "there already", "there already but made otherwise", "not outlined")

ROUTINE = re.compile("(?:t1|t1c|t2|flair) is .+")
"""Notes that are in the table alone: which file is which volume. What one may have to check is printed as well."""


@dataclass(frozen=True)
class Row:
    """A case or a file in the table, or why it has no measures.

    Args:
        case: Its name.
        volumes: mL by region, of those that are known.
        diameters: By region; None where it is empty.
        notes: What was done to the volumes, and what the user should know.
        seconds: How long it took to outline it; None where that was not done now.
        error: Why it is not outlined as it was asked for.
    """

    case: str
    volumes: Mapping[str, float] = field(default_factory=dict)
    diameters: Mapping[str, Diameters | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    error: str = ""

    @property
    def kind(self) -> str:
        """Of `KINDS`."""
        if self.error:
            return KINDS[2] if self.volumes else KINDS[3]
        return KINDS[1] if self.seconds is None else KINDS[0]

    def cells(self) -> list[str]:
        """The name, and in the order of `MEASURED` what there is; nothing where there is no measure."""
        measures: list[float | None] = []
        for region in REGIONS:
            found = self.diameters.get(region)
            lengths = (found.largest_mm, found.perpendicular_mm, found.product_mm2) if found else (None, None, None)
            measures += [self.volumes.get(region), *lengths]
        name, notes, error = map(spreadsheet_cell, [self.case, "; ".join(self.notes), self.error])
        return [name, *("" if value is None else f"{value:.3f}" for value in measures), notes, error]

    @property
    def lengths(self) -> str:
        """The diameters, for a line."""
        found = {region: lengths for region, lengths in self.diameters.items() if lengths}
        told = [f"{region} {one.largest_mm:.1f} x {one.perpendicular_mm:.1f}" for region, one in found.items()]
        return f"{'  '.join(told)} mm" if told else "no diameters"

    def lines(self, how: str | None = None) -> list[str]:
        """What is printed of it, with `how` after the volumes; where that is not given, how the case was outlined."""
        told = [note_line(self.case, note) for note in self.notes if not ROUTINE.fullmatch(note)]
        why = [f"{self.case}: {self.error}"] if self.error else []
        if not self.volumes:
            return [*why, *told]
        volumes = "  ".join(f"{region} {volume:.1f}" for region, volume in self.volumes.items())
        if how is None:
            how = "there already" if self.seconds is None else f"{self.seconds:.1f} s"
        return [f"{self.case}  {volumes} mL; {how}", *why, *told]


def row_of_file(name: str, path: Path, labels: str | None) -> Row:
    """The row of a mask as it is on the disk now; `labels` as for `read_label_map`. Raises `CaseError`."""
    from ..data.labels import read_label_map
    from ..output.diameters import largest_diameters

    found = read_label_map(path, labels)
    masks = {region: found.masks[region] for region in found.known}
    volumes = {region: int(np.count_nonzero(mask)) * found.geometry.voxel_ml for region, mask in masks.items()}
    diameters = {region: largest_diameters(mask, found.geometry) for region, mask in masks.items()}
    return Row(name, volumes, diameters, (*found.notes, *filter(None, [found.place_note])))


def row_or_error(name: str, make: Callable[[], Row]) -> Row:
    """The row that `make` gives, or one that tells what went wrong with it."""
    try:
        return make()
    except Cancelled:
        raise
    except GliomaSAMError as error:
        return Row(name, error=str(error))
    except Exception as error:
        if os.environ.get("GLIOMASAM_DEBUG"):
            raise
        return Row(name, error=reason_of(error)[0])


@dataclass
class Table:
    """The table of all cases or files, on the disk after each.

    Args:
        path: The file.
        rows: The cells of each, by the first of them; also those of earlier runs.
        of: What has a row, of `COMMANDS`.
    """

    path: Path
    rows: dict[str, list[str]]
    of: str = "case"
    _is_told: bool = False

    @classmethod
    def read(cls, path: Path, of: str = "case") -> "Table":
        """The table that is there, or an empty one. Raises `OutputError` for a file that is no such table."""
        check_replaceable(path)
        if not path.exists():
            return cls(path, {}, of)
        try:
            with path.open(encoding="utf-8", newline="") as file:
                headings, *rows = csv.reader(file)
        except (OSError, ValueError, csv.Error):
            headings, rows = [], []
        if headings != [of, *MEASURED] or any(len(row) != len(headings) for row in rows):
            raise OutputError(f"{path} is there already and is no table of {COMMANDS[of]}; {STAYS}")
        return cls(path, {row[0]: row for row in rows}, of)

    def put(self, row: Row) -> str | None:
        """Add a row, or replace the one of its name, and write the table. Returns what to tell, once, where that is not
        possible now, as while another program has it open: the next row tries it again.
        """
        cells = row.cells()
        self.rows[cells[0]] = cells
        try:
            self.write()
        except OutputError as error:
            before, self._is_told = self._is_told, True
            return None if before else f"{error}; it is tried again after the next {self.of}"
        return None

    def write(self) -> None:
        """Write it, whole or not at all. Raises `OutputError`."""
        with replacing(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([self.of, *MEASURED])
            writer.writerows(self.rows[name] for name in sorted(self.rows))


def is_table_in(folder: Path) -> bool:
    """Whether a folder holds the results of `gliomasam segment-cases`."""
    try:
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file), []) == ["case", *MEASURED]
    except (OSError, ValueError, csv.Error):
        return False
