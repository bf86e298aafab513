"""The table that `gliomasam segment-cases` leaves: a row a patient, with volumes, diameters, notes and errors."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import OutputError
from ..files import replacing
from ..output.diameters import Diameters
from ..plain_text import spreadsheet_cell
from ..regions import REGIONS
from .console import note_line

TABLE = "volumes.csv"

MEASURES = ("ml", "largest_mm", "perpendicular_mm", "product_mm2")

HEADINGS = ("case", *(f"{region}_{measure}" for region in REGIONS for measure in MEASURES), "notes", "error")

STAYS = "it stays as it is: choose another folder, or remove it"

KINDS = ("outlined", "there already", "there already but made otherwise", "not outlined")

ROUTINE = re.compile("(?:t1|t1c|t2|flair) is .+")
"""Notes that are in the table alone: which file is which volume. What one may have to check is printed as well."""


@dataclass(frozen=True)
class Row:
    """A case in the table, or why it has no measures.

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
        """In the order of `HEADINGS`; nothing where there is no measure."""
        measures: list[float | None] = []
        for region in REGIONS:
            found = self.diameters.get(region)
            lengths = (found.largest_mm, found.perpendicular_mm, found.product_mm2) if found else (None, None, None)
            measures += [self.volumes.get(region), *lengths]
        name, notes, error = map(spreadsheet_cell, [self.case, "; ".join(self.notes), self.error])
        return [name, *("" if value is None else f"{value:.3f}" for value in measures), notes, error]

    def lines(self) -> list[str]:
        """What is printed of it."""
        told = [note_line(self.case, note) for note in self.notes if not ROUTINE.fullmatch(note)]
        why = [f"{self.case}: {self.error}"] if self.error else []
        if not self.volumes:
            return [*why, *told]
        volumes = "  ".join(f"{region} {volume:.1f}" for region, volume in self.volumes.items())
        how = "there already" if self.seconds is None else f"{self.seconds:.1f} s"
        return [f"{self.case}  {volumes} mL; {how}", *why, *told]


@dataclass
class Table:
    """The table of all cases, on the disk after each. Rows of earlier runs stay as long as the reports of their cases.

    Args:
        path: The file.
        rows: The cells of each case, by the first of them.
    """

    path: Path
    rows: dict[str, list[str]]
    _is_told: bool = False

    @classmethod
    def read(cls, path: Path) -> "Table":
        """The table that is there, or an empty one. Raises `OutputError` for a file that is no such table."""
        if not path.exists():
            return cls(path, {})
        try:
            with path.open(encoding="utf-8", newline="") as file:
                headings, *rows = csv.reader(file)
        except (OSError, ValueError, csv.Error):
            headings, rows = [], []
        if tuple(headings) != HEADINGS or any(len(row) != len(HEADINGS) for row in rows):
            raise OutputError(f"{path} is there already and is no table of segment-cases; {STAYS}")
        cells = {spreadsheet_cell(report.stem): report for report in path.parent.glob("*.json")}
        return cls(path, {row[0]: row for row in rows if row[0] in cells})

    def put(self, row: Row) -> str | None:
        """Add a case, or replace its row, and write the table. Returns what to tell, once, where that is not possible
        now, as while another program has it open: the next case tries it again.
        """
        cells = row.cells()
        self.rows[cells[0]] = cells
        try:
            self.write()
        except OutputError as error:
            before, self._is_told = self._is_told, True
            return None if before else f"{error}; it is tried again after the next case"
        return None

    def write(self) -> None:
        """Write it, whole or not at all. Raises `OutputError`."""
        with replacing(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADINGS)
            writer.writerows(self.rows[name] for name in sorted(self.rows))


def is_table_in(folder: Path) -> bool:
    """Whether a folder holds the results of such a run."""
    try:
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            return tuple(next(csv.reader(file), ())) == HEADINGS
    except (OSError, ValueError, csv.Error):
        return False
