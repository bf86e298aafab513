"""The methods that an evaluation measures: models, baselines, and masks that exist already."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..data.cases import Case
from ..errors import CaseError, ModelError
from .given_masks import GivenMasks
from .protocol import CaseResult
from .session_method import SegmentationMethod

if TYPE_CHECKING:
    from .evaluate import EvaluationOptions

BASELINES = ("lite_medsam_boxes", "lite_medsam_propagated", "lite_medsam_boxes_3ch", "grow_ball", "grow_planes")
"""Methods of others, by the name that `EvaluationOptions.baselines` takes."""


def build_methods(options: "EvaluationOptions") -> list[SegmentationMethod]:
    """The models, baselines and masks that `options` name. Raises ModelError, WeightsError or CaseError; the first also
    where two models are the same, the last where masks have the name of another method.
    """
    from . import baselines
    from .baselines.lite_medsam import StockLiteMedSAM

    masks = [GivenMasks(name, place, options.masks_labels) for name, place in options.masks.items()]
    methods: list[SegmentationMethod] = []
    if options.models:
        from .session_method import SessionMethod

        base = options.encoder_weights
        methods += [SessionMethod(model, options.device, encoder_weights=base) for model in options.models]
    stock: StockLiteMedSAM | None = None
    for name in options.baselines:
        if name.startswith("lite_medsam"):
            stock = stock or StockLiteMedSAM()
            three = name.endswith("_3ch")
            kind = baselines.LiteMedSAMPropagated if "propagated" in name else baselines.LiteMedSAMEverySlice
            methods.append(kind(stock, three_channels=three))
        else:
            methods.append(baselines.GrowFromSeedsBall() if name == "grow_ball" else baselines.GrowFromSeedsPlanes())
    names = Counter((method.name, method.weights) for method in methods)
    if twice := [name for (name, _), count in names.items() if count > 1]:
        raise ModelError(f"{twice[0]} is to be measured twice with the same weights: name it once")
    taken = {method.name for method in methods} | {*options.models, *options.baselines}
    if same := [name for name in options.masks if name in taken]:
        raise CaseError(f"The masks {same[0]} have the name of a method that is measured: choose another name for them")
    return [*methods, *masks]


def check_masks(methods: Sequence[SegmentationMethod], cases: Sequence[Case], earlier: Iterable[CaseResult]) -> None:
    """Raise `CaseError` for masks of none of the cases, or with the name of another method that was measured before."""
    masks = {method.name: method for method in methods if isinstance(method, GivenMasks)}
    for method in masks.values():
        method.check(cases)
    for result in earlier:
        if result.method in masks and result.is_timed:
            raise CaseError(
                f"There are results of another method with the name of the masks {result.method}: choose another name"
            )
