"""What the shipped model makes of earlier outlines, on phantoms: nothing of a tumour that is gone, no less of one that
has grown.
"""

from pathlib import Path

import numpy as np
import pytest

from GliomaSAMLib.data.cases import OpenCase
from GliomaSAMLib.followup.lesions import VisitMasks
from GliomaSAMLib.followup.outlining import Earlier, Outlined, outline
from GliomaSAMLib.regions import REGIONS, dice


def masks_of(case: OpenCase) -> VisitMasks:
    return VisitMasks(case.geometry, *(case.truth[region] for region in REGIONS))


def mean_dice(found: Outlined, case: OpenCase) -> float:
    masks = dict(zip(REGIONS, (found.masks.wt, found.masks.tc, found.masks.et), strict=True))
    return float(np.mean([dice(masks[region], case.truth[region]) for region in REGIONS]))


@pytest.mark.slow
def test_a_tumour_that_has_grown_and_one_that_is_gone(tmp_path: Path) -> None:
    from GliomaSAMLib.demo.phantom import GliomaShape, PhantomOptions, make_phantom, phantom_case
    from GliomaSAMLib.models import load_model

    model = load_model("gliomasam", device="cpu")
    first = phantom_case(make_phantom(PhantomOptions(shape=GliomaShape(radius=14.0, oedema_ml=30.0, push=4.0))))
    grown = phantom_case(make_phantom(PhantomOptions(shape=GliomaShape(radius=19.0, oedema_ml=50.0, push=6.0))))
    before = masks_of(first)
    alone = outline(grown.study, model, cache=tmp_path)
    here = outline(grown.study, model, Earlier(before, np.eye(4), "V1"), cache=tmp_path)
    assert here.source == "model with the mask of V1" and alone.source == "model"
    assert mean_dice(here, grown) >= mean_dice(alone, grown) - 0.0005

    turn = np.diag([-1.0, 1.0, 1.0, 1.0])  # as if it had been in the other half of the brain, and were gone
    gone = outline(grown.study, model, Earlier(before, turn, "V1"), cache=tmp_path)
    carried = before.wt[:, :, ::-1] > 0
    carried &= grown.study.brain & (grown.truth["WT"] == 0)
    assert np.count_nonzero(carried) > 10_000
    assert np.count_nonzero(carried & (gone.masks.wt > 0)) <= 0.05 * np.count_nonzero(carried)
