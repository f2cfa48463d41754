"""How likely a sequence has ended."""

import numpy as np
import pytest

from seqrec import Sequences
from seqrec.data.censoring import ended

DAY = 86_400 * 10**6


def test_of_the_quiet_as_many_have_ended_as_is_said():
    rng, times, over = np.random.default_rng(0), [], []
    for start in rng.uniform(0, 100, 4_000):
        seen, ends = [start], False
        while True:
            ends = rng.random() < 0.2
            again = seen[-1] + rng.exponential(10)
            if ends or again > 100:
                break
            seen.append(again)
        times.append(seen)
        over.append(ends)
    stamps = [(np.array(seen) * DAY).astype("datetime64[us]") for seen in times]
    probability = ended(Sequences.from_lists([["visit"] * len(seen) for seen in times], timestamps=stamps))
    over = np.array(over)
    for low, high in [(0, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.01)]:
        rows = (probability >= low) & (probability < high)
        assert rows.sum() > 300
        assert probability[rows].mean() == pytest.approx(over[rows].mean(), abs=0.06)


def test_without_times_all_have_ended_and_what_is_empty_too():
    assert ended(Sequences.from_lists([["a"], []])).tolist() == [1, 1]
    X = Sequences.from_lists([["a"], []], timestamps=[["2024-01-01"], []])
    assert ended(X)[1] == 1
    assert len(ended(X[:0])) == 0


def test_one_sequence_that_never_waited_longer_goes_on():
    X = Sequences.from_lists([["a", "b", "a"]], timestamps=[["2024-01-01", "2024-01-05", "2024-01-06"]])
    assert ended(X).tolist() == [0]
