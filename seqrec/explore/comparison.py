"""Models side by side: each metric with its interval, differences that chance does not explain, and trade-offs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import chain, compress, count
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer, show
from seqrec._html import card, table
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.explore.front_end import Widget, check_proposal, label, lines, packed
from seqrec.metrics import coverage, hit_rate, mrr, ndcg

_SECONDS = "seconds to fit"
_N_RESAMPLES = 2000
_TAILS = (0.025, 0.975)


class ModelComparison(Widget, script="comparison"):
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

    metric, x, y, model, reference = (traitlets.Unicode().tag(sync=True) for _ in range(5))
    undominated = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    _models, _metrics = (traitlets.Bytes().tag(sync=True) for _ in range(2))
    _lower = traitlets.List(traitlets.Bool()).tag(sync=True)
    # Mean, low, high: float64 (3, n_models, n_metrics); and the same of the differences to the reference.
    _figures, _differences = (traitlets.Bytes().tag(sync=True) for _ in range(2))
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
        self._names = {"model": _shown(results), "metric": _shown(metrics)}
        models, names = self._listed("model"), self._listed("metric")
        reference = self._find(next(iter(results)) if baseline is None else baseline, "baseline", "model")
        if isinstance(lower_is_better, str):
            raise InputError(f"lower_is_better must be a list of metrics. Write lower_is_better=[{lower_is_better!r}].")
        lower = {self._find(metric, "lower_is_better", "metric") for metric in lower_is_better}
        self._table = _Figures(results, metrics, random_state)
        self._signs = np.array([-1 if name in lower else 1 for name in names])
        super().__init__(_lower=[name in lower for name in names], _models=lines(models), _metrics=lines(names))
        self._figures = packed([self._table.means, self._table.lows, self._table.highs], "float64")
        self._counts = packed(self._table.counts, "int32")
        self._notes = [f"{names[column]} of {models[row]}: {why}" for (row, column), why in self._table.missing.items()]
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
        found, names = self._table, [self._listed("model"), self._listed("metric")]
        columns = ["mean", "low", "high", "n", "difference", "difference_low", "difference_high"]
        arrays = [found.means, found.lows, found.highs, found.counts, *self._to_reference()]
        index = pd.MultiIndex.from_product(names, names=["model", "metric"])
        values = {name: array.ravel() for name, array in zip(columns, arrays, strict=True)}
        return pd.DataFrame(values, index).reset_index()

    def _listed(self, kind: str) -> list[str]:
        return list(self._names[kind].values())

    def _find(self, name: Any, argument: str, kind: str) -> str:
        """Give how a model or a metric is shown, by its own name or by that."""
        shown = self._names[kind]
        if name in shown or name in shown.values():
            return shown.get(name, name)
        raise InputError(f"{argument} must be one of {show(list(shown.values()))}, got {show(name)}.")

    def _to_reference(self) -> NDArray[np.float64]:
        return self._table.differences(self._listed("model").index(self.reference))

    @traitlets.validate("metric", "x", "y", "model", "reference")
    def _known(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "model" and not value:
            return ""
        return check_proposal(proposal, self._find, "model" if name in ("model", "reference") else "metric")

    @traitlets.observe("reference")
    def _compare(self, _: Any) -> None:
        self._differences = packed(self._to_reference(), "float64")

    @traitlets.observe("x", "y")
    def _trade_off(self, _: Any) -> None:
        if self.x and self.y:
            columns = list(map(self._listed("metric").index, (self.x, self.y)))
            best = _undominated(self._table.means[:, columns] * self._signs[columns])
            self.set_trait("undominated", list(compress(self._listed("model"), best)))

    def _fallback(self) -> str:
        found = self._table
        words = np.vectorize(_in_words, otypes=[object])(found.means, found.lows, found.highs)
        caption = "In brackets: 95 % bootstrap intervals. " + " ".join(self._notes)
        rows = zip(self._listed("model"), *words.T, strict=True)
        return card("Comparison of models", {}, table(rows, ["model", *self._listed("metric")], caption))


class _Figures:
    """Means, intervals and paired differences; all models are resampled with the same draws of sequences."""

    def __init__(self, results: dict[Any, dict[Any, NDArray]], metrics: list[Any], random_state: Any) -> None:
        shape = len(results), len(metrics)
        self.means, self.counts = np.full(shape, np.nan), np.zeros(shape, dtype=np.int32)
        self.missing: dict[tuple[int, int], str] = {}  # why there is no mean
        self._resampled = np.full((*shape, _N_RESAMPLES), np.nan)
        by_length: dict[int, dict[tuple[int, int], NDArray]] = {}
        for row, figures in enumerate(results.values()):
            for name, values in figures.items():
                place = row, metrics.index(name)
                self.counts[place] = len(values) if values.ndim else 0
                if values.ndim and (why := _why_missing(values)):
                    self.missing[place] = why
                    continue
                self.means[place] = values.mean()
                if values.ndim:
                    by_length.setdefault(len(values), {})[place] = values
        for columns in by_length.values():
            means = resampled_means(np.column_stack(list(columns.values())), random_state)
            self._resampled[tuple(np.transpose(list(columns)))] = means.T
        self.lows, self.highs = np.quantile(self._resampled, _TAILS, axis=-1)

    def differences(self, reference: int) -> NDArray[np.float64]:
        """Give the differences to a model and the ends of their intervals, (3, n_models, n_metrics).

        NaN where a figure is missing; only the difference itself where there is no interval.
        """
        finite = np.where(np.isfinite(self.means), self.means, np.nan)
        changes = self._resampled - self._resampled[reference]
        found = np.stack([finite - finite[reference], *np.quantile(changes, _TAILS, axis=-1)])
        return np.where(self.counts == self.counts[reference], found, np.nan)


def _why_missing(values: NDArray[np.float64]) -> str:
    """Say why figures of sequences have no mean; nothing if they have."""
    if not len(values):
        return "no sequences."
    n_broken = np.count_nonzero(~np.isfinite(values))
    return f"{n_broken:,} of {len(values):,} figures not finite." if n_broken else ""


def resampled_means(values: NDArray[np.float64], random_state: Any) -> NDArray[np.float64]:
    """Give the means of (n, m) figures when the n sequences are drawn again, (2000, m).

    The draws are those of `bootstrap_interval`, made once for all columns: a draw is a vector of how often each
    sequence comes, and its means are a product of matrices.
    """
    n, rng = len(values), check_random_state(random_state)
    rows = max(1, 2**21 // n)
    sizes = [min(rows, _N_RESAMPLES - start) for start in range(0, _N_RESAMPLES, rows)]
    draws = (rng.randint(n, size=(size, n)) + n * np.arange(size)[:, None] for size in sizes)
    counts = (np.bincount(draw.ravel(), minlength=draw.size).reshape(draw.shape) for draw in draws)
    return np.concatenate([count.astype(np.float64) @ values / n for count in counts])


def _judged(recommender: Any, history: Sequences, target: Any, k: int, exclude_seen: bool) -> dict[str, Any]:
    ranks = recommender.rank(history, target, exclude_seen=exclude_seen)
    indptr = target.indptr if isinstance(target, Sequences) else None
    metrics = (("HR", hit_rate), ("NDCG", ndcg), ("MRR", mrr))
    figures: dict[str, Any] = {f"{name}@{k}": metric(ranks, k, indptr) for name, metric in metrics}
    n_items = len(recommender.vocabulary_)
    items, _ = recommender.recommend(history, k=min(k, n_items), exclude_seen=exclude_seen)
    return figures | {f"coverage@{k}": coverage(items, n_items) if len(history) else np.nan}


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
    with suppress(TypeError, ValueError):
        array = np.asarray(values, dtype=np.float64)
        if array.ndim <= 1:
            return array
    raise InputError(
        f"results[{show(model)}][{show(metric)}] must be a number or a 1-D array of one number a sequence, "
        f"got {show(values)}."
    )


def _shown(names: Iterable[Any]) -> dict[Any, str]:
    """Give each name as it is shown: a safe text that no other name has."""
    shown: dict[Any, str] = {}
    for name in names:
        copies = (f"{label(name, 54)} ({number})" for number in count(2))
        texts = chain([label(name, 60) or "(no name)"], copies)
        shown[name] = next(text for text in texts if text not in shown.values())
    return shown


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
