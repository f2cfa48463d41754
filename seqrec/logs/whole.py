"""A log that fits into memory, read whole: what a model is fitted to, or judged by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from seqrec.data.sequences import Sequences
from seqrec.logs.chunks import TimeFacts, read_chunks, schema_of
from seqrec.logs.source import QUARANTINE, BadCounts, Show, Source, count_corrupt, too_bad
from seqrec.logs.tables import write_table

_ORIGIN = ["file", "row"]


class Log(NamedTuple):
    """The rows of a log.

    Attributes
    ----------
    source : Source
    good : pa.Table
        Columns under their own names.
    origin : pa.Table
        Of each good row, the number of its file and the row in it.
    bad : pa.Table
        Rows that cannot be used: file, row, column, code, reason, raw.
    n_rows : int
        Good and bad.
    times : TimeFacts
        Of the good rows.
    """

    source: Source
    good: pa.Table
    origin: pa.Table
    bad: pa.Table
    n_rows: int
    times: TimeFacts

    @classmethod
    def read(cls, source: Source, show: Show) -> Log:
        """Read all files.

        Raises
        ------
        LogError
            If times with a zone are mixed with others.
        """
        good, bad, n_rows, facts = [], [QUARANTINE.empty_table()], 0, TimeFacts()
        for number, file in enumerate(source.files):
            for chunk in read_chunks(file, source.columns, source.kinds):
                good.append(_from_file(chunk.good, number))
                names = pa.array([str(file.path)] * chunk.bad.num_rows, pa.string())
                bad.append(chunk.bad.add_column(0, "file", names))
                n_rows, facts = n_rows + chunk.n_rows, facts + chunk.times
                show(f"reading {file.path}", chunk.start + chunk.n_rows, None)
        facts.check_zones(source.columns.timestamp)
        table = pa.concat_tables([_from_file(schema_of(source.kinds).empty_table(), 0), *good])
        origin, table = table.select(_ORIGIN), table.drop_columns(_ORIGIN)
        own = source.columns.roles
        table = table.rename_columns([own[name] for name in table.column_names])
        return cls(source, table, origin, pa.concat_tables(bad), n_rows, facts)

    def with_bad(
        self, rows: Sequence[int], columns: Sequence[str], codes: Sequence[str], reasons: Sequence[str]
    ) -> Log:
        """List some of the good rows among those that cannot be used; their sequences are not used either."""
        files, numbers = (self.origin[name].take(pa.array(rows, pa.int64())) for name in _ORIGIN)
        own = {"row": numbers, "column": columns, "code": codes, "reason": reasons}
        names = pa.array(self.source.paths, pa.string()).take(files)
        table = pa.table({"file": names, **own, "raw": [""] * len(rows)}, schema=QUARANTINE)
        return self._replace(bad=pa.concat_tables([self.bad, table]))

    def keep_bad_rows(self, path: Path | None, max_bad: float, n_others: int = 0) -> None:
        """Write the rows that cannot be used to a file, if there are any.

        Raises
        ------
        BadRowsError
            If they, and so many others, are more than this share of all rows, or the data of a file are corrupt.
        """
        if self.bad.num_rows and path is not None:
            write_table(self.bad, path)
        counts = BadCounts()
        counts.add(self.bad)
        where = "" if path is None else f" They are listed in {path}."
        error = too_bad(
            self.bad.num_rows + n_others, self.n_rows, count_corrupt(self.bad), max_bad, counts.tell(), where
        )
        if error is not None:
            raise error

    def sequences(self, fields: Iterable[str], time_unit: str = "auto", drop_duplicates: bool = False) -> Sequences:
        """Cut the good rows into one sequence a user.

        Raises
        ------
        InputError
            If the unit of the times is not plain, or duplicates are to be dropped where there are no times.
        """
        user, item, timestamp, _ = self.source.columns
        good = self.good
        for name in self.source.columns.fields:
            if self.source.kinds[f"field:{name}"] == "text":  # which has been judged already
                at = good.column_names.index(name)
                good = good.set_column(at, name, good[name].dictionary_encode())
        return Sequences.from_frame(
            good,
            user=user,
            item=item,
            timestamp=timestamp,
            columns=tuple(fields),
            time_unit=self.source.time_unit(self.times, time_unit) or "auto",
            drop_duplicates=drop_duplicates,
        )

    def record(self) -> dict[str, Any]:
        """Tell which columns were read, and how many rows, and of those that cannot be used what is wrong."""
        counts = self.bad["code"].value_counts().to_pylist()
        return {
            "rows": self.n_rows,
            "quarantined": self.bad.num_rows,
            "quarantined_by_code": dict(sorted((entry["values"], entry["counts"]) for entry in counts)),
            "columns": self.source.columns._asdict(),
        }


def _from_file(table: pa.Table, number: int) -> pa.Table:
    return table.append_column("file", pa.array(np.full(table.num_rows, number, np.int32)))
