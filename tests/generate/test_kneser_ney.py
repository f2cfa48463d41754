"""Modified Kneser-Ney against its equations."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from seqrec import Sequences
from seqrec.data.ends import close
from seqrec.data.vocabulary import N_RESERVED, PADDING
from seqrec.generate.kneser_ney import KneserNey


@pytest.fixture(scope="module", name="X")
def draw_sequences():
    rng = np.random.default_rng(0)
    return Sequences.from_lists([[f"e{i}" for i in rng.integers(0, 6, rng.integers(1, 9))] for _ in range(200)])


class Oracle:
    """Chen & Goodman (1999), section 3, by dictionaries; counts at the start of a sequence are counts."""

    def __init__(self, X, order):
        chain = close(X)
        self.n_codes = len(X.vocabulary) + 1
        rows = [chain.codes[a:b].tolist() for a, b in zip(chain.indptr, chain.indptr[1:], strict=False)]
        padded = [[PADDING] * (order - 1) + row for row in rows]
        grams = [
            Counter(tuple(row[at - n : at + 1]) for row in padded for at in range(order - 1, len(row)))
            for n in range(order)
        ]
        self.counts = [
            {gram: n if gram[0] == PADDING else self._kinds_before(grams[at + 1], gram) for gram, n in found.items()}
            for at, found in enumerate(grams[:-1])
        ] + [dict(grams[-1])]
        self.discounts = [self._discounts(counts) for counts in self.counts]
        self.followers = [defaultdict(dict) for _ in self.counts]
        for at, counts in enumerate(self.counts):
            for gram, n in counts.items():
                self.followers[at][gram[:-1]][gram[-1]] = n

    @staticmethod
    def _kinds_before(longer, gram):
        return sum(one[1:] == gram for one in longer)

    @staticmethod
    def _discounts(counts):
        n = [sum(count == k for count in counts.values()) for k in range(6)]
        if not all(n[1:5]):
            return [0, 0.5, 0.5, 0.5]
        y = n[1] / (n[1] + 2 * n[2])
        return [0, *(min(max(k - (k + 1) * y * n[k + 1] / n[k], 0.05), k - 0.05) for k in (1, 2, 3))]

    def p(self, context, code, at):
        if at < 0:
            return 1 / self.n_codes
        followers = self.followers[at].get(tuple(context[len(context) - at :]))
        lower = self.p(context, code, at - 1)
        if followers is None:
            return lower
        total, d = sum(followers.values()), self.discounts[at]
        left = sum(d[min(n, 3)] for n in followers.values()) / total
        count = followers.get(code, 0)
        return (count - d[min(count, 3)]) / total + left * lower


def next_log_prob(ngrams, latest):
    p = np.zeros((len(latest), ngrams.n_codes))
    ngrams.following(latest).add_to(p, np.ones(len(latest)))
    return np.log(p)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_are_those_of_the_equations(X, order):
    oracle, chain = Oracle(X, order), close(X)
    log_p = KneserNey.fit(close(X), len(X.vocabulary) + 1, order).log_prob(close(X))[0]
    for row in range(0, len(X), 29):
        codes = [PADDING] * (order - 1) + chain.codes[chain.indptr[row] : chain.indptr[row + 1]].tolist()
        expected = [oracle.p(codes[:at], codes[at], order - 1) for at in range(order - 1, len(codes))]
        np.testing.assert_allclose(np.exp(log_p[chain.indptr[row] : chain.indptr[row + 1]]), expected)


def test_what_comes_next_adds_up_to_one_and_is_what_is_judged(X):
    found = KneserNey.fit(close(X), len(X.vocabulary) + 1, 3)
    long = np.flatnonzero(X.lengths > 3)
    latest = np.stack([X.codes[X.indptr[long] + 2], X.codes[X.indptr[long] + 1]], axis=1)
    log_p = next_log_prob(found, latest)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1)
    own = log_p[np.arange(len(long)), X.codes[X.indptr[long] + 3] - N_RESERVED]
    np.testing.assert_allclose(own, found.log_prob(close(X))[0][close(X).indptr[long] + 3])


@pytest.mark.parametrize("may_end", [True, False])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_numbers_in_equal_steps_draw_each_event_as_often_as_it_is_likely(X, order, may_end):
    ngrams, n = KneserNey.fit(close(X), len(X.vocabulary) + 1, order), 5_000
    latest = np.array([[2, 3, 4], [5, 2, PADDING], [1, 1, 1]], np.int32)[:, : order - 1]
    rows = np.repeat(np.arange(3), n)
    following = ngrams.following(latest)
    drawn = following.draw(np.tile(np.arange(n) / n, 3), following.masses(may_end), rows, may_end)
    shares = np.stack([np.bincount(drawn[rows == row], minlength=ngrams.n_codes) for row in range(3)]) / n
    expected = np.exp(next_log_prob(ngrams, latest))
    expected[:, -1] *= may_end
    np.testing.assert_allclose(shares, expected / expected.sum(axis=1, keepdims=True), atol=2 * order / n + 1e-9)


def test_events_that_training_lacked_leave_what_the_shorter_context_says(X):
    found = KneserNey.fit(close(X), len(X.vocabulary) + 1, 3)
    other = Sequences.from_lists([["e1", "new", "e2"]]).recode(X.vocabulary)
    alone = next_log_prob(found, np.array([[1, 1]], np.int32))[0]
    assert found.log_prob(close(other))[0][2] == pytest.approx(alone[other.codes[2] - N_RESERVED])


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("contexts", lambda a: a[::-1]),
        ("left", lambda a: a[1:]),
        ("indptr", lambda a: a + 1),
        ("indptr", lambda a: np.zeros_like(a)),
        ("codes", lambda a: a[::-1]),
        ("own", lambda a: a[1:]),
    ],
)
def test_what_does_not_fit_each_other_is_refused(X, part, change):
    found = KneserNey.fit(close(X), len(X.vocabulary) + 1, 2)
    level = found.levels[1]
    level.check_sound()
    with pytest.raises(ValueError, match=r"context|n-gram"):
        level._replace(**{part: change(getattr(level, part))}).check_sound()


def test_events_that_cannot_follow_and_no_levels_are_refused(X):
    found = KneserNey.fit(close(X), len(X.vocabulary) + 1, 2)
    found.check_sound()
    for wrong in (found._replace(levels=()), found._replace(levels=found.levels[1:]), found._replace(n_codes=2)):
        with pytest.raises(ValueError, match="n-grams"):
            wrong.check_sound()
