"""Lint of the panel's .ui file and of what the module's files import."""

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

NOT_BOUND = {
    "lesionSelector": "lists segments",
    "modelSelector": "lists models",
    "deviceSelector": "lists devices",
    "roleSelector": "of the visit that is chosen",
    "radiotherapyEdit": "of the visit that is judged",
    "steroidsSelector": "of the visit that is judged",
    "clinicalSelector": "of the visit that is judged",
    "outsideSelector": "of the visit that is judged",
    "pathologySelector": "of the visit that is judged",
    "surgerySelector": "of the visit that is judged",
    "hoursSpinBox": "of the visit that is judged",
    "doseSpinBox": "of the visit that is judged",
    "doseBeforeSpinBox": "of the visit before",
}
"""Controls that keep what the user chooses and are not bound by name, with the reason; they write the parameters."""
WITHOUT_SCENE = {"show3DButton"}
"""Widgets of Slicer that take a node and know no scene."""
AT_FILE_SCOPE = {"slicer", "vtk", "numpy", "SimpleITK", "qt", "ctk", "GliomaSAMPanel"}
CONTROLS = ("QCheckBox", "QComboBox", "QSpinBox", "QDoubleSpinBox", "QLineEdit", "QSlider", "qMRMLNodeComboBox")


@pytest.fixture
def ui_file(project: Path) -> ElementTree.Element:
    return ElementTree.parse(project / "GliomaSAM" / "Resources" / "UI" / "GliomaSAM.ui").getroot()


def parameter_names(project: Path) -> set[str]:
    tree = ast.parse((project / "GliomaSAM" / "GliomaSAMPanel" / "parameters.py").read_text())
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "GliomaSAMParameters")
    return {n.target.id for n in found.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}


def bindings(ui_file: ElementTree.Element) -> dict[str, str]:
    """By the name of a widget the parameter that it is bound to."""
    return {
        str(widget.get("name")): str(prop.findtext("string"))
        for widget in ui_file.iter("widget")
        for prop in widget.findall("property[@name='SlicerParameterName']")
    }


def test_every_control_is_bound_to_a_parameter_of_its_own(ui_file: ElementTree.Element, project: Path) -> None:
    bound = bindings(ui_file)
    controls = {str(w.get("name")) for w in ui_file.iter("widget") if w.get("class") in CONTROLS}
    assert controls - bound.keys() == NOT_BOUND.keys()
    assert len(set(bound.values())) == len(bound)
    by_hand = {"lesionSegment", "model", "device"}
    assert set(bound.values()) == parameter_names(project) - by_hand


def test_the_binding_is_a_dynamic_property(ui_file: ElementTree.Element) -> None:
    assert all(p.get("stdset") == "0" for p in ui_file.iter("property") if p.get("name") == "SlicerParameterName")


def test_every_mrml_widget_gets_the_scene(ui_file: ElementTree.Element) -> None:
    top = ui_file.find("widget")
    assert top is not None and top.get("class") == "qMRMLWidget"
    mrml = {
        str(widget.get("name"))
        for widget in ui_file.iter("widget")
        if str(widget.get("class")).startswith(("qMRML", "qSlicer")) and widget is not top
    }
    signal, slot = "mrmlSceneChanged(vtkMRMLScene*)", "setMRMLScene(vtkMRMLScene*)"
    connected = {
        c.findtext("receiver")
        for c in ui_file.iter("connection")
        if (c.findtext("sender"), c.findtext("signal"), c.findtext("slot")) == (top.get("name"), signal, slot)
    }
    assert mrml > WITHOUT_SCENE and connected == mrml - WITHOUT_SCENE


def test_names_are_unique_and_custom_classes_declared(ui_file: ElementTree.Element) -> None:
    names = [widget.get("name") for widget in ui_file.iter("widget")]
    assert len(names) == len(set(names))
    custom = {str(w.get("class")) for w in ui_file.iter("widget") if re.match("q[A-Z]|ctk", str(w.get("class")))}
    assert custom <= {found.findtext("class") for found in ui_file.iter("customwidget")}


def test_controls_and_buttons_have_tooltips(ui_file: ElementTree.Element) -> None:
    kinds = (*CONTROLS, "QPushButton", "QToolButton")
    missing = [
        widget.get("name")
        for widget in ui_file.iter("widget")
        if widget.get("class") in kinds and not widget.findtext("property[@name='toolTip']/string")
    ]
    assert missing == []


def module_files(project: Path) -> list[Path]:
    files = sorted((project / "GliomaSAM").rglob("*.py"))
    return [path for path in files if "Resources" not in path.parts]


def test_nothing_but_slicer_is_imported_at_file_scope(project: Path) -> None:
    wrong = []
    for path in module_files(project):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            tops = {name.partition(".")[0] for name in names}
            wrong += [f"{path.name}: {top}" for top in tops - AT_FILE_SCOPE - sys.stdlib_module_names]
    assert wrong == []


def test_the_module_file_runs_no_code_at_file_scope(project: Path) -> None:
    tree = ast.parse((project / "GliomaSAM" / "GliomaSAM.py").read_text())
    harmless = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
    others = [node for node in tree.body[1:] if not isinstance(node, harmless)]
    assert [ast.unparse(node) for node in others] == []


def test_translated_texts_are_plain_literals(project: Path) -> None:
    wrong = [
        f"{path.name}:{node.lineno}"
        for path in module_files(project)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"
        if not (len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str))
    ]
    assert wrong == []


def test_slots_get_no_keyword_arguments_and_no_property_is_called(project: Path) -> None:
    """What works in PySide6 and not in PythonQt."""
    wrong = []
    for path in module_files(project):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                text = ast.unparse(node.func)
                if re.search(r"\bqt\.|\bui\.|_ui\.|_label\.|_bar\.", text) and node.keywords:
                    wrong.append(f"{path.name}:{node.lineno}: {text} with keyword arguments")
                if text.startswith(("qt.Signal", "qt.Slot", "qt.Property")):
                    wrong.append(f"{path.name}:{node.lineno}: {text}")
    assert wrong == []
