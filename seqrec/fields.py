"""Fields of an event beyond its kind, as a network reads them: numbers (amount, gap) and categories (channel)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import check_column
from seqrec.sequences import Sequences
from seqrec.vocabulary import Vocabulary

GAP = "gap"  # the field that timestamps give: seconds since the event before
MISSING, NEGATIVE, ZERO, POSITIVE = range(4)  # signs of a number
FARTHEST = 30.0  # standard deviations; a network's arithmetic ends somewhere


class Number(NamedTuple):
    """A numeric field, read as its sign and the logarithm of its size: ``(log|x| - center) / scale``."""

    name: str
    center: float
    scale: float

    @classmethod
    def learn(cls, name: str, values: NDArray) -> Number:
        """Find center and scale of the values that are neither 0 nor missing (NaN)."""
        logs = np.log(np.abs(values[np.isfinite(values) & (values != 0)], dtype=np.float64))
        spread = logs.std() if len(logs) else 0.0
        return cls(name, float(np.median(logs)) if len(logs) else 0.0, float(spread) if spread > 1e-6 else 1.0)

    def encode(self, values: NDArray) -> NDArray[np.float32]:
        """Give sign and size of each value, (n_events, 2)."""
        values = values.astype(np.float64)
        sign = np.select([np.isnan(values), values < 0, values == 0], [MISSING, NEGATIVE, ZERO], POSITIVE)
        sized = (sign == NEGATIVE) | (sign == POSITIVE)
        size = np.log(np.abs(values), where=sized, out=np.full(len(values), self.center))
        return np.stack([sign, np.clip((size - self.center) / self.scale, -FARTHEST, FARTHEST)], axis=1, dtype="f4")

    def decode(self, size: NDArray) -> NDArray[np.float64]:
        """Give the positive values of sizes."""
        return np.exp(np.asarray(size, dtype=np.float64) * self.scale + self.center)


class Category(NamedTuple):
    """A categorical field and its values; a value that training lacked is unknown."""

    name: str
    vocabulary: Vocabulary


class Fields(NamedTuple):
    """The fields of a log, in the order in which their probabilities build on each other: categories, then numbers."""

    categories: tuple[Category, ...]
    numbers: tuple[Number, ...]

    @property
    def names(self) -> list[str]:
        """Names in that order."""
        return [field.name for field in self.categories] + [field.name for field in self.numbers]

    @classmethod
    def learn(cls, X: Sequences) -> Fields:
        """Take text and truth values as categories, numbers as numbers, and the gaps where X has timestamps.

        Raises
        ------
        TypeError
            If a column holds times.
        ValueError
            If a column is called "gap" beside timestamps.
        """
        categories, numbers = [], []
        for name, values in field_columns(X).items():
            if is_category(values):
                categories.append(Category(name, Vocabulary(np.unique(_labels(values)))))
            else:
                numbers.append(Number.learn(name, values))
        return cls(tuple(categories), tuple(numbers))

    def encode(self, X: Sequences) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give the categories' codes (n_events, n_categories) and signs and sizes (n_events, n_numbers, 2).

        Raises
        ------
        ValueError
            If X lacks a field.
        TypeError
            If a field holds text here and numbers in training, or the reverse.
        """
        columns = field_columns(X)
        for name in self.names:
            if name == GAP and name not in columns:
                raise ValueError("the training data had timestamps, and these sequences have none.")
            check_column(name, list(columns))
        codes = [field.vocabulary.encode(_labels(columns[field.name])) for field in self.categories]
        numbers = [field.encode(_numeric(field.name, columns[field.name])) for field in self.numbers]
        return (
            np.stack(codes, axis=1) if codes else np.zeros((X.n_events, 0), np.int32),
            np.stack(numbers, axis=1) if numbers else np.zeros((X.n_events, 0, 2), np.float32),
        )


def field_columns(X: Sequences) -> dict[str, NDArray]:
    """Give the further columns of X, and the seconds since the event before, NaN at the start of a sequence."""
    columns = dict(X.columns)
    for name, values in columns.items():
        if values.dtype.kind in "mM":
            raise TypeError(f"column {name!r} holds times. Turn it into numbers, such as seconds since the event.")
    if X.timestamps is not None:
        if GAP in columns:
            raise ValueError(f"column {GAP!r} has the name of the time between events. Rename it.")
        gaps = np.diff(X.timestamps.astype(np.int64), prepend=0) / 1e6
        gaps[X.indptr[:-1][X.lengths > 0]] = np.nan
        columns = {GAP: gaps} | columns
    return columns


def is_category(values: NDArray) -> bool:
    """Whether a column holds text or truth values."""
    return values.dtype.kind in "OUTb"


def _labels(values: NDArray) -> NDArray:
    return values.astype(np.int64) if values.dtype.kind == "b" else values


def _numeric(name: str, values: NDArray) -> NDArray:
    if values.dtype.kind not in "iuf":
        raise TypeError(f"column {name!r} held numbers in the training data; here it holds {values.dtype} values.")
    return values
