"""The JSON report of a segmentation."""

import json
from pathlib import Path

import numpy as np
import pytest

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output import segmentation_report, write_report
from GliomaSAMLib.prompts import PromptHistory, box, mask, point


def test_a_report_holds_what_was_measured_and_from_what(tmp_path: Path, oblique: Geometry) -> None:
    prompts = (
        PromptHistory().add(point((1, 2, 3), False, "TC")).add(box((0, 0, 0), (9, 9, 9))).add(mask(np.eye(3)[None]))
    )
    report = segmentation_report(
        volumes={"WT": np.float32(12.25), "TC": 3.5, "ET": 0.0},
        prompts=prompts,
        notes=("flair resampled from 0.9 x 0.9 x 5.5 mm", "half a pair \udce4"),
        model="gliomasam",
        weights_sha256="0" * 64,
        rules=2,
        seconds=np.float64(1.23456),
        geometry=oblique,
        output="a.nii.gz",
    )
    write_report(tmp_path / "r.json", report)
    read = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert read["volumes_ml"] == {"WT": 12.25, "TC": 3.5, "ET": 0.0}
    assert PromptHistory.from_json(read["prompts"]).prompts == prompts.prompts
    assert read["notes"] == ["flair resampled from 0.9 x 0.9 x 5.5 mm", "half a pair \\udce4"]
    assert (read["model"], read["seconds"], read["output"]) == ("gliomasam", 1.235, "a.nii.gz")
    assert read["weights_sha256"] == "0" * 64 and read["rules"] == 2
    assert "not for clinical use" in read["disclaimer"]
    assert read["version"]
    assert read["grid"]["spacing_mm"] == [0.9, 1.1, 5.5]
    assert np.allclose(read["grid"]["direction_ras"], oblique.direction)


@pytest.mark.parametrize("value", [float("nan"), object(), np.zeros(3)])
def test_a_value_that_json_cannot_hold_is_an_output_error_and_writes_nothing(tmp_path: Path, value: object) -> None:
    with pytest.raises(OutputError, match="JSON"):
        write_report(tmp_path / "r.json", {"dice": value})
    assert list(tmp_path.iterdir()) == []
