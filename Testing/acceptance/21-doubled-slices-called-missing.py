"""Two acquisitions or echoes at the same places in one series: refused, but as "slices missing or unevenly spaced (1.00 to 47.00
mm)". As the files of one place are not neighbours, the check for doubled slices does not see them."""

from common import classic_series
from common import folder
from common import head
from common import verdict
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_volume

root = folder()
classic_series(root, head(), series="7", prefix="IM")
classic_series(root, head(1), series="7", prefix="OTHER")
try:
    read_volume(root, "flair")
    verdict(True, "read as one volume")
except StudyError as error:
    verdict("one place" not in str(error), f"refused: {str(error).split(': ', 1)[1]}")
