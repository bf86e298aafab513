"""What comes between visits and their comparison: warps, other patients, work that is stopped or refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from GliomaSAMLib.errors import StudyError

Work = Callable[[], None]


def test_outlines_under_a_warp_are_others_and_hold_nothing_up(
    compared: Any, two_visits: Any, work: Work, put_under_warp: Callable[[Any], Any], panel: Any, tmp_path: Path
) -> None:
    node = two_visits[1][1]
    put_under_warp(node)
    work()
    assert compared.is_stale
    with pytest.raises(StudyError, match="changed since the visits were compared"):
        compared.export(tmp_path / "report", lambda path: None)
    compared.compare()
    with pytest.raises(StudyError, match="not linear: harden it"):
        work()
    work()
    node.SetAndObserveTransformNodeID(None)
    assert not compared.is_stale
