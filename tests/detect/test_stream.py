"""Users who are followed as their events come are scored as if all had come at once, to the last digit."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from small_networks import quickest, random_network

from seqrec import LSTMAnomalyDetector, Sequences
from seqrec.data.ends import END
from seqrec.network.state import leaves

CHEAP = {"units": 8, "n_folds": 1, "max_epochs": 1, "batch_size": 256, "precision": "float32", "random_state": 0}
COLUMNS = ["amount", "channel", "night"]
TOLD = ["sequence", "event", "surprisal", "event_p_value", "expected", "field", "unknown"]


def make_log(n, seed, items="abcd", longest=12):
    """A log with ties in time, zeros among the amounts, and channels and items that recur."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest, n)
    n_events = lengths.sum()
    seconds = np.cumsum(rng.integers(0, 90, n_events))
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{i:03d}" for i in range(n)], lengths),
            "item_id": rng.choice(list(items), n_events),
            "timestamp": pd.to_datetime((1.6e9 + seconds) * 1e6, unit="us"),
            "amount": np.where(rng.random(n_events) < 0.1, 0, rng.lognormal(4, 1, n_events).round(2)),
            "channel": rng.choice(["web", "app"], n_events),
            "night": rng.random(n_events) < 0.2,
        }
    )


def sequences(log, kind):
    if kind == "fields":
        return Sequences.from_frame(log, columns=COLUMNS)
    return Sequences.from_frame(log, timestamp=None)


# Items and channels that training lacked, one sequence longer than a segment, and twins.
FRESH = make_log(15, 1, items="abcde")
LONG = make_log(2, 2, items="abcde", longest=200)
LONG["user_id"] = "v" + LONG["user_id"]
TWIN = FRESH[FRESH["user_id"] == "u003"].assign(user_id="twin")
FRESH = pd.concat([FRESH, LONG, TWIN], ignore_index=True)
FRESH.loc[7, "channel"] = "fax"


def with_cell(detector, cell):
    """Give a detector with another cell, whose weights are random: what it says need not make sense here."""
    other = LSTMAnomalyDetector(**CHEAP | {"cell": cell})
    vars(other).update({name: value for name, value in vars(detector).items() if name.endswith("_")})
    network = random_network(detector.model_.architecture._replace(cell=cell))
    other.normal_ = detector.normal_._replace(network=network)
    return other


@pytest.fixture(scope="module")
def detectors():
    """A detector of each kind that is asked for, fitted once."""
    fitted = {}

    def give(kind, cell="lstm"):
        if (kind, "lstm") not in fitted:
            fitted[kind, "lstm"] = LSTMAnomalyDetector(**CHEAP).fit(sequences(make_log(40, 0), kind))
        if (kind, cell) not in fitted:
            fitted[kind, cell] = with_cell(fitted[kind, "lstm"], cell)
        return fitted[kind, cell]

    return give


KINDS = [("fields", "lstm"), ("plain", "gru"), ("plain", "lstm"), ("fields", "peephole"), ("plain", "rnn")]


@pytest.fixture(params=quickest(*KINDS, n=1), ids="-".join)
def case(request, detectors):
    """A detector of each kind, and fresh sequences."""
    kind, cell = request.param
    return detectors(kind, cell), sequences(FRESH, kind)


@pytest.fixture
def with_fields(detectors):
    return detectors("fields"), sequences(FRESH, "fields")


def push_one_by_one(stream, log, kind):
    """Push the events of a log, and give what is told of them."""
    told = []
    for row in log.itertuples(index=False):
        if kind == "fields":
            fields = {name: getattr(row, name) for name in COLUMNS}
            told.append(stream.push(row.user_id, row.item_id, row.timestamp, **fields))
        else:
            told.append(stream.push(row.user_id, row.item_id))
    return pd.concat(told, ignore_index=True)


# --- the same as at once


def test_many_at_once_are_told_as_the_detector_scores_them(case):
    detector, X = case
    stream = detector.stream()
    told = stream.push_many(X)
    assert told.columns.tolist() == TOLD
    assert_array_equal(told["sequence"], np.repeat(X.keys, X.lengths))
    assert_array_equal(told["event"], X.vocabulary.decode(X.codes))
    assert_array_equal(told["surprisal"], detector.surprisal(X))
    assert_array_equal(told["event_p_value"], detector.event_scores(X))
    assert_array_equal(told["unknown"], X.vocabulary.decode(X.codes) == "e")
    assert_array_equal(stream.score_samples(), detector.score_samples(X))
    assert_array_equal(stream.keys, X.keys)


