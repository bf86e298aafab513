"""Volume nodes in: which can be used, the user's choice of them, and a copy of their voxels for the worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..geometry import LPS_FROM_RAS, Geometry
from .geometry import (
    covering_grid,
    image_array,
    image_start,
    local_to_world,
    perpendicular_grid,
    shifted,
    volume_matrix,
)
from .modality_detection import DetectedVolume, guess_volumes
from .patients import check_one_patient

__all__ = [
    "DetectedVolume",
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
        raise StudyError(f"No volume is chosen for {modality}: choose one, or leave {modality} out")
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


def files_of(node: Any) -> tuple[Path, ...]:
    """The files that a node was read from, none for one that was made in the scene."""
    storage = node.GetStorageNode()
    if storage is None:
        return ()
    names = [storage.GetFileName(), *(storage.GetNthFileName(n) for n in range(storage.GetNumberOfFileNames()))]
    return tuple(Path(name) for name in names if name)


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


PIECE_BYTES = 8_000_000
"""About what is copied at a time, in some milliseconds."""


class VolumeCopy:
    """The voxels of a volume and their places in the world, taken on the main thread; `image` is for any thread.

    Args:
        volume_node: A node that `check_volume_node` lets pass. It is not held.

    Raises:
        StudyError: A transform above it is not linear.
    """

    def __init__(self, volume_node: Any) -> None:
        image = volume_node.GetImageData()
        array = image_array(image)
        self._matrix = shifted(volume_matrix(volume_node), image_start(image))
        self._voxels = np.empty(array.shape, array.dtype)
        self._slices = 0

    @property
    def done(self) -> bool:
        """Whether all has been copied."""
        return self._slices == len(self._voxels)

    def copy_piece(self, volume_node: Any) -> None:
        """Copy some slices more of the node, which must not have changed in between."""
        array = image_array(volume_node.GetImageData())  # anew each time: VTK may have moved the voxels elsewhere
        stop = min(self._slices + max(1, PIECE_BYTES // max(1, array[:1].nbytes)), len(self._voxels))
        self._voxels[self._slices : stop] = array[self._slices : stop]
        self._slices = stop

    def image(self) -> sitk.Image:
        """The volume in the world, in SimpleITK's coordinates (LPS mm).

        Moving, turning, mirroring and stretching go into the geometry, without resampling; voxels whose axes are not
        perpendicular in the world are resampled linearly at their finest spacing, with the lowest value around.
        """
        size = self._voxels.shape[::-1]
        geometry = perpendicular_grid(self._matrix, size)
        if geometry is not None:
            return geometry.to_image(self._voxels)
        return _resampled(self._voxels, self._matrix, covering_grid(self._matrix, size))


def _resampled(array: np.ndarray, matrix: np.ndarray, grid: Geometry) -> sitk.Image:
    to_index = np.linalg.inv(matrix)
    points_to_index = sitk.AffineTransform(3)
    points_to_index.SetMatrix((to_index[:3, :3] @ LPS_FROM_RAS).ravel().tolist())
    points_to_index.SetTranslation(to_index[:3, 3].tolist())
    frame = grid.to_image(np.zeros(grid.shape, np.uint8))
    image = sitk.GetImageFromArray(array)  # its coordinates are voxel indices
    return sitk.Resample(image, frame, points_to_index, sitk.sitkLinear, float(array.min()), image.GetPixelID())


class Inputs:
    """One choice of volumes. The voxels are copied a piece a call, so that the panel stays fluent.

    Args:
        nodes: For each modality a volume node; None where there is none.
        register, skull, same_patient: As for `Study.read`.

    Raises:
        StudyError: A node cannot be used, or is chosen twice, or they are of different patients; nothing is copied.
    """

    def __init__(
        self, nodes: Mapping[str, Any], register: bool = False, skull: str = "auto", same_patient: bool = False
    ) -> None:
        self.nodes = {modality: node for modality, node in nodes.items() if node is not None}
        self.register = register
        self.skull = skull
        self.same_patient = same_patient
        self.copies: dict[str, VolumeCopy] = {}
        one_volume_each(self.nodes)
        for modality, node in self.nodes.items():
            check_volume_node(node, modality)
        self.doubts = tuple(check_one_patient(self.nodes, same_patient))
        """What speaks against the volumes being of one patient, for the user to read."""
        self._prints = {modality: self._print(node) for modality, node in self.nodes.items()}

    @property
    def copied(self) -> bool:
        """Whether every volume has been copied."""
        return len(self.copies) == len(self.nodes) and all(copy.done for copy in self.copies.values())

    def copy_next(self) -> None:
        """Copy a piece more; a volume that has changed since its first is begun anew. Raises `StudyError` when it
        cannot be.
        """
        for modality, node in self.nodes.items():
            copy = self.copies.get(modality)
            if copy is not None and copy.done:
                continue
            if copy is None or self._print(node) != self._prints[modality]:
                check_volume_node(node, modality)
                self._prints[modality] = self._print(node)
                copy = self.copies[modality] = VolumeCopy(node)
            copy.copy_piece(node)
            return

    def release(self) -> None:
        """Forget the copies once the study has been read."""
        self.copies = {}

    @property
    def options(self) -> dict[str, Any]:
        """What was chosen beside the nodes."""
        return {"register": self.register, "skull": self.skull, "same_patient": self.same_patient}

    def same(self, nodes: Mapping[str, Any], **options: Any) -> bool:
        """Whether this is the same choice, and nothing in the volumes has changed since."""
        chosen = {modality: node for modality, node in nodes.items() if node is not None}
        return (
            self.nodes.keys() == chosen.keys()
            and all(self.nodes[modality] is node for modality, node in chosen.items())
            and self.options == options
            and not self.gone()
            and not self.changed()
        )

    def gone(self) -> tuple[str, ...]:
        """Modalities whose node has left the scene."""
        return tuple(modality for modality, node in self.nodes.items() if node.GetScene() is None)

    def changed(self) -> tuple[str, ...]:
        """Modalities whose voxels, geometry or transform are not those that were copied."""
        return tuple(modality for modality, node in self.nodes.items() if self._print(node) != self._prints[modality])

    @staticmethod
    def _print(node: Any) -> str:
        try:
            return volume_fingerprint(node)
        except StudyError as error:  # a transform was put above it that cannot be used
            return str(error)
