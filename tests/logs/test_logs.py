import csv
import gzip
import io
import json
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqrec.exceptions import LogError
from seqrec.logs import csv as log_csv
from seqrec.logs import json as log_json
from seqrec.logs.chunks import (
    CODES,
    Columns,
    LogFile,
    TimeFacts,
    find_columns,
    find_files,
    find_kinds,
    read_chunks,
    read_names,
    schema_of,
)

COLUMNS = Columns("user", "item", "time", ("amount", "new", "note"))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.sampled_from("ab\",;\n\r\t \\é漢\0='1"), max_size=6)


def write(path, content):
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return LogFile.from_path(path)


def read(file, columns=None, kinds=None, chunk_rows=2**18):
    """All good rows, all bad rows and the facts of a file, with its rows conserved."""
    columns = columns or find_columns([file])[0]
    kinds = find_kinds([file], columns, kinds)
    good, bad, facts, start = [schema_of(kinds).empty_table()], [], TimeFacts(), 0
    for chunk in read_chunks(file, 0, columns, kinds, chunk_rows):
        rows = sorted(chunk.good["row"].to_pylist() + chunk.bad["row"].to_pylist())
        assert rows == list(range(start, start + chunk.n_rows))
        assert chunk.start == start
        assert 0 < chunk.n_rows <= chunk_rows
        assert chunk.good.schema == schema_of(kinds)
        start += chunk.n_rows
        good.append(chunk.good)
        bad += chunk.bad.to_pylist()
        facts += chunk.times
    assert {row["code"] for row in bad} <= CODES.keys()
    return pa.concat_tables(good).combine_chunks(), bad, facts


def faults(bad):
    return [(row["row"], row["code"]) for row in bad]


def csv_of(rows, names):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([names, *rows])
    return out.getvalue()


# Files


