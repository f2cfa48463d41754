"""What notebooks show of events without items, and of columns of arrays."""

import re

import numpy as np
import pandas as pd

from seqrec import NGramDetector, Sequences


def shown(thing):
    page = re.sub("<style>.*?</style>", " ", str(thing._repr_html_()), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))


def test_events_without_items_are_shown_without_items():
    X = Sequences.from_arrays(np.zeros((3, 4)), keys=["a", "b", "c"])

    assert repr(X) == "Sequences(3 sequences, 12 events)"
    assert "3 sequences, 12 events" in shown(X)
    assert "item" not in shown(X)
    assert "(event)" not in shown(X)


def test_a_detector_of_events_without_items_is_shown_without_items():
    text = shown(NGramDetector().fit(Sequences.from_arrays([[0.0] * (2 + row % 5) for row in range(20)])))

    assert "20 sequences, 80 events" in text
    assert "item" not in text
    assert "kinds of events" not in text


def test_columns_of_arrays_are_shown_with_their_shape():
    pictures = [np.zeros((8, 6), dtype="u1")] * 3
    log = pd.DataFrame({"user_id": ["a", "b", "a"], "picture": pictures, "flags": [[True, False]] * 3, "n": [1, 2, 3]})

    text = shown(Sequences.from_frame(log, item=None, timestamp=None, columns=["picture", "flags", "n"]))

    for column in ("picture (8 × 6 × numbers)", "flags (2 × true or false)", "n (numbers)"):
        assert column in text
