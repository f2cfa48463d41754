"""Rows that are sorted by user and time, some at a time, as sequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.times import read_times
from seqrec.data.vocabulary import N_RESERVED, Vocabulary

FIELD = "field:"  # begins the names of the columns of fields


def read_piece(
    table: pa.Table, vocabulary: Vocabulary, time_unit: str | None = None, clock: int | None = None
) -> Sequences:
    """Give rows that are sorted by user and time as sequences, in the codes of a vocabulary.

    Rows without items have `NO_ITEMS`.
    """
    user = table["user"].combine_chunks()
    changes = pc.not_equal(user[1:], user[:-1]).to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.concatenate([[True], changes])[: table.num_rows])
    times = None
    if "time" in table.column_names:
        times = read_times(table["time"], "column 'time'", time_unit or "auto")[0].astype("datetime64[us]")
    fields = [name for name in table.column_names if name.startswith(FIELD)]
    return Sequences(
        codes=codes_of(table, vocabulary),
        indptr=np.append(starts, table.num_rows),
        keys=user.take(pa.array(starts)).to_numpy(zero_copy_only=False),
        vocabulary=vocabulary,
        timestamps=times,
        rows=np.arange(table.num_rows),
        columns={name.removeprefix(FIELD): table[name].to_numpy() for name in fields},
        has_items="item" in table.column_names,
        clock=clock,
    )


def with_outlook(tables: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, bool]]:
    """Tell of each table with rows whether its last user goes on in the next."""
    before = None
    for table in tables:
        if table.num_rows:
            if before is not None:
                yield before, before["user"][-1] == table["user"][0]
            before = table
    if before is not None:
        yield before, False


def codes_of(table: pa.Table, vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Give the code of each row's item; rows without items are all of one kind."""
    if "item" not in table.column_names:
        return np.full(table.num_rows, N_RESERVED, np.int32)
    item = table["item"].combine_chunks().dictionary_encode()
    return vocabulary.encode(item.dictionary.to_numpy(zero_copy_only=False))[item.indices.to_numpy()]
