"""What counting says of sequences: n-grams, lengths, compositions."""

import math

import numpy as np
import pytest

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import Vocabulary
from seqrec.detect.counts import BagOfEvents, length, new_events
from seqrec.detect.ngrams import NGrams

X = Sequences.from_lists([["a", "b", "a", "c"], [], ["b", "b"]])


def naive_witten_bell(sequences, order, history, event, kinds):
    """Probability by recursion over ever shorter contexts, as in the paper."""
    if order == 0:
        return 1 / kinds
    shorter = naive_witten_bell(sequences, order - 1, history, event, kinds)
    padded = [["^"] * (order - 1) + [*sequence, "$"] for sequence in sequences]
    context = (["^"] * (order - 1) + history)[len(history) :] if order > 1 else []
    followers = [
        one[i + order - 1] for one in padded for i in range(len(one) - order + 1) if one[i : i + order - 1] == context
    ]
    if not followers:
        return shorter
    return (followers.count(event) + len(set(followers)) * shorter) / (len(followers) + len(set(followers)))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_ngram_surprisal_is_that_of_the_paper(order):
    training = [["a", "b", "a", "c"], ["b", "b"], ["a", "b", "b"]]
    asked = ["b", "a", "b", "b", "c"]
    Y = Sequences.from_lists(training)
    ngrams = NGrams.fit(Y, order)
    surprisal = ngrams.surprisal(Sequences.from_lists([asked]).recode(Y.vocabulary))
    for place, event in enumerate([*asked, "$"]):
        p = naive_witten_bell(training, order, asked[:place], event, kinds=4)
        assert surprisal[place] == pytest.approx(-math.log((1 - ngrams.unseen.mass) * p))


def test_ngram_probabilities_of_all_events_sum_to_one():
    Y = Sequences.from_lists([["a", "b", "a", "c"], ["b", "b"], ["a", "b", "b"]])
    ngrams = NGrams.fit(Y, 3)
    last = [ngrams.surprisal(Sequences.from_lists([["a", "b", x]]).recode(Y.vocabulary))[2] for x in "abcz"]
    end = ngrams.surprisal(Sequences.from_lists([["a", "b"]]).recode(Y.vocabulary))[2]
    assert np.exp(-np.array([*last, end])).sum() == pytest.approx(1)


def test_the_nearest_composition_is_found_by_roots_of_counts():
    training = Sequences.from_lists([["a"] * 9, ["a", "b"], ["b"] * 4], keys=["nine", "mixed", "four"])
    compositions = BagOfEvents.fit(training, np.random.default_rng(0))
    asked = Sequences.from_lists([["a"] * 4, ["b", "a"], ["z"]]).recode(training.vocabulary)
    distances, keys = compositions.nearest(asked)
    np.testing.assert_allclose(distances, [1, 0, np.sqrt(3)], atol=1e-6)
    assert keys.tolist() == ["nine", "mixed", "mixed"]


def test_blocks_of_distances_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    Y = Sequences.from_lists([rng.integers(0, 5, 8).tolist() for _ in range(30)])
    compositions = BagOfEvents.fit(Y[:20], rng)
    whole = compositions.nearest(Y)
    monkeypatch.setattr("seqrec.detect.counts._DISTANCES_AT_ONCE", 40)
    for first, second in zip(whole, compositions.nearest(Y), strict=True):
        np.testing.assert_array_equal(first, second)


def test_equal_compositions_are_kept_once():
    Y = Sequences.from_lists([["a", "b"], ["b", "a"], ["a"]])
    assert BagOfEvents.fit(Y, np.random.default_rng(0)).roots.shape[0] == 2


def test_new_events_and_length_count():
    Y = Sequences.from_lists([["a", "x", "x"], [], ["b"]]).recode(Vocabulary(["a", "b"]))
    assert new_events(Y)["new events"].tolist() == [2, 0, 0]
    assert length(Y)["long"].tolist() == [3, 0, 1]
