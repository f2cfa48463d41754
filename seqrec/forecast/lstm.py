"""One LSTM for a panel of series: quantiles of what comes next, calibrated on what was held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from seqrec._checks import check_integer
from seqrec._text import interval
from seqrec.data.display import ShownAsCard
from seqrec.data.summary import HISTORY
from seqrec.forecast import calibration, covariates, naive, theta
from seqrec.forecast.alike import Alike
from seqrec.forecast.base import CONSTRAINTS, FORECASTS, ForecasterMixin
from seqrec.forecast.calendar import places
from seqrec.forecast.calibration import Calibration, Judgement
from seqrec.forecast.covariates import Covariate
from seqrec.forecast.examples import Examples, after, hold_out
from seqrec.forecast.panel import Panel, check_series
from seqrec.forecast.paths import Draws
from seqrec.forecast.shares import losses, mixed, proven_share
from seqrec.forecast.strides import Stretch, Strides
from seqrec.network.architectures import LEVELS, QuantileArchitecture
from seqrec.network.blueprint import Network
from seqrec.network.drawn import DrawTrainer
from seqrec.network.estimator import as_it_was_if_it_fails
from seqrec.network.quantiles import QuantileModel
from seqrec.network.training import History
from seqrec.storage.arrays import Array
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Integer, Listed, Mapped, Record, Schema
from seqrec.storage.schemas import Real as Number

__all__ = ["LSTMForecaster"]

_PATIENCE = 5  # epochs
_VALUES_OF_STEP, _STEPS = 150, (400, 1_500)  # of training: values of the panel for each, and least and most steps
_ROWS = 192  # series that are read together: always as many, so that company changes no digit
_N_COMPARED = 8  # steps of the horizon by which seasons are compared
_MEDIAN = LEVELS.index(0.5)
_COLUMNS = [list, tuple]
_LEVELS = np.array(LEVELS)


class _Question(NamedTuple):
    """What a network is asked of the steps after the origins of some series, and how its answers are read."""

    inputs: NDArray[np.float32]
    ahead: NDArray[np.float32]
    at: NDArray[np.int32]
    anchor: NDArray[np.float64]  # (n, n_told, horizon)
    scale: NDArray[np.float64]  # (n, n_told)

    def told(self, model: QuantileModel) -> NDArray[np.float64]:
        """Give the quantiles of ``LEVELS``, (n, n_told, horizon, n_levels)."""
        told = model.tell(self.inputs, self.ahead, self.at).astype(np.float64)
        return self.anchor[..., None] + self.scale[..., None, None] * told


class LSTMForecaster(ForecasterMixin, ShownAsCard, Storable, BaseEstimator):
    """Forecast series by one network that all of them have taught: calibrated quantiles, also of series never seen.

    Use it for panels that share their ways: demand by item, load by meter, pages by hour. The network reads a series
    season by season, in units of what the series has been doing so far, so levels may differ by any factor. After each
    stride it tells nine quantiles of every step to come, as distances from the value of a season before. What it tells
    is mixed with what the Theta method tells of each series by itself: the network has the least share that is not
    worse on held-out steps than the best, by more than chance. So where a panel is small, or its series have little in
    common, it keeps quiet. Widths change, too, as far as held-out steps prove that they should.

    Steps beyond the fitted `horizon` can be asked for: medians so far are then read as if they had come, and widths go
    on as the square root of the step does.

    Parameters
    ----------
    horizon : int
        Steps to forecast, as the network learns to; fewer and more can be asked for.
    target : str, optional
        Column to forecast; by default the only one of numbers that is not named below.
    known, observed, static : list of str
        Further columns, of numbers or text: those known ahead (price, holiday), of which forecasts take the values to
        come as `future`; those that are known up to now; and those that a series has one value of.
    step, season_lengths, lower
        As in `NaiveForecaster`.
    units : int
        Width of each layer.
    dropout : float
        Share of the outputs that is dropped in training.
    n_networks : int
        Networks, whose quantiles are averaged.
    learning_rate : float
        Height of the schedule: a warm-up of 100 steps, then a cosine.
    max_steps : int or "auto"
        Most steps of training, of 64 stretches of series each; training ends early where held-out steps get no better.
        "auto": one for 150 observed values, from 400 to 1,500, since a small panel read often is learned by heart.
    verbose : bool or "auto"
        Show progress; "auto": in a terminal or notebook.
    random_state : int, RandomState or None
        The same seed on the same machine, on as many threads, gives the same weights; no global seed is touched.

    Attributes
    ----------
    coverage_ : dict of lists
        "50%", "80%", "95%": for each step, the share of held-out values in the calibrated interval. Each half of what
        was held out is calibrated by the other. Empty if nothing could be held out.
    share_ : float
        The network's share in forecasts, from 0 to 1; the other is that of the Theta method.
    season_length_ : int
        Steps back to the value that a forecast starts from: the shortest season, or 1 where the last value is nearer.
    model_ : QuantileModel
        The Keras model.
    history_ : dict of lists
        For every 100 steps the "loss" (pinball, in mean differences to a season before) and the "validation" score (of
        the held-out steps, negated).
    target_, step_, season_lengths_, training_data_
        As in `ForecasterMixin`.

    References
    ----------
    Hochreiter & Schmidhuber (1997). Wen et al. (2017), "A multi-horizon quantile recurrent forecaster". Smyl (2020), "A
    hybrid method of exponential smoothing and recurrent neural networks for time series forecasting", for reading
    series in units of their own level. Assimakopoulos & Nikolopoulos (2000), "The theta model". Romano, Patterson &
    Candès (2019), "Conformalized quantile regression".

    Examples
    --------
    >>> from seqrec import LSTMForecaster, Sequences
    >>> from seqrec.datasets import make_series
    >>> panel = make_series(n_series=20, n_steps=336, random_state=0)
    >>> X = Sequences.from_frame(panel, user="series", item=None, columns=["y", "price"])
    >>> past, future = X.head(288), X
    >>> forecaster = LSTMForecaster(horizon=48, target="y", known=["price"], units=8, max_steps=20, random_state=0)
    >>> forecaster.fit(past).predict_interval(past, future=future).columns.tolist()
    ['series', 'timestamp', 'step', 'lower', 'upper']
    """

    _parameter_constraints: ClassVar[dict[str, list]] = CONSTRAINTS | {
        "known": _COLUMNS,
        "observed": _COLUMNS,
        "static": _COLUMNS,
        "units": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_networks": [Interval(Integral, 1, 100, closed="both")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "verbose": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
    }
    _schema: ClassVar[dict[str, Schema]] = FORECASTS | {
        "season_length_": Integer(1),
        "coverage_": Mapped(Listed(Number(0, 1))),
        "history_": HISTORY,
        "_covariates": Listed(Record(Covariate), tuple),
        "_best_season": Integer(1),
        "_usual_spread": Number(0),
        "share_": Number(0, 1),
        "_calibration": Record(Calibration),
        "_widths_alone": Array("float64", len(LEVELS), low=0),  # factors, a step ahead, without the Theta method
        "model_": Network(QuantileModel, Record(QuantileArchitecture)),
    }
    season_length_: int
    coverage_: dict[str, list[float]]
    history_: History
    model_: QuantileModel
    _covariates: tuple[Covariate, ...]
    _best_season: int
    _usual_spread: float
    share_: float
    _calibration: Calibration
    _widths_alone: NDArray[np.float64]

    def __init__(
        self,
        horizon: int = 24,
        target: str | None = None,
        known: Sequence[str] = (),
        observed: Sequence[str] = (),
        static: Sequence[str] = (),
        step: str = "auto",
        season_lengths: str | Sequence[int] = "auto",
        lower: float | None = None,
        units: int = 96,
        dropout: float = 0.1,
        n_networks: int = 2,
        learning_rate: float = 0.003,
        max_steps: int | str = "auto",
        verbose: bool | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.horizon, self.target, self.known, self.observed, self.static = horizon, target, known, observed, static
        self.step, self.season_lengths, self.lower = step, season_lengths, lower
        self.units, self.dropout, self.n_networks = units, dropout, n_networks
        self.learning_rate, self.max_steps = learning_rate, max_steps
        self.verbose, self.random_state = verbose, random_state

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Learn from series; y is ignored.

        The last steps of the series, or of 500 of them, are held out: they end the training in time, and calibrate. In
        the end they are learned, too.

        Parameters
        ----------
        X : Sequences
            Series, with the columns that are named.

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is not as described; before any training.
        DivergenceError
            If the loss turns NaN; an earlier fit is kept.
        KeyboardInterrupt
            At Ctrl-C. After the first 100 steps the estimator is fitted first, with the best weights so far; before, an
            earlier fit is kept.
        """
        self._validate_params()
        with as_it_was_if_it_fails(self):
            trainer = self._learn(self._training_panel(X))
        trainer.raise_if_stopped()
        return self

    @property
    def columns_(self) -> dict[str, str]:
        """As in `ForecasterMixin`."""
        return super().columns_ | {c.name: "measure" if c.values is None else "text" for c in self._covariates}  # noqa: PD011

    def surprisal(self, X: Any) -> NDArray[np.float64]:
        """Say how surprising each value is, given all that came before it.

        Parameters
        ----------
        X : Sequences
            Series.

        Returns
        -------
        surprisal : (n_events,) float64, nats
            Minus the logarithm of the density, a step ahead, in the unit of the series, by the network alone: in the
            order of X's events. NaN of what was not observed, and where nothing was observed before.
        """
        return self._judged(X).surprisal

    def explain(self, X: Any, n_values: int = 3) -> pd.DataFrame:
        """Say which values are the oddest, given all that came before them, and what was expected in their place.

        Parameters
        ----------
        X : Sequences
            Series.
        n_values : int
            Most values of a series.

        Returns
        -------
        reasons : DataFrame
            A row a value, the oddest first: `series`, `timestamp` (or position), `row` (of the log), `value`,
            `surprisal` (nats), `p_value` (probability of all that is as far out) and `expected`, in the unit of the
            series, such as "30.1 to 45.2 (90 %)".
        """
        n_values, told = check_integer(n_values, "n_values"), self._judged(X)
        series = np.repeat(np.arange(len(X)), X.lengths)
        order = np.lexsort((told.surprisal, told.p_value, series))
        chosen = order[(np.arange(len(order)) - X.indptr[series] < n_values) & ~np.isnan(told.surprisal[order])]
        chosen = chosen[np.argsort(told.p_value[chosen], kind="stable")]
        times = np.arange(X.n_events) - X.indptr[series] if X.timestamps is None else X.timestamps
        ends = zip(told.lower[chosen].tolist(), told.upper[chosen].tolist(), strict=True)
        return pd.DataFrame(
            {
                "series": X.keys[series[chosen]],
                "timestamp": times[chosen],
                "row": X.rows[chosen],
                "value": X.columns[self.target_][chosen],
                "surprisal": told.surprisal[chosen],
                "p_value": told.p_value[chosen],
                "expected": [f"{interval(*both)} (90 %)" for both in ends],
            }
        )

    def _judged(self, X: Any) -> Judgement:
        """Judge each event, (n_events,) each."""
        panel = self._panel(X)
        nothing = Judgement(*[panel.y] * 4)
        of_steps = self._judged_steps(covariates.read(panel, self._covariates)) if len(panel.y) else nothing
        X = check_series(X)
        place = places(X, panel.calendar) + np.repeat(panel.stops - 1, X.lengths)
        return Judgement(*[values[place] for values in of_steps])

    def _learn(self, panel: Panel) -> DrawTrainer:
        """Train networks, and calibrate them."""
        random, horizon = check_random_state(self.random_state), int(self.horizon)
        rng = np.random.default_rng(random.randint(2**31, size=4))
        self._covariates = covariates.learn(panel, (*self.known, *self.observed), self.static)
        self.season_length_ = _season(panel, self.season_lengths_, horizon)
        self._best_season = naive.best_season(panel, self.season_lengths_)
        self._usual_spread = naive.usual_spread(panel, self._best_season)
        panel, strides = covariates.read(panel, self._covariates), self._strides
        rows, origins, ends = hold_out(panel, horizon, rng)
        examples = Examples(panel, strides, horizon, ends, rng)
        self.model_ = QuantileModel(
            QuantileArchitecture(
                n_inputs=strides.n_inputs,
                n_ahead=strides.n_ahead,
                horizon=horizon,
                units=int(self.units),
                dropout=float(self.dropout),
                n_networks=int(self.n_networks),
                seed=int(random.randint(2**31)),
            )
        )
        held_out = replace(panel.select(rows), stops=origins + 1)
        truth = after(panel, rows, origins, horizon, panel.y)
        future = {c.name: after(panel, rows, origins, horizon, panel.columns[c.name]) for c in strides.known}
        questions = list(self._questions(held_out, future, horizon))
        merit = None if np.isnan(truth).all() else partial(self._merit, truth, questions)
        trainer = DrawTrainer(self.model_)
        self.history_ = trainer.fit(
            examples.draw, self._n_steps(panel), float(self.learning_rate), _PATIENCE, self.verbose, merit
        )
        own, scale = self._answered(questions, truth.shape)
        alike = Alike.of(rows, panel.stops[rows] - origins, horizon)
        self._widths_alone = calibration.factors_of(truth, own, alike)[0]
        simple = self._simple(held_out, horizon)
        self.share_ = proven_share(truth, own, simple, scale, alike)
        told = mixed(own, simple, self.share_)
        self._calibration = Calibration.learn(truth, told, alike)
        self.coverage_ = calibration.coverage(truth, told, alike)
        if merit:  # as the latest values tell most of those to come, they are learned in the end
            everything = Examples(panel, strides, horizon, panel.stops, rng)
            trainer.finish(everything.draw, float(self.learning_rate), self.verbose)
        return trainer

    def _n_steps(self, panel: Panel) -> int:
        usual = np.clip(panel.n_observed.sum() / _VALUES_OF_STEP, *_STEPS)
        return int(usual if self.max_steps == "auto" else self.max_steps)

    @property
    def _strides(self) -> Strides:
        n_known, n_along = len(self.known), len(self.known) + len(self.observed)
        roles = self._covariates[:n_known], self._covariates[n_known:n_along], self._covariates[n_along:]
        return Strides(self.season_length_, self.season_lengths_ or (1,), *roles)

    def _check_fitted(self) -> None:
        architecture, strides = self.model_.architecture, self._strides
        names = [c.name for c in self._covariates]
        if names != [*self.known, *self.observed, *self.static]:
            raise ValueError("the columns that it reads are not those of its parameters.")
        if (architecture.n_inputs, architecture.n_ahead) != (strides.n_inputs, strides.n_ahead):
            raise ValueError("the network reads other columns or seasons than the estimator.")
        if len(self._calibration.factors) != architecture.horizon:
            raise ValueError("the calibration is of another horizon than the network.")

    def _build(self) -> None:
        self.model_ = self.model_.build()

    def _questions(
        self, panel: Panel, future: dict[str, NDArray], horizon: int
    ) -> Iterator[tuple[NDArray[np.intp], _Question]]:
        """Give what is to be asked of series, in portions: which they are, and the question, of ``_ROWS`` rows."""
        for rows, stretch, n_strides, most in self._stretches(panel):
            ahead = {name: values[rows] for name, values in future.items()}
            yield rows, self._question(stretch.with_ahead(ahead, horizon), n_strides, most, horizon)

    def _stretches(self, panel: Panel) -> Iterator[tuple[NDArray[np.intp], Stretch, NDArray[np.int64], int]]:
        """Give series up to their ends in portions of like length: rows, stretch, number of strides of each, and most.

        How a series is read depends on itself alone.
        """
        strides = self._strides
        n_strides = strides.n_strides(panel.lengths)
        for rows, most in _portions(n_strides):
            yield rows, Stretch.of(panel, rows, panel.stops[rows] - 1, strides.steps(most)), n_strides[rows], most

    def _question(self, stretch: Stretch, n_strides: NDArray[np.int64], most: int, horizon: int) -> _Question:
        strides, at = self._strides, (n_strides - 1)[:, None]
        origins = strides.origins(stretch, n_strides, most)
        asked = origins.select(at)
        ahead, anchor = strides.ahead(stretch, asked, horizon)
        return _Question(strides.inputs(stretch, origins), ahead, at.astype(np.int32), anchor, asked.scale)

    def _merit(self, truth: NDArray[np.float64], questions: list) -> float:
        """Judge the network as it is by held-out steps; the higher, the better."""
        return -float(np.nanmean(losses(truth, *self._answered(questions, truth.shape))))

    def _answered(self, questions: list, shape: tuple[int, ...]) -> tuple[NDArray, NDArray]:
        """Give the network's quantiles of ``LEVELS`` for n rows, (n, horizon, n_levels), and the rows' scales, (n,)."""
        told, scale = np.empty((*shape, len(LEVELS))), np.empty(shape[0])
        for rows, question in questions:
            told[rows], scale[rows] = question.told(self.model_)[:, 0], question.scale[:, 0]
        return told, scale

    def _simple(self, panel: Panel, horizon: int) -> NDArray[np.float64]:
        """Give the quantiles of ``LEVELS`` that the Theta method tells of each series by itself."""
        return theta.quantiles(panel, horizon, _LEVELS, self._best_season, self._usual_spread)

    def _quantiles(
        self, panel: Panel, horizon: int, future: dict[str, NDArray], alpha: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        panel = covariates.read(panel, self._covariates)
        known = {c.name: c.read(future[c.name].ravel()).reshape(len(panel), horizon) for c in self._strides.known}
        told, simple = np.empty((len(panel), horizon, len(alpha))), self._simple(panel, horizon)
        for rows, stretch, n_strides, most in self._stretches(panel):
            ahead = {name: values[rows] for name, values in known.items()}
            own = self._tell(stretch, n_strides, most, ahead, simple[rows])
            told[rows] = calibration.at_levels(own, alpha)
        return told

    def _tell(
        self, stretch: Stretch, n_strides: NDArray[np.int64], most: int, known: dict[str, NDArray], simple: NDArray
    ) -> NDArray[np.float64]:
        """Give calibrated quantiles of ``LEVELS``, (n, horizon, n_levels), block by block of the fitted horizon."""
        fitted, horizon, blocks = self.model_.architecture.horizon, simple.shape[1], []
        for start in range(0, horizon, fitted):
            n = min(fitted, horizon - start)
            ahead = {name: values[:, start : start + n] for name, values in known.items()}
            question = self._question(stretch.with_ahead(ahead, n), n_strides, most, n)
            told = mixed(question.told(self.model_)[:, 0], simple[:, start : start + n], self.share_)
            blocks.append(calibration.widened(told, self._calibration.factors[:n]))
            stretch = stretch.followed_by(blocks[-1][..., _MEDIAN], ahead)
        return _grown(np.concatenate(blocks, axis=1), fitted, self.season_length_)

    def _normal_scores(self, panel: Panel, horizon: int, n: int, draws: Draws) -> NDArray[np.float64]:
        drawn = self._calibration.draw(len(panel), n, horizon, draws)
        return naive.normal_scores(panel, horizon, n, self.season_length_, draws) if drawn is None else drawn

    def _judged_steps(self, panel: Panel) -> Judgement:
        """Judge each step of the flat arrays, a step ahead.

        Each phase of the season is read apart, in rows of as many strides as in training and as many before them.
        """
        strides, found = self._strides, Judgement(*np.full((4, len(panel.y)), np.nan))
        series, origins, n_strides, first_told = _one_step_ahead(panel, strides)
        for rows, most in _portions(n_strides):
            stretch = Stretch.of(panel, series[rows], origins[rows], strides.steps(most), 1)
            after = strides.origins(stretch, n_strides[rows], most)
            ahead, anchor = strides.ahead(stretch, after, 1)
            at = np.broadcast_to(np.arange(most, dtype=np.int32), after.at.shape)
            question = _Question(strides.inputs(stretch, after), ahead, at, anchor, after.scale)
            told = calibration.widened(question.told(self.model_)[:, :, 0], self._widths_alone)
            y = np.take_along_axis(stretch.y, after.at + 1, axis=1)
            asked = (first_told[rows][:, None] <= at) & (at < n_strides[rows][:, None]) & (after.n_observed > 0)
            place = origins[rows][:, None] + (after.at - (stretch.before - 1)) + 1
            for into, values in zip(found, Judgement.of(y, told), strict=True):
                into[place[asked]] = values[asked]
        return found


def _portions(n_strides: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.intp], int]]:
    """Give rows of like numbers of strides, ``_ROWS`` at a time, some again where they are too few; and the most."""
    most = 4 * 2 ** np.ceil(np.log2(np.maximum(n_strides / 4, 1))).astype(np.int64)
    for size in np.unique(most):
        alike = np.flatnonzero(most == size)
        for start in range(0, len(alike), _ROWS):
            yield np.resize(alike[start : start + _ROWS], _ROWS), int(size)


