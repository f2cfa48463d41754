"""The command line: every command, every exit code, and dirty logs of every kind."""

import contextlib
import csv
import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import seqrec
from seqrec.cli import exits
from seqrec.cli.app import app
from seqrec.cli.options import parameter
from seqrec.data.times import infer_unit
from seqrec.jobs.folder import locked
from seqrec.logs.tables import write_table

SMALL = ["--set", "units=8", "--set", "max_epochs=2", "--seed", "0"]
ONE_FOLD = [*SMALL, "--set", "n_folds=1"]
ITEMS = ["tea", "milk", "cake", "bread", "jam"]
HOSTILE = "=cmd|' /C calc'!A0\x1b[31m\"\n,x"


def make_log(n_users=40, length=8, seed=0, first_user=0):
    random = np.random.default_rng(seed)
    n = n_users * length
    start = pd.Timestamp("2024-05-01")
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{number:03d}" for number in range(first_user, first_user + n_users)], length),
            "item_id": np.array(ITEMS, dtype=object)[(np.arange(n) + random.integers(0, 2, n)) % len(ITEMS)],
            "timestamp": [f"{start + pd.Timedelta(minutes=int(7 * row)):%Y-%m-%dT%H:%M:%S}" for row in range(n)],
            "amount": random.lognormal(3, 0.5, n).round(2),
        }
    )


def run(*arguments, code=0):
    """Run a command, whose exit code must be this one, without a traceback."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output, result.output
    assert result.exit_code == code, result.output
    return result


def write(log, path):
    """Write a frame, or rows, in the format of the name's ending."""
    log = pd.DataFrame(log)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pandas(log, preserve_index=False), path)
    elif path.suffix == ".jsonl":
        rows = log.astype(object).where(log.notna(), None).to_dict("records")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        log.to_csv(path, index=False)
    return path


