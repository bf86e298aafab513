"""Labelled cases on disk."""

from user.labelled_cases import cases_folder, make_case

__all__ = ["cases_folder", "make_case"]
