"""Does a log look like the training data? All is counted by bins, so it adds up over a log of any size.

Events of one sequence depend on each other, so a share of events has the variance of a ratio of sums over sequences
(Cochran 1977, "Sampling techniques", section 2.11), never that of so many coins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from seqrec.data.fields import GAP, Fields, field_columns
from seqrec.data.sequences import Sequences
from seqrec.data.times import CLOCKS
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Choice, Integer, Mapped, Record

LEVEL = 1e-4  # largest p-value of what is noticed
_CLEAR = 0.1  # of a difference of shares: a smaller one is none to be told of, however sure it is
_CLEAR_OF_RARE = 0.01  # of a share, if it has also doubled, as has a size
MOST = 20_000  # held-out sequences that are counted
_MOST_KINDS = 30  # of events, or of a category's values, that have a bin each
_AT_ONCE = 2**14  # sequences
_LEVELS = np.arange(0.05, 1, 0.05)  # of the quantiles that part numbers

LENGTH, EVENTS, UNKNOWN_EVENTS, P_VALUES = "events a sequence", "events", "unknown events", "p-values"
COLUMNS = ["what", "training", "log", "difference", "test", "p_value", "noticed"]
_KINDS = ("share", "rank", "mean", "size")


class Measured(NamedTuple):
    """Values of one thing in n sequences: all those of the first one, then those of the next.

    Attributes
    ----------
    kind : {"share", "rank", "mean", "size"}
        Truth values; ranks of what occurs most; numbers; or numbers other than 0, told by the logarithm of their size.
    numbers : (n_values,) float64
    row : (n_values,) int
        The sequence of each value.
    """

    kind: str
    numbers: NDArray[np.float64]
    row: NDArray[np.intp]

    @property
    def figures(self) -> NDArray[np.float64]:
        """What has the mean that is told, (n_values,)."""
        return np.log(np.abs(self.numbers)) if self.kind == "size" else self.numbers


class Seen(NamedTuple):
    """Sums over the sequences of a log: what is kept of them of one thing.

    Attributes
    ----------
    n_sequences, n_values : int
    total, squares : (n_edges,) float64
        Over sequences, of how many values lie below an edge less how many would in the training data; and of the
        squares of this.
    figures : float
        Sum of the figures of the values.
    """

    n_sequences: int
    n_values: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    figures: float

    def __add__(self, other: Seen) -> Seen:  # type: ignore[override]
        pairs: Iterator[tuple[Any, Any]] = zip(self, other, strict=True)
        return Seen._make(mine + others for mine, others in pairs)

    @property
    def figure(self) -> float:
        """Mean of the figures."""
        return self.figures / self.n_values if self.n_values else np.nan


class Usual(NamedTuple):
    """How one thing is distributed in the training data.

    Attributes
    ----------
    kind : str
        As in `Measured`.
    edges : (n_edges,) float64
    below : (n_edges,) float64
        Share of the values below each edge.
    variance : (n_edges,) float64
        Over sequences, of how many values lie below an edge less `below` of them.
    error : (n_edges,) float64
        Variance of `below`.
    n_sequences : int
    figure : float
        What is told of the values.
    """

    kind: Annotated[str, Choice(*_KINDS)]
    edges: Annotated[NDArray[np.float64], Array("float64", None)]
    below: Annotated[NDArray[np.float64], Array("float64", None, low=0)]
    variance: Annotated[NDArray[np.float64], Array("float64", None, low=0)]
    error: Annotated[NDArray[np.float64], Array("float64", None, low=0)]
    n_sequences: Annotated[int, Integer(0)]
    figure: float

    def check_sound(self) -> None:
        """Raise ValueError where arrays do not fit each other."""
        if len({len(array) for array in (self.edges, self.below, self.variance, self.error)}) > 1:
            raise ValueError("what is usual needs as many of everything as of edges.")
        if (np.diff(self.edges) <= 0).any():
            raise ValueError("the edges of bins must rise.")

    @classmethod
    def learn(cls, found: Measured) -> Usual:
        """Learn from held-out sequences."""
        edges = _edges(found)
        zeros = np.zeros(len(edges))
        blank = cls(found.kind, edges, zeros, zeros, zeros, 0, 0.0)
        below = np.searchsorted(np.sort(found.numbers), edges) / max(len(found.numbers), 1)
        seen = blank._replace(below=below).see(found)
        n, n_values = max(seen.n_sequences, 1), max(seen.n_values, 1)
        squares = seen.squares + (n_values / n) ** 2  # as if one more sequence were wholly otherwise: none is certain
        variance, error = squares / n, squares / n_values**2
        figure = 0.0 if np.isnan(seen.figure) else float(seen.figure)
        return cls(found.kind, edges, below, variance, error, seen.n_sequences, figure)

    def see(self, found: Measured) -> Seen:
        """Count a log, or a part of it."""
        rows, row = np.unique(found.row, return_inverse=True)
        n_bins = 1 + len(self.edges)
        bins = row * n_bins + np.searchsorted(self.edges, found.numbers, side="right")
        counts = np.bincount(bins, minlength=len(rows) * n_bins).reshape(-1, n_bins)
        over = counts[:, :-1].cumsum(axis=1) - counts.sum(axis=1, keepdims=True) * self.below
        return Seen(len(rows), len(row), over.sum(axis=0), (over**2).sum(axis=0), float(found.figures.sum()))

    def compare(self, name: str, seen: Seen) -> dict[str, Any]:
        """Give the row of a frame."""
        n, m = max(seen.n_values, 1), seen.n_sequences
        shift = seen.total / n
        told: dict[str, Any] = {"what": name, "training": self._told(self.figure), "log": self._told(seen.figure)}
        if m < 2 or self.n_sequences < 2 or not len(self.edges):
            return told | {"difference": np.nan, "test": "", "p_value": np.nan, "noticed": False}
        spread = np.maximum(seen.squares - seen.total**2 / m, m * self.variance) / n**2 + self.error
        z = np.divide(np.abs(shift), np.sqrt(spread), where=spread > 0, out=np.zeros(len(shift)))
        p_value = min(1.0, len(shift) * 2 * stats.t.sf(z.max(), min(m, self.n_sequences) - 1))
        at = int(np.abs(shift).argmax())
        if self.kind == "rank":
            told = {"what": f"{name}, the {at + 1} most frequent", "training": self.below[at]}
            told["log"] = self.below[at] + shift[at]
        told |= {"difference": abs(shift[at]), "test": "clustered z", "p_value": p_value}
        return told | {"noticed": self._is_clear(told["difference"], seen) and p_value < LEVEL}

    def _is_clear(self, difference: float, seen: Seen) -> bool:
        change = seen.figure - self.figure
        doubled = {"share": change >= max(_CLEAR_OF_RARE, self.figure), "size": abs(change) >= np.log(2)}
        return bool(difference >= _CLEAR or doubled.get(self.kind, False))

    def _told(self, figure: float) -> float:
        return float(np.exp(figure)) if self.kind == "size" else float(figure)


class Reference(NamedTuple):
    """What a log is compared with: held-out sequences of the training data, which the model met as it meets a log.

    Attributes
    ----------
    things : dict of Usual
    frequent : dict of (n_kinds,) int32
        Under "events" and the name of each category, the codes of what is most frequent, the first most.
    clock : int or None
        That of the training data, as in `Sequences`.
    """

    things: Annotated[dict[str, Usual], Mapped(Record(Usual))]
    frequent: Annotated[dict[str, NDArray[np.int32]], Mapped(Array("int32", None, low=0))]
    clock: Annotated[int, Integer(1)] | None

    def check_sound(self) -> None:
        """Raise ValueError where something is lacking that every log is compared in."""
        if not {LENGTH, EVENTS, UNKNOWN_EVENTS, P_VALUES, *self.frequent} <= self.things.keys():
            raise ValueError("something is lacking that a log is compared in.")
        if EVENTS not in self.frequent:
            raise ValueError("it does not tell the most frequent events.")

    @classmethod
    def learn(
        cls,
        events: Sequence[Mapping[str, Measured]],
        sequences: Mapping[str, Measured],
        frequent: dict[str, NDArray[np.int32]],
        clock: int | None,
    ) -> Self:
        """Learn from what was measured of each fold and of all; `frequent` is of the model that stays."""
        found = {name: _pooled([fold[name] for fold in events]) for name in events[0]} | {**sequences}
        things = {name: Usual.learn(values) for name, values in found.items()}
        twice = things[P_VALUES]  # calibrated on the same sequences, so new ones' vary once more
        return cls(things | {P_VALUES: twice._replace(error=2 * twice.error)}, frequent, clock)

    def see(self, found: Mapping[str, Measured]) -> dict[str, Seen]:
        """Count what was measured of a log, or of a part of it."""
        return {name: self.things[name].see(values) for name, values in found.items()}

    def compare(self, seen: Mapping[str, Seen], flagged: FlaggedShare, clock: int | None) -> pd.DataFrame:
        """Compare a log with the training data.

        Parameters
        ----------
        seen : mapping of Seen
        flagged : FlaggedShare
        clock : int or None
            Of the log.

        Returns
        -------
        drift : DataFrame
            As `AnomalyMixin.drift` gives it.
        """
        rows = [_told_of_size(self.things[LENGTH].n_sequences, flagged.n_sequences), flagged.compare()]
        rows += [usual.compare(name, seen[name]) for name, usual in self.things.items() if name in seen]
        rows += [_compare_clocks(self.clock, clock)] if self.clock is not None else []
        return pd.DataFrame(rows, columns=COLUMNS).astype({"training": object, "log": object, "noticed": bool})


class FlaggedShare(NamedTuple):
    """How many of a log's sequences are flagged, and how many of the held-out ones would be."""

    n_held_out: int
    n_held_out_flagged: int
    n_sequences: int
    n_flagged: int

    @classmethod
    def of(cls, held_out_scores: NDArray[np.float64], offset: float, n_sequences: int, n_flagged: int) -> Self:
        """Count the held-out sequences."""
        return cls(len(held_out_scores), int((held_out_scores < offset).sum()), n_sequences, int(n_flagged))

    def compare(self) -> dict[str, Any]:
        """Give the row of a frame.

        The number flagged is beta-binomial if the sequences are exchangeable with the held-out ones: the threshold
        itself is known from these alone (Vovk 2012, "Conditional validity of inductive conformal predictors").
        """
        a, b = self.n_held_out_flagged + 1, self.n_held_out - self.n_held_out_flagged
        expected, m = a / (a + b), self.n_sequences
        found = self.n_flagged / m if m else np.nan
        p_value = float(stats.betabinom.sf(self.n_flagged - 1, m, a, b)) if m else np.nan
        noticed = found - expected >= max(_CLEAR_OF_RARE, expected) and p_value < LEVEL
        told = {"what": "flagged", "training": expected, "log": found, "difference": abs(found - expected)}
        return told | {"test": "beta-binomial", "p_value": p_value, "noticed": noticed}


