"""What every LSTM estimator shares: its parameters, sizes chosen from the data, fitting and fitting on."""

from __future__ import annotations

import math
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from seqrec.base import item_counts
from seqrec.batches import UNKNOWN_GAP, Batch, gap_buckets, history_batches, training_batches
from seqrec.model import SequenceModel
from seqrec.precision import bfloat16_is_fast
from seqrec.progress import TrainingProgress
from seqrec.sequences import Sequences
from seqrec.training import train, warm_up_and_cosine
from seqrec.vocabulary import N_RESERVED

_SOFTMAX_ITEMS = 10_000  # above, sampling costs less and, with so many negatives, little accuracy
_N_NEGATIVES = 8_192
_LARGEST_BATCH, _LARGEST_SAMPLED_BATCH = 8_192, 1_024  # events; a batch shares its negatives, so small ones see more
_VALIDATION_SEQUENCES = 2_000  # more would cost time and tell little more
_SCORING_BATCH = 16_384  # events


class BaseLSTM(BaseEstimator):
    """Common ground of the LSTM estimators; `LSTMRecommender` describes the parameters.

    A subclass gives `_merit(network, history, target)`, the figure that early stopping follows.
    """

    _parameter_constraints: ClassVar[dict] = {
        "units": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "embedding_dim": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "cell": [StrOptions({"lstm", "peephole", "gru", "rnn"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "loss": [StrOptions({"auto", "softmax", "sampled_softmax"})],
        "max_length": [Interval(Integral, 2, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "verbose": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
    }

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
        self._keep(network, architecture, history)
        self.vocabulary_ = X.vocabulary
        self.item_counts_ = counts

    def _fit_network_on(self, X: Sequences) -> None:
        """Train the fitted network for an epoch on X, whose catalogue starts with the fitted one."""
        architecture = self._network_architecture | {"n_codes": N_RESERVED + len(X.vocabulary)}
        network = SequenceModel(**architecture, dtype=self._policy())
        weights = zip(self.model_.get_weights(), network.get_weights(), strict=True)
        network.set_weights([_widened(old, new) for old, new in weights])
        history = self._train(network, X, self._learning_rate(X) / 10, 1, check_random_state(self.random_state))
        self._keep(network, architecture, {name: self.history_.get(name, []) + history[name] for name in history})
        self.vocabulary_ = X.vocabulary
        self.item_counts_ = item_counts(X) + _widened(self.item_counts_, np.zeros(len(X.vocabulary), np.int64))

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

    def _merit(self, network: SequenceModel, history: Sequences, target: NDArray[np.int32]) -> float:
        raise NotImplementedError

    def _keep(self, network: SequenceModel, architecture: dict[str, Any], history: dict[str, list[float]]) -> None:
        """Set what a fit leaves; nothing before has touched the estimator, so a fit that fails changes nothing."""
        self._network_architecture = architecture
        self.model_ = SequenceModel(**architecture)
        self.model_.set_weights(network.get_weights())
        self.history_ = history

    def _architecture(self, X: Sequences) -> dict[str, Any]:
        n_items = len(X.vocabulary)
        # Half the square root of the number of events, as a power of two: 512 units for a million events.
        suitable = 2 ** int(np.clip(round(math.log2(math.sqrt(X.n_events) / 2)), 4, 9))
        units = suitable if self.units == "auto" else self.units
        return {
            "n_codes": N_RESERVED + n_items,
            "units": units,
            "embedding_dim": min(units, 128) if self.embedding_dim == "auto" else self.embedding_dim,
            "n_layers": self.n_layers,
            "cell": self.cell,
            "dropout": self.dropout,
            "n_negatives": min(_N_NEGATIVES, n_items - 1) if self._is_sampled(X) else 0,
            "with_time": X.timestamps is not None,
        }

    def _is_sampled(self, X: Sequences) -> bool:
        return self.loss == "sampled_softmax" or (self.loss == "auto" and len(X.vocabulary) > _SOFTMAX_ITEMS)

    def _batch_size(self, X: Sequences) -> int:
        """About a hundred batches an epoch: fewer learn too slowly, more leave the processor's matrix units idle."""
        if self.batch_size == "auto":
            largest = _LARGEST_SAMPLED_BATCH if self._is_sampled(X) else _LARGEST_BATCH
            return int(np.clip(2 ** round(math.log2(max(1, X.n_events) / 128)), 256, largest))
        return self.batch_size

    def _learning_rate(self, X: Sequences) -> float:
        """Adam bears a rate in proportion to the square root of the batch (Malladi et al. 2022)."""
        if self.learning_rate == "auto":
            return 0.01 * math.sqrt(self._batch_size(X) / 8192)
        return self.learning_rate

    def _n_epochs(self, X: Sequences) -> int:
        """Choose few epochs for a sparse log: it is known by heart soon, and the rate should have fallen by then."""
        if self.max_epochs == "auto":
            return int(np.clip(round(3 * math.sqrt(X.n_events / len(X.vocabulary))), 6, 10))
        return self.max_epochs

    def _policy(self) -> str:
        bfloat16 = self.precision == "bfloat16" or (self.precision == "auto" and bfloat16_is_fast())
        return "mixed_bfloat16" if bfloat16 else "float32"

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the network as its weights."""
        state = super().__getstate__()
        if "model_" in state:
            state = state | {"model_": state["model_"].get_weights()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the network anew from its weights."""
        super().__setstate__(state)
        if "model_" in state:
            self.model_ = SequenceModel(**self._network_architecture)
            self.model_.set_weights(state["model_"])


def last_states(
    network: SequenceModel, X: Sequences, window: int, at: NDArray[np.datetime64] | None = None
) -> NDArray[np.float32]:
    """State after the last event of each sequence of X, (n_sequences, embedding_dim) float32."""
    order = np.argsort(X.lengths, kind="stable")  # sequences of like length, so that little is padded
    X = X[order]
    states = np.empty((len(X), network.embedding.output_dim), dtype=np.float32)
    for batch in history_batches(X, window, _SCORING_BATCH):
        last = np.minimum(X.lengths[batch.rows], window - 1)
        gaps = _question_gaps(network, X, batch, last, at if at is None else at[order[batch.rows]])
        arrays = (tf.constant(array, tf.int32) for array in (last, batch.inputs, *gaps))
        states[order[batch.rows]] = network.states_at(*arrays)
    return states


def _question_gaps(
    network: SequenceModel,
    X: Sequences,
    batch: Batch,
    last: NDArray[np.int64],
    at: NDArray[np.datetime64] | None,
) -> tuple[NDArray, ...]:
    """Gaps before the events and, at the last one, the gap until the question; unknown ones where X has no times."""
    if network.gap_embedding is None:
        return ()
    next_gaps = np.full_like(batch.inputs, UNKNOWN_GAP)
    if at is not None and X.timestamps is not None:
        rows = np.flatnonzero(X.lengths[batch.rows])
        waited = at[rows] - X.timestamps[X.indptr[batch.rows[rows] + 1] - 1]
        next_gaps[rows, last[rows]] = gap_buckets(waited.astype("timedelta64[us]").astype(np.int64))
    return batch.arrays(with_gaps=True)[2], next_gaps


def _widened(old: NDArray, new: NDArray) -> NDArray:
    """Give `new` with `old` in its first rows."""
    return np.concatenate([old, new[len(old) :]])
