"""Teach a network what is normal, several times over if need be, on a graph that is built once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from seqrec.network.batches import training_batches
from seqrec.network.event_model import EventModel
from seqrec.network.progress import TrainingProgress
from seqrec.network.reading import Closed
from seqrec.network.training import TrainingStep, train, warm_up_and_cosine


class EventLearner:
    """Trains one `EventModel` from its first weights on, each time it is called.

    Parameters
    ----------
    architecture : dict
        Arguments of `EventModel`, but for `dtype`.
    policy : {"float32", "mixed_bfloat16"}
        Of the training.
    """

    def __init__(self, architecture: dict[str, Any], policy: str) -> None:
        self.network = EventModel(**architecture)
        self._trained = self.network if policy == "float32" else EventModel(**architecture, dtype=policy)
        self._first = [variable.numpy() for variable in self._trained.variables]  # those of random generators, too
        self._step = TrainingStep(self._trained)

    def learn(
        self,
        closed: Closed,
        window: int,
        batch_size: int,
        learning_rate: float,
        n_epochs: int,
        rng: np.random.Generator,
        progress: TrainingProgress,
    ) -> dict[str, list[float]]:
        """Train `network` on closed sequences and give the history of the loss, nats an event."""
        for variable, value in zip(self._trained.variables, self._first, strict=True):
            variable.assign(value)
        values = (closed.categories, closed.numbers)
        self._trained.start_from_shares(closed.chain.codes, *values)
        batches = partial(training_batches, closed.sequences, window, batch_size, rng, values)
        schedule = warm_up_and_cosine(learning_rate, sum(len(list(batch.segments())) for batch in batches()), n_epochs)
        history = train(self._trained, batches, None, schedule, n_epochs, n_epochs, progress, self._step)
        if len(history["loss"]) < n_epochs:  # stopped by hand: a network half trained would spoil the calibration
            raise KeyboardInterrupt
        if self._trained is not self.network:
            self.network.set_weights(self._trained.get_weights())
        return history
