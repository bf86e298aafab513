"""With a full cache each put lists and stats every entry; and a full disk warns once for each slice."""
import time, warnings
import numpy as np
from audit_common import WORK
from audit_common import verdict
from GliomaSAMLib.session.cache import EmbeddingCache
cache = EmbeddingCache(WORK / "c", 2**40); (WORK / "c").mkdir()
def per_put():
    start = time.perf_counter()
    for n in range(20): cache.put(f"k{n}{time.time()}", np.zeros(9000, np.float16))
    return (time.perf_counter() - start) / 20 * 1e3
few = per_put()
for n in range(7000): (WORK / "c" / f"{n:064x}.embedding").write_bytes(b"x")
many = per_put()
(WORK / "file").write_text("")
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("default")
    broken = EmbeddingCache(WORK / "file" / "c", 2**40)
    import builtins, errno, GliomaSAMLib.files as w
    real = w.os.replace
    def full(*a): raise OSError(errno.ENOSPC, "No space left on device")
    w.os.replace = full
    try:
        for n in range(20): cache.put(f"f{n}", np.zeros(10, np.float16))
    finally: w.os.replace = real
verdict(many > 5 * few or len(told) > 2, f"put: {few:.1f} ms, with 7000 entries {many:.1f} ms; warnings for 20 slices on a full disk: {len(told)}")