def test_files_are_found_by_name_and_pattern(tmp_path):
    for name in ("b.csv", "a.csv.gz", "c.parquet"):
        (tmp_path / name).touch()
    found = find_files([str(tmp_path / "c.parquet"), str(tmp_path / "*.csv*")])
    assert [path.name for path in found] == ["c.parquet", "a.csv.gz", "b.csv"]


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ([], "no log is named"),
        (["*.csv"], "no such file"),
        (["missing.csv"], "no such file"),
        (["folder"], r"is a folder. Name the files in it, such as 'folder.\*\.csv'"),
        (["log.jsonl", "./log.jsonl"], "named twice"),
        (["log.xlsx"], "Expected .csv, .tsv, .jsonl, .ndjson, .parquet"),
        (["log.parquet.gz"], "Expected .csv"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path, monkeypatch, patterns, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("log.jsonl", "log.xlsx", "log.parquet.gz"):
        (tmp_path / name).touch()
    with pytest.raises(LogError, match=message):
        find_files(patterns)


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl.gz", "log.parquet"])
def test_a_file_that_cannot_be_opened_is_an_error_in_words(tmp_path, name):
    with pytest.raises(LogError, match="cannot be opened"):
        read_names(LogFile.from_path(tmp_path / name))
    (tmp_path / name).mkdir()
    with pytest.raises(LogError, match="cannot be opened"):
        read_names(LogFile.from_path(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (b"\n\r\n", "no header"),
        (b"user,item,user\n", "column 'user' occurs twice"),
        (b"user,,item\n", "column 2 of the header has no name"),
        (b"us\xe9r,item\n", "not valid UTF-8"),
        (b"user;item\n1;2\n", "separated by ';'"),
        ("user,item\n".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"user,item\n", mtime=0), "ending .gz"),
        (b"PK\x03\x04spreadsheet", "spreadsheet"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(tmp_path, content, message):
    with pytest.raises(LogError, match=message):
        read_names(write(tmp_path / "log.csv", content))


# Columns and kinds


def test_columns_are_found_by_usual_names_and_noted(tmp_path):
    file = write(tmp_path / "log.csv", "Time,SESSION_ID,itemid,price\n")
    columns, notes = find_columns([file], fields=["price"])
    assert columns == Columns("SESSION_ID", "itemid", "Time", ("price",))
    assert notes == ["user: column 'SESSION_ID'", "item: column 'itemid'", "timestamp: column 'Time'"]


@pytest.mark.parametrize("timestamp", ["", "none"])
def test_a_log_can_be_without_times(tmp_path, timestamp):
    file = write(tmp_path / "log.csv", "user,item,time\na,x,1\n")
    columns, notes = find_columns([file], timestamp=timestamp)
    assert columns.timestamp is None
    assert "rows of each user are taken in their order" in notes[-1]
    assert read(file, columns)[0].column_names == ["row", "user", "item"]


def test_a_missing_column_names_the_file_and_the_nearest_match(tmp_path):
    files = [write(tmp_path / "a.csv", "user,item\n"), write(tmp_path / "b.csv", "user,itme\n")]
    with pytest.raises(LogError, match=r"b\.csv: column 'item' is missing; columns found: 'user', 'itme'.*'itme'\?"):
        find_columns(files)
    with pytest.raises(LogError, match=r"no column has a usual name for the user.*Name it: --user NAME"):
        find_columns([write(tmp_path / "c.csv", "who,item\n")])
    with pytest.raises(LogError, match="is to be both item and field:item"):
        find_columns(files[:1], fields=["item"])


def test_kinds_that_differ_between_files_are_an_error(tmp_path):
    files = [write(tmp_path / f"{user}.jsonl", json.dumps({"user": user, "item": "x"})) for user in ("a", 1)]
    columns, _ = find_columns(files)
    with pytest.raises(LogError, match=r"'user' holds text in .*a\.jsonl, but integers in .*1\.jsonl"):
        find_kinds(files, columns)


def test_kinds_other_than_wanted_are_an_error_that_shows_both(tmp_path):
    file = write(tmp_path / "a.jsonl", '{"user": 1, "item": "x"}')
    with pytest.raises(LogError, match=r"'user' holds integers, but text were expected for the user"):
        find_kinds([file], find_columns([file])[0], {"user": "text"})


@pytest.mark.parametrize("ids", [[1, "1"], [1, 1.0], [True], [[1]], [{"a": 1}], [1.5]])
def test_ids_of_mixed_or_strange_kinds_are_an_error(tmp_path, ids):
    file = write(tmp_path / "a.jsonl", "\n".join(json.dumps({"user": value, "item": "x"}) for value in ids))
    with pytest.raises(LogError, match=r"column 'user' (mixes kinds of value|holds)"):
        find_kinds([file], find_columns([file])[0])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-1e3", ""], "number"),
        (["True", "false"], "boolean"),
        (["1", "x"], "text"),
    ],
)
def test_csv_fields_have_the_kind_of_their_cells(tmp_path, cells, kind):
    file = write(tmp_path / "a.csv", csv_of([["a", "x", cell] for cell in cells], ["user", "item", "field"]))
    columns, _ = find_columns([file], fields=["field"])
    assert find_kinds([file], columns)["field:field"] == kind


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
    assert find_kinds([file], find_columns([file])[0])["time"] == kind
    good, _, facts = read(file)
    assert good["time"].to_pylist() == expected
    assert (facts.low, facts.high) == (min(expected), max(expected))


# CSV


def test_csv_ids_are_text_as_written(tmp_path):
    ids = ["001", "NA", "1e5", "9007199254740993", "null", "nan", "1.0", " a ", "True", "é\0", "x\ny", 'q"q', "-0"]
    good, bad, _ = read(write(tmp_path / "a.csv", csv_of([[name, name] for name in ids], ["user", "item"])))
    assert good["user"].to_pylist() == ids
    assert good["item"].to_pylist() == ids
    assert not bad


def test_csv_ids_can_be_integers_where_these_are_wanted(tmp_path):
    cells = ["1", "-5", "9007199254740993", "007", "1e5", "9223372036854775808", "0x1", "+1", "1.0", "x", ""]
    file = write(tmp_path / "a.csv", csv_of([[cell, "x"] for cell in cells], ["user", "item"]))
    good, bad, _ = read(file, kinds={"user": "integer"})
    assert good["user"].to_pylist() == [1, -5, 9007199254740993]
    assert [row["code"] for row in bad] == ["not_integer"] * 7 + ["missing_user"]


def test_each_bad_csv_row_has_its_first_fault(tmp_path):
    rows = [
        b"a,x,2024-05-02,1,true,n",
        b",,,,,",
        b'a,"",2024-05-02,1,true,n',
        b"a,x,,1,true,n",
        b"a,x,yesterday,1,true,n",
        b"a,x,2024-05-02,,true,n",
        b"a,x,2024-05-02,one,true,n",
        b"a,x,2024-05-02,inf,true,n",
        b"a,x,2024-05-02,1,yes,n",
        b"a,x,2024-05-02,1,true,",
        b'a,x,2024-05-02,1,true,""',
        b"a,x",
        b"a,x,2024-05-02,1,true,n,7",
        b"a\xff,x,2024-05-02,1,true,n",
        b"a" * 4097 + b",x,2024-05-02,1,true,n",
        b"",
        b"a" * 4096 + b",x,0000-05-02,1,true,n",
    ]
    file = write(tmp_path / "a.csv", b"user,item,time,amount,new,note\r\n" + b"\r\n".join(rows))
    good, bad, _ = read(file, COLUMNS, {"field:amount": "number", "field:new": "boolean", "field:note": "text"}, 3)
    assert good["row"].to_pylist() == [0, 10]
    assert good["field:note"].to_pylist() == ["n", ""]
    assert faults(bad) == [
        (1, "missing_user"),
        (2, "missing_item"),
        (3, "missing_time"),
        (4, "unreadable_time"),
        (5, "missing_field"),
        (6, "not_a_number"),
        (7, "not_a_number"),
        (8, "not_boolean"),
        (9, "missing_field"),
        (11, "wrong_number_of_cells"),
        (12, "wrong_number_of_cells"),
        (13, "invalid_utf8"),
        (14, "long_id"),
        (15, "unreadable_time"),
    ]
    assert bad[3]["raw"] == "yesterday"
    assert bad[3]["column"] == "time"
    assert bad[9] | {"reason": bad[9]["reason"]} == {
        "row": 11,
        "column": "",
        "code": "wrong_number_of_cells",
        "reason": "expected 6 cells, got 2",
        "raw": "a,x",
    }
    assert "byte 1 " in bad[11]["reason"]
    assert bad[11]["raw"] == "a\\xff"
    assert len(bad[12]["raw"]) == 200


def test_wrong_rows_are_found_among_bytes_that_are_not_utf8(tmp_path):
    content = "user,item\nä,é\nb\xe4,x,y\nö\nc,漢\n".encode() + b"d\xe4,x\n\xff\n"
    good, bad, _ = read(write(tmp_path / "a.csv", content))
    assert good.to_pylist() == [{"row": 0, "user": "ä", "item": "é"}, {"row": 3, "user": "c", "item": "漢"}]
    wrong = "wrong_number_of_cells"
    assert faults(bad) == [(1, wrong), (2, wrong), (4, "invalid_utf8"), (5, wrong)]
    assert [row["raw"] for row in bad] == ["bä,x,y", "ö", "d\\xe4", "\\xff"]


def test_a_quote_that_never_closes_spoils_its_own_line(tmp_path):
    file = write(tmp_path / "a.csv", 'user,item\na,"x\nb,y\nc,z\n')
    good, bad, _ = read(file)
    assert good["user"].to_pylist() == ["b", "c"]
    assert faults(bad) == [(0, "unclosed_quote")]


def test_rows_without_end_are_bad_and_later_rows_good(tmp_path, monkeypatch):
    for module in (log_csv, log_json):
        monkeypatch.setattr(module, "MAX_ROW_BYTES", 100)
        monkeypatch.setattr(module, "BLOCK_BYTES", 50)
    content = b"user,item\na,x\n" + b"b" * 70_000 + b',y\nc,"' + b"z" * 1000 + b"\nd,x\n"
    file = write(tmp_path / "a.csv", content)
    blocks = list(log_csv.read_blocks(file, {"user": "user"}, 50))
    assert [(row.row, row.code) for block in blocks for row in block.bad] == [(1, "long_row"), (2, "unclosed_quote")]
    assert [cell for block in blocks for cell in block.cells["user"].to_pylist()] == [b"a", b"d"]
    lines = b'{"user": "a", "item": "x"}\n{"user": "' + b"b" * 1000 + b'"}\n{"user": "c", "item": "x"}\n'
    good, bad, _ = read(write(tmp_path / "a.jsonl", lines))
    assert good["user"].to_pylist() == ["a", "c"]
    assert faults(bad) == [(1, "long_row")]


@QUICK
@given(rows=st.lists(st.lists(TEXT, min_size=1, max_size=3), max_size=12), size=st.integers(1, 30), rest=st.booleans())
def test_csv_is_read_as_pythons_own_module_reads_it(tmp_path, rows, size, rest):
    content = csv_of(rows, ["user", "item"]).encode()
    content = content if rest else content.rstrip(b"\r\n")
    lines = list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]
    expected = [line for line in lines if line]
    file = write(tmp_path / "a.csv", content)
    blocks = list(log_csv.read_blocks(file, {"user": "user", "item": "item"}, size))
    found = {row: None for block in blocks for row in [bad.row for bad in block.bad]}
    for block in blocks:
        cells = (block.cells[role].to_pylist() for role in ("user", "item"))
        found |= {
            row: [(c or b"").decode() for c in pair] for row, *pair in zip(block.rows.tolist(), *cells, strict=True)
        }
    assert [found[row] for row in range(len(found))] == [line if len(line) == 2 else None for line in expected]


