"""Which columns hold what, and of what kind, is settled before a row is read."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_files import csv_of, faults, read, write

from seqrec.exceptions import LogError
from seqrec.logs.columns import Columns, find_band, find_columns, find_kinds
from seqrec.logs.dialect import Dialect
from seqrec.logs.files import LogFile
from seqrec.logs.source import Source


def test_columns_are_found_by_usual_names(tmp_path):
    file = write(tmp_path / "log.csv", "Time,SESSION_ID,itemid,price\n")
    assert find_columns([file], fields=["price"]) == Columns("SESSION_ID", "itemid", "Time", ("price",))


@pytest.mark.parametrize("timestamp", ["", "none"])
def test_a_log_can_be_without_times(tmp_path, timestamp):
    file = write(tmp_path / "log.csv", "user,item,time\na,x,1\n")
    columns = find_columns([file], timestamp=timestamp)
    assert columns.timestamp is None
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
    columns = find_columns(files)
    with pytest.raises(LogError, match=r"'user' holds text in .*a\.jsonl, but integers in .*1\.jsonl"):
        find_kinds(files, columns)


def test_kinds_other_than_wanted_are_an_error_that_shows_both(tmp_path):
    file = write(tmp_path / "a.jsonl", '{"user": 1, "item": "x"}')
    with pytest.raises(LogError, match=r"'user' holds integers, but text were expected for the user"):
        find_kinds([file], find_columns([file]), {"user": "text"})


@pytest.mark.parametrize("ids", [[1, "1"], [1, 1.0], [True], [[1]], [{"a": 1}], [1.5]])
def test_ids_of_mixed_or_strange_kinds_are_an_error(tmp_path, ids):
    file = write(tmp_path / "a.jsonl", "\n".join(json.dumps({"user": value, "item": "x"}) for value in ids))
    with pytest.raises(LogError, match=r"column 'user' (mixes kinds of value|holds)"):
        find_kinds([file], find_columns([file]))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-1e3", "", " "], "number"),
        (["True", "false", " "], "boolean"),
        (["tea", "x", ""], "text"),
        ([*"1" * 99, "x"], "number"),
        ([*"x" * 99, "1"], "text"),
    ],
)
def test_csv_fields_have_the_kind_of_their_cells(tmp_path, cells, kind):
    file = write(tmp_path / "a.csv", csv_of([["a", "x", cell] for cell in cells], ["user", "item", "field"]))
    columns = find_columns([file], fields=["field"])
    assert find_kinds([file], columns)["field:field"] == kind


FORMATS = ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz"]


def with_cells(path, cells, name="amount", users="a"):
    """Write a log with a column of these texts, in any format."""
    rows = [{"user": users, "item": "x", name: cell} for cell in cells]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=1000)
        return LogFile.from_path(path)
    if path.suffix == ".jsonl":
        return write(path, "".join(json.dumps(row) + "\n" for row in rows))
    text = csv_of([row.values() for row in rows], ["user", "item", name])
    return write(path, text.replace(",", "\t") if path.suffix == ".tsv" else text)


def kind_of_amount(*files):
    columns = find_columns(files, fields=["amount"])
    return find_kinds(files, columns)["field:amount"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("late", [False, True])
def test_a_field_of_numbers_and_words_is_refused_by_name_in_every_format(tmp_path, name, late):
    n_before = 30_000 if late else 100  # rows before it shows: more than a mebibyte
    cells = ["12.5"] * n_before + ["NaN"] * (n_before // 50) + [""] * 7
    file = with_cells(tmp_path / name, cells)
    with pytest.raises(
        LogError, match=rf"column 'amount' holds numbers and other text.*'NaN' \(row {n_before}\)"
    ) as told:
        kind_of_amount(file)
    assert "--fields amount:number" in str(told.value)
    assert "--fields amount:text" in str(told.value)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["12.5"] * 300 + ["NaN", "x"], "number"),
        (["x", "y"] * 150 + ["7", "8"], "text"),
        (["12.5", ""], "number"),
    ],
)
def test_almost_all_cells_tell_the_kind_and_the_others_are_bad_cells(tmp_path, name, cells, kind):
    file = with_cells(tmp_path / name, cells)
    assert kind_of_amount(file) == kind
    if kind == "number" and len(cells) > 2:
        assert [code for _, code in faults(read(file, Columns("user", "item", None, ("amount",)))[1])] == [
            "wrong_type" if name == "a.jsonl" else "not_a_number"
        ] * 2


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["number", "text"])
def test_what_is_said_or_what_a_model_expects_decides(tmp_path, name, kind):
    file = with_cells(tmp_path / name, ["1"] * 8 + ["x"] * 2)
    columns = Columns("user", "item", None, ("amount",))
    good, bad, _ = read(file, columns, {"field:amount": kind})
    assert (len(good), len(bad)) == ((8, 2) if kind == "number" else (10, 0))


@pytest.mark.parametrize("numbers", [[5411, 5812], [5411.0, 5812.0]])
@pytest.mark.parametrize("name", FORMATS)
def test_numbers_can_be_words_that_are_the_same_in_every_format(tmp_path, name, numbers):
    file = with_cells(tmp_path / name, numbers if name in ("a.jsonl", "a.parquet") else [5411, 5812])
    good, bad, _ = read(file, Columns("user", "item", None, ("amount",)), {"field:amount": "text"})
    assert not bad
    assert good["field:amount"].to_pylist() == ["5411", "5812"]


def test_cells_of_all_files_are_judged_together(tmp_path):
    files = [with_cells(tmp_path / "a.csv", ["1"] * 300), with_cells(tmp_path / "b.jsonl", ["x", "2", "3"])]
    assert kind_of_amount(*files) == "number"
    files[1] = with_cells(tmp_path / "b.jsonl", ["x"] * 30)
    with pytest.raises(LogError, match=r"30 of its 330 cells are no numbers, such as 'x' \(row 0 of .*b\.jsonl\)"):
        kind_of_amount(*files)


def test_json_numbers_and_words_in_one_column_are_judged_alike(tmp_path):
    rows = [{"user": "a", "item": "x", "amount": 1.5 if row % 9 else "n/a"} for row in range(90)]
    file = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    with pytest.raises(LogError, match=r"10 of its 90 cells are no numbers, such as 'n/a' \(row 0\)"):
        kind_of_amount(file)
    rows[0:90] = [row | {"amount": 1.5} for row in rows] * 400 + rows  # beyond the first mebibyte
    late = write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, [*rows, *rows[-90:] * 80])))
    with pytest.raises(LogError, match=r"cells are no numbers, such as 'n/a' \(row 36000\)"):
        kind_of_amount(late)
    columns = Columns("user", "item", None, ("amount",))
    assert [len(read(file, columns, {"field:amount": kind})[0]) for kind in ("number", "text")] == [80, 90]


@pytest.mark.parametrize(("value", "kind"), [("web", "text"), (1.5, "number"), ("7", "number"), (True, "boolean")])
def test_a_json_field_that_begins_late_has_the_kind_of_what_comes(tmp_path, value, kind):
    rows = [{"user": "a", "item": "x", "amount": None}] * 30_000 + [{"user": "a", "item": "x", "amount": value}]
    assert kind_of_amount(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))) == kind


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_decimal_commas_are_refused_by_name_with_the_option(tmp_path, name):
    file = with_cells(tmp_path / name, ["12,50", "7,1", "3"])
    with pytest.raises(LogError, match=r"'12,50' \(row 0\).*--decimal ,"):
        kind_of_amount(file)
    file = file._replace(dialect=Dialect(decimal=","))
    assert kind_of_amount(file) == "number"
    assert read(file, Columns("user", "item", None, ("amount",)))[0]["field:amount"].to_pylist() == [12.5, 7.1, 3]


@pytest.mark.parametrize("value", [{"id": 1}, [1, 2]])
@pytest.mark.parametrize("column", ["user", "item", "amount"])
def test_what_is_nested_in_json_is_refused_in_plain_words(tmp_path, value, column):
    row = {"user": "a", "item": "x", "amount": 1} | {column: value}
    file = write(tmp_path / "a.jsonl", json.dumps(row))
    with pytest.raises(LogError, match=rf"column '{column}' holds (objects|lists), such as .*make a key") as told:
        kind_of_amount(file)
    assert "Entry" not in str(told.value)


TIMES = [1_700_000_000 + second for second in range(99)]
SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def log_of_times(path, times, as_text=False):
    times = [str(time) for time in times] if as_text else times
    return with_cells(path, times, "time")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("odd", [0, -1, 7, 10**16, -(10**18)])
@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_a_number_far_from_almost_all_times_is_a_bad_row(tmp_path, name, as_text, odd, unit):
    path = log_of_times(tmp_path / name, [odd, *(time * SECONDS[unit] for time in TIMES)], as_text).path
    source = Source.find([str(path)], {}, (), {})
    assert source.dialect.band == unit
    good, bad, facts = read(source.files[0], source.columns)
    assert faults(bad) == [(0, "unreadable_time")]
    assert bad[0]["raw"] == str(odd)
    assert len(good) == 99
    assert source.time_unit(facts) == unit


def test_numbers_far_from_the_others_at_the_start_do_not_hide_the_unit(tmp_path, monkeypatch):
    monkeypatch.setattr("seqrec.logs.columns.SAMPLE_BYTES", 100)
    file = log_of_times(tmp_path / "a.csv", [0] * 40 + TIMES * 10)
    columns = find_columns([file])
    assert find_band([file], columns, find_kinds([file], columns)) == "s"


@pytest.mark.parametrize("names", [["a.csv"], ["a.csv", "b.csv"]])
def test_units_that_are_mixed_are_refused(tmp_path, names):
    times = [[*TIMES, *(time * 1000 for time in TIMES)]] if len(names) == 1 else [TIMES, [10**3 * t for t in TIMES]]
    files = [log_of_times(tmp_path / name, own) for name, own in zip(names, times, strict=True)]
    with pytest.raises(LogError, match=r"'time' mixes units: of 198 times, 99 in s and 99 in ms"):
        Source.find([str(file.path) for file in files], {}, (), {})


@pytest.mark.parametrize(("odd", "is_bad"), [(0, False), (-1, False), (9_999_999_999_999, True)])
def test_of_a_unit_that_is_named_the_calendar_is_the_limit(tmp_path, odd, is_bad):
    path = log_of_times(tmp_path / "a.csv", [*TIMES, odd]).path
    source = Source.find([str(path)], {}, (), {}, Dialect(time_unit="s"))
    assert len(read(source.files[0], source.columns)[1]) == is_bad


def test_columns_that_are_not_read_are_listed_without_numbers_of_rows(tmp_path):
    path = write(tmp_path / "a.csv", ",Unnamed: 0,user,item,amount,channel,index\n").path
    assert Source.find([str(path)], {}, ("amount",), {}).unused() == ["channel"]


def test_a_log_of_series_has_no_items(tmp_path):
    file = write(tmp_path / "log.csv", "ds,unique_id,item,y\n")
    assert find_columns([file], fields=["y"], has_items=False) == Columns("unique_id", None, "ds", ("y",))
    with pytest.raises(LogError, match=r"no column has a usual name for the series.*Name it: --series NAME"):
        find_columns([write(tmp_path / "b.csv", "who,y\n")], has_items=False)
    file = write(tmp_path / "c.csv", "series,time,y\na,2024-05-02,1\n,2024-05-02,2\n")
    good, bad, _ = read(file, find_columns([file], fields=["y"], has_items=False), {"field:y": "number"})
    assert good.column_names == ["row", "user", "time", "field:y"]
    assert faults(bad) == [(1, "missing_user")]


@pytest.mark.parametrize(
    ("name", "kind"), [("on", "boolean"), ("amount", "number"), ("mixed", "number"), ("nothing", "number")]
)
def test_a_measure_is_a_number_or_a_truth_value_as_its_first_cells_are(tmp_path, name, kind):
    rows = [(True, 1.5, "true", None), (None, 2.0, "3", None), (False, None, "", None)]
    log = pa.table(dict(zip(("on", "amount", "mixed", "nothing"), map(list, zip(*rows, strict=True)), strict=True)))
    log = log.append_column("user", pa.array(["a", "b", "c"]))
    pq.write_table(log, tmp_path / "log.parquet")
    lines = "".join(json.dumps(row) + "\n" for row in log.to_pylist())
    cells = csv_of(
        [["" if cell is None else cell for cell in row.values()] for row in log.to_pylist()], log.column_names
    )
    files = [write(tmp_path / "log.csv", cells), write(tmp_path / "log.jsonl", lines)]
    for file in [*files, LogFile.from_path(tmp_path / "log.parquet")]:
        columns = find_columns([file], fields=[name], has_items=False)
        assert find_kinds([file], columns, {f"field:{name}": "measure"})[f"field:{name}"] == kind
