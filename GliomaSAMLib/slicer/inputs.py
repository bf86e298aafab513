"""The volume nodes that the user chose, and a copy of their voxels for the worker."""

from collections.abc import Mapping
from typing import Any

from ..errors import StudyError
from .volume_copy import VolumeCopy
from .volumes import check_volume_node, one_volume_each, volume_fingerprint


class Inputs:
    """One choice of volumes. The voxels are copied a piece a call, so that the panel stays fluent.

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
        self.copies: dict[str, VolumeCopy] = {}
        one_volume_each(self.nodes)
        for modality, node in self.nodes.items():
            check_volume_node(node, modality)
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
