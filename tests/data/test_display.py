"""What notebooks show of events without items, and of columns of arrays."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from seqrec import NGramDetector, Sequences
from seqrec.data.display import by_epoch, card_of_estimator


def shown(thing):
    page = re.sub("<style>.*?</style>", " ", str(thing._repr_html_()), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))


def test_events_without_items_are_shown_without_items():
    X = Sequences.from_arrays(np.zeros((3, 4)), keys=["a", "b", "c"])

    assert repr(X) == "Sequences(3 sequences, 12 events)"
    assert "3 sequences, 12 events" in shown(X)
    assert "item" not in shown(X)
    assert "(event)" not in shown(X)


@pytest.mark.filterwarnings("ignore::seqrec.exceptions.UnusedColumnsWarning")
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


@pytest.mark.parametrize(
    ("n_epochs", "scores", "expected", "best"),
    [
        (3, [0.1, 0.3, 0.3], [0.1, 0.3, 0.3], 2),
        (3, [0.2, 0.1], [0.2, 0.1, np.nan], 1),  # Ctrl-C while the last epoch was validated
        (4, [0.1, 0.2], [np.nan, np.nan, 0.1, 0.2], 4),  # fit on few sequences, then partial_fit on many
        (2, [np.nan, 0.1], [np.nan, 0.1], 2),
        (2, [np.nan] * 2, [np.nan] * 2, 0),
        (2, [], [np.nan] * 2, 0),
        (0, [], [], 0),
    ],
)
def test_scores_are_put_to_the_epochs_that_they_are_of(n_epochs, scores, expected, best):
    loss, validation, found = by_epoch({"loss": [1.0] * n_epochs, "validation": scores})

    assert (len(loss), found) == (n_epochs, best)
    np.testing.assert_array_equal(validation, expected)


def test_a_card_counts_epochs_that_were_not_validated():
    class Estimator(SimpleNamespace):
        def get_params(self, deep):  # noqa: ARG002
            return {}

    history = {"loss": [3.0, 2.0, 1.0, 0.5], "validation": [0.1, 0.2]}
    data = SimpleNamespace(n_sequences=1, n_events=1, n_items=1, first=None)
    estimator = Estimator(history_=history, training_data_=data, vocabulary_=["tea"])

    assert "in epoch 4" in card_of_estimator(estimator)
