"""How published methods are trained, as far as their papers or code say it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..errors import ModelError
from ..models.registry import find_method
from .options import TrainOptions, mends_answers


@dataclass(frozen=True)
class Recipe:
    """What a paper or its code says: with one learning rate for all parts, and the rest as for our own method, such as
    the average of the weights, clipped gradients and simulated users.

    Args:
        learning_rate: The highest.
        weight_decay: Of AdamW.
        warmup: Steps of linear warm-up.
        power: Of the polynomial by which the learning rate falls.
        dice, entropy: Weights of Dice loss and cross entropy; voxels near clicks count no more than others.
    """

    learning_rate: float
    weight_decay: float
    warmup: int
    power: float
    dice: float
    entropy: float


PUBLISHED: Mapping[str, Recipe] = {
    # code of MA-SAM (Chen et al., arXiv 2309.08842)
    "ma_sam": Recipe(learning_rate=8e-4, weight_decay=0.1, warmup=250, power=7.0, dice=0.8, entropy=0.2),
    # code of a sibling work by an author of CMAA (Shi et al., arXiv 2307.01124), which names no learning rate or decay
    "cmaa": Recipe(learning_rate=8e-4, weight_decay=1e-2, warmup=250, power=0.9, dice=0.8, entropy=0.2),
}
"""By method. Of `csad` and `3dmedsam` neither paper nor code is known to say it."""


def as_published(options: TrainOptions) -> TrainOptions:
    """The options with optimiser, schedule and loss as published; unchanged for a method of which nothing is known."""
    recipe = PUBLISHED.get(options.method)
    if recipe is None:
        return options
    return replace(
        options,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        warmup=recipe.warmup,
        power=recipe.power,
        one_rate=True,
        loss=replace(options.loss, dice=recipe.dice, near_clicks=0.0, entropy=recipe.entropy),
    )


def for_clicks(options: TrainOptions) -> TrainOptions:
    """The options with what makes a click mend more and break less, as the weights that ship were trained last: answers
    before that are right or wrong in one place, clicks at borders, and errors that weigh more where they are new or
    clicked (docs/benchmarks/click_training.md).

    Raises:
        ModelError: The method is not given the answer before, or there is no such method.
    """
    config = options.config or find_method(options.method).config
    if not mends_answers(config):
        raise ModelError(
            f"the recipe clicks is for methods that are given the answer before, which {config.method} is not: choose "
            "another recipe"
        )
    return replace(
        options,
        clicks=replace(options.clicks, border=0.25, previous_truth=0.08, previous_distorted=0.3),
        loss=replace(options.loss, new_error_weight=3.0, clicked_error_weight=2.0),
    )


RECIPES: Mapping[str, Callable[[TrainOptions], TrainOptions]] = {
    "ours": lambda options: options,
    "published": as_published,
    "clicks": for_clicks,
}
"""By name, what each makes of the options."""


def with_recipe(name: str, options: TrainOptions, tell: Callable[[str], None] = lambda line: None) -> TrainOptions:
    """What a recipe makes of the options; the user is told where it has nothing for the method.

    Raises:
        ModelError: There is no such recipe, or it is not for the method.
    """
    if name not in RECIPES:
        *names, last = RECIPES
        raise ModelError(f"There is no recipe {name!r}: choose {', '.join(names)} or {last}")
    changed = RECIPES[name](options)
    if name != "ours" and changed == options:
        tell(f"note: the recipe {name} knows nothing of {options.method}, which is trained as with ours")
    return changed
