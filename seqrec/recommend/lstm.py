"""Recommend with an LSTM: the top k of its distribution over the next item."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from seqrec.data.sequences import Sequences
from seqrec.data.summary import CATALOGUE, HISTORY, TrainingData
from seqrec.data.vocabulary import N_RESERVED
from seqrec.metrics.ranking import ndcg, tied_rank
from seqrec.network.batches import training_batches
from seqrec.network.blueprint import SEQUENCE_MODEL, Network, sequence_shapes
from seqrec.network.estimator import BaseLSTM
from seqrec.network.gates import embedded_history
from seqrec.network.model import SequenceModel
from seqrec.network.next_items import last_states, score_states
from seqrec.network.progress import TrainingProgress
from seqrec.network.training import train, warm_up_and_cosine
from seqrec.recommend.base import RecommenderMixin, item_counts
from seqrec.storage.schemas import Schema

_SEQUENCES_AT_ONCE = 32_768
_VALIDATION_SEQUENCES = 2_000  # more would cost time and tell little more


class LSTMRecommender(RecommenderMixin, BaseLSTM):
    """Learn from many histories what usually comes next, and recommend it.

    An LSTM reads a history event by event; its last state, compared with the embedding of each item of the catalogue,
    gives the probability that the item comes next. It is trained on every position of every sequence. The defaults
    suit user histories; sizes and loss follow the data where a parameter says "auto".

    Parameters
    ----------
    units : int or "auto"
        Width of the recurrent state. "auto": 512 for a million events, less for fewer.
    embedding_dim : int or "auto"
        Width of the item embeddings. "auto": as `units`, at most 128.
    n_layers : int
        Recurrent layers.
    cell : {"lstm", "peephole", "gru", "rnn"}
        "lstm" is Keras' LSTM on its fast kernels; "peephole" that of Gers & Schmidhuber (2000); the others are for
        comparison.
    dropout : float
        Share of the outputs that is dropped in training; of the recurrence's inputs, half of it.
    loss : {"auto", "softmax", "sampled_softmax"}
        "auto": cross-entropy over the whole catalogue up to 10,000 items, over 8,192 sampled ones above.
    max_length : int
        Most events that the network looks back on; longer histories are trained on in windows of this length. In
        training, states are carried on through a window, and gradients go back up to 70 events.
    batch_size : int or "auto"
        Events (not sequences) in a batch. "auto": about a hundredth of the log, a power of two from 256 to 8,192; to
        1,024 where items are sampled.
    learning_rate : float or "auto"
        Height of the schedule: one epoch of warm-up, then a cosine. "auto": 0.01 for batches of 8,192 events, in
        proportion to the square root of the batch for others.
    max_epochs : int or "auto"
        Passes over the log. "auto": three times the square root of the events per item, at least 6 and at most 10.
    patience : int
        Stop after so many epochs without a better validation score.
    validation_fraction : float
        Share of the sequences, at most 2,000, whose last event is held out to validate on. Fewer than 20 validate
        nothing: training then runs for `max_epochs`.
    precision : {"auto", "float32", "bfloat16"}
        Of the matrix products in training. "auto": bfloat16 where the machine has instructions for it. Scores are
        always computed in float32.
    verbose : bool or "auto"
        Show progress; "auto": in a terminal or notebook.
    random_state : int, RandomState or None
        The same seed on the same machine gives the same weights; no global seed is touched.

    Attributes
    ----------
    model_ : SequenceModel
        The Keras model, in float32.
    vocabulary_ : Vocabulary
        The catalogue: the items of the training data.
    item_counts_ : (n_items,) int64
        How often each occurs there, and in what `partial_fit` was given since.
    history_ : dict of lists
        For each epoch the "loss" (nats an event, dropout on) and the "validation" score (NDCG@10).
    training_data_ : TrainingData
        Size and dates of the training data; what `partial_fit` was given counts on top.

    References
    ----------
    Hidasi et al. (2016), "Session-based recommendations with recurrent neural networks".
    Petrov & Macdonald (2022), "A systematic review and replicability study of BERT4Rec": full-catalogue evaluation.
    Klenitskiy & Vasilev (2023), "Turning dross into gold loss": cross-entropy over the catalogue.

    Examples
    --------
    >>> from seqrec import LSTMRecommender
    >>> histories = [["tea", "milk", "sugar"], ["tea", "milk"], ["milk", "sugar", "tea"]] * 10
    >>> recommender = LSTMRecommender(max_epochs=5, random_state=0).fit(histories)
    >>> items, scores = recommender.recommend([["tea"]], k=2)
    >>> items.shape
    (1, 2)
    """

    _parameter_constraints: ClassVar[dict] = BaseLSTM._parameter_constraints | {
        "embedding_dim": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions({"auto", "softmax", "sampled_softmax"})],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    }
    _schema: ClassVar[dict[str, Schema]] = CATALOGUE | {
        "history_": HISTORY,
        "model_": Network(SequenceModel, SEQUENCE_MODEL, sequence_shapes),
    }

    def __init__(
        self,
        units: int | str = "auto",
        embedding_dim: int | str = "auto",
        n_layers: int = 1,
        cell: str = "lstm",
        dropout: float = 0.5,
        loss: str = "auto",
        max_length: int = 200,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        max_epochs: int | str = "auto",
        patience: int = 5,
        validation_fraction: float = 0.1,
        precision: str = "auto",
        verbose: bool | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.units = units
        self.embedding_dim = embedding_dim
        self.n_layers = n_layers
        self.cell = cell
        self.dropout = dropout
        self.loss = loss
        self.max_length = max_length
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike | None = None) -> LSTMRecommender:
        """Learn from the sequences X.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array with one sequence a row
            Time gaps between the events are used where X has timestamps.
        y : (n_sequences,) array-like of item ids, optional
            The next item of each sequence; appended to X.

        Returns
        -------
        self : LSTMRecommender

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is not as described; before any training.
        DivergenceError
            If the loss turns NaN; an earlier fit is kept.
        """
        self._validate_params()
        self._fit_network(self._training_sequences(X, y))
        return self

    def partial_fit(self, X: Any, y: ArrayLike | None = None) -> LSTMRecommender:
        """Learn from new sequences, for one epoch; new items join the catalogue.

        Give each user's whole history with the new events at its end, or the new events alone. An estimator that was
        never fitted is fitted.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        self : LSTMRecommender
        """
        if not hasattr(self, "model_"):
            return self.fit(X, y)
        self._validate_params()
        X = self._training_sequences(X, y, reset=False)
        self._fit_network_on(X.recode(self.vocabulary_.extend(X.vocabulary.items)))
        return self

    @property
    def n_latest(self) -> int:
        """How many events at the end of a history matter: those that the network reads, and the time before them."""
        return self.max_length + 1

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probability that each item of the catalogue comes next.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array

        Returns
        -------
        probabilities : (n_sequences, n_items) float32
            Columns as in ``vocabulary_.items``; rows sum to 1. A history without any item of the catalogue gets the
            items' shares in the training data.

        Raises
        ------
        ValueError
            If the table would hold more than 2**28 numbers (1 GiB): use `recommend`, which works in batches.
        """
        X = self._encode(X)
        shape = (len(X), len(self.vocabulary_))
        if math.prod(shape) > 2**28:
            raise ValueError(f"{shape[0]:,} sequences by {shape[1]:,} items are too many for one table. Use recommend.")
        probabilities = np.empty(shape, dtype=np.float32)
        for rows, log_probabilities in self._explained_scores(X):
            probabilities[rows] = np.exp(log_probabilities)
        return probabilities

    def similar_items(self, item: Any, k: int = 10) -> tuple[NDArray, NDArray[np.float32]]:
        """Give the items whose embeddings point most nearly the way that the item's own does.

        Parameters
        ----------
        item : item id
        k : int
            Clipped, with a warning, to the size of the catalogue.

        Returns
        -------
        items : (k,) array of item ids, most similar first; without the item itself
        similarities : (k,) float32
            Cosines.

        Raises
        ------
        ValueError
            If the item is not in the catalogue.
        """
        check_is_fitted(self)
        k = min(self._clip(k), len(self.vocabulary_) - 1)
        column = self.vocabulary_.encode(np.asarray([item]))[0] - N_RESERVED
        if column < 0:
            raise ValueError(f"item {item!r} is not in the catalogue of {len(self.vocabulary_):,} items.")
        embeddings = np.asarray(self.model_.embedding.embeddings)[N_RESERVED:]
        embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        similarities = embeddings @ embeddings[column]
        similarities[column] = -np.inf
        best = np.argsort(-similarities, kind="stable")[:k]
        return self.vocabulary_.items[best], similarities[best]

    def recurrent_inputs(self, X: Sequences) -> tuple[SequenceModel, Any]:
        """Give the network, and what its recurrence takes in of one history."""
        return self.model_, embedded_history(self.model_, X.recode(self.vocabulary_), self.max_length)

    def _next_item_scores(
        self, X: Sequences, at: NDArray[np.datetime64] | None = None
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        for start in range(0, len(X), _SEQUENCES_AT_ONCE):
            part = slice(start, min(start + _SEQUENCES_AT_ONCE, len(X)))
            states = last_states(self.model_, X[part], self.max_length, at if at is None else at[part])
            for rows, scores in score_states(self.model_, states):
                yield slice(start + rows.start, start + rows.stop), scores

    def _explained_scores(
        self, X: Sequences, at: NDArray[np.datetime64] | None = None
    ) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Give natural log-probabilities: of a history without known items, of the shares in the training data."""
        cold, shares = self.is_cold(X), np.log(self.item_counts_ / self.item_counts_.sum())
        for rows, scores in self._next_item_scores(X, at):
            log_probabilities = log_softmax(scores.astype(np.float64), axis=1)
            log_probabilities[cold[rows]] = shares
            yield rows, log_probabilities

    def _merit(self, network: SequenceModel, history: Sequences, target: NDArray[np.int32]) -> float:
        """NDCG@10 of the held-out last items over the whole catalogue."""
        blocks = score_states(network, last_states(network, history, self.max_length))
        ranks = [tied_rank(scores, target[rows].astype(np.intp) - N_RESERVED) for rows, scores in blocks]
        return float(ndcg(np.concatenate(ranks), k=10).mean())

    def _fit_network(self, X: Sequences) -> None:
        """Build a network for X, which is in the codes of its own catalogue, and train it."""
        random = check_random_state(self.random_state)
        architecture = self._architecture(X) | {"seed": int(random.randint(2**31))}
        network = SequenceModel(**architecture, dtype=self._policy())
        counts = item_counts(X)
        network.head.start_from_popularity(counts)
        n_batches = math.ceil(X.n_events / self._batch_size(X))
        n_epochs = self._n_epochs(X)
        schedule = warm_up_and_cosine(self._learning_rate(X), n_batches, n_epochs)
        history = self._train(network, X, schedule, n_epochs, random)
        self._keep(network, history)
        self.vocabulary_ = X.vocabulary
        self.item_counts_ = counts
        self.training_data_ = TrainingData.of(X)

    def _fit_network_on(self, X: Sequences) -> None:
        """Train the fitted network for an epoch on X, whose catalogue starts with the fitted one."""
        architecture = self.model_.arguments | {"n_codes": N_RESERVED + len(X.vocabulary)}
        network = SequenceModel(**architecture, dtype=self._policy())
        weights = zip(self.model_.get_weights(), network.get_weights(), strict=True)
        network.set_weights([_widened(old, new) for old, new in weights])
        history = self._train(network, X, self._learning_rate(X) / 10, 1, check_random_state(self.random_state))
        self._keep(network, {name: self.history_.get(name, []) + history[name] for name in history})
        self.vocabulary_ = X.vocabulary
        self.item_counts_ = item_counts(X) + _widened(self.item_counts_, np.zeros(len(X.vocabulary), np.int64))
        self.training_data_ = self.training_data_.followed_by(X, len(X.vocabulary))

    def _train(
        self,
        network: SequenceModel,
        X: Sequences,
        learning_rate: Any,
        n_epochs: int,
        random: np.random.RandomState,
    ) -> dict[str, list[float]]:
        rng = np.random.default_rng(random.randint(2**31, size=4))
        X, history, target = self._hold_out(X, rng)
        batches = partial(training_batches, X, self.max_length, self._batch_size(X), rng)
        validate = partial(self._merit, network, history, target) if len(target) else None
        with TrainingProgress(n_epochs, X.n_events, self.verbose) as progress:
            return train(network, batches, validate, learning_rate, n_epochs, self.patience, progress)

    def _hold_out(self, X: Sequences, rng: np.random.Generator) -> tuple[Sequences, Sequences, NDArray[np.int32]]:
        """Take the last event of some sequences out of X: what is left, their histories, their targets' codes."""
        long = np.flatnonzero(X.lengths > 2)
        n = min(round(self.validation_fraction * len(long)), _VALIDATION_SEQUENCES)
        rows = np.sort(rng.choice(long, n if n >= 20 else 0, replace=False))
        ends = X.lengths.copy()
        ends[rows] -= 1
        return X.between(0, ends), X[rows].between(0, ends[rows]), X.codes[X.indptr[rows + 1] - 1]

    def _build(self) -> None:
        self.model_ = self.model_.build()

    def _keep(self, network: SequenceModel, history: dict[str, list[float]]) -> None:
        """Set what a fit leaves; nothing before has touched the estimator, so a fit that fails changes nothing."""
        self.model_ = SequenceModel(**network.arguments)
        self.model_.set_weights(network.get_weights())
        self.history_ = history

    def _architecture(self, X: Sequences) -> dict[str, Any]:
        units = self._units(X)
        return {
            "n_codes": N_RESERVED + len(X.vocabulary),
            "units": units,
            "embedding_dim": min(units, 128) if self.embedding_dim == "auto" else int(self.embedding_dim),
            "n_layers": int(self.n_layers),
            "cell": self.cell,
            "dropout": float(self.dropout),
            "n_negatives": self._n_negatives(X),
            "with_time": X.timestamps is not None,
        }

    def _is_sampled(self, X: Sequences) -> bool:
        return self.loss == "sampled_softmax" or (self.loss == "auto" and super()._is_sampled(X))

    def _n_epochs(self, X: Sequences) -> int:
        """Choose few epochs for a sparse log: it is known by heart soon, and the rate should have fallen by then."""
        if self.max_epochs == "auto":
            return int(np.clip(round(3 * math.sqrt(X.n_events / len(X.vocabulary))), 6, 10))
        return self.max_epochs


def _widened(old: NDArray, new: NDArray) -> NDArray:
    """Give `new` with `old` in its first rows."""
    return np.concatenate([old, new[len(old) :]])
