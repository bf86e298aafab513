"""Spoiled JSON files and weights for the commands that read them."""

import gzip
import hashlib
import json
import random
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from fuzz.images import Change, Inputs
from mutations import ODD_VALUES, change_json, change_numbers, cut


def some_prompts(inputs: Inputs) -> dict[str, Any]:
    """A prompt of each kind, in the head."""
    from GliomaSAMLib.geometry import Geometry
    from GliomaSAMLib.prompts import PromptHistory, box, mask, point, scribble

    grid = Geometry.of_image(inputs.image)
    middle = grid.to_ras((np.array(grid.size) - 1) / 2)
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[12:15, 12:15, 12:15] = 1
    history = PromptHistory().add(
        point(middle, prompt_id="a"),
        box(middle - 4, middle + 4, "TC", prompt_id="b"),
        scribble([middle, middle + 2], False, prompt_id="c"),
        mask(voxels, "ET", prompt_id="d"),
    )
    return history.to_json()


def prompts(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    path = folder / "prompts.json"
    path.write_bytes(change_json(chance, some_prompts(inputs)))
    return inputs.segment(folder, prompts=path)


def report(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """The report of a segmentation, to be done again, or where prompts are asked for."""
    from GliomaSAMLib.geometry import Geometry
    from GliomaSAMLib.output import segmentation_report
    from GliomaSAMLib.prompts import PromptHistory

    volume = inputs.case / "t1.nii.gz"
    values = segmentation_report(
        volumes={"WT": 1.0, "TC": 0.5, "ET": 0.1},
        prompts=PromptHistory.from_json(some_prompts(inputs)),
        notes=["a note"],
        model="gliomasam",
        weights_sha256="ab" * 32,
        rules=2,
        seconds=1.0,
        geometry=Geometry.of_image(inputs.image),
        inputs={"t1": {"path": str(volume), "files": 1, "sha256": hashlib.sha256(volume.read_bytes()).hexdigest()}},
        options={"register": False, "skull": "off", "orientation": "auto", "same_patient": False, "et_label": 3},
    )
    path = folder / "report.json"
    path.write_bytes(change_json(chance, values))
    if chance.random() < 0.2:
        return inputs.segment(folder, prompts=path)
    return ["segment", f"--from={path}", f"--output={folder / 'out.nrrd'}", f"--model={inputs.weights}"]


def split(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    path = folder / "split.json"
    path.write_bytes(change_json(chance, {"train": [], "val": [inputs.case.name], "without_enhancement": []}))
    return inputs.evaluate(folder, f"--split={path}")


def results(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """Results of another run."""
    from GliomaSAMLib.evaluation.protocol import CaseResult, Round

    path = folder / "results.jsonl"
    at_first = Round(0, (), True, 0.1, 9.0, 0.1, 0.2, 0.5, True, 1.0)
    clicked = Round(1, ((1.0, 2.0, 3.0),), True, 0.5, 4.0, 0.3, 0.6, 0.1, True, 2.0)
    result = CaseResult("method", "first", "WT", "all", "error", "", True, 1.0, (at_first, clicked), modalities=("t1",))
    path.write_bytes(b"\n".join(change_json(chance, result.to_json()) for _ in range(2)))
    return inputs.evaluate(folder, f"--results={path}")


def config(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """Sizes of a network; the split is absent, so that nothing is trained."""
    path = folder / "config.json"
    values = {"decoder": {"width": 48, "first_adapted_block": 1}, "layout": {"neighbours": 1}, "previous": "answer"}
    path.write_bytes(change_json(chance, values))
    options = [f"--config={path}", f"--split={folder / 'absent.json'}", f"--output={folder / 'run'}", "--steps=1"]
    return ["train", str(inputs.case.parent), *options]


def weights(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """A weights file: its header as JSON, its config, or its bytes are spoiled."""
    content = inputs.weights.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header, tensors = json.loads(content[8 : 8 + length]), content[8 + length :]
    kind = chance.randrange(4)
    if kind == 0:
        text = change_json(chance, header)
    elif kind == 1:
        notes = header["__metadata__"]
        notes["config"] = change_json(chance, json.loads(notes["config"])).decode("latin-1")
        text = json.dumps(header).encode()
    elif kind == 2:
        names = [name for name in header if name != "__metadata__"]
        for name in chance.sample(names, chance.randint(1, 3)):
            entry = header[name]
            field = chance.choice(list(entry))
            entry[field] = chance.choice([*ODD_VALUES, "I8", "F64", "BF16", [0, 2**40], [1, 2], [2**33, 2**33]])
        text = json.dumps(header).encode()
    else:
        text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    stated = len(text) if chance.random() < 0.9 else chance.choice([0, 1, 2**31, 2**63, len(text) - 1])
    content = struct.pack("<Q", stated) + text + tensors
    if chance.random() < 0.1:
        content = cut(chance, content)
    elif kind == 3:
        content = content[: 8 + len(text)] + change_numbers(chance, content[8 + len(text) :])
    path = folder / "weights.safetensors"
    path.write_bytes(content)
    return inputs.segment(folder, model=path)


def labels(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """The label map of a case that is evaluated."""
    case = folder / "cases" / "first"
    case.mkdir(parents=True)
    for path in inputs.case.iterdir():
        (case / path.name).write_bytes(path.read_bytes())
    image = sitk.ReadImage(str(case / "seg.nii.gz"))
    (case / "seg.nii.gz").unlink()
    path = case / "seg.nii"
    sitk.WriteImage(image, str(path))
    content = path.read_bytes()
    path.write_bytes(change_numbers(chance, content[:348]) + content[348:])
    return inputs.evaluate(folder, cases=folder / "cases")


def visit(chance: random.Random, folder: Path, inputs: Inputs) -> list[str]:
    """What a reader says about a visit, or its segmentation, of two visits that are followed up."""
    visits = [folder / name for name in ("2024-01-10", "2024-04-15")]
    for path in visits:
        path.mkdir()
        shutil.copy(inputs.case / "seg.nii.gz", path)
    values = {
        "role": "follow-up",
        "steroids": "stable",
        "clinical": "worse",
        "weeks_since_radiotherapy": 10,
        "steroid_mg_per_day": 2.5,
        "slice_thickness_mm": 1.0,
        "radiotherapy_end": "2024-01-30",
        "outside_radiation_field": False,
        "unequivocal_new_lesions": [[1.0, 2.0, 3.0]],
        "bt_rads": "3a",
        "note": "a note",
        "date": "2024-04-15",
    }
    (visits[1] / "visit.json").write_bytes(change_json(chance, values))
    if chance.random() < 0.3:
        path = visits[1] / "seg.nii.gz"
        content = gzip.decompress(path.read_bytes())
        path.write_bytes(gzip.compress(change_numbers(chance, content[:348]) + content[348:], 1))
    return ["follow-up", *map(str, visits), f"--output={folder / 'report'}", "--registered"]


TEXTS: dict[str, tuple[int, Change]] = {
    "prompts": (300, prompts),
    "report": (150, report),
    "split": (100, split),
    "results": (50, results),
    "config": (150, config),
    "weights": (200, weights),
    "labels": (50, labels),
    "visit": (100, visit),
}
"""As `IMAGES`."""
