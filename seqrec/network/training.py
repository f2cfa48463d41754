"""Training, for all estimators: Adam, warm-up and cosine, clipping, early stopping, the best weights so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, count, repeat
from typing import Any, NamedTuple

import numpy as np

from seqrec._checks import warn_user
from seqrec.data.sequences import Sequences
from seqrec.exceptions import DivergenceError
from seqrec.network.architectures import Architecture
from seqrec.network.batches import Batch, Windows
from seqrec.network.model import SequenceModel
from seqrec.network.progress import training_progress
from seqrec.network.reading import Reader
from seqrec.network.tensorflow import keras, one_graph, tf

_AVERAGED = 50  # looks at the weights in an epoch, for their average
_DECAY = 9  # the larger, the fewer of the latest steps are averaged
_RISE = 0.05  # nats an event: a loss that rises by more, while nothing gets better, tells of steps that are too large

History = dict[str, list[float]]  # for each epoch the "loss" (nats an event, dropout on), perhaps the "validation"


class Course(NamedTuple):
    """How a network is trained.

    Attributes
    ----------
    longest : int
        Most events in a row.
    batch_size : int
        Events in a batch.
    learning_rate : float
        Height of the schedule: one epoch of warm-up, then a cosine.
    n_epochs : int
    patience : int
        Epochs without a better validation, after which training stops.
    verbose : bool or "auto"
        Show progress.
    warm_up : bool
        Whether there is a schedule; else all steps are taken at the learning rate.
    averaged : bool
        Whether the weights that are judged and kept are averages over the latest steps.
    steps_back : bool
        Whether training goes on from the best weights so far, at half the rate, where its loss rises and the validation
        gets no better: how large a step may be depends on the data.
    """

    longest: int
    batch_size: int
    learning_rate: float
    n_epochs: int
    patience: int
    verbose: bool | str
    warm_up: bool = True
    averaged: bool = False
    steps_back: bool = False


class _Best(NamedTuple):
    """The best weights so far, and the epoch that they are of, from 0."""

    merit: float = -math.inf
    epoch: int = 0
    weights: Any = None


class Epochs:
    """The epochs of a training, whatever is trained: the best weights are kept, and it ends in good order.

    A subclass gives `_run_epoch`.

    Parameters
    ----------
    trained : keras.Model
    """

    def __init__(self, trained: Any) -> None:
        self._trained = trained
        self._first = [variable.numpy() for variable in trained.variables]  # those of random generators, too
        self._step = TrainingStep(trained)

    def raise_if_stopped(self, keeps: bool = True) -> None:
        """Let Ctrl-C go on, which ended the last training early; it says whether the estimator `keeps` the weights."""
        if self._stopped:
            kept = f"The estimator is fitted: it has the weights of epoch {self._best.epoch + 1}, the best so far."
            raise KeyboardInterrupt(f"{self._stopped} {kept if keeps else 'The estimator is as it was before.'}")

    def _restart(self) -> None:
        """Set the weights from which each training starts."""
        for variable, value in zip(self._trained.variables, self._first, strict=True):
            variable.assign(value)

    def _train(
        self,
        epochs: Iterable[Any],
        course: Course,
        n_events: int,
        every: int,
        validate: Callable[[], float] | None,
    ) -> History:
        """Train on what each epoch reads, and remember the best weights; averages look at them `every` so many steps.

        Ctrl-C ends the training, unless no epoch is over.
        """
        history, self._best, self._stopped = History(loss=[]), _Best(), None
        self._average = Average(max(1, every)) if course.averaged else None
        try:
            with training_progress(course.n_epochs, n_events, course.verbose) as progress:
                self._run(epochs, course, progress, history, validate)
        except KeyboardInterrupt:
            if self._best.weights is None:
                raise
            self._stopped = f"Training was stopped after epoch {len(history['loss'])}."
        return history

    def _run(
        self,
        epochs: Iterable[Any],
        course: Course,
        progress: Any,
        history: History,
        validate: Callable[[], float] | None,
    ) -> None:
        lowest = math.inf
        for epoch, read in enumerate(epochs):
            loss = self._run_epoch(read, epoch, progress)
            history["loss"].append(loss)
            with self._averaged():
                merit: float = epoch  # unjudged, the last weights are the best
                if validate is not None:
                    merit = validate()
                    history.setdefault("validation", []).append(merit)
                progress.epoch_done(history)
                if merit > self._best.merit:
                    self._best = _Best(merit, epoch, self._trained.get_weights())
            if epoch - self._best.epoch >= course.patience:
                break
            if course.steps_back and loss > lowest + _RISE and epoch > self._best.epoch:
                self._step_back()
            lowest = min(lowest, loss)

    def _step_back(self) -> None:
        """Go on from the best weights so far, at half the rate."""
        self._trained.set_weights(self._best.weights)
        if self._average is not None:
            self._average.weights = self._best.weights
        self._step.halve()

    def _run_epoch(self, read: Any, epoch: int, progress: Any) -> float:
        """Train on what an epoch reads, and give its loss."""
        raise NotImplementedError

    def _learned(self, loss: Any, n: int, epoch: int, progress: Any) -> float:
        """Take note of a step on n events, and give its loss."""
        loss = float(loss)
        if not math.isfinite(loss):
            raise DivergenceError(
                f"the loss turned {loss} in epoch {epoch + 1}. Try a smaller learning_rate, or precision='float32'."
            )
        progress.batch_done(epoch, n)
        if self._average is not None:
            self._average.look(self._trained)
        return loss

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Put the average of the weights, if there is one, in the place of the latest."""
        if self._average is None or not self._average.weights:  # there was no look at them yet
            yield
            return
        latest = self._trained.get_weights()
        self._trained.set_weights(self._average.weights)
        yield
        self._trained.set_weights(latest)


