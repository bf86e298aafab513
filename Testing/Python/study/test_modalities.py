import pytest

from GliomaSAMLib.study.modalities import is_segmentation, recognise


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("t1", "t1"),
        ("t1n", "t1"),
        ("t1ce", "t1c"),
        ("t1c", "t1c"),
        ("t1gd", "t1c"),
        ("t2", "t2"),
        ("t2w", "t2"),
        ("flair", "flair"),
        ("t2f", "flair"),
        ("BraTS-GLI-00001-000-t1n", "t1"),
        ("BraTS-GLI-00001-000-t2f", "flair"),
        ("Brats18_2013_2_1_t1ce", "t1c"),
        ("sub-01_ses-02_T1w", "t1"),
        ("sub-01_ce-gadolinium_T1w", "t1c"),
        ("sub-01_FLAIR", "flair"),
        ("flair_to_t1", "flair"),
        ("T2_in_t1c_space", "t2"),
        ("AX T1 POST GD", "t1c"),
        ("AX T1 PRE", "t1"),
        ("T1 +C", "t1c"),
        ("Ax T1 C+", "t1c"),
        ("t1_mprage_sag_KM", "t1c"),
        ("SAG MPRAGE", "t1"),
        ("T2 FLAIR tra", "flair"),
        ("t2_tirm_tra_dark-fluid", "flair"),
        ("AX T2 FSE", "t2"),
        ("AX T1 FLAIR", "t1"),
        ("T1 without contrast", "t1"),
        ("pre-op T1 post contrast", "t1c"),
        ("T1 post-op", "t1"),
        ("AX DWI b1000", None),
        ("ADC", None),
        ("AX T2*", None),
        ("AX T2 GRE", None),
        ("3-plane localizer", None),
        ("T1 SUBTRACTION", None),
        ("patient", None),
        ("t1_seg", None),
        ("BraTS-GLI-00001-000-seg", None),
        ("t1_brainmask", None),
    ],
)
def test_names_and_descriptions(text: str, modality: str | None) -> None:
    assert recognise(text) == modality


def test_recorded_contrast_agent_decides_a_plain_t1_only() -> None:
    assert recognise("AX T1", contrast_agent=True) == "t1c"
    assert recognise("AX T1 PRE", contrast_agent=True) == "t1"
    assert recognise("AX T2", contrast_agent=True) == "t2"


@pytest.mark.parametrize("name", ["seg", "CASE-seg", "t1_label", "labels", "brain_mask", "flair-lesionmask"])
def test_label_maps_are_known(name: str) -> None:
    assert is_segmentation(name)
