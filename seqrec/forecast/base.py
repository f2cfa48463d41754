"""What every forecaster can do once it tells quantiles of steps to come: answer with times, draw paths, be judged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_column_names, check_integer, show, warn_user
from seqrec.data.sequences import Sequences
from seqrec.data.steps import Step
from seqrec.data.summary import FITTED, TrainingData
from seqrec.exceptions import ColdStartWarning, InputError, SeriesError, UnusedColumnsWarning
from seqrec.forecast import naive, paths
from seqrec.forecast.panel import Panel, check_series, keys_of, step_of, target_of, where
from seqrec.forecast.seasons import season_lengths
from seqrec.forecast.windows import Window, mean_errors
from seqrec.storage.schemas import Integer, Listed, Optional, Record, Schema, Text

__all__ = ["CONSTRAINTS", "FORECASTS", "ForecasterMixin", "quantile_name"]

# Of the parameters that all forecasters have, and of what their fits leave.
CONSTRAINTS: dict[str, list] = {
    "horizon": [Interval(Integral, 1, None, closed="left")],
    "target": [str, None],
    "step": [str],
    "season_lengths": [StrOptions({"auto"}), list, tuple],
    "lower": [Interval(Real, None, None, closed="neither"), None],
}
FORECASTS: dict[str, Schema] = FITTED | {
    "target_": Text(),
    "step_": Optional(Record(Step)),
    "season_lengths_": Listed(Integer(2), tuple),
}
_COLUMNS = ("series", "timestamp", "step", "path")  # of answers, beside the target
_MEDIAN = np.array([0.5])


class ForecasterMixin:
    """The verbs of a forecaster, written once.

    A subclass stores the parameters `horizon`, `target`, `step`, `season_lengths` and `lower` and, if it reads further
    columns, `known`, `observed` and `static`; its `fit` begins with `_training_panel`; and it gives `_quantiles` and
    either `_normal_scores` or `_paths`.

    In all methods X is `Sequences` of series, without items. Series need not have been seen in training. Answers are
    frames with a row for each series and step to come, in the order of X: `series`, `timestamp` (UTC, or the position
    where series have no times) and `step`, from 1 on. A series of which nothing was observed has missing answers, with
    a `ColdStartWarning`.

    Attributes
    ----------
    target_ : str
        Column that is forecast.
    step_ : Step or None
        Time from one value to the next; None where series have no times.
    season_lengths_ : tuple of int
        Steps after which series repeat, the shortest first.
    training_data_ : TrainingData
    """

    horizon: int
    target: str | None
    step: str
    season_lengths: Any
    lower: float | None
    known: Sequence[str] = ()
    observed: Sequence[str] = ()
    static: Sequence[str] = ()
    target_: str
    step_: Step | None
    season_lengths_: tuple[int, ...]
    training_data_: TrainingData

    @property
    def columns_(self) -> dict[str, str]:
        """The columns that are read, and what they hold: "number", "text", or "measure", numbers or truth values."""
        return {self.target_: "number"}

    def predict(self, X: Any, horizon: int | None = None, future: Sequences | None = None) -> pd.DataFrame:
        """Forecast the median of each step to come.

        Parameters
        ----------
        X : Sequences
            Series up to now, each with as much of its history as is there.
        horizon : int, optional
            Steps to forecast; by default as many as the forecaster was made for.
        future : Sequences, optional
            The columns that are known ahead, of the same series, at the steps to come.

        Returns
        -------
        forecast : DataFrame
            `series`, `timestamp`, `step`, and the median under the target's name.

        Raises
        ------
        ValueError
            Where X are no series on the step of training, or values that are known ahead are missing.
        """
        panel, told = self._told(X, horizon, future, _MEDIAN)
        return _frame(panel, {self.target_: told[..., 0]})

    def predict_quantiles(
        self,
        X: Any,
        alpha: ArrayLike = (0.1, 0.5, 0.9),
        horizon: int | None = None,
        future: Sequences | None = None,
    ) -> pd.DataFrame:
        """Forecast quantiles of each step to come; they never cross.

        Parameters
        ----------
        X, horizon, future
            As in `predict`.
        alpha : float or list of float
            Levels between 0 and 1.

        Returns
        -------
        forecast : DataFrame
            `series`, `timestamp`, `step`, and a column for each level: "q10", "q50", "q90", or "q2.5" for .025.
        """
        alpha = _check_levels(alpha)
        panel, told = self._told(X, horizon, future, alpha)
        return _frame(panel, {quantile_name(level): told[..., at] for at, level in enumerate(alpha)})

    def predict_interval(
        self, X: Any, coverage: float = 0.9, horizon: int | None = None, future: Sequences | None = None
    ) -> pd.DataFrame:
        """Forecast intervals that hold a value with probability `coverage`, and miss it as often on either side.

        Parameters
        ----------
        X, horizon, future
            As in `predict`.
        coverage : float
            Between 0 and 1.

        Returns
        -------
        forecast : DataFrame
            `series`, `timestamp`, `step`, `lower`, `upper`.
        """
        panel, told = self._told(X, horizon, future, _ends(coverage))
        return _frame(panel, {"lower": told[..., 0], "upper": told[..., 1]})

    def sample(
        self,
        X: Any,
        n: int = 100,
        horizon: int | None = None,
        future: Sequences | None = None,
        random_state: Any = None,
    ) -> pd.DataFrame:
        """Draw whole paths of what may come: what adds steps up, such as a week's sum, is asked of them.

        Parameters
        ----------
        X, horizon, future
            As in `predict`.
        n : int
            Paths of each series.
        random_state : int, RandomState or None
            The same number gives the same paths of a series, whatever others are asked about beside it.

        Returns
        -------
        paths : DataFrame
            `series`, `path` (from 0 on), `timestamp`, `step`, and the value under the target's name.

        Examples
        --------
        >>> from seqrec import SeasonalNaiveForecaster, Sequences
        >>> X = Sequences.from_arrays([[3.0, 5.0, 8.0] * 9], names="y")
        >>> paths = SeasonalNaiveForecaster(horizon=7, season_lengths=[3]).fit(X).sample(X, n=100, random_state=0)
        >>> float(paths.groupby(["series", "path"])["y"].sum().quantile(0.9))
        35.0
        """
        check_is_fitted(self, "target_")
        n, seed = check_integer(n, "n"), check_random_state(random_state).randint(2**31)
        panel, there, ahead, horizon = self._asked(X, horizon, future)
        drawn = np.full((len(panel), n, horizon), np.nan)
        if there.any():
            draws = paths.Draws(seed, panel.keys[there])
            drawn[there] = self._bounded(self._paths(panel.select(there), horizon, ahead, n, draws))
        return _frame(panel, {self.target_: drawn})

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Judge forecasts of the last `horizon` steps of each series from what came before: the higher, the better.

        Returns
        -------
        score : float
            Minus the mean pinball loss of the deciles, each series scaled by the mean absolute difference to a season
            before in its history: the shortest season, or the step before, where there is none or the history does not
            hold two. Series without two values before, or whose history does not change, do not count.

        Raises
        ------
        ValueError
            Where no series counts.
        """
        panel = self._panel(X)
        window = self._window(panel, self.horizon, self.horizon)
        loss = window.loss(self._answer)
        if np.isnan(loss).all():
            raise InputError(
                f"no series can be judged: one needs more than {self.horizon} steps, values before and among the last "
                f"{self.horizon}, and a history that changes. Pass longer series, or fit with a shorter horizon."
            )
        return -float(np.nanmean(loss))

    def backtest(self, X: Any, windows: int = 3, horizon: int | None = None, coverage: float = 0.9) -> pd.DataFrame:
        """Judge forecasts that start earlier, beside the naive lines.

        The last ``windows * horizon`` steps of each series are cut into windows; each is forecast from all that came
        before it, without another fit. So fit to what came before these steps, or the figures flatter the forecaster.

        Parameters
        ----------
        X : Sequences
            Series, with the columns that are known ahead.
        windows : int
            How many.
        horizon : int, optional
            Steps of a window; by default as many as the forecaster was made for.
        coverage : float
            Of the intervals that are judged.

        Returns
        -------
        errors : DataFrame
            A row for each model, series and step, so that ``groupby("model").mean(numeric_only=True)`` compares models
            and ``groupby(["model", "step"])`` tells horizons apart: `model` (this one, "NaiveForecaster",
            "SeasonalNaiveForecaster"), `series`, `step`, `mase`, `smape`, `pinball` (mean of the deciles, scaled as
            MASE is), `coverage` (share of the values in their interval) and `n_windows` (in which the step was
            observed). MASE is scaled as `score` is. Series without a value to judge have no row.

        Notes
        -----
        By its season (24 of hours, 7 of days, 52 of weeks, 12 of months) a series is scaled as Hyndman & Athanasopoulos
        do, and 1 is as far off as seasonal naive. The M4 competition scaled days and weeks by the step before instead:
        for its figures, take `metrics.mase` with a season of 1.

        References
        ----------
        Hyndman & Athanasopoulos (2021), "Forecasting: principles and practice", 3rd edition, section 5.8. Makridakis,
        Spiliotis & Assimakopoulos (2020), "The M4 competition: 100,000 time series and 61 forecasting methods".
        """
        panel, n_windows = self._panel(X), check_integer(windows, "windows")
        horizon = self.horizon if horizon is None else check_integer(horizon, "horizon")
        _ends(coverage)
        models = {type(self).__name__: self._answer}
        for name, lengths in (("NaiveForecaster", ()), ("SeasonalNaiveForecaster", self.season_lengths_)):
            models.setdefault(name, partial(self._naive, lengths))
        found = [self._window(panel, horizon, horizon * back) for back in range(1, n_windows + 1)]
        each = [mean_errors(panel, found, models[name], horizon, coverage).assign(model=name) for name in models]
        errors = pd.concat(each, ignore_index=True)
        return errors[["model", *errors.columns.drop("model")]]

    def _training_panel(self, X: Any) -> Panel:
        """Begin a fit: check X, find target, step and seasons, and give the series on their grid."""
        X = check_series(X)
        columns = self._columns()
        if not X.n_events:
            raise InputError(f"X holds no events, and so no values, in its {len(X)} series. Pass at least one.")
        target = target_of(X, self.target, columns)
        _check_roles(target, columns)
        step = step_of(X, self.step)
        panel = Panel.read(X, target, step, (*self.known, *self.observed), self.static)
        self._check_lower(X, target)
        if not panel.n_observed.any():
            raise InputError(f"column {target!r} is to be forecast, and holds no value at all.")
        _warn_of_unused(X, (target, *columns), self)
        lengths = season_lengths(panel) if isinstance(self.season_lengths, str) else _check_seasons(self.season_lengths)
        self.target_, self.step_, self.season_lengths_ = target, step, lengths
        self.training_data_ = TrainingData.of(X)
        return panel

    def _panel(self, X: Any) -> Panel:
        """Give series that are asked about on the grid of training."""
        check_is_fitted(self, "target_")
        X = check_series(X)
        if X.n_events and (X.timestamps is None) != (self.step_ is None):
            here, there = ("no ", "") if X.timestamps is None else ("", "no ")
            raise InputError(f"these series have {here}times, and those of training had {there}times.")
        panel = Panel.read(X, self.target_, self.step_, (*self.known, *self.observed), self.static)
        self._check_lower(X, self.target_)
        return panel

    def _columns(self) -> tuple[str, ...]:
        """Give the names of all columns beside the target."""
        return tuple(name for names in (self.known, self.observed, self.static) for name in check_column_names(names))

    def _check_lower(self, X: Sequences, target: str) -> None:
        if self.lower is not None and (below := np.flatnonzero(X.columns[target] < self.lower)).size:
            first = f"{show(X.columns[target][below[0]])} {where(X, int(below[0]))}"
            found = f"column {target!r} has values below lower={self.lower}: {first}."
            raise SeriesError(found, "Leave lower away.", "below_lower", keys_of(X, below), int(below[0]))

    def _asked(
        self, X: Any, horizon: int | None, future: Sequences | None
    ) -> tuple[Panel, NDArray[np.bool_], dict[str, NDArray], int]:
        """Give the series, which of them have values, what is known ahead of these, and the horizon."""
        panel = self._panel(X)
        horizon = self.horizon if horizon is None else check_integer(horizon, "horizon")
        there = panel.n_observed > 0
        ahead = panel.select(there).future(future, horizon, self.known)
        if not there.all():
            named = show(panel.keys[~there][0])
            text = f"{(~there).sum():,} series hold no value (first {named}), so their forecasts are missing."
            warn_user(text, ColdStartWarning)
        return panel, there, ahead, horizon

    def _told(
        self, X: Any, horizon: int | None, future: Sequences | None, alpha: NDArray[np.float64]
    ) -> tuple[Panel, NDArray[np.float64]]:
        """Give the series and their quantiles, (n_series, horizon, n_alpha)."""
        panel, there, ahead, horizon = self._asked(X, horizon, future)
        levels, place = np.unique(alpha, return_inverse=True)
        told = np.full((len(panel), horizon, len(alpha)), np.nan)
        if there.any():
            told[there] = self._answer(panel.select(there), horizon, ahead, levels)[..., place]
        return panel, told

    def _answer(
        self, panel: Panel, horizon: int, future: dict[str, NDArray], alpha: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self._bounded(self._quantiles(panel, horizon, future, alpha))

    def _bounded(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values if self.lower is None else np.maximum(values, self.lower)

    def _naive(
        self,
        lengths: tuple[int, ...],
        panel: Panel,
        horizon: int,
        _: dict[str, NDArray],
        alpha: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Answer as a naive line that was fitted to the very past that it is asked about."""
        season = naive.best_season(panel, lengths)
        return self._bounded(naive.quantiles(panel, horizon, alpha, season, naive.usual_spread(panel, season)))

    def _window(self, panel: Panel, horizon: int, n_back: int) -> Window:
        return Window.of(panel, n_back, horizon, self.known, next(iter(self.season_lengths_), 1))

    def _quantiles(
        self, panel: Panel, horizon: int, future: dict[str, NDArray], alpha: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Give quantiles of the steps to come, (n_series, horizon, n_alpha), which rise with alpha.

        Parameters
        ----------
        panel : Panel
            Of at least one series; each has at least one observed value.
        horizon : int
        future : dict of str to (n_series, horizon) ndarray
            The `known` columns; in backtests some values may be missing.
        alpha : (n_alpha,) float64
            Rising levels.
        """
        raise NotImplementedError

    def _paths(
        self, panel: Panel, horizon: int, future: dict[str, NDArray], n: int, draws: paths.Draws
    ) -> NDArray[np.float64]:
        """Draw paths, (n_series, n, horizon)."""
        quantiles = self._quantiles(panel, horizon, future, paths.LEVELS)
        return paths.drawn(quantiles, self._normal_scores(panel, horizon, n, draws))

    def _normal_scores(self, panel: Panel, horizon: int, n: int, draws: paths.Draws) -> NDArray[np.float64]:
        """Draw how far out paths lie at each step, (n_series, n, horizon): standard normal, whatever hangs together."""
        raise NotImplementedError


def quantile_name(level: float) -> str:
    """Name the column of a quantile: "q90" for .9."""
    return f"q{100 * level:g}"


def _frame(panel: Panel, columns: dict[str, NDArray[np.float64]]) -> pd.DataFrame:
    """Give answers, (n_series, horizon) each, or (n_series, n_paths, horizon), as a long frame."""
    shape = next(iter(columns.values())).shape
    horizon, n_paths = shape[-1], shape[1] if len(shape) == 3 else 1
    times = panel.times(np.arange(1, horizon + 1))
    rows: dict[str, Any] = {"series": np.repeat(panel.keys, n_paths * horizon)}
    if len(shape) == 3:
        rows["path"] = np.tile(np.repeat(np.arange(n_paths), horizon), len(panel))
    rows["timestamp"] = np.repeat(times[:, None], n_paths, axis=1).ravel()
    rows["step"] = np.tile(np.arange(1, horizon + 1), len(panel) * n_paths)
    return pd.DataFrame(rows | {name: values.ravel() for name, values in columns.items()})


def _check_levels(alpha: ArrayLike) -> NDArray[np.float64]:
    levels = np.atleast_1d(np.asarray(alpha, dtype=np.float64))
    if levels.ndim != 1 or not len(levels) or not ((levels > 0) & (levels < 1)).all():
        raise InputError(f"alpha must hold levels between 0 and 1, such as [0.1, 0.5, 0.9], got {show(alpha)}.")
    if len(np.unique(levels)) < len(levels):
        raise InputError(f"alpha holds a level twice: {show(alpha)}.")
    return levels


def _ends(coverage: float) -> NDArray[np.float64]:
    if not isinstance(coverage, Real) or not 0 < coverage < 1:
        raise InputError(f"coverage must lie between 0 and 1, such as 0.9, got {show(coverage)}.")
    return np.array([(1 - coverage) / 2, (1 + coverage) / 2])


def _check_seasons(lengths: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted({check_integer(length, "each of season_lengths", 2) for length in lengths}))


def _check_roles(target: str, columns: tuple[str, ...]) -> None:
    """Raise unless each column has one use, and answers can bear the target's name."""
    named = (target, *columns)
    if twice := next((name for name in named if named.count(name) > 1), None):
        raise InputError(f"column {twice!r} is named more than once among target, known, observed and static.")
    if target in _COLUMNS:
        raise InputError(f"column {target!r} has the name of a column of the answers. Rename it.")


def _warn_of_unused(X: Sequences, used: tuple[str, ...], estimator: Any) -> None:
    if unused := [name for name in X.columns if name not in used]:
        plural, named = "s" * (len(unused) > 1), ", ".join(map(repr, unused))
        takes_more = "known" in estimator.get_params()
        why = "it is named in none of known, observed, static" if takes_more else "it reads the target alone"
        text = f"column{plural} {named} {'are' if plural else 'is'} not used by {type(estimator).__name__}: {why}."
        warn_user(text, UnusedColumnsWarning)