def read_results(folder, name):
    """Read all result files of one kind."""
    frames = [pd.read_parquet(path) for path in sorted(folder.glob(f"{name}*.parquet"))]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give a folder with a log and a model of each task."""
    folder = tmp_path_factory.mktemp("home")
    log = write(make_log(), folder / "log.csv")
    run("fit", log, "-o", folder / "recommend.seqrec", "--task", "recommend", *SMALL)
    detect = ["--task", "detect", "--fields", "amount", "--sides", "amount=high"]
    run("fit", log, "-o", folder / "score.seqrec", *detect, *ONE_FOLD)
    return folder


def command(home, task, *logs, output):
    """Give the arguments of a command on logs."""
    if task == "fit":
        return ["fit", *logs, "-o", output.with_suffix(".seqrec"), "--task", "detect", "--fields", "amount", *ONE_FOLD]
    return [task, home / f"{task}.seqrec", *logs, "-o", output]


def quarantined(task, output):
    """Read what a command has quarantined."""
    if task == "fit":
        return pd.read_csv(output.with_suffix(".seqrec.quarantine.csv"))
    return pd.read_parquet(output / "quarantine.parquet")


# -- what every command gives


def test_fit_says_what_it_found_and_saves_the_columns(home, tmp_path):
    (tmp_path / "m.seqrec").touch()
    (tmp_path / "m.seqrec.quarantine.csv").touch()  # of the model that is replaced
    result = run(*command(home, "fit", home / "log.csv", output=tmp_path / "m"), "--json", "--overwrite")
    assert [path.name for path in tmp_path.iterdir()] == ["m.seqrec"]
    report = json.loads(result.stdout)
    assert report["rows"] == report["used"] == 320
    assert report["columns"]["fields"] == ["amount"]
    assert report["held_out_sequences"] > 0
    columns = json.loads(run("inspect", tmp_path / "m.seqrec", "--json").stdout)["columns"]
    assert columns == {"user": "user_id", "item": "item_id", "timestamp": "timestamp", "fields": ["amount"]}


def test_two_fits_with_one_seed_give_the_same_recommendations(home, tmp_path):
    log = home / "log.csv"
    run("fit", log, "-o", tmp_path / "again.seqrec", "--task", "recommend", *SMALL)
    run("recommend", tmp_path / "again.seqrec", log, "-o", tmp_path / "a")
    run("recommend", home / "recommend.seqrec", log, "-o", tmp_path / "b")
    a, b = (read_results(tmp_path / name, "recommendations") for name in "ab")
    pd.testing.assert_frame_equal(a, b)


def test_score_gives_events_sequences_and_a_report(home, tmp_path):
    result = run("score", home / "score.seqrec", home / "log.csv", "-o", tmp_path / "out", "--fpr", "0.2")
    assert "320 = scored 320" in result.stdout
    assert (read_results(tmp_path / "out", "events")["row"] == np.arange(320)).all()
    sequences = read_results(tmp_path / "out", "sequences")
    assert len(sequences) == 40
    assert sequences["flagged"].sum() == len(read_results(tmp_path / "out", "alerts"))


def test_score_in_python_gives_the_same_scores(home, tmp_path):
    run("score", home / "score.seqrec", home / "log.csv", "-o", tmp_path / "out")
    X = seqrec.Sequences.from_frame(make_log(), columns=["amount"])
    expected = seqrec.load(home / "score.seqrec").score_samples(X)
    found = read_results(tmp_path / "out", "sequences").set_index("user_id").loc[X.keys, "score"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_recommend_leaves_out_what_was_seen_and_keeps_to_the_candidates(home, tmp_path):
    (tmp_path / "some.txt").write_text("tea\njam\n\n")
    log = write(make_log(5, 1), tmp_path / "log.csv")
    arguments = ["recommend", home / "recommend.seqrec", log, "--candidates", tmp_path / "some.txt"]
    run(*arguments, "-o", tmp_path / "a")
    run(*arguments, "-o", tmp_path / "b", "--include-seen", "-k", "2")
    a, b = (read_results(tmp_path / name, "recommendations") for name in "ab")
    seen = dict(zip(make_log(5, 1)["user_id"], make_log(5, 1)["item_id"], strict=True))
    assert not any(seen[user] == item for user, item in zip(a["user_id"], a["item_id"], strict=True))
    assert set(b["item_id"]) == {"tea", "jam"}
    assert len(b) == 10


def test_evaluate_shows_popularity_beside_a_recommender(home):
    report = json.loads(run("evaluate", home / "recommend.seqrec", home / "log.csv", "--json").stdout)
    assert report["model"]["ndcg@5"] > report["popularity"]["ndcg@5"] > 0
    text = run("evaluate", home / "recommend.seqrec", home / "log.csv", "-k", "3", "--include-seen").stdout
    assert "popularity" in text
    assert "recall@3" in text


def test_evaluate_judges_a_detector_by_labels(home, tmp_path):
    log = make_log()
    log["kind"] = "dull"
    log["is_odd"] = log["user_id"].isin(["u003", "u007"])
    log.loc[log["is_odd"], "item_id"] = "poison"
    labelled = write(log, tmp_path / "log.jsonl")
    report = json.loads(run("evaluate", home / "score.seqrec", labelled, "--label", "is_odd", "--json").stdout)
    assert report["figures"]["model"]["AUROC"] > 0.9
    assert report["figures"]["new events"]["AUROC"] == 1.0
    assert report["figures"]["model"]["prevalence"] == 0.05
    assert "flagged" in run("evaluate", home / "score.seqrec", labelled).stdout
    assert "0, 1, true or false" in run("evaluate", home / "score.seqrec", labelled, "--label", "kind", code=2).stderr


def test_inspect_shows_a_model_without_tensorflow(home):
    text = run("inspect", home / "score.seqrec").stdout
    assert "LSTMAnomalyDetector" in text
    assert "user 'user_id'" in text
    arguments = ["inspect", str(home / "score.seqrec")]
    code = f"import sys; from seqrec.cli.app import app; app({arguments}, standalone_mode=False)"
    code += "; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("task", ["score", "recommend"], scope="module")
def test_verify_recounts_results_of_every_format(home, tmp_path, task, form):
    log = make_log()
    log.loc[5, "item_id"] = None
    arguments = command(home, task, write(log, tmp_path / "log.csv"), output=tmp_path / "out")
    run(*arguments, "--format", form, "--fpr" if task == "score" else "-k", "0.2" if task == "score" else 3, code=3)
    record = json.loads(run("verify", tmp_path / "out", "--json").stdout)
    assert record["whole"]
    assert record["reports"][0]["quarantined"] == 1
    last = next((tmp_path / "out").glob("quarantine.*"))
    last.unlink()
    assert "NOT WHOLE" in run("verify", tmp_path / "out", code=exits.NOT_WHOLE).stdout


def test_verify_finds_a_row_that_is_there_twice(home, tmp_path):
    run("score", home / "score.seqrec", home / "log.csv", "-o", tmp_path / "out")
    path = next((tmp_path / "out").glob("events-*"))
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table[:7], table[6:-1]]), path)
    assert "row 6 of" in run("verify", tmp_path / "out", code=exits.NOT_WHOLE).stdout


def test_verify_tells_a_whole_model_from_a_damaged_one(home, tmp_path):
    assert "not of who made" in run("verify", home / "score.seqrec").stdout
    content = bytearray((home / "score.seqrec").read_bytes())
    content[len(content) // 2] ^= 4
    (tmp_path / "bad.seqrec").write_bytes(content)
    assert "NOT WHOLE" in run("verify", tmp_path / "bad.seqrec", code=exits.NOT_WHOLE).stdout
    run("verify", tmp_path / "none.seqrec", code=2)
    run("verify", tmp_path, code=2)


def test_version_is_told():
    assert run("--version").stdout.strip() == f"seqrec {seqrec.__version__}"


def test_help_imports_nothing_that_takes_time():
    code = (
        "import sys; from seqrec.cli.app import app\n"
        "for name in ([], ['fit'], ['score'], ['recommend'], ['evaluate'], ['inspect'], ['verify']):\n"
        "    try: app([*name, '--help'])\n"
        "    except SystemExit as end: assert not end.code\n"
        "heavy = {'tensorflow', 'numpy', 'pandas', 'pyarrow', 'duckdb', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(','.join(heavy) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("Usage:") == 7


def test_a_process_of_its_own_is_silent_but_for_its_own_lines(home, tmp_path):
    arguments = command(home, "recommend", home / "log.csv", output=tmp_path / "out")
    finished = subprocess.run(
        [sys.executable, "-m", "seqrec", *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"},
    )
    assert all(line.startswith("seqrec: ") for line in finished.stderr.splitlines())
    assert "320 = scored 320" in finished.stdout


def test_quiet_says_nothing(home, tmp_path):
    result = run("recommend", home / "recommend.seqrec", home / "log.csv", "-o", tmp_path / "out", "-k", 5, "--quiet")
    assert result.output == ""


# -- wrong use


SCORE = "score {home}/score.seqrec {home}/log.csv -o {new} "
RECOMMEND = "recommend {home}/recommend.seqrec {home}/log.csv -o {new} -k 3 "
FIT = "fit {home}/log.csv -o {new}.seqrec --task "


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("score {home}/recommend.seqrec {home}/log.csv -o {new}", "seqrec recommend"),
        ("recommend {home}/score.seqrec {home}/log.csv -o {new}", "seqrec score"),
        ("score {home}/log.csv {home}/log.csv -o {new}", "log.csv"),
        ("score {home}/none.seqrec {home}/log.csv -o {new}", "none.seqrec"),
        ("score {home}/score.seqrec {home}/none.csv -o {new}", "no such file"),
        ("score {home}/score.seqrec {home}/log.csv -o {home}", "folder of the results"),
        ("score {home}/score.seqrec {home}/log.csv -o {home}/log.csv", "is a file"),
        (SCORE + "--state {home}/log.csv", "is a file"),
        (SCORE + "--user usr_id", "Did you mean 'user_id'"),
        (SCORE + "--memory lots", "2GiB"),
        (SCORE + "--memory 1MiB", "too little"),
        (SCORE + "--shard 0/4", "1/4"),
        (SCORE + "--fpr 2", "2"),
        (SCORE + "--fpr 0.1 --contamination 0.1", "one of"),
        (SCORE + "--sequences-per-day 9", "--alerts-per-day"),
        (SCORE + "--shard 1/2 --alerts-per-day 1", "--sequences-per-day"),
        (SCORE + "--format xls", "parquet"),
        (SCORE + "--timestamp none", "time between events"),
        (RECOMMEND + "-k 0", "1"),
        (RECOMMEND + "--candidates {home}/none", "none"),
        (RECOMMEND + "--candidates {home}/log.csv", "catalogue"),
        (FIT + "detect --set unitz=3", "Did you mean 'units'"),
        (FIT + "detect --set units=many", "units"),
        (FIT + "detect --set units", "name=value"),
        (FIT + "detect --set units=8 --set units=9", "twice"),
        (FIT + "detect --fields amonut", "Did you mean 'amount'"),
        (FIT + "detect --fields amount --sides amount=up", "'high'"),
        (FIT + "detect --sides amonut=high", "--sides"),
        (FIT + "recommend --fields amount", "--fields"),
        (FIT + "guess", "recommend"),
        (FIT + "detect --quarantine {new}.xls", ".csv"),
        ("fit {home}/log.csv -o {home}/log.csv --task detect --overwrite", "file of the log"),
        ("fit {home}/log.csv -o {home}/score.seqrec --task detect", "--overwrite"),
        ("fit {home}/log.csv -o {home}/none/m.seqrec --task detect", "no folder"),
        ("fit {home}/log.csv -o {home} --task detect --overwrite", "is a folder"),
        ("evaluate {home}/recommend.seqrec {home}/log.csv --label amount", "detectors"),
        ("evaluate {home}/score.seqrec {home}/log.csv --label lable", "lable"),
        ("inspect {home}/log.csv", "log.csv"),
        ("score", "MODEL"),
        ("skore", "skore"),
    ],
)
def test_wrong_use_is_refused_in_one_line(home, tmp_path, line, text):
    result = run(*line.format(home=home, new=tmp_path / "new").split(), code=exits.USAGE)
    assert text in result.stderr
    assert len(result.stderr.splitlines()) <= 3  # the others say which model and columns were found
    assert not list(tmp_path.iterdir())
    assert not result.stdout


# -- dirty logs


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


BAD_ROWS = {
    "empty user": (raw_csv(replaced(4, b"u000", b"")), "missing_user"),
    "null item": (frame("d.jsonl", with_cell("item_id", None)), "missing_item"),
    "null item in Parquet": (frame("d.parquet", with_cell("item_id", None)), "missing_item"),
    "empty time": (raw_csv(replaced(4, b"2024-05-01T00:21:00", b"")), "missing_time"),
    "unparseable time": (raw_csv(replaced(4, b"2024-05-01T00:21:00", b"yesterday")), "unreadable_time"),
    "invalid UTF-8": (raw_csv(replaced(4, b"u000", b"\xff\xfe")), "invalid_utf8"),
    "id above 4 KiB": (frame("d.csv", with_cell("item_id", "x" * 5000)), "long_id"),
    "infinite number": (frame("d.parquet", with_cell("amount", float("inf"))), "not_a_number"),
    "NaN in Parquet": (frame("d.parquet", with_cell("amount", float("nan"))), "missing_field"),
    "row with a cell too many": (raw_csv(replaced(4, b"u000", b"u000,more")), "wrong_number_of_cells"),
    "quote that never closes": (raw_csv(lambda lines: [*lines, b'u9,"tea,2024-05-01,3']), "unclosed_quote"),
    "broken JSON line": (lambda path: [_broken_json(path)], "broken_json"),
    "JSON id of another kind": (frame("d.jsonl", with_cell("item_id", 7)), "wrong_type"),
    "truncated gzip": (lambda path: [_truncated_gzip(path)], "truncated"),
    "damaged Parquet": (lambda path: [_damaged_parquet(path)], "unreadable_rows"),
}


def _broken_json(path):
    target = write(make_log(), path / "d.jsonl")
    target.write_text(target.read_text().replace('"u001"', '"u001', 1))
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
    if task == "recommend" and code in ("not_a_number", "missing_field"):
        pytest.skip("a recommender reads no fields")
    files = make(tmp_path)
    result = run(*command(home, task, *files, output=tmp_path / "out"), "--max-bad", "0", code=exits.TOO_MANY_BAD)
    assert "cannot be used" in result.stderr
    listed = quarantined(task, tmp_path / "out")
    assert set(listed["code"]) == {code}
    assert list(listed.columns) == ["file", "row", "column", "code", "reason", "raw"]
    assert not list(tmp_path.glob("*.seqrec"))


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
    "UTF-16": (lambda path: [_utf16(path)], "UTF-16"),
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


@pytest.mark.parametrize("task", ["score", "recommend"], scope="module")
def test_ids_of_another_type_than_in_the_fit_are_an_error(home, tmp_path, task):
    path = write(make_log().assign(item_id=7), tmp_path / "log.parquet")
    assert "text were expected" in run(*command(home, task, path, output=tmp_path / "out"), code=2).stderr


def test_fit_refuses_logs_that_hold_nothing_to_learn(home, tmp_path):
    empty = write(make_log()[:0], tmp_path / "empty.csv")
    one = write(make_log().assign(item_id="tea"), tmp_path / "one.csv")
    run(*command(home, "fit", empty, output=tmp_path / "m"), code=2)
    recommend = ["-o", tmp_path / "m.seqrec", "--task", "recommend"]
    assert "2 different items" in run("fit", one, *recommend, code=2).stderr
    assert "2 events" in run("fit", write(make_log(5, 1), tmp_path / "short.csv"), *recommend, code=2).stderr


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


def test_duplicates_are_kept_unless_they_are_to_go(home, tmp_path):
    log = pd.concat([make_log(), make_log()[:10]])
    path = write(log, tmp_path / "log.csv")
    report = json.loads(run(*command(home, "score", path, output=tmp_path / "a"), "--json").stdout)
    assert report["scored"] == 330
    text = run(*command(home, "score", path, output=tmp_path / "b"), "--drop-duplicates").stdout
    assert "330 = scored 320 + filtered 10 (10 duplicates)" in text
    assert "whole" in run("verify", tmp_path / "b").stdout


def test_the_order_of_rows_does_not_matter(home, tmp_path):
    mixed = make_log().sample(frac=1, random_state=0)
    run(*command(home, "score", home / "log.csv", output=tmp_path / "a"))
    run(*command(home, "score", write(mixed, tmp_path / "log.csv"), output=tmp_path / "b"))
    a, b = (read_results(tmp_path / name, "sequences") for name in "ab")
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize(("unit", "ticks"), [("s", 1), ("ms", 10**3), ("ns", 10**9)])
def test_the_unit_of_times_makes_no_difference(home, tmp_path, unit, ticks):
    seconds = pd.to_datetime(make_log()["timestamp"]).astype("datetime64[s]").astype(np.int64)
    path = write(make_log().assign(timestamp=seconds * ticks), tmp_path / "log.csv")
    run(*command(home, "score", path, output=tmp_path / "a"), "--time-unit", "auto" if unit == "ms" else unit)
    run(*command(home, "score", home / "log.csv", output=tmp_path / "b"))
    a, b = (read_results(tmp_path / name, "sequences") for name in "ab")
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize("task", ["score", "recommend"], scope="module")
def test_formats_and_splits_of_the_log_give_equal_results(home, tmp_path, task):
    log = make_log()
    ways = {
        "csv": [home / "log.csv"],
        "jsonl": [write(log, tmp_path / "log.jsonl")],
        "parquet": [write(log.assign(item_id=log["item_id"].astype("category")), tmp_path / "log.parquet")],
        "split": [write(log[:100], tmp_path / "a.csv"), write(log[100:], tmp_path / "b.parquet")],
    }
    name = "sequences" if task == "score" else "recommendations"
    results = []
    for way, files in ways.items():
        run(*command(home, task, *files, output=tmp_path / way))
        results.append(read_results(tmp_path / way, name))
    for other in results[1:]:
        pd.testing.assert_frame_equal(results[0], other)


# -- hostile text


def test_a_csv_file_holds_nothing_but_its_rows_where_a_chunk_is_empty(tmp_path):
    # Arrow 26 wrote what lay in its memory.
    text = pa.chunked_array([pa.array([], pa.string()), pa.array(["tea"]), pa.array([], pa.string())])
    write_table(pa.table({"item": text}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b'"item"\n"tea"\n'


def test_csv_results_hold_no_formula_and_messages_no_escape_code(home, tmp_path):
    log = make_log()
    log["user_id"] = log["user_id"].replace("u003", HOSTILE)
    path = write(log, tmp_path / "log.jsonl")
    run("score", home / "score.seqrec", path, "-o", tmp_path / "out", "--format", "csv")
    with next((tmp_path / "out").glob("sequences*.csv")).open(newline="") as file:
        users = [row["user_id"] for row in csv.DictReader(file)]
    assert "'" + HOSTILE in users
    assert "whole" in run("verify", tmp_path / "out").stdout


@pytest.mark.parametrize("text", ["[red]x[/red]\x1b[31m", "\x1b]0;title\x07"])
def test_names_of_strangers_are_escaped_in_messages(home, tmp_path, text):
    log = make_log().rename(columns={"item_id": text})
    path = write(log, tmp_path / f"{text.replace('/', '')}.jsonl")
    for arguments in (
        ["score", home / "score.seqrec", path, "-o", tmp_path / "out"],
        ["score", home / "score.seqrec", path, "-o", tmp_path / "out", "--item", text],
        ["score", home / "score.seqrec", f"{text}.csv", "-o", tmp_path / "out"],
        ["score", home / "score.seqrec", home / "log.csv", "-o", tmp_path / "out", f"--{text}"],
        ["fit", path, "-o", tmp_path / "m.seqrec", "--task", "detect", "--item", text, "--set", f"{text}=1"],
        [text],
    ):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert "\x1b" not in result.output
        assert "\x07" not in result.output
        assert "Traceback" not in result.output


# -- jobs that are stopped, shared out, or go on


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("task", ["score", "recommend"], scope="module")
@pytest.mark.parametrize("step", ["score_bucket", "write_result", "_report"])
def test_a_job_that_was_stopped_ends_as_if_it_had_not_been(home, tmp_path, monkeypatch, task, step):
    from seqrec.jobs.detection import DetectionJob
    from seqrec.jobs.job import LogJob
    from seqrec.jobs.recommendation import RecommendationJob

    kind = {"score": DetectionJob, "recommend": RecommendationJob}[task] if step == "score_bucket" else LogJob
    run(*command(home, task, home / "log.csv", output=tmp_path / "whole"))
    arguments = command(home, task, home / "log.csv", output=tmp_path / "out")

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kind, step, stop)
        assert "goes on" in run(*arguments, code=exits.STOPPED).stderr
    assert "not finished" in run("verify", tmp_path / "out", code=exits.NOT_WHOLE).stdout
    run(*arguments)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_full_disk_is_told_and_the_job_goes_on(home, tmp_path, monkeypatch):
    from seqrec.jobs.job import LogJob

    arguments = command(home, "score", home / "log.csv", output=tmp_path / "out")

    def fail(*_, **__):
        raise OSError(28, "No space left on device", "events")

    with monkeypatch.context() as patch:
        patch.setattr(LogJob, "write_result", fail)
        assert "disk full" in run(*arguments, code=exits.IO_FAILURE).stderr
    run(*arguments)
    assert "whole" in run("verify", tmp_path / "out").stdout


def test_a_finished_job_tells_its_report_again(home, tmp_path):
    arguments = command(home, "score", home / "log.csv", output=tmp_path / "out")
    first, second = (json.loads(run(*arguments, "--json").stdout) for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_another_job_in_the_same_folder_is_refused(home, tmp_path):
    arguments = command(home, "score", home / "log.csv", output=tmp_path / "out")
    run(*arguments)
    assert "another job" in run(*arguments, "--fpr", "0.3", code=exits.USAGE).stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    run(*command(home, "score", home / "log.csv", output=tmp_path / "full"), code=exits.USAGE)


@pytest.mark.parametrize("held", ["out", "state"])
def test_a_second_process_is_refused_before_tensorflow_is_imported(home, tmp_path, held):
    arguments = command(home, "score", home / "log.csv", output=tmp_path / "out")
    arguments = [*map(str, arguments), "--state", str(tmp_path / "state")]
    code = (
        "import sys; from seqrec.cli.app import app\n"
        f"try: app({arguments!r})\n"
        "except SystemExit as end: sys.exit(99 if 'tensorflow' in sys.modules else end.code)"
    )
    folder = tmp_path / "out" / ".seqrec" if held == "out" else tmp_path / "state"
    with locked(folder, tmp_path / held):
        finished = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert finished.returncode == exits.LOCKED, finished.stderr
    assert "another process is at work" in finished.stderr


@pytest.mark.parametrize(("task", "name"), [("score", "sequences"), ("recommend", "recommendations")], scope="module")
def test_parts_make_up_the_whole(home, tmp_path, task, name):
    run(*command(home, task, home / "log.csv", output=tmp_path / "whole"))
    for part in ("1/3", "2/3", "3/3"):
        run(*command(home, task, home / "log.csv", output=tmp_path / "out"), "--shard", part)
        if part == "2/3":
            assert "2 of 3 parts" in run("verify", tmp_path / "out", code=exits.NOT_WHOLE).stdout
    parts = [read_results(tmp_path / "out" / f"shard-{part}-of-3", name) for part in (1, 2, 3)]
    whole = read_results(tmp_path / "whole", name)
    order = [column for column in ("user_id", "rank") if column in whole]
    both = (frame.sort_values(order).reset_index(drop=True) for frame in (pd.concat(parts), whole))
    pd.testing.assert_frame_equal(*both)
    assert "whole" in run("verify", tmp_path / "out").stdout


def test_two_days_with_a_state_are_as_one(home, tmp_path):
    log = make_log().assign(number=np.tile(np.arange(8), 40)).sort_values(["number", "user_id"])
    log["timestamp"] = [f"2024-05-01T{row // 60:02d}:{row % 60:02d}:00" for row in range(320)]
    whole = write(log, tmp_path / "log.csv")
    days = [write(log[:150], tmp_path / "a.csv"), write(log[150:], tmp_path / "b.csv")]
    run(*command(home, "score", whole, output=tmp_path / "one"))
    for day, file in enumerate(days):
        run(*command(home, "score", file, output=tmp_path / f"day{day}"), "--state", tmp_path / "state")
    one = read_results(tmp_path / "one", "sequences")
    last = read_results(tmp_path / "day1", "sequences")
    pd.testing.assert_frame_equal(one, last)
    again = [*command(home, "score", days[0], output=tmp_path / "new"), "--state", tmp_path / "state"]
    assert "scored before" in run(*again, code=exits.USAGE).stderr


def test_alerts_are_limited_to_so_many_a_day(home, tmp_path):
    few, many = ("1", "20")
    for alerts in (few, many):
        limits = ["--alerts-per-day", alerts, "--sequences-per-day", "40"]
        run(*command(home, "score", home / "log.csv", output=tmp_path / alerts), *limits)
    few, many = (set(read_results(tmp_path / name, "alerts")["user_id"]) for name in (few, many))
    assert few <= many
    assert many


# -- what went wrong


def test_a_bug_is_told_from_a_mistake(home, tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("shapes do not match")  # not raised in the package

    monkeypatch.setattr("seqrec.cli.fit.fit", broken)
    result = CliRunner().invoke(app, ["fit", str(home / "log.csv"), "-o", str(tmp_path / "m"), "--task", "detect"])
    assert result.exit_code == exits.BUG
    assert "bug in seqrec" in result.stderr
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("call", "code"),
    [(lambda: parameter(object()), exits.BUG), (lambda: infer_unit(1, 2, "x"), exits.USAGE)],
)
def test_an_accident_in_the_package_is_a_bug_and_a_raise_is_not(call, code):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert exits.ending(caught.value)[0] == code


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(28, "No space left on device", "out"), 74), (PermissionError(13, "Permission denied", "out"), 74)],
)
def test_failures_of_files_have_a_code_of_their_own(error, code):
    assert exits.ending(error, resumes=True)[0] == code
    assert "again to go on" in exits.ending(error, resumes=True)[1]


def test_ctrl_c_in_a_fit_leaves_no_file(home, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("seqrec.LSTMAnomalyDetector.fit", stop)
    result = run(*command(home, "fit", home / "log.csv", output=tmp_path / "m"), code=exits.STOPPED)
    assert "Nothing was written" in result.stderr
    assert not list(tmp_path.iterdir())


@contextlib.contextmanager
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("seqrec.cli.console.time.monotonic", lambda: now[0])
    yield now


def test_a_log_file_gets_a_line_of_progress_every_five_seconds(monkeypatch, capsys):
    from seqrec.cli.console import Console

    with clock(monkeypatch) as now:
        console = Console()
        for second in range(11):
            now[0] = float(second)
            console.show("scoring", second * 100, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "seqrec: scoring: 0 of 1,000",
        "seqrec: scoring: 500 of 1,000, 100 a second, 5 s left",
        "seqrec: scoring: 1,000 of 1,000, 100 a second, 0 s left",
    ]


def test_a_terminal_gets_bars_that_read_no_markup(capsys):
    from seqrec.cli.console import _Bars

    bars = _Bars()
    bars.show("reading [red]log[/red].csv", 5, None)
    bars.show("scoring", 5, 10)
    bars.close()
    assert "[red]log[/red].csv" in capsys.readouterr().err
