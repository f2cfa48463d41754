"""Files that are written in other ways than usual are read where it shows, or where it is said."""

import gzip

import pyarrow as pa
import pytest
from log_files import csv_of, faults, read, write

from seqrec.exceptions import LogError
from seqrec.logs.columns import Columns
from seqrec.logs.dialect import Dialect
from seqrec.logs.formats import read_names

NAMES = ["user", "item", "time", "amount"]
ROWS = [["ann", "tea", "2024-05-01T10:00:00", "1.5"], ["ben", 'a,;\t|"b', "2024-05-02T11:30:00", "2"]]
COLUMNS = Columns("user", "item", "time", ("amount",))


def in_dialect(file, **dialect):
    return file._replace(dialect=Dialect(**dialect).check())


@pytest.fixture
def expected(tmp_path):
    return read(write(tmp_path / "usual.csv", csv_of(ROWS, NAMES)), COLUMNS)[0]


def with_delimiter(mark):
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in ROWS]
    return "\n".join(mark.join(row) for row in [NAMES, *quoted]) + "\n"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_usual_delimiters_show_in_the_header(tmp_path, expected, name, mark):
    file = write(tmp_path / name, with_delimiter(mark))
    assert read_names(file) == NAMES
    assert read(file, COLUMNS)[0].equals(expected)


@pytest.mark.parametrize("mark", [":", "^", " ", "~", "]", "\\", "."])
def test_any_sign_can_be_named_as_the_delimiter(tmp_path, expected, mark):
    file = write(tmp_path / "a.csv", with_delimiter(mark))
    with pytest.raises(LogError, match="--delimiter"):
        read_names(file)
    assert read(in_dialect(file, delimiter=mark), COLUMNS)[0].equals(expected)


def test_a_delimiter_within_quoted_names_does_not_count(tmp_path):
    assert read_names(write(tmp_path / "a.csv", 'user,"a;b;c;d",item\n')) == ["user", "a;b;c;d", "item"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig", "utf-8", "cp037"])
@pytest.mark.parametrize("packed", [False, True])
def test_text_of_every_encoding_is_read_where_it_is_named(tmp_path, encoding, packed):
    content = "user,größe,item\nänne,1,tea\nböb,2,milk\n".encode(encoding)
    file = write(tmp_path / ("a.csv.gz" if packed else "a.csv"), content)
    good, bad, _ = read(in_dialect(file, encoding=encoding), Columns("user", "item", None, ("größe",)))
    assert good["user"].to_pylist() == ["änne", "böb"]
    assert good["field:größe"].to_pylist() == [1, 2]
    assert not bad


def test_json_lines_have_encodings_too(tmp_path):
    file = write(tmp_path / "a.jsonl", '{"user": "ä", "item": "é"}\n'.encode("latin-1"))
    assert faults(read(file)[1]) == [(0, "invalid_utf8")]
    assert read(in_dialect(file, encoding="latin-1"))[0]["user"].to_pylist() == ["ä"]


def test_bytes_that_an_encoding_does_not_know_spoil_their_row_only(tmp_path):
    file = write(tmp_path / "a.csv", b"user,item\n\xe4,x\n\x81,y\nb,z\n")
    good, bad, _ = read(in_dialect(file, encoding="cp1252"))
    assert good["user"].to_pylist() == ["ä", "b"]
    assert faults(bad) == [(1, "invalid_utf8")]


def test_text_that_is_cut_within_a_character_is_truncated(tmp_path):
    file = write(tmp_path / "a.csv", "user,item\na,x\nb,y\n".encode("utf-16")[:-1])
    assert faults(read(in_dialect(file, encoding="utf-16"))[1]) == [(1, "truncated")]


@pytest.mark.parametrize("cell", ["1,5", "-1,5", "+1,5", "1,5e0", " 1,5 "])
def test_decimals_can_follow_a_comma(tmp_path, cell):
    file = write(tmp_path / "a.csv", f"user;item;amount\na;x;{cell}\nb;y;2\n" + "c;z;,5\n" * 200 + "d;z;1.000\n")
    good, bad, _ = read(in_dialect(file, decimal=","), Columns("user", "item", None, ("amount",)))
    assert abs(good["field:amount"][0].as_py()) == 1.5
    assert good["field:amount"].to_pylist()[1:3] == [2, 0.5]
    assert faults(bad) == [(202, "not_a_number")]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d.%m.%Y %H:%M:%S", "17.05.2024 10:00:00"),
        ("%d.%m.%y %H:%M", "17.05.24 10:00"),
        ("%m/%d/%Y %I:%M %p", "05/17/2024 10:00 AM"),
        ("%Y%m%d%H%M%S", "20240517100000"),
        ("%d/%b/%Y:%H:%M:%S %z", "17/May/2024:12:00:00 +0200"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_times_of_any_format_are_read_where_it_is_named(tmp_path, form, text, name):
    lines = f'user;item;time\na;x;"{text}"\nb;y;"soon"\n' if name == "a.csv" else _lines([f'"{text}"', '"soon"'])
    good, bad, facts = read(in_dialect(write(tmp_path / name, lines), time_format=form))
    assert good["time"].cast(pa.string()).to_pylist() == ["2024-05-17 10:00:00.000000"]
    assert faults(bad) == [(1, "unreadable_time")]
    assert facts.n_zoned == ("%z" in form)


def _lines(times):
    return "".join(f'{{"user": "a", "item": "x", "time": {time}}}\n' for time in times)


def test_days_that_are_written_as_numbers_have_a_format_too(tmp_path):
    file = in_dialect(write(tmp_path / "a.jsonl", _lines([20240517, 20241301])), time_format="%Y%m%d")
    good, bad, _ = read(file)
    assert good["time"].cast(pa.string()).to_pylist() == ["2024-05-17 00:00:00.000000"]
    assert faults(bad) == [(1, "unreadable_time")]


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        ({"delimiter": "ab"}, "--delimiter 'ab'"),
        ({"delimiter": ""}, "--delimiter ''"),
        ({"delimiter": '"'}, "--delimiter"),
        ({"delimiter": "ü"}, "--delimiter"),
        ({"encoding": "klingon"}, "--encoding 'klingon'"),
        ({"encoding": "base64"}, "--encoding 'base64'"),
        ({"encoding": "a\0"}, "--encoding"),
        ({"time_format": "%H:%M"}, "does not tell the day"),
        ({"time_format": "%d.%m."}, "does not tell the day"),
        ({"time_format": ""}, "does not tell the day"),
        ({"time_format": "%Q"}, "bad directive"),
    ],
)
def test_a_dialect_that_cannot_be_is_refused_with_an_example(dialect, message):
    with pytest.raises(LogError, match=message):
        Dialect(**dialect).check()


def test_a_format_can_be_named_that_the_ending_does_not_say(tmp_path):
    from seqrec.logs.files import find_files

    (tmp_path / "a.log").write_text(csv_of(ROWS, NAMES))
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(csv_of(ROWS, NAMES).encode()))
    files = find_files([str(tmp_path / "a.log"), str(tmp_path / "b.txt.gz")], Dialect("csv"))
    assert [len(read(file, COLUMNS)[0]) for file in files] == [2, 2]
    with pytest.raises(LogError, match="--input-format csv"):
        find_files([str(tmp_path / "a.log")])
    with pytest.raises(LogError, match="--delimiter is for CSV"):
        find_files([str(tmp_path / "a.log")], Dialect("jsonl", delimiter=";"))
