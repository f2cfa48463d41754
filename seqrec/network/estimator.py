"""What every LSTM estimator shares: its parameters, and sizes chosen from the data."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from seqrec.data.display import ShownAsCard
from seqrec.data.fields import Fields
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.network.tensorflow import bfloat16_is_fast
from seqrec.storage.estimator import Storable

_SOFTMAX_ITEMS = 10_000  # above, sampling costs less and, with so many negatives, little accuracy
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

    def recurrent_inputs(self, X: Sequences) -> tuple[Any, Any]:
        """Give the recurrent network, and what it takes in of one sequence X, (1, n_steps, embedding_dim)."""
        raise NotImplementedError

    def _units(self, X: Sequences) -> int:
        """Half the square root of the number of events, as a power of two: 512 units for a million events."""
        if self.units == "auto":
            return 2 ** int(np.clip(round(math.log2(math.sqrt(X.n_events) / 2)), 4, 9))
        return int(self.units)

    def _is_sampled(self, X: Sequences) -> bool:
        return len(X.vocabulary) > _SOFTMAX_ITEMS

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
        if self.learning_rate == "auto":
            return 0.01 * math.sqrt(self._batch_size(X) / 8192)
        return self.learning_rate

    def _event_network(self, closed: Sequences, fields: Fields, seed: int) -> dict[str, Any]:
        """Arguments of an `EventEncoder` for closed sequences with these fields."""
        units = self._units(closed)
        network = {
            "n_codes": N_RESERVED + len(closed.vocabulary) + 1,
            "units": units,
            "embedding_dim": min(units, 128),
            "n_layers": 1,
            "cell": self.cell,
            "dropout": float(self.dropout),
            "n_negatives": self._n_negatives(closed),
        }
        return {
            "network": network,
            "category_sizes": _category_sizes(fields),
            "n_numbers": len(fields.numbers),
            "seed": seed,
        }

    def _policy(self) -> str:
        bfloat16 = self.precision == "bfloat16" or (self.precision == "auto" and bfloat16_is_fast())
        return "mixed_bfloat16" if bfloat16 else "float32"


def _category_sizes(fields: Fields) -> list[int]:
    return [N_RESERVED + len(field.vocabulary) for field in fields.categories]


def check_field_sizes(network: Any, fields: Fields) -> None:
    """Raise ValueError unless an `EventEncoder` is one for these fields."""
    if network.arguments["category_sizes"] != _category_sizes(fields):
        raise ValueError("the network has other categories than the fields.")
