"""The training loop: `gliomasam train`. One device or many, resumable after a kill at any moment."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..data.cases import Case
from ..errors import Cancelled, CaseError, GliomaSAMError, ModelError
from ..files import alone_in
from ..models.blocks import move
from ..models.registry import MethodConfig, VolumeDecoder, build, find_method
from ..models.weights import save_weights, trainable_names, trainable_state_dict
from ..regions import REGIONS
from .batches import Batch, CropMaker
from .beginning import begin_from
from .card import result_table, write_card
from .checkpoint import TrainingLog, load_checkpoint, make_run_folder, read_log, remove_leftovers, save_checkpoint
from .chosen_cases import chosen_cases
from .clock import Stopwatch, time_needed
from .features import CaseFeatures, CropEmbedding, tell_doubts
from .identity import check_same_run, is_done, run_identity
from .launch import (
    CASES_IN_MEMORY,
    crops_in_memory,
    destroy_process_group,
    is_first_process,
    launch,
    memory_errors,
    stop_on_signal,
    summed,
)
from .optimiser import averaging_decay, make_optimiser, scheduled, set_learning_rate
from .options import TrainOptions
from .patient import Patient, home_of, told_by_kind
from .plot import plot_log
from .reading import read_cases
from .split import check_validation
from .step import TrainingStep
from .validate import validate
from .validations import Validations

Progress = Callable[[float, str], None]

Tell = Callable[[str], None]
"""Given a line for the user that stays: what is trained on, how long it takes, the table at the end."""

ESTIMATE_AFTER = 3
"""Steps after which the user is told how long the training takes."""

MAX_SKIPPED_STEPS = 20
"""Largest number of successive steps that may be skipped because their gradients are not finite."""

STOPPED = "training stopped; start the same command again to go on"


class Run:
    """A training under way.

    Args:
        options: What to do.
        config: What to train.
        identity: What makes the run what it is, see `run_identity`.
        saved: The checkpoint that it goes on from; None at the start.
        fabric: This process among those of the training.
        progress: Told the fraction done and a line for the user; in the first process only.
        cancelled: Whether the user asked to stop.
        tell: Given what the user has to know; in the first process only.
    """

    def __init__(
        self,
        options: TrainOptions,
        config: MethodConfig,
        identity: dict[str, Any],
        saved: dict[str, Any] | None,
        fabric: L.Fabric,
        progress: Progress | None,
        cancelled: Callable[[], bool],
        tell: Tell | None = None,
    ) -> None:
        self.options = options
        self.config = config
        self.identity = identity
        self.saved = saved
        self.fabric = fabric
        self.progress = progress if progress is not None and fabric.is_global_zero else lambda fraction, text: None
        self.tell: Tell = tell if tell is not None and fabric.is_global_zero else lambda line: None
        self.cancelled = cancelled
        self.step = 0
        self.elapsed = 0.0
        self.validations = Validations()
        self.skipped_steps = 0
        self.base_sha256: str | None = None
        self.embed: CropEmbedding | None = None
        self.log: TrainingLog | None = None
        self._ready: Batch | None = None

    def read_features(self, cases: list[Case], live: int = 0) -> list[CaseFeatures]:
        """Build the method and read all cases, see `read_cases`."""
        torch.manual_seed(self.options.seed)
        parts = build(self.config, self.options.encoder_weights)
        self.decoder, encoder = parts.network, parts.embedder
        if self.options.start is not None and self.saved is None:
            self.tell(begin_from(self.options.start, parts, self.config))
        move(self.decoder, self.fabric.device)
        if encoder is not None:
            self.base_sha256 = encoder.base_sha256
            move(encoder, self.fabric.device)
            self.embed = CropEmbedding(encoder, self.config.layout)
        with memory_errors(CASES_IN_MEMORY):
            told = (self.progress, self.tell, self._check_cancel)
            return read_cases(cases, live, encoder, self.config.layout, self.options, self.fabric, *told)

    def prepare(self, train: list[CaseFeatures], folders: list[str], val: list[CaseFeatures]) -> None:
        """Make optimiser and data, and take up the checkpoint; `folders` names where the cases lie."""
        options, saved = self.options, self.saved
        self.val = val
        decoder = self.decoder
        self.trained = trainable_names(decoder)
        kinds = find_method(self.config.method).prompts
        step = TrainingStep(decoder, options.clicks, options.seed, kinds, self.config.previous, options.loss)
        optimizer = make_optimiser(decoder, options.learning_rate, options.weight_decay, options.one_rate)
        self.average = AveragedModel(decoder, multi_avg_fn=self._average).to(self.fabric.device)
        self.average.n_averaged = self.average.n_averaged.cpu()  # it is asked at each step
        if saved is not None:
            decoder.load_state_dict(saved["decoder"])
            self.average.load_state_dict(saved["average"])
            optimizer.load_state_dict(saved["optimizer"])
            if precision := saved.get("precision"):
                self.fabric.strategy.precision.load_state_dict(precision)
            self.step, self.elapsed, self.validations = saved["step"], saved["elapsed"], Validations.of(saved)
        if options.checkpointing and not decoder.enable_checkpointing():
            raise ModelError(
                f"the method {options.method!r} cannot compute its activations again to save memory: leave out "
                "--checkpointing, and choose smaller crops or a smaller batch with --accumulate"
            )
        self.module, self.optimizer = self.fabric.setup(step, optimizer)
        self._together = options.batch * options.accumulate * self.fabric.world_size
        device = self.fabric.device
        with memory_errors(CASES_IN_MEMORY):
            home = home_of(train, device)
            patients = [Patient.of(features, home) for features in train]
        self._kinds = told_by_kind(patients, folders)
        tell_doubts([*train, *val], self.tell)
        self._crops = CropMaker(
            patients, device, options.augment, options.seed, self._together, self.embed, self.fabric.autocast
        )

    def _numbers(self, step: int, part: int) -> list[int]:
        """Numbers of the samples that this process takes in a part of a step: a step takes the same samples, however
        many processes and parts share them.
        """
        batch, world = self.options.batch, self.fabric.world_size
        first = step * self._together + part * batch * world + self.fabric.global_rank
        return [first + n * world for n in range(batch)]

    def train(self) -> Path:
        """Run the remaining steps, validate, write the weights and return their path."""
        if self.fabric.is_global_zero:
            self.log = TrainingLog(self.options.output, self.step)
            if not any("patients" in line for line in read_log(self.options.output)):
                self.log.write(step=self.step, patients=self._kinds, validation_cases=len(self.val))
        self.tell(f"Training on {self._kinds}; {len(self.val)} cases for validation; on {self.fabric.device}")
        begun, begun_at = time.monotonic(), self.step
        started = time.monotonic() - self.elapsed
        saved = self.elapsed
        while self.fraction() < 1 and not self._is_settled():
            loss, dice, data_time = self._optimise()
            self.step += 1
            self.elapsed = time.monotonic() - started
            stop = self._agree()
            self._report(loss, dice, data_time)
            if self.step - begun_at == ESTIMATE_AFTER:
                self._estimate((time.monotonic() - begun) / ESTIMATE_AFTER)
            if stop or self.elapsed - saved > 60 * self.options.checkpoint_minutes:
                self._on_first(self._save_and_draw)
                saved = self.elapsed
            if stop:
                raise Cancelled(STOPPED)
            if self.elapsed - self.validations.ended > self.validations.wait(self.options.validate_minutes):
                self._on_first(self._validate)
                self.elapsed = time.monotonic() - started
                self._agree()
                self.validations.ended = self.elapsed
        return self._finish()

    def fraction(self) -> float:
        """Share of the budget that is used up, by steps or by time; the same in all processes."""
        by_time = self.elapsed / (60 * self.options.minutes) if self.options.minutes else 0.0
        return max(self.step / self.options.most_steps, by_time)

    def _is_settled(self) -> bool:
        """Whether so many validations have brought nothing better that the training ends; the same in all processes."""
        if self.options.patience is None:
            return False
        own = self.validations.without_improvement if self.fabric.is_global_zero else 0
        (count,) = summed(self.fabric, float(own))
        return count >= self.options.patience

    def _finish(self) -> Path:
        if not self._is_settled():
            self._on_first(self._validate_last)
        if stop := self._agree():
            self._on_first(self._save)
        else:
            self._on_first(self._conclude)
        if stop:
            raise Cancelled(STOPPED)
        return self.options.weights

    def _conclude(self) -> None:
        """What is there at the end: the checkpoint, the card, and for the user the table and the names of the files."""
        self._save(finished=True)
        found, training = self.validations, (self.step, self.elapsed)
        card = write_card(self.options, self.config, found, training, self._kinds, len(self.val))
        if found.best:
            self.tell(result_table(found.best))
        self.tell(f"{card} written")
        self.tell(f"{self.options.weights} written")

    def _check_cancel(self) -> None:
        if self.cancelled():
            raise Cancelled(STOPPED)

    def _optimise(self) -> tuple[float, list[float | None], float]:
        """One step of the optimiser; returns loss, Dice (WT, TC, ET) and the share of its time spent on crops.

        The host asks the device for numbers once, after all has been queued; then the next crops are queued as well.
        """
        options = self.options
        share = scheduled(self.step, options.warmup, self.fraction(), options.power)
        set_learning_rate(self.optimizer, options.learning_rate * share)
        self.module.train()
        self.optimizer.zero_grad()
        losses, dices, watch = [], [], Stopwatch(self.fabric.device)
        for part in range(options.accumulate):
            with watch:
                batch = self._ready or self._crops.batch(self._numbers(self.step, part))
            self._ready = None
            # chance within the network is bound to the crops too, not to who computes them
            torch.manual_seed(hash((options.seed, batch.index[0])) % 2**31)
            with self.fabric.no_backward_sync(self.module, enabled=part + 1 < options.accumulate):
                loss, dice = self.module(batch, min(1.0, self.fraction()))
                self.fabric.backward(loss / options.accumulate)
            losses.append(loss.detach())
            dices.append(dice)
        norm = self.fabric.clip_gradients(
            self.module, self.optimizer, max_norm=options.gradient_clip, error_if_nonfinite=False
        )
        if self.fabric.device.type != "cpu" and self.step + 1 < options.most_steps:  # while the device is busy
            with watch:
                self._ready = self._crops.batch(self._numbers(self.step + 1, 0))
        dice = torch.stack(dices).nanmean(dim=0)
        counted = torch.ones_like(losses[0]) if norm is None else norm
        loss_, norm_, *dice_ = torch.stack([torch.stack(losses).mean(), counted, *dice]).tolist()
        self._check_loss(loss_)
        self._skip_step_if(not math.isfinite(norm_))
        self.optimizer.step()
        self.average.update_parameters(self.decoder)
        return round(loss_, 4), [None if math.isnan(one) else round(one, 3) for one in dice_], watch.share()

    def _average(self, average: Any, current: Any, count: Any) -> None:
        """Take the weights of this step into the average."""
        get_ema_multi_avg_fn(averaging_decay(self.step, self.options.ema))(average, current, count)

    def _check_loss(self, loss: float) -> None:
        (broken,) = summed(self.fabric, float(not math.isfinite(loss)))  # all processes end, wherever it is
        if broken:
            raise CaseError(f"The loss is not finite at step {self.step}: lower the learning rate or check the cases")

    def _skip_step_if(self, broken: bool) -> None:
        """Discard gradients that are not finite, the same in all processes; many such steps in a row are an error.

        A crop of little but air can give such a gradient in bfloat16; float16 meets them while its scale is found.
        """
        self.skipped_steps = self.skipped_steps + 1 if broken else 0
        if broken:
            self.optimizer.zero_grad()
        if self.skipped_steps > MAX_SKIPPED_STEPS:
            raise CaseError(
                f"the gradients of {self.skipped_steps} steps in a row are not finite at step {self.step}: "
                "lower the learning rate, choose precision 32-true, or check the cases"
            )

    def _report(self, loss: float, dice: list[float | None], data_time: float) -> None:
        """Write the log and show the user; `data_time` is the share of the step's time spent on making crops."""
        if self.log is None:
            return
        seconds, data_time = round(self.elapsed, 1), round(data_time, 3)
        notes = {"skipped": True} if self.skipped_steps else {}
        self.log.write(step=self.step, seconds=seconds, loss=loss, dice=dice, data_time=data_time, **notes)
        fraction = min(1.0, max(self.fraction(), 1e-6))
        left = self.elapsed * (1 - fraction) / fraction / 60
        scores = " ".join(f"{name} {one:.2f}" for name, one in zip(REGIONS, dice, strict=True) if one is not None)
        self.progress(fraction, f"step {self.step}, loss {loss:.3f}, Dice {scores}, {left:.0f} min left")

    def _estimate(self, seconds: float) -> None:
        """Tell how long all will take, at so many seconds a step; how long a validation takes is tried on a case."""
        options, validations = self.options, self.validations
        if self.val and not validations.takes:
            self._on_first(self._try_validation)
            self._agree()
        budget = math.inf if options.minutes is None else max(0.0, 60 * options.minutes - self.elapsed)
        wait = max(seconds, validations.wait(options.validate_minutes))
        left, count = validations.plan(seconds * (options.most_steps - self.step), budget, wait)
        validated = f", with {count} validations of {time_needed(validations.takes)}" if self.val else ""
        self.tell(
            f"A step takes {seconds:.1f} s: this takes about {time_needed(left)}{validated}. "
            "Ctrl-C stops it; the same command goes on"
        )

    def _agree(self) -> bool:
        """Whether any process was asked to stop; and gives all of them the times that the first has measured."""
        times = (self.elapsed, self.validations.takes) if self.fabric.is_global_zero else (0.0, 0.0)
        stop, self.elapsed, self.validations.takes = summed(self.fabric, float(self.cancelled()), *times)
        return stop > 0

    def _on_first(self, work: Callable[[], None]) -> None:
        """Do `work` in the first process while the others wait; when it fails, all end."""
        failure: GliomaSAMError | None = None
        if self.fabric.is_global_zero:
            try:
                work()
            except GliomaSAMError as error:
                failure = error
        (failed,) = summed(self.fabric, float(failure is not None))
        if failure is not None:
            raise failure
        if failed:
            raise Cancelled("the first process failed and says why")

    def _validate(self) -> None:
        """Validate the averaged weights and write them where they are the best so far (always without validation)."""
        self.progress(min(1.0, self.fraction()), f"step {self.step}, validating on {len(self.val)} cases")
        begun = time.monotonic()
        measured = self._measure(self.val)
        if measured is None:
            return
        self.validations.takes = time.monotonic() - begun
        if self.log is not None:
            self.log.write(step=self.step, seconds=round(self.elapsed, 1), validation=measured)
        if self.validations.add(measured, self.step, self.elapsed):
            self._write_weights(measured)
        self._save_and_draw()

    def _validate_last(self) -> None:
        """Validate what has been learned since the last time, if anything."""
        if self.validations.step != self.step or not self.options.weights.exists():
            self._validate()

    def _try_validation(self) -> None:
        """Learn from one case how long a validation takes."""
        begun = time.monotonic()
        if self._measure(self.val[:1]) is not None:
            self.validations.takes = len(self.val) * (time.monotonic() - begun)

    def _measure(self, cases: list[CaseFeatures]) -> dict[str, float] | None:
        """Validate the averaged weights; None where the user stops that."""
        self.average.eval()
        network = cast(VolumeDecoder, self.average.module)
        try:
            return validate(network, cases, self.fabric.device, self._check_cancel, self.config.previous)
        except Cancelled:  # the loop sees it too, and writes a checkpoint before it stops
            return None

    def _write_weights(self, measured: dict[str, float]) -> None:
        notes = {"steps": str(self.step), "minutes": f"{self.elapsed / 60:.0f}", "validation": repr(measured)}
        state = trainable_state_dict(self.average.module, self.trained)
        save_weights(self.options.weights, state, self.config.to_json(), self.base_sha256, notes)

    def _save_and_draw(self) -> None:
        self._save()
        plot_log(self.options.output)

    def _save(self, finished: bool = False) -> None:
        state = {
            "config": self.config.to_json(),
            "identity": self.identity,
            "decoder": self.decoder.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            **self.validations.state(),
            "finished": finished,
        }
        save_checkpoint(self.options.output, state)


