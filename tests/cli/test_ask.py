"""``seqrec ask``: chances for every user."""

import json

import pandas as pd
import pytest
from command_line import assert_refused, make_log, read_results, run, write

import seqrec
from seqrec import NGramGenerator, Sequences
from seqrec.cli import exits


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("ngrams") / "m.seqrec"
    seqrec.save(NGramGenerator(order=3).fit(Sequences.from_frame(make_log())), path)
    return path


def test_each_user_has_a_chance_for_each_span(model, tmp_path):
    log = write(make_log(10).rename(columns={"user_id": "who"}), tmp_path / "log.csv")
    arguments = ["ask", model, log, "--user", "who", "--chance", "tea,milk", "--events", "1,3", "--paths", 50]
    result = run(*arguments, "-o", tmp_path / "out")
    found = read_results(tmp_path / "out", "chances")
    assert found.columns.tolist() == ["who", "within", "chance", "standard_error"]
    assert sorted(found["who"].unique()) == sorted(make_log(10)["user_id"].unique())
    wide = {span: of_one.set_index("who")["chance"] for span, of_one in found.groupby("within")}
    assert ((wide["3"] > wide["1"]) & (wide["3"] <= 1)).all()
    assert f"1: {wide['1'].mean():.4f} on average" in result.stdout
    assert "80 = scored 80" in result.stdout
    assert "whole" in run("verify", tmp_path / "out").stdout
    assert json.loads(run(*arguments, "-o", tmp_path / "out", "--json").stdout)["chances"] == 20


@pytest.mark.parametrize("name", ["score", "recommend"])
def test_detectors_and_recommenders_can_be_asked_too(home, tmp_path, name):
    log = write(make_log(5), tmp_path / "log.csv")
    run("ask", home / f"{name}.seqrec", log, "--chance", "tea", "--events", 1, "-o", tmp_path / "out")
    assert read_results(tmp_path / "out", "chances")["chance"].between(0, 1).all()


def test_a_time_can_be_asked_for_where_the_model_knows_times(home, tmp_path):
    log = write(make_log(5), tmp_path / "log.csv")
    asked = ["--chance", "tea", "--within", "30min,1d", "--before", "cake", "--at", "2024-06-01", "--paths", 20]
    run("ask", home / "score.seqrec", log, *asked, "-o", tmp_path / "out")
    found = read_results(tmp_path / "out", "chances")
    assert found["within"].tolist() == ["30min", "1d"] * 5
    assert (found["chance"] + found["neither"] <= 1 + 1e-9).all()


def test_bad_rows_are_set_apart(model, tmp_path):
    text = make_log(5).to_csv(index=False) + ",tea,2024-05-01T00:00:00,1\n"
    (tmp_path / "log.csv").write_text(text)
    asked = ["--chance", "tea", "--events", 1, "--max-bad", 0.5]
    result = run("ask", model, tmp_path / "log.csv", *asked, "-o", tmp_path / "out", code=exits.QUARANTINED)
    assert "missing_user" in result.stdout
    assert pd.read_parquet(tmp_path / "out" / "quarantine.parquet")["row"].tolist() == [40]


ASK = "ask {model} {home}/log.csv -o {new} --chance tea "


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("ask {model} {home}/log.csv -o {new} --events 1", "--chance"),
        ("ask {model} {home}/log.csv -o {new} --chance tae --events 1", "--chance holds 'tae', which training lacked"),
        (ASK + "--before cak", "--before holds 'cak', which training lacked. Did you mean 'cake'?"),
        (ASK + "--before tea", "the same event"),
        (ASK + "--within 30", "'30' is no span of time. Write it as 30d"),
        (ASK + "--within 0d", "'0d' is no span of time"),
        (ASK + "--events 0", "--events '0' is no number of events"),
        (ASK + "--events 1 --within 30d", "give one of --within and --events"),
        (ASK + "--within 30d", "does not tell when events come"),
        (ASK + "--events 1 --paths 0", "greater than or equal to 1"),
        (ASK + "--events 1 --at yesterday", "--at 'yesterday' is no time"),
        ("ask {home}/recommend.seqrec {home}/log.csv -o {new} --chance tea", "knows no end"),
        ("ask {home}/log.csv {home}/log.csv -o {new} --chance tea", "not a model file"),
    ],
)
def test_wrong_use_of_ask_is_refused_in_one_line(home, model, tmp_path, line, text):
    assert_refused(home, tmp_path, line.replace("{model}", str(model)), text)


def test_a_model_that_only_counts_tells_no_chances(home, tmp_path):
    seqrec.save(seqrec.MarkovRecommender().fit([["tea", "milk"]] * 5), tmp_path / "m.seqrec")
    refused = run("ask", tmp_path / "m.seqrec", home / "log.csv", "--chance", "tea", "-o", tmp_path / "out", code=2)
    assert "a MarkovRecommender, which tells no chances" in refused.stderr
