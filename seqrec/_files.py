"""Files that are there whole or not at all, whenever the power fails."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_LEFT_OVER = 86_400  # seconds after which nobody writes any more on what is unfinished


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file beside `path`, which takes its place when the block ends well.

    The file is on the disk before its name is, and the name before this returns; it has the mode of the file that it
    replaces. If the block fails, `path` is as it was and nothing is left beside it. Each writer has a temporary file of
    its own, so of several the last one wins. What a kill leaves, a writer of the same file removes a day later.

    Raises
    ------
    OSError
        If the disk is full, the folder cannot be written, or `path` is a device, a pipe or another thing but a file.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is no regular file, and is not replaced", str(path))
    unfinished = path.with_name(f".{path.name[:40]}.{uuid4().hex}.unfinished")
    mode = 0o600 if path.exists() else 0o666  # what replaces a private file is private from its first byte
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))  # not through a link that lies there
    try:
        yield unfinished
        if path.exists():
            unfinished.chmod(stat.S_IMODE(path.stat().st_mode))
        sync(unfinished)
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    sync(path.parent)
    _remove_left_over(path)


def _remove_left_over(path: Path) -> None:
    with suppress(OSError):
        for other in path.parent.glob(".*.unfinished"):
            is_ours = other.name.startswith(f".{path.name[:40]}.")
            if is_ours and time.time() - other.lstat().st_mtime > _LEFT_OVER:
                other.unlink(missing_ok=True)


def remove_unfinished(*folders: Path) -> None:
    """Remove what killed writers have left in folders to which nobody else writes now."""
    for folder in folders:
        for left_over in folder.glob(".*.unfinished"):
            left_over.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file at once."""
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def sha256_of(path: Path) -> str:
    """Digest of what a file holds, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
