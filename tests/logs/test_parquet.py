"""Parquet of every type that holds ids and times is read, and a damaged part spoils itself alone."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_files import faults, parquet, read

from seqrec.exceptions import LogError
from seqrec.logs.columns import Columns, find_columns, find_kinds
from seqrec.logs.files import LogFile
from seqrec.logs.parquet import read_blocks, read_schema


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_all_kinds_of_arrow_text_are_text(tmp_path, kind):
    ids = pa.array(["a", None, ""]).cast(kind)
    good, bad, _ = read(parquet(tmp_path / "a.parquet", {"user": ids, "item": ["x", "y", "z"]}))
    assert good.to_pylist() == [{"row": 0, "user": "a", "item": "x"}]
    assert faults(bad) == [(1, "missing_user"), (2, "missing_user")]


def test_ids_in_floating_point_must_be_whole(tmp_path):
    ids = pa.array([1.0, 2.5, float("nan"), None, 2.0**53, float("inf")])
    good, bad, _ = read(parquet(tmp_path / "a.parquet", {"user": ids, "item": ["x"] * 6}))
    assert good["user"].to_pylist() == [1]
    assert [row["code"] for row in bad] == ["not_integer", "missing_user", "missing_user", "not_integer", "not_integer"]
    ids = pa.array([1, 2**63], pa.uint64())
    assert faults(read(parquet(tmp_path / "b.parquet", {"user": ids, "item": ["x"] * 2}))[1]) == [(1, "not_integer")]


@pytest.mark.parametrize("ids", [[True, False], [[1], [2]], [{"a": 1}, {"a": 2}]])
def test_parquet_ids_of_strange_types_are_an_error(tmp_path, ids):
    file = parquet(tmp_path / "a.parquet", {"user": ids, "item": ["x", "y"]})
    with pytest.raises(LogError, match=r"column 'user' holds .* Expected integers or text"):
        find_kinds([file], find_columns([file]))


def test_parquet_text_that_is_not_utf8_is_bad(tmp_path):
    users = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"b\xff"]).buffers())
    good, bad, _ = read(parquet(tmp_path / "a.parquet", {"user": users, "item": ["x", "y"]}))
    assert good["user"].to_pylist() == ["a"]
    assert faults(bad) == [(1, "invalid_utf8")]
    assert bad[0]["raw"] == "b\\xff"


def test_a_damaged_row_group_is_bad_and_the_others_good(tmp_path):
    users = [f"user {row}" for row in range(300)]
    options = {"row_group_size": 100, "use_dictionary": False, "compression": "zstd"}
    file = parquet(tmp_path / "a.parquet", {"user": users, "item": users}, **options)
    offset = pq.ParquetFile(file.path).metadata.row_group(1).column(0).data_page_offset
    content = bytearray(file.path.read_bytes())
    content[offset : offset + 60] = b"\xff" * 60
    file.path.write_bytes(content)
    good, bad, _ = read(file, chunk_rows=70)
    assert good["row"].to_pylist() == [*range(100), *range(200, 300)]
    assert faults(bad) == [(row, "unreadable_rows") for row in range(100, 200)]


@pytest.mark.parametrize("moment", ["9999-12-31T00:00:00", "1500-01-01T12:30:00", "2024-05-01T00:00:00.123456"])
def test_times_as_spark_writes_them_are_of_the_same_century(tmp_path, moment):
    times = pa.array(np.array([moment], "datetime64[us]"))
    pq.write_table(pa.table({"time": times}), tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    file = LogFile.from_path(tmp_path / "a.parquet")
    assert read_schema(file).field("time").type == pa.timestamp("us")
    (block,) = read_blocks(file, {"time": "time"})
    assert block.cells["time"].to_pylist() == times.to_pylist()


@pytest.mark.parametrize("kind", [pa.float64(), pa.string(), pa.bool_(), pa.int64(), pa.null()])
def test_a_field_without_any_value_is_of_the_kind_that_is_wanted(tmp_path, kind):
    columns = {"user": ["a", "b"], "item": ["x", "y"], "amount": pa.nulls(2, kind), "frame": [[None], [None]]}
    file = parquet(tmp_path / "a.parquet", columns, row_group_size=1)
    for wanted in ("number", "text", "boolean"):
        good, bad, _ = read(file, Columns("user", "item", None, ("amount",)), {"field:amount": wanted})
        assert (good["field:amount"].null_count, bad) == (2, [])
    assert find_kinds([file], Columns("user", "item", None, ("amount",)))["field:amount"] == "number"
    assert read_schema(parquet(tmp_path / "b.parquet", {"amount": pa.nulls(0, kind)})).types == [kind]


def test_a_field_with_one_value_keeps_its_kind(tmp_path):
    columns = {"user": ["a", "b"], "item": ["x", "y"], "amount": pa.array([None, "three"])}
    file = parquet(tmp_path / "a.parquet", columns, row_group_size=1)
    assert read_schema(file).field("amount").type == pa.string()
