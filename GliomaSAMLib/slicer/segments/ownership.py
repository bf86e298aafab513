"""Which segments of a segmentation node were made for it, as against copies of another's or of its own."""

import uuid
from typing import Any

import vtk

from ...data.segment_names import part_of

OWNER_TAG = "GliomaSAM.owner"
"""Tag of a segment that GliomaSAM made: the identity of its node and its own id. A copy keeps the tag, and so tells
that it is one."""

WHOLE_TUMOURS = ({"WT", "TC", "ET"}, {"ED", "NC", "ET"})
"""What together tells a tumour: its regions in each other, or its parts side by side."""

IDENTITY = "GliomaSAM.id"
"""Attribute of a segmentation node that no other node has, and that is saved with the scene."""


def segment_tag(segment: Any, name: str) -> str:
    """The value of a segment's tag, empty where it has none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def identify(segmentation_node: Any) -> str:
    """The identity of a node, which it is given where it has none."""
    if not segmentation_node.GetAttribute(IDENTITY):
        segmentation_node.SetAttribute(IDENTITY, uuid.uuid4().hex)
    return str(segmentation_node.GetAttribute(IDENTITY))


def take(segmentation_node: Any, segment_id: str) -> None:
    """Mark a segment as one that was made for the node."""
    owner = f"{identify(segmentation_node)}/{segment_id}"
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    if segment_tag(segment, OWNER_TAG) != owner:
        segment.SetTag(OWNER_TAG, owner)


def is_own(segmentation_node: Any, segment_id: str) -> bool:
    """Whether a segment was made for the node. A node without an identity was read from a file, or written by a version
    that gave none: what it holds is its own, but for copies of segments of a node that is in the scene.
    """
    owner = segment_tag(segmentation_node.GetSegmentation().GetSegment(segment_id), OWNER_TAG)
    identity = segmentation_node.GetAttribute(IDENTITY)
    if identity:
        return owner == f"{identity}/{segment_id}"
    if not owner:
        return True
    maker, _, own_id = owner.partition("/")
    return own_id == segment_id and maker not in _identities(segmentation_node.GetScene())


def own_segments(segmentation_node: Any, kind_tag: str) -> dict[str, str]:
    """By kind the id of the first of a node's own segments of that kind, see `_own_kinds`."""
    firsts: dict[str, str] = {}
    for segment_id, kind in _own_kinds(segmentation_node, kind_tag).items():
        firsts.setdefault(kind, segment_id)
    return firsts


def settle(segmentation_node: Any, kind_tag: str) -> None:
    """Give a node an identity where it has none, and mark of its own segments the first of each kind, with the tag of
    this name where only their names told it.
    """
    if segmentation_node.GetAttribute(IDENTITY):
        return
    firsts = own_segments(segmentation_node, kind_tag)
    identify(segmentation_node)
    for kind, segment_id in firsts.items():
        segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
        if not segment_tag(segment, kind_tag):
            segment.SetTag(kind_tag, kind)
        take(segmentation_node, segment_id)


def _own_kinds(segmentation_node: Any, kind_tag: str) -> dict[str, str]:
    """By the ids of a node's own segments their kinds, which the tag of this name tells. In a node read from a file
    without such a tag, as the command line writes it, ids and names tell them, where they tell a whole tumour: a lone
    segment called tumour may be anybody's.
    """
    segmentation = segmentation_node.GetSegmentation()
    ids = [str(segment_id) for segment_id in segmentation.GetSegmentIDs()]
    tagged = {name: segment_tag(segmentation.GetSegment(name), kind_tag) for name in ids}
    if segmentation_node.GetAttribute(IDENTITY) or any(tagged.values()):
        return {name: kind for name, kind in tagged.items() if kind and is_own(segmentation_node, name)}
    spoken = {name: part_of(name) or part_of(segmentation.GetSegment(name).GetName()) for name in ids}
    named = {name: part for name, part in spoken.items() if part is not None}
    return named if any(whole <= set(named.values()) for whole in WHOLE_TUMOURS) else {}


def _identities(scene: Any) -> set[str]:
    """The identities of all segmentation nodes of a scene."""
    nodes = scene.GetNodesByClass("vtkMRMLSegmentationNode") if scene is not None else None
    if nodes is None:
        return set()
    nodes.UnRegister(None)
    return {str(nodes.GetItemAsObject(index).GetAttribute(IDENTITY)) for index in range(nodes.GetNumberOfItems())}
