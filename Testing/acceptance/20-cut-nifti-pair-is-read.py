"""An Analyze or NIfTI pair (.hdr and .img or .img.gz) of which the .img was cut short is read, its end filled with zeros:
`check_complete` looks at .nii and .nii.gz only. A single .nii, .mha or .nrrd cut short is refused."""

import SimpleITK as sitk
from common import folder
from common import image
from common import verdict
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_volume

root = folder()
sitk.WriteImage(image(), str(root / "flair.hdr"))
voxels = next(root.glob("flair.img*"))
voxels.write_bytes(voxels.read_bytes()[: voxels.stat().st_size // 2])
try:
    array = sitk.GetArrayFromImage(read_volume(root / "flair.hdr", "flair")[0])
    empty = sum(not part.any() for part in array)
    verdict(True, f"half of the file is gone: read all the same, {empty} of {len(array)} slices empty")
except StudyError as error:
    verdict(False, f"refused: {error}")
