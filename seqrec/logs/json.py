"""JSON Lines become blocks of rows: by Arrow where every line is in order, by Python's json where one is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from seqrec.data.kinds import number_pattern
from seqrec.logs.blocks import BLOCK_BYTES, BadRow, Block, cut_text, show_raw
from seqrec.logs.files import LogFile, Stream
from seqrec.logs.values import SHOWN

_INT64 = range(-(2**63), 2**63)
_SPACE = b" \t\r\n"
_BETWEEN = re.compile(rb"[ \t\r]*\n[ \t\r\n]*")
_INF = re.compile(rb"[\[:,\s]-?Inf[\],}\s]")  # Arrow reads it, though it is not JSON
_BEYOND = {"integer": "not_integer", "number": "not_a_number"}
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBERS = {sign: re.compile(number_pattern(sign).removesuffix(r"\z")) for sign in ".,"}
_IN_PYTHON = {"integer": (int,), "number": (int, float), "boolean": (bool,)}  # all other kinds come as text
_IN_ARROW = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


def _convert(value: Any, kind: str, role: str, decimal: str) -> Any:
    """Give a value as its column holds it; what is no id may be a number in quotes, or a word without.

    Raises
    ------
    TypeError
        For a value of another kind.
    OverflowError
        Beyond 64 bits, or NaN, which is no JSON.
    """
    if role not in ("user", "item"):
        value = _freed(value, kind, decimal)
    if value is None:
        return None
    if kind == SHOWN and not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    if type(value) not in _IN_PYTHON.get(kind, (str,)):
        raise TypeError
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")  # bytes that are not UTF-8, as they were
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")  # half of a pair, by an escape such as \ud800
    if (kind == "integer" and value not in _INT64) or value != value:
        raise OverflowError
    return float(value) if kind == "number" else value


def _freed(value: Any, kind: str, decimal: str) -> Any:
    """Turn text into a number or a number into text, where the column holds the other; a blank text is no number."""
    if kind in ("text", "time") and type(value) in (int, float):
        return _word(value)  # codes may be words, and 20240517 is written as a format says
    if kind not in ("integer", "number") or not isinstance(value, str):
        return value
    if not value.strip(" \t"):
        return None
    if kind == "number" and _NUMBERS[decimal].fullmatch(value):
        return float(value.replace(decimal, "."))
    return int(value.partition(".")[0]) if kind == "integer" and _WHOLE.fullmatch(value) else value


def _word(number: float) -> str:
    """Write a number as a word, alike whether it is held as an integer or as a float."""
    return str(int(number)) if number == number // 1 and abs(number) < 2**53 else repr(number)


def read_objects(file: LogFile, n_bytes: int) -> list[dict[str, Any]]:
    """Read the objects in the first `n_bytes` of a file, leaving broken lines out."""
    with Stream(file) as stream:
        content = stream.read(n_bytes)
    lines = content.split(b"\n")
    if len(content) == n_bytes:  # the last line may be cut
        lines.pop()
    return [entry for entry in map(_parse_line, lines) if isinstance(entry, Entry)]


def read_blocks(
    file: LogFile, roles: Mapping[str, str], kinds: Mapping[str, str], block_bytes: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Read the columns that have a role; text comes as text or bytes, a missing key is null.

    Parameters
    ----------
    file : LogFile
    roles : mapping of str to str
        The column of each role.
    kinds : mapping of str to str
        The kind of each role.
    block_bytes : int

    Yields
    ------
    Block
    """
    with Stream(file) as stream:

        def take(buffer: bytes, start: int, final: bool) -> tuple[Block, int]:
            size = len(buffer) if final else buffer.rfind(b"\n") + 1
            return _read_lines(buffer[:size], start, roles, kinds, file.dialect.decimal), size

        yield from cut_text(stream, b"", take, block_bytes)


def _read_lines(content: bytes, start: int, roles: Mapping[str, str], kinds: Mapping[str, str], decimal: str) -> Block:
    content = content.strip(_SPACE)
    n_rows = content.count(b"}\n{") + 1
    if n_rows != content.count(b"\n") + 1:
        content = _BETWEEN.sub(b"\n", content)
        n_rows = content.count(b"}\n{") + 1
    # Arrow does not mind where lines end. An object in each line is certain where all lines start and end with a brace,
    # and there are as many objects as lines.
    in_order = content.startswith(b"{") and content.endswith(b"}") and n_rows == content.count(b"\n") + 1
    if in_order and not (b"Inf" in content and _INF.search(content)):
        try:
            cells = _parse(content, roles, kinds)
        except (pa.ArrowException, ValueError):
            cells = {}
        if all(len(column) == n_rows for column in cells.values()) and cells:
            return Block(start, n_rows, np.arange(start, start + n_rows), cells, [])
    return _read_singly(content.split(b"\n") if content else [], start, roles, kinds, decimal)


def _parse(content: bytes, roles: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, pa.Array]:
    fields = {name: pa.field(name, _IN_ARROW.get(kinds[role], pa.string())) for role, name in roles.items()}
    table = pa.json.read_json(
        pa.py_buffer(content),
        pa.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
        pa.json.ParseOptions(
            explicit_schema=pa.schema(fields.values()), newlines_in_values=True, unexpected_field_behavior="ignore"
        ),
    )
    cells = {role: table[name].combine_chunks() for role, name in roles.items()}
    for column in cells.values():
        column.validate(full=True)  # Arrow takes bytes that are not UTF-8
    return cells


def _read_singly(
    lines: list[bytes], start: int, roles: Mapping[str, str], kinds: Mapping[str, str], decimal: str
) -> Block:
    columns: dict[str, list[Any]] = {role: [] for role in roles}
    wrong: dict[str, dict[int, tuple[str, str]]] = {role: {} for role in roles}
    good: list[int] = []
    bad: list[BadRow] = []
    for row, line in enumerate(lines, start):
        entry = _parse_line(line)
        if isinstance(entry, Entry) and not entry.repeated.isdisjoint(roles.values()):
            entry = f"the key {sorted(entry.repeated)[0]!r} occurs twice in the line"
        if isinstance(entry, str):
            bad.append(BadRow(row, "", "broken_json", entry, show_raw(line)))
            continue
        good.append(row)
        for role, name in roles.items():
            value = entry.get(name)
            try:
                value = _convert(value, kinds[role], role, decimal)
            except (TypeError, OverflowError) as error:
                code = "wrong_type" if isinstance(error, TypeError) else _BEYOND[kinds[role]]
                wrong[role][row], value = (code, show_raw(json.dumps(value))), None
            columns[role].append(value)
    cells = {role: pa.array(values, _IN_ARROW.get(kinds[role], pa.binary())) for role, values in columns.items()}
    return Block(start, len(good) + len(bad), np.array(good, dtype=np.int64), cells, bad, wrong)


class Entry(dict[str, Any]):
    """An object, and which of its keys came more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = set() if len(self) == len(pairs) else {name for name in names if names.count(name) > 1}


def _parse_line(line: bytes) -> Entry | str:
    """Give the object of a line, or say why there is none."""
    try:
        entry = json.loads(line.decode("utf-8", "surrogateescape"), object_pairs_hook=Entry)
    except RecursionError:
        return "the line is nested too deeply"
    except ValueError as error:
        return f"the line is not valid JSON: {error}"
    return entry if isinstance(entry, Entry) else "the line is not an object, such as {...}"
