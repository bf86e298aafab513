"""The extent of resection: what surgery left.

Classes of RANO resect (Karschnia et al. 2023, doi 10.1093/neuonc/noac193): by the volume that is left, not by percent;
the sub-classes A and B are from memory. Beside them the names of 2021 (doi 10.1016/j.ejca.2021.03.002). A published
tool takes 10 and 50 mL in place of 1 and 5.
"""

from dataclasses import dataclass

from .course import TINY, at_least

SUPRAMAXIMAL_ML = 5.0
"""Most non-enhancing tumour that is left after a resection of class 1."""

NEAR_TOTAL_ML, SUBTOTAL_ML = 1.0, 5.0
NEAR_TOTAL_PERCENT, SUBTOTAL_PERCENT = 95.0, 80.0


@dataclass(frozen=True)
class Resection:
    """What is left after surgery.

    Args:
        extent_percent: (before - after) / before x 100 of enhancing tumour; None where there was none before.
        grade: The class of RANO resect: "1", "2A", "2B", "3A", "3B" or "4"; None where there was no tumour.
        name_2021: The name of 2021: "complete", "near total", "subtotal", "partial" or "biopsy".
        reason: One sentence.
        notes: What a mask cannot tell.
    """

    extent_percent: float | None
    grade: str | None
    name_2021: str | None
    reason: str = ""
    notes: tuple[str, ...] = ()


def resect(
    pre_ce_ml: float, post_ce_ml: float, post_non_ce_ml: float | None = None, surgery: str | None = None
) -> Resection:
    """The extent of resection and its class.

    Args:
        pre_ce_ml: Enhancing tumour before surgery, mL.
        post_ce_ml: Enhancing tumour after it.
        post_non_ce_ml: Whole tumour without the enhancing one after it, an upper bound; None where it is not known.
        surgery: "resection" or "biopsy"; None where it is not known.
    """
    if pre_ce_ml <= 0:
        reason = "There was no enhancing tumour before surgery: the classes are for enhancing tumours."
        return Resection(None, None, None, reason)
    extent = (pre_ce_ml - post_ce_ml) / pre_ce_ml * 100
    volumes = f"{post_ce_ml:.2f} mL of {pre_ce_ml:.2f} mL of enhancing tumour are left, {extent:.1f} % were removed"
    if surgery == "biopsy":
        return Resection(extent, "4", "biopsy", f"Class 4: a biopsy; {volumes}.")
    if surgery is None and extent <= 0:
        return Resection(extent, "4", "biopsy", f"Class 4: nothing was removed; {volumes}.")
    grade, why = _grade(post_ce_ml, post_non_ce_ml)
    return Resection(extent, grade, _name(extent, post_ce_ml), f"Class {grade}: {volumes}; {why}.")


def _grade(after: float, rest: float | None) -> tuple[str, str]:
    """The class by what is left, and why."""
    if after <= 0:
        if rest is None:
            return "2A", "how much non-enhancing tumour is left is not known"
        left = f"of non-enhancing tumour at most {rest:.2f} mL are left"
        if _at_most(rest, SUPRAMAXIMAL_ML):
            return "1", f"{left}, which is up to {SUPRAMAXIMAL_ML:g} mL"
        return "2A", f"{left}, which is more than {SUPRAMAXIMAL_ML:g} mL"
    if _at_most(after, NEAR_TOTAL_ML):
        return "2B", f"up to {NEAR_TOTAL_ML:g} mL are near total"
    if _at_most(after, SUBTOTAL_ML):
        return "3A", f"up to {SUBTOTAL_ML:g} mL are subtotal"
    return "3B", f"more than {SUBTOTAL_ML:g} mL are partial"


def _name(extent: float, after: float) -> str:
    """The name of 2021, by percent and by what is left."""
    if after <= 0:
        return "complete"
    if at_least(extent, NEAR_TOTAL_PERCENT) and _at_most(after, NEAR_TOTAL_ML):
        return "near total"
    if at_least(extent, SUBTOTAL_PERCENT) and _at_most(after, SUBTOTAL_ML):
        return "subtotal"
    return "partial"


def _at_most(value: float, limit: float) -> bool:
    return value <= limit * (1 + TINY)