def _one_step_ahead(panel: Panel, strides: Strides) -> tuple[NDArray, ...]:
    """Give rows that have an origin before every step but the first: series, last origin, strides, and first told."""
    n, length = strides.longest, strides.length
    phase = np.tile(np.arange(length), len(panel))
    count = np.maximum(np.repeat(panel.lengths, length) - 1 - phase + length - 1, 0) // length
    n_rows = np.where(count > 0, np.maximum(-(-count // n) - 1, 1), 0)
    pair = np.repeat(np.arange(len(count)), n_rows)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    last = np.minimum((place + 2) * n, count[pair]) - 1
    origins = panel.starts[pair // length] + phase[pair] + length * last
    return pair // length, origins, last - place * n + 1, np.where(place == 0, 0, n)


def _grown(quantiles: NDArray[np.float64], fitted: int, season: int) -> NDArray[np.float64]:
    """Widen quantiles beyond the fitted horizon: as at the same place of its last season, by the root of the step."""
    step = np.arange(quantiles.shape[1])
    season = min(season, fitted)
    within = np.where(step < fitted, step, fitted - season + (step - fitted) % season)
    median = quantiles[..., _MEDIAN, None]
    return median + (quantiles - median)[:, within] * np.sqrt((step + 1) / (within + 1))[:, None]


def _season(panel: Panel, lengths: tuple[int, ...], horizon: int) -> int:
    """Give the shortest season, or 1 if the last value is nearer to what comes, over the horizon."""
    steps = np.unique(np.linspace(1, horizon, min(horizon, _N_COMPARED)).astype(int))

    def error(season: int) -> float:
        return float(np.mean([naive.relative_error(panel, season * -(-step // season)) for step in steps]))

    return min((1, *lengths[:1]), key=error)
