"""What a file name or a DICOM series description says: the MR contrast, and whether that is certain."""

import re
import unicodedata
from dataclasses import dataclass

AGENT_UNSAID = "nothing says whether contrast agent was given"


@dataclass(frozen=True)
class Judgement:
    """What a text speaks of.

    Args:
        modality: One of `MODALITIES`, or None.
        doubt: What speaks against it, or is not said; empty when nothing does.
    """

    modality: str | None
    doubt: str = ""


_NOT_OF_THE_WHOLE_HEAD = re.compile(r"\b(orbits?|orbita\w*|iacs?|mai|sella\w*|hypophys\w*|pituitar\w*|ipofisi)\b")

_SYNTHETIC = re.compile(r"\b(synth\w*|synt\w*|symri|sy|magic|pseudo\w*|fake|simulated|virtual)\b")

_TWO_ECHOES = re.compile(r"\b(double echo|dual\w*|multi echo|multiecho|t2 de|de tse)\b")

_MAGNETISATION_TRANSFER = re.compile(r"\b(mt|mtc|mton|mtoff|mts)\b")

_SEGMENTATION = re.compile(
    r"^(seg(?!uro)|label|annotation|mask(?!ed)|brainmask|roi$|truth$|gt$|prediction)|(seg|mask|labels?)$"
)

_OF_THE_HEAD = re.compile(r"brain|skull|^(hd)?bet\d?$|^head(mask)?$")

_OF_A_TUMOUR = re.compile(r"tumou?r|lesion|gliom|gbm")

_CALLED_AFTER_A_TUMOUR = re.compile(r"tumou?r|lesion|glioma|^gtv")
"""As people call a file of outlines; `gbm` is not among them, as it stands in the numbers of patients."""

_OTHER_SEQUENCE = re.compile(
    r"\b(e?adc|dwi\w*|dti\w*|dki|ivim|diff|diffusion\w*|tensor|trace\w*|"
    r"b ?(0|50|500|800|1000|1500|2000|3000)|ep2d\w*|epi|"
    r"fa|colfa|perf\w*|dsc|dce|[pc]*asl|swi|swip|swan|qsm|venobold|bold|fmri|phase|pha|locali[sz]\w*|locator|loc|"
    r"scout\w*|survey|topogram\w*|aahead|smartbrain|mip|minip|su[bs]tr\w*|soustr\w*|sottraz\w*|(?<=[a-z0-9] )sub|"
    r"diffs?|difference|"
    r"r?cb[vf]|mtt|ttp|tmax|ktrans|kep|fieldmap|mra|mrv|mrs|svs|csi|angio\w*|tof|pd|pdw|dp|proton|spectro\w*|calibration|"
    r"cal|asset|screen|t2 ?star\w*|t2 etoile|t2s|t2 f?gre|3 ?pl|3 ?plane|"
    r"t2 ffe|t2 fl[23]d|hemo|heme|maps?|t1rho|inv ?[12]|stir|ct|pet|spect|cta|"
    r"spine|cervical|lumbar|thoracic|whole spine|knee|atlas|template|ciss|fiesta)\b|"
    r"减影|減影|差分|サブ|弥散|扩散|拡散|灌注"
)

_T1_SEQUENCE = re.compile(r"\b(mprage|mp rage|memprage|spgr|fspgr|bravo|vibe|tfl)\b")

_DARK_FLUID = re.compile(r"\b(dark fluid|darkfluid|da fl|dafl)\b|压水|壓水|水抑制")

_PARTS_OF_WORDS = (
    "precontrast", "pregado", "pregad", "pregd", "prekm", "premdc",
    "weighted", "gadolinium", "gadolinio", "contrast", "gado", "gad", "gd", "post", "pre", "wi", "ce", "km", "mdc",
    "inj", "flair", "mprage", "memprage", "fspgr", "spgr", "bravo", "vibe", "space", "cube", "vista", "star", "map",
    "tirm", "reg", "tse", "fse", "ffe", "tfe", "mpr", "gre", "fl2d", "fl3d", "sag", "cor", "tra", "ax", "3d", "2d",
    "se", "fs", "w", "n", "c", "f", "s",
)  # fmt: skip
"""What follows T1 or T2 in one word, longer ones first."""

