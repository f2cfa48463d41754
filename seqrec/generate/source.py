"""Where futures come from: what a fitted network, or n-grams, tell of what could come after a history."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import Vocabulary
from seqrec.exceptions import InputError
from seqrec.generate.base import GeneratorMixin
from seqrec.generate.gaps import Timing
from seqrec.generate.paths import Events, Walks
from seqrec.generate.silence import n_versions

if TYPE_CHECKING:
    from seqrec.network.model import SequenceModel

_BYTES_OF_VERSION = 64  # of an event that may end a silence


class Source(NamedTuple):
    """What is known of an estimator that futures are asked of.

    Attributes
    ----------
    name : str
        Of its class.
    vocabulary : Vocabulary
    has_end : bool
        Whether it tells how likely a sequence ends.
    timing : Timing or None
        Of its training data, if it tells when events come.
    n_bytes : int
        Of memory that a path takes.
    read : callable
        Takes n histories in the codes of the vocabulary, and gives their `paths.Walks`.
    columns : callable
        Gives the columns that drawn events have.
    """

    name: str
    vocabulary: Vocabulary
    has_end: bool
    timing: Timing | None
    n_bytes: int
    read: Callable[[Sequences], Walks]
    columns: Callable[[Events], dict[str, NDArray]]

    @property
    def width(self) -> int:
        """Kinds of what could come next: the items and, last, the end, if there is one."""
        return len(self.vocabulary) + self.has_end

    @property
    def n_bytes_of_silence(self) -> int:
        """Memory that a history takes whose silence is heard."""
        return _BYTES_OF_VERSION * len(self.vocabulary) * n_versions(len(self.vocabulary), 1)

    @classmethod
    def of(cls, estimator: Any) -> Source:
        """Look at a fitted estimator.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            If it is none that tells what comes next, event by event.
        """
        if isinstance(estimator, GeneratorMixin):
            check_is_fitted(estimator, "vocabulary_")
            timing = getattr(estimator, "timing_", None)
            return cls._of(estimator, True, timing, estimator._walks, estimator._columns_of)
        from seqrec.generate import network_source as network  # it takes its time, and n-grams do without

        if not network.tells_events(estimator):
            fit = "LSTMGenerator, NGramGenerator, LSTMAnomalyDetector or LSTMRecommender"
            raise InputError(f"futures are asked of {fit}; got {type(estimator).__name__}.")
        check_is_fitted(estimator, "training_data_")
        return cls._of(estimator, *network.source_of(estimator))

    @classmethod
    def _of(cls, estimator: Any, has_end: bool, timing: Timing | None, read: Any, columns: Any) -> Source:
        n_bytes = _bytes_of(getattr(estimator, "model_", None))
        return cls(type(estimator).__name__, estimator.vocabulary_, has_end, timing, n_bytes, read, columns)


def _bytes_of(network: SequenceModel | None) -> int:
    """Memory of a row on its way through a network: its states, the latest events, and copies of both."""
    if network is None:
        return 0
    architecture = network.architecture
    return 16 * (2 * architecture.n_layers * architecture.units + 12 * architecture.embedding_dim)
