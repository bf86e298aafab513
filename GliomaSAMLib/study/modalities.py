"""The four MR contrasts, and how to know one by its file name or series description."""

import re

MODALITIES = ("t1", "t1c", "t2", "flair")
"""T1 before contrast, T1 after contrast, T2, and T2 FLAIR: the order of channels everywhere."""

REFERENCE_ORDER = ("t1c", "flair", "t2", "t1")
"""Which of the modalities present gives the grid of the results, unless told otherwise."""

_EXACT = {
    "t1": "t1", "t1n": "t1", "t1w": "t1", "t1pre": "t1",
    "t1c": "t1c", "t1ce": "t1c", "t1gd": "t1c", "t1wce": "t1c", "t1post": "t1c", "t1gad": "t1c", "t1km": "t1c",
    "t2": "t2", "t2w": "t2",
    "flair": "flair", "t2f": "flair", "t2flair": "flair", "tirm": "flair", "darkfluid": "flair",
}  # fmt: skip
_T1_SEQUENCE = re.compile(r"\b(mprage|mp rage|memprage|spgr|fspgr|bravo|vibe)\b")
_SEGMENTATION = re.compile(r"^(seg|label|mask|brainmask|roi$|truth$|gt$|prediction)|(seg|mask|labels?)$")
_OTHER_SEQUENCE = re.compile(
    r"\b(adc|dwi|dti|trace|b1000|perf\w*|dsc|dce|asl|swi|swan|bold|fmri|locali[sz]er|scout|survey|"
    r"mip|minip|subtract\w*|cbv|cbf|mtt|fieldmap|mra|tof|pd|proton|spectro\w*|calibration|t2 ?star|t2s|t2 gre|map)\b"
)
_WITH_AGENT = re.compile(
    r"\b(post(?!\W?op)\w*|gd|gad\w*|ce|km|contrast|enhanced|dotarem|gadovist|magnevist)\b|\bt1\w* c\b|\+ ?c\b|\bc ?\+"
)
_WITHOUT_AGENT = re.compile(
    r"\b(pre(?!\W?op)|precontrast|native|nativ|without|wo|w o|unenhanced|noncontrast|plain|ohne|"
    r"(no|non) (contrast|gd|gad\w*|c|ce|km))\b"
)
_ONTO = re.compile(r"\b(to|in|on|onto|into|space) (t1\w*|t2\w*|flair)\b")


def recognise(text: str, contrast_agent: bool = False) -> str | None:
    """The modality that a file name (without suffix) or a DICOM series description speaks of, or None.

    Args:
        text: For example `BraTS-GLI-00001-000-t1n`, `AX T1 POST GD`, `T2_FLAIR_tra`.
        contrast_agent: Whether the DICOM header records a contrast agent; decides a T1 whose text does not say.
    """
    if is_segmentation(text) or re.search(r"t2 ?\*", text.lower()):
        return None
    plain = _ONTO.sub(" ", " ".join(_words(text)))  # "flair_to_t1" is a FLAIR
    if _OTHER_SEQUENCE.search(plain):
        return None
    found = {_EXACT[word] for word in plain.split() if word in _EXACT}
    if "dark fluid" in plain:
        found.add("flair")
    if _T1_SEQUENCE.search(plain):
        found.add("t1")
    if "t1c" in found:
        return "t1c" if found <= {"t1", "t1c"} else None
    if "t1" in found:  # a "T1 FLAIR" is a T1
        return None if "t2" in found else _with_or_without_agent(plain, text.lower(), contrast_agent)
    if found == {"t2", "flair"}:
        return "flair"
    return found.pop() if len(found) == 1 else None


def is_segmentation(text: str) -> bool:
    """Whether a file name or description speaks of a label map or a mask, such as `CASE-seg`."""
    return any(_SEGMENTATION.search(word) for word in _words(text))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", text.lower()) if word]


def _with_or_without_agent(plain: str, text: str, contrast_agent: bool) -> str:
    if _WITHOUT_AGENT.search(plain):
        return "t1"
    return "t1c" if contrast_agent or _WITH_AGENT.search(plain) or _WITH_AGENT.search(text) else "t1"