_ONE_WORD = re.compile(
    rf"(?:s3d|3d|2d|ax|axial|tra|trans|sag|sagittal|cor|coronal|s|e|ir)?((?:ce?)?t1|t2|flair)((?:{'|'.join(_PARTS_OF_WORDS)})*)"
)

_IN_ONE_WORD = {"c": "t1c", "ce": "t1c", "gd": "t1c", "gad": "t1c", "gado": "t1c", "gadolinium": "t1c", "km": "t1c",
                "gadolinio": "t1c", "post": "t1c", "contrast": "t1c", "mdc": "t1c", "inj": "t1c",
                "n": "t1n", "pre": "t1n", "precontrast": "t1n", "pregado": "t1n", "pregad": "t1n", "pregd": "t1n",
                "prekm": "t1n", "premdc": "t1n", "w": "", "wi": "", "weighted": "",
                "f": "flair", "s": "t2star", "star": "t2star"}  # fmt: skip

_CONTRASTS = r"(?:t1\w*|t2\w*|flair)"

_ONTO = re.compile(rf"\b(?:to|in|on|onto|into) (?:the )?{_CONTRASTS}(?: t1[cn])?(?: space)?\b")

_ONTO_IN_ONE_WORD = re.compile(rf"({_CONTRASTS}?)(?:2|to)({_CONTRASTS})")

_SURGERY = r"(?!\W*(?:op\b|oper|surg|treat|therap|r[tx]\b|radi|chemo|resec|biops|proc|tmz|impl))"

_AGENT = (
    r"(?:gd\w*|gad\w*|ce|km|kontra\w*|contrast\w*|civ|mdc|inj\w*|inye\w*|iniez\w*|enhanc\w*|"
    r"dotarem|magnevist|prohance|clariscan|multihance|omniscan|elucirem|vueway)"
)

_NOT = (
    r"(?:no|non|not|without|w o|wo|sin|sans|senza|ohne|sem|zonder|bez|utan|uden|uten|avant|"
    r"antes|prima|vor|voor|przed|before|pre|"
    r"prior to)"
)

_WITHOUT_AGENT = re.compile(
    rf"\b{_NOT} (?:(?:de|del|di|da|do|the|l|iv|any|el) )*(?:{_AGENT}|c)\b|\bkontra\w* oncesi\w*|"
    rf"\b(?:pre{_SURGERY}|pre ?(?:contrast|kontrast|gd|gad|km|mdc|inj)\w*|noncon|nativ|native|"
    r"nativo|nativa|natif|without|wo|"
    r"unenhanced|non ?contrast|non ?enhanced|plain|simple|ohne|basale|blanco|kontrastsiz|nicht km)\b|"
    r"平扫|平掃|非增强|非增強|增强前|增強前|単純|单纯|非造影|造影前"
)

_WITH_AGENT = re.compile(
    rf"\b(?:post(?!er[io]){_SURGERY}(?:contrast|kontrast|gd|gad|km|mdc|inj)?\w*|{_AGENT}|poscontrast\w*|kontrastli\w*)\b|"
    r"\bt1 (?:w |wi |se |tse |fse |fs )?c\b|\b(?:with|w|met|mit|con|com) c\b|增强|增強|强化|強化|造影|ガド"
)

