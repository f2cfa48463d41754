"""Fields of an event beyond its kind, as a network reads them: numbers (amount, gap) and categories (channel).

Two things differ. A value that is *absent* is missing in the log: that is a value of its own, which has a probability
and which the network reads. What is *not given* (the gap before a first event, a column that a history lacks) is not
known, so it has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import check_choice, check_column
from seqrec.data.missing import is_missing, kind_of
from seqrec.data.sequences import Sequences
from seqrec.data.times import on_ticks
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary, vocabulary
from seqrec.exceptions import InputError
from seqrec.storage.schemas import ABOVE_ZERO, Choice, Integer, Listed, Record

GAP = "gap"  # the field that timestamps give: seconds since the event before
NOT_GIVEN, NEGATIVE, ZERO, POSITIVE, ABSENT = range(5)  # signs of a number
SIDES = ("both", "high", "low")
_N_BUCKETS = 40  # of gaps; the last holds 2 ** 38 seconds and more
EVENT = "event"  # what the kind of an event is called beside its fields
_OWN_NAMES = {EVENT, "events"}
FARTHEST = 30.0  # standard deviations; a network's arithmetic ends somewhere


class Number(NamedTuple):
    """A numeric field, read as its sign and the logarithm of its size: ``(log|x| - center) / scale``.

    A value is odd if it lies far out on a side, of ``SIDES``. `missing` says whether training had absent values.
    """

    name: str
    center: float
    scale: Annotated[float, ABOVE_ZERO]
    side: Annotated[str, Choice(*SIDES)] = "both"
    missing: bool = False

    @classmethod
    def learn(cls, name: str, values: NDArray, side: str = "both", missing: bool = False) -> Number:
        """Find center and scale of the values that are neither 0 nor NaN."""
        logs = np.log(np.abs(values[np.isfinite(values) & (values != 0)], dtype=np.float64))
        spread = logs.std() if len(logs) else 0.0
        center = float(np.median(logs)) if len(logs) else 0.0
        return cls(name, center, float(spread) if spread > 1e-6 else 1.0, side, missing)

    def encode(self, values: NDArray, nan: int = ABSENT) -> NDArray[np.float32]:
        """Give sign and size of each value, (n_events, 2); `nan` is the sign of NaN."""
        values = values.astype(np.float64)
        sign = np.select([np.isnan(values), values < 0, values == 0], [nan, NEGATIVE, ZERO], POSITIVE)
        sized = (sign == NEGATIVE) | (sign == POSITIVE)
        size = np.log(np.abs(values), where=sized, out=np.full(len(values), self.center))
        return np.stack([sign, np.clip((size - self.center) / self.scale, -FARTHEST, FARTHEST)], axis=1, dtype="f4")

    def decode(self, size: NDArray) -> NDArray[np.float64]:
        """Give the positive values of sizes."""
        return np.exp(np.asarray(size, dtype=np.float64) * self.scale + self.center)

    def values(self, numbers: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the values that signs and sizes, (n, 2), are of: NaN where one is absent, or not given."""
        sign = numbers[:, 0].astype(np.int64)
        signed = np.array([np.nan, -1.0, 0.0, 1.0, np.nan])[sign]
        return np.where(sign == ZERO, 0.0, signed * self.decode(numbers[:, 1]))


class Category(NamedTuple):
    """A categorical field and its values; a value that training lacked is unknown.

    `missing` says whether training had absent values: these have the code after that of the last value.
    """

    name: str
    vocabulary: Annotated[Vocabulary, vocabulary()]
    missing: bool = False

    @classmethod
    def learn(cls, name: str, values: NDArray) -> Category:
        """List the values, as they first appear."""
        missing = is_missing(values)
        return cls(name, Vocabulary(pd.unique(_labels(values[~missing]))), bool(missing.any()))

    def check_sound(self) -> None:
        """Raise ValueError where the values are neither text nor truth values."""
        items = self.vocabulary.items
        if items.dtype != object and not np.isin(items, (0, 1)).all():
            raise ValueError(f"the values of {self.name!r} are neither text nor truth values.")

    @property
    def values(self) -> NDArray:
        """The values as a log holds them: text or truth values."""
        items = self.vocabulary.items
        return items if items.dtype == object else items.astype(bool)

    @property
    def size(self) -> int:
        """Codes, reserved ones included."""
        return N_RESERVED + len(self.vocabulary) + self.missing

    def encode(self, values: NDArray) -> NDArray[np.int32]:
        """Give the code of each value, (n_events,); absent ones are unknown if training had none."""
        there = ~is_missing(values)
        codes = np.full(len(values), self.size - 1 if self.missing else UNKNOWN, np.int32)
        codes[there] = self.vocabulary.encode(_labels(values[there]))
        return codes

    def decode(self, codes: NDArray[np.int32]) -> NDArray:
        """Give the value of each code, (n_events,): None for one that is absent, unknown or not given."""
        known = (codes >= N_RESERVED) & (codes < N_RESERVED + len(self.vocabulary))
        if known.all():
            return self.values[codes - N_RESERVED]
        values = np.full(len(codes), None, dtype=object)
        values[known] = self.values[codes[known] - N_RESERVED]
        return values


