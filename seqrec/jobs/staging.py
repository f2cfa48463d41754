"""A log of any size, by user and time: checked chunks on disk, and a sort that needs no more memory than it may have.

A row's place counts the rows of all files, so it orders ties and leads back to the source. A user's hash decides which
bucket the user falls in; a bucket is what is scored at once, and what one of several machines takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seqrec._files import replacing
from seqrec.logs import blocks
from seqrec.logs.chunks import TimeFacts, read_chunks
from seqrec.logs.columns import Columns
from seqrec.logs.files import LogFile
from seqrec.logs.source import count_corrupt

_ROW_GROUP = 2**14  # rows; sorted by hash, so that a bucket is found without reading the others
_STAGED = 2**19  # rows of a file, about
_BATCH = 2**16  # rows of a sorted stream that come at once
_BUCKET = 2**20  # rows, about; done again if a job is killed
_HASHES = 2**64
#: Of the rows that cannot be used.
BAD_SCHEMA = blocks.BAD_SCHEMA.set(0, pa.field("place", pa.int64()))


class Census(NamedTuple):
    """What staging has counted.

    Attributes
    ----------
    rows : list of int
        Of each file.
    bad : int
        Rows that cannot be used.
    other_shards : int
        Rows that fall to other shards.
    users : int
        With good rows.
    times : TimeFacts
    bucket_rows : int
        Rows to a bucket, about.
    corrupt : int
        Files of which no row can be trusted.
    """

    rows: list[int]
    bad: int
    other_shards: int
    users: int
    times: TimeFacts
    bucket_rows: int = _BUCKET
    corrupt: int = 0

    @property
    def good(self) -> int:
        """Rows to be scored."""
        return sum(self.rows) - self.bad - self.other_shards

    @property
    def n_buckets(self) -> int:
        """Number of buckets, of about a million rows."""
        return max(1, -(-self.good // self.bucket_rows))

    def source(self, places: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Give file number and row in the file of places."""
        starts = np.cumsum([0, *self.rows])
        file = np.searchsorted(starts, places, side="right") - 1
        return file, places - starts[file]


def stage(
    files: Sequence[LogFile],
    columns: Columns,
    kinds: dict[str, str],
    folder: Path,
    shard: tuple[int, int],
    tell: Callable[[int, int], None],
) -> Census:
    """Check the rows of files, and lay the good ones and the bad ones down in a folder.

    What lies there already is not written again.

    Parameters
    ----------
    files, columns, kinds
        As `logs` finds them.
    folder : Path
    shard : (i, n)
        Keep the users of part i of n.
    tell : callable
        Is told the number of a file and how many of its rows have been read.
    """
    rows, facts, n_bad, n_others, n_corrupt = [0] * len(files), TimeFacts(), 0, 0, 0
    low, high = bounds(0, 1, shard)
    with ThreadPoolExecutor(1) as second:  # one lot is written while the next is read
        written: list[Future[None]] = []
        for number, chunks in enumerate(_read(files, columns, kinds, rows, tell)):
            goods, bads, times = zip(*chunks, strict=True)
            good, bad, facts = pa.concat_tables(goods), pa.concat_tables(bads), sum(times, facts)
            hashed = hash_ids(good["user"])
            hashes = hashed.to_numpy()
            my_good = good.add_column(0, "hash", hashed).filter(pa.array((low <= hashes) & (hashes <= high)))
            my_bad = bad.filter(pa.array(bad["place"].to_numpy() % shard[1] == shard[0]))  # they may have no user
            n_bad += my_bad.num_rows
            n_corrupt += count_corrupt(bad)
            n_others += good.num_rows + bad.num_rows - my_good.num_rows - my_bad.num_rows
            while written:
                written.pop().result()
            written.append(second.submit(_lay_down, my_good, my_bad, folder / f"{number:06d}.parquet"))
        while written:
            written.pop().result()
    users = 'SELECT count(*) FROM (SELECT DISTINCT "hash" FROM read_parquet($1))'
    return Census(rows, n_bad, n_others, _count(folder, users, 2**28), facts, _BUCKET, n_corrupt)


def _lay_down(good: pa.Table, bad: pa.Table, path: Path) -> None:
    if not path.exists():
        _write(bad, path.with_suffix(".bad"))
        _write(good.sort_by("hash"), path)


