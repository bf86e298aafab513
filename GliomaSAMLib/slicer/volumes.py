"""Volume nodes in: which can be used, and their voxels as SimpleITK images in world coordinates."""

from collections.abc import Mapping
from typing import Any

import SimpleITK as sitk

from ..errors import StudyError
from .geometry import local_to_world, perpendicular_grid, volume_matrix
from .guessing import Guess, guess_volumes
from .volume_copy import VolumeCopy

__all__ = [
    "Guess",
    "check_volume_node",
    "guess_volumes",
    "one_volume_each",
    "volume_fingerprint",
    "volume_image",
    "volume_notes",
]


def check_volume_node(volume_node: Any, modality: str) -> None:
    """Raise `StudyError`, saying what to do, where a node cannot be used as the volume of `modality`."""
    if volume_node is None:
        raise StudyError(f"no volume is chosen for {modality}: choose one, or leave {modality} out")
    name = volume_node.GetName()
    if volume_node.GetScene() is None:
        raise StudyError(f"{name}, chosen for {modality}, was removed from the scene: choose another volume")
    if volume_node.IsA("vtkMRMLSequenceNode"):
        raise StudyError(f"{name} is a time sequence: choose for {modality} the volume that shows one of its frames")
    if not volume_node.IsA("vtkMRMLScalarVolumeNode"):
        raise StudyError(f"{name} is no volume of grey values: choose an MR volume for {modality}")
    if volume_node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise StudyError(f"{name} is a label map, not an MR volume: choose an MR volume for {modality}")
    image = volume_node.GetImageData()
    if image is None or min(image.GetDimensions()) < 1 or image.GetPointData().GetScalars() is None:
        raise StudyError(f"{name} holds no voxels: load it again, or choose another volume for {modality}")
    if image.GetNumberOfScalarComponents() != 1 or volume_node.IsA("vtkMRMLVectorVolumeNode"):
        raise StudyError(
            f"{name} holds colours or vectors, not one grey value a voxel: choose an MR volume for {modality}"
        )
    local_to_world(volume_node)


def one_volume_each(volume_nodes: Mapping[str, Any]) -> None:
    """Raise `StudyError` where one node is chosen for two modalities. Values may be None."""
    taken: dict[str, str] = {}
    for modality, volume_node in volume_nodes.items():
        if volume_node is None:
            continue
        first = taken.setdefault(volume_node.GetID(), modality)
        if first != modality:
            raise StudyError(
                f"{volume_node.GetName()} is chosen for {first} and for {modality}: "
                "choose another volume for one of them, or leave it empty"
            )


def volume_notes(volume_node: Any, modality: str) -> tuple[str, ...]:
    """What the user should know about how a volume will be read: moved by a transform, a frame of a sequence."""
    notes = []
    transform_node = volume_node.GetParentTransformNode()
    if transform_node is not None:
        notes.append(f"{modality} is moved by the transform {transform_node.GetName()}")
    if perpendicular_grid(volume_matrix(volume_node), volume_node.GetImageData().GetDimensions()) is None:
        notes.append(f"{modality} has slanting axes and was resampled onto perpendicular ones")
    browser_node = _browser_of(volume_node)
    if browser_node is not None:
        number = browser_node.GetSelectedItemNumber() + 1
        notes.append(f"{modality} is a frame of a time sequence: only the frame shown, number {number}, is used")
    return tuple(notes)


def volume_image(volume_node: Any) -> sitk.Image:
    """A copy of a volume in the world, with the linear transforms above it applied: see `VolumeCopy.image`.

    Raises:
        StudyError: As `check_volume_node`.
    """
    check_volume_node(volume_node, "MR")
    copy = VolumeCopy(volume_node)
    while not copy.done:
        copy.copy_piece(volume_node)
    return copy.image()


def volume_fingerprint(volume_node: Any) -> str:
    """A text that changes when the node's voxels, geometry or the transform above change. Cheap; for this session."""
    image = volume_node.GetImageData()
    modified = image.GetMTime() if image is not None else 0
    place = ",".join(f"{value:.9g}" for value in volume_matrix(volume_node)[:3].ravel())
    return f"{volume_node.GetID()} {modified} {place}"


def _browser_of(volume_node: Any) -> Any:
    """The sequence browser that shows its frames in this node, or None."""
    scene = volume_node.GetScene()
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode")):
        browser_node = scene.GetNthNodeByClass(index, "vtkMRMLSequenceBrowserNode")
        if browser_node.IsProxyNodeID(volume_node.GetID()):
            return browser_node
    return None
