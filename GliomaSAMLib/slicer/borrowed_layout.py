"""A layout of our own for a while; the one that was before is given back.

Slicer tells nobody that it saves a scene, so what is saved meanwhile has to be of use as it is: the layout node, whose
layout would be unknown when the scene is loaded, is not saved as long as the layout is ours.
"""

from typing import Any


class BorrowedLayout:
    """The layout of the views, taken and given back.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._number: int | None = None
        self._before: tuple[int, bool] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the layout taken is the one on show: the user may have chosen another one since."""
        layout = self._node()
        return layout is not None and self._number is not None and layout.GetViewArrangement() == self._number

    def take(self, number: int, description: str) -> None:
        """Show a layout. The application makes its views when it takes the layout up.

        Args:
            number: Far from those of Slicer itself.
            description: Its XML.
        """
        layout = self._node()
        if layout is None:
            layout = self._scene.AddNewNodeByClass("vtkMRMLLayoutNode")
        if not self.is_open:
            saved = bool(layout.GetSaveWithScene()) if self._before is None else self._before[1]
            self._before = (layout.GetViewArrangement(), saved)
        if not layout.IsLayoutDescription(number):
            layout.AddLayoutDescription(number, description)
        self._number = number
        layout.SetViewArrangement(number)
        layout.SetSaveWithScene(False)

    def give_back(self) -> None:
        """Show the layout that was before, unless the user has chosen another one since."""
        layout, before = self._node(), self._before
        if layout is not None and before is not None:
            if self.is_open:
                layout.SetViewArrangement(before[0])
            layout.SetSaveWithScene(before[1])
        self._number = self._before = None

    def _node(self) -> Any:
        return self._scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
