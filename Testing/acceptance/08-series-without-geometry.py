"""A DICOM series without Pixel Spacing is taken as 1 x 1 mm (volumes in mL are wrong), one without Image Orientation as
axial: both without a word, as anonymised and secondary-capture series come."""

from common import classic_series
from common import folder
from common import head
from common import verdict
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_volume

told = {}
for name, options in {"no pixel spacing": dict(pixel_spacing=lambda k: None), "no orientation": dict(orientation=lambda k: None)}.items():
    try:
        volume, _ = read_volume(classic_series(folder() / "dicom", head(), **options), "flair")
        told[name] = f"accepted with {volume.GetSpacing()} mm"
    except StudyError:
        told[name] = ""
verdict(any(told.values()), "; ".join(f"{name}: {text or 'refused'}" for name, text in told.items()))
