"""The markups of one segmentation: what is drawn in the views becomes prompts, and prompts become markups."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import slicer
import vtk

from ..errors import GliomaSAMError
from ..prompts import Prompt, point
from ..session import Session
from . import markups as markups

FOLDER = "GliomaSAM.prompts"
"""Attribute of the folder: the id of its segmentation node."""


def into_folder(scene: Any, segmentation_node: Any, node: Any) -> None:
    """Put a node into the folder of a segmentation, which is made where it is missing."""
    hierarchy = scene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return
    item = hierarchy.GetItemByDataNode(node)
    if not item:
        return
    folder = find_folder(scene, segmentation_node)
    if not folder:
        own = hierarchy.GetItemByDataNode(segmentation_node)
        parent = hierarchy.GetItemParent(own) if own else hierarchy.GetSceneItemID()
        folder = hierarchy.CreateFolderItem(parent, f"{segmentation_node.GetName()} prompts")
        hierarchy.SetItemAttribute(folder, FOLDER, segmentation_node.GetID())
    hierarchy.SetItemParent(item, folder)


def find_folder(scene: Any, segmentation_node: Any) -> int:
    """The folder's item; 0 where there is none."""
    hierarchy = scene.GetSubjectHierarchyNode()
    return next((f for f in _folders(hierarchy) if f[1] == segmentation_node.GetID()), (0, ""))[0] if hierarchy else 0


def keep_folder(scene: Any, segmentation_node: Any, node: Any) -> None:
    """After loading a scene, which may change ids: the folder that holds `node` is that of the segmentation."""
    hierarchy = scene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    parent = hierarchy.GetItemParent(item) if item else 0
    if parent and hierarchy.HasItemAttribute(parent, FOLDER):
        hierarchy.SetItemAttribute(parent, FOLDER, segmentation_node.GetID())


def remove_empty_folder(scene: Any, segmentation_node: Any) -> None:
    """Remove the folder unless somebody has put something else into it."""
    hierarchy = scene.GetSubjectHierarchyNode()
    folder = find_folder(scene, segmentation_node)
    if folder and hierarchy.GetNumberOfItemChildren(folder) == 0:
        hierarchy.RemoveItem(folder)


def _folders(hierarchy: Any) -> list[tuple[int, str]]:
    """All folders of prompts, each with the id of its segmentation."""
    items = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    found = [items.GetId(number) for number in range(items.GetNumberOfIds())]
    return [
        (item, hierarchy.GetItemAttribute(item, FOLDER)) for item in found if hierarchy.HasItemAttribute(item, FOLDER)
    ]


_MARKUPS = slicer.vtkMRMLMarkupsNode

TOUCHING = (
    _MARKUPS.PointModifiedEvent,
    _MARKUPS.PointPositionDefinedEvent,
    _MARKUPS.PointPositionUndefinedEvent,
    _MARKUPS.PointRemovedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)


class MarkupsObserver:
    """Observes markups nodes. A node that is being dragged counts as touched once it has been let go."""

    def __init__(self) -> None:
        self._tags: dict[Any, list[int]] = {}
        self._touched: dict[Any, None] = {}  # a set that keeps its order
        self._dragged: set[Any] = set()
        self._quiet = 0

    def add(self, node: Any) -> None:
        """Observe a node."""
        reactions = [(_MARKUPS.PointStartInteractionEvent, MarkupsObserver._started)]
        reactions += [(_MARKUPS.PointEndInteractionEvent, MarkupsObserver._ended)]
        reactions += [(event, MarkupsObserver._noticed) for event in TOUCHING]
        self._tags[node] = [node.AddObserver(event, self._calling(reaction)) for event, reaction in reactions]

    def _calling(self, reaction: Callable[["MarkupsObserver", Any], None]) -> Callable[[Any, str], None]:
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

    def mark_modified(self, node: Any) -> None:
        """Note a node as if the user had touched it."""
        self._touched[node] = None

    def is_modified(self, node: Any) -> bool:
        """Whether the user has touched a node since `pop_modified`, or is dragging it."""
        return node in self._touched or node in self._dragged

    def pop_modified(self) -> list[Any]:
        """The nodes that the user has touched and let go, each of them once."""
        taken = [node for node in self._touched if node not in self._dragged]
        for node in taken:
            del self._touched[node]
        return taken

    @contextmanager
    def blocked(self) -> Iterator[None]:
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


