"""The same lesion over the visits.

Lesions are compared with every track where that was last seen, so that one that vanished and comes back is recognised.
RANO has no rule for this; the bounds are conventions of this project. The overlap is measured against the smaller
lesion: the Jaccard index would fail a lesion three times as large. Lesions that do not overlap are the same only when
they are near, one to one, as the brain shifts; a published tool links the best pairs whether they overlap or not.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from ..geometry import Geometry
from ..output.callipers import SAME_MM
from .distances import joined, near_boxes, nearest_mm, surface_of
from .lesions import Lesion, Measured
from .options import FollowUpOptions

EVENTS = ("first", "new", "kept", "split", "merged", "vanished", "absent", "returned")


@dataclass(frozen=True)
class Track:
    """One lesion over all visits.

    Args:
        id: "L1", "L2", ...
        lesions: For each visit, the indices of its lesions in `Measured.lesions`; empty where it is not seen.
        events: One of `EVENTS` a visit; "absent" before a track's first visit, "" where outlines do not tell it.
    """

    id: str
    lesions: tuple[tuple[int, ...], ...]
    events: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Lesions a visit."""
        return tuple(map(len, self.lesions))


@dataclass(frozen=True, eq=False)
class _Node:
    """A lesion of a visit: its voxels and its surface in RAS mm of the first visit."""

    visit: int
    index: int
    lesion: Lesion
    ras: np.ndarray
    surface: np.ndarray


@dataclass(frozen=True, eq=False)
class Links:
    """Which lesions are the same, from visit to visit.

    Args:
        nodes: Every lesion of every visit, as (visit, index, lesion), by visit.
        pairs: Positions in `nodes` of two that are linked, the earlier one first.
        untold: Visits whose outlines do not tell such lesions.
    """

    nodes: tuple[tuple[int, int, Lesion], ...]
    pairs: tuple[tuple[int, int], ...]
    untold: frozenset[int] = frozenset()

    def until(self, visits: int) -> "Links":
        """What is known when only the first `visits` visits have been seen."""
        nodes = tuple(node for node in self.nodes if node[0] < visits)
        return Links(nodes, tuple(pair for pair in self.pairs if max(pair) < len(nodes)), self.untold)


def match(
    measured: Sequence[Measured],
    grids: Sequence[Geometry],
    to_first: Sequence[np.ndarray],
    options: FollowUpOptions,
) -> tuple[Track, ...]:
    """Follow the lesions of one component over visits in order of date.

    Args:
        measured: The lesions of each visit.
        grids: The grid of each visit.
        to_first: 4 x 4 of each visit, from its RAS mm to those of the first visit.
        options: `overlap` and `match_mm`.
    """
    return tracks_of(link(measured, grids, to_first, options), len(measured))


def link(
    measured: Sequence[Measured],
    grids: Sequence[Geometry],
    to_first: Sequence[np.ndarray],
    options: FollowUpOptions,
) -> Links:
    """Link the lesions of each visit with the tracks before it; arguments as of `match`."""
    nodes = [
        _node(visit, index, lesion, grids[visit], np.asarray(to_first[visit], float))
        for visit, found in enumerate(measured)
        for index, lesion in enumerate(found.lesions)
    ]
    maps = [
        _Map(found.lesions, grid, np.asarray(motion, float))
        for found, grid, motion in zip(measured, grids, to_first, strict=True)
    ]
    pairs: list[tuple[int, int]] = []
    for visit in range(1, len(measured)):
        now = [number for number, node in enumerate(nodes) if node.visit == visit]
        before = _last_seen(nodes, pairs, visit)
        # A point lies at most so far from the centre of the voxel that it falls into.
        reach = max((float(np.linalg.norm(grids[one].spacing)) for one in range(visit + 1)), default=0.0)
        candidates = _near(nodes, before, now, reach)
        least = max(options.overlap - 1e-9, 1e-12)  # no overlap links nothing, whatever the bound
        found = [(a, b) for a, b in candidates if _overlap(nodes[a], nodes[b], maps) >= least]
        pairs += found + _nearest_pairs(
            nodes,
            [a for a in before if all(a != first for first, _ in found)],
            [b for b in now if all(b != second for _, second in found)],
            options.match_mm,
        )
    untold = frozenset(visit for visit, found in enumerate(measured) if not found.told)
    return Links(tuple((node.visit, node.index, node.lesion) for node in nodes), tuple(pairs), untold)


