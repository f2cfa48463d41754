"""The training loop: Adam, warm-up and cosine, clipping, early stopping, the best weights so far."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqrec.batches import Batch
from seqrec.model import SequenceModel
from seqrec.progress import TrainingProgress


def train(
    model: SequenceModel,
    epoch_batches: Callable[[], Iterable[Batch]],
    validate: Callable[[], float] | None,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    max_epochs: int,
    patience: int,
    progress: TrainingProgress,
) -> dict[str, list[float]]:
    """Train until `max_epochs`, or until `validate` has not risen for `patience` epochs, and keep the best weights.

    Ctrl-C ends the training early, with a warning and the best weights so far. A warning also says if the last loss is
    far worse than guessing at random.

    Parameters
    ----------
    model : SequenceModel
        Trained in place.
    epoch_batches : callable
        Gives the batches of an epoch, in a new random order each time.
    validate : callable or None
        Gives a figure of merit, higher is better; None keeps the last weights.
    learning_rate : float or Keras schedule
    max_epochs, patience : int
    progress : TrainingProgress

    Returns
    -------
    history : dict of lists, one entry an epoch
        "loss" (nats an event, with dropout on) and, with `validate`, "validation".

    Raises
    ------
    FloatingPointError
        If the loss turns NaN or infinite.
    """
    step = _training_step(model, RowAdam(learning_rate))
    history: dict[str, list[float]] = {"loss": []} | ({"validation": []} if validate else {})
    best, best_epoch, best_weights = -math.inf, 0, None
    try:
        for epoch in range(max_epochs):
            history["loss"].append(_run_epoch(model, step, epoch_batches(), epoch, progress))
            if validate is not None:
                history["validation"].append(validate())
            progress.epoch_done(history)
            merit = history["validation"][-1] if validate else epoch  # unjudged, the last weights are the best
            if merit > best:
                best, best_epoch, best_weights = merit, epoch, model.get_weights()
            if epoch - best_epoch >= patience:
                break
    except KeyboardInterrupt:
        if best_weights is None:
            raise
        warnings.warn(f"Training was stopped by hand after {len(history['loss'])} epochs.", stacklevel=5)
    model.set_weights(best_weights)
    guessing = math.log(model.embedding.input_dim)
    if history["loss"][-1] > 2 * guessing + 1:
        warnings.warn(
            f"Training diverged: its last loss, {history['loss'][-1]:.1f} nats, is far worse than guessing at "
            f"random ({guessing:.1f}). Try a smaller learning_rate.",
            stacklevel=5,
        )
    return history


class RowAdam(keras.optimizers.Adam):
    """Adam that leaves an embedding's rows alone where a batch has no gradient for them.

    A dense step on the embeddings of a large catalogue would cost more than all else in a step.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable; Keras calls it."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        rows, gradient, index = gradient.indices, gradient.values, self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        momentum, velocity = self._momentums[index].value, self._velocities[index].value
        m = self.beta_1 * tf.gather(momentum, rows) + (1 - self.beta_1) * gradient
        v = self.beta_2 * tf.gather(velocity, rows) + (1 - self.beta_2) * gradient**2
        momentum.scatter_update(tf.IndexedSlices(m, rows))
        velocity.scatter_update(tf.IndexedSlices(v, rows))
        rate = tf.cast(learning_rate, tf.float32) * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        variable.scatter_sub(tf.IndexedSlices(rate * m / (tf.sqrt(v) + self.epsilon), rows))


def warm_up_and_cosine(learning_rate: float, n_batches: int, n_epochs: int) -> Any:
    """Give a schedule that rises for one epoch of `n_batches` and then falls along a cosine to 2 % of its height."""
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=learning_rate,
        warmup_steps=n_batches,
        decay_steps=max(1, n_batches * (n_epochs - 1)),
        alpha=0.02,
    )


def _training_step(model: SequenceModel, optimizer: RowAdam) -> Callable[[list[Any], Batch], tuple[Any, list[Any]]]:
    variables = [variable.value for variable in model.trainable_variables]
    optimizer.build(model.trainable_variables)
    with_gaps = model.gap_embedding is not None
    memory = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in model.start(1)]
    matrix = tf.TensorSpec((None, None), tf.int32)
    signature = [memory] + [matrix] * (4 if with_gaps else 2)  # one graph for all shapes

    @tf.function(input_signature=signature, autograph=False)
    def step(memory, *arrays):
        with tf.GradientTape() as tape:
            loss, memory = model.loss_of(memory, *arrays)
        gradients = [_sum_repeated_rows(g) for g in tape.gradient(loss, variables)]
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        optimizer.apply(gradients, model.trainable_variables)
        return loss, memory

    return lambda memory, batch: step(memory, *(tf.constant(array) for array in batch.arrays(with_gaps)))


def _sum_repeated_rows(gradient: Any) -> Any:
    """Give each row of a sparse gradient once, as its norm and Adam need it."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, index = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, index, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def _run_epoch(
    model: SequenceModel,
    step: Callable[[list[Any], Batch], tuple[Any, list[Any]]],
    batches: Iterable[Batch],
    epoch: int,
    progress: TrainingProgress,
) -> float:
    """Train on each batch, segment by segment (truncated backpropagation), and give the mean loss of an event."""
    total, n_targets = 0.0, 0
    for batch in batches:
        memory = model.start(len(batch.rows))
        for segment in batch.segments():
            loss, memory = step(memory, segment)
            loss = float(loss)
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"the loss turned {loss} in epoch {epoch + 1}. Try a smaller learning_rate, or precision='float32'."
                )
            n = int(np.count_nonzero(segment.targets))
            total, n_targets = total + loss * n, n_targets + n
            progress.batch_done(epoch, n)
    return total / max(1, n_targets)
