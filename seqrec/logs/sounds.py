"""Files of sound in place of a log: which are meant, and those that cannot be used, listed as bad rows are."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from seqrec.exceptions import LogError
from seqrec.logs.source import QUARANTINE, BadCounts, too_bad
from seqrec.logs.tables import write_table
from seqrec.sound import SUFFIXES, Fault, find_sounds

KEYS = ("path", "file", "filename", "file_name", "name", "sound", "recording")  # of a table of labels


def are_sounds(patterns: Sequence[str]) -> bool:
    """Whether folders, or files that end as sounds do, are named, and nothing else.

    Raises
    ------
    LogError
        If sounds and logs are named.
    """
    told = [os.path.isdir(pattern) or Path(pattern).suffix.lower() in SUFFIXES for pattern in patterns]
    if any(told) and not all(told):
        raise LogError(
            f"{patterns[told.index(False)]} is no sound, and {patterns[told.index(True)]} is. Name one kind."
        )
    return any(told)


def list_files(patterns: Sequence[str]) -> list[Path]:
    """List the sounds in folders and in folders in them, and those that are named or matched by patterns, each once.

    Raises
    ------
    LogError
        If there is none.
    """
    found: list[Path] = []
    for pattern in patterns:
        if os.path.isdir(pattern):
            found += find_sounds(pattern)
        elif os.path.exists(pattern):
            found.append(Path(pattern))
        else:
            matches = sorted(glob.glob(pattern, recursive=True))
            if not matches:
                raise LogError(f"{pattern}: no such file. Check the name and the folder ({Path.cwd()}).")
            found += map(Path, matches)
    each: dict[str, Path] = {}
    for path in found:
        each.setdefault(os.path.realpath(path), path)
    return list(each.values())


def by_file(labels: pd.Series, files: Sequence[Path], folders: Iterable[Path]) -> tuple[pd.Series, list[str]]:
    """Give labels by the paths of files, and the paths in the table that are of none of them.

    A path in the table may be whole, or begin at one of the folders.
    """
    known = {os.path.realpath(path): str(path) for path in files}
    bases, found, others = list(folders), {}, []
    for told, label in labels.items():
        places = (os.path.realpath(base / str(told)) for base in bases)
        path = next((known[place] for place in places if place in known), None)
        if path is None:
            others.append(str(told))
        else:
            found[path] = label
    return pd.Series(found, dtype=object), others


def keep_bad(faults: Sequence[Fault], n_files: int, path: Path, max_bad: float) -> pa.Table:
    """Write a list of the recordings that cannot be used, if there are any, each as row 0 of its file; and give it.

    Raises
    ------
    BadRowsError
        If they are more than this share of all.
    """
    texts = [{"file": one.name, "code": one.code, "reason": one.reason} for one in faults]
    bad = pa.Table.from_pylist([{"row": 0, "column": "", "raw": "", **text} for text in texts], schema=QUARANTINE)
    if faults:
        write_table(bad, path)
    counts = BadCounts()
    counts.add(bad)
    where = f" They are listed in {path}."
    if error := too_bad(len(faults), n_files, 0, max_bad, counts.tell(), where, "recordings"):
        raise error
    return bad
