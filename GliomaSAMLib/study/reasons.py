"""What ITK's readers say: when they fail, in words for a message, and nothing else."""

import contextlib
import re
from collections.abc import Iterator

import SimpleITK as sitk


@contextlib.contextmanager
def no_warnings() -> Iterator[None]:
    """Keep ITK from writing warnings, with places of its own source, to the terminal; also a decorator."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def reason_of(error: BaseException) -> str:
    """What a reader said, in one line without the places of its own source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "Exception thrown" not in line]
    text = re.sub(r"\(0x[0-9a-f]+\)", "", " ".join(lines) or type(error).__name__)
    text = re.sub(r"[^\s\"']*gliomasam-\w+/", "", text)
    text = re.sub(r"(sitk::|ITK )ERROR: |\S*\.(cxx|hxx):\d+:?", "", text)
    return re.sub(r"\s+", " ", text).strip()[:300]
