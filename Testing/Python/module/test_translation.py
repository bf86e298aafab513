"""The panel in German and in Chinese: every text has a translation, and the module shows it."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import slicer

LANGUAGES = {"de": "de_DE", "zh_CN": "zh_CN"}
SAME = re.compile(r"GliomaSAM|FLAIR|T1|T2|CSV…|Lasso|Region|Segment|Prompts")
"""Texts that may be the same in another language."""


@pytest.fixture(scope="module")
def updating(project: Path) -> ModuleType:
    """The script that brings translations up to date."""
    path = project / "GliomaSAM" / "Resources" / "update_translations.py"
    spec = importlib.util.spec_from_file_location("update_translations", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_text_has_a_translation_with_the_same_placeholders(updating: Any, name: str) -> None:
    known = updating.read(updating.TRANSLATIONS / f"GliomaSAM_{name}.ts")
    advice = "run python GliomaSAM/Resources/update_translations.py and translate what it lists"
    assert [text for text in updating.texts() if text not in known] == [], advice
    assert set(known) == set(updating.texts()), advice
    for (_, text), translation in known.items():
        assert sorted(re.findall(r"\{[^}]*\}", text)) == sorted(re.findall(r"\{[^}]*\}", translation)), text


@pytest.mark.parametrize("name", LANGUAGES)
def test_translations_are_not_the_english_text(updating: Any, name: str) -> None:
    known = updating.read(updating.TRANSLATIONS / f"GliomaSAM_{name}.ts")
    same = {text for (_, text), translation in known.items() if text == translation}
    assert {text for text in same if not SAME.fullmatch(text)} == set()


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_compiled_file_is_that_of_the_texts(updating: Any, name: str, tmp_path: Path) -> None:
    source = updating.TRANSLATIONS / f"GliomaSAM_{name}.ts"
    updating.compile_translation(source, tmp_path / "new.qm")
    assert source.with_suffix(".qm").read_bytes() == (tmp_path / "new.qm").read_bytes()


@pytest.fixture
def language(request: Any, monkeypatch: Any) -> Iterator[str]:
    """Slicer in another language; afterwards in English again."""
    import qt

    installed = []
    install = qt.QCoreApplication.installTranslator
    monkeypatch.setattr(
        qt.QCoreApplication, "installTranslator", lambda found: installed.append(found) or install(found)
    )
    monkeypatch.setattr(slicer.app, "applicationLocaleName", request.param)
    yield request.param
    for translator in installed:
        qt.QCoreApplication.removeTranslator(translator)


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("de_DE", {"undoButton": "Rückgängig", "proposeButton": "Vorschlagen", "cancelButton": "Abbrechen"}),
        ("zh_CN", {"undoButton": "撤销", "proposeButton": "建议", "cancelButton": "取消"}),
        ("en_US", {"undoButton": "Undo", "proposeButton": "Propose", "cancelButton": "Cancel"}),
        ("fr_FR", {"undoButton": "Undo", "proposeButton": "Propose", "cancelButton": "Cancel"}),
    ],
    indirect=["language"],
)
def test_the_panel_speaks_the_language_of_slicer(
    language: str, texts: dict[str, str], slicer_with_module: Any, updating: Any
) -> None:
    widget = slicer.modules.gliomasam.widgetRepresentation().self()
    slicer.modules.gliomasam.widgetRepresentation().enter()
    for name, text in texts.items():
        assert getattr(widget.ui, name).text.replace("&", "") == text
    regions = [widget.ui.regionSelector.itemText(n) for n in range(widget.ui.regionSelector.count)]
    assert ("Whole tumour" in regions) == (language not in LANGUAGES.values())
