import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seqrec._text import plain
from seqrec.logs.tables import open_writer, write_table

TABLE = pa.table(
    {
        "user": ["a", "", None, 'q"q', "x\ny", "007"],
        "score": [1.5, None, -2.0, 1e-300, 0.1, -0.25],
        "rank": [1, 2, None, -4, 2**62, 6],
        "flag": [True, None, False, True, False, True],
        "time": pa.array([0, 1_500_000, None, 1, 2, 3], pa.timestamp("us")),
    }
)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_csv_holds_numbers_as_numbers_and_null_as_nothing(tmp_path):
    write_table(TABLE, tmp_path / "out.csv")
    header, *rows = rows_of(tmp_path / "out.csv")
    assert header == TABLE.column_names
    assert rows[1] == ["", "", "2", "", "1970-01-01T00:00:01.500000Z"]
    assert rows[2] == ["", "-2", "", "false", ""]
    assert rows[3] == ['q"q', "1e-300", "-4", "true", "1970-01-01T00:00:00.000001Z"]
    assert rows[4][0] == "x\ny"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", " =1", "\u3000=1", "\n=1", "\tx", "\rx", "＝1", "＋1", "－1", "＠1"]
)
def test_text_that_a_spreadsheet_would_run_is_escaped(tmp_path, text):
    write_table(pa.table({"=user": [text, "a=b"], "score": [-1, 2]}), tmp_path / "out.csv")
    assert rows_of(tmp_path / "out.csv") == [["'=user", "score"], ["'" + text, "-1"], ["a=b", "2"]]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_text_is_escaped(tmp_path, kind):
    write_table(pa.table({"user": pa.array(["=1"]).cast(kind)}), tmp_path / "out.csv")
    assert rows_of(tmp_path / "out.csv") == [["user"], ["'=1"]]


def test_json_holds_values_as_they_are(tmp_path):
    write_table(TABLE, tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["user"] for row in rows] == TABLE["user"].to_pylist()
    assert [row["rank"] for row in rows] == TABLE["rank"].to_pylist()
    assert rows[1]["time"] == "1970-01-01T00:00:01.500000Z"
    assert rows[2] == {"user": None, "score": -2.0, "rank": None, "flag": False, "time": None}


def test_narrow_numbers_are_written_short(tmp_path):
    table = pa.table({"score": pa.array([0.1], pa.float32())})
    for name, expected in (("out.csv", '"score"\n0.1\n'), ("out.jsonl", '{"score": 0.1}\n')):
        write_table(table, tmp_path / name)
        assert (tmp_path / name).read_text() == expected


def test_numbers_that_are_not_finite_are_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_table(pa.table({"score": [float("nan")]}), tmp_path / "out.jsonl")
    assert not list(tmp_path.iterdir())


def test_parquet_keeps_types(tmp_path):
    write_table(TABLE, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(TABLE)


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_batches_give_the_rows_of_a_whole_table_and_the_same_bytes_each_time(tmp_path, name):
    contents = []
    for _ in range(2):
        with open_writer(tmp_path / name, TABLE.schema) as writer:
            writer.write(TABLE[:2])
            writer.write(TABLE[2:2])
            writer.write(TABLE[2:])
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    if name != "out.parquet":
        write_table(TABLE, tmp_path / name)
        assert (tmp_path / name).read_bytes() == contents[0]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_failure_leaves_the_old_file(tmp_path, name):
    write_table(TABLE, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(RuntimeError, match="stopped"), open_writer(tmp_path / name, TABLE.schema) as writer:  # noqa: PT012
        writer.write(TABLE)
        raise RuntimeError("stopped")
    assert (tmp_path / name).read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_table_without_rows_has_its_header(tmp_path):
    write_table(TABLE[:0], tmp_path / "out.csv")
    assert rows_of(tmp_path / "out.csv") == [TABLE.column_names]


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"written as \.parquet, \.csv, \.jsonl"):
        write_table(TABLE, tmp_path / "out.xlsx")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=1, max_size=6))
@example(texts=["=x", "'=x", "''=x", "-5", "'-5", "'", "", "it's", "-dash.csv"])
def test_any_text_comes_back(tmp_path, texts):
    table = pa.table({"text": texts, "row": list(range(len(texts)))})
    write_table(table, tmp_path / "out.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "out.csv").read_bytes().decode(), newline="")))[1:]
    assert [row[0].removeprefix("'") for row in rows] == texts
    write_table(table, tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_bytes().decode().split("\n")[:-1]
    assert [json.loads(line)["text"] for line in lines] == texts


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("tea", 40, "tea"),
        ("\x1b[31mred", 40, "\\x1b[31mred"),
        ("a\nb\0", 40, "a\\nb\\x00"),
        ("a\u202eb\u2066", 40, "a\\u202eb\\u2066"),
        ("half \ud800", 40, "half \\ud800"),
        ("日本", 40, "日本"),
        ("a long title", 9, "a long t…"),
        ("日本語日本語", 9, "日本語日…"),
        ("12345678\x1b", 9, "12345678…"),
    ],
)
def test_text_is_safe_in_a_terminal(text, width, shown):
    assert plain(text, width=width) == shown


def test_a_csv_file_holds_nothing_but_its_rows_where_a_chunk_is_empty(tmp_path):
    # Arrow 26 wrote what lay in its memory.
    text = pa.chunked_array([pa.array([], pa.string()), pa.array(["tea"]), pa.array([], pa.string())])
    write_table(pa.table({"item": text}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b'"item"\n"tea"\n'
