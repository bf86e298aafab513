"""What is told of an error that is none of ours: in one sentence, with what to do."""

import os

from ..errors import is_out_of_memory

EXIT_ERROR = 2
"""Exit status of a usage or input error."""

EXIT_UNEXPECTED = 1
"""Exit status of an error that is a fault of the program."""


def reason_of(error: Exception) -> tuple[str, int]:
    """The sentence, and the exit status of a command that ends so."""
    if is_out_of_memory(error):
        reason = (str(error).strip() or "no more can be had").splitlines()[0]
        advice = "close other programs, choose --device cpu, or give volumes of larger voxels"
        return f"The memory of this computer does not suffice ({reason}): {advice}", EXIT_ERROR
    if isinstance(error, OSError) and error.errno is not None:
        what = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "A file"
        advice = "check the path, its permissions and the free space"
        return f"{what} cannot be used: {error.strerror}: {advice}", EXIT_ERROR
    if isinstance(error, UnicodeEncodeError) and error.encoding == "utf-8":
        return f"The name {error.object} is not UTF-8 and cannot be used: rename the file or folder", EXIT_ERROR
    reason = f"{type(error).__name__}: {error}"
    told = f"this is a fault of GliomaSAM ({reason}); set GLIOMASAM_DEBUG=1 and run again for what to report"
    return told, EXIT_UNEXPECTED
