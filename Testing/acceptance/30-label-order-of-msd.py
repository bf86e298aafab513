"""Label maps in the order of the Medical Segmentation Decathlon (1 oedema, 2 non-enhancing, 3 enhancing) are taken as BraTS (1 core, 2 oedema): core and oedema change places in training and tables without a word."""

import numpy as np
import SimpleITK as sitk
from common import folder
from common import head
from common import image
from common import verdict
from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.data.cases import find_cases

case = folder() / "BRATS_001"
case.mkdir()
for name in ("t1", "t1c", "t2", "flair"):
    sitk.WriteImage(image(head()), str(case / f"{name}.nii.gz"))
k, j, i = np.ogrid[:48, :60, :60]
radius = np.sqrt((k - 24) ** 2 + (j - 30) ** 2 + (i - 30) ** 2)
labels = np.select([radius < 4, radius < 7, radius < 14], [2, 3, 1], 0).astype(np.uint8)  # oedema outside, as it always is
sitk.WriteImage(image(labels), str(case / "seg.nii.gz"))
try:
    found = find_cases(case.parent)[0]
    read = found.read_labels(found.read_study())
except CaseError as error:
    verdict(False, f"refused: {error}")
core = np.isin(read, (1, 3, 4)).sum()
verdict(core > 3000, f"the core has {core} voxels, its oedema included, though it lies outside everything" if core > 3000 else "read as what it is")
