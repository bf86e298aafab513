"""The visits that are listed, and what was said of those that are not: of other patients in the scene."""

from collections.abc import Iterable
from datetime import date

from .entries import VisitEntry
from .persistence import SavedVisit
from .visits import SceneVisit


class VisitList:
    """The visits of the patient who is shown. What was said of a visit holds as long as a node of it is in the scene.

    Args:
        saved: What was saved of visits.

    Attributes:
        entries: The visits listed, by date; those without one last.
    """

    def __init__(self, saved: Iterable[SavedVisit]) -> None:
        self.entries: list[VisitEntry] = []
        self._aside: list[VisitEntry] = []
        self._unseen = list(saved)

    def take(self, found: Iterable[SceneVisit]) -> None:
        """List other visits, or the same ones as the scene holds them now."""
        known = [*self.entries, *self._aside]
        self.entries = []
        for visit in found:
            entry = next((one for one in known if one.visit.shares(visit.nodes)), None)
            if entry is not None:
                known.remove(entry)
                entry.visit = visit
            self.entries.append(entry or self._entry_of(visit))
        self._aside = [one for one in known if _is_in_scene(one.visit.nodes)]
        self.sort()

    def _entry_of(self, visit: SceneVisit) -> VisitEntry:
        saved = next((one for one in self._unseen if visit.shares(one.nodes)), None)
        if saved is None:
            return VisitEntry(visit)
        self._unseen.remove(saved)
        return VisitEntry(visit, saved.included, saved.date, saved.fields, saved.digest)

    def sort(self) -> None:
        """Sort by date, after one was changed."""
        self.entries.sort(key=lambda entry: (entry.date is None, entry.date or date.min))

    def saved(self) -> tuple[SavedVisit, ...]:
        """What is to be saved, of other patients as well."""
        unseen = (one for one in self._unseen if _is_in_scene(one.nodes))
        return (*(entry.saved() for entry in (*self.entries, *self._aside)), *unseen)


def _is_in_scene(nodes: Iterable[object]) -> bool:
    return any(node.GetScene() is not None for node in nodes)  # type: ignore[attr-defined]
