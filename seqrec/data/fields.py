"""Fields of an event beyond its kind, as a network reads them: numbers (amount, gap) and categories (channel)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import check_choice, check_column
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import Vocabulary, vocabulary
from seqrec.exceptions import InputError
from seqrec.storage.schemas import ABOVE_ZERO, Choice, Listed, Real, Record, Text

GAP = "gap"  # the field that timestamps give: seconds since the event before
MISSING, NEGATIVE, ZERO, POSITIVE = range(4)  # signs of a number
SIDES = ("both", "high", "low")
FARTHEST = 30.0  # standard deviations; a network's arithmetic ends somewhere


class Number(NamedTuple):
    """A numeric field, read as its sign and the logarithm of its size: ``(log|x| - center) / scale``.

    A value is odd if it lies far out on a side, of ``SIDES``.
    """

    name: str
    center: float
    scale: float
    side: str = "both"

    @classmethod
    def learn(cls, name: str, values: NDArray, side: str = "both") -> Number:
        """Find center and scale of the values that are neither 0 nor missing (NaN)."""
        logs = np.log(np.abs(values[np.isfinite(values) & (values != 0)], dtype=np.float64))
        spread = logs.std() if len(logs) else 0.0
        center = float(np.median(logs)) if len(logs) else 0.0
        return cls(name, center, float(spread) if spread > 1e-6 else 1.0, side)

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

    @property
    def values(self) -> NDArray:
        """The values as a log holds them: text or truth values."""
        items = self.vocabulary.items
        return items if items.dtype == object else items.astype(bool)


class Fields(NamedTuple):
    """The fields of a log, in the order in which their probabilities build on each other: categories, then numbers."""

    categories: tuple[Category, ...]
    numbers: tuple[Number, ...]

    @property
    def names(self) -> list[str]:
        """Names in that order."""
        return [field.name for field in self.categories] + [field.name for field in self.numbers]

    @classmethod
    def learn(cls, X: Sequences, sides: Mapping[str, str] | None = None) -> Fields:
        """Take text and truth values as categories, numbers as numbers, and the gaps where X has timestamps.

        `sides` names, for some numeric fields, the side on which they are odd.

        Raises
        ------
        TypeError
            If a column holds times.
        ValueError
            If a column is called "gap" beside timestamps, or a side is not of a numeric field or not in ``SIDES``.
        """
        categories, numbers = [], []
        columns, sides = field_columns(X), dict(sides or {})
        numeric = [name for name, values in columns.items() if not is_category(values)]
        for name, side in sides.items():
            check_choice(name, "a name in sides", numeric)
            check_choice(side, f"sides[{name!r}]", SIDES)
        for name, values in columns.items():
            if is_category(values):
                categories.append(Category(name, Vocabulary(pd.unique(_labels(values)))))
            else:
                numbers.append(Number.learn(name, values, sides.get(name, "both")))
        return cls(tuple(categories), tuple(numbers))

    def encode(
        self, X: Sequences, before: NDArray[np.datetime64] | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give the categories' codes (n_events, n_categories) and signs and sizes (n_events, n_numbers, 2).

        `before` is the time of the event before the first of each sequence, if there was one.

        Raises
        ------
        ValueError
            If X lacks a field.
        TypeError
            If a field held another kind of values in training: text, truth values or numbers.
        """
        columns = field_columns(X, before)
        kinds = {field.name: "numbers" for field in self.numbers}
        kinds |= {field.name: _kind(field.values) for field in self.categories}
        for name in self.names:
            if name == GAP and name not in columns:
                raise InputError("the training data had timestamps, and these sequences have none.")
            check_column(name, list(columns))
            _check_kind(name, kinds[name], columns[name])
        codes = [field.vocabulary.encode(_labels(columns[field.name])) for field in self.categories]
        numbers = [field.encode(columns[field.name]) for field in self.numbers]
        return (
            np.stack(codes, axis=1) if codes else np.zeros((X.n_events, 0), np.int32),
            np.stack(numbers, axis=1) if numbers else np.zeros((X.n_events, 0, 2), np.float32),
        )


def field_columns(X: Sequences, before: NDArray[np.datetime64] | None = None) -> dict[str, NDArray]:
    """Give the further columns of X, and the seconds since the event before, NaN where there is none.

    `before` is the time of the event before the first of each sequence, NaT at the start of one; by default, all are.
    """
    columns = dict(X.columns)
    for name, values in columns.items():
        if values.dtype.kind in "mM":
            raise InputError(f"column {name!r} holds times. Turn it into numbers, such as seconds since the event.")
    if X.timestamps is not None:
        if GAP in columns:
            raise InputError(f"column {GAP!r} has the name of the time between events. Rename it.")
        gaps = np.diff(X.timestamps.astype(np.int64), prepend=0) / 1e6
        first, full = X.indptr[:-1][X.lengths > 0], X.lengths > 0
        gaps[first] = np.nan if before is None else (X.timestamps[first] - before[full]) / np.timedelta64(1, "s")
        columns = {GAP: gaps} | columns
    return columns


def is_category(values: NDArray) -> bool:
    """Whether a column holds text or truth values."""
    return values.dtype.kind in "OUTb"


def _labels(values: NDArray) -> NDArray:
    return values.astype(np.int64) if values.dtype.kind == "b" else values


def _kind(values: NDArray) -> str:
    return "truth values" if values.dtype.kind == "b" else "text" if is_category(values) else "numbers"


def _check_kind(name: str, expected: str, values: NDArray) -> None:
    found = _kind(values)
    if len(values) and found != expected:
        raise InputError(f"column {name!r} held {expected} in the training data; here it holds {found}.")


def _check_category(category: Category) -> None:
    items = category.vocabulary.items
    if items.dtype != object and not np.isin(items, (0, 1)).all():
        raise ValueError(f"the values of {category.name!r} are neither text nor truth values.")


def _check_names(fields: Fields) -> None:
    if len(set(fields.names)) < len(fields.names):
        raise ValueError("two fields have one name.")


_CATEGORY = Record(Category, {"name": Text(), "vocabulary": vocabulary()}, _check_category)
_NUMBER = Record(Number, {"name": Text(), "center": Real(), "scale": ABOVE_ZERO, "side": Choice(*SIDES)})
FIELDS = Record(
    Fields,
    {
        "categories": Listed(_CATEGORY, tuple, length="n_categories"),
        "numbers": Listed(_NUMBER, tuple, length="n_numbers"),
    },
    _check_names,
)
