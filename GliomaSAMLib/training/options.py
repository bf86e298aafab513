"""What a training is asked to do."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ModelError
from ..models.registry import MethodConfig, find_method
from .augment import AugmentConfig
from .click_simulation import ClickConfig
from .features import MULTIPLE
from .step import LossConfig

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")

DEFAULT_STEPS = 4000
"""Steps of a training of which neither steps nor minutes are said."""


def mends_answers(config: MethodConfig) -> bool:
    """Whether a method is given the answer before, and clicks that mend it."""
    return config.previous == "answer" and "point" in find_method(config.method).prompts


@dataclass(frozen=True)
class TrainOptions:
    """What `gliomasam train` is asked to do.

    Args:
        folder: Folder of case folders.
        output: Folder of the run: checkpoint, log, curve, card, weights.
        split: JSON with the lists `train` and `val`, see `read_split`; None makes one, see `make_split`, and writes it
            to the folder of the run.
        extra: Further folders of case folders, all of which are for training, whatever the split.
        validation: Share of the gliomas that a split which is made has for validation; 0 for none.
        labels: What the labels of all cases mean, as for `find_cases`.
        method: Name of the method.
        steps: Steps of the optimiser; None: as many as the minutes allow, `DEFAULT_STEPS` without these.
        minutes: Time budget; the schedule follows whichever of steps and minutes is used up faster. None: steps alone.
        batch: Crops that a process takes through the network at once.
        accumulate: Such batches a step and process; their gradients are added up, which takes no more memory than one.
        checkpointing: Compute activations again for the gradients instead of keeping them: less memory, more time.
        learning_rate, weight_decay, warmup, gradient_clip: AdamW with linear warm-up, see `scheduled`.
        one_rate: Whether all parts of a network learn at that rate; else as `learning_rate_factors` says.
        power: The learning rate falls as the share of the training that is left to this power; None: as a cosine.
        ema: Decay of the moving average of the weights, which is what is saved and validated; less in the first steps,
            see `averaging_decay`.
        accelerator, devices, nodes, precision: As Lightning Fabric takes them; precision is one of `PRECISIONS`, "auto"
            bfloat16 where fast.
        seed: Seed of everything random.
        validate_minutes, checkpoint_minutes: How often; validations come less often where they would take more than a
            tenth of the time, see `Validations`.
        patience: The training ends after so many validations in a row without a better score; None: never so.
        cache: Folder of the frozen features; None for `output`/features.
        cache_features: Whether frozen features come from that folder, computed once and moved along with the crops;
            else every crop is embedded after its augmentation, which takes longer and shows the encoder more images.
            None: from the folder on a CPU, anew on a GPU. What they do not show, such as a tumour that was pasted, is
            always embedded anew.
        augment: How crops are drawn and changed.
        clicks: How users are simulated.
        loss: What counts how much.
        config: Sizes of the network, where they differ from the method's own.
        encoder_weights: Checkpoint of the frozen encoder, for encoders whose weights do not ship (SAM, MedSAM).
        start: Weights to begin from, a file or the name of a trained model; None for chance.
    """

    folder: Path
    output: Path
    split: Path | None = None
    extra: tuple[Path, ...] = ()
    validation: float = 0.2
    labels: str | None = None
    method: str = "gliomasam"
    steps: int | None = None
    minutes: float | None = None
    batch: int = 1
    accumulate: int = 1
    checkpointing: bool = False
    learning_rate: float = 8e-4
    weight_decay: float = 1e-2
    warmup: int = 100
    one_rate: bool = False
    power: float | None = None
    gradient_clip: float = 1.0
    ema: float = 0.998
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "auto"
    seed: int = 0
    validate_minutes: float = 15.0
    checkpoint_minutes: float = 2.0
    patience: int | None = None
    cache: Path | None = None
    cache_features: bool | None = None
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    clicks: ClickConfig = field(default_factory=ClickConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    config: MethodConfig | None = None
    encoder_weights: Path | None = None
    start: str | None = None

    @property
    def weights(self) -> Path:
        """The weights file that the training writes."""
        return self.output / f"{self.method}.safetensors"

    @property
    def features(self) -> Path:
        """The folder of the frozen features."""
        return self.cache or self.output / "features"

    @property
    def most_steps(self) -> float:
        """Steps after which the training ends, if the minutes have not ended it; may be infinite."""
        if self.steps is not None:
            return self.steps
        return DEFAULT_STEPS if self.minutes is None else math.inf

    def method_config(self) -> MethodConfig:
        """What is to be trained.

        Raises:
            ModelError: There is no such method, or the options make no sense; the text says which.
        """
        config = self.config or find_method(self.method).config
        find_method(config.method)
        multiple = int(config.decoder.multiple)
        shapes = (self.augment.crop, self.augment.large_crop)
        positive = {
            "steps": 1 if self.steps is None else self.steps,
            "batch": self.batch,
            "accumulate": self.accumulate,
            "learning rate": self.learning_rate,
            "power of the schedule": 1.0 if self.power is None else self.power,
            "devices": self.devices,
            "nodes": self.nodes,
            "minutes": 1.0 if self.minutes is None else self.minutes,
            "patience": 1 if self.patience is None else self.patience,
        }
        problems = [
            f"{name} must be a number above 0, not {value}"
            for name, value in positive.items()
            if not (math.isfinite(value) and value > 0)
        ]
        if config.method != self.method:
            problems.append(f"the config is one of {config.method!r}, not of {self.method!r}")
        if MULTIPLE % multiple:
            problems.append(
                f"cases are padded to multiples of {MULTIPLE} mm, which the decoder's {multiple} mm do not fit"
            )
        problems += [
            f"the sides of a crop must be multiples of {multiple}, not {shape}"
            for shape in shapes
            if any(n <= 0 or n % multiple for n in shape)
        ]
        if self.seed < 0:
            problems.append(f"the seed must be 0 or more, not {self.seed}")
        if self.precision not in PRECISIONS:
            *names, last = PRECISIONS
            problems.append(f"the precision must be {', '.join(names)} or {last}, not {self.precision}")
        if not 0 <= self.validation < 1:
            problems.append(f"the share for validation must lie in 0 to below 1, not {self.validation}")
        if self.patience is not None and self.split is None and not self.validation:
            problems.append("without a split there are no validations that could end it early: leave out patience")
        problems += self.augment.problems() + self.clicks.problems() + self.loss.problems()
        replaced = self.clicks.previous_truth + self.clicks.previous_distorted
        if replaced > 0 and not mends_answers(config):
            problems.append(
                f"the method {config.method!r} is given no answer before that could be replaced: leave out the shares "
                "of answers after the truth and after a distorted truth"
            )
        if problems:
            raise ModelError(f"the training cannot be done: {'; '.join(problems)}")
        return config