class Trainer(Epochs):
    """Trains one network, from its first weights on each time, on a graph that is built once.

    Parameters
    ----------
    architecture : Architecture
    policy : {"float32", "mixed_bfloat16"}
        Of the training.

    Attributes
    ----------
    network : SequenceModel
        In float32, with the weights of the last training.
    """

    def __init__(self, architecture: Architecture, policy: str) -> None:
        self.network = SequenceModel(architecture)
        super().__init__(self.network if policy == "float32" else SequenceModel(architecture, policy))

    def fit(
        self,
        X: Sequences,
        course: Course,
        rng: np.random.Generator,
        start: Callable[[SequenceModel], None],
        validate: Callable[[Reader], float] | None = None,
        draw: Callable[[Sequences, np.random.Generator], Sequences] = lambda X, _: X,
    ) -> History:
        """Train the network.

        Ctrl-C after an epoch ends the training with the best weights so far, and whoever called goes on by
        `raise_if_stopped`. A warning says if the last loss is far worse than guessing at random.

        Parameters
        ----------
        X : Sequences
            Encoded, as `batches` describes.
        course : Course
        rng : numpy.random.Generator
            Draws the order of the events.
        start : callable
            Sets the weights that training starts from, where they are not random.
        validate : callable, optional
            Takes a reader of the network and gives a figure of merit, higher is better; without it the last weights
            are kept.
        draw : callable, optional
            Takes X and `rng` and gives what is read in an epoch; by default all of X.

        Returns
        -------
        history : dict of lists, one entry an epoch
            "loss" (nats an event, with dropout on) and, with `validate`, "validation".

        Raises
        ------
        DivergenceError
            If the loss turns NaN or infinite.
        KeyboardInterrupt
            At Ctrl-C before the first epoch is over.
        """
        self._restart()
        start(self._trained)
        drawn = (draw(X, rng) for _ in range(course.n_epochs))
        windows = ((each, Windows(each.lengths, course.longest, course.batch_size, rng)) for each in drawn)
        read, first = earliest = next(windows)
        rate = course.learning_rate
        self._step.restart(warm_up_and_cosine(rate, first.n_steps, course.n_epochs) if course.warm_up else repeat(rate))
        epochs = (cut.batches(each) for each, cut in chain([earliest], windows))
        judged = None if validate is None else partial(self._validated, validate)
        history = self._train(epochs, course, read.n_events, first.n_steps // _AVERAGED, judged)
        self.network.set_weights(self._best.weights)
        self._warn_of_divergence(history["loss"][-1])
        return history

    def _validated(self, validate: Callable[[Reader], float]) -> float:
        reader = Reader.of(self._trained)
        reader.refresh()  # the weights are those of this epoch
        return validate(reader)

    def _warn_of_divergence(self, loss: float) -> None:
        guessing = self.network.guessing
        if loss > 2 * guessing + 1:
            warn_user(
                f"Training diverged: its last loss, {loss:.1f} nats, is far worse than guessing at random "
                f"({guessing:.1f}). Try a smaller learning_rate."
            )

    def _run_epoch(self, batches: Iterable[Batch], epoch: int, progress: Any) -> float:
        """Train on each batch, segment by segment (truncated backpropagation), and give the mean loss of an event."""
        total, n_targets = 0.0, 0
        for batch in batches:
            memory = self._trained.encoder.start(len(batch.rows))
            for segment in batch.segments():
                loss, memory = self._step(memory, segment)
                n = int(np.count_nonzero(segment.targets))
                total, n_targets = total + self._learned(loss, n, epoch, progress) * n, n_targets + n
        return total / max(1, n_targets)


class Average:
    """The mean of weights over the latest steps of a training, about a tenth of all so far.

    Parameters
    ----------
    every : int
        Steps from one look at the weights to the next.

    References
    ----------
    Shamir & Zhang (2013), "Stochastic gradient descent for non-smooth optimization", section 4: polynomial decay.
    """

    def __init__(self, every: int) -> None:
        self._every, self._n_steps, self._n_looks = every, 0, 0
        self.weights: list[np.ndarray] = []

    def look(self, model: Any) -> None:
        """Take the weights in, if it is time."""
        self._n_steps += 1
        if self._n_steps % self._every:
            return
        self._n_looks += 1
        share, weights = _DECAY / (self._n_looks + _DECAY - 1), model.get_weights()
        # New arrays each time: a network may hold those that it was given, and never has to change with them.
        pairs = zip(self.weights or weights, weights, strict=True)
        self.weights = [mean + share * (latest - mean) for mean, latest in pairs]


def by_weight(X: Sequences, rng: np.random.Generator, weights: np.ndarray) -> Sequences:
    """Give each sequence as often, on average, as it weighs."""
    times = np.floor(weights + rng.random(len(weights))) if (weights % 1).any() else weights
    return X[np.repeat(np.arange(len(X)), times.astype(np.int64))]


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


def warm_up_and_cosine(height: float, n_batches: int, n_epochs: int) -> Iterator[float]:
    """Give the learning rate of each step: it rises for one epoch, and then falls along a cosine to 2 % of its height.

    References
    ----------
    Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", equation 5, without restarts.
    """
    n_falling = max(1, n_batches * (n_epochs - 1))
    for step in range(n_batches):
        yield height * step / n_batches
    for step in count():
        cosine = math.cos(math.pi * min(step / n_falling, 1))
        yield height * (0.02 + 0.98 * (1 + cosine) / 2)


class TrainingStep:
    """One step of Adam on a model, as one graph for all shapes of batches and for all trainings of the model.

    The model has `training_signature`, `arrays_of` and `loss_of`, as `SequenceModel` has.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._optimizer = RowAdam(0.0, name="adam")
        self._optimizer.build(model.trainable_variables)
        self._run = one_graph(self._update, model.training_signature)

    def restart(self, rates: Iterator[Any]) -> None:
        """Forget the steps so far, and take those to come at these rates."""
        for variable in self._optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        self._rates = rates

    def halve(self) -> None:
        """Take the steps to come at half their rates."""
        self._rates = (rate / 2 for rate in self._rates)

    def __call__(self, memory: list[Any], batch: Any) -> tuple[Any, list[Any]]:
        """Learn from a batch and give its loss, and the memory after it."""
        self._optimizer.learning_rate = next(self._rates)
        return self._run(memory, *(tf.constant(array) for array in self._model.arrays_of(batch)))

    def _update(self, memory: list[Any], *arrays: Any) -> tuple[Any, list[Any]]:
        variables = [variable.value for variable in self._model.trainable_variables]
        with tf.GradientTape() as tape:
            loss, memory = self._model.loss_of(memory, *arrays)
        gradients = [_sum_repeated_rows(g) for g in tape.gradient(loss, variables)]
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        self._optimizer.apply(gradients, self._model.trainable_variables)
        return loss, memory


def _sum_repeated_rows(gradient: Any) -> Any:
    """Give each row of a sparse gradient once, as its norm and Adam need it."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, index = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, index, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
