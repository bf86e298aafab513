"""What the user chose on the panel; saved with the scene."""

import enum

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import parameterNodeWrapper


class Skull(enum.Enum):
    """Whether the skull has still to be taken off; values as for `Study.read`."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"

    def label(self) -> str:
        """What the selector shows."""
        texts = {
            "auto": _("find out whether it is there"),
            "on": _("is there: take it off"),
            "off": _("is gone, or leave it on"),
        }
        return texts[self.value]


class Region(enum.Enum):
    """What prompts are about; values as in `GliomaSAMLib.regions`."""

    WT = "WT"
    TC = "TC"
    ET = "ET"

    def label(self) -> str:
        """What the selector shows."""
        texts = {"WT": _("Whole tumour"), "TC": _("Tumour core"), "ET": _("Enhancing tumour")}
        return texts[self.value]


class Style(enum.Enum):
    """Which segments are written; values as for `SegmentWriter`."""

    NESTED = "nested"
    DISJOINT = "disjoint"
    LESION = "lesion"

    def label(self) -> str:
        """What the selector shows."""
        texts = {
            "nested": _("nested: whole, core, enhancing"),
            "disjoint": _("disjoint: oedema, core, enhancing"),
            "lesion": _("one of your own: any lesion"),
        }
        return texts[self.value]


class Overwrite(enum.Enum):
    """Which other segments lose voxels; values as for `SegmentWriter`."""

    NONE = "none"
    VISIBLE = "visible"
    ALL = "all"

    def label(self) -> str:
        """What the selector shows."""
        texts = {
            "none": _("are never changed"),
            "visible": _("give way where visible"),
            "all": _("always give way"),
        }
        return texts[self.value]


class Tumour(enum.Enum):
    """What a response is judged by; values as in `GliomaSAMLib.followup.options`."""

    CE = "CE"
    NON_CE = "nonCE"
    MIXED = "mixed"

    def label(self) -> str:
        """What the selector shows."""
        texts = {"CE": _("enhances"), "nonCE": _("does not enhance"), "mixed": _("both are judged")}
        return texts[self.value]


@parameterNodeWrapper
class GliomaSAMParameters:
    """The parameters of the module.

    Attributes:
        t1, t1c, t2, flair: The volumes; None where there is none.
        register: Whether the volumes are aligned first.
        skull: Whether the skull is taken off.
        samePatient: Whether the user says that the volumes are of one patient.
        segmentation: Where results go.
        region: What the next prompts are about.
        outside: Whether scribbles and lassos lie outside the region.
        showPrompts: Whether prompts are shown in the views.
        style, overwrite: How results become segments.
        lesionSegment: Id of the segment for "any lesion"; "" for a new one.
        showUncertainty: Whether the overlay of uncertainty is shown.
        followUpTumour: What the response between visits is judged by.
        visitsAligned: Whether visits lie in one space already.
        model, device: As for `load_model`.
    """

    t1: vtkMRMLScalarVolumeNode
    t1c: vtkMRMLScalarVolumeNode
    t2: vtkMRMLScalarVolumeNode
    flair: vtkMRMLScalarVolumeNode
    register: bool = False
    skull: Skull = Skull.AUTO
    samePatient: bool = False
    segmentation: vtkMRMLSegmentationNode
    region: Region = Region.WT
    outside: bool = False
    showPrompts: bool = True
    style: Style = Style.NESTED
    overwrite: Overwrite = Overwrite.NONE
    lesionSegment: str = ""
    showUncertainty: bool = False
    followUpTumour: Tumour = Tumour.CE
    visitsAligned: bool = False
    model: str = "gliomasam"
    device: str = "auto"
