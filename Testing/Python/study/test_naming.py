"""Words and signs in names: contrast agent in several languages, what stays doubtful, what is none of the four."""

import pytest

from GliomaSAMLib.study.naming import judge


@pytest.mark.parametrize(
    ("text", "with_agent"),
    [
        ("T1 SIN CONTRASTE", False),
        ("T1 CON CONTRASTE", True),
        ("AX T1 S/C", False),
        ("AX T1 C/C", True),
        ("T1 simple", False),
        ("T1 antes del gadolinio", False),
        ("T1 POSCONTRASTE", True),
        ("T1 sans injection", False),
        ("T1 après injection", True),
        ("T1 non injecté", False),
        ("T1 SE GADO", True),
        ("T1 senza mdc", False),
        ("T1 dopo mdc", True),
        ("T1 basale", False),
        ("t1 ohne KM", False),
        ("t1 vor KM", False),
        ("t1 nach KM", True),
        ("T1 nativ", False),
        ("T1 sem contraste", False),
        ("T1 pós contraste", True),
        ("T1 zonder contrast", False),
        ("T1 met gado", True),
        ("T1 bez kontrastu", False),
        ("T1 przed kontrastem", False),
        ("T1 po kontraście", True),
        ("T1 kontrasts\u0131z", False),
        ("T1 kontrast öncesi", False),
        ("T1 kontrastl\u0131", True),
        ("T1 平扫", False),
        ("T1增强", True),
        ("T1 造影前", False),
        ("T1 単純", False),
        ("\uff34\uff11造影", True),
        ("T1 C-", False),
        ("T1C-", False),
        ("AX T1 (C-)", False),
        ("T1 KM-", False),
        ("T1 C+", True),
        ("T1+C", True),
        ("T1 +Gd", True),
        ("T1 w/o contrast", False),
        ("T1 non-contrast", False),
        ("T1 POST", True),
        ("post-op T1 C+", True),
        ("T1 FLAIR +C", True),
        ("sub-001_ce-none_T1w", False),
        ("sub-001_ce-gadolinium_T1w", True),
        ("AX T1 posterior fossa post", True),
        ("t1precontrast", False),
        ("t1postcontrast", True),
        ("ceT1", True),
    ],
)
def test_words_and_signs_for_contrast_agent(text: str, with_agent: bool) -> None:
    judgement = judge(text)
    assert (judgement.modality, judgement.doubt) == ("t1c" if with_agent else "t1", "")


@pytest.mark.parametrize(
    "text",
    [
        "T1 post-op",
        "T1 post surgery",
        "T1 post RT",
        "T1 pre-op",
        "T1 W/WO",
        "T1 pre and post contrast",
        "T1 sin y con contraste",
        "T1 vor und nach KM",
        "T1 -KM",
        "FLAIR T1",
        "t2_tirm_cor",
        "T1 pituitary C+",
        "T1 orbits",
        "AX T1 MT",
        "synthetic T1 post",
    ],
)
def test_what_stays_doubtful(text: str) -> None:
    judgement = judge(text)
    assert judgement.modality is not None and judgement.doubt


@pytest.mark.parametrize(
    "text",
    [
        "T1 SUB",
        "T1 Subtraktion",
        "T1 soustraction",
        "T1 sottrazione",
        "T1 sustracción",
        "T1 subtração post",
        "T1 减影",
        "T1 phase contrast",
        "T2 STIR",
        "SAG T1 C SPINE",
        "T1 and T2",
    ],
)
def test_what_is_none_of_the_four(text: str) -> None:
    assert judge(text).modality is None


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("T2 SPACE FLAIR", "flair"),
        ("t2_space_flair_sag", "flair"),
        ("3D SPACE FLAIR", "flair"),
        ("SAG SPACE T2", "t2"),
        ("T1 SPACE T1 POST", "t1c"),
        ("t2_spc_da-fl_sag", "flair"),
        ("T2 VISTA FLAIR", "flair"),
        ("T2压水", "flair"),
        ("3D FLAIR post Gd", "flair"),
        ("sub-01_space-T1w_FLAIR", "flair"),
        ("flair_space-T1w", "flair"),
        ("T2_in_t1c_space", "t2"),
        ("flair2t1", "flair"),
        ("FLAIR registered to T1", "flair"),
    ],
)
def test_space_the_sequence_and_the_space_of_another_volume(text: str, modality: str) -> None:
    assert (judge(text).modality, judge(text).doubt) == (modality, "")


def test_a_place_in_the_head_is_no_contrast_agent() -> None:
    assert judge("AX T1 POSTERIOR FOSSA") == judge("AX T1")