@QUICK
@given(content=st.text(st.sampled_from('ab"",,\n\r'), max_size=60), size=st.integers(1, 30))
def test_broken_csv_does_not_depend_on_where_blocks_end(tmp_path, content, size):
    file = write(tmp_path / "a.csv", "user,item\n" + content)

    def rows(size):
        blocks = list(log_csv.read_blocks(file, {"user": "user"}, size))
        cells = [(row, c) for b in blocks for row, c in zip(b.rows.tolist(), b.cells["user"].to_pylist(), strict=True)]
        return cells, [(row.row, row.code) for block in blocks for row in block.bad]

    assert rows(size) == rows(2**20)


# JSON Lines


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
    chunks = list(read_chunks(file, 3, columns, kinds, 4))
    assert [chunk.n_rows for chunk in chunks] == [4, 4, 4, 4, 4]
    assert {chunk.file for chunk in chunks} == {3}
    good = pa.concat_tables([chunk.good for chunk in chunks])
    bad = [row for chunk in chunks for row in chunk.bad.to_pylist()]
    assert good["user"].to_pylist() == [1, 9007199254740993, 2]
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
        (11, "missing_field"),
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


# Parquet


def parquet(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return LogFile.from_path(path)


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
        find_kinds([file], find_columns([file])[0])


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


# Times


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
        assert facts == TimeFacts(1, 0, expected, expected)


# All formats


def log_rows(n_rows=50):
    rng = np.random.default_rng(0)
    for row in range(n_rows):
        user, item = map(str, (rng.choice(["ann", "böb", "00", "NA", '"q"']), rng.choice(["tea", "a,b", "x\ny", "=1"])))
        time = f"2024-05-02T{row // 3600:02}:{row // 60 % 60:02}:{row % 60:02}"
        yield {
            "user": user,
            "item": item,
            "time": time,
            "amount": row / 8,
            "new": row % 3 == 0,
            "note": "n" * (row % 7 + 1),
        }


def write_everywhere(folder, rows):
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "log.parquet", row_group_size=16)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    cells = csv_of(
        [[*list(row.values())[:4], str(row["new"]).lower(), row["note"]] for row in rows], table.column_names
    )
    files = [LogFile.from_path(folder / "log.parquet")]
    for name, content in (("log.csv", cells), ("log.jsonl", lines)):
        files += [write(folder / name, content), write(folder / (name + ".gz"), content)]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter="\t").writerows(csv.reader(io.StringIO(cells, newline="")))
    return [*files, write(folder / "log.tsv", "\ufeff" + out.getvalue())]


