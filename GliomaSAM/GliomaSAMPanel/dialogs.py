"""Questions for a file or a folder, in one place, so that a test can answer them."""

import qt
import slicer


def openFile(title, pattern):
    """The path of a file to read, "" when the user thought better of it."""
    return first(qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", pattern))


def saveFile(title, path, pattern):
    """The path of a file to write, "" when the user thought better of it. The dialog opens in the folder of `path`, and
    proposes its name.
    """
    return first(qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, path, pattern))


def chooseFolder(title):
    """The path of a folder, "" when the user thought better of it."""
    return first(qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title))


def first(answer):
    """The path in what Qt returned; some versions give the chosen pattern as well."""
    return answer[0] if isinstance(answer, tuple) else answer
