"""``seqrec generate``: a log that looks like the one that was learned from, and holds nobody of it."""

import json

import numpy as np
import pandas as pd
import pytest
from command_line import SMALL, assert_refused, make_log, run, write
from job_files import results

import seqrec
from seqrec import NGramGenerator
from seqrec.cli import exits
from seqrec.logs.form import learn_form
from seqrec.logs.source import Source
from seqrec.logs.whole import Log


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Give a file of n-grams that knows how its log was written."""
    folder = tmp_path_factory.mktemp("ngrams")
    log = make_log(400, 6)[["item_id", "user_id"]]
    source = Source.find([str(write(log.assign(amount=7), folder / "log.csv"))], {}, (), {})
    X = Log.read(source, lambda *_: None).sequences(())
    columns = source.columns._asdict() | {"form": learn_form(source, None, X.keys)}
    seqrec.save(NGramGenerator(order=3).fit(X), folder / "m.seqrec", columns=columns)
    return folder / "m.seqrec"


@pytest.fixture(scope="module")
def network(home, tmp_path_factory):
    """Fit a network to a log with times and amounts, whose columns stand in an order of their own."""
    folder = tmp_path_factory.mktemp("network")
    log = write(make_log()[["amount", "timestamp", "user_id", "item_id"]], folder / "log.csv")
    arguments = ["--task", "generate", "--fields", "amount", *SMALL, "--set", "order=2", "--json"]
    report = json.loads(run("fit", log, "-o", folder / "m.seqrec", *arguments).stdout)
    assert report["estimator"] == "LSTMGenerator"
    assert report["validation_nats"] is None  # of so few events none are held out
    return folder / "m.seqrec"


def test_a_network_draws_times_and_fields_in_the_form_of_its_log(network, tmp_path):
    result = run("generate", network, "-o", tmp_path / "out")
    assert "drawn    40 sequences" in result.stdout
    first, second = (pd.read_csv(path) for path in (network.with_name("log.csv"), tmp_path / "out" / "log-00000.csv"))
    assert first.dtypes.to_dict() == second.dtypes.to_dict()
    assert second["timestamp"].str.fullmatch(r"2024-05-\d\dT\d\d:\d\d:\d\d").all()
    assert second["amount"].between(first["amount"].min(), first["amount"].max()).all()
    np.testing.assert_allclose(second["amount"], second["amount"].round(2), rtol=1e-12)
    assert not set(first["user_id"]) & set(second["user_id"])
    times = pd.to_datetime(second["timestamp"])
    assert (times.diff()[second["user_id"].duplicated()] >= pd.Timedelta(0)).all()


def test_users_go_on_after_their_last_event(network, tmp_path):
    run("generate", network, network.with_name("log.csv"), "-o", tmp_path / "out", "--length", 2)
    begun, drawn = (pd.read_csv(path) for path in (network.with_name("log.csv"), tmp_path / "out" / "log-00000.csv"))
    assert (drawn.groupby("user_id")["timestamp"].min() >= begun.groupby("user_id")["timestamp"].max()).all()
    assert drawn.dtypes.to_dict() == begun[drawn.columns].dtypes.to_dict()


def test_a_log_that_lacks_what_the_network_reads_does_not_go_on(network, tmp_path):
    log = write(make_log(5).drop(columns="amount"), tmp_path / "log.csv")
    result = run("generate", network, log, "-o", tmp_path / "out", code=exits.USAGE)
    assert "column 'amount' is missing, and the model needs it" in result.stderr


def test_the_new_log_has_the_columns_and_the_format_of_the_old_one(model, tmp_path):
    result = run("generate", model, "-o", tmp_path / "out", "-n", 50)
    log = pd.read_csv(tmp_path / "out" / "log-00000.csv")
    assert log.columns.tolist() == ["item_id", "user_id"]
    assert log["user_id"].unique().tolist() == [f"u{number}" for number in range(400, 450)]
    assert set(log["item_id"]) <= set(make_log()["item_id"])
    assert f"50 sequences, {len(log)} events" in result.stdout
    assert "whole" in run("verify", tmp_path / "out").stdout


def test_nobody_of_the_old_log_is_in_the_model_or_in_the_new_log(model, tmp_path):
    run("generate", model, "-o", tmp_path / "out")
    content = model.read_bytes() + (tmp_path / "out" / "log-00000.csv").read_bytes()
    assert not [user for user in make_log(400, 6)["user_id"].unique() if user.encode() in content]
    assert len(pd.read_csv(tmp_path / "out" / "log-00000.csv")["user_id"].unique()) == 400  # as many as there were


def test_inspect_shows_what_new_users_will_be_called(model):
    assert "csv, with users such as 'u400'" in run("inspect", model).stdout
    form = json.loads(run("inspect", model, "--json").stdout)["form"]
    assert (form["order"], form["user"]["before"], form["user"]["first"]) == (["item_id", "user_id"], "u", 400)


def test_a_seed_and_nothing_else_says_what_is_drawn(model, tmp_path):
    for name, options in {"a": [], "b": ["--memory", "4GiB"], "c": ["--seed", 1]}.items():
        run("generate", model, "-o", tmp_path / name, "-n", 20, "--format", "jsonl", *options)
    a, b, c = (results(tmp_path / name)["log-00000.jsonl"] for name in "abc")
    assert a == b != c


def test_sequences_begin_and_end_as_they_are_told_to(model, tmp_path):
    run("generate", model, "-o", tmp_path / "out", "-n", 30, "--prefix", "tea,milk", "--stop", "cake", "--length", 9)
    lists = pd.read_csv(tmp_path / "out" / "log-00000.csv").groupby("user_id")["item_id"].agg(list)
    assert all(one[:2] == ["tea", "milk"] and "cake" not in one[2:-1] for one in lists)
    assert all(one[-1] == "cake" or len(one) == 11 for one in lists)


@pytest.mark.parametrize(("items", "prefix"), [(["a,b", "c"], "a,b"), ([7, 8], "7")])
def test_an_item_may_have_commas_and_be_a_number(tmp_path, items, prefix):
    seqrec.save(NGramGenerator(order=2).fit([items] * 5), tmp_path / "m.seqrec")
    options = ["-n", 3, "--prefix", prefix, "--top-k", 1]
    run("generate", tmp_path / "m.seqrec", "-o", tmp_path / "out", *options)
    log = pd.read_parquet(tmp_path / "out" / "log-00000.parquet")
    assert log["item_id"].tolist() == items * 3
    assert log["user_id"].unique().tolist() == ["user-1", "user-2", "user-3"]


def test_the_users_of_a_log_go_on(model, tmp_path):
    log = write(make_log(30, 3).rename(columns={"user_id": "who"}), tmp_path / "log.parquet")
    result = run("generate", model, log, "--user", "who", "-o", tmp_path / "out", "--length", 2)
    found = pd.read_csv(tmp_path / "out" / "log-00000.csv")
    assert found.groupby("who").size().to_dict() == dict.fromkeys(make_log(30)["user_id"], 2)
    assert "90 = scored 90" in result.stdout
    assert "30 (0 go on no further)" in result.stdout
    assert "drawn 60" in run("verify", tmp_path / "out").stdout


def test_verify_finds_what_is_missing_of_a_drawn_log(model, tmp_path):
    run("generate", model, "-o", tmp_path / "out", "-n", 5)
    path = tmp_path / "out" / "log-00000.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    told = run("verify", tmp_path / "out", code=exits.NOT_WHOLE).stdout
    assert "log-00000.csv was changed" in told
    assert "and the report says" in told


def test_a_drawing_that_is_stopped_goes_on(model, tmp_path, monkeypatch):
    from seqrec.jobs.generation import GenerationJob

    with monkeypatch.context() as patch:
        patch.setattr(GenerationJob, "_part", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        stopped = run("generate", model, "-o", tmp_path / "out", "-n", 5, code=exits.STOPPED)
    assert "The same command goes on" in stopped.stderr
    assert "not finished" in run("verify", tmp_path / "out", code=exits.NOT_WHOLE).stdout
    run("generate", model, "-o", tmp_path / "out", "-n", 5)
    assert "holds another job" in run("generate", model, "-o", tmp_path / "out", "-n", 6, code=exits.USAGE).stderr
    run("generate", model, "-o", tmp_path / "out", "-n", 6, "--restart")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["drawn_sequences"] == 6


def test_a_generator_is_evaluated_by_what_an_event_costs(model):
    report = json.loads(run("evaluate", model, model.with_name("log.csv"), "--json").stdout)
    assert report["bits_per_event"] == pytest.approx(report["nats_per_event"] / 0.6931, rel=1e-3)
    assert report["unknown_events"] == 0
    assert "nats" in run("evaluate", model, model.with_name("log.csv")).stdout


GENERATE = "generate {model} -o {new} "


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (GENERATE + "-n 0", "greater than or equal to 1"),
        (GENERATE + "--length 0", "greater than or equal to 1"),
        (GENERATE + "--temperature 0", "temperature must be above 0"),
        (GENERATE + "--top-k 0", "top_k must be at least 1"),
        (GENERATE + "--top-p 2", "top_p must be above 0 and at most 1"),
        (GENERATE + "--prefix mlik", "--prefix holds 'mlik', which training lacked. Did you mean 'milk'?"),
        (GENERATE + "--stop jelly", "--stop holds 'jelly'"),
        (GENERATE + "--prefix {home}/log.csv", "log.csv, name it after the model"),
        (GENERATE + "--user who", "name it after MODEL"),
        (GENERATE + "--shard 1/2", "name it after MODEL"),
        (GENERATE + "{home}/log.csv -n 5", "-n and --prefix are for new sequences"),
        (GENERATE + "{home}/log.csv --temperature 0", "temperature must be above 0"),
        (GENERATE + "{home}/none.csv", "no such file"),
        ("generate {home}/score.seqrec -o {new}", "a LSTMAnomalyDetector, which finds odd sequences"),
        ("generate {home}/recommend.seqrec {home}/log.csv -o {new}", "seqrec recommend"),
        ("generate {home}/log.csv -o {new}", "not a model file"),
        ("score {model} {home}/log.csv -o {new}", "a NGramGenerator, which generates sequences"),
        ("evaluate {model} {home}/log.csv --label amount", "--label is for detectors"),
    ],
)
def test_wrong_use_of_generate_is_refused_in_one_line(home, model, tmp_path, line, text):
    assert_refused(home, tmp_path, line.replace("{model}", str(model)), text)


def test_a_folder_with_other_files_is_refused(model, tmp_path):
    (tmp_path / "mine.txt").touch()
    assert "other files, such as 'mine.txt'" in run("generate", model, "-o", tmp_path, code=exits.USAGE).stderr
