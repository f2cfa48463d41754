"""Which columns of a log hold what, and of what kind, is settled here before a row is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from seqrec._checks import check_column, show
from seqrec.data.kinds import FEW, Tally
from seqrec.data.times import count_bands, unit_of_most
from seqrec.exceptions import LogError
from seqrec.logs import json as log_json
from seqrec.logs import parquet as log_parquet
from seqrec.logs.files import LogFile, keep_partitions
from seqrec.logs.formats import SAMPLE_BYTES, read_blocks, read_names
from seqrec.logs.values import SHOWN, convert, is_text, plain

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
        *("completetimestamp", "complete_timestamp", "starttimestamp", "start_time", "@timestamp", "ds"),
    ),
}
USUAL_NAMES["series"] = (  # of a log without items
    *("series", "series_id", "unique_id", "item_id", "item", "sku", "product_id", "product", "store_id", "store"),
    *("meter_id", "meter", "sensor_id", "sensor", "ticker", "symbol", "sequence", "sequence_id", "recording", "id"),
    *USUAL_NAMES["user"],
)
_WORDS = {"integer": "integers", "number": "numbers", "boolean": "booleans", "text": "text", "time": "times"}
_IDS = ("user", "item")
_TAKEN = {("text", "number"), ("number", "text"), ("text", "boolean")}  # what a field holds, and may be taken for
MEASURE = "measure"  # wanted of a field whose truth values count as numbers


class Columns(NamedTuple):
    """The columns of a log that are read."""

    user: str
    item: str | None
    timestamp: str | None
    fields: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """The column of each role: "user", "item" and "time" if any, and "field:..." for each field.

        These are also the names of the columns in the tables of good rows, in their order.
        """
        named = {"user": self.user, "item": self.item, "time": self.timestamp}
        roles = {role: name for role, name in named.items() if name is not None}
        return roles | {f"field:{name}": name for name in self.fields}


def find_columns(
    files: Sequence[LogFile],
    user: str | None = None,
    item: str | None = None,
    timestamp: str | None = None,
    fields: Iterable[str] = (),
    has_items: bool = True,
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
    has_items : bool
        Whether events have items; users are series where they have none.

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
    usual = {"user": "user" if has_items else "series"} | {role: role for role in ("item", "timestamp")}
    absent = ["timestamp"] * without_time + ["item"] * (not has_items)
    for role, name in named.items():
        if name is None and role not in absent:
            named[role] = _find_usual(usual[role], names, named.values(), first)
    columns = Columns(str(named["user"]), named["item"], named["timestamp"], tuple(fields))
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
    single = " One series alone needs such a column, too." if role == "series" else ""
    raise LogError(
        f"{file.path}: no column has a usual name for the {role}; columns found: {found}. "
        f"Name it: --{role} NAME. Usual names are {', '.join(USUAL_NAMES[role][:6])}, ...{single}"
    )


def _check_roles(columns: Columns) -> None:
    seen: dict[str, str] = {}
    for role, name in columns.roles.items():
        first = seen.setdefault(name, role)
        if first != role:
            raise LogError(f"column {name!r} is to be both {first} and {role}. Name another for one of them.")


def _check_names(columns: Columns, names: Sequence[str], file: LogFile) -> None:
    for name in columns.roles.values():
        if name not in names and any(part.startswith(f"{name}=") for part in file.path.parts):
            raise LogError(f"{file.path}: column {name!r} is missing. {keep_partitions(_pattern_of(file), [name])}")
        try:
            check_column(name, names)
        except ValueError as error:
            raise LogError(f"{file.path}: {error}") from None


def _pattern_of(file: LogFile) -> Path:
    """Give a pattern for all files of a folder of partitions."""
    parts = file.path.parts
    first = next(number for number, part in enumerate(parts) if "=" in part)
    return Path(*parts[:first], "**", f"*{file.path.suffix}")


def find_kinds(files: Sequence[LogFile], columns: Columns, wanted: Mapping[str, str] | None = None) -> dict[str, str]:
    """Settle the kind of each column: by its type (Parquet, JSON), or where a field is text by all of its cells.

    CSV ids are text, as written, unless integers are wanted.

    Parameters
    ----------
    files : sequence of LogFile
    columns : Columns
    wanted : mapping of str to str, optional
        The kinds that a fitted model needs, or that the user says, by role as in `Columns.roles`; "shown" for what is
        told as it is written, and "measure" for numbers or truth values, as the first cells are.

    Returns
    -------
    kinds : dict of str to str
        By role: "text" or "integer" for users and items; "time", "integer" or "number" for times; "number", "boolean"
        or "text" for fields.

    Raises
    ------
    LogError
        Where files differ, where a column mixes kinds, or where the kind is not the one wanted.
    """
    shown = {role: SHOWN for role, kind in (wanted or {}).items() if kind == SHOWN}
    read = {role: name for role, name in columns.roles.items() if role not in shown}
    kinds: dict[str, tuple[str, LogFile]] = {}  # and the first file that told
    wanted = wanted or {}
    open_kinds: dict[LogFile, dict[str, str]] = {}  # of fields whose cells tell, as they seem to be
    for file in files:
        for role, found in _find(file, read).items():
            if role.startswith("field:") and role not in wanted and _is_open(file, found):
                open_kinds.setdefault(file, {})[role] = found or "text"
                continue
            need = wanted.get(role)
            need = _measured(found, columns.roles[role], file) if need == MEASURE else need
            kind = _settle(found, role, columns.roles[role], need, file)
            if kind is not None:
                before, owner = kinds.get(role, (kind, file))
                kinds[role] = _join(before, kind, role, columns.roles[role], (owner, file)), owner
    for role, (kind, file) in _judge(open_kinds, columns).items():
        before, owner = kinds.get(role, (kind, file))
        kinds[role] = _join(before, kind, role, columns.roles[role], (owner, file)), owner
    usual = {"user": "text", "item": "text", "time": "time"}
    usual |= shown
    return {role: kinds[role][0] if role in kinds else usual.get(role, "number") for role in columns.roles}


def _measured(found: str | None, name: str, file: LogFile) -> str:
    """Give the kind of numbers that a file has: plain ones, or truth values."""
    tally, role = Tally(), {"": name}
    if found == "text":
        block = next(read_blocks(file, role, {"": "text"}, SAMPLE_BYTES), None)
        if block is not None and block.cells:
            tally.add(plain(block.cells[""]), block.rows)
    return "boolean" if found == "boolean" or 0 < tally.filled == tally.booleans else "number"


def _is_open(file: LogFile, found: str | None) -> bool:
    """Whether a field that seems to be of a kind can hold cells of others: text, and numbers or nothing in JSON."""
    return found == "text" or (found in ("number", None) and file.format == "jsonl")


def _judge(open_kinds: Mapping[LogFile, Mapping[str, str]], columns: Columns) -> dict[str, tuple[str, LogFile]]:
    """Give the kinds of fields by all of their cells in all files, and the first file that tells.

    Raises
    ------
    LogError
        Where some cells of a field are numbers and some are not.
    """
    tallies: dict[str, tuple[Tally, LogFile]] = {}
    for file, kinds in open_kinds.items():
        where = f"row {{}} of {file.path}" if len(open_kinds) > 1 else "row {}"
        for block in read_blocks(file, {role: columns.roles[role] for role in kinds}, kinds):
            for role, column in block.cells.items():
                tally, _ = tallies.setdefault(role, (Tally(file.dialect.decimal), file))
                tally.add(plain(column), block.rows, where)
                wrong = block.wrong.get(role, {})
                tally.add(pa.array([raw.strip('"') for _, raw in wrong.values()], pa.string()), list(wrong), where)
    return {
        role: (_kind_of(tally, columns.roles[role]), file) for role, (tally, file) in tallies.items() if tally.filled
    }


def _kind_of(tally: Tally, name: str) -> str:
    if tally.kind == "mixed":
        comma = "--decimal , where a comma stands before the decimals; else " if tally.commas else ""
        raise LogError(
            f"column {name!r} holds numbers and other text: {tally.tell()}. Say what it is: {comma}--fields "
            f"{name}:number, so that rows with other cells are bad ones, or --fields {name}:text, so that each value "
            "is a word; so too after --known, --observed and --static. What is missing is an empty cell."
        )
    return "boolean" if tally.booleans == tally.filled else tally.kind


def find_band(files: Sequence[LogFile], columns: Columns, kinds: Mapping[str, str]) -> str | None:
    """Find the unit that almost all times, which are numbers, show; None where there is none.

    The first rows of each file tell, or all rows where they do not.

    Raises
    ------
    LogError
        Where units are mixed.
    """
    if columns.timestamp is None or kinds.get("time") not in ("integer", "number"):
        return None
    role, kind = {"time": columns.timestamp}, {"time": kinds["time"]}
    for whole in (False, True):
        counts, n = Counter[str](), 0
        for file in files:
            for block in read_blocks(file, role, kind, SAMPLE_BYTES):
                if block.cells:
                    numbers = convert(block.cells["time"], kinds["time"], "time").values.drop_null().to_numpy()
                    counts.update(count_bands(numbers))
                    n += len(numbers)
                if not whole:
                    break
        if (band := unit_of_most(counts, n)) is not None:
            return band
    mixed = [f"{count:,} in {unit}" for unit, count in counts.items() if count > FEW * n]
    if len(mixed) > 1:
        raise LogError(
            f"column {columns.timestamp!r} mixes units: of {n:,} times, {' and '.join(mixed)} since 1970. Convert them "
            "to one unit first."
        )
    return None


def _settle(found: str | None, role: str, name: str, wanted: str | None, file: LogFile) -> str | None:
    """Give the kind that is wanted where the file can have it, else the kind that it has; None if it does not tell."""
    if wanted is None or found in (None, wanted):
        return wanted or found
    is_open = file.format in ("csv", "tsv") and role != "time"  # a cell is what one takes it for
    if is_open or (role.startswith("field:") and (found, wanted) in _TAKEN):
        return wanted
    used = f"the field {name!r}" if role.startswith("field:") else f"the {role}"
    raise LogError(
        f"{file.path}: column {name!r} holds {_WORDS[found or 'text']}, but {_WORDS[wanted]} were expected for "
        f"{used}, as the model, or --fields, has it. Convert the column first."
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
    """Find the kind of each column in one file by its type or its first cells, None where these do not tell."""
    if file.format == "parquet":
        schema = log_parquet.read_schema(file)
        found = {role: _kind_of_type(schema.field(name).type, role, name, file) for role, name in roles.items()}
    elif file.format == "jsonl":
        entries = log_json.read_objects(file, SAMPLE_BYTES)
        columns = {role: [entry.get(name) for entry in entries] for role, name in roles.items()}
        found = {role: _kind_of_values(values, role, roles[role], file) for role, values in columns.items()}
    else:
        found = {role: "time" if role == "time" else "text" for role in roles}
    if file.dialect.time_format is not None and found.get("time") == "integer":
        found["time"] = "time"
    elif file.dialect.time_format is None and found.get("time") == "time":
        found["time"] = _kind_of_times(file, roles["time"])
    return found


def _kind_of_times(file: LogFile, name: str) -> str | None:
    """Tell whether times in text are numbers, by most of the first cells: a bad one does not change the others."""
    for block in read_blocks(file, {"time": name}, {"time": "time"}, SAMPLE_BYTES):
        cells = plain(block.cells["time"]) if block.cells else pa.array([])
        if not pa.types.is_binary(cells.type):
            return "time"
        kinds = [_number_kind(cell) for cell in cells.to_pylist() if cell]
        most = max(sorted(set(kinds)), key=kinds.count, default=None)
        return "number" if most == "integer" and "number" in kinds else most
    return None


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


_JSON_KINDS: dict[type, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    log_json.Entry: "objects",
    list: "lists",
}


def _kind_of_values(values: Sequence[Any], role: str, name: str, file: LogFile) -> str | None:
    """Give the kind of almost all JSON values; the few others become bad rows."""
    values = [value for value in values if value is not None]
    kinds = [_JSON_KINDS[type(value)] for value in values]
    if not kinds:
        return None
    if role not in _IDS and set(kinds) == {"integer", "number"}:
        kinds = ["number"] * len(kinds)
    counts = Counter(kinds)
    most, n_most = counts.most_common(1)[0]
    if n_most < (1 - FEW) * len(kinds):
        if role.startswith("field:") and set(kinds) <= {"integer", "number", "text"}:
            return "text"  # so that its cells are judged as those of other formats
        forms = ", ".join(f"{show(values[kinds.index(kind)])} ({_WORDS.get(kind, kind)})" for kind in counts)
        raise LogError(f"{file.path}: column {name!r} mixes kinds of value: {forms}. Convert it to one kind first.")
    if most in ("objects", "lists"):
        raise LogError(
            f"{file.path}: column {name!r} holds {most}, such as {show(values[kinds.index(most)])}. What is nested is "
            "not read: make a key of each value that is to be read."
        )
    return _check_kind(most, role, name, _WORDS[most], file)


_NUMBER = re.compile(rb"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_WHOLE = re.compile(rb"\s*[+-]?\d+(\.0*)?\s*")


def _number_kind(cell: bytes) -> str:
    return "integer" if _WHOLE.fullmatch(cell) else "number" if _NUMBER.fullmatch(cell) else "time"
