"""Where the dialogs for files of results open, and which names they propose."""

from pathlib import Path

import qt
import slicer


class SavePlace:
    """Remembers for this session of Slicer where the user saved last."""

    def __init__(self):
        self._last = None

    def saved(self, path):
        """The user saved there."""
        self._last = path.parent

    def propose(self, task, suffix):
        """The path to propose for a file of a task's results: in the folder where the user saved last, else beside the
        file of the reference volume, else among the user's documents; called like the segmentation, but never like a
        file that the task's volumes were read from.
        """
        name = proposedName(task, suffix)
        folders = [self._last, besideVolume(task), documents()]
        return next((folder / name for folder in folders if folder and canBeSaved(folder / name)), Path.home() / name)


def proposedName(task, suffix):
    """The name of a task's segmentation, as one of a file that is none of those its volumes were read from."""
    from GliomaSAMLib.errors import OutputError
    from GliomaSAMLib.files import safe_name
    from GliomaSAMLib.output.overwriting import refuse_inputs
    from GliomaSAMLib.slicer.volumes import files_of

    inputs = {name: files_of(node) for name, node in task.volume_nodes.items()}
    folders = {file.parent for files in inputs.values() for file in files}
    name = safe_name(task.node.GetName(), "Glioma")
    while True:
        try:
            refuse_inputs([folder / (name + suffix) for folder in folders], inputs)
            return name + suffix
        except OutputError:
            name += " Glioma"


def canBeSaved(path):
    """Whether the user may write a file."""
    from GliomaSAMLib.errors import OutputError
    from GliomaSAMLib.output.segmentation import check_output_path

    try:
        check_output_path(path, None)
    except OutputError:
        return False
    return True


def besideVolume(task):
    """The folder of the file of a task's reference volume; None where it has no file, or Slicer keeps the folder for
    itself.
    """
    from GliomaSAMLib.slicer.examinations import reference_volume
    from GliomaSAMLib.slicer.volumes import files_of

    volume = reference_volume(task.volume_nodes)
    folder = next((file.parent.resolve() for file in files_of(volume)), None) if volume is not None else None
    own = slicerFolders()
    return None if folder is None or any(one in (folder, *folder.parents) for one in own) else folder


def slicerFolders():
    """The folders that Slicer keeps for itself: of temporary files, of downloads and of its DICOM database."""
    cache = slicer.mrmlScene.GetCacheManager()
    database = getattr(slicer, "dicomDatabase", None)
    names = [
        slicer.app.temporaryPath,
        cache.GetRemoteCacheDirectory() if cache is not None else "",
        getattr(database, "databaseDirectory", ""),
    ]
    return [Path(name).resolve() for name in names if name]


def documents():
    """The user's folder of documents."""
    return Path(qt.QStandardPaths.writableLocation(qt.QStandardPaths.DocumentsLocation) or Path.home())
