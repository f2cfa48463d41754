"""What every generator can do once it tells how likely what comes next is: judge sequences, and continue them."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer, check_known
from seqrec.data.ends import close, end_code
from seqrec.data.fields import EVENT
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.summary import TrainingData
from seqrec.data.vocabulary import N_RESERVED, Vocabulary
from seqrec.exceptions import InputError
from seqrec.generate import copies
from seqrec.generate.paths import Events, Trace, Walk, Walks, followed, probabilities
from seqrec.generate.sampling import AS_IT_IS, draw_next, uniforms

__all__ = ["GeneratorMixin"]

_MOST_LENGTHS = 2  # of the longest training sequence, after which a sample is cut
_LONGEST = 10_000  # events, after which it is cut anyway


class GeneratorMixin:
    """The verbs of a generator, written once.

    A subclass sets `vocabulary_` and `longest_` and gives `_log_prob` and `_walks`. In all methods X is `Sequences`, a
    list of sequences or a 2-D array with one sequence a row.

    Attributes
    ----------
    vocabulary_ : Vocabulary
    longest_ : int
        Events of the longest training sequence.
    training_data_ : TrainingData
    """

    vocabulary_: Vocabulary
    longest_: int
    training_data_: TrainingData

    def sample(
        self,
        n: int = 1,
        prefix: Any = None,
        length: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Any = None,
        random_state: Any = None,
        numbers: Any = None,
    ) -> Sequences:
        """Draw sequences, event by event, from what could come next.

        Parameters
        ----------
        n : int
            How many.
        prefix : Sequences, list of sequences, or one flat list of items, optional
            What the sequences begin with: n of them, or one for all. It is part of what is given.
        length : int, optional
            Draw just so many events of each, and no end. By default each goes on until it ends; one that does not is
            cut at twice the length of the longest training sequence, or at 10,000 events. Without a prefix, nothing
            comes later than the last event of the training data: whole samples are a log that stops when that did.
        temperature, top_k, top_p
            As in `sampling.shaped`, for the kinds of the events; ``top_k=1`` takes the likeliest each time.
        stop : item, or list of items, optional
            End a sequence after one of these, too.
        random_state : int, RandomState or None
            The same number gives the same samples: sample i is the same however many are drawn beside it.
        numbers : (n,) int, optional
            Which samples to draw, of those that `random_state` stands for: by default 0, 1, 2, ...

        Returns
        -------
        samples : Sequences
            With keys 0, 1, 2, ..., or `numbers`; with times and columns if training had them.

        Raises
        ------
        ValueError
            If a number is out of its range, or `prefix` or `stop` holds an item that training lacked.
        """
        check_is_fitted(self, "vocabulary_")
        check_shape(temperature, top_k, top_p)
        n, stops = check_integer(n, "n", minimum=0), self._codes_of(stop)
        limit = check_integer(longest_sample(self.longest_) if length is None else length, "length", minimum=0)
        keys = np.arange(n) if numbers is None else np.asarray(numbers)
        if keys.shape != (n,):
            raise InputError(f"numbers must hold one for each of the {n:,} samples, got shape {keys.shape}.")
        begun = self._begun(n, prefix)
        reads = begun.n_events > 0 and self._reads(begun)  # or its times and fields are drawn, too
        rows = np.arange(n) if len(begun) == n else np.zeros(n, np.intp)
        walk = self._walks(begun if reads else begun.between(0, 0))(rows)  # one beginning of all is read once
        seed = int(check_random_state(random_state).randint(2**31))
        last = self.training_data_.last if prefix is None and length is None else None
        end = end_code(len(self.vocabulary_))
        draw = _Draw(seed, end, length is not None, (temperature, top_k, top_p), stops, last)
        events, lengths = draw.run(walk, keys, limit, None if reads else begun[rows])
        drawn = self._sequences(events, np.concatenate([[0], np.cumsum(lengths)]), keys)
        return followed(begun[rows], drawn) if reads else drawn

    def next_probabilities(self, X: Any) -> NDArray[np.float64]:
        """Probability of all that could come next in each sequence.

        Returns
        -------
        probabilities : (n_sequences, n_items + 1) float64
            Columns as in ``vocabulary_.items`` and, last, that the sequence ends. Rows sum to 1.
        """
        return probabilities(self._walk(self._known(X)))

    def surprisal(self, X: Any, by_field: bool = False, ends: bool = False) -> Any:
        """``-log p`` of each event given all before it, nats.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array
        by_field : bool
            Apart for the event and each of its fields, which add up to the whole.
        ends : bool
            Give that of each sequence's end too, after its events.

        Returns
        -------
        surprisal : (n_events,) float64, or DataFrame of (n_events, 1 + n_fields)
            In the order of X's events; n_sequences more with their ends. For a number it is that of a density, in units
            of the spread of its logarithm, and can be below 0.
        """
        X = self._known(X)
        surprisal = -self._log_prob(X)[slice(None) if ends else close(X).events]
        return pd.DataFrame(surprisal, columns=self._field_names()) if by_field else surprisal.sum(axis=1)

    def log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """``log p`` of each sequence, of the fields of its events, and of its end, (n,), nats."""
        X = self._known(X)
        return np.add.reduceat(self._log_prob(X).sum(axis=1), close(X).indptr[:-1]) if len(X) else np.zeros(0)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Mean ``log p`` of an event with its fields, ends among them, in nats: the higher, the better."""
        X = self._known(X)
        if not len(X):
            raise InputError("there are no sequences to score.")
        return float(self._log_prob(X).sum(axis=1).mean())

    def bits_per_event(self, X: Any) -> float:
        """Mean ``-log2 p`` of an event with its fields, ends among them."""
        return -self.score(X) / np.log(2)

    def copied(self, X: Any, training: Any) -> NDArray[np.int64]:
        """Give the length of the longest span of each sequence of X that stands in the training sequences, (n,)."""
        check_is_fitted(self, "vocabulary_")
        X, training = as_sequences(X), as_sequences(training)
        return copies.longest_spans(X.recode(training.vocabulary), training)

    def _known(self, X: Any) -> Sequences:
        check_is_fitted(self, "vocabulary_")
        return as_sequences(X, estimator=self, reset=False).recode(self.vocabulary_)

    def _begun(self, n: int, prefix: Any) -> Sequences:
        """Give what each of n sequences begins with, or the one thing that all do."""
        flat = isinstance(prefix, list | tuple) and not any(
            isinstance(one, list | tuple | np.ndarray) for one in prefix
        )
        begun = as_sequences([[]] if prefix is None else [prefix] if flat else prefix)
        check_known(begun.vocabulary.items.tolist(), set(self.vocabulary_.items.tolist()), "the prefix")
        if len(begun) not in (1, n):
            raise InputError(f"a prefix is one for all samples, or one for each of the {n}; got {len(begun)}.")
        return begun.recode(self.vocabulary_)

    def _codes_of(self, stop: Any) -> NDArray[np.int32]:
        if stop is None:
            return np.zeros(0, np.int32)
        items = list(stop) if isinstance(stop, Collection) and not isinstance(stop, str) else [stop]
        check_known(items, set(self.vocabulary_.items.tolist()), "stop")
        return self.vocabulary_.encode(np.array(items, dtype=self.vocabulary_.items.dtype))

    def _reads(self, begun: Sequences) -> bool:  # noqa: ARG002
        """Whether sequences have the times and the columns that training had."""
        return True

    def _sequences(self, events: Events, indptr: NDArray[np.int64], keys: NDArray[np.intp]) -> Sequences:
        """Give drawn events as sequences."""
        return Sequences(events.codes, indptr, keys, self.vocabulary_, None, np.arange(len(events.codes)))

    def _field_names(self) -> list[str]:
        """Names of what `_log_prob` gives."""
        return [EVENT]

    def _log_prob(self, X: Sequences) -> NDArray[np.float64]:
        """``log p`` of X in own codes: of each event and each end, in the order of `ends.close`, and of its fields."""
        raise NotImplementedError

    def _walks(self, begun: Sequences) -> Walks:
        """Read beginnings in own codes: what it gives sets any of them on their way, as often as wanted."""
        raise NotImplementedError

    def _walk(self, begun: Sequences) -> Walk:
        return self._walks(begun)(np.arange(len(begun)))

    def _columns_of(self, events: Events) -> dict[str, NDArray]:  # noqa: ARG002
        """Give the columns that drawn events have."""
        return {}