ROLE = "GliomaSAM.prompts"
"""Role of the node references from the segmentation to its markups."""

Drawing = tuple[str, tuple[tuple[float, float, float], ...]]
"""Kind and outline of a markups node."""


class PromptNodes:
    """Owns the markups nodes that hold the prompts of one segmentation. Main thread only.

    Events of the nodes only leave a note; `collect` compares the nodes with the prompts and tells the session what
    the user placed, dragged or deleted, so that nothing is changed from inside an event and no change echoes.

    Args:
        scene: The scene.
        segmentation_node: Whose prompts; refers to the nodes in the role `ROLE`, so that they are found again in a
            saved scene.
        session: Owns the prompts; not kept alive by this.
        tell_error: Tells the user why a prompt was refused.
    """

    def __init__(
        self, scene: Any, segmentation_node: Any, session: Session, tell_error: Callable[[Exception], None]
    ) -> None:
        self._scene = scene
        self._segmentation_node = segmentation_node
        self._session: Session = weakref.proxy(session)
        self._tell_error = tell_error
        self._watch = MarkupsObserver()
        self._held: dict[Any, set[str]] = {}
        self._drawings: dict[tuple[object, ...], Drawing] = {}
        self._reading = False
        self._unsynced = False
        self._visible = True
        for number in range(segmentation_node.GetNumberOfNodeReferences(ROLE)):
            node = segmentation_node.GetNthNodeReference(ROLE, number)
            if markups.is_ours(node) and node not in self._held:
                self._adopt(node)

    @property
    def nodes(self) -> tuple[Any, ...]:
        """The markups nodes that there are."""
        return tuple(node for node in self._held if node.GetScene() is not None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about how the nodes are understood."""
        turned = any(
            self._held[node] and markups.is_turned(node) and not markups.is_tilted(node) for node in self.nodes
        )
        return ("a box that is turned counts as the upright box round it",) if turned else ()

    def node_for(self, kind: str, positive: bool = True, region: str = "WT") -> Any:
        """The node into which the user's next prompt is to be placed.

        Args:
            kind: "point", "box2d", "box", "scribble" or "lasso". Points of one meaning share a node; of the others
                each is one, and a new one is made unless one is still empty.
            positive: Inside or outside; a box is always inside.
            region: WT, TC or ET.

        Raises:
            PromptError: There is no such kind or region.
        """
        wanted = (kind, positive or kind.startswith("box"), region)
        for node in self.nodes:
            if markups.meaning(node) == wanted and (kind == "point" or not node.GetNumberOfControlPoints()):
                return node
        return self._create(*wanted)

    def show(self, visible: bool) -> None:
        """Show the prompts in the views, or hide them (when the module is left)."""
        self._visible = visible
        for node in self.nodes:
            if node.GetDisplayNode() is not None:
                node.GetDisplayNode().SetVisibility(visible)

    def release(self) -> None:
        """Observe nothing any more; the nodes stay."""
        for node in list(self._held):
            self._forget(node)

    def delete(self) -> None:
        """Remove the nodes and their folder from the scene."""
        nodes = self.nodes
        self.release()
        for node in nodes:
            self._scene.RemoveNode(node)
        remove_empty_folder(self._scene, self._segmentation_node)

    # from the views to the prompts

    def collect(self) -> None:
        """Tell the session what the user has done to the nodes since the last call."""
        if self._reading or self._segmentation_node.GetScene() is None:
            return
        self._reading = True
        try:
            for node in [node for node in self._held if node.GetScene() is None]:
                held = self._held[node]
                self._forget(node)
                self._tell(partial(self._remove, held))
            for node in self._watch.pop_modified():
                self._tell(partial(self._read, node))
        finally:
            self._reading = False
        if self._unsynced:
            self.sync(self._session.prompts, self._session.earlier)

    def _tell(self, what: Callable[[], object]) -> None:
        """Tell the session something; what it refuses goes back to what the prompts say."""
        try:
            what()
        except GliomaSAMError as error:
            self._tell_error(error)
            self._unsynced = True

    def _remove(self, ids: set[str]) -> None:
        gone = [prompt for prompt in self._all() if prompt.id in ids]
        if gone:
            self._session.remove(*gone)

    def _all(self) -> tuple[Prompt, ...]:
        return *self._session.prompts, *self._session.earlier

    def _read(self, node: Any) -> None:
        if markups.meaning(node)[0] == "point":
            self._read_points(node)
        elif markups.is_finished(node):
            self._read_drawing(node)
        elif not node.GetNumberOfControlPoints():
            self._remove(self._held[node])
        elif self._held[node] or markups.is_placing(node):
            self._watch.mark_modified(node)  # not finished: look again
        else:
            self._discard(node)  # left unfinished

    def _read_points(self, node: Any) -> None:
        _, positive, region = markups.meaning(node)
        known = {prompt.id: prompt for prompt in self._all() if prompt.kind == "point"}
        earlier = {prompt.id for prompt in self._session.earlier}
        held, self._held[node] = self._held[node], set()
        own = self._held[node]
        for index, prompt_id, ras in list(markups.defined_points(node)):
            if prompt_id in known and prompt_id not in own:
                own.add(prompt_id)
                if not markups.differs([ras], known[prompt_id].points):
                    continue
                if prompt_id in earlier:
                    self._unsynced = True  # back to where it was, whoever moved it
                else:
                    moved = point(ras, positive, region, prompt_id=prompt_id)
                    self._tell(partial(self._session.replace, moved))
            else:
                self._tell(partial(self._add_point, node, index, point(ras, positive, region)))
        self._remove(held - own)

    def _add_point(self, node: Any, index: int, prompt: Prompt) -> None:
        added = self._session.add(prompt)
        self._held[node].add(added.id)
        with self._watch.blocked():
            node.SetNthControlPointDescription(index, added.id)

    def _read_drawing(self, node: Any) -> None:
        held = self._held[node]
        if any(prompt.id in held for prompt in self._session.earlier):
            self._unsynced = True  # back to what it was, whoever changed it
            return
        known = next((prompt for prompt in self._session.prompts if prompt.id in held), None)
        if known is None and markups.meaning(node)[0] == "box2d":
            with self._watch.blocked():
                markups.flatten(node)
        try:
            if known is None:
                prompt = self._session.add(markups.drawn_prompt(node))
            elif _same(self._drawing(known), markups.drawing(node)):
                return
            else:
                prompt = self._session.replace(markups.drawn_prompt(node, known.id))
        except GliomaSAMError:
            if known is None:
                self._discard(node)
            raise
        self._drawings[_key(prompt)] = markups.drawing(node)
        held.add(prompt.id)
        node.SetAttribute(markups.PROMPT, prompt.id)

    # from the prompts to the views

    def sync(self, prompts: Sequence[Prompt], earlier: Sequence[Prompt] = ()) -> None:
        """Make the nodes show these prompts, and those of `earlier` dimmed and locked. What the user has just placed
        and `collect` has not read stays.
        """
        if self._reading:
            self._unsynced = True  # once everything has been read
            return
        self._unsynced = False
        if self._segmentation_node.GetScene() is None:
            return
        with self._watch.blocked():
            dimmed = {prompt.id for prompt in earlier}
            points = [prompt for prompt in (*prompts, *earlier) if prompt.kind == "point"]
            drawn = [prompt for prompt in (*prompts, *earlier) if prompt.kind in ("box", "scribble")]
            for positive, region in {(prompt.positive, prompt.region) for prompt in points}:
                self.node_for("point", positive, region)
            for node in self.nodes:
                kind, positive, region = markups.meaning(node)
                if kind == "point":
                    own = [prompt for prompt in points if (prompt.positive, prompt.region) == (positive, region)]
                    self._write_points(node, own)
                    for index, prompt_id, _ in markups.defined_points(node):
                        markups.dim_point(node, index, prompt_id in dimmed)
                elif self._held[node] and not any(prompt.id in self._held[node] for prompt in drawn):
                    self._discard(node)
            for prompt in drawn:
                markups.dim_node(self._write_drawing(prompt), prompt.id in dimmed)

    def _write_points(self, node: Any, prompts: Sequence[Prompt]) -> None:
        wanted = {prompt.id: prompt for prompt in prompts}
        unread = self._watch.is_modified(node)
        own: set[str] = set()
        for index, prompt_id, ras in reversed(list(markups.defined_points(node))):
            if prompt_id in wanted and prompt_id not in own:
                own.add(prompt_id)
                if markups.differs([ras], wanted[prompt_id].points) and not unread:
                    node.SetNthControlPointPositionWorld(index, list(wanted[prompt_id].points[0]))
            elif not (unread and prompt_id not in self._held[node]):
                node.RemoveNthControlPoint(index)
        for prompt in prompts:
            if prompt.id not in own and not (unread and prompt.id in self._held[node]):
                index = node.AddControlPointWorld(list(prompt.points[0]))
                node.SetNthControlPointDescription(index, prompt.id)
        self._held[node] = set(wanted)

    def _write_drawing(self, prompt: Prompt) -> Any:
        """Give a prompt its node, and return it."""
        node = next((node for node in self.nodes if prompt.id in self._held[node]), None)
        if node is not None and markups.meaning(node)[0] == "lasso":  # of a scene loaded
            self._drawings.setdefault(_key(prompt), markups.drawing(node))
        kind, outline = drawing = self._drawing(prompt)
        if node is None:
            node = self._create(kind, prompt.positive, prompt.region)
            node.SetAttribute(markups.PROMPT, prompt.id)
            self._held[node].add(prompt.id)
        if not self._watch.is_modified(node) and not _same(drawing, markups.drawing(node)):
            markups.draw(node, outline)
        return node

    def _drawing(self, prompt: Prompt) -> Drawing:
        """What was drawn for a prompt: of a lasso the line round it, not the scribble that fills it."""
        kind = "box2d" if prompt.kind == "box" and len(prompt.points) > 2 else prompt.kind
        return self._drawings.get(_key(prompt), (kind, prompt.points))

    # nodes

    def _create(self, kind: str, positive: bool, region: str) -> Any:
        node = markups.create_node(self._scene, kind, positive, region)
        self._segmentation_node.AddNodeReferenceID(ROLE, node.GetID())
        into_folder(self._scene, self._segmentation_node, node)
        node.GetDisplayNode().SetVisibility(self._visible)
        self._held[node] = set()
        self._watch.add(node)
        return node

    def _adopt(self, node: Any) -> None:
        """Take up a node of a scene that was loaded."""
        keep_folder(self._scene, self._segmentation_node, node)
        if markups.meaning(node)[0] == "point":
            self._held[node] = {prompt_id for _, prompt_id, _ in markups.defined_points(node) if prompt_id}
        else:
            prompt_id = node.GetAttribute(markups.PROMPT)
            self._held[node] = {prompt_id} if prompt_id else set()
        self._watch.add(node)

    def _discard(self, node: Any) -> None:
        self._forget(node)
        self._scene.RemoveNode(node)

    def _forget(self, node: Any) -> None:
        self._watch.remove(node)
        del self._held[node]


def _key(prompt: Prompt) -> tuple[object, ...]:
    return prompt.id, prompt.points


def _same(drawing: Drawing, other: Drawing) -> bool:
    return drawing[0].startswith("box") == other[0].startswith("box") and not markups.differs(drawing[1], other[1])