def fit(
    options: TrainOptions,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    tell: Tell | None = None,
) -> Path:
    """Train, or go on with a training that was stopped, and return the path of the weights file. Nothing is done where
    that training is finished already.

    With several devices a process each runs the whole calling program up to here; only the first reports.

    Args:
        options: What to do.
        progress: Called with the fraction done and a line that tells loss, Dice and time left.
        cancel: Asked between steps; when it returns true a checkpoint is written and `Cancelled` raised.
        tell: Given the lines that stay: the patients by kind, the time it takes, the table at the end, the files.

    Raises:
        CaseError: No case, a damaged case or split, a damaged checkpoint or one of another training.
        StudyError: A volume of a case cannot be used.
        ModelError: The options make no sense, a device is not there, or its memory does not suffice.
        WeightsError: The weights of the frozen encoder, or those to begin from, are absent, damaged or do not fit.
        OutputError: The checkpoint or weights cannot be written.
        Cancelled: The user stopped; the same command goes on from there.
    """
    config = options.method_config()
    saved = load_checkpoint(options.output, config)
    told = tell if tell is not None and is_first_process() else lambda line: None
    train, val = chosen_cases(options, saved is not None, told)
    identity = run_identity(options, train, val)
    if saved is not None:
        if note := check_same_run(saved, identity, options):
            told(note)
        if done := is_done(saved, options):
            told(done)
            return options.weights
    check_validation(val)
    make_run_folder(options.output)
    fabric = launch(options, config)
    cached = fabric.device.type == "cpu" if options.cache_features is None else options.cache_features
    alone = alone_in(options.output) if fabric.is_global_zero else nullcontext()
    with alone, stop_on_signal(cancel) as cancelled, memory_errors(crops_in_memory(options)):
        if fabric.is_global_zero:
            remove_leftovers(options.output)
        run = Run(options, config, identity, saved, fabric, progress, cancelled, tell)
        features = run.read_features([*train, *val], live=0 if cached else len(train))
        folders = [case.folder.parent.name for case in train]
        run.prepare(features[: len(train)], folders, features[len(train) :])
        weights = run.train()
        destroy_process_group(fabric)
        return weights
