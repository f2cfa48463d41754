"""The detector on a log with times, amounts and channels: what it finds, where, and how it says so."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from seqrec import LSTMAnomalyDetector, Sequences

CYCLE = ["open", "read", "write", "close"]
FIELDS = ["event", "channel", "gap", "amount"]
REASONS = ["sequence", "score", "p_value", "fired", "part_p_value", "reason", "position", "row", "event", "field"]
REASONS += ["value", "surprisal", "event_p_value", "expected", "nearest"]
CHEAP = {"units": 8, "n_folds": 1, "batch_size": 64, "learning_rate": 0.02, "precision": "float32", "random_state": 0}


def make_log(n, seed, prefix):
    """Each user goes round the cycle two to four times, over the web to open and the app for the rest."""
    rng = np.random.default_rng(seed)
    lengths = 4 * rng.integers(2, 5, n)
    n_events = lengths.sum()
    step = np.concatenate([np.arange(length) for length in lengths])
    days = np.repeat(np.arange(n), lengths) * 86_400
    seconds = np.cumsum(rng.lognormal(3, 0.6, n_events)).round(3)
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"{prefix}{i:02d}" for i in range(n)], lengths),
            "item_id": np.array(CYCLE)[step % 4],
            "timestamp": pd.to_datetime((1.7e9 + days + seconds) * 1e6, unit="us"),
            "amount": rng.lognormal(4, 0.4, n_events).round(2),
            "channel": np.where(step % 4 == 0, "web", "app"),
        }
    )


def sequences(log, columns=("amount", "channel"), timestamp="timestamp"):
    return Sequences.from_frame(log, timestamp=timestamp, columns=columns)


LOG, FRESH = make_log(60, 0, "u"), make_log(12, 1, "v")


def with_odd(user, position, column, value):
    """FRESH, with one value changed."""
    log = FRESH.copy()
    rows = log.index[log["user_id"] == user]
    log[column] = log[column].astype(object)
    log.loc[rows[position], column] = value
    log[column] = log[column].infer_objects()
    return log


def with_regular_gaps(user):
    log = FRESH.copy()
    own = log["user_id"] == user
    log.loc[own, "timestamp"] = log.loc[own, "timestamp"].iloc[0] + pd.to_timedelta(np.arange(own.sum()) * 20, unit="s")
    return log


@pytest.fixture(scope="module")
def fitted():
    return LSTMAnomalyDetector(max_epochs=12, **CHEAP).fit(sequences(LOG))


def copy_of(detector):
    return pickle.loads(pickle.dumps(detector))  # noqa: S301


# --- events


def test_surprisal_of_the_fields_adds_up(fitted):
    X = sequences(FRESH)
    by_field = fitted.surprisal(X, by_field=True)
    assert by_field.columns.tolist() == FIELDS
    assert by_field.shape == (X.n_events, 4)
    np.testing.assert_allclose(by_field.sum(axis=1), fitted.surprisal(X), rtol=1e-5, atol=1e-5)


def test_surprisal_with_the_ends_has_one_more_after_each_sequence(fitted):
    X = sequences(FRESH)[:3]
    with_ends, ends = fitted.surprisal(X, ends=True), X.indptr[1:] + np.arange(3)
    np.testing.assert_array_equal(np.delete(with_ends, ends), fitted.surprisal(X))
    assert (with_ends[ends] > 0).all()


@pytest.mark.parametrize("verb", ["surprisal", "event_scores", "rank"])
def test_figures_of_events_find_their_rows_in_the_log_however_it_is_ordered(fitted, verb):
    shuffled = FRESH.sample(frac=1, random_state=0)
    in_order = []
    for log in (FRESH, shuffled):
        X = sequences(log)
        figures = pd.Series(np.empty(len(log)), index=log.index)
        figures.iloc[X.rows] = getattr(fitted, verb)(X)
        in_order.append(figures.sort_index())
    np.testing.assert_array_equal(in_order[1], in_order[0])


def test_surprisal_stands_at_the_event_that_is_odd(fitted):
    log = with_odd("v03", 5, "amount", 1e6)
    X = sequences(log)
    (row,) = log.index[log["amount"] == 1e6]
    assert X.rows[fitted.surprisal(X).argmax()] == row
    assert X.rows[fitted.event_scores(X).argmin()] == row
    assert fitted.event_scores(X, by_field=True).iloc[X.rows == row]["amount"].item() < 1e-3


def test_event_scores_are_p_values(fitted):
    log = with_odd("v03", 5, "channel", "fax")
    log.loc[log.index[0], "amount"] = 1e300
    X = sequences(log)
    scores, by_field = fitted.event_scores(X), fitted.event_scores(X, by_field=True)
    assert scores.shape == (X.n_events,)
    assert ((scores > 0) & (scores <= 1)).all()
    assert ((by_field > 0) & (by_field <= 1)).to_numpy().all()
    assert by_field.columns.tolist() == FIELDS
    np.testing.assert_allclose(scores, 1 - (1 - by_field.min(axis=1)) ** 4, atol=1e-5)


def test_the_next_event_of_a_cycle_ranks_first(fitted):
    X = sequences(FRESH)
    ranks = fitted.rank(X)
    assert (ranks[X.vocabulary.decode(X.codes) != "open"] == 1).all()  # before an opening the end can come too
    assert (ranks <= 2).all()


def test_an_unknown_event_ranks_behind_what_was_expected(fitted):
    X = sequences(with_odd("v03", 5, "item_id", "erase"))
    (rank,) = fitted.rank(X)[X.vocabulary.decode(X.codes) == "erase"]
    assert 2 <= rank <= len(CYCLE) + 2  # of the known ones and the end


# --- sequences


def test_parts_are_named_by_field_and_pool(fitted):
    parts = [f"{field} {part}" for field in ("events", "channel") for part in ("max", "top", "window", "mean")]
    parts += [f"{field} {part}" for field in ("gap", "amount") for part in ("max", "drift", "regular", "constant")]
    assert set(fitted.calibration_.tails) == {*parts, "new events", "long", "short", "composition"}
    assert fitted.part_p_values(sequences(FRESH)).columns.tolist() == list(fitted.calibration_.tails)


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        *[
            ("amount", 1e6, "amount"),
            ("amount", 1e300, "amount"),
            ("amount", 0.0, "amount"),
            ("amount", -5.0, "amount"),
        ],
        *[("channel", "fax", "channel"), ("item_id", "erase", "event"), ("item_id", "close", "event")],
    ],
)
def test_an_odd_value_is_found_in_its_field(fitted, column, value, field):
    X = sequences(with_odd("v03", 5, column, value))
    usual = fitted.score_samples(sequences(FRESH))
    assert fitted.score_samples(X)[X.keys == "v03"] < usual[X.keys == "v03"]
    first = fitted.explain(X, only_flagged=False).query("sequence == 'v03'").iloc[0]
    assert first["field"] == field
    assert first["position"] == 5
    assert first["value"] == value
    assert first["event"] == (value if field == "event" else "read")
    assert 0 < first["event_p_value"] < 0.1


@pytest.mark.parametrize(("column", "value"), [("amount", 1e6), ("item_id", "erase")])
def test_a_sequence_with_what_was_never_seen_is_flagged(fitted, column, value):
    X = sequences(with_odd("v03", 5, column, value))
    assert fitted.predict(X)[X.keys == "v03"].tolist() == [-1]


def test_the_oddest_sequence_comes_first(fitted):
    reasons = fitted.explain(sequences(with_odd("v03", 5, "amount", 1e6)), only_flagged=False)
    assert reasons["sequence"].iloc[0] == "v03"
    assert reasons["score"].is_monotonic_increasing


def test_gaps_that_are_too_regular_are_found(fitted):
    user = FRESH["user_id"].value_counts().index[0]
    X = sequences(with_regular_gaps(user))
    reasons = fitted.explain(X, only_flagged=False)
    assert reasons["sequence"].iloc[0] == user
    fired = reasons["fired"].iloc[0]
    assert fired in ("gap regular", "gap constant")


def test_a_long_wait_is_found_in_the_gap(fitted):
    log = FRESH.copy()
    rows = log.index[log["user_id"] == "v03"]
    log.loc[rows[5:], "timestamp"] += pd.Timedelta(hours=6)
    first = fitted.explain(sequences(log), only_flagged=False).query("sequence == 'v03'").iloc[0]
    assert (first["field"], first["position"]) == ("gap", 5)
    assert first["value"] > 6 * 3600


def test_a_sequence_that_is_cut_short_is_odd_at_its_end(fitted):
    log = FRESH.drop(FRESH.index[FRESH["user_id"] == "v03"][6:])
    first = fitted.explain(sequences(log), only_flagged=False).query("sequence == 'v03'").iloc[0]
    assert (first["event"], first["value"], first["field"]) == ("(end)", "(end)", "event")
    assert (first["position"], first["row"]) == (6, -1)


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_as_many_sequences_as_may_be_scored_together_get_the_same_last_digit(fitted, n):
    X = sequences(FRESH)
    scores, shares, surprisal = fitted.score_samples(X), fitted.part_p_values(X), fitted.surprisal(X, by_field=True)
    for rows in np.random.default_rng(n).permuted(np.tile(np.arange(len(X)), (3, 1)), axis=1)[:, :n]:
        part, events = X[rows], np.concatenate([np.arange(X.indptr[row], X.indptr[row + 1]) for row in rows])
        np.testing.assert_array_equal(fitted.score_samples(part), scores[rows])
        np.testing.assert_array_equal(fitted.part_p_values(part), shares.iloc[rows])
        np.testing.assert_array_equal(fitted.surprisal(part, by_field=True), surprisal.iloc[events])


def test_hundreds_of_sequences_change_no_digit_of_a_score(fitted):
    X = sequences(make_log(300, 2, "w"))
    together = fitted.score_samples(X)
    for rows in ([0], [299, 5], np.arange(100, 131)):
        np.testing.assert_array_equal(fitted.score_samples(X[np.array(rows)]), together[rows])


# --- reasons


def test_reasons_have_the_documented_columns_and_only_flagged_sequences(fitted):
    X = sequences(with_odd("v03", 5, "amount", 1e6))
    reasons = fitted.explain(X)
    assert reasons.columns.tolist() == REASONS
    assert set(reasons["sequence"]) == set(X.keys[fitted.predict(X) < 0])
    assert reasons.groupby("sequence").size().eq(3).all()
    assert set(fitted.explain(X, only_flagged=False)["sequence"]) == set(X.keys)


def test_an_alert_has_one_p_value_by_one_name(fitted):
    X = sequences(with_odd("v03", 5, "amount", 1e6))
    reasons = fitted.explain(X, only_flagged=False)
    own = pd.DataFrame({"sequence": X.keys, "p": fitted.p_values(X), "least": fitted.part_p_values(X).min(axis=1)})
    own = reasons.merge(own, on="sequence")
    np.testing.assert_allclose(own["p_value"], own["p"])
    np.testing.assert_allclose(own["p_value"], np.exp(own["score"]))
    np.testing.assert_allclose(own["part_p_value"], own["least"])
    odd_alone = own["part_p_value"] <= 0.05
    assert (own["fired"].isin(["combination", "nothing"]) == ~odd_alone).all()
    assert own["reason"][0].startswith("amount: one value is very unlikely (")


def test_reasons_point_into_the_log(fitted):
    log = with_odd("v03", 5, "amount", 1e6).sample(frac=1, random_state=0)
    reasons = fitted.explain(sequences(log), only_flagged=False)
    reasons = reasons[reasons["row"] >= 0]
    rows = log.iloc[reasons["row"]]
    assert rows["user_id"].tolist() == reasons["sequence"].tolist()
    assert rows["item_id"].tolist() == reasons["event"].tolist()
    of_amounts = (reasons["field"] == "amount").to_numpy()
    assert rows["amount"][of_amounts].tolist() == reasons["value"][of_amounts].tolist()


def test_what_was_expected_can_be_read(fitted):
    expected = {}
    for column, value in (("item_id", "erase"), ("channel", "fax"), ("amount", 1e6)):
        reasons = fitted.explain(sequences(with_odd("v03", 5, column, value)), only_flagged=False)
        expected[column] = reasons.query("sequence == 'v03'").iloc[0]["expected"]
    assert re.fullmatch(r"read (9\d|100)%(, \S+ [1-9]%){0,2}", expected["item_id"])
    assert re.fullmatch(r"app (9\d|100)%(, web [1-9]%)?", expected["channel"])
    low, high, share = re.match(r"(\S+) to (\S+) \((\d+) %\)", expected["amount"]).groups()
    assert 10 < float(low) < 55 < float(high) < 300
    assert int(share) == 90


def test_the_nearest_is_the_key_of_a_training_sequence_of_like_counts(fitted):
    reasons = fitted.explain(sequences(FRESH), only_flagged=False)
    lengths = pd.concat([LOG, FRESH])["user_id"].value_counts()
    assert reasons["nearest"].isin(LOG["user_id"]).all()
    np.testing.assert_array_equal(lengths[reasons["nearest"]], lengths[reasons["sequence"]])
    own = fitted.explain(sequences(LOG), only_flagged=False)
    assert (own["nearest"] != own["sequence"]).all()


@pytest.mark.slow
def test_nothing_flagged_gives_an_empty_frame_with_the_columns(fitted):
    detector = copy_of(fitted)
    detector.offset_ = -1e6
    for X in (sequences(FRESH), sequences(FRESH)[:0]):
        reasons = detector.explain(X)
        assert reasons.columns.tolist() == REASONS
        assert len(reasons) == 0


def test_as_many_events_and_outcomes_are_named_as_asked_for(fitted):
    X = sequences(FRESH)
    reasons = fitted.explain(X, n_events=1, n_expected=2, only_flagged=False)
    assert len(reasons) == len(X)
    of_events = reasons[reasons["field"] == "event"]["expected"]
    assert (of_events.str.count("%") <= 2).all()
    everything = fitted.explain(X, n_events=1000, only_flagged=False)
    assert len(everything) == X.n_events + len(X)
    by_sequence = everything.groupby("sequence", sort=False)["event_p_value"]
    assert by_sequence.apply(lambda values: values.is_monotonic_increasing).all()


@pytest.mark.parametrize("name", ["n_events", "n_expected"])
@pytest.mark.parametrize("value", [0, -1])
def test_numbers_of_reasons_are_checked(fitted, name, value):
    with pytest.raises(ValueError, match=f"{name} must be at least 1"):
        fitted.explain(sequences(FRESH), **{name: value})


# --- what is refused


def test_a_column_that_is_missing_is_named(fitted):
    for verb in ("predict", "surprisal", "explain"):
        with pytest.raises(ValueError, match="column 'amount' is missing"):
            getattr(fitted, verb)(sequences(FRESH, columns=["channel"]))


def test_timestamps_that_are_missing_are_named(fitted):
    with pytest.raises(ValueError, match="training data had timestamps"):
        fitted.predict(sequences(FRESH, timestamp=None))


@pytest.mark.parametrize("verb", ["surprisal", "event_scores", "rank", "explain"])
def test_an_unfitted_detector_says_so(verb):
    with pytest.raises(NotFittedError):
        getattr(LSTMAnomalyDetector(), verb)(sequences(FRESH))


def interrupt(*_):
    raise KeyboardInterrupt


def turn_nan(*_):
    raise FloatingPointError("the loss turned nan in epoch 1.")


@pytest.mark.parametrize(
    ("stop", "error"),
    [
        (interrupt, KeyboardInterrupt),
        pytest.param(turn_nan, FloatingPointError, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_training_that_breaks_off_leaves_an_unfitted_or_the_earlier_estimator(fitted, monkeypatch, stop, error):
    detector, unfitted, X = copy_of(fitted), clone(fitted), sequences(FRESH)
    before = detector.score_samples(X)
    monkeypatch.setattr("seqrec.network.training.Trainer._run_epoch", stop)
    for one in (detector, unfitted):
        with pytest.raises(error):
            one.fit(sequences(LOG)[:10])
    with pytest.raises(NotFittedError):
        unfitted.predict(X)
    np.testing.assert_array_equal(detector.score_samples(X), before)


@pytest.mark.slow
def test_a_training_that_is_stopped_by_hand_is_no_fit_as_half_a_network_spoils_the_calibration(fitted, monkeypatch):
    detector, X = clone(fitted), sequences(LOG)
    losses = iter([1.0, 1.0])
    monkeypatch.setattr("seqrec.network.training.Trainer._run_epoch", lambda *_: next(losses, None) or interrupt())
    with pytest.raises(KeyboardInterrupt, match=r"after epoch 2\. The estimator is as it was before"):
        detector.fit(X)
    assert not hasattr(detector, "normal_")


# --- time and ends


@pytest.fixture(scope="module")
def ticks():
    """A detector, and a log of one kind of event in which each is the last one with probability 1/4."""
    rng = np.random.default_rng(0)
    lengths = rng.geometric(0.25, 500)
    waits = rng.lognormal(4, 1, lengths.sum())
    log = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(500), lengths),
            "item_id": "tick",
            "timestamp": pd.to_datetime(1.6e9 + np.cumsum(waits), unit="s"),
        }
    )
    X = Sequences.from_frame(log)
    detector = LSTMAnomalyDetector(max_epochs=10, **CHEAP | {"batch_size": 256}).fit(X)
    return detector, X


@pytest.mark.slow
def test_ends_keep_their_probability_though_half_of_all_events_are_asked_about(ticks):
    detector, X = ticks
    surprisal = detector.surprisal(X, by_field=True, ends=True)["event"].to_numpy()
    ends = np.zeros(len(surprisal), bool)
    ends[X.indptr[1:] + np.arange(len(X))] = True
    assert np.exp(-surprisal[ends]).mean() == pytest.approx(0.25, abs=0.04)
    later = ~ends
    later[X.indptr[:-1] + np.arange(len(X))] = False
    assert np.exp(-surprisal[later]).mean() == pytest.approx(0.75, abs=0.04)


@pytest.mark.slow
def test_at_a_known_time_something_comes_and_no_end(ticks):
    detector, X = ticks
    known = np.ones(X.n_events, bool)
    known[X.indptr[:-1]] = False  # the first event has no gap
    at_time = detector.surprisal(X, at_time=True)
    assert np.exp(-at_time[known]).mean() > 0.95


def test_at_a_known_time_the_gap_costs_nothing_and_the_other_fields_the_same(fitted):
    X = sequences(FRESH)
    timed, untimed = (fitted.surprisal(X, by_field=True, at_time=at_time) for at_time in (True, False))
    assert not timed["gap"].any()
    for name in ("channel", "amount"):
        np.testing.assert_array_equal(timed[name], untimed[name])
    np.testing.assert_allclose(fitted.surprisal(X, at_time=True), timed.sum(axis=1), atol=1e-5)
    assert (timed["event"] != untimed["event"]).any()


@pytest.mark.slow
def test_time_is_asked_about_where_there_is_time():
    X = sequences(LOG[: 10 * 8], timestamp=None)
    detector = LSTMAnomalyDetector(max_epochs=1, **CHEAP).fit(X)
    with pytest.raises(ValueError, match="at_time needs a detector that was fitted on sequences with timestamps"):
        detector.surprisal(X, at_time=True)


def test_the_surprisal_of_ends_comes_after_the_events_of_their_sequences(fitted):
    X = sequences(FRESH)
    alone, with_ends = (fitted.surprisal(X, by_field=True, ends=one).to_numpy() for one in (False, True))
    ends = X.indptr[1:] + np.arange(len(X))
    np.testing.assert_array_equal(np.delete(with_ends, ends, axis=0), alone)
    assert not with_ends[ends, 1:].any()
    assert (with_ends[ends, 0] > 0).all()


# --- truth values as a field


@pytest.mark.slow
def test_truth_values_are_shown_as_such():
    log = LOG.assign(new=LOG["item_id"] == "open")[: 20 * 8]
    X = sequences(log, columns=["new"], timestamp=None)
    detector = LSTMAnomalyDetector(max_epochs=2, **CHEAP).fit(X)
    reasons = detector.explain(X, n_events=100, only_flagged=False)
    shown = reasons[reasons["field"] == "new"]
    assert shown["expected"].str.contains("True").all()
    assert shown["expected"].str.contains("False").all()
    assert set(shown["value"]) <= {True, False}


# --- what changes nothing in a fit


@pytest.fixture(scope="module")
def quick():
    return LSTMAnomalyDetector(max_epochs=3, **CHEAP)


@pytest.fixture(scope="module")
def quickly_fitted(quick):
    return clone(quick).fit(sequences(LOG))


@pytest.mark.slow
def test_the_order_of_the_logs_rows_changes_no_fit(quick, quickly_fitted):
    shuffled = clone(quick).fit(sequences(LOG.sample(frac=1, random_state=0)))
    X = sequences(FRESH)
    np.testing.assert_array_equal(shuffled.score_samples(X), quickly_fitted.score_samples(X))
    np.testing.assert_array_equal(shuffled.surprisal(X), quickly_fitted.surprisal(X))


@pytest.mark.slow
def test_two_fits_agree_to_the_bit_on_every_field(quick, quickly_fitted):
    X = sequences(FRESH)
    found = clone(quick).fit(sequences(LOG)).surprisal(X, by_field=True)
    pd.testing.assert_frame_equal(found, quickly_fitted.surprisal(X, by_field=True))


@pytest.mark.slow
def test_relabelling_users_events_and_categories_changes_nothing(quick, quickly_fitted):
    def renamed(log):
        events = log["item_id"].map({"open": 7, "read": 3, "write": 11, "close": 5})
        channels = log["channel"].map({"web": "app", "app": "new"})
        return log.assign(item_id=events, channel=channels, user_id=log["user_id"].str[1:].astype(int))

    found = clone(quick).fit(sequences(renamed(LOG))).surprisal(sequences(renamed(FRESH)))
    np.testing.assert_allclose(found, quickly_fitted.surprisal(sequences(FRESH)), atol=1e-5)


@pytest.mark.slow
def test_a_grid_search_chooses_the_pool():
    X, odd = sequences(LOG), sequences(with_odd("v03", 5, "amount", 1e6))

    def how_far_the_odd_one_is_from_the_rest(detector, X, y=None):
        scores = detector.score_samples(odd)
        return np.median(scores) - scores[odd.keys == "v03"].item()

    detector = LSTMAnomalyDetector(max_epochs=3, **CHEAP)
    grid = {"part": ["long", "amount max"]}
    search = GridSearchCV(detector, grid, cv=2, scoring=how_far_the_odd_one_is_from_the_rest, error_score="raise").fit(
        X
    )
    assert search.best_params_ == {"part": "amount max"}
    assert search.best_estimator_.predict(odd)[odd.keys == "v03"].tolist() == [-1]
