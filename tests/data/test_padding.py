"""What only fills sequences up to one length is told, since it would be taken for events."""

import warnings

import numpy as np
import pytest

from seqrec import PopularityRecommender, Sequences
from seqrec.data.inputs import as_sequences


def padded(value, side="end", n=20, length=6, seed=0):
    random = np.random.default_rng(seed)
    rows = np.full((n, length), value, dtype=object)
    for row, size in enumerate(random.integers(1, length + 1, n)):
        place = slice(None, size) if side == "end" else slice(length - size, None)
        rows[row, place] = [f"i{one}" if isinstance(value, str) else int(one) for one in random.integers(1, 9, size)]
    return rows


@pytest.mark.parametrize("value", [0, -1, 99, "0", "<pad>", "PAD", "nothing"])
@pytest.mark.parametrize("side", ["begin", "end"])
@pytest.mark.parametrize("form", ["array", "lists"])
def test_one_value_at_one_end_is_told(value, side, form):
    rows = padded(value, side)
    X = rows.tolist() if form == "lists" else np.array(rows.tolist())
    with pytest.warns(
        UserWarning, match=rf"sequences, all of one length, {side} with {value!r}.*\[\[5, 6, 7\], \[8\]\]"
    ):
        as_sequences(X)


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2, 0], [0, 3, 4]],
        [[1, 2, 3], [4, 5, 6]],
        [[1, 2, 0, 0], [3, 4, 0, 0]],
        [["login", "pay", "logout"], ["login", "read", "pay"]],
        [["a", "b", "b"], ["a", "c", "d"]],
        [[1, 2, 0]],
        [[1, 2, 0], [3, 0]],
        [[0], [1]],
    ],
)
def test_sequences_that_may_well_be_so_are_not_told(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sequences.from_lists(rows)


def test_an_estimator_tells_it_in_fit():
    with pytest.warns(UserWarning, match="2 of 3 sequences.* end with 0"):
        PopularityRecommender().fit(np.array([[1, 2, 3], [4, 5, 0], [6, 0, 0]]))


@pytest.mark.parametrize("as_list", [False, True])
def test_frames_of_zeros_at_the_end_are_told(as_list):
    frames = np.ones((4, 5, 3, 2))
    for row, size in enumerate((5, 2, 4, 3)):
        frames[row, size:] = 0
    with pytest.warns(UserWarning, match="3 of 4 sequences, all of one length, end with 0"):
        Sequences.from_arrays(list(frames) if as_list else frames)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sequences.from_arrays(np.zeros((4, 5, 3, 2)))