def frequent_codes(X: Sequences, fields: Fields) -> dict[str, NDArray[np.int32]]:
    """Give the codes of the most frequent events, and values of each category, as `Reference` has them."""
    coded = {EVENTS: X.codes} | _categories(X, fields)
    return {name: _most_frequent(codes) for name, codes in coded.items()}


def measure(X: Sequences, fields: Fields, frequent: Mapping[str, NDArray[np.int32]]) -> dict[str, Measured]:
    """Measure what is compared of the events of X, which come in a model's codes."""
    row = np.repeat(np.arange(len(X)), X.lengths)
    found = {UNKNOWN_EVENTS: Measured("share", (X.codes == UNKNOWN).astype(float), row)}
    for name, codes in ({EVENTS: X.codes} | _categories(X, fields)).items():
        found[name] = Measured("rank", _ranks(codes, frequent[name]), row)
    columns = field_columns(X, clock=fields.clock)
    for number in fields.numbers:
        found |= _measure_numbers(number.name, columns[number.name].astype(np.float64), row)
    return found


def _measure_numbers(name: str, values: NDArray[np.float64], row: NDArray[np.intp]) -> dict[str, Measured]:
    """Tell the numbers apart from 0, and from none: few of them may have a size."""
    there, zero = ~np.isnan(values), values == 0
    found = {
        name: Measured("size", values[there & ~zero], row[there & ~zero]),
        f"{name} of 0": Measured("share", zero[there].astype(float), row[there]),
    }
    return found if name == GAP else found | {f"{name} missing": Measured("share", (~there).astype(float), row)}


