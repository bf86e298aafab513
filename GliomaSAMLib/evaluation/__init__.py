"""How good a method is and how fast: metrics, the robot that clicks, baselines, tables and plots."""

from ..working_folder import import_elsewhere

import_elsewhere()  # before PyTorch and MONAI are imported

from .evaluate import BASELINES, VARIANTS, Evaluation, EvaluationOptions, Variant, run_evaluation
from .protocol import CaseResult, ProtocolOptions, ResultStore, Round, read_results, run_protocol
from .session_method import InteractiveMethod, SegmentationMethod
from .tables import Summary, summarise

__all__ = [
    "BASELINES",
    "VARIANTS",
    "CaseResult",
    "Evaluation",
    "EvaluationOptions",
    "InteractiveMethod",
    "ProtocolOptions",
    "ResultStore",
    "Round",
    "SegmentationMethod",
    "Summary",
    "Variant",
    "read_results",
    "run_evaluation",
    "run_protocol",
    "summarise",
]
