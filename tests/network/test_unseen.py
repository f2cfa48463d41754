"""What is left for kinds of events that training lacked."""

import pytest

from seqrec.data.sequences import Sequences
from seqrec.network.unseen import Unseen


def test_unseen_kinds_are_estimated_by_good_and_chao():
    X = Sequences.from_lists([["a", "a", "a", "b", "c", "d", "e", "e"]])  # three occur once, one twice
    unseen = Unseen.estimate(X)
    assert unseen.mass == pytest.approx((1 + 3) / (1 + 8))
    assert unseen.kinds == pytest.approx(3 * 2 / (2 * 2))
    assert unseen.probability == pytest.approx(unseen.mass / unseen.kinds)


def test_a_closed_world_has_little_room_for_the_unseen():
    unseen = Unseen.estimate(Sequences.from_lists([["a", "b"] * 50]))
    assert (unseen.mass, unseen.kinds) == (1 / 101, 1)


def test_where_nothing_recurs_half_is_left():
    assert Unseen.estimate(Sequences.from_lists([["a", "b", "c"]])).mass == 0.5


def test_unknown_events_are_no_kinds():
    X = Sequences.from_lists([["a", "a", "b", "b", "z"]])
    known = X.recode(Sequences.from_lists([["a", "b"]]).vocabulary)
    assert Unseen.estimate(known).mass == pytest.approx(1 / 6)
