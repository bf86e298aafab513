"""What a person does at the panel, in the words of the panel: takes tools, clicks in views, paints, waits, looks."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import slicer

SCREENSHOTS = "GLIOMASAM_SCREENSHOTS"
"""Environment variable with the folder for pictures of each step; none are made without it."""

RAS = tuple[float, float, float]


class Clinician:
    """Works the module in a `MiniSlicer`.

    Args:
        window: The `MiniSlicer`, with the module loaded.
    """

    def __init__(self, window: Any) -> None:
        self.window = window
        self._pictures = 0

    @property
    def panel(self) -> Any:
        return self.window.panel.panel

    @property
    def ui(self) -> Any:
        return self.window.panel.ui

    @property
    def task(self) -> Any:
        return self.panel.task

    def enter(self) -> None:
        self.window.select("GliomaSAM")

    def open_follow_up(self) -> None:
        """Enter the module and open the section *Follow-up*; the host's stand-in tells only of a change."""
        self.enter()
        self.wait()
        self.ui.followUpButton.collapsed = True
        self.ui.followUpButton.collapsed = False
        self.wait()

    def fold(self) -> None:
        """Fold the sections that are folded at first; the host's stand-in does not when it is loaded."""
        for button in (self.ui.editorButton, self.ui.modelButton):
            button.collapsed = False
            button.collapsed = True
        self.window.pump()

    def wait(self, seconds: float = 180.0) -> None:
        """Wait until the engine has nothing to do and what the user did has been acted upon."""
        self.window.pump(120)
        self.window.wait_for(lambda: self.panel.engine is None or not self.panel.engine.busy, seconds)
        self.window.pump(120)

    def take(self, tool: str, region: str = "") -> None:
        """Press a tool's button down, for a region."""
        if region:
            self.ui.regionSelector.currentIndex = ("WT", "TC", "ET").index(region)
            self.window.pump(60)
        button = getattr(self.ui, f"{tool}Button")
        if not button.checked:
            button.click()
        assert button.checked, self.panel.messages.text

    def click(self, ras: RAS, positive: bool = True, region: str = "", view: str = "Red") -> None:
        """Place one point and wait for the answer."""
        self.take("positive" if positive else "negative", region)
        self.window.click(view, ras)
        self.wait()

    def masks(self) -> dict[str, np.ndarray]:
        """What is shown, uint8 (K, J, I), by region."""
        return {region: np.array(self.task.masks(region)) for region in ("WT", "TC", "ET")}

    def at(self, mask: np.ndarray, ras: RAS) -> int:
        """The value of a mask at a place."""
        i, j, k = np.rint(self.task.geometry.to_ijk(np.asarray(ras))).astype(int)
        return int(mask[k, j, i])

    def segment(self, region: str) -> np.ndarray:
        """The voxels of a segment in the scene, uint8 on the grid of its reference volume."""
        volume = self.task.node.GetNodeReference(self.task.node.GetReferenceImageGeometryReferenceRole())
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.task.node, self.task.segment_ids()[region], volume)

    def picture(self, name: str) -> None:
        """Keep a picture of the window, when pictures are wanted."""
        folder = os.environ.get(SCREENSHOTS)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._pictures += 1
            self.window.grab(Path(folder) / f"{self._pictures:02d}_{name}.png")
