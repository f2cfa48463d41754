"""``seqrec recommend``: lists for every user."""

import pytest
from command_line import assert_refused, make_log, read_results, run, write


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
