"""The same lesion over the visits."""

from dataclasses import dataclass

EVENTS = ("first", "new", "kept", "split", "merged", "vanished", "absent", "returned")


@dataclass(frozen=True)
class Track:
    """One lesion over all visits.

    Args:
        id: "L1", "L2", ...
        lesions: For each visit, the indices of its lesions in `Measured.lesions`; empty where it is not seen.
        events: One of `EVENTS` a visit; empty text before a track's first visit.
    """

    id: str
    lesions: tuple[tuple[int, ...], ...]
    events: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Lesions a visit."""
        return tuple(map(len, self.lesions))
