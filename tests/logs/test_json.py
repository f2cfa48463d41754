"""JSON Lines are read exactly, and each line that is broken is named."""

import json

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_files import faults, read, write

from seqrec.logs.chunks import read_chunks
from seqrec.logs.columns import Columns

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_each_bad_json_line_has_its_fault(tmp_path):
    lines = [
        '{"user": 1, "item": "x", "amount": 1}',
        '{"user": 9007199254740993, "item": "x", "amount": 1.5, "more": [{}]}',
        '{"user": 1.0, "item": "x", "amount": 1}',
        '{"user": "1", "item": "x", "amount": 1}',
        '{"user": true, "item": "x", "amount": 1}',
        '{"user": null, "item": "x", "amount": 1}',
        '{"item": "x", "amount": 1}',
        "",
        '{"user": 1, "item": "", "amount": 1}',
        '{"user": 1, "item": ["x"], "amount": 1}',
        '{"user": 1, "item": "x", "amount": 1e999}',
        '{"user": 1, "item": "x", "amount": NaN}',
        '{"user": 1, "item": "x"}',
        '{"user": 9223372036854775808, "item": "x", "amount": 1}',
        '{"user": 1, "item": "x", "amount": 1',
        '{"user": 1, "item": "x", "amount": 1}{"user": 1, "item": "x", "amount": 1}',
        '{"user": 1, "user": 2, "item": "x", "amount": 1}',
        "[1]",
        '{"user": 1, "item": "\\ud800", "amount": 1}',
        '{"user": 1, "more": ' + "[" * 100_000 + "}",
        '{"user": 2, "item": "x", "amount": 1}',
    ]
    file = write(tmp_path / "a.jsonl", "\n".join(lines) + "\n")
    kinds = {"user": "integer", "item": "text", "field:amount": "number"}
    columns = Columns("user", "item", None, ("amount",))
    chunks = list(read_chunks(file, columns, kinds, 4))
    assert [chunk.n_rows for chunk in chunks] == [4, 4, 4, 4, 4]
    good = pa.concat_tables([chunk.good for chunk in chunks])
    bad = [row for chunk in chunks for row in chunk.bad.to_pylist()]
    assert good["user"].to_pylist() == [1, 9007199254740993, 1, 2]
    assert good["field:amount"].to_pylist() == [1, 1.5, None, 1]  # a field that is missing is no fault
    assert faults(bad) == [
        (2, "wrong_type"),
        (3, "wrong_type"),
        (4, "wrong_type"),
        (5, "missing_user"),
        (6, "missing_user"),
        (7, "missing_item"),
        (8, "wrong_type"),
        (9, "not_a_number"),
        (10, "not_a_number"),
        (12, "not_integer"),
        *((row, "broken_json") for row in (13, 14, 15, 16)),
        (17, "invalid_utf8"),
        (18, "broken_json"),
    ]
    assert [row["raw"] for row in bad[:3]] == ["1.0", '"1"', "true"]


def test_json_text_that_is_not_utf8_is_bad_only_where_it_is_read(tmp_path):
    content = b'{"user": "a\xff", "item": "x"}\n{"user": "b", "item": "x", "more": "\xff"}\n'
    good, bad, _ = read(write(tmp_path / "a.jsonl", content))
    assert good["user"].to_pylist() == ["b"]
    assert faults(bad) == [(0, "invalid_utf8")]


@QUICK
@given(
    rows=st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=3)), min_size=1, max_size=8),
    broken=st.sets(st.integers(0, 7)),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_json_text_is_read_exactly(tmp_path, rows, broken, end):
    lines = [json.dumps({"user": user, "item": item}) for user, item in rows]
    lines = [line[:-1] if row in broken else line for row, line in enumerate(lines)]
    good, bad, _ = read(write(tmp_path / "a.jsonl", end.join(lines)), Columns("user", "item", None))
    expected = {row: pair for row, pair in enumerate(rows) if row not in broken and pair[1]}
    assert (
        dict(
            zip(
                good["row"].to_pylist(),
                zip(*map(pa.ChunkedArray.to_pylist, good.columns[1:]), strict=True),
                strict=True,
            )
        )
        == expected
    )
    assert len(bad) == len(rows) - len(expected)