@pytest.mark.parametrize("seed", range(2))
def test_pieces_are_told_and_scored_as_the_whole(case, seed):
    detector, X = case
    stream, before, found = detector.stream(), np.zeros(len(X), int), []
    cuts = np.sort(np.random.default_rng(seed).integers(0, X.lengths + 1, (2, len(X))), axis=0)
    for until in [*cuts, X.lengths]:
        rows = np.flatnonzero(until > before)
        piece = X.between(before, until)[rows]
        found.append(stream.push_many(piece).assign(row=piece.rows))
        before = until
    told = pd.concat(found).set_index("row").loc[X.rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(told, detector.stream().push_many(X), check_exact=True)
    assert_array_equal(stream.score_samples(X.keys), detector.score_samples(X))


@pytest.mark.parametrize("kind", ["fields", "plain"])
def test_events_one_by_one_are_told_and_scored_as_the_whole(detectors, kind):
    detector, log = detectors(kind), make_log(5, 5, items="abcde", longest=8).sort_values("timestamp", kind="stable")
    stream, X = detector.stream(), sequences(log, kind)
    told = push_one_by_one(stream, log, kind)
    expected = detector.stream().push_many(X)
    pd.testing.assert_frame_equal(told.iloc[X.rows].reset_index(drop=True), expected, check_exact=True)
    assert_array_equal(stream.score_samples(X.keys), detector.score_samples(X))


def test_company_does_not_change_what_is_told(case):
    detector, X = case
    whole = detector.stream().push_many(X)
    for rows in ([3], np.arange(0, len(X), 3)):
        alone = detector.stream()
        told = alone.push_many(X[np.array(rows)])
        expected = whole[whole["sequence"].isin(X.keys[rows])].reset_index(drop=True)
        pd.testing.assert_frame_equal(told, expected, check_exact=True)
        assert_array_equal(alone.score_samples(), detector.score_samples(X)[rows])


def test_later_events_do_not_change_what_was_told(with_fields):
    detector, X = with_fields
    early, whole = (detector.stream().push_many(events) for events in (X.head(1), X))
    pd.testing.assert_frame_equal(early, whole.iloc[X.indptr[:-1]].reset_index(drop=True), check_exact=True)


def test_the_oddest_field_and_what_was_expected_are_those_that_explain_names(with_fields):
    detector, X = with_fields
    stream = detector.stream()
    told = stream.push_many(X).iloc[np.argsort(X.rows)]
    reasons = detector.explain(X, n_events=500, n_expected=1, only_flagged=False)
    reasons = reasons[reasons["row"] >= 0].sort_values("row")
    assert told["field"].tolist() == reasons["field"].tolist()
    of_events = (reasons["field"] == "event").to_numpy()
    named = reasons["expected"][of_events].str.rpartition(" ")[0]
    assert told["expected"][of_events].tolist() == named.tolist()
    assert stream.expected[-1] == END
    assert stream.fields == ["event", *detector.fields_.names]


# --- users


def test_a_score_can_be_asked_for_at_any_time_and_of_anybody(with_fields):
    detector, X = with_fields
    stream = detector.stream()
    stream.push_many(X.head(2))
    asked = ["twin", "u000", "nobody"]
    rows = [X.keys.tolist().index(key) for key in asked[:2]]
    found = stream.score_samples(asked)
    assert_array_equal(found[:2], detector.score_samples(X.head(2)[np.array(rows)]))
    assert_array_equal(found[2:], detector.score_samples(X[[0]].head(0)))
    assert "nobody" not in stream.keys


def test_asking_for_scores_changes_nothing(with_fields):
    detector, X = with_fields
    asked, silent = detector.stream(), detector.stream()
    for stream in (asked, silent):
        stream.push_many(X.head(3))
    asked.score_samples()
    rest = X.between(np.minimum(3, X.lengths), X.lengths)
    pd.testing.assert_frame_equal(asked.push_many(rest), silent.push_many(rest), check_exact=True)
    assert_array_equal(asked.score_samples(), silent.score_samples())


def test_users_may_be_integers(detectors):
    detector, log = detectors("fields"), make_log(5, 6)
    numbered = log.assign(user_id=log["user_id"].str[1:].astype(int))
    streams = [detector.stream() for _ in range(2)]
    for stream, one in zip(streams, (log, numbered), strict=True):
        push_one_by_one(stream, one, "fields")
    assert_array_equal(*(stream.score_samples() for stream in streams))
    assert streams[1].keys.tolist() == [0, 1, 2, 3, 4]
    assert_array_equal(streams[1].score_samples(np.array([3])), streams[0].score_samples(["u003"]))


def test_a_sequence_of_unknown_events_alone_is_followed(detectors):
    detector = detectors("plain")
    stream, X = detector.stream(), Sequences.from_lists([["x", "y", "x"], ["z", "a", "z"]], keys=["p", "q"])
    told = pd.concat([stream.push(key, item) for key, row in zip("pq", X, strict=True) for item in row])
    assert_array_equal(told["surprisal"], detector.surprisal(X))
    assert told["unknown"].tolist() == [True, True, True, True, False, True]
    assert_array_equal(stream.score_samples(), detector.score_samples(X))


def test_no_events_tell_nothing(case):
    detector, X = case
    stream = detector.stream()
    told = stream.push_many(X[np.array([], int)])
    assert told.columns.tolist() == TOLD
    assert len(told) == len(stream) == len(stream.score_samples()) == 0


def test_a_field_that_an_event_lacks_is_missing_in_every_way_to_say_so(detectors):
    stream, time = detectors("fields").stream(), FRESH["timestamp"][0]
    lacking = [{}, {"amount": None}, {"amount": np.nan}, {"amount": pd.NA, "night": None}, {"more": "of no use"}]
    told = [stream.push(f"u{i}", "a", time, channel="web", **fields) for i, fields in enumerate(lacking)]
    batch = FRESH[:1].assign(user_id="v", channel="web", amount=None, night=None)
    told.append(stream.push_many(sequences(batch.assign(item_id="a"), "fields")))
    for one in told[1:]:
        assert one.drop(columns="sequence").equals(told[0].drop(columns="sequence"))


# --- what is refused


def test_late_events_are_refused_by_name(with_fields):
    detector, X = with_fields
    stream = detector.stream()
    stream.push_many(X)
    before = stream.score_samples()
    with pytest.raises(ValueError, match=rf"events of {len(X)} users, such as '\w+', lie before what was pushed"):
        stream.push_many(sequences(FRESH.assign(timestamp=FRESH["timestamp"] - pd.Timedelta(days=9)), "fields"))
    assert_array_equal(stream.score_samples(), before)


def test_events_without_the_fields_of_the_training_data_are_refused_by_their_name(detectors):
    stream = detectors("fields").stream()
    time = FRESH["timestamp"][0]
    with pytest.raises(ValueError, match="column 'night' is missing"):
        stream.push_many(Sequences.from_frame(FRESH, columns=["amount", "channel"]))
    with pytest.raises(ValueError, match=r"reads no field 'nigth'\. Did you mean 'night'"):
        stream.push("u", "a", time, amount=1.0, channel="web", nigth=True)
    with pytest.raises(ValueError, match="the training data had timestamps, and these sequences have none"):
        stream.push("u", "a", amount=1.0, channel="web", night=True)
    with pytest.raises(TypeError, match="column 'amount' held numbers in the training data; here it holds text"):
        stream.push("u", "a", time, amount="much", channel="web", night=True)
    assert len(stream) == 0


def test_an_unfitted_detector_has_no_stream():
    with pytest.raises(NotFittedError):
        LSTMAnomalyDetector().stream()


# --- what is kept


def test_a_state_that_was_pickled_goes_on_in_another_process(case):
    detector, X = case
    first, whole = detector.stream(), detector.stream()
    first.push_many(X.head(3))
    state = pickle.loads(pickle.dumps(first.state))  # noqa: S301
    on = pickle.loads(pickle.dumps(detector)).stream(state)  # noqa: S301
    rest = X.between(np.minimum(3, X.lengths), X.lengths)
    on.push_many(rest)
    whole.push_many(X)
    assert_array_equal(on.keys, whole.keys)
    assert_array_equal(on.score_samples(), whole.score_samples())


def test_the_gap_to_the_event_before_counts(with_fields):
    detector, _ = with_fields
    told, fields = [], {"amount": 3.0, "channel": "web", "night": False}
    for wait in ("1min", "400D"):
        stream, time = detector.stream(), pd.Timestamp("2020-01-01")
        stream.push("u", "a", time, **fields)
        told.append(stream.push("u", "b", time + pd.Timedelta(wait), **fields))
    assert told[1]["event_p_value"].item() < told[0]["event_p_value"].item()
    assert told[1]["field"].item() == "gap"


def test_what_is_kept_does_not_grow_with_the_events(with_fields):
    stream, sizes = with_fields[0].stream(), []
    for days in (0, 900):
        events = sequences(FRESH.assign(timestamp=FRESH["timestamp"] + pd.Timedelta(days=days)), "fields")
        stream.push_many(events)
        sizes.append([array.nbytes for array in leaves(stream.state.users)[:-1]])
    assert sizes[0] == sizes[1]


# --- what the jobs stand on


def test_states_without_users_say_the_same(case):
    detector, X = case
    stream = detector.stream()
    told = stream.push_many(X)
    for state, keep in ((None, False), (stream.start(len(X)), True)):
        after, scores = detector.stream().read(state, X, keep=keep)
        assert_array_equal(scores.surprisal, told["surprisal"])
        assert_array_equal(scores.p_value, told["event_p_value"])
        assert_array_equal(stream.expected[scores.expected - 2], told["expected"])
        assert_array_equal(np.array(stream.fields)[scores.field], told["field"])
        assert_array_equal(scores.unknown, told["unknown"])
        parts = stream.parts(after)
        assert_array_equal(detector.calibration_.score(parts, detector.part), detector.score_samples(X))
