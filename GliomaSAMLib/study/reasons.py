"""What ITK's readers say when they fail, in words for a message."""

import re


def reason_of(error: BaseException) -> str:
    """What a reader said, in one line without the places of its own source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "Exception thrown" not in line]
    text = re.sub(r"\(0x[0-9a-f]+\)", "", " ".join(lines) or type(error).__name__)
    text = re.sub(r"[^\s\"']*gliomasam-\w+/", "", text)
    text = re.sub(r"(sitk::|ITK )ERROR: |\S*\.(cxx|hxx):\d+:?", "", text)
    return re.sub(r"\s+", " ", text).strip()[:300]
