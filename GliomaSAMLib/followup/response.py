"""The category of response of one component in two or three dimensions, and the rule that gave it."""

from dataclasses import dataclass

CATEGORIES = ("PD", "SD", "MR", "PR", "CR")


@dataclass(frozen=True)
class Response:
    """A category with its reason.

    Args:
        category: One of `CATEGORIES`; None at the baseline and before it.
        rule: The rule's name in the specification, such as "target-progression".
        reason: One sentence with the numbers, their visits and the rule.
        from_baseline_percent: Change of the sum; None where the baseline is 0.
        from_nadir_percent: Change of the sum; None where the nadir is 0.
    """

    category: str | None
    rule: str
    reason: str = ""
    from_baseline_percent: float | None = None
    from_nadir_percent: float | None = None
