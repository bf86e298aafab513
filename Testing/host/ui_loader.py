"""Loading of .ui files with stand-ins for the widgets of Slicer and CTK.

Does not prove: that the application's own loader takes the file (a property that only the real widget has is set here
as a dynamic property, unseen), nor how it looks.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from .pythonqt import STAND_INS, find_signal


class QUiLoader(QtUiTools.QUiLoader):
    """Stands for `qt.QUiLoader`. Connections of the file are made here: VTK objects do not cross PySide6's signals."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        for kind in STAND_INS.values():
            self.registerCustomWidget(kind)

    def load(self, file: Any, parent: Any = None) -> Any:
        """The top widget of a .ui file.

        Raises:
            ValueError: a widget's class is unknown here, or a connection names what is not there.
        """
        path = Path(file.fileName())
        root = ElementTree.parse(path).getroot()
        check_classes(root, path)
        connections = root.findall("./connections/connection")
        for section in root.findall("connections"):
            root.remove(section)
        buffer = QtCore.QBuffer()
        buffer.setData(QtCore.QByteArray(ElementTree.tostring(root)))
        buffer.open(QtCore.QIODevice.ReadOnly)
        widget = super().load(buffer, parent)
        by_name = {child.objectName: child for child in [widget, *widget.findChildren(QtCore.QObject)]}
        for connection in connections:
            connect(by_name, connection, path)
        return widget


def check_classes(root: ElementTree.Element, path: Path) -> None:
    unknown = {
        str(widget.get("class"))
        for widget in root.iter("widget")
        if widget.get("class") not in STAND_INS and not hasattr(QtWidgets, str(widget.get("class")))
    }
    if unknown:
        raise ValueError(f"{path.name}: the host has no stand-in for {', '.join(sorted(unknown))}")


def connect(by_name: dict[str, Any], connection: ElementTree.Element, path: Path) -> None:
    sender, signature, receiver, slot = (
        str(connection.findtext(tag)) for tag in ("sender", "signal", "receiver", "slot")
    )
    if sender not in by_name or receiver not in by_name:
        raise ValueError(f"{path.name}: a connection from {sender} to {receiver}, of which one is not in the file")
    signal, _ = find_signal(by_name[sender], signature)
    signal.connect(getattr(by_name[receiver], slot.partition("(")[0]))
