"""Events that come piece by piece are scored as if they had come at once, to the last digit."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from seqrec.network.event_model import EventModel

from seqrec import LSTMAnomalyDetector, Sequences
from seqrec.detect.attribution import END
from seqrec.detect.stream import RunningDetector, join, pack, unpack

CHEAP = {"units": 8, "n_folds": 1, "max_epochs": 1, "batch_size": 256, "precision": "float32", "random_state": 0}
COLUMNS = ("amount", "channel", "night")


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
            "timestamp": pd.to_datetime((1.7e9 + seconds) * 1e6, unit="us"),
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
FRESH = make_log(25, 1, items="abcde")
LONG = make_log(2, 2, items="abcde", longest=200)
LONG["user_id"] = "v" + LONG["user_id"]
TWIN = FRESH[FRESH["user_id"] == "u003"].assign(user_id="twin")
FRESH = pd.concat([FRESH, LONG, TWIN], ignore_index=True)
FRESH.loc[7, "channel"] = "fax"


def with_cell(detector, cell):
    """Give a detector with another cell, whose weights are random: what it says need not make sense here."""
    arguments = detector.model_.arguments
    another = EventModel(**arguments | {"network": arguments["network"] | {"cell": cell}})
    random = np.random.default_rng(0)
    another.set_weights([random.normal(0, 0.5, weight.shape).astype("f4") for weight in another.get_weights()])
    other = LSTMAnomalyDetector(**CHEAP | {"cell": cell})
    vars(other).update({name: value for name, value in vars(detector).items() if name.endswith("_")})
    other.normal_ = detector.normal_._replace(network=another)
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


KINDS = [("fields", "lstm"), ("plain", "lstm"), ("plain", "gru"), ("plain", "peephole"), ("plain", "rnn")]


@pytest.fixture(params=KINDS, ids="-".join)
def case(request, detectors):
    """A detector, what reads on for it, and fresh sequences."""
    kind, cell = request.param
    detector = detectors(kind, cell)
    return detector, RunningDetector(detector), sequences(FRESH, kind)


@pytest.fixture
def with_fields(detectors):
    detector = detectors("fields")
    return detector, RunningDetector(detector), sequences(FRESH, "fields")


def read_in_pieces(running, X, cuts):
    """Read X as far as each row of `cuts` says, and give the scores of its events in their order."""
    kept = running.start(len(X))
    found = [np.zeros(X.n_events, part) for part in ("f4", "f8", "i8", "i4", "?")]
    before = np.zeros(len(X), int)
    for until in [*cuts, X.lengths]:
        until = np.maximum(until, before)
        rows = np.flatnonzero(until > before)
        if len(rows):
            piece = X.between(before, until)
            events = np.concatenate(
                [np.arange(X.indptr[row] + before[row], X.indptr[row] + until[row]) for row in rows]
            )
            after, scores = running.read(kept[rows], piece[rows])
            kept = merged(running, kept, rows, after)
            for whole, part in zip(found, scores, strict=True):
                whole[events] = part
        before = until
    return kept, found


def merged(running, kept, rows, after):
    which = np.arange(len(kept.code))
    which[rows] = len(which) + np.arange(len(rows))
    return join(kept, after)[which]


def assert_equal_states(first, second):
    for one, other in zip(pack(first), pack(second), strict=True):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)
    assert_array_equal(first.counts.toarray(), second.counts.toarray())


# --- the same as at once


@pytest.mark.parametrize("seed", range(2))
def test_pieces_score_as_the_whole(case, seed):
    detector, running, X = case
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.integers(0, X.lengths + 1, (3, len(X))), axis=0)
    kept, (surprisal, p_value, *_) = read_in_pieces(running, X, cuts)
    assert_array_equal(surprisal, detector.surprisal(X))
    assert_array_equal(p_value, detector.event_scores(X))
    assert_array_equal(running.score_samples(kept), detector.score_samples(X))


def test_events_one_by_one_score_as_the_whole(detectors):
    detector = detectors("fields")
    running, X = RunningDetector(detector), sequences(make_log(6, 5, longest=9), "fields")
    kept, (surprisal, p_value, *_) = read_in_pieces(running, X, np.arange(1, 9)[:, None].clip(max=X.lengths))
    assert_array_equal(surprisal, detector.surprisal(X))
    assert_array_equal(p_value, detector.event_scores(X))
    assert_array_equal(running.score_samples(kept), detector.score_samples(X))


def test_whole_sequences_score_as_the_detector_does(case):
    detector, running, X = case
    parts, scores = running.read_whole(X)
    assert_array_equal(scores.surprisal, detector.surprisal(X))
    assert_array_equal(scores.p_value, detector.event_scores(X))
    assert_array_equal(detector.calibration_.score(parts, detector.part), detector.score_samples(X))


def test_whole_sequences_and_pieces_say_the_same(case):
    _, running, X = case
    cuts = np.sort(np.random.default_rng(7).integers(0, X.lengths + 1, (2, len(X))), axis=0)
    kept, found = read_in_pieces(running, X, cuts)
    parts, scores = running.read_whole(X)
    for one, other in zip(found, scores, strict=True):
        assert_array_equal(one, other)
    in_pieces = running.parts(kept)
    assert in_pieces.keys() == parts.keys()
    for name, values in parts.items():
        np.testing.assert_allclose(in_pieces[name], values, rtol=1e-12, atol=1e-12, err_msg=name)


def test_the_oddest_field_and_what_was_expected_are_those_that_explain_names(with_fields):
    detector, running, X = with_fields
    _, scores = running.read_whole(X)
    reasons = detector.explain(X, n_events=500, n_expected=1, only_flagged=False)
    reasons = reasons[reasons["row"] >= 0].sort_values("row")
    by_row = np.argsort(X.rows)
    assert np.array(running.fields)[scores.field[by_row]].tolist() == reasons["field"].tolist()
    of_events = (reasons["field"] == "event").to_numpy()
    expected = running.expected[scores.expected[by_row] - 2][of_events]
    named = reasons["expected"][of_events].str.rpartition(" ")[0]
    assert expected.tolist() == named.tolist()
    assert running.expected[-1] == END


# --- what must not matter


def test_company_does_not_change_a_score(case):
    _, running, X = case
    kept, scores = running.read(running.start(len(X)), X)
    for rows in (np.array([3]), np.arange(0, len(X), 3)):
        alone, own = running.read(running.start(len(rows)), X[rows])
        assert_equal_states(alone, kept[rows])
        events = np.concatenate([np.arange(X.indptr[row], X.indptr[row + 1]) for row in rows])
        assert_array_equal(own.surprisal, scores.surprisal[events])
        assert_array_equal(own.p_value, scores.p_value[events])
        assert_array_equal(running.score_samples(alone), running.score_samples(kept)[rows])


def test_order_of_sequences_does_not_change_a_score(with_fields):
    _, running, X = with_fields
    order = np.random.default_rng(0).permutation(len(X))
    kept, _ = running.read(running.start(len(X)), X)
    shuffled, _ = running.read(running.start(len(X)), X[order])
    assert_equal_states(shuffled, kept[order])


def test_how_events_were_cut_leaves_no_trace(with_fields):
    _, running, X = with_fields
    at_once, _ = running.read(running.start(len(X)), X)
    cut, _ = read_in_pieces(running, X, [X.lengths // 2])
    for one, other in zip(at_once.memory, cut.memory, strict=True):
        assert_array_equal(one, other)
    for name in ("code", "categories", "numbers", "time"):
        assert_array_equal(getattr(at_once, name), getattr(cut, name))
    assert_array_equal(at_once.counts.toarray(), cut.counts.toarray())


def test_later_events_do_not_change_earlier_scores(case):
    _, running, X = case
    _, early = running.read(running.start(len(X)), X.head(1))
    _, all_of_it = running.read(running.start(len(X)), X)
    first = X.indptr[:-1]
    for one, other in zip(early, all_of_it, strict=True):
        assert_array_equal(one, other[first])


def test_reading_changes_nothing_that_was_kept(case):
    _, running, X = case
    kept, _ = running.read(running.start(len(X)), X)
    before = [array.copy() for array in pack(kept)]
    counts = kept.counts.toarray()
    running.read(kept, X)
    running.score_samples(kept)
    for one, other in zip(pack(kept), before, strict=True):
        assert_array_equal(one, other)
    assert_array_equal(kept.counts.toarray(), counts)


def test_a_score_can_be_asked_for_at_any_time(with_fields):
    detector, running, X = with_fields
    kept, _ = running.read(running.start(len(X)), X.head(2))
    assert_array_equal(running.score_samples(kept), detector.score_samples(X.head(2)))


# --- what events hold


def test_unknown_events_are_counted_and_scored_as_such(case):
    _, running, X = case
    kept, scores = running.read(running.start(len(X)), X)
    assert_array_equal(scores.unknown, X.vocabulary.decode(X.codes) == "e")
    unknown = np.array([(X[i] == "e").sum() for i in range(len(X))])
    assert unknown.sum() > 20
    assert_array_equal(running.parts(kept)["new events"], unknown)
    assert_array_equal(kept.counts[:, [0]].toarray()[:, 0], unknown)


def test_a_sequence_of_unknown_events_alone_is_read_on(detectors):
    detector = detectors("plain")
    running = RunningDetector(detector)
    X = Sequences.from_lists([["x", "y", "x"], ["z", "a", "z"]])
    kept, (surprisal, *_) = read_in_pieces(running, X, [[1, 1], [2, 2]])
    assert_array_equal(surprisal, detector.surprisal(X))
    assert_array_equal(running.score_samples(kept), detector.score_samples(X))


def test_the_gap_to_the_last_piece_counts(with_fields):
    _, running, X = with_fields
    row = int(np.argmax(X.lengths))
    X = X[[row]]
    kept, _ = running.read(running.start(1), X.head(3))
    assert kept.time[0] == X.timestamps[2]
    _, soon = running.read(kept, X.between(3, 4))
    long_ago = kept._replace(time=kept.time - np.timedelta64(400, "D"))
    _, late = running.read(long_ago, X.between(3, 4))
    assert soon.surprisal[0] != late.surprisal[0]


# --- what is kept


def test_what_is_packed_is_unpacked_as_it_was(with_fields):
    _, running, X = with_fields
    kept, _ = running.read(running.start(len(X)), X)
    assert_equal_states(unpack(running.start(0), pack(kept), kept.counts), kept)
    assert [array.dtype for array in pack(running.start(0))] == [array.dtype for array in pack(kept)]
    assert [array.shape[1:] for array in pack(running.start(0))] == [array.shape[1:] for array in pack(kept)]


@pytest.mark.parametrize("rows", [slice(2, 5), [4, 0, 4], np.array([], int), slice(-1, None), slice(None, -1)], ids=str)
def test_some_of_the_sequences_can_be_taken(with_fields, rows):
    _, running, X = with_fields
    kept, _ = running.read(running.start(len(X)), X)
    some = kept[rows]
    assert_array_equal(some.code, kept.code[rows])
    assert_array_equal(running.score_samples(some), running.score_samples(kept)[rows])


def test_a_mask_takes_sequences(with_fields):
    _, running, X = with_fields
    kept, _ = running.read(running.start(len(X)), X)
    mask = X.lengths > 4
    assert_equal_states(kept[mask], kept[np.flatnonzero(mask)])


def test_parts_are_joined_to_the_whole(with_fields):
    _, running, X = with_fields
    kept, _ = running.read(running.start(len(X)), X)
    assert_equal_states(join(kept[:3], kept[3:]), kept)
    assert_equal_states(join(kept, running.start(0)), kept)


def test_reading_no_sequences_gives_none(case):
    _, running, X = case
    none = np.array([], int)
    kept, scores = running.read(running.start(0), X[none])
    assert len(kept.code) == len(scores.surprisal) == len(running.score_samples(kept)) == 0


def test_what_is_kept_does_not_grow_with_the_events(with_fields):
    _, running, X = with_fields
    kept, _ = running.read(running.start(len(X)), X)
    sizes = [array.nbytes for array in pack(kept)]
    again, _ = running.read(kept, X)
    assert [array.nbytes for array in pack(again)] == sizes
