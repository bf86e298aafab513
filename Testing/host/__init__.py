"""A small Slicer for tests: the real core of 3D Slicer (package slicer-core) and stand-ins for its Qt layer.

What is real: MRML nodes and scene, storage, module logics, slice logics, displayable managers, interactor styles,
`slicer.util`. What is imitated: everything of Qt, CTK and the qMRML/qSlicer widgets, and Slicer's own Python files that
are not on PyPI (scripted modules, parameter nodes, translations, packaging, sample data). Each stand-in says what it
does not prove. A test that passes here shows that the module works on Slicer's core, not that it has run inside the
application.

The folder `Testing` is on the path of the tests, so that they import `host.core`, `host.window` and so on. Everything
but `core`, `files`, `hierarchy` and `views` needs Qt, and runs in a process of its own.
"""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "2")  # enumerations are integers in PythonQt; read at its import
