"""An enhanced multi-frame DICOM with frames missing, or with two echoes, is read as one even stack."""

import numpy as np
from common import TUMOUR_RAS
from common import bright_centre
from common import enhanced_file
from common import folder
from common import head
from common import verdict
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_volume

heights = -20.0 + np.arange(48)
kept = np.r_[0:20, 34:48]
cases = {
    "14 frames missing": (head(tumour=(40, 22, 40))[kept], heights[kept], TUMOUR_RAS + (0, 0, 24)),
    "two echoes": (np.concatenate([head()] * 2), np.concatenate([heights] * 2), TUMOUR_RAS),
}
told = {}
for name, (frames, places, truth) in cases.items():
    path = enhanced_file(folder() / "e.dcm", frames, places)
    try:
        off = np.linalg.norm(bright_centre(read_volume(path.parent, "flair")[0]) - truth)
        told[name] = f"{name}: {off:.1f} mm off" if off > 1 else ""
    except StudyError:
        told[name] = ""
verdict(any(told.values()), "; ".join(text or f"{name}: handled" for name, text in told.items()))