def measure_sequences(lengths: NDArray[np.integer], scores: NDArray[np.float64]) -> dict[str, Measured]:
    """Measure what is compared of whole sequences: how long they are, and their p-values by `score_samples`."""
    row = np.arange(len(lengths))
    return {LENGTH: Measured("mean", lengths.astype(float), row), P_VALUES: Measured("mean", np.exp(scores), row)}


def blocks(X: Sequences) -> Iterator[Sequences]:
    """Give X in parts that are measured at once."""
    return (X[start : start + _AT_ONCE] for start in range(0, max(len(X), 1), _AT_ONCE))


def added(parts: Iterable[Mapping[str, Seen]]) -> dict[str, Seen]:
    """Add up what was counted of the parts of a log."""
    total: dict[str, Seen] = {}
    for part in parts:
        total |= {name: seen + total[name] if name in total else seen for name, seen in part.items()}
    return total


def restored(record: Mapping[str, Sequence[Any]]) -> dict[str, Seen]:
    """Give what was counted again from JSON."""
    seen = {name: Seen(*fields) for name, fields in record.items()}
    return {name: t._replace(total=np.array(t.total), squares=np.array(t.squares)) for name, t in seen.items()}


def _edges(found: Measured) -> NDArray[np.float64]:
    if found.kind == "share":
        return np.array([0.5])
    if found.kind == "rank":
        return np.arange(1.0, _MOST_KINDS + 2)
    if not len(found.numbers):
        return np.empty(0)
    above = np.nextafter(found.numbers.max(), np.inf)
    return np.unique([*np.quantile(found.numbers, [0, *_LEVELS], method="higher"), above])


