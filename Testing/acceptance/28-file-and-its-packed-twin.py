"""A packed file beside an unpacked one of the same name: the header of one, the voxels of the other (ITK's reader prefers t1c.nii when asked for t1c.nii.gz)."""

import gzip

import numpy as np
import SimpleITK as sitk
from common import folder
from common import head
from common import image
from common import verdict
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_volume

place = folder()
new, old = head(seed=1), head(seed=2, tumour=(30, 22, 20))
sitk.WriteImage(image(new), str(place / "flair.nii"))
(place / "flair.nii.gz").write_bytes(gzip.compress((place / "flair.nii").read_bytes()))  # what the user names
sitk.WriteImage(image(old), str(place / "flair.nii"))  # another version, left beside it
try:
    volume, notes = read_volume(place / "flair.nii.gz", "flair")
except StudyError as error:
    verdict(False, f"refused: {error}")
wrong = not np.allclose(sitk.GetArrayFromImage(volume), new, atol=1)
verdict(wrong, "asked for flair.nii.gz, got the voxels of flair.nii, no word" if wrong else "the file that was named was read")
