"""The extent of resection: what surgery left."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resection:
    """What is left after surgery.

    Args:
        extent_percent: (before - after) / before x 100 of enhancing tumour; None where there was none before.
        grade: The class of RANO resect: "1", "2A", "2B", "3A", "3B" or "4"; None where there was no tumour.
        name_2021: The name of 2021: "complete", "near total", "subtotal" or "partial".
        reason: One sentence.
        notes: What a mask cannot tell.
    """

    extent_percent: float | None
    grade: str | None
    name_2021: str | None
    reason: str = ""
    notes: tuple[str, ...] = ()