class _Draw(NamedTuple):
    """How events are drawn."""

    seed: int
    end: int  # its code
    goes_on: bool  # whether nothing ends
    shape: tuple[float, int | None, float | None]
    stops: NDArray[np.int32]
    last: np.datetime64 | None  # time, after which nothing comes

    def run(
        self, walk: Walk, rows: NDArray[np.intp], limit: int, forced: Sequences | None
    ) -> tuple[Events, NDArray[np.int64]]:
        """Draw at most `limit` events of each of n sequences with these numbers, after those that are `forced`.

        Returns
        -------
        events : Events
            Of one sequence after another.
        lengths : (n,) int64
        """
        trace, active = Trace(), np.arange(len(rows))
        n_forced = np.zeros(len(rows), np.int64) if forced is None else forced.lengths
        for step in range(int(n_forced.max(initial=0)) + limit):
            if not len(active):
                break
            codes, is_free = self._chosen(walk, rows[active], step), n_forced[active] <= step
            if forced is not None:
                codes[~is_free] = forced.codes[forced.indptr[active[~is_free]] + step]
            goes_on = ~is_free | (codes != self.end) & (step < n_forced[active] + limit)
            if not goes_on.all():
                walk.keep(goes_on)
                active, codes, is_free = active[goes_on], codes[goes_on], is_free[goes_on]
            events = walk.take(codes, partial(self._uniforms, rows[active], step))
            is_late = np.zeros(len(active), bool) if self.last is None else events.times > self.last
            trace.add(active[~is_late], events.some(~is_late))
            if (stopped := is_late | is_free & np.isin(codes, self.stops)).any():
                walk.keep(~stopped)
                active = active[~stopped]
        return trace.collected(len(rows))

    def _chosen(self, walk: Walk, rows: NDArray[np.intp], step: int) -> NDArray[np.int32]:
        uniform, may_end = uniforms(self.seed, rows, step, 0), not self.goes_on
        plain = self.shape == AS_IT_IS
        columns = walk.draw(uniform, may_end) if plain else draw_next(walk, uniform, may_end, self.shape)
        return (N_RESERVED + columns).astype(np.int32)

    def _uniforms(self, rows: NDArray[np.intp], step: int, n: int) -> NDArray[np.float64]:
        return uniforms(self.seed, rows[:, None], step, np.arange(1, n + 1))


def longest_sample(longest: int) -> int:
    """Give the number of events after which a sample is cut, where a training sequence had at most so many."""
    return min(_MOST_LENGTHS * longest, _LONGEST)


def check_shape(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise InputError where probabilities cannot be shaped so."""
    if not 0 < temperature < np.inf:
        raise InputError(f"temperature must be above 0, got {temperature}. For the likeliest each time, top_k=1.")
    if top_k is not None:
        check_integer(top_k, "top_k")
    if top_p is not None and not 0 < top_p <= 1:
        raise InputError(f"top_p must be above 0 and at most 1, got {top_p}.")
