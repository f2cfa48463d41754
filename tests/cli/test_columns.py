"""A model meets a log: which columns it reads, and when it may not."""

import json

import pytest
from command_line import SMALL, command, make_log, run, write


@pytest.mark.slow
def test_the_columns_of_the_models_own_log_are_taken_where_a_log_has_them(home, tmp_path):
    names = {"user_id": "who", "item_id": "what", "timestamp": "when"}
    own = write(make_log().rename(columns=names), tmp_path / "own.csv")
    named = ["--user", "who", "--item", "what", "--timestamp", "when"]
    run("fit", own, "-o", tmp_path / "m.seqrec", "--task", "recommend", *named, *SMALL)
    log = write(make_log().rename(columns=names).assign(user_id="usual"), tmp_path / "log.csv")
    report = json.loads(run("recommend", tmp_path / "m.seqrec", log, "-o", tmp_path / "a", "-k", 3, "--json").stdout)
    assert report["columns"] == {"user": "who", "item": "what", "timestamp": "when", "fields": []}
    usual = run("recommend", tmp_path / "m.seqrec", home / "log.csv", "-o", tmp_path / "b", "-k", 3, "--json").stdout
    assert json.loads(usual)["columns"]["user"] == "user_id"


@pytest.mark.parametrize("task", ["score", "recommend"], scope="module")
def test_ids_of_another_type_than_in_the_fit_are_an_error(home, tmp_path, task):
    path = write(make_log().assign(item_id=7), tmp_path / "log.parquet")
    assert "text were expected" in run(*command(home, task, path, output=tmp_path / "out"), code=2).stderr