class Fields(NamedTuple):
    """The fields of a log, in the order in which their probabilities build on each other: categories, then numbers.

    Attributes
    ----------
    categories : tuple of Category
    numbers : tuple of Number
        The gap, which timestamps give, is the first of them.
    gap_in_buckets : bool
        Whether the gap is a category instead, of powers of two seconds, as recommenders once had it.
    clock : int or None
        Microseconds between the ticks of the clock that wrote the times of training, where it is known. Gaps are read
        as that clock, or a coarser one of the log, would tell them.
    """

    categories: tuple[Category, ...] = ()
    numbers: Annotated[tuple[Number, ...], Listed(Record(Number), tuple, length="n_numbers")] = ()
    gap_in_buckets: bool = False
    clock: Annotated[int, Integer(1)] | None = None

    def check_sound(self) -> None:
        """Raise ValueError where two fields have one name."""
        if len(set(self.names)) < len(self.names):
            raise ValueError("two fields have one name.")

    @property
    def names(self) -> list[str]:
        """Names in that order."""
        gap = [GAP] if self.gap_in_buckets else []
        return [*gap, *(field.name for field in self.categories), *(field.name for field in self.numbers)]

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """Codes of each category, reserved ones included."""
        gap = (_N_BUCKETS,) if self.gap_in_buckets else ()
        return gap + tuple(field.size for field in self.categories)

    @property
    def n_signs(self) -> int:
        """Signs that a number can have in the training data: absence is one of them where a value was absent."""
        return POSITIVE + any(field.missing for field in self.numbers)

    @property
    def kind_of_gap(self) -> str:
        """What the gap is read as: "number", "category", or "" where there is none."""
        if self.gap_in_buckets:
            return "category"
        return "number" if self.numbers and self.numbers[0].name == GAP else ""

    @classmethod
    def learn(cls, X: Sequences, sides: Mapping[str, str] | None = None) -> Fields:
        """Take text and truth values as categories, numbers as numbers, and the gaps where X has timestamps.

        `sides` names, for some numeric fields, the side on which they are odd.

        Raises
        ------
        TypeError
            If a column holds times, or arrays.
        ValueError
            If a column is called "event" or "events" or, beside timestamps, "gap"; or if a side is not of a numeric
            field or not in ``SIDES``.
        """
        columns, sides = field_columns(X), dict(sides or {})
        numeric = [name for name, values in columns.items() if not is_category(values)]
        for name in _OWN_NAMES.intersection(columns):
            raise InputError(f"column {name!r} has the name of what happened, which has a surprisal too. Rename it.")
        for name, side in sides.items():
            check_choice(name, "a name in sides", numeric)
            check_choice(side, f"sides[{name!r}]", SIDES)
        categories = tuple(Category.learn(name, values) for name, values in columns.items() if name not in numeric)
        missing = {name: bool(is_missing(values).any()) for name, values in X.columns.items() if name in numeric}
        found = [(name, columns[name], sides.get(name, "both"), missing.get(name, False)) for name in numeric]
        return cls(categories, tuple(Number.learn(*of_one) for of_one in found), clock=X.clock)

    def encode(self, X: Sequences, before: NDArray[np.datetime64] | None = None, may_lack: bool = False) -> Sequences:
        """Give X with the columns that a network reads.

        Parameters
        ----------
        X : Sequences
        before : (n_sequences,) datetime64, optional
            Time of the event before the first of each sequence, if there was one.
        may_lack : bool
            Whether a field that X lacks is not given of all events, and no error.

        Returns
        -------
        encoded : Sequences
            With the columns "categories", codes (n_events, n_categories) int32, and "numbers", signs and sizes
            (n_events, n_numbers, 2) float32; 0 where a field is not given.

        Raises
        ------
        ValueError
            If X lacks a field.
        TypeError
            If a field held another kind of values in training: text, truth values or numbers.
        """
        columns = field_columns(X, before, self.clock)
        kinds = {field.name: "numbers" for field in self.numbers}
        kinds |= {field.name: kind_of(field.values) for field in self.categories}
        for name, kind in kinds.items():
            if name in columns:
                _check_kind(name, kind, columns[name])
            elif not may_lack:
                _refuse_without(name, list(columns))
        codes, numbers = self._encode(columns, X.n_events, {GAP} - X.columns.keys())
        return replace(X, columns={"categories": codes, "numbers": numbers})

    def values_of(self, numbers: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the values, (n_events, n_numbers), that signs and sizes are of: NaN where one is absent or not given."""
        found = [field.values(numbers[:, at]) for at, field in enumerate(self.numbers)]
        return np.stack(found, axis=1) if found else np.zeros((len(numbers), 0))

    def encode_values(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Give signs and sizes of values, (n_events, n_numbers); NaN is absent, and of the gap not given."""
        columns = {field.name: values[:, at] for at, field in enumerate(self.numbers)}
        return self._encode(columns, len(values), {GAP})[1]

    def encode_gaps(self, gaps: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give the categories and numbers of n events of which the gaps alone are known, in seconds, NaN where not."""
        return self._encode({GAP: gaps} if self.kind_of_gap else {}, len(gaps), {GAP})

    def _encode(
        self, columns: Mapping[str, NDArray], n: int, computed: Set[str]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give categories and numbers of n events; NaN in a column that was `computed` is not given."""
        codes = np.zeros((n, len(self.category_sizes)), np.int32)
        if self.gap_in_buckets and GAP in columns:
            codes[:, 0] = _buckets(columns[GAP])
        for at, category in enumerate(self.categories, int(self.gap_in_buckets)):
            if category.name in columns:
                codes[:, at] = category.encode(columns[category.name])
        numbers = np.zeros((n, len(self.numbers), 2), np.float32)
        for at, number in enumerate(self.numbers):
            if number.name in columns:
                numbers[:, at] = number.encode(columns[number.name], NOT_GIVEN if number.name in computed else ABSENT)
        return codes, numbers


def field_columns(
    X: Sequences, before: NDArray[np.datetime64] | None = None, clock: int | None = None
) -> dict[str, NDArray]:
    """Give the further columns of X, and the seconds since the event before, NaN where there is none.

    `before` is the time of the event before the first of each sequence, NaT at the start of one; by default, all are.
    The gaps are told as a `clock` would, in microseconds; or that of X, if it is coarser.
    """
    columns = dict(X.columns)
    for name, values in columns.items():
        if values.dtype.kind in "mM":
            raise InputError(f"column {name!r} holds times. Turn it into numbers, such as seconds since the event.")
        if values.ndim > 1:
            advice = "Make columns of its entries, as Sequences.from_arrays(..., names=[...]) does, or leave it out."
            found = f"an array of shape {values.shape[1:]} an event, and a network reads one value"
            raise InputError(f"column {name!r} holds {found}. {advice}")
    if X.timestamps is not None:
        if GAP in columns:
            raise InputError(f"column {GAP!r} has the name of the time between events. Rename it.")
        columns = {GAP: _gaps(X, X.timestamps, before, clock)} | columns
    return columns


def _gaps(
    X: Sequences, times: NDArray[np.datetime64], before: NDArray[np.datetime64] | None, clock: int | None
) -> NDArray[np.float64]:
    ours = X.clock or 0
    if clock is not None and ours < clock:
        times, before = on_ticks(times, clock), None if before is None else on_ticks(before, clock)
    ticks: NDArray[np.int64] = times.astype(np.int64)
    gaps = np.diff(ticks, prepend=0) / 1e6
    first, full = X.indptr[:-1][X.lengths > 0], X.lengths > 0
    gaps[first] = np.nan if before is None else (times[first] - before[full]) / np.timedelta64(1, "s")
    if clock is not None and ours > clock:  # no time between is less than a tick: a third of one, if all is as likely
        gaps[gaps == 0] = ours / 3e6
    return gaps


def is_category(values: NDArray) -> bool:
    """Whether a column holds text or truth values."""
    return values.dtype.kind in "OUTb"


def _labels(values: NDArray) -> NDArray:
    """Give values, none of them missing, as a vocabulary holds them: truth values as 0 and 1."""
    truth = values.dtype.kind == "b" or kind_of(values) == "truth values"
    return values.astype(np.int64) if truth else values


def _buckets(gaps: NDArray[np.float64]) -> NDArray[np.int32]:
    """Bucket gaps by powers of two seconds: ``1 + floor(log2(1 + seconds))``, 0 where a gap is not given."""
    buckets = 1 + np.log2(1 + np.nan_to_num(gaps)).astype(np.int32)
    return np.where(np.isnan(gaps), 0, np.minimum(buckets, _N_BUCKETS - 1)).astype(np.int32)


def _refuse_without(name: str, columns: list[str]) -> None:
    if name == GAP:
        raise InputError("the training data had timestamps, and these sequences have none.")
    check_column(name, columns)


def _check_kind(name: str, expected: str, values: NDArray) -> None:
    found = kind_of(values)  # nothing, if all values are missing
    if found and expected and found != expected:
        raise InputError(f"column {name!r} held {expected} in the training data; here it holds {found}.")
