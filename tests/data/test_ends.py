"""Ends are events: they close each sequence, have no values, and come from no row."""

from dataclasses import replace

import numpy as np

from seqrec.data.ends import close, distinct, end_code, with_ends
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import PADDING

X = Sequences.from_lists([["a", "b", "a", "c"], [], ["b", "b"]])


def test_a_chain_closes_each_sequence_with_an_end():
    chain = close(X)
    end = end_code(3)
    assert chain.codes.tolist() == [2, 3, 2, 4, end, end, 3, 3, end]
    assert chain.indptr.tolist() == [0, 5, 6, 9]
    np.testing.assert_array_equal(chain.codes[chain.events], X.codes)


def test_events_before_a_start_are_padding():
    assert close(X).previous(2).tolist() == [PADDING, PADDING, 2, 3, 2, PADDING, PADDING, PADDING, 3]


def test_sequences_with_ends_hold_the_events_where_the_chain_has_them():
    values = np.arange(12.0).reshape(6, 2) + 1
    times = np.arange(6).astype("M8[us]")
    closed, chain = with_ends(replace(X, timestamps=times, columns={"values": values})), close(X)
    np.testing.assert_array_equal(closed.codes, chain.codes)
    np.testing.assert_array_equal(closed.indptr, chain.indptr)
    np.testing.assert_array_equal(closed.rows[chain.events], X.rows)
    np.testing.assert_array_equal(closed.columns["values"][chain.events], values)
    assert closed.keys.tolist() == X.keys.tolist()
    assert closed.vocabulary == X.vocabulary


def test_an_end_has_no_values_no_time_and_no_row():
    closed = with_ends(replace(X, timestamps=np.arange(6).astype("M8[us]"), columns={"values": np.ones((6, 2))}))
    ends = closed.indptr[1:] - 1
    assert not closed.columns["values"][ends].any()
    assert closed.rows[ends].tolist() == [-1, -1, -1]
    assert closed.timestamps is None


def test_ends_keep_the_type_of_a_column():
    for dtype in ("i4", "f4", "i8"):
        assert with_ends(replace(X, columns={"values": np.ones(6, dtype)})).columns["values"].dtype == dtype


def test_equal_sequences_are_found():
    lists = [["a", "b"], ["b"], [], ["a", "b"], ["b", "a"], [], ["b"]]
    rows, same_as = distinct(Sequences.from_lists(lists))
    assert len(rows) == 4
    assert [lists[row] for row in rows[same_as]] == lists


def test_of_no_sequences_none_are_equal():
    rows, same_as = distinct(X[:0])
    assert len(rows) == len(same_as) == 0
