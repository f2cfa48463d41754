"""Jobs on logs: stopped, shared out, gone on with, and the same whatever form the log has."""

import json
import subprocess
import sys

import pandas as pd
import pytest
from command_line import command, make_log, read_results, run, write
from job_files import results

from seqrec.cli import exits
from seqrec.jobs.folder import locked


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


GERMAN = ["--decimal", ",", "--encoding", "latin-1", "--time-format", "%d.%m.%Y %H:%M:%S"]


def test_a_log_in_another_dialect_gives_the_same_results_and_its_job_goes_on_only_with_it(home, tmp_path):
    log = make_log()
    log["user_id"] = log["user_id"].replace("u001", "ü001")
    run(*command(home, "score", write(log, tmp_path / "usual.csv"), output=tmp_path / "usual"))
    times = pd.to_datetime(log["timestamp"]).dt.strftime("%d.%m.%Y %H:%M:%S")
    log = log.assign(timestamp=times, amount=log["amount"].astype(str).str.replace(".", ","))
    log.to_csv(tmp_path / "log.csv", sep=";", encoding="latin-1")  # with pandas' index
    german = command(home, "score", tmp_path / "log.csv", output=tmp_path / "german")
    run(*german, *GERMAN)
    pd.testing.assert_frame_equal(*(read_results(tmp_path / name, "sequences") for name in ("usual", "german")))
    assert "differs in: dialect" in run(*german, *GERMAN[2:], code=exits.USAGE).stderr


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
    assert results(tmp_path / "out") == results(tmp_path / "whole")


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


def test_a_log_that_was_refused_leaves_the_folder_free_for_another_attempt(home, tmp_path):
    counted = write(make_log().assign(timestamp=range(320)), tmp_path / "log.csv")
    arguments = command(home, "score", counted, output=tmp_path / "out")
    assert "--time-unit" in run(*arguments, code=exits.USAGE).stderr
    many = ["--time-unit", "s", "--alerts-per-day", "1000"]
    assert "1000 alerts a day would be all of them" in run(*arguments, *many, code=exits.USAGE).stderr
    run(*arguments, "--time-unit", "s")
    assert "whole" in run("verify", tmp_path / "out").stdout


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


RESERVED = {
    "score": ["events", "score", "p_value", "event_p_value", "flagged", "file", "row", "surprisal", "unknown", "rank"],
    "recommend": ["rank", "score", "cold"],
}


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, names in RESERVED.items() for name in names])
def test_a_column_of_the_log_with_the_name_of_one_of_the_results_is_refused_before_work(home, tmp_path, task, name):
    path = write(make_log().rename(columns={"user_id": name}), tmp_path / "log.csv")
    result = run(*command(home, task, path, output=tmp_path / "out"), "--user", name, code=exits.USAGE)
    assert f"column {name!r} has the name of a column of the results. Rename it in the log." in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["place", "user", "item", "hash", "time"])
def test_a_column_of_the_log_may_have_any_other_name(home, tmp_path, name):
    path = write(make_log().rename(columns={"user_id": name}), tmp_path / "log.csv")
    run(
        *command(home, "score", path, output=tmp_path / "out"),
        "--user",
        name,
        "--item",
        "item_id",
        "--timestamp",
        "timestamp",
    )
    assert len(read_results(tmp_path / "out", "sequences")[name].unique()) == 40
    assert read_results(tmp_path / "out", "events")[name].nunique() == 40


@pytest.mark.parametrize("task", ["score", "recommend"])
def test_a_folder_can_be_begun_anew(home, tmp_path, task):
    log, out = write(make_log(5), tmp_path / "log.csv"), tmp_path / "out"
    run(*command(home, task, log, output=out))
    (out / "mine.txt").write_text("precious")
    refused = run(*command(home, task, home / "log.csv", output=out), code=exits.USAGE)
    assert "--restart" in refused.stderr
    anew = [*command(home, task, home / "log.csv", output=out), "--restart", "--format", "csv"]
    assert "holds other files, such as 'mine.txt'" in run(*anew, code=exits.USAGE).stderr
    assert (out / "report.json").exists()
    (out / "mine.txt").unlink()
    (out / ".events-00000.parquet.0.unfinished").touch()  # as a kill leaves it
    run(*anew)
    assert {path.suffix for path in out.iterdir() if path.is_file()} == {".csv", ".json"}
    assert json.loads((out / "report.json").read_text())["rows"] == 320


def test_more_alerts_than_there_are_sequences_leave_the_folder_free(home, tmp_path):
    arguments = command(home, "score", home / "log.csv", output=tmp_path / "out")
    refused = run(*arguments, "--alerts-per-day", 9999, code=exits.USAGE)
    assert "sequences a day, and 9999 alerts a day would be all of them. Ask for fewer" in refused.stderr
    run(*arguments, "--alerts-per-day", 2)
