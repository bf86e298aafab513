"""What helps the core and the enhancing part? Small networks, trained alike but for one thing, in three folds.

    python Testing/benchmarks/core_trials.py CASES --extra EXTRA --split split.json --work RUN --output core_trials.json

The patients are the gliomas for training that have all labels and volumes, none of them for validation. A small
SegResNet reads cubes of 96 mm on a grid of 2 mm, without prompts, and finds WT, TC and ET of whole heads that it has
not learned from. Each trial differs from the first in one thing; `again` in nothing but the seed, which tells how much
of a difference is chance. Stopped, the same command goes on with the next fold.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from monai.networks.nets import SegResNet
from rich.console import Console
from rich.table import Table
from torch import Tensor

from GliomaSAMLib.data.cases import Case, find_cases, read_split
from GliomaSAMLib.errors import GliomaSAMError
from GliomaSAMLib.models.blocks import channels_last
from GliomaSAMLib.models.slice_stack import StackLayout
from GliomaSAMLib.regions import REGIONS, dice
from GliomaSAMLib.study import MODALITIES
from GliomaSAMLib.training.features import case_features

FOLDS = 3
SIDE = 48
"""Cells of 2 mm of a cube."""

LITTLE_ML = 2.5
"""Patients with less enhancing tumour, or none, are drawn as often as all others together where draws are balanced."""

LEAST_ML = (0.1, 0.3, 1.0)
"""Rules for a tiny ET: below so much it counts as none."""

CELL_ML = 0.008


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Args:
        balanced: Draw patients with little enhancement as often as the others.
        difference: Give t1c - t1 as a further channel.
        weights: Of WT, TC, ET in the loss.
        seed: Fixes weights, cubes and their changes.
    """

    balanced: bool = False
    difference: bool = False
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    seed: int = 0


TRIALS = {
    "plain": Trial(),
    "again": Trial(seed=1),
    "balanced": Trial(balanced=True),
    "difference": Trial(difference=True),
    "weights": Trial(weights=(0.5, 1.0, 1.5)),
    "all": Trial(balanced=True, difference=True, weights=(0.5, 1.0, 1.5)),
}


@dataclass(frozen=True)
class Patient:
    """A head on a grid of 2 mm.

    Args:
        name: Name of the case.
        images: float32 (M, K, J, I) in [0, 1].
        truth: WT, TC, ET, bool (3, K, J, I).
        tumour: Cells (N, 3) of the tumour.
    """

    name: str
    images: Tensor
    truth: Tensor
    tumour: np.ndarray

    @property
    def enhancing_ml(self) -> float:
        return float(self.truth[2].sum()) * CELL_ML


def read(case: Case, folder: Path) -> Patient | None:
    """The patient of a case; None where it lacks a volume, a label or a tumour."""
    found = case_features(case, None, StackLayout(), folder, torch.device("cpu"))
    if found.whole_only or not found.present.all() or not found.regions.any():
        return None
    images = F.avg_pool3d(torch.from_numpy(found.images).float() / 255, 2)
    inner = torch.stack([torch.from_numpy(found.regions >= level) for level in (1, 2, 3)])
    truth = F.avg_pool3d(inner.float(), 2) >= 0.5
    return Patient(case.name, images, truth, np.argwhere(truth[0].numpy()))


def inputs(images: Tensor, trial: Trial) -> Tensor:
    """The channels of the network, (C, K, J, I)."""
    if not trial.difference:
        return images
    difference = images[MODALITIES.index("t1c")] - images[MODALITIES.index("t1")]
    return torch.cat([images, difference[None]])