def _read(
    files: Sequence[LogFile],
    columns: Columns,
    kinds: dict[str, str],
    rows: list[int],
    tell: Callable[[int, int], None],
) -> Iterator[list[tuple[pa.Table, pa.Table, TimeFacts]]]:
    """Give chunks in lots of enough rows, with places; count the rows of each file."""
    lot: list[tuple[pa.Table, pa.Table, TimeFacts]] = []
    n_rows = 0
    for number, file in enumerate(files):
        before = sum(rows)
        for chunk in read_chunks(file, columns, kinds):
            lot.append((_with_places(chunk.good, before), _with_places(chunk.bad, before), chunk.times))
            rows[number] += chunk.n_rows
            n_rows += chunk.n_rows
            tell(number, rows[number])
            if n_rows >= _STAGED:
                yield lot
                lot, n_rows = [], 0
    if lot:
        yield lot


def _with_places(table: pa.Table, before: int) -> pa.Table:
    """Turn rows of a file into places, with so many rows in the files before."""
    place = pc.add(table["row"], pa.scalar(before, pa.int64()))
    return table.set_column(table.column_names.index("row"), "place", place)


def hash_ids(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Hash ids by their text, the same on every machine, (n,) uint64."""
    encoded = ids.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.cast(pa.string()).to_numpy(zero_copy_only=False).astype(object)
    hashes = pd.util.hash_array(texts, categorize=False)
    return pa.chunked_array([pa.array(hashes, pa.uint64()).take(encoded.indices)])


def bounds(bucket: int, n_buckets: int, shard: tuple[int, int] = (0, 1)) -> tuple[int, int]:
    """First and last hash of a bucket of a shard."""
    part, parts = shard[0] * n_buckets + bucket, shard[1] * n_buckets
    return -(-_HASHES * part // parts), -(-_HASHES * (part + 1) // parts) - 1


def _write(table: pa.Table, path: Path) -> None:
    with replacing(path) as unfinished:
        pq.write_table(table, unfinished, compression="lz4", row_group_size=_ROW_GROUP)


def connect(folder: Path, memory: int) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with so many bytes of memory, and a folder for what does not fit."""
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '{memory // 2**20}MiB'")
    connection.execute("SET temp_directory = $1", [str(folder / "spill")])
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    return connection


def _count(folder: Path, query: str, memory: int) -> int:
    """Ask for a number of the files of good rows, the parameter of a query; 0 if there are none."""
    paths = [str(path) for path in folder.glob("*.parquet")]
    if not paths:  # of a log without rows
        return 0
    with connect(folder, memory) as connection:
        return int(connection.execute(query, [paths]).fetchall()[0][0])


def sorted_rows(
    folder: Path,
    order: Sequence[str],
    where: str,
    memory: int,
    patterns: Sequence[str] = ("*.parquet",),
    select: str = "*",
    joined: str = "",
) -> Iterator[pa.RecordBatch]:
    """Stream the rows of files in an order, which is checked.

    Parameters
    ----------
    folder : Path
        Where the files lie, and where a sort may spill.
    order : sequence of str
        Columns to sort by; the first of them must be numbers.
    where : str
        Condition in SQL.
    memory : int
        Bytes that the sort may take.
    patterns : sequence of str
        Of the names of the files.
    select, joined : str
        Which columns, and what else is joined to the rows, in SQL.
    """
    columns = ", ".join(map(quoted, order))
    paths = listed(folder, *patterns)
    if not paths:  # of a log without rows
        return
    with connect(folder, memory) as connection:
        # `execute(...).to_arrow_reader()` was seen to give rows out of order; a relation's reader was not.
        query = f"SELECT {select} FROM read_parquet([{paths}]) {joined} WHERE {where} ORDER BY {columns}"  # noqa: S608
        last = None
        for batch in connection.sql(query).to_arrow_reader(_BATCH):
            table = pa.Table.from_batches([batch])
            check_order(table if last is None else pa.concat_tables([last, table]), order)
            last = table[-1:]
            yield batch


def listed(folder: Path, *patterns: str) -> str:
    """Give the files of a folder as a list in SQL, without its brackets."""
    names = sorted(str(path) for pattern in patterns for path in folder.glob(pattern))
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)


def check_order(table: pa.Table, order: Sequence[str]) -> None:
    """Raise an `AssertionError` unless rows rise by the columns of `order`; text need only keep together."""
    equal = np.ones(max(table.num_rows - 1, 0), dtype=bool)  # whether a row and the next agree in the columns so far
    for name in order:
        column = table[name].combine_chunks()
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            equal &= pc.equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
            continue
        values = column.to_numpy(zero_copy_only=False)
        if (equal & (values[1:] < values[:-1])).any():
            raise AssertionError(f"rows came out of the order of {', '.join(order)}.")
        equal &= values[1:] == values[:-1]


