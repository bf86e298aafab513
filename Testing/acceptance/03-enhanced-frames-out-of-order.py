"""An enhanced multi-frame DICOM whose frames are stored interleaved (packages, stacks) is read in the order of storage."""

import numpy as np
from common import TUMOUR_RAS
from common import bright_centre
from common import enhanced_file
from common import folder
from common import head
from common import verdict
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_volume

order = np.r_[0:48:3, 1:48:3, 2:48:3]
path = enhanced_file(folder() / "e.dcm", head()[order], -20.0 + order)
try:
    volume, _ = read_volume(path.parent, "flair")
    off = np.linalg.norm(bright_centre(volume) - TUMOUR_RAS)
    verdict(off > 1, f"tumour read {off:.1f} mm from its place, slices scrambled, no word")
except StudyError as error:
    verdict(False, f"refused: {error}")