def _pooled(parts: Sequence[Measured]) -> Measured:
    starts = np.cumsum([0, *(1 + part.row.max(initial=-1) for part in parts)])
    rows = [part.row + start for part, start in zip(parts, starts, strict=False)]
    return Measured(parts[0].kind, np.concatenate([part.numbers for part in parts]), np.concatenate(rows))


def _categories(X: Sequences, fields: Fields) -> dict[str, NDArray[np.int32]]:
    codes = fields.encode(X).columns["categories"] if fields.categories else np.empty((X.n_events, 0), np.int32)
    first = int(fields.gap_in_buckets)
    return {field.name: codes[:, first + at] for at, field in enumerate(fields.categories)}


def _most_frequent(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    counts = np.bincount(codes[codes >= N_RESERVED])
    most = np.argsort(-counts, kind="stable")[:_MOST_KINDS]
    return most[counts[most] > 0].astype(np.int32)


def _ranks(codes: NDArray[np.int32], frequent: NDArray[np.int32]) -> NDArray[np.float64]:
    """Give places among the most frequent; what is known beside them comes last but one, what is not, last."""
    rank = np.full(1 + max(codes.max(initial=UNKNOWN), frequent.max(initial=UNKNOWN)), _MOST_KINDS)
    rank[frequent] = np.arange(len(frequent))
    rank[:N_RESERVED] = _MOST_KINDS + 1
    return rank[codes].astype(float)


def _told_of_size(training: int, log: int) -> dict[str, Any]:
    told = {"what": "sequences", "training": training, "log": log, "difference": np.nan, "test": ""}
    return told | {"p_value": np.nan, "noticed": not log}


def _compare_clocks(training: int, log: int | None) -> dict[str, Any]:
    names = {tick: f"1 {name}" for name, tick in CLOCKS.items()} | {None: "unknown"}
    told = {"what": "clock", "training": names[training], "log": names[log], "difference": np.nan}
    known = log is not None
    p_value = (1.0 if log == training else 0.0) if known else np.nan
    return told | {"test": "ticks" if known else "", "p_value": p_value, "noticed": known and log != training}
