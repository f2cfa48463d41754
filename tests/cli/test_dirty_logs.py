"""Dirty logs of every kind: each row that cannot be used is listed, and each log that cannot be used is refused."""

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import HOSTILE, command, make_log, quarantined, read_results, run, write

from seqrec.cli import exits


def lines_of(log):
    return log.to_csv(index=False).splitlines()


def with_cell(column, value, row=3):
    def change(log):
        log[column] = log[column].astype(object)
        log.loc[row, column] = value
        return log

    return change


def raw_csv(change):
    """Make a dirty CSV file out of its clean lines (bytes)."""

    def make(path):
        lines = [line.encode() for line in lines_of(make_log())]
        target = path / "dirty.csv"
        target.write_bytes(b"\n".join(change(lines)) + b"\n")
        return [target]

    return make


def frame(name, change):
    """Make a dirty file of a format out of a clean frame."""
    return lambda path: [write(change(make_log()), path / name)]


def replaced(number, old, new):
    def change(lines):
        assert old in lines[number]
        lines[number] = lines[number].replace(old, new)
        return lines

    return change


def _last_cell(number, new):
    def change(lines):
        lines[number] = lines[number].rpartition(b",")[0] + b"," + new
        return lines

    return change


BAD_ROWS = {
    "empty user": (raw_csv(replaced(4, b"u000", b"")), "missing_user"),
    "null item": (frame("d.jsonl", with_cell("item_id", None)), "missing_item"),
    "null item in Parquet": (frame("d.parquet", with_cell("item_id", None)), "missing_item"),
    "empty time": (raw_csv(replaced(4, b"2024-05-01T00:21:00", b"")), "missing_time"),
    "unparseable time": (raw_csv(replaced(4, b"2024-05-01T00:21:00", b"yesterday")), "unreadable_time"),
    "invalid UTF-8": (raw_csv(replaced(4, b"u000", b"\xff\xfe")), "invalid_utf8"),
    "id above 4 KiB": (frame("d.csv", with_cell("item_id", "x" * 5000)), "long_id"),
    "infinite number": (frame("d.parquet", with_cell("amount", float("inf"))), "not_a_number"),
    "a word among numbers": (raw_csv(_last_cell(4, b"none")), "not_a_number"),
    "row with a cell too many": (raw_csv(replaced(4, b"u000", b"u000,more")), "wrong_number_of_cells"),
    "quote that never closes": (raw_csv(lambda lines: [*lines, b'u9,"tea,2024-05-01,3']), "unclosed_quote"),
    "broken JSON line": (lambda path: [_broken_json(path)], "broken_json"),
    "JSON id of another kind": (frame("d.jsonl", with_cell("item_id", 7)), "wrong_type"),
    "damaged gzip": (lambda path: [_damaged_gzip(path)], "corrupt"),
    "truncated gzip": (lambda path: [_truncated_gzip(path)], "truncated"),
    "damaged Parquet": (lambda path: [_damaged_parquet(path)], "unreadable_rows"),
}


def _broken_json(path):
    target = write(make_log(), path / "d.jsonl")
    target.write_text(target.read_text().replace('"u001"', '"u001', 1))
    return target


def _damaged_gzip(path):
    target = _truncated_gzip(path)
    content = bytearray(gzip.compress(write(make_log(), path / "log.csv").read_bytes()))
    content[-6] ^= 1  # of the checksum
    target.write_bytes(content)
    return target


