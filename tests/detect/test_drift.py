"""Whether a log looks like the training data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from seqrec import CombinedDetector, LSTMAnomalyDetector, Sequences, load
from seqrec.datasets import make_fraud_log
from seqrec.detect.drift import COLUMNS, FlaggedShare, Measured, Seen, Usual, added, restored

FIELDS = {"user": "session_id", "item": "event", "columns": ["amount", "channel"]}
CHANGES = {
    "cents for euros": (lambda log: log.assign(amount=log["amount"] * 100), "amount"),
    "a third of the events renamed": (
        lambda log: log.assign(event=log["event"].where(np.arange(len(log)) % 3 > 0, log["event"] + "!")),
        "unknown events",
    ),
    "another channel": (lambda log: log.assign(channel="fax"), "channel"),
    "seconds for milliseconds": (lambda log: log.assign(timestamp=log["timestamp"].dt.floor("s")), "clock"),
    "a finer clock": (lambda log: log.assign(timestamp=log["timestamp"] + pd.Timedelta("7us")), "clock"),
    "one event a session": (lambda log: log.drop_duplicates("session_id"), "events a sequence"),
    "ten times as slow": (lambda log: log.assign(timestamp=slowed(log)), "gap"),
    "nothing at all": (lambda log: log[:0], "sequences"),
}


def slowed(log):
    start = log.groupby("session_id")["timestamp"].transform("min")
    return start + (log["timestamp"] - start) * 10


@pytest.fixture(scope="module")
def detector():
    X = Sequences.from_frame(make_fraud_log(400, random_state=0), **FIELDS)
    return LSTMAnomalyDetector(units=8, max_epochs=2, n_folds=1, random_state=0, verbose=False).fit(X)


def noticed(drift):
    return [what.partition(",")[0] for what in drift.loc[drift["noticed"], "what"]]


def test_ordinary_nights_are_not_noticed(detector):
    nights = (Sequences.from_frame(make_fraud_log(150, random_state=night), **FIELDS) for night in range(1, 9))
    assert [noticed(detector.drift(X)) for X in nights] == [[]] * 8


@pytest.mark.parametrize("name", CHANGES)
def test_a_log_that_has_changed_is_noticed_by_what_has_changed(detector, name):
    change, what = CHANGES[name]
    log = change(make_fraud_log(150, random_state=1))
    drift = detector.drift(Sequences.from_frame(log, **FIELDS))
    assert what in noticed(drift)
    assert drift.columns.tolist() == COLUMNS


@pytest.mark.parametrize("clock", ["s", "min", "h"])
def test_times_of_a_coarser_clock_are_not_odd(detector, clock):
    log = make_fraud_log(400, random_state=3)
    coarse = log.assign(timestamp=log["timestamp"].dt.floor(clock))
    flagged = [(detector.predict(Sequences.from_frame(one, **FIELDS)) < 0).mean() for one in (log, coarse)]
    assert flagged[1] <= flagged[0] + 0.03


def test_a_selection_is_scored_as_the_log_that_it_comes_from(detector):
    log = make_fraud_log(20, random_state=3)
    X = Sequences.from_frame(log.assign(timestamp=log["timestamp"].dt.floor("min")), **FIELDS)
    alone = np.concatenate([detector.score_samples(X[[row]]) for row in range(len(X))])
    np.testing.assert_allclose(alone, detector.score_samples(X), atol=1e-4)


def test_times_of_a_finer_clock_are_read_as_training_would_have_told_them(detector):
    log = make_fraud_log(20, random_state=3)
    finer = log.assign(timestamp=log["timestamp"].astype("datetime64[us]") + pd.Timedelta("7us"))
    scores = [detector.score_samples(Sequences.from_frame(one, **FIELDS)) for one in (log, finer)]
    np.testing.assert_array_equal(*scores)


def test_what_counts_compares_events_alone():
    lists = [["open", "read", "close"], ["open", "close"]] * 40
    drift = CombinedDetector().fit(lists).drift([["open", "erase"]] * 40)
    assert drift["what"].str.partition(",")[0].tolist() == [
        "sequences", "flagged", "unknown events", "events", "events a sequence", "p-values"
    ]  # fmt: skip
    assert "unknown events" in noticed(drift)


def test_one_sequence_is_too_little_to_tell():
    detector = CombinedDetector().fit([["open", "read", "close"], ["open", "close"]] * 40)
    assert noticed(detector.drift([["erase", "erase"]])) == []


def test_what_is_always_alike_in_training_is_noticed_when_it_changes():
    usual = Usual.learn(Measured("size", np.ones(50), np.arange(50)))
    told = usual.compare("price", usual.see(Measured("size", np.full(50, 3.0), np.arange(50))))
    assert told["noticed"]
    assert told["difference"] == 1
    assert (told["training"], told["log"]) == pytest.approx((1, 3))


def test_a_share_of_events_has_the_variance_of_a_ratio_of_sums_over_sequences():
    rng = np.random.default_rng(0)
    lengths, shares = rng.integers(1, 20, 400), rng.beta(1, 3, 400)
    row = np.repeat(np.arange(400), lengths)
    usual = Usual.learn(Measured("share", (rng.random(len(row)) < shares[row]).astype(float), row))
    found = Measured("share", (rng.random(len(row)) < shares[row]).astype(float), row)
    told = usual.compare("late", usual.see(found))
    zeros = np.bincount(row, 1 - found.numbers)
    over = zeros - lengths * usual.below[0]
    n, m = len(row), 400
    variance = max(((over - over.mean()) ** 2).sum(), m * usual.variance[0]) / n**2 + usual.error[0]
    assert told["p_value"] == pytest.approx(2 * stats.t.sf(abs(over.sum() / n) / variance**0.5, m - 1))
    assert told["difference"] == pytest.approx(abs(over.sum() / n))


def test_p_values_are_valid_where_events_of_a_sequence_are_alike():
    def draw(rng):  # all events of a sequence are of one kind: 20 events tell no more than one
        row = np.repeat(np.arange(60), 20)
        return Measured("share", (rng.random(60) < 0.3)[row].astype(float), row)

    def p_value(rng):
        usual = Usual.learn(draw(rng))
        return usual.compare("kind", usual.see(draw(rng)))["p_value"]

    rng = np.random.default_rng(0)
    p_values = np.array([p_value(rng) for _ in range(400)])
    assert (p_values < 0.05).mean() <= stats.binom.ppf(0.999, 400, 0.05) / 400
    assert (p_values < 0.5).mean() > 0.2  # they are no constant


def test_how_many_are_flagged_is_beta_binomial():
    told = FlaggedShare.of(np.arange(99.0), 1.0, 50, 3).compare()  # one held-out score lies below: 2 / 100 expected
    assert told["training"] == 0.02
    assert told["p_value"] == pytest.approx(stats.betabinom.sf(2, 50, 2, 98))


def test_parts_of_a_log_add_up(detector):
    X = Sequences.from_frame(make_fraud_log(30, random_state=1), **FIELDS)
    whole = detector.see_events(X)
    for name, tally in added(detector.see_events(X[rows]) for rows in (np.s_[:11], np.s_[11:])).items():
        assert isinstance(tally, Seen)
        for mine, expected in zip(tally, whole[name], strict=True):
            np.testing.assert_allclose(mine, expected, atol=1e-9)
    back = restored({name: [np.asarray(part).tolist() for part in tally] for name, tally in whole.items()})
    assert all(np.array_equal(back[name].total, whole[name].total) for name in whole)


def test_a_model_of_an_earlier_release_says_that_it_kept_nothing_to_compare_with():
    older = load(Path(__file__).parents[1] / "golden" / "CombinedDetector.seqrec")
    with pytest.raises(ValueError, match="kept nothing to compare a log with"):
        older.drift([["tea"]])


@pytest.mark.parametrize("lacking", [{"things": "p-values"}, {"things": "events"}, {"frequent": "events"}])
def test_a_reference_that_lacks_what_every_log_is_compared_in_is_refused(detector, lacking):
    detector.reference_.check_sound()
    rest = {
        part: {k: v for k, v in getattr(detector.reference_, part).items() if k != n} for part, n in lacking.items()
    }
    with pytest.raises(ValueError, match=r"it does not tell|something is lacking"):
        detector.reference_._replace(**rest).check_sound()
