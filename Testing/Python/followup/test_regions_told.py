"""Outlines that do not tell a region are no response; and what is left where a lesion is gone."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tumours import GRID, balls, visit

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.followup.assessment import assess
from GliomaSAMLib.followup.options import FollowUpOptions
from GliomaSAMLib.followup.reading import ReadingOptions, read_visits
from GliomaSAMLib.followup.report.folder import visit_segments
from GliomaSAMLib.followup.visit import Visit
from GliomaSAMLib.output import region_segments, write_segments

MIDDLE = (14, 14, 12)

DAYS = ("2024-01-05", "2024-03-01")


def told(day: str, *regions: str, size: float = 6) -> Visit:
    """A visit whose outlines tell these regions only."""
    et = balls((MIDDLE, size)) if "ET" in regions else balls()
    one = visit(day, et, balls((MIDDLE, size + 2)))
    return replace(one, masks=replace(one.masks, known=regions))


WHOLE, ALL = ("WT",), ("WT", "TC", "ET")


@pytest.mark.parametrize(
    ("first", "second", "options", "text"),
    [
        (ALL, WHOLE, {}, r"^V2 \(2024-03-01\): its segmentation does not tell ET.*--tumour nonCE"),
        (WHOLE, WHOLE, {}, "^V1 .* ET"),
        (ALL, ("TC", "ET"), {"tumour": "mixed"}, "^V2 .* does not tell WT"),
        (ALL, ("WT", "ET"), {"extent": "tc"}, "^V2 .* does not tell TC"),
    ],
)
def test_what_is_not_told_is_not_judged(first: tuple, second: tuple, options: dict, text: str) -> None:
    with pytest.raises(StudyError, match=text) as caught:
        assess([told(DAYS[0], *first), told(DAYS[1], *second)], FollowUpOptions(**options))
    assert "\n" not in str(caught.value)


def test_the_whole_tumour_alone_is_judged() -> None:
    visits = [told(DAYS[0], *WHOLE), told(DAYS[1], *WHOLE, size=9)]
    found = assess(visits, FollowUpOptions(tumour="nonCE"))
    assert found.responses[1]["3D"].category == "PD"
    assert [one.id for one in visit_segments(found, 1)] == ["WT", "nonCE L1"]  # read again it tells no more than before
    assert assess([told(DAYS[0], "ET"), told(DAYS[1], "ET")]).responses[1]["2D"].category == "SD"


@pytest.mark.parametrize(
    ("first", "second", "category"), [(WHOLE, ALL, "SD"), (ALL, WHOLE, "SD"), (("WT", "ET"), ALL, "PD")]
)
def test_enhancing_tumour_is_new_only_where_it_was_told_before(first: tuple, second: tuple, category: str) -> None:
    visits = [told(DAYS[0], *first), told(DAYS[1], *second)]
    visits[0] = replace(visits[0], masks=replace(visits[0].masks, et=balls()))
    found = assess(visits, FollowUpOptions(tumour="nonCE"))
    assert found.responses[1]["2D"].category == category
    assert any("V2 (2024-03-01): ET is not told" in note for note in found.notes) is (category == "SD")


def test_files_say_what_they_tell(tmp_path: Path) -> None:
    """A map of label 1 alone and a segmentation without ET are no complete response."""
    wt, et = balls((MIDDLE, 8)), balls((MIDDLE, 6))
    folders = [tmp_path / day for day in DAYS]
    for folder in folders:
        folder.mkdir()
    sitk.WriteImage(GRID.to_image(np.where(et > 0, 3, 2 * wt).astype(np.uint8)), str(folders[0] / "seg.nii.gz"))
    options = ReadingOptions(registered=True, today=date(2025, 1, 1))
    sitk.WriteImage(GRID.to_image(wt), str(folders[1] / "seg.nii.gz"))
    with pytest.raises(StudyError, match="does not tell ET"):
        assess(read_visits(folders, options))
    said = replace(options, labels="brats2023")
    assert assess(read_visits(folders, said)).responses[1]["2D"].category == "CR"
    (folders[1] / "seg.nii.gz").unlink()
    whole, *_ = region_segments({"WT": wt, "TC": et, "ET": et})
    write_segments(folders[1] / "a.seg.nrrd", [whole], GRID)
    with pytest.raises(StudyError, match="does not tell ET"):
        assess(read_visits(folders, options))


def test_specks_that_are_left_are_noted() -> None:
    speck = balls(((40, 20, 12), 1))
    found = assess([visit(DAYS[0], balls((MIDDLE, 6))), visit(DAYS[1], speck)])
    assert found.responses[1]["2D"].category == "CR"
    assert "V2 (2024-03-01): CE is complete but for one speck of 0.007 mL" in found.notes
    without = assess([visit(DAYS[0], balls((MIDDLE, 6))), visit(DAYS[1], balls())])
    assert not any("speck" in note for note in without.notes)


def test_points_of_new_tumour_at_the_baseline_are_told_of() -> None:
    one = visit(DAYS[0], balls((MIDDLE, 6)), unequivocal_new_lesions=((1.0, 2.0, 3.0),))
    found = assess([one, visit(DAYS[1], balls((MIDDLE, 6)))])
    assert any(note.startswith("V1 (2024-01-05): points of new tumour are for visits after") for note in found.notes)


def test_clinical_decline_is_no_pseudoprogression() -> None:
    sizes, ends = (6, 9, 6), {"radiotherapy_end": date(2024, 1, 2)}
    visits = [visit(day, balls((MIDDLE, size))) for day, size in zip((*DAYS, "2024-05-01"), sizes, strict=True)]
    visits[1] = replace(visits[1], fields=replace(visits[1].fields, **ends))
    worse = replace(visits[2], fields=replace(visits[2].fields, clinical="worse"))
    for last, likely in ((visits[2], True), (worse, False)):
        assert ("pseudoprogression is likely" in assess([*visits[:2], last]).overall[2].reason) is likely


def test_overlap_is_a_part_and_no_percentage() -> None:
    with pytest.raises(StudyError, match="overlap is 10: give a part, from 0 to 1"):
        FollowUpOptions(overlap=10)


def test_no_extent_of_resection_without_enhancing_tumour_before_and_after() -> None:
    whole = FollowUpOptions(tumour="nonCE")
    for known in ((ALL, WHOLE), (WHOLE, ALL)):
        found = assess([told(day, *one) for day, one in zip(DAYS, known, strict=True)], whole, surgery=(0, 1))
        index = known.index(WHOLE)
        assert found.resection is None
        assert any(
            note.startswith(f"ET is not told at V{index + 1} ({DAYS[index]}): no extent") for note in found.notes
        )


def test_no_class_1_where_the_whole_tumour_is_not_told() -> None:
    after = told(DAYS[1], "ET")
    after = replace(after, masks=replace(after.masks, et=balls(), wt=balls()))
    found = assess([told(DAYS[0], "ET"), after], surgery=(0, 1))
    assert found.resection is not None and found.resection[2].grade == "2A"
    assert "not known" in found.resection[2].reason
    assert not any("upper bound" in note for note in found.resection[2].notes)
    assert found.components["nonCE"].tracks == ()
