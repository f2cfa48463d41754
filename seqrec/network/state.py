"""What is carried from one event to the next: what a network remembers of sequences that go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


class State(NamedTuple):
    """What a network remembers of n sequences after the events so far.

    Attributes
    ----------
    memory : tuple of (n, ...) float32
        The latest events, and the states of each recurrent layer.
    output : (n, embedding_dim) float32
        What the next event is expected from.
    time : (n,) datetime64[us]
        Of the last event; NaT where there is none.
    """

    memory: tuple[NDArray[np.float32], ...]
    output: NDArray[np.float32]
    time: NDArray[np.datetime64]


def take(state: Any, rows: Any) -> Any:
    """Give some of the n sequences of a state, which is a tuple, of tuples perhaps, of (n, ...) arrays."""
    return rebuilt(state, [part[rows] for part in leaves(state)])


def join(states: Sequence[Any]) -> Any:
    """Give the sequences of several states as one."""
    parts = zip(*map(leaves, states), strict=True)
    return rebuilt(states[0], [_stacked(same) for same in parts])


def leaves(state: Any) -> list[Any]:
    """Give all arrays of a state, in one order."""
    return [leaf for part in state for leaf in leaves(part)] if isinstance(state, tuple) else [state]


def rebuilt(like: Any, arrays: list[Any]) -> Any:
    """Put arrays that `leaves` gave together again."""
    return _build(like, iter(arrays))


def _build(like: Any, arrays: Any) -> Any:
    if not isinstance(like, tuple):
        return next(arrays)
    parts = [_build(part, arrays) for part in like]
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)


def _stacked(parts: Sequence[Any]) -> Any:
    return sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.concatenate(parts)
