"""``seqrec recommend``: lists for every user."""

import numpy as np
import pytest
from command_line import assert_refused, make_log, read_results, run, write

import seqrec
from seqrec import Sequences


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


def test_recommend_reads_the_fields_that_the_model_was_fitted_with(home, tmp_path):
    frame = make_log(5, 3, seed=4)
    log = write(frame, tmp_path / "log.csv")
    run("recommend", home / "recommend.seqrec", log, "-o", tmp_path / "out", "--include-seen", "-k", "5")
    found = read_results(tmp_path / "out", "recommendations").sort_values(["user_id", "rank"])
    recommender = seqrec.load(home / "recommend.seqrec")
    X = Sequences.from_frame(frame, columns=["amount"])
    expected, _ = recommender.recommend(X, k=5, exclude_seen=False)
    assert found["item_id"].tolist() == expected.ravel().tolist()
    scores = found["score"].to_numpy()
    _, other = recommender.recommend(Sequences.from_frame(frame), k=5, exclude_seen=False)
    assert np.abs(np.sort(scores) - np.sort(other.ravel())).max() > 1e-3  # what the fields say counts


def test_recommend_does_without_what_the_log_lacks_and_says_so(home, tmp_path):
    frame = make_log(5, 3)[["user_id", "item_id"]]
    log = write(frame, tmp_path / "log.csv")
    result = run("recommend", home / "recommend.seqrec", log, "-o", tmp_path / "out", "--include-seen", "-k", "5")
    assert "'amount', times, which the log lacks" in result.stderr
    found = read_results(tmp_path / "out", "recommendations").sort_values(["user_id", "rank"])
    X = Sequences.from_frame(frame, timestamp=None)
    expected, _ = seqrec.load(home / "recommend.seqrec").recommend(X, k=5, exclude_seen=False)
    assert found["item_id"].tolist() == expected.ravel().tolist()


def test_a_file_without_rows_says_nothing_of_the_columns(home, tmp_path):
    (tmp_path / "a.jsonl").touch()
    write(make_log(5, 3), tmp_path / "b.jsonl")
    logs = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    result = run("recommend", home / "recommend.seqrec", *logs, "-o", tmp_path / "out")
    assert "lacks" not in result.stderr


RECOMMEND = "recommend {home}/recommend.seqrec {home}/log.csv -o {new} -k 3 "


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("recommend {home}/score.seqrec {home}/log.csv -o {new}", "seqrec score"),
        (RECOMMEND + "-k 0", "1"),
        (RECOMMEND + "--candidates {home}/none", "none"),
        (RECOMMEND + "--candidates {home}/log.csv", "catalogue"),
    ],
)
def test_wrong_use_of_recommend_is_refused_in_one_line(home, tmp_path, line, text):
    assert_refused(home, tmp_path, line, text)
