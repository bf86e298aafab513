"""The lint finds the traps of PythonQt, and lets good code pass."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("qt_host")

BAD = {
    "layout.addWidget(w, stretch=1)": "keyword",
    "b = qt.QPushButton(text='x')": "keyword",
    "dialog.exec()": "exec_",
    "s = qt.Signal(int)": "qt.Signal",
    "a = qt.Qt.AlignmentFlag.AlignLeft": "qt.Qt.AlignLeft",
    "box.connect('currentIndexChanged(QString)', f)": "gone in Qt 6",
    "_(f'{n} points')": "f-string",
}
GOOD = """import qt
b = qt.QPushButton('x')
layout.addWidget(b)
engine.submit(b, key=1)
_('{n}').format(n=qt.Qt.AlignLeft)
"""


@pytest.mark.parametrize("line", BAD)
def test_a_trap_is_found(tmp_path: Path, line: str) -> None:
    from host.lint import pythonqt_problems

    file = tmp_path / "bad.py"
    file.write_text(f"{GOOD}{line}\n")
    (problem,) = pythonqt_problems(file)
    assert problem.startswith("bad.py:6:") and BAD[line] in problem


def test_good_code_passes(tmp_path: Path) -> None:
    from host.lint import pythonqt_problems

    file = tmp_path / "good.py"
    file.write_text(GOOD)
    assert pythonqt_problems(file) == []


def test_what_is_not_bound_is_found(example: Any) -> None:
    from host.lint import unbound

    assert unbound(example.parameters, example.parent) == []
    example.ui.invertBox.setProperty("SlicerParameterName", "inverted")
    assert unbound(example.parameters, example.parent) == ["no widget for invert", "no field for inverted"]
