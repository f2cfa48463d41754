"""The longest span that was copied."""

import numpy as np
import pytest

from seqrec import Sequences
from seqrec.generate.copies import longest_spans


def brute(x, training):
    spans = {tuple(one[a:b]) for one in training for a in range(len(one)) for b in range(a + 1, len(one) + 1)}
    return max((b - a for a in range(len(x)) for b in range(a + 1, len(x) + 1) if tuple(x[a:b]) in spans), default=0)


@pytest.mark.parametrize("seed", range(5))
def test_the_longest_span_is_found_and_never_goes_over_an_end(seed):
    rng = np.random.default_rng(seed)

    def draw(n):
        return [[f"e{i}" for i in rng.integers(0, 3, rng.integers(0, 12))] for _ in range(n)]

    training, lists = draw(8), [*draw(12), ["new", "e0", "new"]]
    vocabulary = Sequences.from_lists([["e0", "e1", "e2"]]).vocabulary
    X, T = (Sequences.from_lists(one).recode(vocabulary) for one in (lists, training))
    assert longest_spans(X, T).tolist() == [brute(x, training) for x in lists]


def test_events_that_training_lacked_are_copied_from_nowhere():
    training = Sequences.from_lists([["tea", "milk"]])
    X = Sequences.from_lists([["new", "new"], ["tea", "new", "milk"]]).recode(training.vocabulary)
    assert longest_spans(X, training).tolist() == [0, 1]
