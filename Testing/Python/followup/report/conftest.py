"""A follow-up of three visits with volumes: one lesion grows and shrinks, one vanishes, one is new."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from GliomaSAMLib.followup.assessment import Assessment, assess
from GliomaSAMLib.followup.lesions import VisitMasks
from GliomaSAMLib.followup.report import WrittenReport, write_report_folder
from GliomaSAMLib.followup.report.planes import moved
from GliomaSAMLib.followup.visit import Alignment, Visit, VisitFields
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.study import Study

GRID = Geometry(
    (56, 64, 40), (2.0, 2.0, 2.0), (55.0, 63.0, -39.0), ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
)

KEPT, GONE, NEW = (20.0, -15.0, 5.0), (-24.0, 20.0, 10.0), (10.0, 30.0, -12.0)
"""RAS mm of the middles of the three lesions."""

LESIONS = (((KEPT, 10.0), (GONE, 7.0)), ((KEPT, 13.0), (GONE, 6.0)), ((KEPT, 8.0), (NEW, 8.0)))
"""Middle and radius in mm of the lesions of each visit."""

DATES = (date(2024, 1, 15), date(2024, 3, 18), date(2024, 6, 10))

CREATED = datetime(2024, 7, 1, 12, tzinfo=UTC)

MOTION = np.eye(4)
MOTION[:3, :3] = Rotation.from_euler("z", 8, degrees=True).as_matrix()
MOTION[:3, 3] = (6.0, -4.0, 2.0)
"""How the head lies at the last visit: from RAS mm of the first."""


def make_visit(number: int, volumes: bool = True, **fields: object) -> Visit:
    """One of the visits; the head of the last is moved."""
    motion = MOTION if number == 2 else np.eye(4)
    in_head = moved(GRID, np.linalg.inv(motion))
    k, j, i = np.indices(GRID.shape)
    ras = in_head.to_ras(np.stack([i, j, k], axis=-1))
    brain = ((ras / (48, 56, 34)) ** 2).sum(-1) < 1

    def balls(factor: float) -> np.ndarray:
        return np.any([((ras - c) ** 2).sum(-1) < (factor * r) ** 2 for c, r in LESIONS[number]], axis=0) & brain

    wt, et = balls(1.5), balls(1.0)
    study = None
    if volumes:
        rng = np.random.default_rng(number)
        levels = {"t1c": np.where(et, 700, 330), "flair": np.where(wt, 700, 330)}
        images = {
            name: GRID.to_image(np.where(brain, grey + rng.normal(0, 15, GRID.shape), 0).astype(np.int16))
            for name, grey in levels.items()
        }
        study = Study.read(**images, skull="off")
    alignment = Alignment()
    if number:
        alignment = Alignment("rigid", np.linalg.inv(motion), "t1c", 7.5 if number == 2 else 0.0, 0.0, 0.97)
    return Visit(
        DATES[number].isoformat(),
        DATES[number],
        VisitMasks(GRID, *(mask.astype(np.uint8) for mask in (wt, et, et))),
        file="seg.nii.gz",
        alignment=alignment,
        fields=VisitFields(**fields),
        study=study,
        volumes={} if study is None else {name: f"{name}.nii.gz" for name in study.modalities},
        inputs={"segmentation": {"files": 1, "sha256": "0" * 64}},
        weights_sha256="f" * 64 if number == 2 else None,
    )


@pytest.fixture(scope="session")
def assessment() -> Assessment:
    return assess([make_visit(number) for number in range(3)])


@pytest.fixture(scope="session")
def without_volumes() -> Assessment:
    return assess([make_visit(number, volumes=False) for number in range(3)])


@pytest.fixture(scope="session")
def written(assessment: Assessment, tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    """The report of the three visits, not to be changed."""
    folder = tmp_path_factory.mktemp("report") / "new" / "report"
    return write_report_folder(assessment, folder, patient="A <b>name</b>", created=CREATED)


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """All files of a folder, by their names in it."""
    return lambda folder: {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
