"""``seqrec evaluate``: figures beside those of simple models."""

import json

import pytest
from command_line import assert_refused, make_log, run, write


@pytest.mark.slow
def test_evaluate_shows_popularity_beside_a_recommender(home, tmp_path):
    model, longer = tmp_path / "m.seqrec", ["units=8", "max_epochs=20", "learning_rate=0.05"]
    settings = [text for setting in longer for text in ("--set", setting)]
    run("fit", home / "log.csv", "-o", model, "--task", "recommend", "--seed", "0", *settings)
    report = json.loads(run("evaluate", model, home / "log.csv", "--json").stdout)
    assert report["model"]["NDCG@5"] > report["popularity"]["NDCG@5"] > 0
    text = run("evaluate", model, home / "log.csv", "-k", "3", "--include-seen").stdout
    assert "popularity" in text
    assert "HR@3" in text


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
    partly = write(log.assign(is_odd=log["is_odd"].where(log.index > 2)), tmp_path / "partly.csv")
    refused = run("evaluate", home / "score.seqrec", partly, "--label", "is_odd", code=2)
    assert "column 'is_odd' has no label in 3 of 320 rows" in refused.stderr


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("evaluate {home}/recommend.seqrec {home}/log.csv --label amount", "detectors"),
        ("evaluate {home}/score.seqrec {home}/log.csv --label lable", "lable"),
    ],
)
def test_wrong_use_of_evaluate_is_refused_in_one_line(home, tmp_path, line, text):
    assert_refused(home, tmp_path, line, text)
