"""The volume nodes that the user chose, and a copy of their voxels for the worker."""

from collections.abc import Mapping
from typing import Any

from ..errors import StudyError
from .volumes import check_volume_node, one_volume_each, volume_fingerprint, volume_image


class Inputs:
    """One choice of volumes. The voxels are copied one volume a call, so that the panel stays fluent.

    Args:
        nodes: For each modality a volume node; None where there is none.
        register, skull: As for `Study.read`.

    Raises:
        StudyError: A node cannot be used, or is chosen twice; nothing is copied.
    """

    def __init__(self, nodes: Mapping[str, Any], register: bool = False, skull: str = "auto") -> None:
        self.nodes = {modality: node for modality, node in nodes.items() if node is not None}
        self.register = register
        self.skull = skull
        self.images: dict[str, Any] = {}
        one_volume_each(self.nodes)
        for modality, node in self.nodes.items():
            check_volume_node(node, modality)
        self._prints = {modality: self._print(node) for modality, node in self.nodes.items()}

    @property
    def copied(self) -> bool:
        """Whether every volume has been copied."""
        return len(self.images) == len(self.nodes)

    def copy_next(self) -> None:
        """Copy one volume more. Raises `StudyError` when it cannot be."""
        for modality, node in self.nodes.items():
            if modality not in self.images:
                self.images[modality] = volume_image(node)
                return

    def release(self) -> None:
        """Forget the copies once the study has been read."""
        self.images = {}

    def same(self, nodes: Mapping[str, Any], register: bool, skull: str) -> bool:
        """Whether this is the same choice, and nothing in the volumes has changed since."""
        chosen = {modality: node for modality, node in nodes.items() if node is not None}
        return (
            self.nodes.keys() == chosen.keys()
            and all(self.nodes[modality] is node for modality, node in chosen.items())
            and (self.register, self.skull) == (register, skull)
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
