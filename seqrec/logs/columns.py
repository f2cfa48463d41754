"""Which columns of a log hold what, and of what kind, is settled here before a row is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import pyarrow as pa

from seqrec._checks import check_column, show
from seqrec.exceptions import LogError
from seqrec.logs import csv as log_csv
from seqrec.logs import json as log_json
from seqrec.logs import parquet as log_parquet
from seqrec.logs.files import LogFile, Stream
from seqrec.logs.values import is_text

USUAL_NAMES = {
    "user": (
        *("user_id", "user", "userid", "session_id", "session", "sessionid", "customer_id", "customer", "customerid"),
        *("case_id", "caseid", "case", "account_id", "account", "visitor_id", "visitorid", "card_id", "host"),
    ),
    "item": (
        *("item_id", "item", "itemid", "event", "event_id", "eventid", "activity", "activity_id", "activityid"),
        *("action", "command", "product_id", "product", "productid", "movie_id", "movieid", "track_id", "trackid"),
        *("article_id", "page", "url", "event_type", "type"),
    ),
    "timestamp": (
        *("timestamp", "time", "ts", "datetime", "date_time", "date", "created_at", "event_time", "eventtime"),
        *("completetimestamp", "complete_timestamp", "starttimestamp", "start_time", "@timestamp"),
    ),
}
_SAMPLE_BYTES = 2**20
_MOSTLY = 0.99
_WORDS = {"integer": "integers", "number": "numbers", "boolean": "booleans", "text": "text", "time": "times"}
_IDS = ("user", "item")


class Columns(NamedTuple):
    """The columns of a log that are read."""

    user: str
    item: str
    timestamp: str | None
    fields: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """The column of each role: "user", "item", "time" if any, and "field:..." for each field.

        These are also the names of the columns in the tables of good rows, in their order.
        """
        roles = {"user": self.user, "item": self.item}
        if self.timestamp is not None:
            roles["time"] = self.timestamp
        return roles | {f"field:{name}": name for name in self.fields}


def read_names(file: LogFile) -> list[str]:
    """List the names of a file's columns; of JSON Lines, the keys in its first rows.

    Raises
    ------
    LogError
        Where the file cannot be opened, or has no header.
    """
    if file.format == "parquet":
        return list(log_parquet.read_schema(file).names)
    if file.format == "jsonl":
        return list(dict.fromkeys(key for entry in log_json.read_objects(file, _SAMPLE_BYTES) for key in entry))
    with Stream(file) as stream:
        return log_csv.read_names(stream, file)[0]


def find_columns(
    files: Sequence[LogFile],
    user: str | None = None,
    item: str | None = None,
    timestamp: str | None = None,
    fields: Iterable[str] = (),
) -> Columns:
    """Find the columns by the names given, or else by usual names in any case, in the order of `USUAL_NAMES`.

    Parameters
    ----------
    files : sequence of LogFile
        Each must have the columns. Files of JSON Lines without rows are passed over.
    user, item : str or None
        Names of columns.
    timestamp : str or None
        Name of a column; ``""`` or ``"none"`` for a log whose rows are in order.
    fields : iterable of str
        Names of further columns.

    Returns
    -------
    Columns

    Raises
    ------
    LogError
        Where a column is missing, or would have two roles.
    """
    names_of = {file: names for file in files if (names := read_names(file)) or file.format != "jsonl"}
    if not names_of:
        raise LogError("the log has no rows, so its columns are unknown. Expected at least one row.")
    first, names = next(iter(names_of.items()))
    without_time = timestamp is not None and timestamp.lower() in ("", "none")
    named = {"user": user, "item": item, "timestamp": None if without_time else timestamp}
    for role, name in named.items():
        if name is None and not (role == "timestamp" and without_time):
            named[role] = _find_usual(role, names, named.values(), first)
    columns = Columns(str(named["user"]), str(named["item"]), named["timestamp"], tuple(fields))
    _check_roles(columns)
    for file, names in names_of.items():
        _check_names(columns, names, file)
    return columns


def _find_usual(role: str, names: Sequence[str], taken: Collection[str | None], file: LogFile) -> str | None:
    by_lower = {name.lower(): name for name in reversed(names) if name not in taken}
    usual = [by_lower[name] for name in USUAL_NAMES[role] if name in by_lower]
    if usual or role == "timestamp":
        return usual[0] if usual else None
    found = ", ".join(map(repr, names)) or "none"
    raise LogError(
        f"{file.path}: no column has a usual name for the {role}; columns found: {found}. "
        f"Name it: --{role} NAME. Usual names are {', '.join(USUAL_NAMES[role][:6])}, ..."
    )


def _check_roles(columns: Columns) -> None:
    seen: dict[str, str] = {}
    for role, name in columns.roles.items():
        first = seen.setdefault(name, role)
        if first != role:
            raise LogError(f"column {name!r} is to be both {first} and {role}. Name another for one of them.")


def _check_names(columns: Columns, names: Sequence[str], file: LogFile) -> None:
    for name in columns.roles.values():
        try:
            check_column(name, names)
        except ValueError as error:
            raise LogError(f"{file.path}: {error}") from None


def find_kinds(files: Sequence[LogFile], columns: Columns, wanted: Mapping[str, str] | None = None) -> dict[str, str]:
    """Settle the kind of each column, from types (Parquet) or the first mebibyte of each file.

    CSV ids are text, as written, unless integers are wanted.

    Parameters
    ----------
    files : sequence of LogFile
    columns : Columns
    wanted : mapping of str to str, optional
        The kinds that a fitted model needs, by role as in `Columns.roles`.

    Returns
    -------
    kinds : dict of str to str
        By role: "text" or "integer" for users and items; "time", "integer" or "number" for times; "number", "boolean"
        or "text" for fields.

    Raises
    ------
    LogError
        Where files differ, where a file mixes kinds, or where the kind is not the one wanted.
    """
    kinds: dict[str, tuple[str, LogFile]] = {}  # and the first file that told
    for file in files:
        for role, found in _find(file, columns.roles).items():
            kind = _settle(found, role, columns.roles[role], (wanted or {}).get(role), file)
            if kind is not None:
                before, owner = kinds.get(role, (kind, file))
                kinds[role] = _join(before, kind, role, columns.roles[role], (owner, file)), owner
    usual = {"user": "text", "item": "text", "time": "time"}
    return {role: kinds[role][0] if role in kinds else usual.get(role, "number") for role in columns.roles}


def _settle(found: str | None, role: str, name: str, wanted: str | None, file: LogFile) -> str | None:
    """Give the kind that is wanted where the file can have it, else the kind that it has; None if it does not tell."""
    if wanted is None or found in (None, wanted):
        return wanted or found
    is_open = file.format in ("csv", "tsv") and role != "time"  # a cell is what one takes it for
    if is_open or (found == "integer" and wanted == "number"):
        return wanted
    used = f"the field {name!r}" if role.startswith("field:") else f"the {role}"
    raise LogError(
        f"{file.path}: column {name!r} holds {_WORDS[found or 'text']}, but {_WORDS[wanted]} were expected for "
        f"{used}, as in the log that the model was fitted to. Convert the column first."
    )


def _join(first: str, second: str, role: str, name: str, files: tuple[LogFile, LogFile]) -> str:
    if first == second:
        return first
    if role not in _IDS and {first, second} == {"integer", "number"}:
        return "number"
    raise LogError(
        f"column {name!r} holds {_WORDS[first]} in {files[0].path}, but {_WORDS[second]} in {files[1].path}. "
        "Convert it to one kind in all files first."
    )


def _find(file: LogFile, roles: Mapping[str, str]) -> dict[str, str | None]:
    """Find the kind of each column in one file, None where it does not tell."""
    if file.format == "parquet":
        schema = log_parquet.read_schema(file)
        return {role: _kind_of_type(schema.field(name).type, role, name, file) for role, name in roles.items()}
    if file.format == "jsonl":
        entries = log_json.read_objects(file, _SAMPLE_BYTES)
        columns = {role: [entry.get(name) for entry in entries] for role, name in roles.items()}
        return {role: _kind_of_values(values, role, roles[role], file) for role, values in columns.items()}
    with closing(log_csv.read_blocks(file, roles, _SAMPLE_BYTES)) as blocks:
        block = next(blocks, None)
    return {role: _kind_of_cells(block.cells[role].to_pylist() if block else [], role) for role in roles}


def _kind_of_type(kind: pa.DataType, role: str, name: str, file: LogFile) -> str | None:
    if pa.types.is_null(kind):
        return None
    if role in _IDS and pa.types.is_floating(kind):
        return "integer"  # whole numbers with gaps, as pandas writes them
    return _check_kind(_kind_of_arrow(kind), role, name, str(kind), file)


def _kind_of_arrow(kind: pa.DataType) -> str | None:
    if is_text(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return "time" if pa.types.is_timestamp(kind) or pa.types.is_date(kind) else None


def _check_kind(found: str | None, role: str, name: str, shown: str, file: LogFile) -> str:
    """Turn what a column holds into the kind for its role."""
    if role in _IDS:
        allowed, expected = {"text": "text", "integer": "integer"}, "integers or text"
    elif role == "time":
        allowed, expected = {kind: kind for kind in ("integer", "number", "time")} | {"text": "time"}, "times"
    else:
        allowed = {"integer": "number", "number": "number", "boolean": "boolean", "text": "text"}
        expected = "numbers, booleans or text"
    if found not in allowed:
        raise LogError(f"{file.path}: column {name!r} holds {shown} values. Expected {expected}: convert it first.")
    return allowed[found]


_JSON_KINDS = {str: "text", int: "integer", float: "number", bool: "boolean"}


def _kind_of_values(values: Sequence[Any], role: str, name: str, file: LogFile) -> str | None:
    """Give the kind of almost all JSON values; the few others become bad rows."""
    values = [value for value in values if value is not None]
    kinds = [_JSON_KINDS.get(type(value), type(value).__name__) for value in values]
    if not kinds:
        return None
    if role not in _IDS and set(kinds) == {"integer", "number"}:
        kinds = ["number"] * len(kinds)
    counts = Counter(kinds)
    most, n_most = counts.most_common(1)[0]
    if n_most < _MOSTLY * len(kinds):
        forms = ", ".join(f"{show(values[kinds.index(kind)])} ({_WORDS.get(kind, kind)})" for kind in counts)
        raise LogError(f"{file.path}: column {name!r} mixes kinds of value: {forms}. Convert it to one kind first.")
    return _check_kind(most, role, name, _WORDS.get(most, most), file)


_NUMBER = re.compile(rb"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_WHOLE = re.compile(rb"\s*[+-]?\d+(\.0*)?\s*")


def _kind_of_cells(cells: Sequence[bytes | None], role: str) -> str | None:
    """Give the kind of CSV cells; a text stays a text whatever it looks like where it is an id."""
    filled = [cell for cell in cells if cell and not cell.isspace()]
    if role in _IDS:
        return "text"
    if not filled:
        return None
    kinds = [_number_kind(cell) for cell in filled]
    if role == "time":  # by most of the cells, since no bad row must turn the others into another kind
        most = max(sorted(set(kinds)), key=kinds.count)
        return "number" if most == "integer" and "number" in kinds else most
    if len(kinds) - kinds.count("time") >= _MOSTLY * len(kinds):  # the few others are bad rows
        return "number"
    return "boolean" if all(cell.strip().lower() in (b"true", b"false") for cell in filled) else "text"


def _number_kind(cell: bytes) -> str:
    return "integer" if _WHOLE.fullmatch(cell) else "number" if _NUMBER.fullmatch(cell) else "time"
