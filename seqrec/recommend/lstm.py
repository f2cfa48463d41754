"""Recommend with an LSTM: the top k of its distribution over the next item."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from scipy.stats import rankdata
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import warn_user
from seqrec.data.fields import Fields
from seqrec.data.queries import last_times, seconds_until
from seqrec.data.sequences import Sequences
from seqrec.data.summary import CATALOGUE, HISTORY, TrainingData
from seqrec.data.vocabulary import N_RESERVED
from seqrec.exceptions import InputError
from seqrec.metrics.ranking import ndcg, tied_rank
from seqrec.network.architectures import Architecture
from seqrec.network.blueprint import Network, architecture_schema
from seqrec.network.estimator import BaseLSTM
from seqrec.network.model import SequenceModel
from seqrec.network.reading import Reader
from seqrec.network.stream import StreamState
from seqrec.network.training import Course, History, Trainer, by_weight
from seqrec.recommend.base import RecommenderMixin
from seqrec.recommend.baselines import MarkovRecommender
from seqrec.recommend.next_items import item_counts
from seqrec.recommend.stream import RecommenderStream
from seqrec.storage.schemas import Record, Schema

_SEQUENCES_AT_ONCE = 32_768
_FIELDS_DROPPED = 0.1  # of the fields' values in training: a question can lack them
_VALIDATION_SEQUENCES = 2_000  # more would cost time and tell little more
_FEWEST_SEQUENCES = 20  # fewer validate nothing
_SMALL = 8_192  # events; a smaller log needs many more steps than its epochs would have


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
        1,024 where items are sampled. 64 where a small log is read often (see `max_epochs`).
    learning_rate : float or "auto"
        Height of the schedule: one epoch of warm-up, then a cosine. "auto": 0.01 for batches of 8,192 events, in
        proportion to the square root of the batch for others; 0.01 where a small log is read often.
    max_epochs : int or "auto"
        Passes over the log. "auto": three times the square root of the events per item, at least 6 and at most 10.
        A log of fewer than 8,192 events is read often, 60,000 events in all, at least 10 times and at most 100; a
        warning says so if the network then is worse than popularity, or if there is too little to tell.
    patience : int
        Stop after so many epochs without a better validation score.
    validation_fraction : float
        Share of the sequences, at most 2,000, whose last event is held out to validate on. Fewer than 20 validate
        nothing: training then runs for `max_epochs`. Where a small log is read often, 20 are taken if there are 40.
    precision : {"auto", "float32", "bfloat16"}
        Of the matrix products in training. "auto": bfloat16 where the machine has instructions for it. Scores are
        always computed in float32.
    verbose : bool or "auto"
        Show progress; "auto": in a terminal or notebook.
    random_state : int, RandomState or None
        The same seed on the same machine, on as many threads, gives the same weights; no global seed is touched.

    Attributes
    ----------
    model_ : SequenceModel
        The Keras model, in float32.
    vocabulary_ : Vocabulary
        The catalogue: the items of the training data.
    fields_ : Fields
        What is read of an event beside its item: the columns of the training data, and the gaps in time.
    item_counts_ : (n_items,) int64, or float64 with weights
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
        "fields_": Record(Fields),
        "model_": Network(SequenceModel, architecture_schema("n_items + 2")),
    }
    _share_asked = 0.5
    _fields_may_lack = True
    fields_: Fields
    model_: SequenceModel
    history_: History

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
        self.units, self.embedding_dim, self.n_layers, self.cell = units, embedding_dim, n_layers, cell
        self.dropout, self.loss, self.max_length, self.batch_size = dropout, loss, max_length, batch_size
        self.learning_rate, self.max_epochs, self.patience = learning_rate, max_epochs, patience
        self.validation_fraction, self.precision = validation_fraction, precision
        self.verbose, self.random_state = verbose, random_state

    def fit(self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from the sequences X.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array with one sequence a row
            Time gaps between the events are used where X has timestamps, and so are its columns (event type, rating,
            price, channel): numbers, text and truth values.
        y : (n_sequences,) array-like of item ids, optional
            The next item of each sequence; appended to X.
        sample_weight : (n_sequences,) array-like, optional
            How often each sequence is read, relative to the others: one of weight 2 twice as often as one of weight 1,
            one of weight 0 never. A Series whose index holds the keys is brought in their order.

        Returns
        -------
        self : LSTMRecommender

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is not as described; before any training.
        DivergenceError
            If the loss turns NaN; an earlier fit is kept.
        KeyboardInterrupt
            At Ctrl-C. If an epoch was over, the estimator is fitted first, with the weights of the best so far; if none
            was, an earlier fit is kept.
        """
        self._validate_params()
        self._fit_network(*self._weighted_sequences(X, y, sample_weight))
        return self

    def partial_fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learn from new sequences, for one epoch; new items join the catalogue.

        Give each user's whole history with the new events at its end, or the new events alone; of what has times, only
        events after all that was learned before, or of new items, count for the popularity of items. An estimator that
        was never fitted is fitted.

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
    def classes_(self) -> NDArray:
        """There are none: scikit-learn's `cross_val_predict` asks for them, whose y would be numbers that it made."""
        raise AttributeError(
            "a recommender has no classes_: the columns of predict_proba are vocabulary_.items. cross_val_predict with "
            "method='predict_proba' puts numbers in place of y: append y to the histories, and call it without."
        )

    @property
    def n_read(self) -> int:
        """Steps at the end of a history that the network reads, of which the start is one."""
        return self.max_length

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
            raise InputError(f"{shape[0]:,} sequences by {shape[1]:,} items are too many for one table. Use recommend.")
        probabilities = np.empty(shape, dtype=np.float32)
        for rows, log_probabilities in self._explained_scores(X):
            probabilities[rows] = np.exp(log_probabilities)
        return probabilities

    def item_embeddings(self) -> NDArray[np.float32]:
        """Give the embedding of each item of the catalogue, (n_items, embedding_dim) float32."""
        check_is_fitted(self)
        return np.asarray(self.model_.encoder.items.embeddings)[N_RESERVED:]

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
            raise InputError(f"item {item!r} is not in the catalogue of {len(self.vocabulary_):,} items.")
        embeddings = self.item_embeddings()
        embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        similarities = embeddings @ embeddings[column]
        similarities[column] = -np.inf
        best = np.argsort(-similarities, kind="stable")[:k]
        return self.vocabulary_.items[best], similarities[best]

    def stream(self, state: StreamState | None = None) -> RecommenderStream:
        """Follow users as their events come, one more event at the cost of one step.

        Up to `max_length` events, it recommends what `recommend` does; of longer histories it remembers all.

        Parameters
        ----------
        state : StreamState, optional
            The `state` of an earlier stream of this recommender, to go on from.

        Returns
        -------
        stream : RecommenderStream
            With `push`, `push_many`, `recommend` and `state`.
        """
        check_is_fitted(self, "model_")
        return RecommenderStream(self, state)

    def _next_item_scores(self, X: Sequences, at: Any = None) -> Iterator[tuple[slice, NDArray]]:
        reader = Reader.of(self.model_)
        for start in range(0, len(X), _SEQUENCES_AT_ONCE):
            part = slice(start, min(start + _SEQUENCES_AT_ONCE, len(X)))
            states = self._last_states(reader, self.encode(X[part]))
            if self.model_.architecture.asked:
                waited = seconds_until(None if at is None else at[part], last_times(X[part]))
                states = reader.asked(states, *self.fields_.encode_gaps(waited))
            for rows, scores in reader.scores(states):
                yield slice(start + rows.start, start + rows.stop), scores

    def _last_states(self, reader: Reader, X: Sequences) -> NDArray[np.float32]:
        """State after the last event of each sequence of the encoded X, (n_sequences, embedding_dim) float32."""
        states = np.empty((len(X), reader.network.architecture.embedding_dim), np.float32)
        long = X.lengths >= self.max_length  # of these the start is not read either
        for rows, first in ((np.flatnonzero(~long), reader.started), (np.flatnonzero(long), reader.blank)):
            if len(rows):
                states[rows] = reader.read(X[rows].tail(self.max_length), first).output
        return states

    def _explained_scores(self, X: Sequences, at: Any = None) -> Iterator[tuple[slice, NDArray]]:
        """Give natural log-probabilities: of a history without known items, of the shares in the training data."""
        cold, shares = self.is_cold(X), np.log(self.item_counts_ / self.item_counts_.sum())
        for rows, scores in self._next_item_scores(X, at):
            log_probabilities = log_softmax(scores.astype(np.float64), axis=1)
            log_probabilities[cold[rows]] = shares
            yield rows, log_probabilities

    def _fit_network(self, X: Sequences, weights: NDArray | None) -> None:
        """Build a network for X, which is in the codes of its own catalogue, and train it."""
        weights = None if weights is None else weights / weights.mean()
        random = check_random_state(self.random_state)
        fields = Fields.learn(X)
        architecture = self._architecture(
            X,
            fields,
            int(random.randint(2**31)),
            n_codes=N_RESERVED + len(X.vocabulary),
            n_layers=int(self.n_layers),
            fields_dropped=_FIELDS_DROPPED,
            **({} if self.embedding_dim == "auto" else {"embedding_dim": int(self.embedding_dim)}),
        )
        encoded, course = fields.encode(X), self._course(X, self._n_epochs(X), self.patience)
        counts = item_counts(X, weights)

        def start(network: SequenceModel) -> None:
            network.head.start_from_popularity(counts)

        trainer, history = self._train(architecture, encoded, course, random, start, weights)
        # Nothing before has touched the estimator, so a fit that fails changes nothing.
        self.model_, self.history_, self.fields_, self.vocabulary_ = trainer.network, history, fields, X.vocabulary
        self.item_counts_, self.training_data_ = counts, TrainingData.of(X)
        trainer.raise_if_stopped()

    def _fit_network_on(self, X: Sequences) -> None:
        """Train the fitted network for an epoch on X, whose catalogue starts with the fitted one."""
        n_items, old = len(X.vocabulary), self.model_.get_weights()
        architecture = self.model_.architecture._replace(n_codes=N_RESERVED + n_items)
        course = self._course(X, 1, self.patience)._replace(learning_rate=self._learning_rate(X) / 10, warm_up=False)

        def start(network: SequenceModel) -> None:
            network.set_weights([_widened(*pair) for pair in zip(old, network.get_weights(), strict=True)])

        encoded, random = self.fields_.encode(X, may_lack=True), check_random_state(self.random_state)
        trainer, history = self._train(architecture, encoded, course, random, start)
        history = {name: self.history_.get(name, []) + history[name] for name in history}
        self.model_, self.history_, self.vocabulary_ = trainer.network, history, X.vocabulary
        last, before = self.training_data_.last, len(self.item_counts_)
        new: Any = slice(None)
        if last is not None and X.timestamps is not None:  # whole histories hold what was counted before
            new = (X.timestamps > last) | (X.codes >= N_RESERVED + before)
        self.item_counts_ = item_counts(X, events=new) + _widened(self.item_counts_, np.zeros(n_items, np.int64))
        self.training_data_ = self.training_data_.followed_by(X, n_items)
        trainer.raise_if_stopped()

    def _train(
        self,
        architecture: Architecture,
        X: Sequences,
        course: Course,
        random: np.random.RandomState,
        start: Callable,
        weights: NDArray | None = None,
    ) -> tuple[Trainer, History]:
        rng = np.random.default_rng(random.randint(2**31, size=4))
        X, rows, history, target = self._hold_out(X, rng)
        columns = target.astype(np.intp) - N_RESERVED
        of_held_out = None if weights is None else weights[rows]

        def merit(reader: Reader) -> float:
            """NDCG@10 of the held-out last items over the whole catalogue."""
            blocks = reader.scores(self._last_states(reader, history))
            ranks = [tied_rank(scores, columns[rows]) for rows, scores in blocks]
            return float(np.average(ndcg(np.concatenate(ranks), k=10), weights=of_held_out))

        trainer = Trainer(architecture, self._policy())
        drawn = {} if weights is None else {"draw": partial(by_weight, weights=weights)}
        losses = trainer.fit(X, course, rng, start, merit if len(target) else None, **drawn)
        if self.max_epochs == "auto":
            if len(target):
                self._warn_if_poor(max(losses["validation"]), X, weights, history, target, of_held_out)
            elif self.validation_fraction:
                warn_user(
                    f"{len(X):,} sequences are too few to hold last items out, which would tell when to stop and how "
                    "good the network is. On so small a log MarkovRecommender is often better: compare by evaluate."
                )
        return trainer, losses

    def _warn_if_poor(
        self, found: float, X: Sequences, weights: Any, history: Sequences, target: NDArray, of_held_out: Any
    ) -> None:
        """Say where counting is better, in NDCG@10 of the last items that were held out: of a small log, pairs too."""
        ranks = rankdata(-item_counts(X, weights))[target - N_RESERVED]
        counted = {"PopularityRecommender": float(np.average(ndcg(ranks, k=10), weights=of_held_out))}
        if self._reads_often(X):
            markov = MarkovRecommender().fit(replace(X, columns={}), sample_weight=weights)
            asked = replace(history, columns={}), X.vocabulary.decode(target), of_held_out
            counted["MarkovRecommender"] = markov.score(*asked)
        best = max(counted, key=lambda name: counted[name])
        if found < counted[best]:
            warn_user(
                f"NDCG@10 of held-out last items is {found:.3f}, and that of {best} {counted[best]:.3f}: this log is "
                "too small, or too plain, for a network. Take the other one, or a larger log; compare by evaluate."
            )

    def _hold_out(
        self, X: Sequences, rng: np.random.Generator
    ) -> tuple[Sequences, NDArray, Sequences, NDArray[np.int32]]:
        """Take the last event of some sequences out of X: what is left, which, their histories and targets."""
        long = np.flatnonzero(X.lengths > 2)
        n = min(round(self.validation_fraction * len(long)), _VALIDATION_SEQUENCES)
        if n and self._reads_often(X) and len(long) >= 2 * _FEWEST_SEQUENCES:
            n = max(n, _FEWEST_SEQUENCES)
        rows = np.sort(rng.choice(long, n if n >= _FEWEST_SEQUENCES else 0, replace=False))
        ends = X.lengths.copy()
        ends[rows] -= 1
        return X.between(0, ends), rows, X.between(0, ends[rows], rows), X.codes[X.indptr[rows + 1] - 1]

    def _is_sampled(self, X: Sequences) -> bool:
        return self.loss == "sampled_softmax" or (self.loss == "auto" and super()._is_sampled(X))

    def _reads_often(self, X: Sequences) -> bool:
        """Whether X is so small that it is read often, in small batches, until validation says to stop."""
        return self.max_epochs == "auto" and X.n_events < _SMALL

    def _batch_size(self, X: Sequences) -> int:
        return 64 if self.batch_size == "auto" and self._reads_often(X) else super()._batch_size(X)

    def _learning_rate(self, X: Sequences) -> float:
        return 0.01 if self.learning_rate == "auto" and self._reads_often(X) else super()._learning_rate(X)

    def _n_epochs(self, X: Sequences) -> int:
        """Choose few epochs for a sparse log: it is known by heart soon, and the rate should have fallen by then."""
        if self._reads_often(X):
            return int(np.clip(60_000 / X.n_events, 10, 100))
        usual = np.clip(round(3 * math.sqrt(X.n_events / len(X.vocabulary))), 6, 10)
        return int(usual if self.max_epochs == "auto" else self.max_epochs)


def _widened(old: NDArray, new: NDArray) -> NDArray:
    """Give `new` with `old` in its first rows."""
    return np.concatenate([old, new[len(old) :]])
