"""What is kept of each user between jobs, so that tomorrow's log is read on from where today's ended.

A generation is a folder of Parquet files, sorted by the hash of the users. A job reads one and writes the next, which
takes its place when the job is done; the last ones are kept, so that a night can be done again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy import sparse

from seqrec._files import remove_unfinished, write_bytes
from seqrec.detect.normal import DetectorState
from seqrec.exceptions import JobError
from seqrec.jobs.scoring import Kept, Oddest
from seqrec.network.state import leaves, rebuilt

_CURRENT = "current.json"
_NAME = re.compile(r"[0-9a-f]{32}")  # of a generation


class StateStore:
    """The users of one bucket: those of the last generation are merged with what a job makes of them.

    Parameters
    ----------
    like : DetectorState
        Of no sequences, of the detector whose states these are.
    old : Path or None
        Folder of the last generation.
    bounds : (low, high)
        Hashes of the bucket's users, whose pieces come in rising order.
    path : Path
        File to write.
    """

    def __init__(self, like: DetectorState, old: Path | None, bounds: tuple[int, int], path: Path) -> None:
        self._like = like
        self._old = iter(()) if old is None else _stored(old, *bounds)
        self._ahead = next(self._old, None)  # read, but not yet asked for
        self._high = bounds[1]
        self._waiting: list[pa.Table] = []
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def take(self, users: NDArray, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], Kept | None]:
        """Tell which of some users are known, and what is kept of them; they are kept again by `put` alone."""
        if not len(users):
            return np.empty(0, np.intp), None
        self._write()
        stored = self._pull(int(hashes[-1]))
        if stored is None:
            return np.empty(0, np.intp), None
        index = pd.Index(users).get_indexer(pd.Index(stored["user"].to_numpy()))
        self._waiting.append(stored.filter(pa.array(index < 0)))
        known = np.flatnonzero(index >= 0)
        return index[known], self._kept(stored.take(pa.array(known))) if len(known) else None

    def put(self, kept: Kept) -> None:
        """Keep users."""
        if len(kept.users):
            self._waiting.append(self._table(kept))

    def close(self) -> None:
        """Write all of it, with the users whom nobody asked for."""
        self._write()
        while (rest := self._pull(self._high, at_most_one=True)) is not None:
            self._waiting.append(rest)
            self._write()
        if self._writer is None:
            self._path.touch()
        self.release()

    def release(self) -> None:
        """Let go of the file, whole or not."""
        if self._writer is not None:
            self._writer.close()

    def _pull(self, high: int, at_most_one: bool = False) -> pa.Table | None:
        """Give the stored users up to a hash."""
        found: list[pa.Table] = []
        while self._ahead is not None and not (at_most_one and found):
            n = int(np.searchsorted(self._ahead["hash"].to_numpy(), np.uint64(high), side="right"))
            found.append(self._ahead[:n])
            if n < self._ahead.num_rows:
                self._ahead = self._ahead[n:]
                break
            self._ahead = next(self._old, None)
        return pa.concat_tables(found) if found else None

    def _write(self) -> None:
        tables, self._waiting = [table for table in self._waiting if table.num_rows], []
        if not tables:
            return
        table = pa.concat_tables(tables).sort_by("hash")
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="lz4")
        self._writer.write_table(table)

    def _table(self, kept: Kept) -> pa.Table:
        *dense, counts = leaves(kept.state)
        ends = counts.indptr.astype(np.int32)
        columns = {
            "hash": kept.hashes,
            "user": kept.users,
            "state": _to_binary(dense),
            "kinds": pa.ListArray.from_arrays(ends, counts.indices.astype(np.int32)),
            "counts": pa.ListArray.from_arrays(ends, counts.data.astype(np.int64)),
            "odd_p": _to_lists(kept.oddest.p_value, pa.float64()),
            "odd_text": _to_lists(kept.oddest.text, pa.string()),
        }
        return pa.table(columns)

    def _kept(self, table: pa.Table) -> Kept:
        n = table.num_rows
        kinds, counts = table["kinds"].combine_chunks(), table["counts"].combine_chunks()
        ends = np.concatenate([[0], np.cumsum(kinds.value_lengths().to_numpy())])
        shape = (n, self._like.counts.shape[1])
        matrix = sparse.csr_array((counts.flatten().to_numpy(), kinds.flatten().to_numpy(), ends), shape=shape)
        state = rebuilt(self._like, [*_from_binary(table["state"], leaves(self._like)[:-1]), matrix])
        odd = [table[name].combine_chunks().flatten() for name in ("odd_p", "odd_text")]
        p_values, texts = (part.to_numpy(zero_copy_only=False).reshape(n, -1) for part in odd)
        oddest = Oddest.start(n)._replace(p_value=p_values, text=texts)
        return Kept.before(table["user"].to_numpy(), table["hash"].to_numpy(), state, oddest)


def _to_binary(arrays: list[NDArray]) -> pa.Array:
    """Put the rows of arrays (n, ...) one beside the other, as bytes."""
    rows = np.empty(len(arrays[0]), _row_type(arrays))
    for name, array in zip(rows.dtype.names or (), arrays, strict=True):
        rows[name] = array
    return pa.Array.from_buffers(pa.binary(rows.itemsize), len(rows), [None, pa.py_buffer(rows.tobytes())])


def _from_binary(column: pa.ChunkedArray, like: list[NDArray]) -> list[NDArray]:
    array, kind = column.combine_chunks(), _row_type(like)
    rows = np.frombuffer(array.buffers()[1], kind, len(array), array.offset * kind.itemsize)
    return [rows[name].copy() for name in kind.names or ()]


def _row_type(arrays: list[NDArray]) -> np.dtype:
    return np.dtype([(f"part {i}", array.dtype, array.shape[1:]) for i, array in enumerate(arrays)])


def _to_lists(array: NDArray, kind: pa.DataType) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(array.ravel(), kind), array.shape[1])


def _stored(folder: Path, low: int, high: int) -> Iterator[pa.Table]:
    """Give the users of a generation whose hashes lie between, in rising order."""
    for path in sorted(folder.glob("*.parquet")):
        if not path.stat().st_size:  # nobody fell into this bucket
            continue
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            statistics = file.metadata.row_group(group).column(0).statistics
            if statistics.max < low or statistics.min > high:
                continue
            table = file.read_row_group(group)
            hashes = table["hash"].to_numpy()
            first = int(np.searchsorted(hashes, np.uint64(low)))
            yield table[first : int(np.searchsorted(hashes, np.uint64(high), side="right"))]


class Generation(NamedTuple):
    """The states after a job.

    Attributes
    ----------
    name : str
        Of its folder.
    logs : list of [path, digest]
        What the job has read, as `Source.contents` tells it.
    files : dict
        The size of each of its files.
    made : str
        When, in UTC.
    """

    name: str
    logs: list[list[str]]
    files: dict[str, int]
    made: str


class Generations:
    """A folder of states: the last generations of them, of which the newest holds.

    Parameters
    ----------
    folder : Path
    model : str or None
        Digest of the model's file: no other can read the states. None: of whichever they are.
    shard : (i, n) or None
        Whose users these are: each shard has a folder of its own.
    """

    def __init__(self, folder: Path, model: str | None = None, shard: tuple[int, int] | None = None) -> None:
        self.folder, self._model, self._shard = folder, model, None if shard is None else list(shard)

    def read(self, check: bool = True) -> tuple[list[Generation], list[list[str]]]:
        """Give the generations that are kept, the newest last, and the logs of those that are not.

        Raises
        ------
        JobError
            If another model or another shard made them, or something of the newest is missing or was changed.
        """
        path = self.folder / _CURRENT
        if not path.exists():
            return [], []
        record = _read_record(path)
        if self._model not in (None, record["model"]):
            raise JobError(f"{self.folder} holds the states of another model. Choose a new folder for this one.")
        if self._shard not in (None, record["shard"]):
            raise JobError(f"{self.folder} holds the states of another shard. Give each shard a folder of its own.")
        self._model, self._shard = record["model"], record["shard"]
        kept = [Generation(**one) for one in record["generations"]]
        if kept and check:
            self._check(kept[-1])
        return kept, record["before"]

    def current(self) -> str | None:
        """Give the name of the generation that holds, None at first."""
        kept, _ = self.read()
        return kept[-1].name if kept else None

    def scored(self) -> dict[str, str]:
        """Give the path of each log that the states have read, by its digest."""
        kept, before = self.read()
        return {digest: path for path, digest in [*before, *(log for one in kept for log in one.logs)]}

    def commit(self, name: str, logs: list[list[str]], n_kept: int) -> None:
        """Let the generation `name` hold, which lies in the folder and has read `logs`; keep so many of the last."""
        kept, before = self.read()
        (self.folder / name).mkdir(exist_ok=True)
        remove_unfinished(self.folder, self.folder / name)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        kept.append(Generation(name, logs, _sizes(self.folder / name), made))
        over, kept = kept[:-n_kept], kept[-n_kept:]
        self._write(kept, [*before, *(log for one in over for log in one.logs)])

    def roll_back(self) -> Generation:
        """Let the generation before the newest one hold; give the one that is gone.

        Raises
        ------
        JobError
            If there is none before it, so that nothing is known of the users.
        """
        kept, before = self.read(check=False)
        if not kept:
            raise JobError(f"{self.folder} holds no states.")
        if len(kept) == 1 and before:
            raise JobError(f"{self.folder} keeps no earlier states. Begin anew in an empty folder.")
        for one in kept[-2:-1]:
            self._check(one)
        self._write(kept[:-1], before)
        self.clear()
        return kept[-1]

    def clear(self) -> None:
        """Remove the generations that are not kept, of which a kill may have left some."""
        names = {one.name for one in self.read()[0]}
        for folder in self.folder.iterdir():
            if folder.name not in names and _is_generation(folder):
                rmtree(folder, ignore_errors=True)

    def _check(self, generation: Generation) -> None:
        if _sizes(self.folder / generation.name) != generation.files:
            raise JobError(
                f"states are missing from {self.folder / generation.name}, or were changed. Put them back, or begin "
                "anew in an empty folder."
            )

    def _write(self, kept: list[Generation], before: list[list[str]]) -> None:
        generations = [one._asdict() for one in kept]
        record = {"model": self._model, "shard": self._shard, "generations": generations, "before": before}
        write_bytes(self.folder / _CURRENT, json.dumps(record).encode())


def _read_record(path: Path) -> dict[str, Any]:
    """Read which generations there are; their names are those of folders that are read, so they are checked."""
    try:
        record = json.loads(path.read_bytes())
        whole = record.keys() == {"model", "shard", "generations", "before"}
        whole = whole and all(Generation(**one) and _NAME.fullmatch(one["name"]) for one in record["generations"])
        whole = whole and all(len(log) == 2 for log in record["before"])
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise JobError(f"{path} is damaged: it is not what a job has written. Begin anew in an empty folder.")
    return record


def _is_generation(folder: Path) -> bool:
    """Whether a folder has the name of a generation and holds nothing else."""
    if not _NAME.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    return all(path.name.endswith((".parquet", ".unfinished")) for path in folder.iterdir())


def _sizes(folder: Path) -> dict[str, int]:
    """Give the size of each file of a generation."""
    return {path.name: path.stat().st_size for path in sorted(folder.glob("*.parquet"))}
