"""What a generating network has to beat: n-grams."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from seqrec.data.display import ShownAsCard
from seqrec.data.ends import close
from seqrec.data.inputs import as_sequences, warn_of_unused
from seqrec.data.sequences import Sequences
from seqrec.data.summary import FITTED, TrainingData
from seqrec.data.vocabulary import UNKNOWN, vocabulary
from seqrec.generate.base import GeneratorMixin
from seqrec.generate.kneser_ney import KneserNey, latest_events, with_next
from seqrec.generate.paths import Events, Uniforms
from seqrec.network.unseen import Unseen
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Integer, Record, Schema

__all__ = ["NGramGenerator"]


class NGramGenerator(GeneratorMixin, ShownAsCard, Storable, BaseEstimator):
    """Continue sequences by what followed the few events before: interpolated modified Kneser-Ney.

    Times and fields are not read.

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
        self.ngrams_ = KneserNey.fit(close(X), len(X.vocabulary) + 1, self.order)
        self.vocabulary_, self.unseen_ = X.vocabulary, Unseen.estimate(X)
        self.longest_, self.training_data_ = int(X.lengths.max()), TrainingData.of(X)
        return self

    def _log_prob(self, X: Sequences) -> NDArray[np.float64]:
        chain = close(X)
        known = np.log1p(-self.unseen_.mass) + self.ngrams_.log_prob(chain)[0]
        return np.where(chain.codes == UNKNOWN, np.log(self.unseen_.probability), known)[:, None]

    def _walk(self, begun: Sequences) -> _Walk:
        return _Walk(self.ngrams_, begun)


class _Walk:
    """Sequences on their way, of which the latest events are known."""

    def __init__(self, ngrams: KneserNey, begun: Sequences) -> None:
        self._ngrams, self._latest = ngrams, latest_events(begun, len(ngrams.levels) - 1)

    def next_log_prob(self) -> NDArray[np.float64]:
        """Log-probability of each item and the end, (n, n_items + 1), nats."""
        return self._ngrams.next_log_prob(self._latest)

    def take(self, codes: NDArray[np.int32], _: Uniforms) -> Events:
        """Go on with these events, which have neither fields nor times."""
        self._latest = with_next(self._latest, codes)
        return Events.plain(codes)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with some of the sequences alone."""
        self._latest = self._latest[rows]
