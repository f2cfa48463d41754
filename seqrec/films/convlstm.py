"""What comes next in a film, by convolutional LSTMs with peepholes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from seqrec.data.display import ShownAsCard
from seqrec.data.summary import HISTORY
from seqrec.films.base import CONSTRAINTS, FILMS, LEAST_SPREAD, FilmForecasterMixin, gaussian_nats
from seqrec.films.patches import from_patches, n_places, to_patches
from seqrec.films.videos import Videos
from seqrec.films.windows import Windows
from seqrec.network.architectures import FilmArchitecture
from seqrec.network.blueprint import Network
from seqrec.network.drawn import DrawTrainer
from seqrec.network.estimator import as_it_was_if_it_fails
from seqrec.network.films import LEAST_CHANCE, FilmModel
from seqrec.network.training import History
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Integer, Record, Schema
from seqrec.storage.schemas import Real as Number

__all__ = ["NETWORK", "ConvLSTMForecaster"]

_PATIENCE = 8  # epochs
_PLACES = 16  # rows or columns of patches that an image is cut into, about
_LARGEST_PATCH = 16  # a side
_IMAGES_OF_STEP, _STEPS = 20, (400, 3_000)  # of training: images of the films for each, and least and most steps
_FIRST_LENGTH, _SHARE_GROWING = 4, 0.5  # images of the first windows, and steps until they have their full length
_AT_ONCE = 16  # held-out windows

# Of the parameters that all networks for films have.
NETWORK: dict[str, list] = {
    "units": [Interval(Integral, 1, None, closed="left")],
    "n_layers": [Interval(Integral, 1, 100, closed="both")],
    "kernel_size": [Interval(Integral, 1, None, closed="left")],
    "recurrent_kernel_size": [Interval(Integral, 1, None, closed="left")],
    "patch": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "peephole": [StrOptions({"place", "channel"}), None],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "max_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "verbose": ["boolean", StrOptions({"auto"})],
    "random_state": ["random_state"],
}


class ConvLSTMForecaster(FilmForecasterMixin, ShownAsCard, Storable, BaseEstimator):
    """Forecast films, and say when and where they are odd, by convolutional LSTMs with peepholes.

    Use it where things move, grow and fade: rain on a radar, cameras that watch a place, simulations. Small patches of
    an image are the channels of one place. The network reads a film image by image and tells a distribution of the next
    one; what it tells is read as if it had come, to tell the one after that. One long film is enough to learn from:
    windows are drawn from it.

    Parameters
    ----------
    horizon : int
        Images to forecast, as the network learns to; fewer and more can be asked for.
    n_past : int
        Images that are read before.
    loss : {"cross_entropy", "squared"}
        What is minimised: the cross-entropy of values from 0 to 1, or their squared error, which suits grey values.
        Surprisal is that of the same distribution: of truth values, or of a normal one.
    units : int
        Channels of the state.
    n_layers : int
        Recurrent layers.
    kernel_size, recurrent_kernel_size : int
        Of the convolutions of the inputs and of the state, in patches.
    patch : int or "auto"
        Pixels on each side of a patch. "auto" cuts the shorter side of an image into 16 or more.
    peephole : {"place", "channel"} or None
        What the gates see of the cell state, as in `seqrec.layers.PeepholeConvLSTM2D`. With "place" images have one
        size.
    n_motions : int
        Ways in which the pixels of a patch can move from one image to the next, up to a patch away. What comes next is
        then a mixture of the last image, moved, and of what is new; 0 for new images alone, as published.
    batch_size : int
        Windows in a batch.
    learning_rate : float
        Height of the schedule: a warm-up of 100 steps, then a cosine.
    max_steps : int or "auto"
        Most steps of training; it ends early where held-out windows get no better. "auto": one for 20 images, from 400
        to 3,000.
    validation_fraction : float
        Share of the films that is held out; where that is less than one film, the share of each, at its end. 0 for
        none.
    verbose : bool or "auto"
        Show progress; "auto": in a terminal or notebook.
    random_state : int, RandomState or None
        The same seed on the same machine, on as many threads, gives the same weights; no global seed is touched.

    Attributes
    ----------
    patch_ : int
        Pixels on each side of a patch.
    spread_ : float
        With the squared loss, the root of the mean squared error of the next image, in held-out windows where there
        are such.
    model_ : FilmModel
        The Keras model.
    history_ : dict of lists
        For every 100 steps the "loss" (nats a value, or its squared error) and the "validation" score (of held-out
        windows, negated).
    shape_, training_data_
        As in `FilmForecasterMixin`.

    References
    ----------
    Shi et al. (2015), "Convolutional LSTM network: a machine learning approach for precipitation nowcasting". Finn,
    Goodfellow & Levine (2016), "Unsupervised learning for physical interaction through video prediction", for motions.

    Examples
    --------
    >>> import numpy as np
    >>> from seqrec import ConvLSTMForecaster
    >>> films = np.eye(8, dtype="uint8")[None, np.arange(12) % 8, :, None].repeat(8, axis=3)[[0] * 6] * 255
    >>> forecaster = ConvLSTMForecaster(horizon=2, n_past=4, units=4, max_steps=5, random_state=0)
    >>> forecaster.fit(films).predict(films).shape
    (6, 2, 8, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list]] = (
        CONSTRAINTS
        | {
            "loss": [StrOptions({"cross_entropy", "squared"})],
            "n_motions": [Interval(Integral, 0, None, closed="left")],
        }
        | NETWORK
    )
    _schema: ClassVar[dict[str, Schema]] = FILMS | {
        "patch_": Integer(1),
        "spread_": Number(LEAST_SPREAD),
        "history_": HISTORY,
        "model_": Network(FilmModel, Record(FilmArchitecture)),
    }
    patch_: int
    spread_: float
    history_: History
    model_: FilmModel

    def __init__(
        self,
        horizon: int = 10,
        n_past: int = 10,
        loss: str = "cross_entropy",
        units: int = 48,
        n_layers: int = 2,
        kernel_size: int = 3,
        recurrent_kernel_size: int = 3,
        patch: int | str = "auto",
        peephole: str | None = "place",
        n_motions: int = 2,
        batch_size: int = 8,
        learning_rate: float = 0.006,
        max_steps: int | str = "auto",
        validation_fraction: float = 0.1,
        verbose: bool | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.horizon, self.n_past, self.loss = horizon, n_past, loss
        self.units, self.n_layers = units, n_layers
        self.kernel_size, self.recurrent_kernel_size = kernel_size, recurrent_kernel_size
        self.patch, self.peephole, self.n_motions = patch, peephole, n_motions
        self.batch_size, self.learning_rate, self.max_steps = batch_size, learning_rate, max_steps
        self.validation_fraction = validation_fraction
        self.verbose, self.random_state = verbose, random_state

    def fit(self, videos: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Learn from films; y is ignored.

        Parameters
        ----------
        videos : array or list of arrays
            Films, of two images at least.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the films are not as described; before any training.
        DivergenceError
            If the loss turns NaN; an earlier fit is kept.
        KeyboardInterrupt
            At Ctrl-C. After the first 100 steps the estimator is fitted first, with the best weights so far; before, an
            earlier fit is kept.
        """
        self._validate_params()
        with as_it_was_if_it_fails(self):
            trainer = self._train(self._learned(videos))
        trainer.raise_if_stopped()
        return self

    @property
    def _any_size(self) -> bool:  # type: ignore[override]
        return self.peephole != "place"

    def _train(self, films: Videos) -> DrawTrainer:
        random = check_random_state(self.random_state)
        rng = np.random.default_rng(random.randint(2**31, size=4))
        self.patch_ = patch_of(self.patch, films.shape)
        self.model_ = FilmModel(
            architecture_of(self, films.shape, int(random.randint(2**31)), n_motions=int(self.n_motions))
        )
        windows = Windows.of(films, int(self.n_past + self.horizon))
        learned, held_out = windows.hold_out(float(self.validation_fraction), rng)
        judged = held_out if len(held_out.rows) else learned
        chosen = judged.spread()
        validate = partial(self._merit, judged, chosen) if judged is held_out else None
        trainer = DrawTrainer(self.model_)
        n_steps = n_steps_of(self, films)
        draw = partial(next, self._batches(learned, n_steps, rng))
        self.history_ = trainer.fit(draw, n_steps, float(self.learning_rate), _PATIENCE, self.verbose, validate)
        self.spread_ = self._spread(judged, chosen)
        return trainer

    def _batches(self, windows: Windows, n_steps: int, rng: np.random.Generator) -> Iterator[tuple[NDArray, ...]]:
        """Give batches, of short windows first: what moves is learned from them in less time."""
        for step in count():
            grown = min(1.0, step / (_SHARE_GROWING * n_steps))
            length = round(_FIRST_LENGTH + (windows.length - _FIRST_LENGTH) * grown)
            part = windows._replace(length=min(length, windows.length))
            yield self._arrays(*part.read(*part.draw(int(self.batch_size), rng), self.patch_))

    def _arrays(self, images: NDArray, there: NDArray) -> tuple[NDArray, ...]:
        """Part windows into what is read and what is told, in the ratio of `n_past` to `horizon`."""
        n = min(max(1, round(images.shape[1] * self.n_past / (self.n_past + self.horizon))), images.shape[1] - 1)
        return images[:, :n], images[:, n:], there[:, :n], there[:, n:]

    def _merit(self, windows: Windows, chosen: tuple[NDArray, NDArray]) -> float:
        """Judge the network as it is by held-out windows; the higher, the better."""
        return -float(np.mean([self.model_.judge(*self._arrays(*part)) for part in self._portions(windows, chosen)]))

    def _portions(self, windows: Windows, chosen: tuple[NDArray, NDArray]) -> Any:
        stretches, first = chosen
        parts = (slice(start, start + _AT_ONCE) for start in range(0, len(first), _AT_ONCE))
        return (windows.read(stretches[part], first[part], self.patch_) for part in parts)

    def _spread(self, windows: Windows, chosen: tuple[NDArray, NDArray]) -> float:
        """Give the root of the mean squared error of the next image."""
        total, n = 0.0, 0.0
        for images, there in self._portions(windows, chosen):
            errors = ((self.model_.read(images)[0][:, :-1] - images[:, 1:]) ** 2).mean(axis=(2, 3, 4))
            total, n = total + float((errors * there[:, 1:]).sum()), n + float(there[:, 1:].sum())
        return max(LEAST_SPREAD, (total / max(n, 1.0)) ** 0.5)

    def _forecast(self, images: NDArray[np.float32], horizon: int) -> NDArray[np.float32]:
        means, states = self.model_.read(to_patches(images, self.patch_))
        told = [means[:, -1]]
        for _ in range(horizon - 1):
            image, states = self.model_.step(told[-1], states)
            told.append(image)
        return from_patches(np.stack(told, axis=1), self.patch_, images.shape[2:])

    def _surprisal(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        means, _ = self.model_.read(to_patches(images, self.patch_)[None])
        means, images = from_patches(means[0, :-1], self.patch_, images.shape[1:]), images[1:]
        if self.loss == "squared":
            return gaussian_nats(images, means, self.spread_)
        means = LEAST_CHANCE + (1 - 2 * LEAST_CHANCE) * means
        return -(images * np.log(means) + (1 - images) * np.log(1 - means)).sum(axis=-1)

    def _check_fitted(self) -> None:
        check_architecture(self, n_motions=int(self.n_motions))

    def _build(self) -> None:
        self.model_ = self.model_.build()


def patch_of(patch: int | str, shape: tuple[int, int, int]) -> int:
    """Give the pixels on each side of a patch: by default a power of 2, so that 16 of them or more fill an image."""
    if patch != "auto":
        return int(patch)
    most = max(1, min(shape[:2]) // _PLACES)
    return min(_LARGEST_PATCH, 2 ** int(np.log2(most)))


def n_steps_of(estimator: Any, films: Videos) -> int:
    """Give the steps of training."""
    usual = np.clip(films.lengths.sum() // _IMAGES_OF_STEP, *_STEPS)
    return int(usual if estimator.max_steps == "auto" else estimator.max_steps)


def architecture_of(
    estimator: Any, shape: tuple[int, int, int], seed: int, n_classes: int = 0, n_motions: int = 0
) -> FilmArchitecture:
    """Give what the network is built with, by the parameters of an estimator that has a `patch_`."""
    rows, columns = n_places(*shape[:2], estimator.patch_)
    return FilmArchitecture(
        height=rows,
        width=columns,
        n_inputs=estimator.patch_**2 * shape[2],
        patch=estimator.patch_,
        n_motions=n_motions,
        units=int(estimator.units),
        n_layers=int(estimator.n_layers),
        kernel_size=int(estimator.kernel_size),
        recurrent_kernel_size=int(estimator.recurrent_kernel_size),
        peephole=estimator.peephole or "none",
        squared=getattr(estimator, "loss", "") == "squared",
        n_classes=n_classes,
        seed=seed,
    )


def check_architecture(estimator: Any, n_classes: int = 0, n_motions: int = 0) -> None:
    """Raise ValueError where the network is not that of the parameters."""
    found = estimator.model_.architecture
    if found != architecture_of(estimator, estimator.shape_, found.seed, n_classes, n_motions):
        raise ValueError("the network is not that of the parameters.")
