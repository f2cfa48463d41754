"""What a forecasting network has to beat: the last value, that of a season before, and what a series alone tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from seqrec.data.display import ShownAsCard
from seqrec.forecast import naive, theta
from seqrec.forecast.base import CONSTRAINTS, FORECASTS, ForecasterMixin
from seqrec.forecast.panel import Panel
from seqrec.forecast.paths import Draws
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Integer, Real, Schema

__all__ = ["NaiveForecaster", "SeasonalNaiveForecaster", "ThetaForecaster"]


class NaiveForecaster(ForecasterMixin, ShownAsCard, Storable, BaseEstimator):
    """Forecast that all stays as it was last: of prices, as good a point forecast as any.

    Quantiles come from how far the series itself has moved in so many steps; where it is short, from a random walk.

    Parameters
    ----------
    horizon : int
        Steps to forecast if none are asked for; each length can be.
    target : str, optional
        Column to forecast; by default the only one of numbers.
    step : str
        Time from one value to the next, as pandas writes it: "15min", "1h", "D", "B" (Monday to Friday), "W", "MS"
        (months), "QS", "YS". "auto" finds it: months or working days where all times fit, or else the most frequent
        span. Where a value is missing from a regular series, it was not observed.
    season_lengths : "auto" or list of int
        Steps after which series repeat. "auto" takes those of the step (24 and 168 of hours, 7 of days, 5 of working
        days, 52 of weeks, 12 of months, 4 of quarters) as long as most series hold two; of series without times, those
        that they show beyond chance. The shortest scales `score` and `backtest`.
    lower : float, optional
        What no value lies below, such as 0.

    Attributes
    ----------
    usual_spread_ : float
        Median spread of a difference, as a share of the size of a series: what is taken of series that tell too little.
    target_, step_, season_lengths_, training_data_
        As in `ForecasterMixin`.

    Examples
    --------
    >>> from seqrec import NaiveForecaster, Sequences
    >>> X = Sequences.from_arrays([[3.0, 5.0, 4.0, 6.0]], names="price", keys=["tea"])
    >>> print(NaiveForecaster(horizon=2).fit(X).predict(X))
      series  timestamp  step  price
    0    tea          4     1    6.0
    1    tea          5     2    6.0
    """

    _parameter_constraints: ClassVar[dict[str, list]] = CONSTRAINTS
    _schema: ClassVar[dict[str, Schema]] = FORECASTS | {"usual_spread_": Real(0)}

    def __init__(
        self,
        horizon: int = 24,
        target: str | None = None,
        step: str = "auto",
        season_lengths: str | Sequence[int] = "auto",
        lower: float | None = None,
    ) -> None:
        self.horizon = horizon
        self.target = target
        self.step = step
        self.season_lengths = season_lengths
        self.lower = lower

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Find out how much series usually move; y is ignored."""
        self._validate_params()
        self.usual_spread_ = naive.usual_spread(self._training_panel(X), 1)
        return self

    @property
    def _lag(self) -> int:
        """Steps that are gone back."""
        return 1

    def _quantiles(
        self, panel: Panel, horizon: int, _: dict[str, NDArray], alpha: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return naive.quantiles(panel, horizon, alpha, self._lag, self.usual_spread_)

    def _normal_scores(self, panel: Panel, horizon: int, n: int, draws: Draws) -> NDArray[np.float64]:
        return naive.normal_scores(panel, horizon, n, self._lag, draws)


class SeasonalNaiveForecaster(NaiveForecaster):
    """Forecast that all is as it was a season before: the line to beat where series repeat.

    Parameters
    ----------
    horizon, target, step, season_lengths, lower
        As in `NaiveForecaster`. Of several seasons, the one by which the series of training repeat best is taken.

    Attributes
    ----------
    season_length_ : int
        Steps that are gone back; 1 where there are no seasons.
    usual_spread_, target_, step_, season_lengths_, training_data_
        As in `NaiveForecaster`.

    Examples
    --------
    >>> from seqrec import SeasonalNaiveForecaster, Sequences
    >>> X = Sequences.from_arrays([[3.0, 5.0, 8.0] * 20], names="y")
    >>> SeasonalNaiveForecaster(horizon=4).fit(X).predict(X)["y"].tolist()
    [3.0, 5.0, 8.0, 3.0]
    """

    _schema: ClassVar[dict[str, Schema]] = NaiveForecaster._schema | {"season_length_": Integer(1)}

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Find the season by which series repeat, and how well they do; y is ignored."""
        self._validate_params()
        panel = self._training_panel(X)
        self.season_length_ = naive.best_season(panel, self.season_lengths_)
        self.usual_spread_ = naive.usual_spread(panel, self.season_length_)
        return self

    @property
    def _lag(self) -> int:
        return self.season_length_


class ThetaForecaster(SeasonalNaiveForecaster):
    """Forecast each series by itself: smoothed, adjusted for its season, and going on along half of its trend.

    Of short series few methods tell more, and none is as fast: a million values take seconds.

    Parameters
    ----------
    horizon, target, step, season_lengths, lower
        As in `SeasonalNaiveForecaster`. A series is adjusted for the season where it shows one: by factors if all its
        values are above 0.

    Attributes
    ----------
    season_length_, usual_spread_, target_, step_, season_lengths_, training_data_
        As in `SeasonalNaiveForecaster`.

    References
    ----------
    Assimakopoulos & Nikolopoulos (2000), "The theta model". Hyndman & Billah (2003), "Unmasking the Theta method".

    Examples
    --------
    >>> from seqrec import Sequences, ThetaForecaster
    >>> X = Sequences.from_arrays([[2.0 * week for week in range(40)]], names="y")
    >>> ThetaForecaster(horizon=3).fit(X).predict(X)["y"].round(1).tolist()
    [79.0, 80.0, 81.0]
    """

    _schema: ClassVar[dict[str, Schema]] = SeasonalNaiveForecaster._schema

    def _quantiles(
        self, panel: Panel, horizon: int, _: dict[str, NDArray], alpha: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return theta.quantiles(panel, horizon, alpha, self.season_length_, self.usual_spread_)
