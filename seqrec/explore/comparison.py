"""Models side by side: each metric with its interval, differences that chance does not explain, and trade-offs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer, show
from seqrec._html import card, table
from seqrec.data.sequences import Sequences, as_sequences
from seqrec.exceptions import InputError
from seqrec.explore.front_end import Widget, label, lines, packed, source
from seqrec.metrics import coverage, hit_rate, mrr, ndcg

_SECONDS = "seconds to fit"
_N_RESAMPLES = 2000
_TAILS = (0.025, 0.975)


class ModelComparison(Widget):
    """Which model is best, by how much, and whether chance could do as much.

    Figures of one number a sequence get a 95 % bootstrap interval, and so does the difference of each model to
    the reference, sequence by sequence: `bootstrap_interval` and `bootstrap_difference` give the same. A difference is
    beyond chance if its interval leaves out 0.

    Parameters
    ----------
    results : mapping of str to mapping of str to array or number; or DataFrame
        Of each model, each metric: (n,) figures, one a sequence, as `seqrec.metrics.ndcg` gives, or one number, which
        has no interval. A DataFrame has a row a model and a column a metric. Models need not have the same metrics.
    baseline : str, optional
        The first reference; by default the first model.
    lower_is_better : list of str
        Metrics where the lowest figure is best, such as the seconds to fit.
    random_state : int, RandomState or None
        Seeds the resampling.

    Attributes
    ----------
    metric : str
        By which the models are sorted; by default the first.
    x, y : str
        The metrics of the trade-off; by default the last and the first.
    model : str
        The model in focus, or "".
    reference : str
        The model that the others are compared with.
    undominated : list of str
        The models that no other beats on `x` without losing on `y`, or the reverse.

    Raises
    ------
    TypeError, ValueError
        If results, baseline or lower_is_better are not as described.

    Examples
    --------
    >>> from seqrec.explore import ModelComparison
    >>> results = {"popular": {"hit": [0, 0, 1, 0] * 50}, "LSTM": {"hit": [0, 1, 1, 0] * 50}}
    >>> comparison = ModelComparison(results, baseline="popular")
    >>> print(comparison.frame[["model", "metric", "mean", "n", "difference"]].to_string(index=False))
      model metric  mean   n  difference
    popular    hit  0.25 200        0.00
       LSTM    hit  0.50 200        0.25
    """

    _esm: ClassVar[str] = source("comparison")
    metric = traitlets.Unicode().tag(sync=True)
    x = traitlets.Unicode().tag(sync=True)
    y = traitlets.Unicode().tag(sync=True)
    model = traitlets.Unicode().tag(sync=True)
    reference = traitlets.Unicode().tag(sync=True)
    undominated = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    _models = traitlets.Bytes().tag(sync=True)
    _metrics = traitlets.Bytes().tag(sync=True)
    _lower = traitlets.List(traitlets.Bool()).tag(sync=True)
    _figures = traitlets.Bytes().tag(sync=True)  # mean, low, high: float64 (3, n_models, n_metrics)
    _differences = traitlets.Bytes().tag(sync=True)  # the same of the differences to the reference
    _counts = traitlets.Bytes().tag(sync=True)  # int32 (n_models, n_metrics): sequences, 0 for a single number
    _notes = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        results: Mapping[Any, Mapping[Any, Any]] | pd.DataFrame,
        baseline: Any = None,
        random_state: int | np.random.RandomState | None = 0,
        lower_is_better: Iterable[Any] = (),
    ) -> None:
        results = _checked(results)
        metrics = list(dict.fromkeys(metric for figures in results.values() for metric in figures))
        self._model_names, self._metric_names = _shown(results), _shown(metrics)
        reference = _find(next(iter(results)) if baseline is None else baseline, self._model_names, "baseline")
        if isinstance(lower_is_better, str):
            raise InputError(f"lower_is_better must be a list of metrics. Write lower_is_better=[{lower_is_better!r}].")
        lower = {_find(metric, self._metric_names, "lower_is_better") for metric in lower_is_better}
        self._table = _Figures(results, metrics, random_state)
        super().__init__()
        names = list(self._metric_names.values())
        self._lower = [name in lower for name in names]
        self._models, self._metrics = lines(self._model_names.values()), lines(names)
        self._figures = packed([self._table.means, self._table.lows, self._table.highs], "float64")
        self._counts = packed(self._table.counts, "int32")
        self._notes = self._table.notes(list(self._model_names.values()), names)
        self.metric, self.x, self.y, self.reference = names[0], names[-1], names[0], reference

    @classmethod
    def of(
        cls,
        recommenders: Mapping[Any, Any],
        history: Any,
        target: Any,
        k: int = 10,
        exclude_seen: bool = True,
        seconds: Mapping[Any, float] | None = None,
    ) -> ModelComparison:
        """Judge recommenders over the whole catalogue, and compare them.

        Parameters
        ----------
        recommenders : mapping of str to fitted recommender
        history, target, exclude_seen
            As in `evaluate`.
        k : int
            Length of the lists.
        seconds : mapping of str to float, optional
            How long each took to fit.

        Returns
        -------
        comparison : ModelComparison
            Of "HR@k", "NDCG@k", "MRR@k" and "coverage@k", and perhaps "seconds to fit".

        Examples
        --------
        >>> from seqrec import MarkovRecommender, PopularityRecommender
        >>> X = [["tea", "milk", "tea"], ["milk", "cake"], ["cake", "tea", "milk"]]
        >>> models = {"popular": PopularityRecommender().fit(X), "Markov": MarkovRecommender().fit(X)}
        >>> ModelComparison.of(models, [["tea"], ["milk"]], ["milk", "cake"], k=1).frame["metric"].unique().tolist()
        ['HR@1', 'NDCG@1', 'MRR@1', 'coverage@1']
        """
        if not isinstance(recommenders, Mapping) or not recommenders:
            raise InputError(f"recommenders must be a dict of names and fitted recommenders, got {show(recommenders)}.")
        check_integer(k, "k")
        for recommender in recommenders.values():
            check_is_fitted(recommender, "vocabulary_")
        unknown = [name for name in seconds or {} if name not in recommenders]
        if unknown:
            raise InputError(f"seconds name {show(unknown)}, but the recommenders are {show(list(recommenders))}.")
        history = as_sequences(history)
        results = {name: _judged(model, history, target, k, exclude_seen) for name, model in recommenders.items()}
        for name, number in (seconds or {}).items():
            results[name][_SECONDS] = number
        return cls(results, lower_is_better=[_SECONDS] if seconds else [])

    @property
    def frame(self) -> pd.DataFrame:
        """A row a model and metric: `mean`, `low`, `high`, `n` sequences, and the difference to the reference."""
        found, (models, metrics) = self._table, (self._model_names.values(), self._metric_names.values())
        columns = pd.MultiIndex.from_product([models, metrics], names=["model", "metric"]).to_frame(index=False)
        arrays = {"mean": found.means, "low": found.lows, "high": found.highs, "n": found.counts}
        differences = dict(zip(("difference", "difference_low", "difference_high"), self._to_reference(), strict=True))
        return columns.assign(**{name: values.ravel() for name, values in (arrays | differences).items()})

    def _to_reference(self) -> NDArray[np.float64]:
        return self._table.differences(list(self._model_names.values()).index(self.reference))

    @traitlets.validate("metric", "x", "y", "model", "reference")
    def _known(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "model" and not value:
            return ""
        names = self._model_names if name in ("model", "reference") else self._metric_names
        try:
            return _find(value, names, name)
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from None

    @traitlets.observe("reference")
    def _compare(self, _: Any) -> None:
        self._differences = packed(self._to_reference(), "float64")

    @traitlets.observe("x", "y")
    def _trade_off(self, _: Any) -> None:
        if self.x and self.y:
            names = list(self._metric_names.values())
            columns = [names.index(self.x), names.index(self.y)]
            signs = np.where(np.array(self._lower)[columns], -1, 1)
            best = _undominated(self._table.means[:, columns] * signs)
            models = list(self._model_names.values())
            self.set_trait("undominated", [models[row] for row in np.flatnonzero(best)])

    def _fallback(self) -> str:
        found, names = self._table, list(self._metric_names.values())
        rows = [
            [model, *map(_in_words, *of_model)]
            for model, *of_model in zip(self._model_names.values(), found.means, found.lows, found.highs, strict=True)
        ]
        caption = "In brackets: 95 % bootstrap intervals. " + " ".join(self._notes)
        return card("Comparison of models", {}, table(rows, ["model", *names], caption))


class _Figures:
    """Means, intervals and paired differences; all models are resampled with the same draws of sequences."""

    def __init__(self, results: dict[Any, dict[Any, NDArray]], metrics: list[Any], random_state: Any) -> None:
        shape = len(results), len(metrics)
        self.means, self.lows, self.highs = np.full((3, *shape), np.nan)
        self.counts = np.zeros(shape, dtype=np.int32)
        self._broken: list[tuple[int, int, int]] = []  # model, metric, figures that are no numbers
        self._resampled: dict[tuple[int, int], NDArray] = {}
        by_length: dict[int, dict[tuple[int, int], NDArray]] = {}
        for row, figures in enumerate(results.values()):
            for name, values in figures.items():
                place = row, metrics.index(name)
                if self._take(place, values):
                    by_length.setdefault(len(values), {})[place] = values
        for columns in by_length.values():
            means = resampled_means(np.column_stack(list(columns.values())), random_state)
            self._resampled |= dict(zip(columns, means.T, strict=True))
        for place, means in self._resampled.items():
            self.lows[place], self.highs[place] = np.quantile(means, _TAILS)

    def _take(self, place: tuple[int, int], values: NDArray) -> bool:
        """Note the mean of an array; whether it can be resampled."""
        if values.ndim == 0:
            self.means[place] = values
            return False
        self.counts[place] = len(values)
        n_broken = int(np.count_nonzero(~np.isfinite(values)))
        if n_broken or not len(values):
            self._broken.append((*place, n_broken))
            return False
        self.means[place] = values.mean()
        return True

    def differences(self, reference: int) -> NDArray[np.float64]:
        """Give the differences to a model and the ends of their intervals, (3, n_models, n_metrics).

        NaN where a figure is missing; only the difference itself where there is no interval.
        """
        found = np.full((3, *self.means.shape), np.nan)
        comparable = np.isfinite(self.means) & np.isfinite(self.means[reference])
        comparable &= self.counts == self.counts[reference]
        found[0][comparable] = (self.means - np.where(comparable, self.means[reference], 0))[comparable]
        for row, column in zip(*np.nonzero(comparable), strict=True):
            if (row, column) in self._resampled:
                changes = self._resampled[row, column] - self._resampled[reference, column]
                found[1:, row, column] = np.quantile(changes, _TAILS)
        return found

    def notes(self, models: list[str], metrics: list[str]) -> list[str]:
        """Say in words why figures are missing."""
        return [
            f"{metrics[column]} of {models[row]}: "
            + (f"{n_broken:,} of {self.counts[row, column]:,} figures not finite." if n_broken else "no sequences.")
            for row, column, n_broken in self._broken
        ]


def resampled_means(values: NDArray[np.float64], random_state: Any) -> NDArray[np.float64]:
    """Give the means of (n, m) figures when the n sequences are drawn again, (2000, m).

    The draws are those of `bootstrap_interval`, made once for all columns: a draw is a vector of how often each
    sequence comes, and its means are a product of matrices.
    """
    n, rng = len(values), check_random_state(random_state)
    rows = max(1, 2**21 // n)
    means = []
    for start in range(0, _N_RESAMPLES, rows):
        size = min(rows, _N_RESAMPLES - start)
        draws = rng.randint(n, size=(size, n)) + n * np.arange(size)[:, None]
        means.append(np.bincount(draws.ravel(), minlength=size * n).reshape(size, n).astype(np.float64) @ values / n)
    return np.concatenate(means)


def _judged(recommender: Any, history: Sequences, target: Any, k: int, exclude_seen: bool) -> dict[str, Any]:
    ranks = recommender.rank(history, target, exclude_seen=exclude_seen)
    indptr = target.indptr if isinstance(target, Sequences) else None
    metrics = (("HR", hit_rate), ("NDCG", ndcg), ("MRR", mrr))
    figures: dict[str, Any] = {name: metric(ranks, k, indptr) for name, metric in metrics}
    n_items = len(recommender.vocabulary_)
    items, _ = recommender.recommend(history, k=min(k, n_items), exclude_seen=exclude_seen)
    figures["coverage"] = coverage(items, n_items) if len(history) else np.nan
    return {f"{name}@{k}": values for name, values in figures.items()}


def _checked(results: Any) -> dict[Any, dict[Any, NDArray]]:
    """Give the figures as arrays of one or no dimension; what a frame or model lacks is left out."""
    if isinstance(results, pd.DataFrame):
        if not results.index.is_unique:
            raise InputError(f"model {show(results.index[results.index.duplicated()][0])} has several rows: keep one.")
        results = {model: row.dropna().to_dict() for model, row in results.astype(object).iterrows()}
    if not isinstance(results, Mapping) or not all(isinstance(figures, Mapping) for figures in results.values()):
        raise InputError("results must be a dict of models, each a dict of metrics, or a DataFrame.")
    if not any(len(figures) for figures in results.values()):
        raise InputError("results hold no figure: give at least one model with one metric.")
    return {
        model: {metric: _figure(values, model, metric) for metric, values in figures.items()}
        for model, figures in results.items()
    }


def _figure(values: ArrayLike | Real, model: Any, metric: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.ndim > 1:
        raise InputError(
            f"results[{show(model)}][{show(metric)}] must be a number or a 1-D array of one number a sequence, "
            f"got {show(values)}."
        )
    return array


def _shown(names: Iterable[Any]) -> dict[Any, str]:
    """Give each name as it is shown: a safe text that no other name has."""
    shown: dict[Any, str] = {}
    for name in names:
        text, copy = label(name, 60) or "(no name)", 1
        while text in shown.values():
            copy += 1
            text = f"{label(name, 54)} ({copy})"
        shown[name] = text
    return shown


def _find(name: Any, names: dict[Any, str], argument: str) -> str:
    if name in names:
        return names[name]
    if name in names.values():
        return name
    raise InputError(f"{argument} must be one of {show(list(names.values()))}, got {show(name)}.")


def _undominated(figures: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows no other row beats: nowhere less and somewhere more. Rows with a missing figure do not count."""
    known = np.all(np.isfinite(figures), axis=1)
    others = np.where(known[:, None], figures, -np.inf)
    beaten = np.all(others[:, None] >= figures, axis=2) & np.any(others[:, None] > figures, axis=2)
    return known & ~np.any(beaten, axis=0)


def _in_words(mean: float, low: float, high: float) -> str:
    if np.isnan(mean):
        return "–"
    return f"{mean:.4g}" if np.isnan(low) else f"{mean:.4g} [{low:.4g}, {high:.4g}]"
