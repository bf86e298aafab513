"""One patient outlined and written: the options, the reading and the results of `segment` and `segment-cases`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OutputError, StudyError
from ..files import replacing_together, sha256_of
from ..prompts import Prompt
from ..regions import REGION_NAMES
from .console import Report
from .repeating import absolute
from .sources import Files, described

if TYPE_CHECKING:
    from ..models import Model
    from ..output.diameters import Diameters
    from ..session import Session
    from ..study import Study

SKULL_CHOICES = ("auto", "on", "off")

REFERENCE_CHOICES = ("t1", "t1c", "t2", "flair")

ORIENTATION_CHOICES = ("auto", "qform", "sform")

READING = 0.15
"""Part of a patient's progress that reading the volumes takes."""

Register = Annotated[bool, typer.Option("--register/--no-register", help="Align the volumes rigidly first.")]
Skull = Annotated[str, typer.Option(help="Whether the skull is still on: auto, on or off.")]
Reference = Annotated[
    str | None,
    typer.Option(
        help="The volume whose grid the results lie on: t1, t1c, t2 or flair. Default the one that shows most of "
        "the head; of those that show as much the first of t1c, flair, t2, t1.",
        show_default=False,
    ),
]
Orientation = Annotated[
    str,
    typer.Option(help="Which form of a NIfTI header gives the place where they differ: auto, qform or sform."),
]
SamePatient = Annotated[
    bool,
    typer.Option(
        "--same-patient/--no-same-patient",
        help="The volumes are of one patient, whatever headers and folders say.",
    ),
]
ModelName = Annotated[str, typer.Option(help="A name from `gliomasam models`, or a weights file.")]
EncoderWeights = Annotated[
    Path | None, typer.Option(help="The .pth file of a SAM or MedSAM that the model adapts.", show_default=False)
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
EtLabel = Annotated[int, typer.Option(help="Label of enhancing tumour: 3, or 4 as before 2023.")]


@dataclass(frozen=True)
class Reading:
    """How volumes are read, as for `Study.read`.

    Raises:
        StudyError: A choice is unknown.
    """

    reference: str | None
    register: bool
    skull: str
    orientation: str
    same_patient: bool

    def __post_init__(self) -> None:
        if self.skull not in SKULL_CHOICES:
            raise StudyError(f"Unknown --skull {self.skull}. Choose auto, on or off")
        if self.reference is not None and self.reference not in REFERENCE_CHOICES:
            raise StudyError(f"Unknown --reference {self.reference}. Choose t1, t1c, t2 or flair")
        if self.orientation not in ORIENTATION_CHOICES:
            raise StudyError(f"Unknown --orientation {self.orientation}. Choose auto, qform or sform")

    def study(self, sources: Mapping[str, Path | None], folder: Path | None, report: Report) -> "Study":
        """The study of a case folder, or of volumes by modality."""
        from ..study import Study

        if folder is not None:
            return Study.read_folder(folder, **asdict(self), progress=report)
        t1, t1c, t2, flair = (sources[name] for name in ("t1", "t1c", "t2", "flair"))
        return Study.read(t1=t1, t1c=t1c, t2=t2, flair=flair, **asdict(self), progress=report)

    def options(self, reference: str | None, et_label: int, device: str, folder: Path | None) -> dict[str, Any]:
        """What a report says of the options: `reference` is the modality that gave the grid."""
        chosen = {**asdict(self), "reference": reference, "et_label": et_label, "device": device}
        return {**chosen, "folder": folder and absolute(folder)}


def check_et_label(et_label: int) -> None:
    """Raise `OutputError` for a label that enhancing tumour never has."""
    if et_label not in (3, 4):
        raise OutputError(f"Unknown --et-label {et_label}. Choose 3, or 4 as in BraTS data before 2023")


def model_name(model: str) -> str:
    """A model as reports name it: a file by its whole path, as `find_weights` tells them from names."""
    return absolute(model) if Path(model).suffix or Path(model).name != model else model


def digests(
    volumes: Files, sources: Mapping[str, Path | None], others: Mapping[str, Path | None]
) -> dict[str, dict[str, Any]]:
    """What a report says of the files that were read: paths and SHA-256. Of the volumes `sources` are the paths as they
    were given, of `others` those that are None are left out.
    """
    files = {
        name: {"path": absolute(path), "sha256": sha256_of((path,))}
        for name, path in others.items()
        if path is not None
    }
    return {**described(volumes, sources), **files}


@dataclass(frozen=True)
class Outlined:
    """A patient outlined. `seconds` is the time of the update, without reading the images; `inputs` and `options` are
    for the report.
    """

    study: "Study"
    session: "Session"
    notes: tuple[str, ...]
    model: str
    seconds: float
    inputs: dict[str, Any]
    options: dict[str, Any]

    @classmethod
    def of(
        cls,
        study: "Study",
        network: "Model",
        prompts: Sequence[Prompt],
        report: Report,
        *,
        model: str,
        inputs: dict[str, Any],
        options: dict[str, Any],
        notes: Sequence[str] = (),
    ) -> "Outlined":
        """Answer prompts on a study; without any this is the proposal. `notes` come before those of study and answer.
        Raises `PromptError` and `Cancelled`.
        """
        from ..session import Session

        session = Session(study, network)
        for prompt in prompts:
            session.add(prompt)
        start = time.perf_counter()
        result = session.update(progress=report)
        seconds = time.perf_counter() - start
        told = tuple(dict.fromkeys((*notes, *study.notes, *result.notes)))
        return cls(study, session, told, model_name(model), seconds, inputs, options)

    def write(self, out: Path, json: Path | None, picture: Path | None, et_label: int) -> None:
        """Write segmentation, report and picture, all of them or none. Raises `OutputError`."""
        from ..output import write_report, write_segmentation

        masks = {region: self.session.mask(region) for region in REGION_NAMES}
        paths = [path for path in (out, json, picture) if path is not None]
        with replacing_together(paths) as names:
            to = dict(zip(paths, names, strict=True))
            write_segmentation(to[out], masks, self.study.reference, et_label, self.study.nifti)
            if json is not None:
                write_report(to[json], self.report(out))
            if picture is not None:
                from ..output.picture import Panel, draw_overlay

                volumes = "  ".join(f"{region} {volume:.1f} mL" for region, volume in self.session.volumes().items())
                panels = [Panel("image"), Panel("result", masks, prompts=self.session.prompts)]
                draw_overlay(to[picture], self.study, panels, f"{volumes}   for research only, not for clinical use")

    @cached_property
    def diameters(self) -> dict[str, "Diameters | None"]:
        """Those of each region on axial slices; None where it is empty."""
        from ..output.diameters import largest_diameters

        return {r: largest_diameters(self.session.mask(r), self.study.reference) for r in REGION_NAMES}

    def report(self, out: Path) -> dict[str, Any]:
        """What is told of it, for the file of masks `out`."""
        from ..output import segmentation_report
        from ..session.prediction import RULES

        return segmentation_report(
            volumes=self.session.volumes(),
            diameters=self.diameters,
            prompts=self.session.history,
            notes=self.notes,
            model=self.model,
            weights_sha256=self.session.weights,
            rules=RULES,
            seconds=self.seconds,
            geometry=self.study.reference,
            output=str(out),
            inputs=self.inputs,
            options=self.options,
        )
