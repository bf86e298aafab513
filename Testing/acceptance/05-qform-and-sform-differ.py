"""NIfTI with a qform that differs from its sform (as SPM's coregistration leaves it): ITK takes the qform, nibabel, FSL
and MRtrix the sform. The click at the sform's place marks another part of the head, and no note says so."""

import struct

import numpy as np
import SimpleITK as sitk
from common import TUMOUR_RAS
from common import bright_centre
from common import folder
from common import image
from common import verdict
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.volume import read_volume

path = folder() / "flair.nii"
sitk.WriteImage(image(), str(path))
header = bytearray(path.read_bytes())
offset_x, offset_y, offset_z = struct.unpack_from("<3f", header, 268)
struct.pack_into("<3f", header, 268, offset_x - 20, offset_y + 5, offset_z + 10)  # the qform is the old place
struct.pack_into("<2h", header, 252, 1, 2)  # qform scanner, sform aligned
path.write_bytes(header)
try:
    off = np.linalg.norm(bright_centre(read_volume(path, "flair")[0]) - TUMOUR_RAS)
    notes = Study.read(flair=path, skull="off").notes
    told = any("form" in note for note in notes)
    verdict(off > 1 and not told, f"tumour {off:.1f} mm from where the sform says, notes {notes}")
except StudyError as error:
    verdict(False, f"refused: {error}")
