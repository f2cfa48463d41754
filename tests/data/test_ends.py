"""The end of a sequence is an event, and kinds of events that training lacked have a mass."""

import numpy as np
import pytest

from seqrec.data.ends import Unseen, close, distinct, end_code
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


def test_equal_sequences_are_found():
    lists = [["a", "b"], ["b"], [], ["a", "b"], ["b", "a"], [], ["b"]]
    rows, same_as = distinct(Sequences.from_lists(lists))
    assert len(rows) == 4
    assert [lists[row] for row in rows[same_as]] == lists


def test_unseen_kinds_are_estimated_by_good_and_chao():
    Y = Sequences.from_lists([["a", "a", "a", "b", "c", "d", "e", "e"]])  # three occur once, one twice
    unseen = Unseen.estimate(Y)
    assert unseen.mass == pytest.approx((1 + 3) / (1 + 8))
    assert unseen.kinds == pytest.approx(3 * 2 / (2 * 2))
    assert unseen.probability == pytest.approx(unseen.mass / unseen.kinds)


def test_a_closed_world_has_little_room_for_the_unseen():
    unseen = Unseen.estimate(Sequences.from_lists([["a", "b"] * 50]))
    assert (unseen.mass, unseen.kinds) == (1 / 101, 1)
