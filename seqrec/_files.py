"""Files that are there whole or not at all, whenever the power fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: Path, shared: bool = False) -> Iterator[Path]:
    """Give the path of a temporary file beside `path`, which takes its place when the block ends well.

    The file is on the disk before its name is, and the name before this returns. If the block fails, `path` is as it
    was and nothing is left beside it; after a kill, `temporary(path)` may lie there, which the next attempt overwrites.
    Where the folder is `shared` by processes that may make the same file, each has a temporary file of its own.

    Raises
    ------
    OSError
        If the disk is full, or the folder cannot be written.
    """
    unfinished = temporary(path, uuid4().hex if shared else "")
    try:
        yield unfinished
        sync(unfinished)
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    sync(path.parent)


def temporary(path: Path, mark: str = "") -> Path:
    """Name of the file that is to become `path`."""
    return path.with_name(f".{path.name}{mark}.unfinished")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file at once."""
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
