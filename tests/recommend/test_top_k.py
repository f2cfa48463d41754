"""The best few of many scores are those of a stable sort."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqrec.recommend.top_k import top_k


@given(st.data())
def test_top_k_is_a_stable_sort_cut_off(data):
    n, n_items = data.draw(st.integers(0, 4)), data.draw(st.sampled_from([1, 5, 300, 700, 1500]))
    k = data.draw(st.integers(1, min(n_items, 600)))
    values = data.draw(st.sampled_from([1, 3, 1000]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    scores = rng.integers(0, values, size=(n, n_items)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    columns, best = top_k(scores, k)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(columns, expected)
    np.testing.assert_array_equal(best, np.take_along_axis(scores, expected, axis=1))
