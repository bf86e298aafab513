"""Which markups nodes the user has touched. Events only leave a note, to be taken up later."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import slicer

_MARKUPS = slicer.vtkMRMLMarkupsNode
TOUCHING = (
    _MARKUPS.PointModifiedEvent,
    _MARKUPS.PointPositionDefinedEvent,
    _MARKUPS.PointPositionUndefinedEvent,
    _MARKUPS.PointRemovedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)


class NodeWatch:
    """Observes markups nodes. A node that is being dragged counts as touched once it has been let go."""

    def __init__(self) -> None:
        self._tags: dict[Any, list[int]] = {}
        self._touched: dict[Any, None] = {}  # a set that keeps its order
        self._dragged: set[Any] = set()
        self._quiet = 0

    def add(self, node: Any) -> None:
        """Observe a node."""
        reactions = [(_MARKUPS.PointStartInteractionEvent, NodeWatch._started)]
        reactions += [(_MARKUPS.PointEndInteractionEvent, NodeWatch._ended)]
        reactions += [(event, NodeWatch._noticed) for event in TOUCHING]
        self._tags[node] = [node.AddObserver(event, self._calling(reaction)) for event, reaction in reactions]

    def _calling(self, reaction: Callable[["NodeWatch", Any], None]) -> Callable[[Any, str], None]:
        own = weakref.ref(self)  # an observer must not keep alive who forgot to remove it

        def call(node: Any, event: str) -> None:
            watch = own()
            if watch is not None and node in watch._tags:
                reaction(watch, node)

        return call

    def remove(self, node: Any) -> None:
        """Do not observe a node any more."""
        for tag in self._tags.pop(node, ()):
            node.RemoveObserver(tag)
        self._touched.pop(node, None)
        self._dragged.discard(node)

    def touch(self, node: Any) -> None:
        """Note a node as if the user had touched it."""
        self._touched[node] = None

    def is_touched(self, node: Any) -> bool:
        """Whether the user has touched a node since `take_touched`, or is dragging it."""
        return node in self._touched or node in self._dragged

    def take_touched(self) -> list[Any]:
        """The nodes that the user has touched and let go, each of them once."""
        taken = [node for node in self._touched if node not in self._dragged]
        for node in taken:
            del self._touched[node]
        return taken

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """What happens to the nodes meanwhile is not the user's doing."""
        self._quiet += 1
        try:
            yield
        finally:
            self._quiet -= 1

    def _started(self, node: Any) -> None:
        self._dragged.add(node)

    def _ended(self, node: Any) -> None:
        self._dragged.discard(node)
        self._touched[node] = None

    def _noticed(self, node: Any) -> None:
        if not self._quiet:
            self._touched[node] = None
