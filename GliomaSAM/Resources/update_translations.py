"""Bring the translations up to date with the texts of the panel, and compile them.

    python GliomaSAM/Resources/update_translations.py

Reads the texts in `_("...")` of the module's Python files and in its .ui file, and writes them into each
`Translations/GliomaSAM_LANGUAGE.ts`: new ones as unfinished, those that are gone left out, the others as they are.
Qt's `lrelease` makes the `.qm` files from them. Exits with 1 while a text has no translation.
"""

import ast
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

MODULE = Path(__file__).resolve().parents[1]
TRANSLATIONS = MODULE / "Resources" / "Translations"
UI = MODULE / "Resources" / "UI" / "GliomaSAM.ui"
LANGUAGES = {"de": "de_DE", "zh_CN": "zh_CN"}
NOT_SHOWN = {"SlicerParameterName"}
"""Properties of the .ui file that hold names, not texts."""

Texts = list[tuple[str, str]]
"""Context and text, in the order of the files."""


def context_of(file: Path) -> str:
    """The context in which `slicer.i18n.tr` looks for the texts of a file."""
    return f"{file.parent.name}.{file.stem}" if (file.parent / "__init__.py").is_file() else file.stem


def texts() -> Texts:
    """All texts that can be translated, once each."""
    found: Texts = []
    for path in sorted(MODULE.rglob("*.py")):
        if "Resources" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                found.append((context_of(path), ast.literal_eval(node.args[0])))
    root = ElementTree.parse(UI).getroot()
    context = str(root.findtext("class"))
    for holder in root.iter():
        if holder.get("notr") == "true" or (holder.tag == "property" and holder.get("name") in NOT_SHOWN):
            continue
        found += [
            (context, string.text)
            for string in holder.findall("string")
            if string.text and string.text.strip() and string.get("notr") != "true"
        ]
    return list(dict.fromkeys(found))


def read(path: Path) -> dict[tuple[str, str], str]:
    """Translations by context and text; those that are not finished are left out."""
    if not path.is_file():
        return {}
    return {
        (str(context.findtext("name")), str(message.findtext("source"))): translation.text
        for context in ElementTree.parse(path).getroot().iter("context")
        for message in context.iter("message")
        if (translation := message.find("translation")) is not None
        and translation.text
        and translation.get("type") is None
    }


def write(path: Path, language: str, known: dict[tuple[str, str], str]) -> Texts:
    """Write a .ts file and return what has no translation in it."""
    root = ElementTree.Element("TS", version="2.1", language=language, sourcelanguage="en")
    contexts: dict[str, ElementTree.Element] = {}
    missing: Texts = []
    for context, text in texts():
        if context not in contexts:
            contexts[context] = ElementTree.SubElement(root, "context")
            ElementTree.SubElement(contexts[context], "name").text = context
        message = ElementTree.SubElement(contexts[context], "message")
        ElementTree.SubElement(message, "source").text = text
        translation = ElementTree.SubElement(message, "translation")
        if (context, text) in known:
            translation.text = known[context, text]
        else:
            translation.set("type", "unfinished")
            missing.append((context, text))
    ElementTree.indent(root, " ")
    head = '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n'
    path.write_text(head + ElementTree.tostring(root, encoding="unicode") + "\n", encoding="utf-8")
    return missing


def compile_translation(source: Path, target: Path) -> None:
    """Make a .qm file with the `lrelease` of PySide6."""
    lrelease = Path(sys.executable).parent / "pyside6-lrelease"
    subprocess.run([str(lrelease), "-silent", str(source), "-qm", str(target)], check=True)


def main() -> int:
    """Bring all files up to date."""
    TRANSLATIONS.mkdir(exist_ok=True)
    left = 0
    for name, language in LANGUAGES.items():
        path = TRANSLATIONS / f"GliomaSAM_{name}.ts"
        for context, text in write(path, language, read(path)):
            left += 1
            sys.stdout.write(f"{path.name}, {context}: no translation of {text!r}\n")
        compile_translation(path, path.with_suffix(".qm"))
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
