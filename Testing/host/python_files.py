"""Stand-ins for Slicer's own Python files that are not on PyPI: `slicer.i18n`, `slicer.packaging`, `SampleData`.

Does not prove: translations of Slicer's own texts, installation of packages (what was asked for is recorded, no more),
downloads.
"""

import functools
import importlib.metadata
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import slicer

INSTALLED: list[tuple[str, Any]] = []
"""What was asked of `slicer.packaging`: (function, requirements)."""


def tr(text: str) -> str:
    """Translate, in the context that the caller's file is.

    Raises:
        ValueError: the text holds a placeholder that is not a name, which no translator can place.
    """
    return translate(context_of(sys._getframe(1).f_code.co_filename), text)


@functools.cache
def context_of(name: str) -> str:
    """`Package.file` for a file of a package, else the file's name."""
    file = Path(name)
    return f"{file.parent.name}.{file.stem}" if (file.parent / "__init__.py").is_file() else file.stem


def translate(context: str, text: str) -> str:
    """Translate in a context, after a look at the placeholders. Raises `ValueError` as `tr`."""
    for placeholder in re.findall(r"(?<!\{)\{([^{}]*)\}(?!\})", text):
        if not placeholder.partition(":")[0].isidentifier():
            raise ValueError(f"the placeholder {{{placeholder}}} of a translated text is not a name: {text!r}")
    return str(slicer.app.translate(context, text))


def load_requirements(path: Any) -> list[Any]:
    """The requirements in a file, without comments and options."""
    from packaging.requirements import Requirement

    lines = (line.partition("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def pip_check(requirements: Any) -> bool:
    """Whether requirements are met by what is installed. Extras are not looked into."""
    from packaging.requirements import Requirement

    for requirement in requirements if isinstance(requirements, list | tuple) else [requirements]:
        wanted = requirement if isinstance(requirement, Requirement) else Requirement(str(requirement))
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            return False
        if not wanted.specifier.contains(version, prereleases=True):
            return False
    return True


def pip_ensure(requirements: Any, skip_in_testing: bool = True, **options: Any) -> list[str]:
    """Record what is missing; nothing is installed. Under testing nothing is even recorded, as in Slicer."""
    wanted = requirements if isinstance(requirements, list | tuple) else [requirements]
    missing = [str(requirement) for requirement in wanted if not pip_check(requirement)]
    if missing and not (skip_in_testing and slicer.app.testingEnabled()):
        INSTALLED.append(("pip_ensure", missing))
    return missing


def pip_install(requirements: Any, **options: Any) -> list[str]:
    """Record what is to be installed; nothing is."""
    INSTALLED.append(("pip_install", requirements))
    return []


class SampleDataLogic:
    """Records the data sets that modules register, in `slicer.modules.sampleDataSources`, by category."""

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom",
        sampleName: Any = None,  # noqa: N803 (Slicer names the arguments)
        uris: Any = None,
        fileNames: Any = None,  # noqa: N803
        nodeNames: Any = None,  # noqa: N803
        customDownloader: Any = None,  # noqa: N803
        thumbnailFileName: Any = None,  # noqa: N803
        loadFileTypes: Any = None,  # noqa: N803
        loadFiles: Any = None,  # noqa: N803
        loadFileProperties: Any = None,  # noqa: N803
        checksums: Any = None,
        loadFileType: Any = None,  # noqa: N803
    ) -> None:
        source = {key: value for key, value in locals().items() if value is not None and key != "category"}
        sources = vars(slicer.modules).setdefault("sampleDataSources", {}).setdefault(category, [])
        if source not in sources:
            sources.append(source)


def python_files() -> dict[str, ModuleType]:
    """The modules by the name under which Slicer has them."""
    translation = ModuleType("slicer.i18n")
    vars(translation).update(tr=tr, translate=translate)
    packaging = ModuleType("slicer.packaging")
    for function in (load_requirements, pip_check, pip_ensure, pip_install):
        setattr(packaging, function.__name__, function)
    sample_data = ModuleType("SampleData")
    vars(sample_data).update(SampleDataLogic=SampleDataLogic)
    return {"slicer.i18n": translation, "slicer.packaging": packaging, "SampleData": sample_data}