_SIGNS = (
    (re.compile(r"\b(?:w|with)\W+(?:and\W+|und\W+)?(?:wo|w/o|without)\b"), " postcontrast precontrast "),
    (re.compile(r"(?<![a-z0-9])(t1w?)c\+(?![a-z0-9])"), r"\1 postcontrast "),
    (re.compile(r"(?<![a-z0-9])(t1w?)c-(?![a-z0-9])"), r"\1 precontrast "),
    (
        re.compile(
            r"\b(?:vor|nach|avant|apres|before|after|prima|dopo|antes|despues|przed|po|voor|na|pre|post|sin|con|sans|avec|"
            r"ohne|mit|senza|sem|com|zonder|met|bez|z|without|with)\W+(?:und|u|et|and|e|y|i|en|oder|or)\W+"
            r"(?:nach|vor|apres|avant|after|before|dopo|prima|despues|antes|po|przed|na|voor|post|pre|con|sin|avec|sans|"
            r"mit|ohne|senza|com|sem|met|zonder|z|bez|with|without)\b"
        ),
        " postcontrast precontrast ",
    ),
    (re.compile(r"(?<=[\s(])[-\u2212\u2013](?:gd|km|mdc)(?![a-z0-9])"), " postcontrast precontrast "),
    (re.compile(r"(?<![a-z0-9])(?:gd|gado?|km|mdc)[-\u2212\u2013](?![^\s)])"), " precontrast "),
    (re.compile(r"(?<![a-z0-9])c ?\+|\+ ?(?:c|ce|gd|gad\w*|km|mdc)(?![a-z0-9])"), " postcontrast "),
    (
        re.compile(r"(?<![a-z0-9])c[-\u2212\u2013](?![a-z0-9])|(?<=[\s(])[-\u2212\u2013]c(?![a-z0-9])"),
        " precontrast ",
    ),
    (re.compile(r"(?<![a-z0-9])ce-(?:none|no|without|pre)(?![a-z0-9])"), " precontrast "),  # BIDS
    (re.compile(r"\bw/o\b"), " without "),
    (re.compile(r"\bs/\s?c\b"), " precontrast "),
    (re.compile(r"\bc/\s?c\b"), " postcontrast "),
    (re.compile(r"\bs/"), " sin "),
)
"""Signs for contrast agent that are no words, and the words in their place."""

_IN_ORDER_OF_MSD = re.compile(r"brats_\d{3}_000([0-3])")

_MSD = ("flair", "t1", "t1c", "t2")


def recognise(text: str, contrast_agent: bool = False) -> str | None:
    """The modality that a file name (without suffix) or a DICOM series description speaks of, or None.

    Args:
        text: For example `BraTS-GLI-00001-000-t1n`, `AX T1 POST GD`, `T2_FLAIR_tra`.
        contrast_agent: Whether the DICOM header records a contrast agent; decides a T1 whose text does not say.
    """
    return judge(text, contrast_agent).modality


def judge(text: str, contrast_agent: bool = False) -> Judgement:
    """The modality that a text speaks of and what is doubtful about it; arguments as for `recognise`."""
    lowered = _lowered(text)
    if is_segmentation(text) or re.search(r"t2w? ?\*", lowered):
        return Judgement(None)
    if numbered := _IN_ORDER_OF_MSD.fullmatch(lowered):
        return Judgement(_MSD[int(numbered[1])], "only its number tells, and channels come in several orders")
    plain = _plain(lowered)
    if _OTHER_SEQUENCE.search(plain):
        return Judgement(None)
    modality, doubt = _contrast(plain, contrast_agent)
    return Judgement(modality, (_doubt_of_kind(plain) or doubt) if modality else "")


def is_segmentation(text: str) -> bool:
    """Whether a file name or description speaks of a label map or a mask, such as `CASE-seg`."""
    return any(_SEGMENTATION.search(word) for word in _words(_lowered(text)))


def is_tumour_outline(text: str) -> bool:
    """Whether a file name speaks of a label map or a mask, and of none of the brain or the head as tools that take the
    skull off leave them (`t1_brain_mask`, `t1c_bet_mask`).
    """
    words = _words(_lowered(text))
    of_the_head = any(_OF_THE_HEAD.search(word) for word in words)
    return is_segmentation(text) and (not of_the_head or any(_OF_A_TUMOUR.search(word) for word in words))


def is_named_after_a_tumour(text: str) -> bool:
    """Whether a file name speaks of a tumour, and of no sequence of MR, as that of its outlines may."""
    named = any(_CALLED_AFTER_A_TUMOUR.search(word) for word in _words(_lowered(text)))
    return named and not speaks_of_sequence(text)


def speaks_of_sequence(text: str) -> bool:
    """Whether a name speaks of a sequence of MR or of a label map at all, be it one of `MODALITIES` or not."""
    return recognise(text) is not None or is_segmentation(text) or bool(_OTHER_SEQUENCE.search(_plain(_lowered(text))))


