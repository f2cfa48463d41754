"""Each detector that counts finds what it is for, and leaves the rest alone."""

import numpy as np
import pytest

from seqrec import CombinedDetector, CompositionDetector, LengthDetector, NewEventDetector, NGramDetector

LETTERS = np.array(list("abcdefgh"))


def normal_sequences(n, seed):
    """Walks around a ring: the next letter is one or two ahead."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, 12, n)
    return [
        LETTERS[(start + np.cumsum(rng.choice([1, 1, 2], length))) % 8].tolist()
        for start, length in zip(rng.integers(0, 8, n), lengths, strict=True)
    ]


NORMAL, FRESH = normal_sequences(400, seed=1), normal_sequences(60, seed=2)


@pytest.mark.parametrize(
    ("detector", "odd"),
    [
        (NewEventDetector(), [*FRESH[0], "z"]),
        (LengthDetector(), ["a"]),
        (LengthDetector(), ["a"] * 60),
        (CompositionDetector(), ["a"] * 6),
        (NGramDetector(order=2), ["a", "h", "g", "f"]),
        (CombinedDetector(), ["a", "h", "g", "f"]),
    ],
)
def test_each_flags_what_it_is_for(detector, odd):
    detector.fit(NORMAL)
    assert detector.predict([odd]).tolist() == [-1]
    assert np.mean(detector.predict(FRESH) < 0) < 0.1
