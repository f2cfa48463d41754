"""What stands beside sequences, such as labels, is in their order: an index tells, and position alone never decides.

`Sequences.from_frame` sorts users, so labels in the order of the log would fall to others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrec._checks import show
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError


def beside_sequences(values: Any, X: Any, name: str) -> Any:
    """Give `values`, one of each sequence of X, in the order of X's sequences.

    Values without an index, and X without keys of its own, go by position. An index that holds the keys tells the
    order, whatever it is. Rising numbers that are no keys, as pandas gives them where nobody does, say nothing.

    Raises
    ------
    InputError
        If an index is neither.
    """
    keys = X.keys if isinstance(X, Sequences) else X.index if isinstance(X, pd.Series) else None
    if isinstance(values, Sequences):
        if keys is not None and len(keys) == len(values) and not _same(values.keys, keys):
            raise InputError(f"{name} has other keys than X, or another order. Select {name}.at(X.keys).")
        return values
    index = index_of(values)
    if index is None or keys is None or len(index) < len(keys) or _same(index, keys):
        return values
    keys = pd.Index(keys)
    if _counts(index) and not keys.isin(index).any():
        return values
    by_default = _same(index, np.arange(len(keys)))  # and the keys are these numbers in another order
    if by_default or not index.is_unique or not keys.isin(index).all():
        first = f"{show(index[0])}, {show(index[1])}" if len(index) > 1 else show(index[0])
        raise InputError(
            f"{name} has an index ({first}, ...) that does not say which sequence of X each value is of. Give it the "
            f"index of the sequences' keys: it is aligned by X.keys. Or, if it is in the order of X.keys already, pass "
            f"{name}.to_numpy()."
        )
    return values.loc[keys]


def beside_events(values: Any, X: Any, name: str) -> Any:
    """Give `values`, one of each event of X, if their index does not say that they are in the order of the log.

    Raises
    ------
    InputError
        If they have an index, and X's events are not in the order of the log.
    """
    index = index_of(values)
    if index is None or not isinstance(X, Sequences) or _same(index, X.rows) or (np.diff(X.rows) > 0).all():
        return values
    raise InputError(
        f"{name} has an index, as columns of a log do, and the events of X are in another order than the log's rows. "
        f"Pass {name}.to_numpy()[X.rows] if it is in the order of the log, or {name}.to_numpy() if in that of X."
    )


def check_weights(sample_weight: Any, n: int) -> np.ndarray:
    """Give the weights of n things as (n,) float64.

    Raises
    ------
    InputError
        If there are more or fewer, one is no number or below 0, or all are 0.
    """
    weights = np.array(sample_weight)
    if weights.shape != (n,):
        raise InputError(f"sample_weight must hold {n:,} numbers, got shape {weights.shape}.")
    if weights.dtype.kind not in "biuf" or not (np.isfinite(weights) & (weights >= 0)).all():
        raise InputError("sample_weight must hold numbers of at least 0.")
    if not weights.any():
        raise InputError("sample_weight must not be zero everywhere: what has a weight above zero is what is learned.")
    return weights.astype(np.float64)


def check_beside(**values: Any) -> None:
    """Raise unless arrays that stand side by side, by their names, say the same of their order or nothing."""
    indexed = {name: index for name, value in values.items() if (index := index_of(value)) is not None}
    plain = [name for name, value in values.items() if value is not None and name not in indexed]
    names = list(indexed)
    for name, index in indexed.items():
        if not _same(index, indexed[names[0]]):
            raise InputError(f"{names[0]} and {name} have different indexes. Bring both in one order first.")
        if plain and not _counts(index):
            raise InputError(
                f"{name} has an index and {plain[0]} has none, so nothing says that their orders are the same. Bring "
                f"{name} in the order of {plain[0]}, such as by .loc[X.keys], and pass its .to_numpy()."
            )


def index_of(values: Any) -> pd.Index | None:
    """Give the index of a Series or a frame of pandas, None where there is none."""
    index = getattr(values, "index", None)  # a list has a method of that name
    return index if isinstance(index, pd.Index) else None


def _same(index: Any, keys: Any) -> bool:
    return len(index) == len(keys) and bool((np.asarray(index) == np.asarray(keys)).all())


def _counts(index: pd.Index) -> bool:
    """Whether an index is 0, 1, 2, ... or a part of it in that order, as pandas gives it where nobody does."""
    return pd.api.types.is_integer_dtype(index) and bool((np.diff(index.to_numpy()) > 0).all())
