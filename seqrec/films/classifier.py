"""Classes of clips, by the convolutional LSTMs that forecast films."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from seqrec.data.display import ShownAsCard
from seqrec.data.held_out import held_out
from seqrec.data.missing import is_missing
from seqrec.data.summary import HISTORY, TrainingData
from seqrec.exceptions import InputError
from seqrec.films.base import FILMS, check_shape
from seqrec.films.convlstm import NETWORK, architecture_of, check_architecture, n_steps_of, patch_of
from seqrec.films.videos import Videos, check_videos
from seqrec.films.windows import Windows
from seqrec.network.architectures import FilmArchitecture
from seqrec.network.blueprint import Network
from seqrec.network.drawn import DrawTrainer
from seqrec.network.estimator import as_it_was_if_it_fails
from seqrec.network.films import FilmModel
from seqrec.network.training import History
from seqrec.storage.arrays import Ids
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Integer, Record, Schema

__all__ = ["ConvLSTMClassifier"]

_PATIENCE = 8  # epochs
_AT_ONCE = 16  # windows
_LEAST_CHANCE = 1e-7


class ConvLSTMClassifier(ClassifierMixin, ShownAsCard, Storable, BaseEstimator):
    """Learn classes of clips from labels: which motion, which gesture, whether a part is sound.

    The network of `ConvLSTMForecaster` reads a clip; the class is told from its states, pooled over places and times.

    Parameters
    ----------
    max_length : int
        Images that are read together. Of longer clips training draws windows; in prediction, the probabilities of all
        windows are averaged.
    units, n_layers, kernel_size, recurrent_kernel_size, patch, peephole, batch_size, learning_rate, max_steps
        As in `ConvLSTMForecaster`.
    validation_fraction, verbose, random_state
        As in `ConvLSTMForecaster`; of each class, as large a share of the clips is held out.

    Attributes
    ----------
    classes_ : (n_classes,) array
    patch_ : int
        Pixels on each side of a patch.
    shape_ : (height, width, channels)
        Of the images of training.
    model_ : FilmModel
        The Keras model.
    history_ : dict of lists
        For every 100 steps the "loss" (nats a clip) and the "validation" score (log-loss of what is held out, negated).
    training_data_ : TrainingData

    References
    ----------
    Shi et al. (2015), "Convolutional LSTM network: a machine learning approach for precipitation nowcasting".

    Examples
    --------
    >>> import numpy as np
    >>> from seqrec import ConvLSTMClassifier
    >>> film = np.eye(8)[:, :, None].repeat(8, axis=2)
    >>> clips, y = np.stack([film, film[::-1]] * 6), ["down", "up"] * 6
    >>> ConvLSTMClassifier(units=8, max_steps=100, random_state=0).fit(clips, y).predict(clips[:2]).tolist()
    ['down', 'up']
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "max_length": [Interval(Integral, 1, None, closed="left")]
    } | NETWORK
    _schema: ClassVar[dict[str, Schema]] = FILMS | {
        "classes_": Ids("n_classes"),
        "patch_": Integer(1),
        "history_": HISTORY,
        "model_": Network(FilmModel, Record(FilmArchitecture)),
    }
    shape_: tuple[int, int, int]
    training_data_: TrainingData
    classes_: NDArray
    patch_: int
    history_: History
    model_: FilmModel

    def __init__(
        self,
        max_length: int = 40,
        units: int = 32,
        n_layers: int = 1,
        kernel_size: int = 3,
        recurrent_kernel_size: int = 3,
        patch: int | str = "auto",
        peephole: str | None = "place",
        batch_size: int = 8,
        learning_rate: float = 0.003,
        max_steps: int | str = "auto",
        validation_fraction: float = 0.1,
        verbose: bool | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.max_length = max_length
        self.units, self.n_layers = units, n_layers
        self.kernel_size, self.recurrent_kernel_size = kernel_size, recurrent_kernel_size
        self.patch, self.peephole = patch, peephole
        self.batch_size, self.learning_rate, self.max_steps = batch_size, learning_rate, max_steps
        self.validation_fraction = validation_fraction
        self.verbose, self.random_state = verbose, random_state

    def fit(self, videos: Any, y: ArrayLike) -> Self:
        """Learn the classes y.

        Parameters
        ----------
        videos : array (n, time, height, width[, channels]), or list of arrays (time, height, width[, channels])
            Clips, uint8 from 0 to 255 or floats from 0 to 1.
        y : (n,) array-like
            The class of each, numbers or text.

        Raises
        ------
        ValueError, TypeError
            If a parameter, clips or labels are not as described; before any training.
        DivergenceError
            If the loss turns NaN; an earlier fit is kept.
        KeyboardInterrupt
            At Ctrl-C, as in `ConvLSTMForecaster`.
        """
        self._validate_params()
        films = check_videos(videos)
        classes, codes = _encoded(y, len(films.films))
        with as_it_was_if_it_fails(self):
            self.shape_, self.classes_ = films.shape, classes
            self.training_data_ = TrainingData(len(films.films), int(films.lengths.sum()), 0, None, None)
            trainer = self._train(films, codes)
        trainer.raise_if_stopped()
        return self

    def predict(self, videos: Any) -> NDArray:
        """Give the most probable class of each clip, (n,)."""
        chances = self.predict_proba(videos)
        return self.classes_[chances.argmax(axis=1)]

    def predict_proba(self, videos: Any) -> NDArray[np.float64]:
        """Give the probability of each class.

        Parameters
        ----------
        videos : array or list of arrays
            Clips.

        Returns
        -------
        probabilities : (n, n_classes) float64
            In the order of `classes_`.
        """
        check_is_fitted(self, "classes_")
        films = check_videos(videos)
        check_shape(films, self.shape_, any_size=self.peephole != "place")
        return self._probabilities(Windows.of(films, int(self.max_length)))

    def _train(self, films: Videos, codes: NDArray[np.int64]) -> DrawTrainer:
        random = check_random_state(self.random_state)
        rng = np.random.default_rng(random.randint(2**31, size=4))
        self.patch_ = patch_of(self.patch, films.shape)
        seed = int(random.randint(2**31))
        self.model_ = FilmModel(architecture_of(self, films.shape, seed, len(self.classes_)))
        windows = Windows.of(films, int(self.max_length))
        share = float(self.validation_fraction)
        out = held_out(codes, share, rng, at_least=int(share > 0))[:, 0]
        learned, judged = windows.select(np.flatnonzero(~out)), windows.select(np.flatnonzero(out))
        validate = partial(self._merit, judged, codes[out]) if out.any() else None
        draw, rate = partial(self._batch, learned, codes[~out], rng), float(self.learning_rate)
        trainer = DrawTrainer(self.model_)
        self.history_ = trainer.fit(draw, n_steps_of(self, films), rate, _PATIENCE, self.verbose, validate)
        return trainer

    def _batch(self, windows: Windows, codes: NDArray, rng: np.random.Generator) -> tuple[NDArray, ...]:
        chosen = rng.integers(0, len(codes), int(self.batch_size))
        first = windows.starts[chosen] + rng.integers(0, windows.n_windows[chosen])
        images, there = windows.read(chosen, first, self.patch_)
        return images, there, codes[chosen].astype(np.int32), np.ones(len(chosen), np.float32)

    def _merit(self, windows: Windows, codes: NDArray) -> float:
        chances = np.maximum(self._probabilities(windows), _LEAST_CHANCE)
        return float(np.mean(np.log(chances[np.arange(len(codes)), codes])))

    def _probabilities(self, windows: Windows) -> NDArray[np.float64]:
        """Give the mean of the probabilities of windows, one after the other, of each stretch."""
        total = np.zeros((len(windows.rows), len(self.classes_)))
        for stretches, first in _one_after_the_other(windows):
            logits = self.model_.classify(*windows.read(stretches, first, self.patch_)).astype(np.float64)
            np.add.at(total, stretches, softmax(logits, axis=1))
        return total / total.sum(axis=1, keepdims=True)

    def _check_fitted(self) -> None:
        check_architecture(self, len(self.classes_))

    def _build(self) -> None:
        self.model_ = self.model_.build()


def _encoded(y: ArrayLike, n: int) -> tuple[NDArray, NDArray[np.int64]]:
    """Give the classes, and the number of that of each clip."""
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise InputError(f"y must hold one label for each of the {n} clips, got shape {labels.shape}.")
    missing = np.flatnonzero(is_missing(labels))
    if len(missing):
        raise InputError(f"y has {len(missing)} missing labels, the first of clip {missing[0]}. Leave these clips out.")
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise InputError("y mixes kinds of labels: use numbers alone, or text alone.") from None
    if len(classes) < 2:
        raise InputError(f"y holds one class alone, {classes[0]!r}; at least two are needed.")
    return classes, codes


def _one_after_the_other(windows: Windows) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
    """Give windows that follow each other in each stretch, some at a time: their stretches, and first images."""
    n = -(-(windows.stops - windows.starts) // windows.length)
    stretches = np.repeat(np.arange(len(n)), n)
    place = np.arange(len(stretches)) - np.repeat(np.cumsum(n) - n, n)
    first = windows.starts[stretches] + place * windows.length
    parts = (slice(start, start + _AT_ONCE) for start in range(0, len(first), _AT_ONCE))
    return ((stretches[part], first[part]) for part in parts)