def tracks_of(links: Links, visits: int) -> tuple[Track, ...]:
    """The tracks that links form over so many visits, numbered by first visit, then by the order of lesions there."""
    found = []
    for group in joined(len(links.nodes), links.pairs):
        at = [[number for number in group if links.nodes[number][0] == visit] for visit in range(visits)]
        begin = next(visit for visit, here in enumerate(at) if here)
        first = [links.nodes[number][2] for number in at[begin]]
        order = (
            begin,
            -round(sum(lesion.diameters.product_mm2 for lesion in first), 6),
            -sum(lesion.volume_ml for lesion in first),
            min(lesion.voxels[0].tolist() for lesion in first),
        )
        lesions = tuple(tuple(links.nodes[number][1] for number in here) for here in at)
        found.append((order, lesions, _events(at, set(links.pairs), links.untold)))
    found.sort(key=lambda entry: entry[0])
    return tuple(Track(f"L{number}", lesions, events) for number, (_, lesions, events) in enumerate(found, start=1))


def _node(visit: int, index: int, lesion: Lesion, grid: Geometry, motion: np.ndarray) -> _Node:
    points = [
        grid.to_ras(voxels[:, ::-1]) @ motion[:3, :3].T + motion[:3, 3]
        for voxels in (lesion.voxels, surface_of(lesion.voxels))
    ]
    return _Node(visit, index, lesion, *points)


class _Map:
    """Which lesion of a visit a point in RAS mm of the first visit lies in."""

    def __init__(self, lesions: Sequence[Lesion], grid: Geometry, motion: np.ndarray) -> None:
        self.grid, self.to_visit = grid, np.linalg.inv(motion)
        self.low = np.min([lesion.voxels.min(axis=0) for lesion in lesions], axis=0) if lesions else np.zeros(3, int)
        high = np.max([lesion.voxels.max(axis=0) for lesion in lesions], axis=0) if lesions else self.low
        self.numbers = np.zeros(high - self.low + 1, np.int32)
        for number, lesion in enumerate(lesions, start=1):
            self.numbers[tuple((lesion.voxels - self.low).T)] = number

    def hits(self, ras: np.ndarray, index: int) -> int:
        """How many of the points (N, 3) lie in the lesion with this index."""
        ijk = self.grid.to_ijk(ras @ self.to_visit[:3, :3].T + self.to_visit[:3, 3])
        voxels = np.floor(ijk[:, ::-1] + 0.5 + 1e-9).astype(int) - self.low
        within = ((voxels >= 0) & (voxels < self.numbers.shape)).all(axis=1)
        return int((self.numbers[tuple(voxels[within].T)] == index + 1).sum())


def _overlap(first: _Node, second: _Node, maps: Sequence[_Map]) -> float:
    """The volume that both share, the mean of both ways, over the smaller of the two."""
    shared = [
        maps[b.visit].hits(a.ras, b.index) * a.lesion.volume_ml / len(a.ras)
        for a, b in ((first, second), (second, first))
    ]
    return sum(shared) / 2 / min(first.lesion.volume_ml, second.lesion.volume_ml)


def _last_seen(nodes: Sequence[_Node], pairs: Sequence[tuple[int, int]], visit: int) -> list[int]:
    """Of every track before a visit, its lesions where it was last seen."""
    count = sum(node.visit < visit for node in nodes)
    found = []
    for group in joined(count, pairs):
        last = max(nodes[number].visit for number in group)
        found += [number for number in group if nodes[number].visit == last]
    return found


def _near(nodes: Sequence[_Node], before: list[int], now: list[int], limit: float) -> list[tuple[int, int]]:
    """Pairs of lesions that may be so near."""
    first, second = ([nodes[number].surface for number in numbers] for numbers in (before, now))
    return [(before[a], now[b]) for a, b in near_boxes(first, second, limit)]


def _nearest_pairs(nodes: Sequence[_Node], before: list[int], now: list[int], limit: float) -> list[tuple[int, int]]:
    """Link lesions one to one by rising distance. Equal: the larger one now, then the earlier in order."""
    loose = sorted(
        (round(nearest_mm(nodes[a].surface, nodes[b].surface), 6), -nodes[b].lesion.volume_ml, b, a)
        for a, b in _near(nodes, before, now, limit + SAME_MM)
    )
    used: set[int] = set()
    found = []
    for distance, _, b, a in loose:
        if distance <= limit + SAME_MM and not used & {a, b}:
            used |= {a, b}
            found.append((a, b))
    return found


def _events(at: Sequence[Sequence[int]], pairs: set[tuple[int, int]], untold: Set[int]) -> tuple[str, ...]:
    """What happens to a track at each visit; `at`: its nodes there. Visits that are `untold` are passed over."""
    events: list[str] = []
    last: Sequence[int] = []
    event = ""
    for visit, here in enumerate(at):
        if visit in untold:
            events.append("")
            continue
        if not last:
            event = ("new" if event else "first") if here else "absent"
        elif not here:
            event = "absent" if event in ("vanished", "absent") else "vanished"
        elif event in ("vanished", "absent"):
            event = "returned"
        elif any(sum((a, b) in pairs for a in last) > 1 for b in here):
            event = "merged"
        elif any(sum((a, b) in pairs for b in here) > 1 for a in last):
            event = "split"
        else:
            event = "kept"
        events.append(event)
        last = here or last
    return tuple(events)
