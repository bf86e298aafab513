"""Works in forks: each is told how it ended, whatever became of those before it."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from forks import BROKEN, in_forks


def fails() -> int:
    raise ValueError("broken")


def tells() -> int:
    sys.stderr.write("refused\n")
    return 2


def dies() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def waits() -> int:
    time.sleep(60)
    return 0


def takes_memory() -> int:
    held = bytearray(500 << 20)
    held[::4096] = b"1" * len(held[::4096])
    return 0


def test_each_work_has_its_own_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forks.SECONDS", 5)
    works = [fails, tells, dies, lambda: 0, waits, tells, takes_memory, lambda: bytearray(1 << 44) and 0]
    ends = in_forks(works, tmp_path / "errors")
    statuses = [ended.status for ended in ends]
    assert statuses == [BROKEN, 2, -signal.SIGKILL, 0, -signal.SIGALRM, 2, 0, BROKEN]
    assert "ValueError: broken" in ends[0].text and "MemoryError" in ends[-1].text
    assert ends[1].text == ends[5].text == "refused\n" and not ends[3].text
    assert ends[6].memory > 250 << 20 > ends[5].memory


def test_nothing_of_a_work_stays_here(tmp_path: Path) -> None:
    here: list[int] = []
    ends = in_forks([lambda: here.append(1) or len(here)] * 3, tmp_path / "errors")
    assert [ended.status for ended in ends] == [1, 2, 3]
    assert here == []
