"""A file is there whole or not at all."""

import errno
import os

import pytest

from seqrec._files import replacing, write_bytes


def fail(code):
    def raises(*arguments):
        raise OSError(code, os.strerror(code))

    return raises


def test_a_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("call", ["replace", "fsync", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_what_fails_leaves_the_old_file(tmp_path, monkeypatch, call, code):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, call, fail(code))
    with pytest.raises(OSError, match=os.strerror(code)):
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_error_in_the_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write():
        with replacing(path) as unfinished:
            unfinished.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_writers_the_last_one_wins(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as first, replacing(path) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_keeps_its_mode_and_a_new_one_gets_that_of_its_process(tmp_path):
    private, new = tmp_path / "private", tmp_path / "new"
    private.touch(mode=0o600)
    for path in (private, new):
        write_bytes(path, b"x")
    (tmp_path / "touched").touch()
    assert private.stat().st_mode & 0o777 == 0o600
    assert new.stat().st_mode == (tmp_path / "touched").stat().st_mode


def test_what_replaces_a_private_file_is_private_while_it_is_written(tmp_path):
    path = tmp_path / "private"
    path.touch(mode=0o600)
    with replacing(path) as unfinished:
        assert unfinished.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_is_not_replaced(tmp_path, make):
    path = tmp_path / "thing"
    make(path)
    with pytest.raises(FileExistsError, match="no regular file"):
        write_bytes(path, b"x")
    assert not path.is_file()
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_left_goes_after_a_day_and_that_of_other_files_stays(tmp_path):
    path = tmp_path / "file"
    old, recent, foreign = (tmp_path / f".{name}.unfinished" for name in ("file.a", "file.b", "other.a"))
    for left in (old, recent, foreign):
        left.touch()
    for left in (old, foreign):
        os.utime(left, (0, 0))
    write_bytes(path, b"x")
    assert sorted(tmp_path.iterdir()) == sorted([path, recent, foreign])
