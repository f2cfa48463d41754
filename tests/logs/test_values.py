"""Cells become ids and times exactly, whatever stands beside them."""

import itertools
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from log_files import csv_of, faults, parquet, read, write

from seqrec.logs.chunks import read_chunks
from seqrec.logs.columns import find_columns, find_kinds
from seqrec.logs.values import FAULTS, TYPES, convert


def test_csv_ids_can_be_integers_where_these_are_wanted(tmp_path):
    cells = ["1", "-5", "9007199254740993", "007", "1e5", "9223372036854775808", "0x1", "+1", "1.0", "x", ""]
    file = write(tmp_path / "a.csv", csv_of([[cell, "x"] for cell in cells], ["user", "item"]))
    good, bad, _ = read(file, kinds={"user": "integer"})
    assert good["user"].to_pylist() == [1, -5, 9007199254740993]
    assert [row["code"] for row in bad] == ["not_integer"] * 7 + ["missing_user"]


@pytest.mark.parametrize(
    ("times", "kind", "expected"),
    [
        (["1700000000", "1700000001"], "integer", [1700000000, 1700000001]),
        (["1700000000", "1700000001.5"], "number", [1700000000.0, 1700000001.5]),
        (["1700000000123456789", "1700000001000000000"], "integer", [1700000000123456789, 1700000001000000000]),
    ],
)
def test_numeric_times_stay_as_they_are(tmp_path, times, kind, expected):
    file = write(tmp_path / "a.csv", csv_of([["a", "x", time] for time in times], ["user", "item", "time"]))
    assert find_kinds([file], find_columns([file]))["time"] == kind
    good, _, facts = read(file)
    assert good["time"].to_pylist() == expected
    assert (facts.low, facts.high) == (min(expected), max(expected))


@pytest.mark.parametrize(
    ("text", "expected", "zoned"),
    [
        ("2024-05-02", "2024-05-02T00:00", False),
        ("2024-05-02 10:00", "2024-05-02T10:00", False),
        ("2024-05-02T10:00:00.123456+02:00", "2024-05-02T08:00:00.123456", True),
        ("2024-05-02T10:00:00Z", "2024-05-02T10:00", True),
        ("2024-05-02T10:00:00.123456789", "2024-05-02T10:00:00.123456", False),
        ("1600-01-01", "1600-01-01", False),
    ],
)
@pytest.mark.parametrize("company", ["", "a,x,2024-05-02T10:00:00.999999999Z\n", "a,x,now\n"])
def test_times_do_not_depend_on_their_company(tmp_path, text, expected, zoned, company):
    file = write(tmp_path / "a.csv", f"user,item,time\na,x,{text}\n{company}")
    good, _, facts = read(file, kinds={"time": "time"})
    assert good["time"][0].as_py() == np.datetime64(expected, "us").item()
    assert (facts.n_zoned, facts.n_naive) == (zoned + ("Z" in company), not zoned)


def test_parquet_times_of_every_unit_are_microseconds_in_utc(tmp_path):
    for unit in ("s", "ms", "us", "ns"):
        times = pa.array([-1, None]).cast(pa.timestamp(unit, "Europe/Paris"))
        good, bad, facts = read(parquet(tmp_path / "a.parquet", {"user": ["a"] * 2, "item": ["x"] * 2, "time": times}))
        expected = np.datetime64(-1, unit).astype("datetime64[us]").astype(np.int64)
        assert good["time"].cast(pa.int64()).to_pylist() == [expected]
        assert faults(bad) == [(1, "missing_time")]
        assert facts[:4] == (1, 0, expected, expected)


def test_a_field_that_is_missing_is_no_fault_whatever_says_so():
    cells = {
        "number": pa.array([1.0, np.nan, None, np.inf]),
        "text": pa.array(["a", "", None, "b"]),
        "boolean": pa.array([True, None, None, False]),
    }
    expected = {"number": [1, None, None, None], "text": ["a", "", None, "b"], "boolean": [True, None, None, False]}
    for kind, column in cells.items():
        values, faults, _ = convert(column, kind, "field:x")
        assert values.to_pylist() == expected[kind]
        assert [FAULTS[fault] for fault in faults] == ["", "", "", "not_a_number" if kind == "number" else ""]
    for kind, of_any in itertools.product(cells, (pa.null(), pa.float64(), pa.string(), pa.bool_(), pa.binary())):
        values, faults, _ = convert(pa.nulls(3, of_any), kind, "field:x")
        assert values.type == TYPES[kind]
        assert (values.null_count, faults.any()) == (3, False)


@pytest.mark.parametrize("cell", [b"NaN", b"NA", b"null", b"-", b"inf"])
def test_a_word_among_numbers_is_a_fault(cell):
    values, faults, _ = convert(pa.array([b"1.5", cell, b"", b" ", None]), "number", "field:x")
    assert values.to_pylist() == [1.5, None, None, None, None]
    assert [FAULTS[fault] for fault in faults] == ["", "not_a_number", "", "", ""]


ANY = [
    ([1, None, -5], ["1", None, "-5"]),
    ([123_456_789_012_345_678, 2, 3], ["123456789012345678", "2", "3"]),
    ([1.5, None, float("nan")], ["1.5", None, None]),
    ([True, None, False], ["true", None, "false"]),
    (["x", "", None], ["x", None, None]),
    ([b"x", b"\xff", None], ["x", None, None]),
    ([[1, 2], None, []], ["[1, 2]", None, "[]"]),
    ([{"a": "b"}, None, {"a": None}], ["{'a': 'b'}", None, "{'a': None}"]),
    ([datetime(2024, 5, 2, tzinfo=UTC), None, None], ["2024-05-02 00:00:00.000000Z", None, None]),
]


@pytest.mark.parametrize(("cells", "texts"), ANY, ids=str)
def test_whatever_is_shown_is_text_and_makes_no_row_bad(tmp_path, cells, texts):
    found = convert(pa.array(cells), "shown", "field:note")
    assert (found.values.to_pylist(), found.faults.tolist()) == (texts, [0, 0, 0])
    file = parquet(tmp_path / "a.parquet", {"user": list("abc"), "item": list("xyz"), "note": cells})
    columns = find_columns([file], fields=["note"])
    kinds = find_kinds([file], columns, {"field:note": "shown"})
    (chunk,) = read_chunks(file, columns, kinds)
    assert (chunk.good["field:note"].to_pylist(), chunk.bad.num_rows) == (texts, 0)


def test_json_of_every_kind_is_shown_as_it_is_written(tmp_path):
    values = ["x", 7, 2.5, True, None, [1, "é"], {"a": None}, 10**30]
    lines = [json.dumps({"user": "a", "item": "x", "note": value}) + "\n" for value in values]
    file = write(tmp_path / "a.jsonl", "".join(lines))
    columns = find_columns([file], fields=["note"])
    (chunk,) = read_chunks(file, columns, find_kinds([file], columns, {"field:note": "shown"}))
    texts = ["x", "7", "2.5", "true", None, '[1, "é"]', '{"a": null}', str(10**30)]
    assert (chunk.good["field:note"].to_pylist(), chunk.bad.num_rows) == (texts, 0)
