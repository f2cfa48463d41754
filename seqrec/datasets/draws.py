"""What the makers of logs share: a generator from a seed, choices with chances of their own, and ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state


def generator(random_state: Any) -> np.random.Generator:
    """Give a generator from what scikit-learn takes for a seed: an int, a RandomState or None."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))


def choose(weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw one column from each row, in proportion to its weights: (n,)."""
    edges = np.cumsum(weights, axis=1)
    return np.sum(edges[:, :-1] <= rng.random((len(weights), 1)) * edges[:, -1:], axis=1)


def ids(letter: str, n: int) -> NDArray[np.object_]:
    """Give n ids of equal length, such as "u00042"."""
    width = max(5, len(str(n - 1)))
    return np.array([f"{letter}{number:0{width}d}" for number in range(n)], dtype=object)
