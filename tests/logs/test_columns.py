"""Which columns hold what, and of what kind, is settled before a row is read."""

import json

import pytest
from log_files import csv_of, read, write

from seqrec.exceptions import LogError
from seqrec.logs.columns import Columns, find_columns, find_kinds


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
        (["1", "x"], "text"),
    ],
)
def test_csv_fields_have_the_kind_of_their_cells(tmp_path, cells, kind):
    file = write(tmp_path / "a.csv", csv_of([["a", "x", cell] for cell in cells], ["user", "item", "field"]))
    columns = find_columns([file], fields=["field"])
    assert find_kinds([file], columns)["field:field"] == kind