def _lowered(text: str) -> str:
    """Small letters without accents; full-width letters and digits as usual ones."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\u0131", "i").replace("\u0142", "l")
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not "\u0300" <= letter <= "\u036f")


def _words(lowered: str) -> list[str]:
    return re.findall(r"[a-z0-9]+|[^\W\d_a-z]+", lowered)


def _plain(lowered: str) -> str:
    """The words of a text, one space between two, those that are joined taken apart."""
    onto = r"(?<![a-z0-9])space-[a-z0-9]+" if "sub-" in lowered else r"_space-(?:t1|mni)[a-z0-9]*"
    lowered = re.sub(onto, " ", lowered)  # as BIDS says onto what a volume was brought
    lowered = re.sub(r"(?<![a-z0-9])(?:sub|ses)(?:-[a-z0-9]+|[_ ]?\d+)", " ", lowered)
    for sign, word in _SIGNS:
        lowered = sign.sub(word, lowered)
    words = [part for word in _words(lowered) for part in _apart(word)]
    return _ONTO.sub(" ", " ".join(words))  # "flair_to_t1" is a FLAIR


def _apart(word: str) -> list[str]:
    """`t1wce` as `t1`, `t1c`; other words as they are."""
    if moved := _ONTO_IN_ONE_WORD.fullmatch(word):
        return _apart(moved[1]) if moved[1] else []
    match = _ONE_WORD.fullmatch(word)
    if not match:
        return [word]
    kind, rest = match.groups()
    parts = [_IN_ONE_WORD.get(part, part) for part in re.findall("|".join(_PARTS_OF_WORDS), rest)]
    if kind == "t2" and "t1c" in parts:
        parts = ["postcontrast" if part == "t1c" else part for part in parts]
    if kind == "flair":
        parts = [part for part in parts if part not in ("t1c", "t1n", "t2star", "flair")]
    if kind != "t2" and {"flair", "t2star"} & set(parts) and "flair" not in rest:
        return [word]
    return [*(("t1", "t1c") if kind in ("ct1", "cet1") else (kind,)), *(part for part in parts if part)]


def _contrast(plain: str, contrast_agent: bool) -> tuple[str | None, str]:
    words = plain.split()
    found = {word for word in words if word in ("t1", "t1c", "t1n", "t2", "flair")}
    fluid = [match.start() for match in (_DARK_FLUID.search(plain), re.search(r"\bflair\b", plain)) if match]
    tirm = re.search(r"\btirm\b", plain)
    if tirm:
        fluid.append(tirm.start())
    if _T1_SEQUENCE.search(plain):
        found.add("t1")
    if found & {"t1", "t1c", "t1n"}:
        if "t2" in found:
            return None, ""
        modality, doubt = _with_or_without_agent(plain, found, contrast_agent)
        first = plain.find("t1")
        if fluid and (min(fluid) < first or re.search(r"\bt1\b.*\b(space|reg|coreg|registered)\b.*\bflair\b", plain)):
            doubt = "it speaks of T1 and of FLAIR"  # a "T1 FLAIR" is a T1
        return modality, doubt
    if fluid:
        return "flair", "TIRM is not always FLAIR" if tirm and len(fluid) == 1 else ""
    return ("t2", "") if "t2" in found else (None, "")


def _with_or_without_agent(plain: str, found: set[str], contrast_agent: bool) -> tuple[str, str]:
    rest = _WITHOUT_AGENT.sub(" ", plain)
    without = "t1n" in found or rest != plain
    given = "t1c" in found or bool(_WITH_AGENT.search(rest))
    if without and given:
        return "t1c" if "t1c" in found else "t1", "it speaks of contrast agent and of none"
    if without or given:
        return "t1" if without else "t1c", ""
    return ("t1c", "") if contrast_agent else ("t1", AGENT_UNSAID)


def _doubt_of_kind(plain: str) -> str:
    if _NOT_OF_THE_WHOLE_HEAD.search(plain):
        return "it may show a part of the head only"
    if _TWO_ECHOES.search(plain):
        return "it may hold two echoes"
    if _MAGNETISATION_TRANSFER.search(plain):
        return "it is weighted by magnetisation transfer"
    return "it may be computed, not measured" if _SYNTHETIC.search(plain) else ""
