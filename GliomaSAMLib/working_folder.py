"""No file of the working folder decides what libraries do, or is code of theirs.

matplotlib takes its settings from a `matplotlibrc` in the working folder before all others, as soon as it is imported,
and MONAI imports it by itself. NVIDIA's cuSPARSELt, which PyTorch brings, searches the working folder for the driver's
`libcuda.so.1` before the system's folders (an empty entry at the end of its RUNPATH).
"""

import contextlib
import importlib
import os
from collections.abc import Iterator

TAKEN = {
    "matplotlibrc": "matplotlib",
    "libcuda.so.1": "torch",
    "glibc-hwcaps": "torch",
    "tls": "torch",
    "haswell": "torch",
    "avx512_1": "torch",
    "x86_64": "torch",
}
"""What would be taken from the working folder, and the library that takes it; folders are searched for `libcuda.so.1`
too."""


def import_elsewhere() -> None:
    """Import libraries now, in the folder of Python's own modules, where the working folder holds something of `TAKEN`;
    to be called before anything else imports them. One that is not installed is passed over.
    """
    libraries = {library for name, library in TAKEN.items() if os.path.lexists(name)}
    if not libraries:
        return
    with _folder(os.path.dirname(os.__file__)):
        for library in sorted(libraries):
            with contextlib.suppress(ImportError):
                importlib.import_module(library)


@contextlib.contextmanager
def _folder(path: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