def cube(patient: Patient, trial: Trial, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A cube at a place of the tumour or, once in seven times, anywhere; flipped, brighter or darker."""
    shape = patient.images.shape[1:]
    middle = patient.tumour[rng.integers(len(patient.tumour))] if rng.random() < 0.85 else rng.integers(shape)
    start = [int(np.clip(m - rng.integers(SIDE), 0, max(n - SIDE, 0))) for m, n in zip(middle, shape, strict=True)]
    cut = (slice(None), *(slice(s, s + SIDE) for s in start))
    images, truth = patient.images[cut], patient.truth[cut]
    pad = [part for n in reversed(images.shape[1:]) for part in (0, SIDE - n)]
    images, truth = F.pad(images, pad), F.pad(truth, pad)
    flipped = [axis for axis in (-3, -2, -1) if rng.random() < 0.5]
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (len(images), 1, 1, 1)).astype(np.float32))
    power = torch.from_numpy(rng.uniform(0.8, 1.25, (len(images), 1, 1, 1)).astype(np.float32))
    return inputs((images.flip(flipped) ** power) * gain, trial), truth.flip(flipped)


def train(patients: list[Patient], trial: Trial, steps: int) -> SegResNet:
    """A network that has learned from these patients."""
    torch.manual_seed(trial.seed)
    rng = np.random.default_rng((trial.seed, 1))
    network = SegResNet(in_channels=4 + trial.difference, out_channels=3, init_filters=8, blocks_down=(1, 1, 2, 2))
    channels_last(network)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-4)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps, pct_start=0.1)
    overlap, weights = DiceLoss(sigmoid=True, batch=True, reduction="none"), torch.tensor(trial.weights)
    little = np.array([patient.enhancing_ml < LITTLE_ML for patient in patients])
    chances = np.ones(len(patients))
    if trial.balanced and little.any() and not little.all():
        chances = np.where(little, 1 / little.sum(), 1 / (~little).sum())
    for _ in range(steps):
        drawn = rng.choice(len(patients), 2, p=chances / chances.sum())
        cubes, truths = zip(*(cube(patients[n], trial, rng) for n in drawn), strict=True)
        given, truth = torch.stack(cubes).contiguous(memory_format=torch.channels_last_3d), torch.stack(truths).float()
        logits = network(given)
        entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(dim=(0, 2, 3, 4))
        loss = ((overlap(logits, truth).flatten() + entropy) * weights).sum() / weights.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
    return network.eval()


@torch.inference_mode()
def measure(network: SegResNet, patient: Patient, trial: Trial) -> dict[str, Any]:
    """Dice of the regions in the whole head, and mL of ET in label and answer; with the rules for a tiny ET."""
    given = inputs(patient.images, trial)
    shape = given.shape[1:]
    pad = [part for n in reversed(shape) for part in (0, -n % 8)]
    logits = network(F.pad(given, pad)[None].contiguous(memory_format=torch.channels_last_3d))[0]
    masks = (logits[:, : shape[0], : shape[1], : shape[2]].cummin(dim=0).values > 0).numpy()
    truth = patient.truth.numpy()
    found: dict[str, Any] = {region: dice(masks[n], truth[n]) for n, region in enumerate(REGIONS)}
    found |= {"truth_ml": patient.enhancing_ml, "found_ml": float(masks[2].sum()) * CELL_ML}
    for least in LEAST_ML:
        kept = masks[2] if found["found_ml"] >= least else np.zeros_like(masks[2])
        found[f"ET from {least} mL"] = dice(kept, truth[2])
    return found


def run(patients: list[Patient], given: argparse.Namespace, console: Console) -> dict[str, dict[str, Any]]:
    """Every trial, by name, with what it measured of each patient; what an earlier call has finished is read."""
    order = sorted(patients, key=lambda patient: (patient.enhancing_ml, patient.name))
    results: dict[str, dict[str, Any]] = {}
    for name in given.trial or list(TRIALS):
        results[name] = {}
        for fold in range(FOLDS):
            kept = given.work / f"{name}_{fold}.json"
            if not kept.exists():
                began = time.monotonic()
                network = train([p for n, p in enumerate(order) if n % FOLDS != fold], TRIALS[name], given.steps)
                held = [p for n, p in enumerate(order) if n % FOLDS == fold]
                kept.write_text(json.dumps({p.name: measure(network, p, TRIALS[name]) for p in held}))
                console.print(f"{name}, fold {fold + 1}: {time.monotonic() - began:.0f} s")
            results[name] |= json.loads(kept.read_text())
    return results


def mean(rows: list[dict[str, Any]], measure_: str) -> float:
    """Mean over the patients that have the region."""
    having = [row for row in rows if not measure_.startswith("ET") or row["truth_ml"] > 0]
    return float(np.mean([row[measure_] for row in having]))


def against(rows: dict[str, Any], plain: dict[str, Any], region: str) -> tuple[float, float]:
    """Mean difference to the first trial, patient by patient, and its standard error."""
    having = [name for name in rows if region != "ET" or rows[name]["truth_ml"] > 0]
    differences = np.array([rows[name][region] - plain[name][region] for name in having])
    return float(differences.mean()), float(differences.std(ddof=1) / len(differences) ** 0.5)


def show(results: dict[str, dict[str, Any]], console: Console) -> None:
    """Print the table."""
    table = Table(*["trial", *REGIONS, *(f"{region} - plain" for region in REGIONS)])
    plain = results.get("plain")
    for name, rows in results.items():
        dices = [f"{mean(list(rows.values()), region):.3f}" for region in REGIONS]
        gains = [against(rows, plain, region) if plain and name != "plain" else None for region in REGIONS]
        table.add_row(name, *dices, *(f"{gain[0]:+.3f} ± {gain[1]:.3f}" if gain else "" for gain in gains))
    console.print(table)
    for least in LEAST_ML if plain else ():
        told = f"{mean(list(plain.values()), f'ET from {least} mL'):.3f}"  # type: ignore[union-attr]
        console.print(f"plain, ET from {least} mL on: {told}")


def main() -> int:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--extra", type=Path, action="append", default=[], help="further cases for training")
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder of what is finished")
    parser.add_argument("--trial", action="append", choices=list(TRIALS), help="default: all")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    given, console = parser.parse_args(), Console()
    given.work.mkdir(parents=True, exist_ok=True)
    try:
        cases = find_cases(given.cases, list(read_split(given.split).train))
        cases += [case for folder in given.extra for case in find_cases(folder)]
        patients = [patient for case in cases if (patient := read(case, given.work / "features")) is not None]
        results = run(patients, given, console)
    except GliomaSAMError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    show(results, console)
    if given.output:
        trials = {name: asdict(TRIALS[name]) for name in results}
        content = {"patients": len(patients), "steps": given.steps, "trials": trials, "results": results}
        given.output.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
