"""A network and n-grams together."""

import numpy as np
import pytest

from seqrec import Sequences
from seqrec.data.ends import close
from seqrec.data.vocabulary import PADDING
from seqrec.generate.kneser_ney import KneserNey
from seqrec.generate.mixture import MixedWalk, Mixture
from seqrec.generate.sampling import uniforms

RNG = np.random.default_rng(0)
X = Sequences.from_lists([[f"e{k}" for k in RNG.integers(0, 5, n)] for n in RNG.geometric(0.2, 300)])
CHAIN = close(X)
NGRAMS = KneserNey.fit(CHAIN, 6, 3)


def test_what_follows_is_what_is_judged_and_adds_up_to_one():
    mixture = Mixture(NGRAMS, np.linspace(0, 1, NGRAMS.n_familiarities))
    long = np.flatnonzero(X.lengths > 3)
    latest = np.stack([X.codes[X.indptr[long] + 2], X.codes[X.indptr[long] + 1]], axis=1)
    logits = RNG.normal(size=(len(long), 6)).astype(np.float32)
    weights = np.exp(logits)
    mixture.join(weights, latest)
    log_p = np.log(weights)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, rtol=1e-5)
    network = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    asked = CHAIN.indptr[long] + 3
    whole = np.zeros(len(CHAIN.codes))
    whole[asked] = network[np.arange(len(long)), CHAIN.codes[asked] - 2]
    judged = mixture.log_prob(CHAIN, whole)[asked]
    np.testing.assert_allclose(judged, log_p[np.arange(len(long)), CHAIN.codes[asked] - 2], rtol=1e-4)


class Told:
    """A walk of which the weights are known."""

    categories = gaps = n_categories = None

    def __init__(self, weights):
        self.weights = weights

    def next_weights(self, rows):
        half = len(rows) // 2
        yield slice(0, half), self.weights[rows[:half]]
        yield slice(half, len(rows)), self.weights[rows[half:]]


@pytest.mark.parametrize("may_end", [True, False])
def test_draws_are_as_frequent_as_the_probabilities_of_both_together(may_end):
    n, context = 60_000, np.array([[3, 4], [2, PADDING], [9, 9]], np.int32)
    latest, weights = np.repeat(context, n // 3, axis=0), np.repeat(np.exp(RNG.normal(size=(3, 6))), n // 3, axis=0)
    mixture = Mixture(NGRAMS, np.linspace(0, 1, NGRAMS.n_familiarities))
    drawn = MixedWalk(Told(weights), mixture, latest).draw(uniforms(0, np.arange(n)), may_end)
    shares = np.stack([np.bincount(part, minlength=6) for part in drawn.reshape(3, -1)]) / (n // 3)
    expected = weights[:: n // 3].copy()
    mixture.join(expected, context)
    expected[:, -1] *= may_end
    np.testing.assert_allclose(shares, expected / expected.sum(axis=1, keepdims=True), atol=0.015)


def test_where_the_network_sees_nothing_but_the_end_the_n_grams_go_on():
    weights = np.tile(np.array([0, 0, 0, 0, 0, 1], np.float32), (200, 1))
    walk = MixedWalk(Told(weights), Mixture.even(NGRAMS), np.full((200, 2), 3, np.int32))
    assert walk.draw(uniforms(1, np.arange(200)), may_end=False).max() < 5


@pytest.mark.parametrize(("network", "expected"), [(-0.1, "less"), (-8.0, "more")])
def test_the_better_one_counts_more(network, expected):
    learned = Mixture.even(NGRAMS).learned(CHAIN, np.full(len(CHAIN.codes), network), np.ones(len(CHAIN.codes)))
    _, familiarity = NGRAMS.log_prob(CHAIN)
    used = learned.shares[np.unique(familiarity)]
    assert (used < 0.1).all() if expected == "less" else (used > 0.9).all()


def test_no_weights_are_better_on_what_they_were_learned_on():
    of_ngrams, familiarity = NGRAMS.log_prob(CHAIN)
    network = np.where(familiarity > np.median(familiarity), of_ngrams + 0.5, of_ngrams - 0.5)
    learned = Mixture.even(NGRAMS).learned(CHAIN, network, np.ones(len(network)))
    best = max(
        Mixture(NGRAMS, np.full(NGRAMS.n_familiarities, share)).log_prob(CHAIN, network).mean()
        for share in np.linspace(0.01, 0.99, 25)
    )
    assert learned.log_prob(CHAIN, network).mean() > best


def test_what_counts_nothing_changes_nothing():
    counts = RNG.random(len(CHAIN.codes)) < 0.5
    network = RNG.normal(-2, 1, len(CHAIN.codes))
    other = np.where(counts, network, -50.0)
    a, b = (Mixture.even(NGRAMS).learned(CHAIN, log_p, counts.astype(float)).shares for log_p in (network, other))
    np.testing.assert_allclose(a, b)


def test_weights_that_do_not_fit_are_refused():
    for wrong in (np.ones(3), np.full(NGRAMS.n_familiarities, 1.5)):
        with pytest.raises(ValueError, match="weight"):
            Mixture(NGRAMS, wrong).check_sound()
