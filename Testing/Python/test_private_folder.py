"""Private folders: for one user, gone when the program ends, and swept when it was killed."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.private_folder import LOCK, private_folder, remove_abandoned


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def other_program(temporary: Path) -> Iterator[subprocess.Popen]:
    """Another program that holds a private folder with a head in it."""
    code = (
        "import tempfile, time\n"
        f"tempfile.tempdir = {str(temporary)!r}\n"
        "from GliomaSAMLib.private_folder import private_folder\n"
        "with private_folder() as folder:\n"
        "    (folder / 'head.nii').write_text('a head')\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_folder_is_for_one_user_and_goes(umask: int, temporary: Path) -> None:
    before = os.umask(umask)
    try:
        with private_folder() as folder:
            assert folder.parent == temporary
            assert folder.stat().st_mode & 0o777 == 0o700
            assert (folder / LOCK).stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert list(temporary.iterdir()) == []


def test_a_folder_goes_when_the_block_fails(temporary: Path) -> None:
    with pytest.raises(RuntimeError), private_folder():
        raise RuntimeError
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_program_that_runs_stays(other_program: subprocess.Popen, temporary: Path) -> None:
    remove_abandoned()
    assert len(list(temporary.glob("*/head.nii"))) == 1


def test_the_lock_of_a_folder_is_never_seen_free(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that looks just when a folder is made would take it for one that was left behind."""
    rename, seen = os.rename, []

    def looked_at(*names: object) -> None:
        remove_abandoned()
        rename(*names)
        remove_abandoned()
        seen.append(names)

    monkeypatch.setattr(os, "rename", looked_at)
    with private_folder() as folder:
        assert (folder / LOCK).is_file() and seen


def test_the_folder_of_a_program_that_was_killed_goes_at_the_next_start(
    other_program: subprocess.Popen, temporary: Path
) -> None:
    other_program.send_signal(signal.SIGKILL)
    other_program.wait()
    assert len(list(temporary.glob("*/head.nii"))) == 1
    with private_folder() as folder:
        assert list(temporary.iterdir()) == [folder]


def test_what_is_not_ours_stays(temporary: Path, tmp_path: Path) -> None:
    mine = temporary / "gliomasam-results"
    mine.mkdir()
    (mine / "tumour.nii.gz").write_text("a result")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / LOCK).write_text("")
    (temporary / "gliomasam-link").symlink_to(elsewhere)
    remove_abandoned()
    assert (mine / "tumour.nii.gz").exists()
    assert elsewhere.exists()


def test_a_temporary_folder_that_cannot_be_written(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "none"))
    with pytest.raises(OutputError, match="TMPDIR"), private_folder():
        pass
