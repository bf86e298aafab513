"""Labelled cases, and where robots and simulated users click in them."""

from .cases import Case, OpenCase, Split, choose_cases, find_cases, open_case, read_split
from .labels import ORDERS, LabelMap, check_order, read_label_map

__all__ = [
    "ORDERS",
    "Case",
    "LabelMap",
    "OpenCase",
    "Split",
    "check_order",
    "choose_cases",
    "find_cases",
    "open_case",
    "read_label_map",
    "read_split",
]
