"""The pictures of the report: for each target, new or progressing lesion two visits side by side, halfway between them
at the same place, and on the slices of their own grids with the lines that were measured.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...geometry import Geometry, bounding_box, box_corners, resample
from ...output.colours import REGION_STYLES
from ...output.diameters import Diameters
from ...study import Study
from ...study.modalities import MODALITY_NAMES
from ..assessment import Assessment, TrackAtVisit
from ..visit import Visit
from .drawing import SlicePanel, draw_panels
from .planes import axial_plane, halfway, moved, moved_point, native_plane, slice_axis_of
from .values import visit_role

SHOWN = {"CE": ("t1c", "t1", "flair", "t2"), "nonCE": ("flair", "t2", "t1c", "t1")}
"""The modality that shows a component best first."""

MOST_LESIONS = 8
"""Lesions that are shown; of more the first."""

LOW_PERCENT, HIGH_PERCENT = 0.5, 99.8
"""Of the brain: black, and what is at least to be told from white."""

WINDOW = (1.8, 4.0)
"""The least and the most that is white, in units of the median of the healthy brain above black."""

MARGIN_MM = 8.0
"""Around the brain in the pictures of the whole slice."""

LEAST_SIDE_MM, AROUND_MM, AROUND_FACTOR = 60.0, 36.0, 1.45
"""Of the picture of a lesion: the side; or the longest diameter and so much, or so many times it."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture.

    Args:
        file: Its name in the report's folder, such as "pictures/CE-L1-native.png".
        content: The bytes of the PNG file.
        component, track: What it shows.
        visits: Indices of the visits, the earlier on the left.
        centre_ras: RAS mm of its middle: halfway between the visits, or in the space of the later visit.
        space: "halfway" or "native".
        caption: One sentence.
    """

    file: str
    content: bytes
    component: str
    track: str
    visits: tuple[int, int]
    centre_ras: tuple[float, ...]
    space: str
    caption: str

    def to_json(self) -> dict[str, Any]:
        """As the report lists it."""
        return {
            "file": self.file,
            "component": self.component,
            "track": self.track,
            "visits": [f"V{visit + 1}" for visit in self.visits],
            "centre_ras_mm": list(map(float, self.centre_ras)),
            "space": self.space,
        }


def judged(assessment: Assessment) -> tuple[str, ...]:
    """The components that the response goes by."""
    return ("CE", "nonCE") if assessment.options.tumour == "mixed" else (assessment.options.tumour,)


def lesions_to_show(assessment: Assessment) -> list[tuple[str, str]]:
    """Component and track of what is shown: targets first, then new lesions, then others that progress at the last
    visit; where there is none of these, the first track.
    """
    chosen: list[tuple[str, str]] = []
    components = [name for name in assessment.components if name in judged(assessment)]
    for name in components:
        chosen += [(name, track) for track in assessment.components[name].targets]
    new = dict.fromkeys([*components, *(["CE"] if assessment.options.tumour == "nonCE" else [])])
    for name in new:
        chosen += [(name, track) for track in assessment.components[name].new]
    for name in components:
        progressing = assessment.components[name].non_target_progression
        chosen += [(name, track) for track in (progressing[-1] if progressing else ())]
    if not chosen:
        chosen = [(name, found.tracks[0].id) for name in components if (found := assessment.components[name]).tracks]
    return list(dict.fromkeys(chosen))


def draw_pictures(assessment: Assessment, tell: Callable[[float, str], None] | None = None) -> list[Picture]:
    """All pictures; none of lesions whose two visits do not both have volumes.

    Args:
        assessment: What was found.
        tell: Told the fraction done and what is being done.
    """
    artist = _Artist(assessment)
    shown = lesions_to_show(assessment)[:MOST_LESIONS]
    pictures: list[Picture] = []
    for number, (component, track) in enumerate(shown):
        if tell is not None:
            tell(number / len(shown), f"drawing {component} {track}")
        pictures += artist.lesion(component, track)
    return pictures


class _Artist:
    """Draws the lesions of an assessment; keeps the grey levels of each volume."""

    def __init__(self, assessment: Assessment) -> None:
        self.assessment = assessment
        self._levels: dict[tuple[int, str], tuple[float, float, float]] = {}

    def lesion(self, component: str, track: str) -> Iterator[Picture]:
        """The halfway and the native picture of a track."""
        at = self.assessment.components[component].at[track]
        pair = _pair(at, self.assessment.baseline)
        studies = [self.assessment.visits[visit].study for visit in pair]
        if any(study is None for study in studies):
            return
        seen = [visit for visit in (pair[1], pair[0]) if at[visit] is not None]
        if not seen:
            return
        modalities = _modalities([study for study in studies if study is not None], SHOWN[component])
        yield self._halfway(component, track, pair, seen[0], modalities)
        yield self._native(component, track, pair, seen[0], modalities)

    def _halfway(
        self, component: str, track: str, pair: tuple[int, int], seen: int, modalities: Sequence[str]
    ) -> Picture:
        visits = [self.assessment.visits[visit] for visit in pair]
        motions = halfway(*(visit.alignment.to_first for visit in visits))
        centre = moved_point(self._centre(component, track, seen), motions[pair.index(seen)])
        corners = np.concatenate(
            [_brain_corners(visit) @ m[:3, :3].T + m[:3, 3] for visit, m in zip(visits, motions, strict=True)]
        )
        low, high = corners.min(axis=0) - MARGIN_MM, corners.max(axis=0) + MARGIN_MM
        middle = np.array([*(low + high)[:2] / 2, centre[2]])
        plane = axial_plane(middle, *(high - low)[:2])
        white = self._window(pair, modalities)
        panels = [
            self._panel(visit, moved(plane, np.linalg.inv(motion)), modality, "", plane, white)
            for visit, motion, modality in zip(pair, motions, modalities, strict=True)
        ]
        caption = f"{component} {track}: the same place halfway between both visits, 1 mm; same scale and window"
        file = f"pictures/{component}-{track}-halfway.png"
        return Picture(file, draw_panels(panels, caption), component, track, pair, tuple(centre), "halfway", caption)

    def _native(
        self, component: str, track: str, pair: tuple[int, int], seen: int, modalities: Sequence[str]
    ) -> Picture:
        at = self.assessment.components[component].at[track]
        centre = self._centre(component, track, seen)
        to_first = self.assessment.visits[seen].alignment.to_first
        longest = max(one.diameters.largest_mm for visit in pair if (one := at[visit]) is not None)
        side = max(LEAST_SIDE_MM, longest + AROUND_MM, AROUND_FACTOR * longest)
        white = self._window(pair, modalities)
        panels = []
        for visit, modality in zip(pair, modalities, strict=True):
            one = at[visit]
            from_first = np.linalg.inv(self.assessment.visits[visit].alignment.to_first)
            place = moved_point(centre, from_first @ to_first) if one is None else self._centre(component, track, visit)
            grid = self.assessment.visits[visit].masks.geometry
            axis = slice_axis_of(grid)
            index = self._slice(component, one, visit, place)
            plane = native_plane(grid, axis, index, place, side)
            text = f"slice {index}, S {place[2]:.0f} mm"
            told = self.assessment.components[component].measured[visit].told
            diameters, remark = (one.diameters, "") if one else (None, "not seen" if told else "not told")
            panels.append(self._panel(visit, plane, modality, text, plane, white, diameters, remark))
        caption = f"{component} {track}: the measured slices of both visits, not resampled; same scale and window"
        if component == "CE" and self.assessment.options.extent == "tc":
            caption += " (of the core)"
        file = f"pictures/{component}-{track}-native.png"
        centre_there = self._centre(component, track, pair[1]) if at[pair[1]] is not None else place
        content = draw_panels(panels, caption)
        return Picture(file, content, component, track, pair, tuple(centre_there), "native", caption)

    def _slice(self, component: str, at: TrackAtVisit | None, visit: int, place: np.ndarray) -> int:
        """The slice that was measured; the one nearest to a place where no lesion is, or a reader drew the line."""
        if at is not None and at.set_by == "program":
            return self.assessment.components[component].measured[visit].lesions[at.largest].slice_index
        grid = self.assessment.visits[visit].masks.geometry
        return round(float(grid.to_ijk(place)[2 - slice_axis_of(grid)]))

    def _centre(self, component: str, track: str, visit: int) -> np.ndarray:
        """RAS mm of the middle of the longest diameter."""
        at = self.assessment.components[component].at[track][visit]
        assert at is not None
        return np.mean(at.diameters.largest, axis=0)

    def _panel(
        self,
        visit: int,
        plane: Geometry,
        modality: str,
        where: str,
        shown: Geometry,
        white: float,
        diameters: Diameters | None = None,
        remark: str = "",
    ) -> SlicePanel:
        """A slice of a visit, sampled on `plane` in its own space; `shown` is the plane where it is drawn."""
        one = self.assessment.visits[visit]
        assert one.study is not None
        role = visit_role(self.assessment, visit)
        title = f"V{visit + 1}   {one.date.isoformat()}" + (f"   {role}" if role else "")
        low, middle, _ = self._grey_levels(visit, modality)
        image = (one.study.volume(modality).values_on(plane)[0] - low) / ((middle - low) * white)
        label = "\n".join(text for text in (MODALITY_NAMES[modality], where or _position(shown)) if text)
        masks = {
            region: resample(one.masks.geometry.to_image(np.asarray(mask > 0, np.float32)), plane)[0]
            for region, mask in zip(REGION_STYLES, (one.masks.wt, one.masks.tc, one.masks.et), strict=True)
        }
        return SlicePanel(title, label, shown, image, masks, diameters, remark)

    def _window(self, pair: tuple[int, int], modalities: Sequence[str]) -> float:
        """The white of both visits, in units of the median of the brain outside the tumour above black."""
        found = [self._grey_levels(*one) for one in zip(pair, modalities, strict=True)]
        return float(np.clip(max((top - low) / (middle - low) for low, middle, top in found), *WINDOW))

    def _grey_levels(self, visit: int, modality: str) -> tuple[float, float, float]:
        """Of a volume: black, the median of the brain outside the tumour, and the brightest of the brain."""
        key = (visit, modality)
        if key not in self._levels:
            one = self.assessment.visits[visit]
            assert one.study is not None
            values = one.study.volume(modality).values_on(one.study.reference)
            tumour = one.masks.geometry.to_image(np.asarray(one.masks.wt > 0, np.uint8))
            wt = resample(tumour, one.study.reference, nearest=True)
            brain = one.study.brain & np.isfinite(values)
            healthy = brain & (wt == 0) if (brain & (wt == 0)).any() else brain
            low, top = np.percentile(values[brain], (LOW_PERCENT, HIGH_PERCENT))
            middle = float(np.median(values[healthy]))
            low = min(float(low), middle - 1e-3 * max(abs(middle), 1e-3))
            self._levels[key] = low, middle, max(float(top), middle)
        return self._levels[key]


def _pair(at: Sequence[TrackAtVisit | None], baseline: int) -> tuple[int, int]:
    """The two visits to show: the baseline, or for a lesion that was not there the visit before it; and the last."""
    last = len(at) - 1
    if at[baseline] is not None and baseline < last:
        return baseline, last
    first = next(visit for visit, one in enumerate(at) if one is not None)
    return max(0, min(first - 1, last - 1)), last


def _modalities(studies: Sequence[Study], order: Sequence[str]) -> list[str]:
    """The modality to show of each: the first in order that all have, else each its first."""
    common = [name for name in order if all(name in study.modalities for study in studies)]
    if common:
        return [common[0]] * len(studies)
    return [next(name for name in order if name in study.modalities) for study in studies]


def _brain_corners(visit: Visit) -> np.ndarray:
    """RAS mm of the corners of the box around the brain."""
    assert visit.study is not None
    box = bounding_box(visit.study.brain)[::-1]
    return visit.study.reference.to_ras(box_corners((side.start for side in box), (side.stop - 1 for side in box)))


def _position(plane: Geometry) -> str:
    return f"S {plane.origin[2]:.0f} mm"
