"""Reading and writing of nodes and scenes through the real logics, behind the interface that `slicer.util` asks for.

Stands for `qSlicerCoreIOManager`: `loadVolume`, `loadSegmentation`, `loadMarkups`, `loadTransform`, `loadScene`,
`saveScene` and `saveNode` of `slicer.util` work. Does not prove: the choice of a reader among several, options of the
Add Data dialog, DICOM.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import slicer

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
LABEL_MAP_OPTION = 1
"""The bit of the volumes logic that asks for a label map."""


class CoreIOManager:
    """Loads and saves by type of file, as the application's manager does."""

    def __init__(self) -> None:
        self._readers: dict[str, Callable[[str, Mapping[str, Any]], Any]] = {
            "VolumeFile": load_volume,
            "SegmentationFile": load_segmentation,
            "MarkupsFile": load_markups,
            "TransformFile": load_transform,
            "SceneFile": load_scene,
        }

    def fileType(self, path: str) -> str:
        """The type of a file by the end of its name."""
        name = str(path).lower()
        endings = {
            "SegmentationFile": (".seg.nrrd", ".seg.nhdr"),
            "SceneFile": (".mrb", ".mrml"),
            "MarkupsFile": (".mrk.json", ".fcsv"),
            "TransformFile": (".h5", ".tfm"),
            "VolumeFile": VOLUME_SUFFIXES,
        }
        return next((kind for kind, ends in endings.items() if name.endswith(ends)), "NoFile")

    def loadNodes(self, kind: str, properties: Mapping[str, Any], loaded: Any = None, messages: Any = None) -> bool:
        """Load a file; the node is added to the collection `loaded`. Whether it worked."""
        path = str(properties["fileName"])
        if kind not in self._readers or not Path(path).exists():
            return False
        node = self._readers[kind](path, properties)
        if node is not None and loaded is not None and kind != "SceneFile":
            loaded.AddItem(node)
        return bool(node)

    def fileWriterFileType(self, node: Any) -> str:
        return "NodeFile"

    def saveNodes(self, kind: str, properties: Mapping[str, Any], messages: Any = None) -> bool:
        """Save the scene (.mrb, .mrml or a folder), or a node through its storage node. Whether it worked."""
        path = str(properties["fileName"])
        if kind == "SceneFile":
            return save_scene(path)
        node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        if storage is None:
            return False
        storage.SetFileName(path)
        return bool(storage.WriteData(node))


def load_volume(path: str, properties: Mapping[str, Any]) -> Any:
    name = properties.get("name") or Path(path).name.split(".")[0]
    option = LABEL_MAP_OPTION if properties.get("labelmap") else 0
    return slicer.app.applicationLogic().GetModuleLogic("Volumes").AddArchetypeVolume(path, name, option)


def load_segmentation(path: str, properties: Mapping[str, Any]) -> Any:
    logic = slicer.app.applicationLogic().GetModuleLogic("Segmentations")
    name = properties.get("name") or Path(path).name.split(".")[0]
    return logic.LoadSegmentationFromFile(path, True, name)


def load_markups(path: str, properties: Mapping[str, Any]) -> Any:
    logic = slicer.app.applicationLogic().GetModuleLogic("Markups")
    name = properties.get("name") or Path(path).name.split(".")[0]
    return slicer.mrmlScene.GetNodeByID(logic.LoadMarkups(path, name))


def load_transform(path: str, properties: Mapping[str, Any]) -> Any:
    return slicer.app.applicationLogic().GetModuleLogic("Transforms").AddTransform(path, slicer.mrmlScene)


def load_scene(path: str, properties: Mapping[str, Any]) -> bool:
    """Replace the scene by that of a file, or add to it when the property `clear` is false."""
    scene = slicer.mrmlScene
    clear = bool(properties.get("clear", True))
    if path.lower().endswith(".mrb"):
        return bool(scene.ReadFromMRB(path, clear))
    scene.SetURL(path)
    return bool(scene.Connect() if clear else scene.Import())


def save_scene(path: str) -> bool:
    scene = slicer.mrmlScene
    if path.lower().endswith(".mrb"):
        return bool(scene.WriteToMRB(path))
    if path.lower().endswith(".mrml"):
        scene.SetURL(path)
        return bool(scene.Commit(path))
    return bool(scene.SaveSceneToSlicerDataBundleDirectory(path))
