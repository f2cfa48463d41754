"""What counting says of sequences: compositions, new events, length."""

import numpy as np

from seqrec.data.sequences import Sequences
from seqrec.data.summary import count_events
from seqrec.data.vocabulary import Vocabulary
from seqrec.detect.counts import BagOfEvents, length, new_events


def test_the_nearest_composition_is_found_by_roots_of_counts():
    training = Sequences.from_lists([["a"] * 9, ["a", "b"], ["b"] * 4], keys=["nine", "mixed", "four"])
    compositions = BagOfEvents.fit(training, np.random.default_rng(0))
    asked = Sequences.from_lists([["a"] * 4, ["b", "a"], ["z"]]).recode(training.vocabulary)
    distances, rows = compositions.nearest_to(count_events(asked))
    np.testing.assert_allclose(distances, [1, 0, np.sqrt(3)], atol=1e-6)
    assert compositions.keys[rows].tolist() == ["nine", "mixed", "mixed"]
    assert nearest(compositions, asked, odd=range(3)) == ["nine", "mixed", "mixed"]


def nearest(compositions, X, odd=()):
    return compositions.nearest(X, np.arange(len(X)), np.isin(np.arange(len(X)), odd)).tolist()


def test_the_nearest_normal_sequence_is_neither_itself_nor_an_odd_one():
    training = Sequences.from_lists([["a"] * 9, ["a"] * 4, ["b"] * 4], keys=["nine", "four", "other"])
    compositions = BagOfEvents.fit(training, np.random.default_rng(0))
    assert nearest(compositions, training)[:2] == ["four", "nine"]
    assert nearest(compositions, training, odd=[1]) == ["other", "nine", "nine"]
    assert nearest(compositions, training, odd=range(3)) == [None] * 3
    assert compositions.nearest(training, np.array([1]), np.zeros(3, bool)).tolist() == ["nine"]


def test_a_number_that_two_sequences_share_makes_them_no_one():
    training = Sequences.from_lists([["a"] * 9, ["a"] * 4])
    compositions = BagOfEvents.fit(training, np.random.default_rng(0))
    asked = Sequences.from_lists([["a"] * 8, ["a"] * 5]).recode(training.vocabulary)
    assert nearest(compositions, asked, odd=range(2)) == [0, 1]


def test_without_keys_none_is_the_nearest():
    training = Sequences.from_lists([["a"] * 9, ["a"] * 4])
    compositions = BagOfEvents.fit(training, np.random.default_rng(0))._replace(keys=None)
    assert nearest(compositions, training) == [None, None]
    assert compositions.parts(training)["composition"].tolist() == [0, 0]


def test_blocks_of_distances_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    Y = Sequences.from_lists([rng.integers(0, 5, 8).tolist() for _ in range(30)])
    compositions = BagOfEvents.fit(Y[:20], rng)
    whole = compositions.nearest_to(count_events(Y))
    monkeypatch.setattr("seqrec.detect.counts._DISTANCES_AT_ONCE", 40)
    for first, second in zip(whole, compositions.nearest_to(count_events(Y)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_equal_compositions_are_kept_once():
    Y = Sequences.from_lists([["a", "b"], ["b", "a"], ["a"]])
    assert BagOfEvents.fit(Y, np.random.default_rng(0)).roots.shape[0] == 2


def test_new_events_and_length_count():
    Y = Sequences.from_lists([["a", "x", "x"], [], ["b"]]).recode(Vocabulary(["a", "b"]))
    assert new_events(Y)["new events"].tolist() == [2, 0, 0]
    assert length(Y)["long"].tolist() == [3, 0, 1]