def users_in_time(
    folder: Path, bounds: tuple[int, int], roles: Sequence[str], drop_duplicates: bool, memory: int
) -> Iterator[pa.RecordBatch]:
    """Stream the good rows of the users whose hashes lie within bounds: whole users, in the order of time.

    Parameters
    ----------
    folder : Path
    bounds : (low, high)
    roles : sequence of str
        Columns of the rows, beside hash and place.
    drop_duplicates : bool
        Give the first only of rows that agree in all of these.
    memory : int
        Bytes that the sort may take.
    """
    order = ["hash", "user", *(["time"] if "time" in roles else []), "place"]
    condition = f'"hash" BETWEEN {bounds[0]} AND {bounds[1]}'
    if drop_duplicates:
        same = ", ".join(map(quoted, roles))
        condition += f" QUALIFY row_number() OVER (PARTITION BY {same} ORDER BY place) = 1"
    return sorted_rows(folder, order, condition, memory, select=", ".join(map(quoted, ["hash", "place", *roles])))


def count_duplicates(folder: Path, roles: Sequence[str], memory: int) -> int:
    """Count the good rows that agree in all of `roles` with one before them."""
    groups = f"SELECT count(*) AS n FROM read_parquet($1) GROUP BY {', '.join(map(quoted, roles))}"  # noqa: S608
    return _count(folder, f"SELECT coalesce(sum(n - 1), 0) FROM ({groups})", memory)  # noqa: S608


def in_pieces(batches: Iterable[pa.RecordBatch], n_rows: int) -> Iterator[pa.Table]:
    """Join batches to tables of about so many rows, cut between users unless one has more."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in batches:
        waiting.append(batch)
        n_waiting += batch.num_rows
        if n_waiting >= n_rows:
            table = pa.Table.from_batches(waiting)
            user = table["user"].combine_chunks()
            n_whole = pc.index(user, user[-1]).as_py() or table.num_rows
            yield table[:n_whole]
            waiting, n_waiting = table[n_whole:].to_batches(), table.num_rows - n_whole
    if n_waiting:
        yield pa.Table.from_batches(waiting)


def whole_users(tables: Iterable[pa.Table], shorten: Callable[[pa.Table], pa.Table]) -> Iterator[pa.Table]:
    """Join tables so that each holds whole users; of one who goes on in the next, `shorten` keeps what matters."""
    waiting = None
    for table in tables:
        if not table.num_rows:
            continue
        joined = table if waiting is None else pa.concat_tables([waiting, table])
        user = joined["user"].combine_chunks()
        n_whole = pc.index(user, user[-1]).as_py()
        if n_whole:
            yield joined[:n_whole]
        waiting = shorten(joined[n_whole:])
    if waiting is not None:
        yield waiting


def in_lots(tables: Iterable[pa.Table], n_latest: int, n_users: int, n_rows: int) -> Iterator[pa.Table]:
    """Give the latest rows of each user; the same users stand in one table, whatever way the rows came.

    A table has at most `n_users` users, and those before its last fewer than `n_rows` rows.
    """
    waiting: list[pa.Table] = []
    for table in whole_users(tables, lambda user: user[-n_latest:]):
        joined = pa.concat_tables([*waiting, _latest(table, n_latest)])
        starts, begin = np.append(_starts(joined), joined.num_rows), 0
        while (end := min(begin + n_users, int(np.searchsorted(starts, starts[begin] + n_rows)))) < len(starts):
            yield joined[starts[begin] : starts[end]]
            begin = end
        waiting = [joined[starts[begin] :]]
    yield from (table for table in waiting if table.num_rows)


def counted(tables: Iterable[pa.Table], counts: Counter[str]) -> Iterator[pa.Table]:
    """Count rows, as "rows", as they come."""
    for table in tables:
        counts["rows"] += table.num_rows
        yield table


def _latest(table: pa.Table, n: int) -> pa.Table:
    lengths = np.diff(np.append(_starts(table), table.num_rows))
    before_end = np.repeat(lengths.cumsum(), lengths) - np.arange(table.num_rows)
    return table if lengths.max() <= n else table.filter(pa.array(before_end <= n))


def _starts(table: pa.Table) -> NDArray[np.int64]:
    """Give the first row of each user of a table that is sorted by users."""
    user = table["user"].combine_chunks()
    return np.flatnonzero(np.append(True, pc.not_equal(user[1:], user[:-1]).to_numpy(zero_copy_only=False)))


def quoted(name: str) -> str:
    """Give a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
