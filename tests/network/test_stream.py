"""Streams of any estimator: who is remembered, in which order events may come, and how it goes on elsewhere."""

import pickle
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from seqrec import Sequences
from seqrec.network.state import take
from seqrec.network.stream import Stream, StreamState

DAY = np.timedelta64(1, "D")


class Clock(NamedTuple):
    """When the last event of n users was."""

    time: np.ndarray


class Seen(NamedTuple):
    """What is remembered of n users."""

    total: np.ndarray
    network: Clock


class Totals(Stream[list]):
    """Tells after each event the sum of a user's amounts so far, and keeps what it was given."""

    def __init__(self, state=None):
        self.given = []
        super().__init__(state)

    def _start(self, n):
        return Seen(np.zeros(n), Clock(np.full(n, "NaT", "M8[us]")))

    def _read(self, states, X):
        self.given.append(X)
        amounts = X.columns.get("amount", np.ones(X.n_events))
        told = [states.total[row] + np.cumsum(amounts[X.indptr[row] : X.indptr[row + 1]]) for row in range(len(X))]
        ends = np.array([totals[-1] if len(totals) else old for totals, old in zip(told, states.total, strict=True)])
        times = states.network.time.copy()
        if X.timestamps is not None:
            full = X.lengths > 0
            times[full] = X.timestamps[X.indptr[1:][full] - 1]
        return Seen(ends, Clock(times)), np.concatenate([[], *told]).tolist()

    def total_of(self, key):
        return self._states_of([key]).total.item()


def make_log(keys=("ann", "bob"), n=5):
    """Events of users in turn, a day apart."""
    return pd.DataFrame(
        {
            "user_id": np.resize(np.array(keys, dtype=object), n),
            "item_id": "pay",
            "timestamp": np.datetime64("2023-01-01") + np.arange(n) * DAY,
            "amount": np.arange(n) + 1.0,
        }
    ).infer_objects()


LOG = make_log()


def sequences(log):
    return Sequences.from_frame(log, columns=["amount"])


def push_all(stream, log):
    return [
        stream.push(row.user_id, row.item_id, row.timestamp, amount=row.amount)[0]
        for row in log.itertuples(index=False)
    ]


def assert_same_states(first, second):
    assert_array_equal(first.keys, second.keys)
    for one, other in zip(first.users, second.users, strict=True):
        assert_array_equal(one, other)


def test_events_one_by_one_are_as_many_at_once():
    one_by_one, at_once, X = Totals(), Totals(), sequences(LOG)
    told = push_all(one_by_one, LOG)
    assert np.array(told)[X.rows].tolist() == at_once.push_many(X) == [1, 4, 9, 2, 6]
    assert_same_states(one_by_one.state, at_once.state)


def test_events_in_pieces_are_as_many_at_once():
    pieces, at_once = Totals(), Totals()
    for rows in (slice(0, 1), slice(1, 4), slice(4, None)):
        pieces.push_many(sequences(LOG[rows]))
    at_once.push_many(sequences(LOG))
    assert_same_states(pieces.state, at_once.state)


def test_a_pushed_event_has_its_time_its_item_and_its_fields():
    stream = Totals()
    stream.push("ann", "pay", "2023-01-02 03:04:05", amount=2.5, channel="web", new=True)
    (X,) = stream.given
    assert (X.keys.tolist(), X[0].tolist()) == (["ann"], ["pay"])
    assert X.timestamps.tolist() == [pd.Timestamp("2023-01-02 03:04:05").to_pydatetime()]
    assert {name: values.tolist() for name, values in X.columns.items()} == {
        "amount": [2.5],
        "channel": ["web"],
        "new": [True],
    }


def test_an_event_may_have_neither_time_nor_fields():
    stream = Totals()
    stream.push("ann", "pay")
    assert stream.given[0].timestamps is None
    assert stream.given[0].columns == {}
    assert stream.total_of("ann") == 1