@pytest.mark.parametrize("chunk_rows", [1, 7, 1000])
def test_every_format_gives_the_same_rows(tmp_path, chunk_rows):
    rows = list(log_rows())
    files = write_everywhere(tmp_path, rows)
    kinds = find_kinds(files, COLUMNS)
    assert kinds == {"user": "text", "item": "text", "time": "time"} | {
        "field:amount": "number",
        "field:new": "boolean",
        "field:note": "text",
    }
    tables = [read(file, COLUMNS, kinds, chunk_rows)[0] for file in files]
    assert len(tables[0]) == len(rows)
    assert all(table.equals(tables[0]) for table in tables)


def test_a_log_without_rows_has_the_right_columns(tmp_path):
    file = write(tmp_path / "a.csv", "user,item\n")
    assert read(file)[0].schema == pa.schema([("row", pa.int64()), ("user", pa.string()), ("item", pa.string())])
    with pytest.raises(LogError, match="has no rows"):
        find_columns([write(tmp_path / "a.jsonl", "")])


@pytest.mark.parametrize("name", ["log.csv.gz", "log.jsonl.gz"])
def test_a_truncated_file_gives_what_can_be_read_and_one_bad_row(tmp_path, name):
    file = next(file for file in write_everywhere(tmp_path, list(log_rows(5000))) if file.path.name == name)
    whole, _, _ = read(file, COLUMNS)
    file.path.write_bytes(file.path.read_bytes()[:-2000])
    good, bad, _ = read(file, COLUMNS)
    assert faults(bad) == [(len(good), "truncated")]
    assert 0 < len(good) < len(whole)
    assert good.equals(whole[: len(good)])


