"""Files with events, which of their columns are read, and the rows that cannot be used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from seqrec.data.times import infer_unit
from seqrec.exceptions import BadRowsError
from seqrec.logs.blocks import BAD_SCHEMA, CORRUPT
from seqrec.logs.chunks import TimeFacts
from seqrec.logs.columns import Columns, find_band, find_columns, find_kinds
from seqrec.logs.dialect import AS_USUAL, Dialect
from seqrec.logs.files import LogFile, find_files
from seqrec.logs.formats import read_names

#: Of the rows that cannot be used, as they are told to the user.
QUARANTINE = pa.schema([pa.field("file", pa.string()), *BAD_SCHEMA])

_NUMBERING = re.compile(r"\s*|Unnamed: \d+|index|__index_level_\d+__")  # as pandas and R name the numbers of rows
_BLOCK = 2**20  # bytes at each end of a file, by which it is known
_IN_OPTIONS = "--time-unit s (or ms, us, ns)", "give --timestamp none", "Say it: --time-format %Y%m%d"
Show = Callable[[str, int, int | None], None]  # step, how much is done, of how much


def count_corrupt(bad: pa.Table) -> int:
    """Count, by the rows that cannot be used, the files of which no row can be trusted."""
    return pc.sum(pc.equal(bad["code"], CORRUPT)).as_py() or 0


_DIGITS = re.compile(r"-?\d+(\.\d*)?")
_OPTIONS = {  # that help against codes
    "unreadable_time": "--time-format",
    "invalid_utf8": "--encoding",
    "wrong_number_of_cells": "--delimiter",
}


class BadCounts:
    """How many rows cannot be used, by code, and the first value of each."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self._first: dict[str, str] = {}

    def add(self, bad: pa.Table) -> None:
        """Count the rows of a table with the columns `code` and `raw`."""
        self.counts.update(bad["code"].to_pylist())
        for code in set(self.counts) - set(self._first):
            self._first[code] = bad["raw"][pc.index(bad["code"], code).as_py()].as_py() or ""

    def tell(self) -> str:
        """Say it, the most frequent first, with the option that may help."""
        return "; ".join(self._tell(code, count) for code, count in self.counts.most_common())

    def _tell(self, code: str, count: int) -> str:
        raw = self._first[code]
        such = f", such as '{raw[:60]}'" if raw else ""
        option = _OPTIONS.get(code, "")
        if code == "unreadable_time" and _DIGITS.fullmatch(raw):
            option = "--time-unit"
        elif code == "not_a_number" and "," in raw:
            option = "--decimal"
        return f"{count:,} {code}{such}" + (f", see {option}" if option else "")


def too_bad(
    n_bad: int, n_rows: int, n_corrupt: int, max_bad: float, more: str = "", where: str = "", what: str = "rows"
) -> BadRowsError | None:
    """Give the error of a log of which too many rows cannot be used, or whose files are corrupt; None for another.

    `more` is said of the rows, and `where` they are listed. Who allows all rows to be bad takes corrupt files, too.
    """
    if n_corrupt and max_bad < 1:
        return BadRowsError(
            f"{n_corrupt} of the files cannot be used: the gzip data are damaged, so rows that were read before the "
            f"damage may be wrong, too.{where} Take another copy; or use what there is, with --max-bad 1."
        )
    if n_bad > max_bad * n_rows:
        told = f" ({more})" if more else ""
        return BadRowsError(
            f"{n_bad:,} of {n_rows:,} {what} cannot be used{told}, more than the share of {max_bad:g} that may be left "
            f"out.{where} Repair them, or allow a larger share: --max-bad."
        )
    return None


class Source(NamedTuple):
    """Files with events, and how to read them."""

    files: list[LogFile]
    columns: Columns
    kinds: dict[str, str]

    @classmethod
    def find(
        cls,
        patterns: Sequence[str],
        names: Mapping[str, Any],
        fields: Iterable[str],
        wanted: Mapping[str, str],
        dialect: Dialect = AS_USUAL,
        has_items: bool = True,
    ) -> Source:
        """Find files and columns, and check that these hold the kinds of values that are wanted.

        `names` may hold "user", "item" and "timestamp": columns. `has_items` as in `find_columns`.
        """
        files = find_files(patterns, dialect)
        user, item, timestamp = (names.get(role) for role in ("user", "item", "timestamp"))
        columns = find_columns(files, user, item, timestamp, fields, has_items)
        kinds = find_kinds(files, columns, wanted)
        if dialect.time_unit == "auto" and (band := find_band(files, columns, kinds)):
            files = [file._replace(dialect=dialect._replace(band=band)) for file in files]
        return cls(files, columns, kinds)

    @property
    def dialect(self) -> Dialect:
        """How the files are written, with what was found of it."""
        return self.files[0].dialect

    def unused(self) -> list[str]:
        """List the columns that are not read, without those that number the rows."""
        names = dict.fromkeys(name for file in self.files for name in read_names(file))
        return [name for name in names if name not in self.columns.roles.values() and not _NUMBERING.fullmatch(name)]

    @property
    def paths(self) -> list[str]:
        """Paths as they were given."""
        return [str(file.path) for file in self.files]

    def time_unit(self, times: TimeFacts, given: str = "auto") -> str | None:
        """Give the unit of times that are numbers: as it is given, or else as all of them show.

        Raises
        ------
        InputError
            If it is not given, and the numbers are plainly in no unit.
        """
        if self.kinds.get("time") not in ("integer", "number") or times.low is None or times.high is None:
            return None
        if given != "auto":
            return given
        return infer_unit(times.low, times.high, f"column {self.columns.timestamp!r}", _IN_OPTIONS)

    def contents(self) -> list[list[str]]:
        """Tell the files by what they hold, whatever their name: path, and a digest of size, beginning and end."""
        return [[str(file.path.resolve()), _digest(file.path)] for file in self.files]

    def identity(self) -> list[list[Any]]:
        """Tell the files from others of their names: absolute path, size and time of change of each."""
        statuses = [(file.path.resolve(), file.path.stat()) for file in self.files]
        return [[str(path), status.st_size, status.st_mtime_ns] for path, status in statuses]


def _digest(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        ends = file.read(_BLOCK)
        file.seek(max(size - _BLOCK, 0))
        ends += file.read(_BLOCK)
    return sha256(str(size).encode() + ends).hexdigest()
