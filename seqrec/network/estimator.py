"""What every LSTM estimator shares: its parameters, and sizes chosen from the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from seqrec.data.display import ShownAsCard
from seqrec.data.fields import Fields
from seqrec.data.sequences import Sequences
from seqrec.network.architectures import Architecture
from seqrec.network.tensorflow import bfloat16_is_fast
from seqrec.network.training import Course
from seqrec.storage.estimator import Storable

SOFTMAX_ITEMS = 10_000  # above, sampling costs less and, with so many negatives, little accuracy
_N_NEGATIVES = 8_192
_LARGEST_BATCH, _LARGEST_SAMPLED_BATCH = 8_192, 1_024  # events; a batch shares its negatives, so small ones see more


class BaseLSTM(ShownAsCard, Storable, BaseEstimator):
    """Common ground of the LSTM estimators; `LSTMRecommender` describes the parameters."""

    _parameter_constraints: ClassVar[dict] = {
        "units": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "cell": [StrOptions({"lstm", "peephole", "gru", "rnn"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "max_length": [Interval(Integral, 2, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "verbose": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
    }

    n_read: ClassVar[Any] = 2**62  # steps at the end of a sequence that are read, of which the start is one
    _share_asked: ClassVar[float] = 0.0  # of the events in training: what comes at a known time
    _fields_may_lack: ClassVar[bool] = False  # whether a field that sequences lack is not given, and no error

    def encode(self: Any, X: Sequences) -> Sequences:
        """Give X as the network reads it: in the codes of `vocabulary_`, with encoded fields for columns."""
        check_is_fitted(self, "training_data_")
        return self.fields_.encode(X.recode(self.vocabulary_), may_lack=self._fields_may_lack)

    def _units(self, X: Sequences) -> int:
        """Half the square root of the number of events, as a power of two: 512 units for a million events."""
        if self.units == "auto":
            return 2 ** int(np.clip(round(math.log2(math.sqrt(X.n_events) / 2)), 4, 9))
        return int(self.units)

    def _is_sampled(self, X: Sequences) -> bool:
        return len(X.vocabulary) > SOFTMAX_ITEMS

    def _n_negatives(self, X: Sequences) -> int:
        return min(_N_NEGATIVES, len(X.vocabulary) - 1) if self._is_sampled(X) else 0

    def _batch_size(self, X: Sequences) -> int:
        """About a hundred batches an epoch: fewer learn too slowly, more leave the processor's matrix units idle."""
        if self.batch_size == "auto":
            largest = _LARGEST_SAMPLED_BATCH if self._is_sampled(X) else _LARGEST_BATCH
            return int(np.clip(2 ** round(math.log2(max(1, X.n_events) / 128)), 256, largest))
        return self.batch_size

    def _learning_rate(self, X: Sequences) -> float:
        """Adam bears a rate in proportion to the square root of the batch (Malladi et al. 2022)."""
        return 0.01 * math.sqrt(self._batch_size(X) / 8192) if self.learning_rate == "auto" else self.learning_rate

    def _architecture(self, X: Sequences, fields: Fields, seed: int, **others: Any) -> Architecture:
        """Describe the network for X, of which `n_codes` and what else is not the same for all is among `others`."""
        units, asked = self._units(X), fields.kind_of_gap if self._share_asked else ""
        usual = {"embedding_dim": min(units, 128), "n_layers": 1}
        return Architecture(
            units=units,
            cell=self.cell,
            dropout=float(self.dropout),
            n_negatives=self._n_negatives(X),
            category_sizes=fields.category_sizes,
            n_numbers=len(fields.numbers),
            n_signs=fields.n_signs,
            asked=asked,
            share_asked=self._share_asked * bool(asked),
            seed=seed,
            **(usual | others),
        )

    def _course(self, X: Sequences, n_epochs: int, patience: int) -> Course:
        rate, batch_size = self._learning_rate(X), self._batch_size(X)
        return Course(self.max_length, batch_size, rate, n_epochs, patience, self.verbose)

    def _policy(self) -> str:
        bfloat16 = self.precision == "bfloat16" or (self.precision == "auto" and bfloat16_is_fast())
        return "mixed_bfloat16" if bfloat16 else "float32"

    def _build(self: Any) -> None:
        self.model_ = self.model_.build()

    def _check_fitted(self: Any) -> None:
        architecture = self.model_.architecture
        fields = self.fields_
        found = tuple(architecture.category_sizes), architecture.n_numbers, architecture.n_signs
        expected = fields.category_sizes, len(fields.numbers), fields.n_signs
        if found != expected or architecture.asked not in ("", fields.kind_of_gap):
            raise ValueError("the network has other fields than the estimator.")


@contextmanager
def as_it_was_if_it_fails(estimator: Any) -> Iterator[None]:
    """Take back all attributes that were set, if there is an error."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