def test_gzip_members_follow_each_other(tmp_path):
    content = gzip.compress(b"user,item\na,", mtime=0) + gzip.compress(b"x\nb,y\n") + b"\0" * 100
    (tmp_path / "a.csv.gz").write_bytes(content)
    good, bad, _ = read(LogFile.from_path(tmp_path / "a.csv.gz"))
    assert good["item"].to_pylist() == ["x", "y"]
    assert not bad
    (tmp_path / "a.csv.gz").write_bytes(content + b"junk")
    assert faults(read(LogFile.from_path(tmp_path / "a.csv.gz"))[1]) == [(2, "truncated")]


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_never_crash_and_no_row_is_lost(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for file in write_everywhere(tmp_path, list(log_rows())):
        content = np.frombuffer(file.path.read_bytes(), dtype=np.uint8).copy()
        places = rng.integers(len(content), size=rng.choice([1, 3, 20]))
        content[places] = rng.choice([*b'\0\xff"\n\r,{}', *rng.integers(256, size=9)], size=len(places))
        damaged = LogFile.from_path(tmp_path / f"damaged-{file.path.name}")
        damaged.path.write_bytes(content.tobytes())
        with suppress(LogError):
            read(damaged, find_columns([damaged], fields=COLUMNS.fields)[0], chunk_rows=20)
