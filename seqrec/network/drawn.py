"""Training on batches that are drawn as long as it goes on: of stretches of series, of windows of films."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.network.training import Course, Epochs, History, warm_up_and_cosine

STEPS_OF_EPOCH = 100  # of training, after which the network is judged
_FINISH = 4  # times fewer steps, and smaller ones, than before, once nothing is held out any more
_LOOKS = 2  # steps from one look at the weights, for their average, to the next

Draw = Callable[[], tuple[NDArray, ...]]


class DrawTrainer(Epochs):
    """Trains a model on batches that are drawn, for so many steps.

    Parameters
    ----------
    model : keras.Model
        With the methods of a `QuantileModel`.
    """

    def fit(
        self,
        draw: Draw,
        n_steps: int,
        learning_rate: float,
        patience: int,
        verbose: bool | str,
        validate: Callable[[], float] | None,
    ) -> History:
        """Train so many steps, or until `patience` epochs of ``STEPS_OF_EPOCH`` steps were no better.

        Parameters
        ----------
        draw : callable
            Gives the arrays of a batch, as the model's `loss_of` takes them.
        n_steps : int
        learning_rate : float
            Height of the schedule: one epoch of warm-up, then a cosine.
        patience : int
        verbose : bool or "auto"
        validate : callable, optional
            Gives a figure of merit of the model as it is, higher is better; without it the last weights are kept.

        Returns
        -------
        history : dict of lists, one entry an epoch
        """
        n_epochs = math.ceil(n_steps / STEPS_OF_EPOCH)
        n = n_steps // n_epochs
        self._step.restart(warm_up_and_cosine(learning_rate, n, n_epochs))
        course = Course(0, 0, learning_rate, n_epochs, patience, verbose, averaged=True)
        epochs = ((draw() for _ in range(n)) for _ in range(n_epochs))
        history = self._train(epochs, course, n, _LOOKS, validate)
        self._trained.set_weights(self._best.weights)
        return history

    def finish(self, draw: Draw, learning_rate: float, verbose: bool | str) -> None:
        """Go on for a while with what was held out so far, a quarter of the steps that led to the best weights.

        Nothing judges it: Ctrl-C takes it back.
        """
        if self._stopped:
            return
        judged, n_steps = self._best, STEPS_OF_EPOCH * (self._best.epoch + 1) // _FINISH
        try:
            self.fit(draw, n_steps, learning_rate / _FINISH, 1, verbose, None)
            is_whole = not self._stopped
        except KeyboardInterrupt:
            is_whole = False
        self._best = judged
        if not is_whole:
            self._stopped = "Training was stopped in its last part, which was taken back."
            self._trained.set_weights(judged.weights)

    def _run_epoch(self, read: Iterable[tuple[NDArray, ...]], epoch: int, progress: Any) -> float:
        losses = [self._learned(self._step([], batch)[0], 1, epoch, progress) for batch in read]
        return float(np.mean(losses))
