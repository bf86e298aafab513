"""Files that are put in place together, and names that no file can have."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from GliomaSAMLib import files
from GliomaSAMLib.errors import OutputError, StudyError
from GliomaSAMLib.files import (
    alone_in,
    check_name,
    make_private_folder,
    parse_json,
    replacing,
    replacing_together,
    safe_name,
)
from GliomaSAMLib.output import check_output_path


def write_together(paths: list[Path], text: str) -> None:
    with replacing_together(paths) as names:
        for name in names:
            name.write_text(text)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Glioma 2024-03-01", "Glioma 2024-03-01"),
        ("a/b\\c: d?", "a_b_c_ d_"),
        (" ..hidden. ", "hidden"),
        ("../../etc", "_.._etc"),
        ("Gliom\u202ea\n\0", "Gliom_a__"),
        ("\ud800", "_"),
        ("胶质瘤 P07", "胶质瘤 P07"),
        (" . ", "Glioma"),
        ("", "Glioma"),
    ],
)
def test_a_name_is_made_safe_for_every_system(name: str, safe: str) -> None:
    assert safe_name(name, "Glioma") == safe


def test_a_long_name_leaves_room_for_suffixes(tmp_path: Path) -> None:
    for name in ("a" * 400, "瘤" * 400):
        (tmp_path / f"{safe_name(name, 'Glioma')}.seg.nrrd").touch()


def test_json_that_is_nested_too_deeply_is_wrong_json() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}
    for text in ("{", "[" * 100_000 + "]" * 100_000):
        with pytest.raises(ValueError, match=r"Expecting|too deeply"):
            parse_json(text)


@pytest.mark.parametrize("bad", [1, 2])
def test_when_one_file_cannot_be_put_in_place_all_stay_as_they_were(
    bad: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("a.nii.gz", "b.json", "c.png")]
    paths[0].write_text("old")
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if target == paths[bad] and ".part" in Path(source).name:
            raise PermissionError(13, "Permission denied")
        real(source, target)

    monkeypatch.setattr(files.os, "replace", replace)
    with pytest.raises(OutputError, match="no result was written"):
        write_together(paths, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii.gz"]
    assert paths[0].read_text() == "old"


def test_files_are_replaced_together(tmp_path: Path) -> None:
    paths = [tmp_path / "a.nii.gz", tmp_path / "b.json"]
    paths[0].write_text("old")
    with replacing_together(paths) as names:
        assert [name.suffixes for name in names] == [[".part", ".nii", ".gz"], [".part", ".json"]]
        for name in names:
            name.write_text("new")
        assert paths[0].read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nii.gz", "b.json"]
    assert paths[0].read_text() == "new"


def write_alone(paths: list[Path], text: str) -> None:
    with replacing(paths[0]) as name:
        name.write_text(text)


@pytest.mark.parametrize("write", [write_alone, write_together])
@pytest.mark.parametrize(
    ("kind", "said"), [("link", "is a link to .*old.json"), ("link to none", "link"), ("pipe", "pipe")]
)
def test_a_link_or_a_pipe_is_not_replaced(
    kind: str, said: str, write: Callable[[list[Path], str], None], tmp_path: Path
) -> None:
    path, old = tmp_path / "a.json", tmp_path / "old.json"
    old.write_text("old")
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("old.json" if kind == "link" else "none.json")
    before = path.lstat()
    with pytest.raises(OutputError, match=said):
        write([path, tmp_path / "b.json"], "new")
    with pytest.raises(OutputError, match=said):
        check_output_path(path, (".json",))
    assert path.lstat() == before and old.read_text() == "old"
    assert {one.name for one in tmp_path.iterdir()} == {"a.json", "old.json"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_what_takes_the_place_of_a_file_has_its_permissions(mode: int, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b.txt", "new.txt")]
    for path in paths[:2]:
        path.write_text("before")
        path.chmod(mode)
    umask = os.umask(0o022)
    try:
        with replacing(paths[0]) as temporary:
            temporary.write_text("now")
        with replacing_together(paths[1:]) as names:
            for name in names:
                name.write_text("now")
    finally:
        os.umask(umask)
    assert [path.read_text() for path in paths] == ["now"] * 3
    assert [path.stat().st_mode & 0o777 for path in paths] == [mode, mode, 0o644]


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_private_file_is_for_this_user_alone(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "a.bin", private=True) as temporary:
            temporary.write_bytes(b"x")
            assert temporary.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", [os.fsdecode(b"M\xfcller.nii"), "x" * 300, "a\0b", "loop/x"])
def test_names_that_cannot_be_used(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StudyError, match=r"^The (name|path) .* cannot be used"):
        check_name(tmp_path / name, StudyError)


@pytest.mark.parametrize("name", ["Łódź.nii", "none", "file/below"])
def test_names_that_can_be_used(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_name(tmp_path / name, StudyError)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("before", [None, 0o755, 0o750, 0o700])
def test_a_folder_for_this_user_alone(umask: int, before: int | None, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "cache"
    if before is not None:
        folder.mkdir(parents=True)
        folder.chmod(before)
    old = os.umask(umask)
    try:
        assert make_private_folder(folder) is None
    finally:
        os.umask(old)
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_folder_that_is_shared_on_purpose_is_left_and_told(mode: int, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    assert "shared with others" in str(make_private_folder(tmp_path))
    assert tmp_path.stat().st_mode & 0o7777 == mode


def test_the_home_of_a_user_is_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    tmp_path.chmod(0o755)
    assert make_private_folder(tmp_path) is not None
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_folder_in_the_place_of_a_file_stays(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    paths[1].mkdir()
    with pytest.raises(OutputError, match=r"b cannot be written: Is a directory.*no result was written"):
        write_together(paths, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_one_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    lines = ("from GliomaSAMLib.files import alone_in", f"with alone_in({str(tmp_path)!r}):", " print(1, flush=True)")
    code = "\n".join([*lines, " input()"])
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdin is not None and other.stdout is not None
    assert other.stdout.readline() == "1\n"
    with pytest.raises(OutputError, match="Another gliomasam writes to"), alone_in(tmp_path):
        pytest.fail("two at a time")
    other.communicate("\n", timeout=30)
    with alone_in(tmp_path):
        assert list(tmp_path.iterdir()) == []
    with alone_in(tmp_path):  # and again after the first has gone
        pass
