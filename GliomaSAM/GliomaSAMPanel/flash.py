"""Segments that have just changed flash, so that the eye finds what a click did."""

import qt

FLASH_MS = 350


class Flash:
    """Fills changed segments in the slice views for a moment, and gives them their own opacity back."""

    def __init__(self):
        self._before = []
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(FLASH_MS)
        self._timer.connect("timeout()", self.end)

    def begin(self, segmentation_node, segment_ids):
        """Flash some segments of a node."""
        self.end()
        display = segmentation_node.GetDisplayNode()
        if display is None:
            return
        for name in segment_ids:
            self._before.append((display, name, display.GetSegmentOpacity2DFill(name)))
            display.SetSegmentOpacity2DFill(name, 1.0)
        if self._before:
            self._timer.start()

    def end(self):
        """Show everything as it was before."""
        self._timer.stop()
        before, self._before = self._before, []
        for display, name, opacity in before:
            if display.GetScene() is not None:
                display.SetSegmentOpacity2DFill(name, opacity)