# --- users


def test_nobody_is_known_at_first():
    stream = Totals()
    assert len(stream) == len(stream.keys) == len(stream.state.users.total) == 0


def test_users_who_are_not_known_start():
    stream = Totals()
    stream.push("ann", "pay", amount=2.0)
    assert stream.total_of("zoe") == 0
    assert len(stream) == 1  # asking makes nobody known
    stream.push("zoe", "pay", amount=5.0)
    assert (stream.total_of("ann"), stream.total_of("zoe")) == (2, 5)


@pytest.mark.parametrize("keys", [("bob", "ann", "10"), (7, 3, 11)], ids=["text", "integers"])
def test_keys_come_in_the_order_of_first_events_and_keep_their_type(keys):
    stream = Totals()
    push_all(stream, make_log(keys, 6))
    assert stream.keys.tolist() == list(keys)
    assert type(stream.keys.tolist()[0]) is type(keys[0])
    assert Totals(stream.state).keys.tolist() == list(keys)


def test_integers_and_text_are_different_users():
    stream = Totals()
    stream.push(1, "pay", amount=2.0)
    stream.push("1", "pay", amount=5.0)
    assert stream.keys.tolist() == [1, "1"]
    assert (stream.total_of(1), stream.total_of("1")) == (2, 5)
    assert Totals(stream.state).keys.tolist() == [1, "1"]


def test_a_user_without_events_is_known_and_as_before():
    stream = Totals()
    stream.push_many(Sequences.from_lists([["pay", "pay"], []], keys=["ann", "bob"]))
    assert (len(stream), stream.total_of("bob")) == (2, 0)
    stream.push_many(Sequences.from_lists([[]], keys=["ann"]))
    assert stream.total_of("ann") == 2


# --- time


def test_late_events_are_refused_by_name_and_change_nothing():
    stream = Totals()
    push_all(stream, LOG)
    before = stream.state
    late = make_log(n=2)
    late.loc[0, "timestamp"] = pd.Timestamp("2024-01-01")  # of ann, in time; bob is late
    with pytest.raises(ValueError, match=r"events of 1 users, such as 'bob', lie before what was pushed already"):
        stream.push_many(sequences(late))
    with pytest.raises(ValueError, match="'bob'"):
        stream.push("bob", "pay", "2022-01-01", amount=1.0)
    assert_same_states(stream.state, before)


def test_events_of_the_same_time_are_in_time():
    stream = Totals()
    for _ in range(2):
        stream.push("ann", "pay", "2023-01-01", amount=1.0)
    assert stream.total_of("ann") == 2


def test_another_users_time_does_not_matter():
    stream = Totals()
    stream.push("ann", "pay", "2024-01-01", amount=1.0)
    stream.push("bob", "pay", "2023-01-01", amount=1.0)
    assert len(stream) == 2


# --- the state


def test_a_state_that_was_pickled_goes_on():
    first, whole = Totals(), Totals()
    push_all(first, LOG[:3])
    state = pickle.loads(pickle.dumps(first.state))  # noqa: S301
    assert isinstance(state, StreamState)
    on = Totals(state)
    assert push_all(on, LOG[3:]) == push_all(whole, LOG)[3:]
    assert_same_states(on.state, whole.state)


def test_streams_from_one_state_go_their_own_ways():
    first = Totals()
    push_all(first, LOG)
    state = first.state
    second = Totals(state)
    second.push("ann", "pay", "2024-01-01", amount=100.0)
    assert second.total_of("ann") == first.total_of("ann") + 100
    assert_same_states(first.state, state)


def test_a_user_keeps_no_other_users_state_in_memory():
    stream = Totals()
    stream.push_many(sequences(make_log([f"u{i:03d}" for i in range(50)], 50)))
    assert take(stream.state.users, [0]).total.base is None
    for kept in stream._users.values():
        assert kept.total.base is None or kept.total.base.size == 1
