"""What a generating network has to beat: n-grams."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from seqrec.data.censoring import ended
from seqrec.data.display import ShownAsCard
from seqrec.data.ends import close
from seqrec.data.inputs import as_sequences, warn_of_unused
from seqrec.data.sequences import Sequences
from seqrec.data.summary import FITTED, TrainingData
from seqrec.data.vocabulary import UNKNOWN, vocabulary
from seqrec.generate.base import GeneratorMixin
from seqrec.generate.kneser_ney import KneserNey, latest_events, with_next
from seqrec.generate.paths import AT_ONCE, Events, Uniforms, Walks
from seqrec.network.unseen import Unseen
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Integer, Record, Schema

__all__ = ["NGramGenerator"]


class NGramGenerator(GeneratorMixin, ShownAsCard, Storable, BaseEstimator):
    """Continue sequences by what followed the few events before: interpolated modified Kneser-Ney.

    Times and fields are not read; but an end that is probably none, as the log stops there, does not count.

    Parameters
    ----------
    order : int
        Events in an n-gram; 5 looks four events back.

    Attributes
    ----------
    vocabulary_ : Vocabulary
        Kinds of events, n_items.
    ngrams_ : KneserNey
    unseen_ : Unseen
        What is left for kinds of events that training lacked; none is drawn.
    longest_ : int
        Events of the longest training sequence.
    training_data_ : TrainingData
        Size and dates of the training data.

    Examples
    --------
    >>> generator = NGramGenerator(order=3).fit([["open", "read", "close"], ["open", "close"]] * 20)
    >>> [sequence.tolist() for sequence in generator.sample(2, prefix=["open", "read"], random_state=0)]
    [['open', 'read', 'close'], ['open', 'read', 'close']]
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {"order": [Interval(Integral, 1, None, closed="left")]}
    _schema: ClassVar[dict[str, Schema]] = FITTED | {
        "vocabulary_": vocabulary("n_items"),
        "ngrams_": Record(KneserNey),
        "unseen_": Record(Unseen),
        "longest_": Integer(1),
    }

    def __init__(self, order: int = 5) -> None:
        self.order = order

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Count what follows what in the sequences X; y is ignored."""
        self._validate_params()
        X = as_sequences(X, allow_empty=False, estimator=self).compact()
        warn_of_unused(X, self)
        chain, is_real = close(X), np.ones(X.n_events + len(X), bool)
        is_real[chain.indptr[1:] - 1] = ended(X) >= 0.5
        self.ngrams_ = KneserNey.fit(chain.only(is_real), len(X.vocabulary) + 1, self.order)
        self.vocabulary_, self.unseen_ = X.vocabulary, Unseen.estimate(X)
        self.longest_, self.training_data_ = int(X.lengths.max()), TrainingData.of(X)
        return self

    def _log_prob(self, X: Sequences) -> NDArray[np.float64]:
        chain = close(X)
        known = np.log1p(-self.unseen_.mass) + self.ngrams_.log_prob(chain)[0]
        return np.where(chain.codes == UNKNOWN, np.log(self.unseen_.probability), known)[:, None]

    def _walks(self, begun: Sequences) -> Walks:
        latest = latest_events(begun, len(self.ngrams_.levels) - 1)
        return lambda rows: _Walk(self.ngrams_, latest[rows])


class _Walk:
    """Sequences on their way, of which the latest events are known."""

    def __init__(self, ngrams: KneserNey, latest: NDArray[np.int32]) -> None:
        self._ngrams, self._latest = ngrams, latest

    def next_weights(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Probability of each item and, last, of the end, (rows, n_items + 1)."""
        step = max(1, AT_ONCE // self._ngrams.n_codes)
        for start in range(0, len(self._latest), step):
            latest = self._latest[start : start + step]
            p = np.zeros((len(latest), self._ngrams.n_codes))
            self._ngrams.following(latest).add_to(p, np.ones(len(latest)))
            yield slice(start, start + step), p

    def draw(self, uniform: NDArray[np.float64], may_end: bool) -> NDArray[np.intp]:
        """Draw what comes next by numbers in [0, 1), (n,): columns of an item, or, last, of the end."""
        following = self._ngrams.following(self._latest)
        return following.draw(uniform, following.masses(may_end), np.arange(len(uniform)), may_end)

    def take(self, codes: NDArray[np.int32], _: Uniforms) -> Events:
        """Go on with these events, which have neither fields nor times."""
        self._latest = with_next(self._latest, codes)
        return Events.plain(codes)

    def keep(self, rows: NDArray) -> None:
        """Go on with some of the sequences alone: a mask, or numbers of which some may repeat."""
        self._latest = self._latest[rows]
