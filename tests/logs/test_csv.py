"""CSV is read as Python's own module reads it, and a broken row spoils itself alone."""

import csv
import gzip
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_files import COLUMNS, csv_of, faults, read, write

from seqrec.exceptions import LogError
from seqrec.logs import blocks
from seqrec.logs import csv as log_csv
from seqrec.logs import json as log_json
from seqrec.logs.columns import Columns
from seqrec.logs.formats import read_names

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (b"\n\r\n", "no header"),
        (b"user,item,user\n", "column 'user' occurs twice"),
        (b",,\n", "no column of the header has a name"),
        (b"us\xe9r,item\n", "not valid UTF-8.*--encoding latin-1"),
        ("user,item\n".encode("utf-16"), "--encoding utf-16"),
        (gzip.compress(b"user,item\n", mtime=0), "ending .gz"),
        (b"PK\x03\x04spreadsheet", "spreadsheet"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(tmp_path, content, message):
    with pytest.raises(LogError, match=message):
        read_names(write(tmp_path / "log.csv", content))


@pytest.mark.parametrize(
    "header", [",user,item", '"","user","item"', "Unnamed: 0,user,item", "user,item,,", "user,,item,"]
)
def test_columns_without_a_name_are_passed_over(tmp_path, header):
    rows = [",".join("0" if not name or ":" in name else name[0] for name in header.replace('"', "").split(","))] * 2
    good, bad, _ = read(write(tmp_path / "a.csv", "\n".join([header, *rows])))
    assert good["user"].to_pylist() == ["u", "u"]
    assert good["item"].to_pylist() == ["i", "i"]
    assert not bad


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("names", [["user", "item"], ["user", "item", "time", "a,b"]])
def test_a_header_that_is_repeated_is_a_bad_row(tmp_path, names, ending):
    rows = [[f"{name} {row}" for name in names] for row in range(3)]
    once = csv_of(rows, names).replace("\r\n", ending)
    good, bad, _ = read(write(tmp_path / "a.csv", once * 3), find_columns_of(names))
    assert len(good) == 9 if len(names) == 2 else not len(good)
    assert [fault for fault in faults(bad) if fault[1] == "repeated_header"] == [
        (3, "repeated_header"),
        (7, "repeated_header"),
    ]


def find_columns_of(names):
    return Columns("user", "item", "time" if "time" in names else None, tuple(names[3:]))


def test_csv_ids_are_text_as_written(tmp_path):
    ids = ["001", "NA", "1e5", "9007199254740993", "null", "nan", "1.0", " a ", "True", "é\0", "x\ny", 'q"q', "-0"]
    good, bad, _ = read(write(tmp_path / "a.csv", csv_of([[name, name] for name in ids], ["user", "item"])))
    assert good["user"].to_pylist() == ids
    assert good["item"].to_pylist() == ids
    assert not bad


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
    assert good["row"].to_pylist() == [0, 5, 9, 10]
    assert good["field:amount"].to_pylist() == [1, None, 1, 1]  # a field that is missing is no fault
    assert good["field:note"].to_pylist() == ["n", "n", None, ""]
    assert faults(bad) == [
        (1, "missing_user"),
        (2, "missing_item"),
        (3, "missing_time"),
        (4, "unreadable_time"),
        (6, "not_a_number"),
        (7, "not_a_number"),
        (8, "not_boolean"),
        (11, "wrong_number_of_cells"),
        (12, "wrong_number_of_cells"),
        (13, "invalid_utf8"),
        (14, "long_id"),
        (15, "unreadable_time"),
    ]
    assert bad[3]["raw"] == "yesterday"
    assert bad[3]["column"] == "time"
    assert bad[7] | {"reason": bad[7]["reason"]} == {
        "row": 11,
        "column": "",
        "code": "wrong_number_of_cells",
        "reason": "expected 6 cells, got 2",
        "raw": "a,x",
    }
    assert "byte 1 " in bad[9]["reason"]
    assert bad[9]["raw"] == "a\\xff"
    assert len(bad[10]["raw"]) == 200


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
    for module in (log_csv, blocks):
        monkeypatch.setattr(module, "MAX_ROW_BYTES", 100)
    content = b"user,item\na,x\n" + b"b" * 70_000 + b',y\nc,"' + b"z" * 1000 + b"\nd,x\n"
    file = write(tmp_path / "a.csv", content)
    found = list(log_csv.read_blocks(file, {"user": "user"}, 50))
    assert [(row.row, row.code) for block in found for row in block.bad] == [(1, "long_row"), (2, "unclosed_quote")]
    assert [cell for block in found for cell in block.cells["user"].to_pylist()] == [b"a", b"d"]
    lines = b'{"user": "a", "item": "x"}\n{"user": "' + b"b" * 1000 + b'"}\n{"user": "c", "item": "x"}\n'
    found = list(log_json.read_blocks(write(tmp_path / "a.jsonl", lines), {"user": "user"}, {"user": "text"}, 50))
    assert [cell for block in found for cell in block.cells["user"].to_pylist()] == ["a", "c"]
    assert [(row.row, row.code) for block in found for row in block.bad] == [(1, "long_row")]


TEXT = st.text(st.sampled_from("ab\",;\n\r\t \\é漢\0='1"), max_size=6)


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
