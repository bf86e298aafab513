"""Reading the cases of a training: with several processes each embeds its share."""

import time
from collections.abc import Callable, Sequence

import lightning as L

from ..data.cases import Case
from ..models.encoders.base import SliceEncoder
from ..models.slice_stack import StackLayout
from .clock import time_needed
from .features import CaseFeatures, case_features
from .options import TrainOptions

LONG = 60.0
"""The user is told of a reading that takes more seconds."""


def read_cases(
    cases: Sequence[Case],
    live: int,
    encoder: SliceEncoder | None,
    layout: StackLayout,
    options: TrainOptions,
    fabric: L.Fabric,
    progress: Callable[[float, str], None],
    tell: Callable[[str], None],
    cancel: Callable[[], None],
) -> list[CaseFeatures]:
    """Read all cases, embedding what is not cached.

    Args:
        cases: All of them; the first `live` are read without embeddings: their crops are embedded as they come.
        live: How many.
        encoder: The frozen encoder on the device, or None.
        layout: Which slices are embedded.
        options: The training.
        fabric: This process among those of the training.
        progress: Told what is read.
        tell: Given a line when it takes long, as soon as that shows.
        cancel: Called between slices; may raise.

    Raises:
        As `case_features`.
    """
    rank, world, begun, told = fabric.global_rank, fabric.world_size, time.monotonic(), False
    features: dict[int, CaseFeatures] = {}
    for own in (True, False):  # first what this process embeds, then what the others have cached
        for n, case in enumerate(cases):
            if (n % world == rank) is own:
                progress(0.0, f"reading case {case.name}, {len(features) + 1} of {len(cases)}")
                embed = encoder if n >= live else None
                features[n] = case_features(case, embed, layout, options.features, fabric.device, cancel)
                each = (time.monotonic() - begun) / len(features)
                left = each * (len(cases) / world - len(features))
                if own and not told and left > LONG:
                    told = True
                    tell(
                        f"Reading {len(cases)} cases takes about {time_needed(left)} more, {each:.0f} s each, and some "
                        f"{features[n].nbytes * len(cases) / 1e9:.1f} GB of the disk; they are kept in "
                        f"{options.features}, and the next time they are read at once"
                    )
        fabric.barrier()
    return [features[n] for n in range(len(cases))]
