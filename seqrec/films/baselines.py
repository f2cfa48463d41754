"""What a network for films has to beat: the last image, and one motion of all of it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from seqrec.data.display import ShownAsCard
from seqrec.films.base import CONSTRAINTS, FILMS, LEAST_SPREAD, FilmForecasterMixin, gaussian_nats
from seqrec.films.motion import global_motion, moved
from seqrec.films.videos import Videos
from seqrec.films.windows import Windows
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Real, Schema

__all__ = ["LastFrameForecaster", "ShiftForecaster"]


class LastFrameForecaster(FilmForecasterMixin, ShownAsCard, Storable, BaseEstimator):
    """Forecast that all stays as it is in the last image.

    Parameters
    ----------
    horizon : int
        Images to forecast if none are asked for; any number can be.
    n_past : int
        Images that are read.

    Attributes
    ----------
    spread_ : float
        Root of the mean squared error of the next image: `surprisal` is that of a normal distribution with it.
    shape_, training_data_
        As in `FilmForecasterMixin`.

    Examples
    --------
    >>> import numpy as np
    >>> from seqrec import LastFrameForecaster
    >>> films = np.linspace(0, 1, 24).reshape(1, 6, 2, 2)
    >>> LastFrameForecaster(horizon=3).fit(films).predict(films).shape
    (1, 3, 2, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list]] = CONSTRAINTS
    _schema: ClassVar[dict[str, Schema]] = FILMS | {"spread_": Real(LEAST_SPREAD)}
    spread_: float

    def __init__(self, horizon: int = 10, n_past: int = 4) -> None:
        self.horizon = horizon
        self.n_past = n_past

    def fit(self, videos: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Find out how far off the next image is; y is ignored."""
        self._validate_params()
        self.spread_ = self._spread(self._learned(videos))
        return self

    def _spread(self, films: Videos) -> float:
        windows = Windows.of(films, int(self.n_past) + 1)
        squares = []
        for images, there in zip(*windows.read(*windows.spread(), patch=1), strict=True):
            last = int(there.sum()) - 1
            squares.append(np.mean((self._forecast(images[None, :last], 1)[0, 0] - images[last]) ** 2))
        return max(LEAST_SPREAD, float(np.mean(squares)) ** 0.5)

    def _forecast(self, images: NDArray[np.float32], horizon: int) -> NDArray[np.float32]:
        return np.repeat(images[:, -1:], horizon, axis=1)

    def _surprisal(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        n = int(self.n_past)
        told = [self._forecast(images[None, max(0, end - n) : end], 1)[0, 0] for end in range(1, len(images))]
        return gaussian_nats(images[1:], np.reshape(told, images[1:].shape), self.spread_)


class ShiftForecaster(LastFrameForecaster):
    """Forecast that all of the last image goes on with one motion: of radar images, hard to beat for half an hour.

    Parameters
    ----------
    horizon, n_past
        As in `LastFrameForecaster`. The motion is that which the last `n_past` images share.

    Attributes
    ----------
    spread_, shape_, training_data_
        As in `LastFrameForecaster`.

    Examples
    --------
    >>> import numpy as np
    >>> from seqrec import ShiftForecaster
    >>> film = np.zeros((4, 16, 16))
    >>> film[range(4), 7, range(4, 8)] = 1
    >>> forecast = ShiftForecaster(horizon=2).fit([film]).predict([film])
    >>> forecast[0, :, 7].argmax(axis=1).tolist()
    [8, 9]
    """

    _schema: ClassVar[dict[str, Schema]] = LastFrameForecaster._schema

    def _forecast(self, images: NDArray[np.float32], horizon: int) -> NDArray[np.float32]:
        return np.stack([_continued(film, horizon) for film in images])


def _continued(film: NDArray[np.float32], horizon: int) -> NDArray[np.float32]:
    motion = global_motion(film)
    return np.stack([moved(film[-1], motion * step) for step in range(1, horizon + 1)])
