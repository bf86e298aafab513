"""Names that models and methods had in earlier versions, as weights files and scenes still hold them."""

CURRENT = {"gliomasam_adapted": "gliomasam"}
"""The name of today by the name of before."""


def current_name(name: str) -> str:
    """The name that a model or a method has today; one that never changed is given back."""
    return CURRENT.get(name, name)
