"""Labels as they come, of sequences or of single events, in the order of these; all that does not fit is refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from seqrec.data.alignment import beside_events, beside_sequences, check_weights, index_of
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError


class Labels(NamedTuple):
    """What is learned.

    Attributes
    ----------
    classes : (n_classes,) array
    level : {"sequence", "event"}
        What they are of.
    numbers : (n_sequences,) or (n_events,) int32
        Places among the classes; 0 where a label weighs nothing.
    weights : (n_sequences,) or (n_events,) float64
    class_weights : (n_classes,) float64
        What `class_weight` has added to the weights, as a factor.
    """

    classes: NDArray
    level: str
    numbers: NDArray[np.int32]
    weights: NDArray[np.float64]
    class_weights: NDArray[np.float64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of the classes among the labels, (n_classes,)."""
        counts = np.bincount(self.numbers[self.weights > 0], minlength=len(self.classes))
        return counts / counts.sum()

    def rarity(self, X: Sequences) -> NDArray[np.int64]:
        """Give the place of each sequence's rarest class, the most frequent first: from 1, or 0 without a label."""
        known = self.weights > 0
        row = np.repeat(np.arange(len(X)), X.lengths) if self.level == "event" else np.arange(len(X))
        rarity = np.zeros(len(X), dtype=np.int64)
        order = np.argsort(np.argsort(-np.bincount(self.numbers[known]), kind="stable"))
        np.maximum.at(rarity, row[known], 1 + order[self.numbers[known]])
        return rarity


def read_labels(
    X: Sequences,
    given: Any,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None = None,
    level: str = "sequence",
    class_weight: dict | str | None = None,
    name: str = "SummaryClassifier",
) -> Labels:
    """Read the labels of X, of which a user has `given` what X was made from.

    Parameters
    ----------
    X : Sequences
    given : Sequences, list or Series
    y, sample_weight, class_weight
        As in `LSTMSequenceClassifier`.
    level : {"auto", "sequence", "event"}
    name : str
        Of the estimator.

    Raises
    ------
    InputError
        If there are no labels, too few or too many, or of one class alone.
    """
    if y is None:
        raise InputError(f"{name} requires y to be passed, but the target y is None.")
    y, sample_weight = (
        _in_order(values, given, X, level, what) for values, what in ((y, "y"), (sample_weight, "sample_weight"))
    )
    labelled: Any = np.asarray(y)
    if labelled.ndim:
        labelled = check_array(labelled, ensure_2d=False, dtype=None, input_name="y")
    labelled = column_or_1d(labelled, warn=True)
    check_classification_targets(labelled)
    sizes = {"sequence": len(X), "event": X.n_events}
    if level == "auto":
        level = "sequence" if labelled.shape == (len(X),) else "event"
    if labelled.shape != (sizes[level],):
        raise InputError(
            f"y must hold a label for each of the {len(X):,} sequences or of the {X.n_events:,} events, "
            f"got shape {labelled.shape}."
        )
    weights = check_weights(np.ones(len(labelled)) if sample_weight is None else sample_weight, len(labelled))
    known = weights > 0
    classes, labels = np.unique(labelled[known], return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"y must hold at least 2 classes, got {len(classes)} class.")
    of_class = np.ones(len(classes))
    if class_weight is not None:
        factors = compute_sample_weight(class_weight, labelled[known])
        weights[known] *= factors
        of_class[labels] = factors
    numbers = np.zeros(len(labelled), dtype=np.int32)
    numbers[known] = labels
    return Labels(classes, level, numbers, weights, of_class)


def _in_order(values: Any, given: Any, X: Sequences, level: str, name: str) -> Any:
    """Give values beside X as they are, or in its order where they have an index."""
    if index_of(values) is None:
        return values
    events_alone = len(values) == X.n_events != len(X)
    if level == "event" or (level == "auto" and events_alone):
        return beside_events(values, given, name)
    return beside_sequences(values, given, name)
