"""Splits keep the future out of the past."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score

from seqrec.data.sequences import Sequences
from seqrec.model_selection import TimeSplit, UserSplit, leave_last_out
from seqrec.recommend.baselines import MarkovRecommender

# Users 1 and 2 come before and after day 10, user 3 before only, user 4 after only, user 5 once after.
DAYS = {1: [1, 2, 11, 12], 2: [3, 10], 3: [4, 5], 4: [13, 14, 15], 5: [16]}
LOG = pd.DataFrame(
    [
        (user, f"{user}-{day}", np.datetime64("2026-01-01") + np.timedelta64(day, "D"))
        for user, days in DAYS.items()
        for day in days
    ],
    columns=["user_id", "item_id", "timestamp"],
)
CUTOFF = "2026-01-11"  # day 10


def lists(X):
    return [row.tolist() for row in X]


def split(target, **options):
    return TimeSplit(CUTOFF, target, **options).split(Sequences.from_frame(LOG))


def test_leave_last_out_splits_the_last_item_off():
    history, target = leave_last_out(Sequences.from_frame(LOG))
    assert history.keys.tolist() == [1, 2, 3, 4]
    assert lists(history) == [["1-1", "1-2", "1-11"], ["2-3"], ["3-4"], ["4-13", "4-14"]]
    assert target.tolist() == ["1-12", "2-10", "3-5", "4-15"]


def test_leave_last_out_drops_short_histories():
    history, _ = leave_last_out(Sequences.from_frame(LOG), min_history=2)
    assert history.keys.tolist() == [1, 4]


def test_an_empty_history_can_be_asked_for():
    history, target = leave_last_out([["a"], []], min_history=0)
    assert lists(history) == [[]]
    assert target.tolist() == ["a"]


def test_training_ends_at_the_cut_off():
    train = split("last").train
    assert lists(train) == [["1-1", "1-2"], ["2-3"], ["3-4", "3-5"]]
    assert train.timestamps.max() < np.datetime64(CUTOFF)


def test_the_last_event_is_predicted_from_all_before_it():
    _, history, target, at, is_new = split("last")
    assert history.keys.tolist() == [1, 2, 4]
    assert lists(history) == [["1-1", "1-2", "1-11"], ["2-3"], ["4-13", "4-14"]]
    assert target.tolist() == ["1-12", "2-10", "4-15"]
    assert at.astype("M8[D]").astype(str).tolist() == ["2026-01-13", "2026-01-11", "2026-01-16"]
    assert is_new.tolist() == [False, False, True]


def test_all_events_are_predicted_from_the_history_before_the_cut_off():
    _, history, target, at, is_new = split("all")
    assert lists(history) == [["1-1", "1-2"], ["2-3"]]
    assert lists(target) == [["1-11", "1-12"], ["2-10"]]
    assert (at == np.datetime64(CUTOFF)).all()
    assert is_new.tolist() == [False, False]


def test_successive_events_are_predicted_each_from_all_before_it():
    _, history, target, _, is_new = split("successive")
    assert target.tolist() == ["1-11", "1-12", "2-10", "4-14", "4-15"]
    assert lists(history) == [["1-1", "1-2"], ["1-1", "1-2", "1-11"], ["2-3"], ["4-13"], ["4-13", "4-14"]]
    assert is_new.tolist() == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("target", "users"),
    [("last", [1, 2, 4, 5]), ("all", [1, 2, 4, 5]), ("successive", [1, 1, 2, 4, 4, 4, 5])],
)
def test_new_users_are_kept_from_their_first_event_if_no_history_is_asked_for(target, users):
    holdout = split(target, min_history=0)
    assert holdout.history.keys.tolist() == users
    assert holdout.is_new.tolist() == [user > 3 for user in users]


@pytest.mark.parametrize("target", ["last", "successive"])
def test_no_question_comes_before_its_history_and_none_before_the_cut_off(target):
    holdout = split(target)
    last_known = holdout.history.timestamps[holdout.history.indptr[1:] - 1]
    assert (last_known <= holdout.at).all()
    assert (holdout.at >= np.datetime64(CUTOFF)).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.9])
def test_a_share_of_the_events_is_the_quantile_of_pandas(share):
    rng = np.random.default_rng(0)
    log = pd.DataFrame({"user_id": rng.integers(0, 9, 200), "item_id": rng.integers(0, 9, 200)})
    log["timestamp"] = rng.integers(1_700_000_000, 1_700_000_080, 200)  # many ties
    train = TimeSplit(share).split(Sequences.from_frame(log)).train
    assert train.n_events == (log["timestamp"] <= log["timestamp"].quantile(share)).sum()


@pytest.mark.parametrize(
    "cutoff",
    [pd.Timestamp(CUTOFF), np.datetime64(CUTOFF), pd.Timestamp(CUTOFF, tz="UTC"), "2026-01-11T00:00"],
)
def test_the_cut_off_comes_in_any_form(cutoff):
    assert TimeSplit(cutoff).split(Sequences.from_frame(LOG)).target.tolist() == split("last").target.tolist()


@pytest.mark.parametrize("cutoff", ["2025-01-01", "2027-01-01"])
def test_a_cut_off_outside_the_log_is_an_error(cutoff):
    with pytest.raises(ValueError, match="2026-01-02"):
        TimeSplit(cutoff).split(Sequences.from_frame(LOG))


def test_what_is_no_cut_off_is_an_error():
    with pytest.raises(ValueError, match="share of the events"):
        TimeSplit(1.5).split(Sequences.from_frame(LOG))
    with pytest.raises(TypeError, match="cutoff must be a time"):
        TimeSplit(3).split(Sequences.from_frame(LOG))
    with pytest.raises(ValueError, match="Did you mean 'last'"):
        TimeSplit(CUTOFF, target="lasts")


def test_a_time_split_needs_times():
    with pytest.raises(ValueError, match="needs timestamps"):
        TimeSplit(0.9).split(Sequences.from_lists([["a", "b"]]))


def test_a_user_falls_on_one_side():
    groups = [1, 1, 2, 2, 3, 3]
    for train, test in UserSplit(5, test_size=1, random_state=0).split(["abc"] * 6, groups=groups):
        assert len(test) == 2
        assert not set(np.take(groups, train)) & set(np.take(groups, test))


def test_user_split_serves_cross_validation():
    history, target = leave_last_out([["a", "b", "c"], ["b", "c", "a"]] * 6)
    scores = cross_val_score(MarkovRecommender(), history, target, cv=UserSplit(3, random_state=0))
    assert scores.tolist() == pytest.approx([1, 1, 1])
