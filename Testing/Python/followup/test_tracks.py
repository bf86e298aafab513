"""Lesions over the visits: what was known at a visit, and in which order."""

import numpy as np
from tumours import GRID, balls, masks

from GliomaSAMLib.followup.lesions import measure
from GliomaSAMLib.followup.options import FollowUpOptions
from GliomaSAMLib.followup.tracks import link, match, tracks_of

OPTIONS = FollowUpOptions()

LEFT, RIGHT = ((12, 20, 12), 6), ((34, 20, 12), 5)

BRIDGE = ((23, 20, 12), 8)


def test_a_visit_that_joins_tracks_does_not_change_what_was_known_before() -> None:
    measured = [
        measure(masks(balls(*shapes)), "CE", OPTIONS) for shapes in ((LEFT,), (LEFT, RIGHT), (LEFT, RIGHT, BRIDGE))
    ]
    grids, motions = [GRID] * 3, [np.eye(4)] * 3
    joined = match(measured, grids, motions, OPTIONS)
    assert [track.counts for track in joined] == [(1, 2, 1)]
    assert joined[0].events == ("first", "kept", "merged")
    before = tracks_of(link(measured, grids, motions, OPTIONS).until(2), 2)
    assert [(track.id, track.events) for track in before] == [("L1", ("first", "kept")), ("L2", ("absent", "new"))]
    assert before == match(measured[:2], grids[:2], motions[:2], OPTIONS)


def test_no_overlap_links_nothing_even_where_any_overlap_would_do() -> None:
    options = FollowUpOptions(overlap=0.0)
    measured = [measure(masks(balls(shape)), "CE", options) for shape in (LEFT, RIGHT)]
    tracks = match(measured, [GRID] * 2, [np.eye(4)] * 2, options)
    assert [track.counts for track in tracks] == [(1, 0), (0, 1)]


def test_nothing_at_any_visit() -> None:
    empty = measure(masks(balls()), "CE", OPTIONS)
    assert match([empty, empty], [GRID] * 2, [np.eye(4)] * 2, OPTIONS) == ()
