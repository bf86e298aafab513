"""Calliper lines: the two diameters of a lesion as lines in the scene that a reader can drag."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...files import parse_json
from ...followup.assessment import Assessment
from ...followup.options import COMPONENTS
from ...output.diameters import Diameters, Point
from ..diameter_lines import LARGEST_COLOUR, PERPENDICULAR_COLOUR, Ends, new_line

ATTRIBUTE = "GliomaSAM.calliper"
"""Attribute of a line: component, track, the digest of the visit and which of the two diameters it is, as JSON. A
visit of other outlines, or of another patient, has another digest."""

PROGRAM_ATTRIBUTE = "GliomaSAM.calliper.program"
"""Attribute of a line: its ends as the program set them, as JSON."""

LONGEST, PERPENDICULAR = "longest", "perpendicular"

COLOURS = {LONGEST: LARGEST_COLOUR, PERPENDICULAR: PERPENDICULAR_COLOUR}

MOVED_MM = 0.01
"""An end that lies farther than this from where the program set it was dragged."""

RIGHT_ANGLE_DEGREES = 10.0
"""Lines that cross with more than this away from a right angle are told of."""

Key = tuple[str, str, int]
"""Component, track, visit."""


@dataclass(frozen=True)
class Calliper:
    """One diameter of one lesion at one visit.

    Args:
        key: Component, track and visit.
        which: `LONGEST` or `PERPENDICULAR`.
    """

    key: Key
    which: str


class Callipers:
    """The lines of one comparison. Lines that a reader dragged stay where they are, until `reset`.

    Args:
        scene: The scene.
        digests: A text for each visit of the comparison, see `VisitCopy`.
    """

    def __init__(self, scene: Any, digests: tuple[str, ...] = ()) -> None:
        self._scene = scene
        self.digests = digests
        self._before: dict[Key, Diameters] = {}

    @property
    def nodes(self) -> dict[Calliper, Any]:
        """The lines in the scene."""
        found: dict[Calliper, Any] = {}
        for (component, track, digest, which), node in self._all():
            if digest in self.digests:  # a copy that a user made comes later
                found.setdefault(Calliper((component, track, self.digests.index(digest)), which), node)
        return found

    def _all(self) -> list[tuple[tuple[str, str, str, str], Any]]:
        """The lines of all comparisons: component, track, digest of the visit, and which of the diameters."""
        count = self._scene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode")
        nodes = [self._scene.GetNthNodeByClass(index, "vtkMRMLMarkupsLineNode") for index in range(count)]
        return [(meaning, node) for node in nodes if (meaning := _meaning(node)) is not None]

    def carry(self, before: Collection[str], digests: tuple[str, ...], assessment: Assessment) -> bool:
        """Go over to another comparison. Lines of a visit that is as it was stay with their lesion, whatever its track
        is called now; others go.

        Args:
            before: The digests of the visits that were compared before.
            digests: Those of the visits that are compared now.
            assessment: Of these.

        Returns:
            Whether one that a reader dragged went.
        """
        lost = False
        for (component, _, digest, which), node in self._all():
            if digest not in before and digest not in digests:
                continue
            visit = digests.index(digest) if digest in digests else None
            track = _track_at(assessment, component, visit, which, _program(node)) if visit is not None else None
            if track is None:
                lost = lost or _is_moved(node)
                self._scene.RemoveNode(node)
            else:
                node.SetAttribute(ATTRIBUTE, json.dumps([component, track, digest, which]))
        self.digests = digests
        return lost

    def show(self, assessment: Assessment, tracks: Mapping[str, Collection[str]]) -> None:
        """Let there be lines for some tracks by component, at all visits that show them, and for what was dragged.
        Lines of others go.
        """
        present = self.nodes
        wanted: dict[Calliper, Ends] = {}
        for component, result in assessment.components.items():
            for track, at in result.at.items():
                for visit, found in enumerate(at):
                    if found is None:
                        continue
                    key = (component, track, visit)
                    program = result.measured[visit].lesions[found.largest].diameters
                    for which, ends in _both(program).items():
                        calliper = Calliper(key, which)
                        dragged = any(
                            _is_moved(present[other])
                            for other in (Calliper(key, LONGEST), Calliper(key, PERPENDICULAR))
                            if other in present
                        )
                        if dragged or track in tracks.get(component, ()):
                            wanted[calliper] = ends
        for calliper, node in present.items():
            if calliper not in wanted:
                self._scene.RemoveNode(node)
        for calliper, ends in wanted.items():
            dates = assessment.visits[calliper.key[2]].date.isoformat()
            self._put(calliper, ends, present.get(calliper), dates)
        self._label()

    def changed(self) -> bool:
        """Whether what the reader dragged is otherwise than at the last call."""
        before, self._before = self._before, self.diameters()
        if before == self._before:
            return False
        self._label()
        return True

    def _label(self) -> None:
        """Write the length of each line at one of its ends, as lines cross in the middle."""
        for calliper, node in self.nodes.items():
            (component, track, _), which = calliper.key, calliper.which
            if _is_whole(node):
                text = f"{node.GetLineLengthWorld():.1f} mm"
                text = f"{component} {track}: {text}" if which == LONGEST else text
                for index, label in enumerate((text, "")):
                    if node.GetNthControlPointLabel(index) != label:
                        node.SetNthControlPointLabel(index, label)

    def diameters(self) -> dict[Key, Diameters]:
        """The two diameters of each lesion of which a line was dragged, as the lines are now."""
        found: dict[Key, dict[str, Any]] = {}
        for calliper, node in self.nodes.items():
            found.setdefault(calliper.key, {})[calliper.which] = node
        return {
            key: _diameters(_ends(lines[LONGEST]), _ends(lines[PERPENDICULAR]))
            for key, lines in found.items()
            if len(lines) == 2 and any(map(_is_moved, lines.values())) and all(map(_is_whole, lines.values()))
        }

    def notes(self) -> tuple[str, ...]:
        """What is wrong with lines that were dragged."""
        notes = []
        for (component, track, visit), found in self.diameters().items():
            one, two = (np.subtract(*map(np.asarray, ends[::-1])) for ends in (found.largest, found.perpendicular))
            lengths = np.linalg.norm(one) * np.linalg.norm(two)
            off = abs(float(np.degrees(np.arcsin(np.clip(abs(one @ two) / lengths, 0, 1))))) if lengths else 0.0
            if off > RIGHT_ANGLE_DEGREES:
                notes.append(
                    f"The two lines of {component} {track} at V{visit + 1} are {off:.0f} degrees off a right angle: "
                    "drag one of them"
                )
            if found.perpendicular_mm > found.largest_mm:
                notes.append(
                    f"The perpendicular line of {component} {track} at V{visit + 1} is the longer one: drag the lines"
                )
        return tuple(notes)

    def reset(self) -> None:
        """Put all lines back to where the program set them."""
        for node in self.nodes.values():
            for index, place in enumerate(_program(node)):
                if index < node.GetNumberOfControlPoints():
                    node.SetNthControlPointPositionWorld(index, list(place))
        self._label()

    def show_in(self, views: Mapping[int, Collection[str]]) -> None:
        """Show the lines of each visit (index) in slice views of these ids only; of visits not named, and of other
        comparisons, nowhere. An empty collection: in all views.
        """
        shown = {self.digests[visit]: ids for visit, ids in views.items()}
        for (_, _, digest, _), node in self._all():
            display = node.GetDisplayNode()
            display.SetVisibility(digest in shown)
            ids = list(shown.get(digest, ()))
            if list(display.GetViewNodeIDs()) != ids:
                display.RemoveAllViewNodeIDs()
                for view in ids:
                    display.AddViewNodeID(view)

    def _put(self, calliper: Calliper, ends: Ends, node: Any, day: str) -> None:
        (component, track, visit), which = calliper.key, calliper.which
        if node is not None and not _is_whole(node):
            self._scene.RemoveNode(node)
            node = None
        if node is None:
            node = new_line(self._scene, f"{component} {track} {day} {which}", ends, COLOURS[which])
            node.SetAttribute(ATTRIBUTE, json.dumps([component, track, self.digests[visit], which]))
        elif not _is_moved(node):
            for index, place in enumerate(ends):
                if not np.allclose(node.GetNthControlPointPositionWorld(index), place, atol=MOVED_MM / 10):
                    node.SetNthControlPointPositionWorld(index, list(place))
        node.SetAttribute(PROGRAM_ATTRIBUTE, json.dumps([list(place) for place in ends]))


def _both(found: Diameters) -> dict[str, Ends]:
    return {LONGEST: found.largest, PERPENDICULAR: found.perpendicular}


def _track_at(assessment: Assessment, component: str, visit: int, which: str, program: list[Point]) -> str | None:
    """The track of the lesion that the program measured between these ends; None where there is none."""
    result = assessment.components[component]
    for track, at in result.at.items():
        found = at[visit]
        if found is not None:
            ends = _both(result.measured[visit].lesions[found.largest].diameters)[which]
            if len(program) == len(ends) and np.allclose(ends, program, rtol=0, atol=MOVED_MM):
                return track
    return None


def _meaning(node: Any) -> tuple[str, str, str, str] | None:
    try:
        component, track, digest, which = parse_json(node.GetAttribute(ATTRIBUTE) or "null")
    except (ValueError, TypeError):
        return None
    texts = all(isinstance(text, str) for text in (component, track, digest, which))
    return (component, track, digest, which) if texts and which in COLOURS and component in COMPONENTS else None


def _program(node: Any) -> list[Point]:
    try:
        ends = parse_json(node.GetAttribute(PROGRAM_ATTRIBUTE) or "[]")
        return [(float(r), float(a), float(s)) for r, a, s in ends]
    except (ValueError, TypeError, OverflowError):
        return []


def _is_whole(node: Any) -> bool:
    return bool(node.GetNumberOfDefinedControlPoints() == 2)


def _is_moved(node: Any) -> bool:
    """Whether a reader dragged an end."""
    program = _program(node)
    if len(program) != 2 or not _is_whole(node):
        return False
    return not np.allclose(_ends(node), program, rtol=0, atol=MOVED_MM)


def _ends(node: Any) -> Ends:
    first, second = (node.GetNthControlPointPositionWorld(index) for index in range(2))
    return (float(first[0]), float(first[1]), float(first[2])), (float(second[0]), float(second[1]), float(second[2]))


def _diameters(longest: Ends, perpendicular: Ends) -> Diameters:
    lengths = [float(np.linalg.norm(np.subtract(*ends))) for ends in (longest, perpendicular)]
    return Diameters(lengths[0], lengths[1], longest, perpendicular)
