"""Large tensors lie in large pages of memory, where the system has them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
LARGE_MB = 100

PROGRAM = f"""
import re
import GliomaSAMLib.models
import torch
volume = torch.ones({LARGE_MB}, 2**20 // 4)
print(re.search(r"AnonHugePages: *([0-9]+) kB", open("/proc/self/smaps_rollup").read()).group(1))
"""


def in_large_pages(**environment: str) -> float:
    """Share of a large tensor of a fresh process that lies in large pages."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return int(run.stdout) / 1024 / LARGE_MB


@pytest.mark.skipif(
    not SETTING.is_file() or "[madvise]" not in SETTING.read_text(),
    reason="this system gives no large pages, or gives them unasked",
)
def test_large_tensors_lie_in_large_pages_unless_the_user_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    assert in_large_pages() > 0.5
    assert in_large_pages(THP_MEM_ALLOC_ENABLE="0") < 0.5
