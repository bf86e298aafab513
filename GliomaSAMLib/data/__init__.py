"""Labelled cases, and where robots and simulated users click in them."""

from .cases import Case, OpenCase, Split, choose_cases, find_cases, open_case, read_split

__all__ = ["Case", "OpenCase", "Split", "choose_cases", "find_cases", "open_case", "read_split"]