def _truncated_gzip(path):
    target = path / "d.csv.gz"
    whole = gzip.compress(make_log().to_csv(index=False).encode())
    target.write_bytes(whole[: len(whole) * 3 // 4])
    return target


def _damaged_parquet(path):
    target = path / "d.parquet"
    pq.write_table(
        pa.Table.from_pandas(make_log()), target, row_group_size=64, compression="zstd", use_dictionary=False
    )
    column = pq.ParquetFile(target).metadata.row_group(2).column(0)
    content = bytearray(target.read_bytes())
    for byte in range(column.data_page_offset, column.data_page_offset + column.total_compressed_size):
        content[byte] ^= 255
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("task", ["fit", "score", "recommend"], scope="module")
@pytest.mark.parametrize("dirt", BAD_ROWS)
def test_bad_rows_are_listed_and_too_many_stop_the_command(home, tmp_path, task, dirt):
    make, code = BAD_ROWS[dirt]
    files = make(tmp_path)
    result = run(*command(home, task, *files, output=tmp_path / "out"), "--max-bad", "0", code=exits.TOO_MANY_BAD)
    assert "cannot be used" in result.stderr
    listed = quarantined(task, tmp_path / "out")
    assert set(listed["code"]) == {code}
    assert list(listed.columns) == ["file", "row", "column", "code", "reason", "raw"]
    assert not list(tmp_path.glob("*.seqrec"))


@pytest.fixture(scope="module")
def lacking():
    """A log of which every third amount is missing."""
    log = make_log()
    log.loc[::3, "amount"] = np.nan
    return log


@pytest.fixture(scope="module")
def model(lacking, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lacking")
    path = write(lacking, folder / "log.csv")
    fitted = run(*command(None, "fit", path, output=folder / "score"), "--max-bad", "0", "--json")
    report = json.loads(fitted.stdout)
    assert (report["used"], report["quarantined"]) == (320, 0)
    return folder / "score.seqrec"


@pytest.mark.slow
def test_fields_that_are_missing_are_used_in_files_of_every_format(lacking, model, tmp_path):
    results = []
    for name in ("log.csv", "log.jsonl", "log.parquet"):
        path, output = write(lacking, tmp_path / name), tmp_path / f"out {name}"
        report = json.loads(run("score", model, path, "-o", output, "--max-bad", "0", "--json").stdout)
        assert (report["scored"], report["quarantined"]) == (320, 0)
        results.append(read_results(output, "events").drop(columns="file"))
    for other in results[1:]:
        pd.testing.assert_frame_equal(results[0], other)
    assert results[0]["surprisal"].notna().all()


@pytest.mark.parametrize("task", ["score", "recommend"], scope="module")
def test_fields_of_which_no_value_is_there_are_used(home, lacking, tmp_path, task):
    path = write(lacking.assign(amount=np.nan), tmp_path / "log.csv")
    report = json.loads(run(*command(home, task, path, output=tmp_path / "out"), "--max-bad", "0", "--json").stdout)
    assert (report["scored"], report["quarantined"]) == (320, 0)


def _many_times(log):
    log["timestamp"] = pd.to_datetime(log["timestamp"]).dt.strftime("%d.%m.%Y %H:%M:%S")
    return log


TOO_MANY = {
    "times of another format": (
        frame("d.csv", _many_times),
        "320 unreadable_time, such as '01.05.2024 00:00:00', see --time-format",
    ),
    "milliseconds": (frame("d.csv", lambda log: log.assign(timestamp=17 * 10**11)), "'1700000000000', see --time-unit"),
    "another encoding": (
        raw_csv(lambda lines: [line.replace(b"tea", b"th\xe9") for line in lines]),
        " invalid_utf8, such as 'th\\xe9', see --encoding",
    ),
    "two faults": (
        raw_csv(lambda lines: [*lines[:200], *(line + b",x" for line in lines[200:]), b"u,,1,1"]),
        "121 wrong_number_of_cells, such as 'u024,",
    ),
}


@pytest.mark.parametrize("task", ["fit", "score", "recommend"], scope="module")
@pytest.mark.parametrize("dirt", TOO_MANY)
def test_too_many_bad_rows_are_counted_by_code_with_an_example_and_what_helps(home, tmp_path, task, dirt):
    make, text = TOO_MANY[dirt]
    line = [*command(home, task, *make(tmp_path), output=tmp_path / "out"), "--time-unit", "s"]
    result = run(*line, code=exits.TOO_MANY_BAD)
    assert text.replace("\\x", "\\x") in result.stderr


def make_dirty_log():
    log = make_log()
    log.loc[7, "item_id"] = None
    log.loc[9, "timestamp"] = "soon"
    log.loc[319, "timestamp"] = "2199-01-01T00:00:00"
    return log


@pytest.mark.parametrize("task", ["fit", "score", "recommend"], scope="module")
def test_a_few_bad_rows_are_left_out_and_told_of(home, tmp_path, task):
    path = write(make_dirty_log(), tmp_path / "log.csv")
    result = run(*command(home, task, path, output=tmp_path / "out"), "--json", code=exits.QUARANTINED)
    report = json.loads(result.stdout)
    assert report["rows"] == 320 == report["quarantined"] + report["used" if task == "fit" else "scored"]
    assert report["quarantined_by_code"] == {"missing_item": 1, "unreadable_time": 1}
    assert any("future" in warning for warning in report["warnings"])
    listed = quarantined(task, tmp_path / "out")
    assert listed["row"].tolist() == [7, 9]
    assert listed["raw"].tolist()[1] == "soon"


def _two_files(path):
    numbers = make_log(first_user=500)
    numbers["item_id"] = 7
    return [write(make_log(), path / "a.parquet"), write(numbers, path / "b.parquet")]


def _zones(log):
    log["timestamp"] = log["timestamp"].where(log.index % 2 == 0, log["timestamp"] + "+02:00")
    return log


REFUSED = {
    "column missing": (frame("d.csv", lambda log: log.rename(columns={"item_id": "itme_xyz"})), "no column has"),
    "column twice": (raw_csv(lambda lines: [lines[0] + b",item_id", *(line + b",x" for line in lines[1:])]), "twice"),
    "mixed ids": (frame("d.jsonl", lambda log: log.assign(user_id=[1, "1"] * 160)), "mixes kinds"),
    "boolean ids": (frame("d.jsonl", lambda log: log.assign(item_id=[True, False] * 160)), "booleans"),
    "lists as ids": (frame("d.jsonl", lambda log: log.assign(item_id=[["a"]] * 320)), "list"),
    "mixed zones": (frame("d.csv", _zones), "with a zone"),
    "unit that is not plain": (frame("d.csv", lambda log: log.assign(timestamp=np.arange(320))), "--time-unit"),
    "types that differ between files": (_two_files, "Convert"),
    "UTF-16": (lambda path: [_utf16(path)], "--encoding utf-16"),
    "mixed units": (frame("d.csv", lambda log: log.assign(timestamp=[17 * 10**8, 17 * 10**11] * 160)), "mixes units"),
    "no header": (lambda path: [_empty(path)], "d.csv"),
    "unknown ending": (frame("d.xls", lambda log: log), "ending"),
}


def _utf16(path):
    target = path / "d.csv"
    target.write_bytes(make_log().to_csv(index=False).encode("utf-16"))
    return target


def _empty(path):
    target = path / "d.csv"
    target.touch()
    return target


@pytest.mark.parametrize("task", ["fit", "score", "recommend"], scope="module")
@pytest.mark.parametrize("dirt", REFUSED)
def test_logs_that_cannot_be_used_are_refused_with_advice(home, tmp_path, task, dirt):
    make, text = REFUSED[dirt]
    result = run(*command(home, task, *make(tmp_path), output=tmp_path / "out"), code=exits.USAGE)
    assert text in result.stderr
    assert not list(tmp_path.glob("*.seqrec"))


@pytest.mark.parametrize(("task", "name"), [("score", "sequences"), ("recommend", "recommendations")], scope="module")
def test_an_empty_log_gives_empty_results_with_the_right_columns(home, tmp_path, task, name):
    run(*command(home, task, home / "log.csv", output=tmp_path / "full"))
    run(*command(home, task, write(make_log()[:0], tmp_path / "empty.csv"), output=tmp_path / "out"))
    found = read_results(tmp_path / "out", name)
    assert not len(found)
    assert list(found.columns) == list(read_results(tmp_path / "full", name).columns)
    assert "whole" in run("verify", tmp_path / "out").stdout


@pytest.mark.parametrize("task", ["score", "recommend"], scope="module")
def test_ids_are_kept_as_they_are_written(home, tmp_path, task):
    ids = ["001", "NA", "1e5", "9007199254740993", " u ", "日本\u202e", HOSTILE, "a\x00b"]
    log = make_log(len(ids), 2)
    log["user_id"] = np.repeat(np.array(ids, dtype=object), 2)
    path = write(log, tmp_path / "log.jsonl")
    run(*command(home, task, path, output=tmp_path / "out"))
    found = read_results(tmp_path / "out", "sequences" if task == "score" else "recommendations")
    assert set(found["user_id"]) == set(ids)


def test_unknown_items_and_users_are_scored_and_cold_users_marked(home, tmp_path):
    log = make_log(10, 3, first_user=900).assign(item_id="unheard of")
    path = write(log, tmp_path / "log.csv")
    run("recommend", home / "recommend.seqrec", path, "-o", tmp_path / "r")
    assert read_results(tmp_path / "r", "recommendations")["cold"].all()
    run("score", home / "score.seqrec", path, "-o", tmp_path / "s")
    assert (read_results(tmp_path / "s", "sequences")["unknown_events"] == 3).all()
    assert read_results(tmp_path / "s", "events")["surprisal"].notna().all()
