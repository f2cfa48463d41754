"""n-grams give the probabilities of the paper, and these sum to one."""

import math

import numpy as np
import pytest

from seqrec.data.sequences import Sequences
from seqrec.detect.ngrams import NGrams


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
