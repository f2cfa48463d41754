"""The longest span that was copied."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec import Sequences
from seqrec.generate import copies
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


WORDS = st.lists(st.text("ab", max_size=12) | st.sampled_from(["ab" * 20, "a" * 33, "abaab" * 7]), max_size=5)


@given(WORDS, WORDS, st.sampled_from([1, 7, 2**22]))
def test_all_spans_are_found_however_many_events_are_ranked_at_once(lists, training, most_events):
    vocabulary = Sequences.from_lists([["a", "b"]]).vocabulary
    X, T = (Sequences.from_texts(one).recode(vocabulary) for one in (lists, training))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "_MOST_EVENTS", most_events)
        assert longest_spans(X, T).tolist() == [brute(x, training) for x in lists]


def test_a_whole_copy_in_a_long_text_is_found():
    codes = np.random.default_rng(0).integers(0, 40, 60_000).tolist()
    X = Sequences.from_lists([codes[40_000:50_000], codes[:10] + codes[20:50]])
    training = Sequences.from_lists([codes, codes[::-1]])
    assert longest_spans(X.recode(training.vocabulary), training).tolist() == [10_000, 30]


def test_no_sequences_have_no_spans_and_no_training_has_none_to_give():
    none, some = Sequences.from_lists([]), Sequences.from_lists([["a"], []])
    assert longest_spans(none.recode(some.vocabulary), some).tolist() == []
    assert longest_spans(some, none.recode(some.vocabulary)).tolist() == [0, 0]
