"""What every generator can do once it tells how likely what comes next is: judge sequences, and continue them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer, show
from seqrec.data.ends import close, end_code
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary
from seqrec.exceptions import InputError
from seqrec.generate import copies
from seqrec.generate.sampling import choose, shaped, uniforms

__all__ = ["GeneratorMixin"]

MOST_LENGTHS = 2  # of the longest training sequence, after which a sample is cut


class Walk(Protocol):
    """Sequences on their way: what could come next in each, and one event more."""

    def next_log_prob(self) -> NDArray[np.float64]:
        """Log-probability of each item and, last, of the end, (n, n_items + 1), nats."""

    def take(self, codes: NDArray[np.int32]) -> None:
        """Go on with these events, (n,) codes."""

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with some of the sequences alone."""


class GeneratorMixin:
    """The verbs of a generator, written once.

    A subclass sets `vocabulary_` and `longest_` and gives `_log_prob` and `_walk`. In all methods X is `Sequences`, a
    list of sequences or a 2-D array with one sequence a row.

    Attributes
    ----------
    vocabulary_ : Vocabulary
    longest_ : int
        Events of the longest training sequence.
    """

    vocabulary_: Vocabulary
    longest_: int

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
            cut at twice the length of the longest training sequence.
        temperature, top_k, top_p
            As in `sampling.shaped`; ``top_k=1`` takes the likeliest each time.
        stop : item, or list of items, optional
            End a sequence after one of these, too.
        random_state : int, RandomState or None
            The same number gives the same samples: sample i is the same however many are drawn beside it.

        Returns
        -------
        samples : Sequences
            With keys 0, 1, 2, ...

        Raises
        ------
        ValueError
            If a number is out of its range, or `stop` is no item of the training data.
        """
        check_is_fitted(self, "vocabulary_")
        check_shape(temperature, top_k, top_p)
        begun, stops = self._begun(check_integer(n, "n", minimum=0), prefix), self._codes_of(stop)
        limit = MOST_LENGTHS * self.longest_ if length is None else check_integer(length, "length", minimum=0)
        seed = int(check_random_state(random_state).randint(2**31))
        draw = _Draw(seed, length is not None, (temperature, top_k, top_p), stops)
        codes, lengths = draw.run(self._walk(begun), len(begun), limit, end_code(len(self.vocabulary_)))
        return self._joined(begun, codes, lengths)

    def next_probabilities(self, X: Any) -> NDArray[np.float64]:
        """Probability of all that could come next in each sequence.

        Returns
        -------
        probabilities : (n_sequences, n_items + 1) float64
            Columns as in ``vocabulary_.items`` and, last, that the sequence ends. Rows sum to 1.
        """
        return np.exp(self._walk(self._known(X)).next_log_prob())

    def surprisal(self, X: Any, ends: bool = False) -> NDArray[np.float64]:
        """``-log p`` of each event given all before it, nats.

        Returns
        -------
        surprisal : (n_events,) float64, or (n_events + n_sequences,) with that of each sequence's end after its events
        """
        X = self._known(X)
        surprisal = -self._log_prob(X)
        return surprisal if ends else surprisal[close(X).events]

    def log_likelihood(self, X: Any) -> NDArray[np.float64]:
        """``log p`` of each sequence and its end, (n,), nats."""
        X = self._known(X)
        return np.add.reduceat(self._log_prob(X), close(X).indptr[:-1]) if len(X) else np.zeros(0)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Mean ``log p`` of an event, ends among them, in nats: the higher, the better."""
        X = self._known(X)
        if not len(X):
            raise InputError("there are no sequences to score.")
        return float(self._log_prob(X).mean())

    def bits_per_event(self, X: Any) -> float:
        """Mean ``-log2 p`` of an event, ends among them."""
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
        """Give what each of n sequences begins with."""
        if prefix is None:
            return Sequences.from_lists([[]] * n).recode(self.vocabulary_)
        flat = isinstance(prefix, list | tuple) and not any(
            isinstance(one, list | tuple | np.ndarray) for one in prefix
        )
        begun = as_sequences([prefix] if flat else prefix)
        if unknown := set(begun.vocabulary.items.tolist()) - set(self.vocabulary_.items.tolist()):
            raise InputError(f"the prefix holds {show(min(unknown, key=str))}, which training lacked.")
        if len(begun) not in (1, n):
            raise InputError(f"a prefix is one for all samples, or one for each of the {n}; got {len(begun)}.")
        return begun.recode(self.vocabulary_)[np.zeros(n, np.intp) if len(begun) == 1 else np.arange(n)]

    def _codes_of(self, stop: Any) -> NDArray[np.int32]:
        if stop is None:
            return np.zeros(0, np.int32)
        items = list(stop) if isinstance(stop, Collection) and not isinstance(stop, str) else [stop]
        codes = self.vocabulary_.encode(np.array(items, dtype=self.vocabulary_.items.dtype))
        if (codes == UNKNOWN).any():
            raise InputError(f"stop holds {show(items[int(np.argmax(codes == UNKNOWN))])}, which training lacked.")
        return codes

    def _joined(self, begun: Sequences, codes: NDArray[np.int32], lengths: NDArray[np.int64]) -> Sequences:
        """Give what was drawn, (n, longest) codes of which so many are of each, after what it began with."""
        whole = begun.lengths + lengths
        flat = np.empty(whole.sum(), np.int32)
        is_begun = np.arange(len(flat)) - np.repeat(np.cumsum(whole) - whole, whole) < np.repeat(begun.lengths, whole)
        flat[is_begun], flat[~is_begun] = begun.codes, codes[np.arange(codes.shape[1]) < lengths[:, None]]
        indptr = np.concatenate([[0], np.cumsum(whole)])
        return Sequences(flat, indptr, np.arange(len(whole)), self.vocabulary_, None, np.arange(len(flat)))

    def _log_prob(self, X: Sequences) -> NDArray[np.float64]:
        """``log p`` of each event and each end of X in own codes, in the order of `ends.close`."""
        raise NotImplementedError

    def _walk(self, begun: Sequences) -> Walk:
        """Read what sequences begin with."""
        raise NotImplementedError


class _Draw(NamedTuple):
    """How events are drawn."""

    seed: int
    goes_on: bool  # whether nothing ends
    shape: tuple[float, int | None, float | None]
    stops: NDArray[np.int32]

    def run(self, walk: Walk, n: int, limit: int, end: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Draw at most `limit` events of n sequences: codes (n, limit), and how many are of each."""
        codes, lengths, rows = np.zeros((n, limit), np.int32), np.zeros(n, np.int64), np.arange(n)
        for step in range(limit):
            log_p = walk.next_log_prob()
            log_p[:, -1] = -np.inf if self.goes_on else log_p[:, -1]
            chosen = choose(shaped(log_p, *self.shape), uniforms(self.seed, rows, step)) + N_RESERVED
            drawn = chosen != end
            codes[rows[drawn], step] = chosen[drawn]
            lengths[rows[drawn]] += 1
            goes_on = drawn & ~np.isin(chosen, self.stops)
            if not goes_on.any():
                break
            rows = rows[goes_on]
            walk.keep(goes_on)
            walk.take(chosen[goes_on].astype(np.int32))
        return codes, lengths


def check_shape(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise InputError where probabilities cannot be shaped so."""
    if not 0 < temperature < np.inf:
        raise InputError(f"temperature must be above 0, got {temperature}. For the likeliest each time, top_k=1.")
    if top_k is not None:
        check_integer(top_k, "top_k")
    if top_p is not None and not 0 < top_p <= 1:
        raise InputError(f"top_p must be above 0 and at most 1, got {top_p}.")
