"""The phantom at three visits, on three grids, from the files to the report."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nilearn", reason="the phantom is made from maps that nilearn ships")

from GliomaSAMLib.demo.follow_up import FollowUpDemo, run_follow_up_demo
from GliomaSAMLib.demo.visits import phantom_visits, refined
from GliomaSAMLib.followup.lesions import measure
from GliomaSAMLib.followup.options import FollowUpOptions
from GliomaSAMLib.geometry import Geometry

VOLUME_SHARE, DIAMETER_MM = 0.03, 1.0
"""How far from the truth volumes (as a part) and diameters may be."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> FollowUpDemo:
    """The demonstration without the model."""
    return run_follow_up_demo(tmp_path_factory.mktemp("demo"), visits=phantom_visits(("t1c", "flair")))


def test_a_refined_grid_covers_the_same_space(small_grid: Geometry) -> None:
    fine = refined(small_grid, (2, 1, 5))
    assert fine.size == (80, 48, 200) and fine.spacing == (1.0, 2.0, 0.4)
    for corner, other in (((-0.5, -0.5, -0.5),) * 2, ((39.5, 47.5, 39.5), (79.5, 47.5, 199.5))):
        np.testing.assert_allclose(small_grid.to_ras(np.array(corner)), fine.to_ras(np.array(other)))


@pytest.mark.slow
def test_grids_and_motion_are_those_of_a_clinic(demo: FollowUpDemo) -> None:
    first, oblique, moved = demo.visits
    assert first.grid.spacing == moved.grid.spacing == (1.0, 1.0, 1.0) and oblique.grid.spacing == (1.0, 1.0, 5.0)
    assert np.degrees(np.arccos(oblique.grid.direction[2][2])) == pytest.approx(12)
    assert np.linalg.norm(moved.motion[:3, 3]) == pytest.approx(15, abs=0.1)
    assert np.degrees(np.arccos((np.trace(moved.motion[:3, :3]) - 1) / 2)) == pytest.approx(10)


@pytest.mark.slow
def test_volumes_are_the_true_ones(demo: FollowUpDemo) -> None:
    report = demo.reports[0].report
    for visit, truth in zip(report["visits"], demo.truth, strict=True):
        for region, volume in truth.items():
            assert visit["regions_ml"][region] == pytest.approx(volume, rel=VOLUME_SHARE), (visit["id"], region)


@pytest.mark.slow
def test_lesions_have_their_true_diameters_and_volumes(demo: FollowUpDemo) -> None:
    """Against voxels of half the side in the plane, on the same slices."""
    for index, visit in enumerate(demo.visits):
        truth = measure(visit.around_tumour().masks((2, 2, 1)), "CE", FollowUpOptions()).lesions
        found = demo.given.components["CE"].measured[index].lesions
        assert len(found) == len(truth)
        for lesion, true in zip(found, truth, strict=True):
            assert lesion.volume_ml == pytest.approx(true.volume_ml, rel=VOLUME_SHARE)
            assert lesion.diameters.largest_mm == pytest.approx(true.diameters.largest_mm, abs=DIAMETER_MM)
            assert lesion.diameters.perpendicular_mm == pytest.approx(true.diameters.perpendicular_mm, abs=DIAMETER_MM)


@pytest.mark.slow
def test_tracks_and_categories_are_right(demo: FollowUpDemo) -> None:
    report = demo.reports[0].report
    for component in ("CE", "nonCE"):
        tracks = report["components"][component]["tracks"]
        assert [[at is not None for at in track["at"]] for track in tracks] == [[True] * 3, [False, False, True]]
        assert [track["events"][2] for track in tracks] == ["kept", "new"]
        assert [(track["target"], track["new"]) for track in tracks] == [(True, False), (False, True)]
    found = [[one[d] for d in ("2D", "3D")] for one in report["responses"][-2:]]
    assert [[one["category"] for one in both] for both in found] == [["PD", "PD"]] * 2
    assert [[one["rule"] for one in both] for both in found] == [["target-progression"] * 2, ["new-lesion"] * 2]
    assert report["components"]["CE"]["sums"][2]["change"]["product"]["baseline"]["percent"] < -50


@pytest.mark.slow
def test_the_motion_is_found(demo: FollowUpDemo) -> None:
    for visit, one in zip(demo.visits, demo.given.visits, strict=True):
        truth = np.linalg.inv(visit.motion)
        for centre in ((31.0, -30.0, 17.0), (-30.0, 34.0, 30.0)):  # of the two tumours
            place = visit.motion[:3, :3] @ centre + visit.motion[:3, 3]
            difference = (one.alignment.to_first - truth)[:3]
            assert np.linalg.norm(difference[:, :3] @ place + difference[:, 3]) < 1.0


@pytest.mark.slow
def test_what_is_written(demo: FollowUpDemo) -> None:
    folder = demo.reports[0].folder
    assert [path.name for path in sorted((folder.parent / "visits").iterdir())] == [
        "2024-01-15", "2024-03-18", "2024-06-10",
    ]  # fmt: skip
    fields = json.loads((folder.parent / "visits" / "2024-01-15" / "visit.json").read_text())
    assert fields["role"] == "baseline"
    pictures = {picture["track"] for picture in demo.reports[0].report["pictures"]}
    assert pictures == {"L1", "L2"}
    assert Path(folder / "report.html").stat().st_size > 200_000
