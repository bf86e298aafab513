"""The way of one click: which files of the project it passes through, from the panel to the written segment.

    python Testing/benchmarks/click_trace.py --output trace.json

A second, warm click with the shipped model on a small study of two volumes, in the small Slicer of the tests, with the
whole panel. Calls are counted on the main thread, from the click in the view on, and in the worker's thread, until the
segments hold the answer. Two counts are given: with the files of the Qt panel, and without them.
"""

import argparse
import contextlib
import json
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

with contextlib.suppress(ImportError):
    import triton  # noqa: F401 - before anything is drawn: it and a software renderer each bring their own LLVM

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT), str(PROJECT / "Testing")]
PANEL = "GliomaSAM/"
PRODUCT = (str(PROJECT / "GliomaSAM") + "/", str(PROJECT / "GliomaSAMLib") + "/")
MOST_FILES = 30
"""At most, without those of the Qt panel."""
FIRST, SECOND = (8.0, -6.0, 4.0), (14.0, -6.0, 4.0)
"""RAS mm of the clicks: in the middle of the bright ball, and nearer its border."""


class Trace:
    """Counts the calls of product code by file and function, until a segment has been written."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.done = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """A profile function, see `sys.setprofile`."""
        name = frame.f_code.co_filename
        if self.done or not name.startswith(PRODUCT):
            return
        if event == "call":
            self.calls[name[len(str(PROJECT)) + 1 :], frame.f_code.co_name] += 1
        elif event == "return" and frame.f_code.co_name == "write" and name.endswith("segments/writer.py"):
            self.done = True

    def files(self) -> list[str]:
        """The files passed through."""
        return sorted({file for file, _ in self.calls})


def trace_click() -> Trace:
    """Trace the second click."""
    from host.core import start_core
    from host.qt_layer import start_qt
    from host.views import prepare_rendering

    prepare_rendering()
    start_qt()
    start_core()
    from host.window import MiniSlicer
    from user.clinician import Clinician

    window = MiniSlicer()
    module = window.load(PROJECT / "GliomaSAM" / "GliomaSAM.py")
    window_widget = module.widgetRepresentation().self()
    window_widget.logic.engineOptions = {"cache": None}
    window.show(add_ball("T1 with contrast", 600))
    add_ball("FLAIR", 500)
    clinician = Clinician(window)
    clinician.enter()
    clinician.wait()
    clinician.click(FIRST)
    clinician.take("positive")
    trace = Trace()
    clinician.panel.engine.background("tracing", lambda progress, cancel: sys.setprofile(trace))
    clinician.wait()
    trace.calls.clear()
    sys.setprofile(trace)
    try:
        window.click("Red", SECOND)
        window.wait_for(lambda: trace.done, 120)
    finally:
        sys.setprofile(None)
        window.close()
    return trace


def add_ball(name: str, bright: int) -> Any:
    """A volume of 40 x 48 x 40 voxels of 2 mm: an ellipsoid with a bright ball round the first click."""
    import numpy as np
    import slicer

    k, j, i = np.indices((40, 48, 40))
    ras = np.stack([i * 2.0 - 39.0, j * 2.0 - 47.0, k * 2.0 - 39.0], axis=-1)
    head = ((ras / (34.0, 42.0, 34.0)) ** 2).sum(-1) < 1
    values = np.where(((ras - FIRST) ** 2).sum(-1) < 12.0**2, bright, 300)
    values = (values + np.random.default_rng(0).integers(0, 20, head.shape)) * head
    matrix = np.diag([2.0, 2.0, 2.0, 1.0])
    matrix[:3, 3] = (-39.0, -47.0, -39.0)
    return slicer.util.addVolumeFromArray(values.astype(np.int16), matrix, name)


def main() -> int:
    """Trace, print, and fail where there are more files than there should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write files, functions and calls as JSON")
    options = parser.parse_args()
    trace = trace_click()
    files = trace.files()
    for file in files:
        own = {name: count for (other, name), count in trace.calls.items() if other == file}
        print(f"{file}: {sum(own.values())} calls of {', '.join(own)}")  # noqa: T201
    behind = [file for file in files if not file.startswith(PANEL)]
    print(f"{len(behind)} files behind the Qt panel (at most {MOST_FILES}), {len(files)} with it,", end=" ")  # noqa: T201
    print(f"{sum(trace.calls.values())} calls")  # noqa: T201
    if options.output:
        table = [{"file": file, "function": name, "calls": n} for (file, name), n in sorted(trace.calls.items())]
        options.output.write_text(
            json.dumps({"files": len(behind), "with_panel": len(files), "calls": table}, indent=1) + "\n"
        )
    return int(len(behind) > MOST_FILES)


if __name__ == "__main__":
    sys.exit(main())
