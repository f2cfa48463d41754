"""Thresholds without labels: the scores of held-out normal sequences say from where on a score is odd.

Scores are those of scikit-learn's `score_samples`: higher is more normal. An offset is a score too, and what lies below
it is flagged, as `predict` of `IsolationForest` does.

Everything here is about whole sequences, or users. Events of one sequence depend on each other, so a threshold that is
set on single events keeps none of the promises below.
"""

from __future__ import annotations

import numbers
import warnings
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control

from seqrec._checks import check_rows, show
from seqrec.exceptions import InputError
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import ABOVE_ZERO

__all__ = [
    "Tail",
    "alerts_per_day_offset",
    "benjamini_hochberg",
    "conformal_p_values",
    "contamination_offset",
    "false_positive_offset",
    "peaks_over_threshold_offset",
]

_TAIL = 0.1  # share of the values that the tail is fitted to
_FEWEST_PEAKS = 10  # or all values but one where there are fewer
_HIGHEST_SHAPE = 0.5  # from there on, estimates by probability-weighted moments have no finite variance
_LARGEST = np.finfo(np.float64).max


def contamination_offset(scores: ArrayLike, contamination: float) -> float:
    """Offset that flags a given share of these very sequences.

    Parameters
    ----------
    scores : (n,) floating array
        A score for each sequence, never for single events; higher is more normal.
    contamination : float
        The share, above 0 and at most 0.5. Ties can make it smaller.

    Returns
    -------
    offset : float
        A sequence is flagged if its score lies below, as by `IsolationForest`.

    Raises
    ------
    ValueError, TypeError
        If scores are empty or not finite, or the share is no number in its range.

    Examples
    --------
    >>> contamination_offset([-9.0, -3.0, -2.0, -1.0, 0.0], contamination=0.25)
    -3.0
    """
    contamination = _check_number(contamination, "contamination")
    if not 0 < contamination <= 0.5:
        raise InputError(f"contamination must be above 0 and at most 0.5, got {contamination}.")
    return float(np.percentile(_check_finite(scores, "scores"), 100 * contamination))


def false_positive_offset(scores: ArrayLike, rate: float) -> float:
    """Offset that flags a new normal sequence with at most the given probability.

    What is flagged is what has a conformal p-value (see `conformal_p_values`) of at most `rate`, ties included. No
    p-value of n scores is below 1 / (n + 1), so rarer false alarms take `peaks_over_threshold_offset`; that the tail
    goes on as it begins is then an assumption, and a `UserWarning` says so.

    Parameters
    ----------
    scores : (n,) floating array
        Scores of normal sequences, never of single events, on which the model was not fitted; higher is more normal.
    rate : float
        The probability, between 0 and 1. It holds on average over held-out samples of this size.

    Returns
    -------
    offset : float
        The ``floor(rate (n + 1))``-th lowest score; at most the lowest one if the rate is below 1 / (n + 1).

    References
    ----------
    Papadopoulos et al. (2002), "Inductive confidence machines for regression", ECML, for the split; Bates et al.
    (2023), "Testing for outliers with conformal p-values", Annals of Statistics 51(1), for outliers.

    Examples
    --------
    >>> false_positive_offset([-9.0, -3.0, -2.0, -1.0], rate=0.4)
    -3.0
    """
    scores, rate = _check_finite(scores, "scores"), _check_rate(rate)
    n_flagged = _floor(rate, len(scores) + 1)
    if n_flagged:
        return float(np.partition(scores, n_flagged - 1)[n_flagged - 1])
    warnings.warn(
        f"a false-positive rate of {rate:g} takes at least {np.ceil(round(1 / rate, 6)) - 1:,.0f} held-out sequences, "
        f"but there are {len(scores):,}: the threshold is extrapolated from the oddest of them (peaks over threshold).",
        UserWarning,
        stacklevel=2,
    )
    return min(float(scores.min()), peaks_over_threshold_offset(scores, rate))  # a rarer alarm flags no more


def alerts_per_day_offset(scores: ArrayLike, alerts: float, sequences_per_day: float) -> float:
    """Offset that raises at most so many alerts a day, in expectation, while all sequences are normal.

    Parameters
    ----------
    scores : (n,) floating array
        As in `false_positive_offset`: of held-out normal sequences, never of single events.
    alerts : float
        Alerts a day, above 0 and fewer than the sequences. 1/7 is one a week.
    sequences_per_day : float
        Sequences that come in a day.

    Returns
    -------
    offset : float
        That of `false_positive_offset` for a rate of ``alerts / sequences_per_day``.

    Examples
    --------
    >>> alerts_per_day_offset(np.arange(999.0), alerts=5, sequences_per_day=1000)
    4.0
    """
    alerts, per_day = _check_number(alerts, "alerts"), _check_number(sequences_per_day, "sequences_per_day")
    if not 0 < alerts < per_day < np.inf:
        raise InputError(f"alerts must be above 0 and fewer than the {per_day:g} sequences_per_day, got {alerts:g}.")
    return false_positive_offset(scores, alerts / per_day)


def peaks_over_threshold_offset(scores: ArrayLike, rate: float, tail: float = _TAIL) -> float:
    """Offset for a low false-positive rate: the oddest scores tell how the tail goes on, beyond the lowest as well.

    Parameters
    ----------
    scores : (n,) floating array
        As in `false_positive_offset`: of held-out normal sequences, never of single events.
    rate : float
        Probability that a new normal sequence is flagged, between 0 and 1.
    tail : float
        Share of the scores to which a generalised Pareto distribution is fitted, between 0 and 1; at least 10 scores.

    Returns
    -------
    offset : float
        That of `false_positive_offset` where the rate is not below the share of the tail; else the quantile of the
        fitted distribution, which may lie below all scores.

    References
    ----------
    Siffer et al. (2017), "Anomaly detection in streams with extreme value theory", KDD, equation 1, with (N_t + 1) /
    (n + 1) for its N_t / n, so that it joins the conformal offset; Pickands (1975), "Statistical inference using
    extreme order statistics", for why the tail is generalised Pareto; `Tail` for the fit.

    Examples
    --------
    >>> scores = -np.random.default_rng(0).exponential(size=10_000)
    >>> offset = peaks_over_threshold_offset(scores, rate=1e-5)
    >>> -13 < offset < -10  # the truth is log(1e-5) = -11.5
    True
    """
    threshold, share, shape, scale = peaks(scores, tail)
    if _check_rate(rate) >= share:
        return false_positive_offset(scores, rate)
    return float(-threshold - scale * ((share / rate) ** shape - 1) / shape)


def peaks(scores: ArrayLike, tail: float = _TAIL) -> tuple[float, float, float, float]:
    """Fit the tail of `peaks_over_threshold_offset`, of which the parameters are.

    Returns
    -------
    threshold : float
        Of minus the score.
    share : float
        Of normal sequences beyond it.
    shape, scale : float
        Of how far they lie beyond it.
    """
    scores = _check_finite(scores, "scores")
    threshold, shape, scale = _fit_peaks(np.sort(-scores), _check_rate(tail, "tail"))
    return threshold, (1 + np.count_nonzero(-scores > threshold)) / (1 + len(scores)), shape, scale


def conformal_p_values(scores: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Probability that a normal sequence would look as odd or odder.

    Parameters
    ----------
    scores : (n,) floating array
        Scores of sequences, never of single events; higher is more normal.
    reference : (n_reference,) floating array
        Scores of normal sequences on which the model was not fitted.

    Returns
    -------
    p_values : (n,) float64, in (0, 1]
        ``(1 + number of reference scores <= score) / (n_reference + 1)``: for a normal sequence at most p with
        probability p, or less if scores tie.

    References
    ----------
    Bates et al. (2023), "Testing for outliers with conformal p-values", Annals of Statistics 51(1), equation 2.

    Examples
    --------
    >>> conformal_p_values([-9.0, -2.5, 0.0], reference=[-3.0, -2.0, -1.0]).tolist()
    [0.25, 0.5, 1.0]
    """
    scores, reference = _check_finite(scores, "scores", fewest=0), np.sort(_check_finite(reference, "reference"))
    return (1 + np.searchsorted(reference, scores, side="right")) / (1 + len(reference))


def benjamini_hochberg(p_values: ArrayLike, rate: float) -> NDArray[np.bool_]:
    """Flag as many as can be while the expected share of false alarms among the flags is at most `rate`.

    Parameters
    ----------
    p_values : (n,) floating array
        One for each sequence, as from `conformal_p_values`: those may share one reference.
    rate : float
        The false-discovery rate, between 0 and 1.

    Returns
    -------
    discoveries : (n,) bool

    References
    ----------
    Benjamini and Hochberg (1995), "Controlling the false discovery rate", JRSS B 57(1); Bates et al. (2023), "Testing
    for outliers with conformal p-values", theorem 2, for p-values that share a reference.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.9], rate=0.1).tolist()
    [True, True, True, False]
    """
    p_values, rate = _check_finite(p_values, "p_values", fewest=0), _check_rate(rate)
    check_rows((p_values >= 0) & (p_values <= 1), "p_values", "values outside 0 to 1", "Give probabilities.")
    # Conformal p-values are fractions that meet the bound exactly, up to rounding.
    return false_discovery_control(p_values) <= rate * (1 + 1e-12)


class Tail(NamedTuple):
    """Distribution of a statistic among normal sequences, from its values and beyond the highest of them.

    Here higher is odder. Up to the highest value, the probability is the conformal one; beyond, it goes on falling as a
    generalised Pareto distribution does that is fitted to the oddest tenth. So it is never 0, and orders what is odder
    than everything seen.

    Attributes
    ----------
    values : (m,) float64
        The different values, rising.
    at_or_above : (m,) int64
        How many of the n fitted values are as high or higher, so its first is n.
    shape, scale : float
        Of the part of a higher value that lies beyond the highest one; both above 0.

    References
    ----------
    Hosking and Wallis (1987), "Parameter and quantile estimation for the generalized Pareto distribution", section 3:
    probability-weighted moments with plotting positions (i - 0.35) / m. Their k is minus our shape. A bounded tail (a
    shape below 0) is taken as exponential; and an exponential one, whose scale is known from m peaks only, as
    ``(1 + x / sum of peaks) ** -m``, its distribution given those peaks.

    Examples
    --------
    >>> tail = Tail.fit([0, 0, 0, 1])
    >>> np.exp(tail.log_survival([0, 1, 2, 20])).round(3).tolist()
    [1.0, 0.4, 0.133, 0.019]
    """

    values: Annotated[NDArray[np.float64], Array("float64", None)]
    at_or_above: Annotated[NDArray[np.int64], Array("int64", None, low=1)]
    shape: Annotated[float, ABOVE_ZERO]
    scale: Annotated[float, ABOVE_ZERO]

    def check_sound(self) -> None:
        """Raise InputError where values and counts do not fit each other."""
        if not 0 < len(self.values) == len(self.at_or_above):
            raise InputError("a tail needs a count for each of its values.")
        if (self.values[1:] <= self.values[:-1]).any() or (self.at_or_above[1:] >= self.at_or_above[:-1]).any():
            raise InputError("the values of a tail must rise, and their counts fall.")

    @classmethod
    def fit(cls, values: ArrayLike) -> Tail:
        """Learn from the statistic of n >= 1 held-out normal sequences, (n,), finite."""
        ordered = np.sort(_check_finite(values, "values"))
        distinct, counts = np.unique_counts(ordered)
        threshold, shape, scale = _fit_peaks(ordered, _TAIL)
        scale += shape * float(distinct[-1] - threshold)  # excesses over a higher threshold: same shape, larger scale
        return cls(distinct, np.cumsum(counts[::-1])[::-1], shape, scale)

    def log_survival(self, values: ArrayLike) -> NDArray[np.float64]:
        """Logarithm of the probability that a normal sequence has as high a value or a higher one.

        Parameters
        ----------
        values : (n,) floating array

        Returns
        -------
        log_p : (n,) float64, nats
            Finite, and falling with the value. Up to the highest fitted value it is the logarithm of ``(1 + number of
            fitted values >= value) / (n_fitted + 1)``, plus less than ``1 / (n_fitted + 1)`` in between two of them.
        """
        values = _check_finite(values, "values", fewest=0)
        with np.errstate(over="ignore"):
            excess = values - self.values[-1]
            beyond = np.minimum(np.maximum(excess, 0) / self.scale, _LARGEST)
        log_p = np.where(excess > 0, -np.log1p(self.shape * beyond) / self.shape, np.log(self._counts(values)))
        return log_p - np.log(1 + self.at_or_above[0])

    def leave_one_out(self, values: ArrayLike) -> NDArray[np.float64]:
        """`log_survival` of each fitted value as if the others alone had been fitted, (n,) nats, in the order given.

        No fitted value lies beyond them all, as a new one does now and then. So what is to be compared with the
        `log_survival` of new sequences needs this: a combination of several statistics above all.
        """
        index = np.searchsorted(self.values, _check_finite(values, "values", fewest=0))
        counts = -np.diff(self.at_or_above, append=0)
        share = np.zeros(len(counts))  # where an untied value lies between its two neighbours
        share[1:-1] = (self.values[2:] - self.values[1:-1]) / (self.values[2:] - self.values[:-2])
        log_p = np.log((self.at_or_above + share * (counts == 1)) / self.at_or_above[0])
        if counts[-1] == 1 and len(counts) > 1:
            others = np.repeat(self.values, counts)[:-1]
            log_p[-1] = Tail.fit(others).log_survival(self.values[-1:])[0]
        return log_p[index]

    def _counts(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """1 + fitted values that are as high or higher, plus where between its two neighbours a value lies."""
        upper = np.minimum(np.searchsorted(self.values, values), len(self.values) - 1)
        lower = np.maximum(upper - 1, 0)
        values = np.clip(values, self.values[lower], self.values[upper])
        widths = self.values[upper] - self.values[lower]
        # Less than one count, however many values tie at the lower neighbour: a value above them was never seen.
        share = (self.values[upper] - values) / np.where(widths > 0, widths, 1.0)
        return 1 + self.at_or_above[upper] + share


def _fit_peaks(ordered: NDArray[np.float64], tail: float) -> tuple[float, float, float]:
    """Threshold that the highest share of rising values exceeds; shape and scale of how far they exceed it."""
    n, highest = len(ordered), ordered[-1]
    n_peaks = min(max(int(np.ceil(tail * n)), _FEWEST_PEAKS), n - 1)
    threshold = ordered[n - 1 - n_peaks]
    if threshold == highest > ordered[0]:  # so many values tie at the top
        threshold = ordered[np.searchsorted(ordered, highest) - 1]
    excesses = ordered[np.searchsorted(ordered, threshold, side="right") :] - threshold
    if not len(excesses):  # equal values show no scale: take the unit, or the size of the value
        excesses = np.array([max(1.0, abs(highest))])
    return float(threshold), *_fit_generalised_pareto(excesses)


def _fit_generalised_pareto(excesses: NDArray[np.float64]) -> tuple[float, float]:
    """Shape and scale of rising positive excesses, as `Tail` says."""
    m, mean = len(excesses), float(excesses.mean())
    position = (np.arange(1, m + 1) - 0.35) / m
    moment = float(np.mean((1 - position) * excesses))
    shape = min(max(2 - mean / (mean - 2 * moment), 0.0), _HIGHEST_SHAPE)
    scale = max(mean * (1 - shape), float(np.finfo(np.float64).tiny))
    return max(shape, 1 / m), scale


def _floor(rate: float, n: int) -> int:
    """Largest integer k with ``k / n <= rate``, however ``rate * n`` is rounded."""
    k = round(rate * n)
    return k - (k / n > rate)


def _check_finite(values: ArrayLike, name: str, fewest: int = 1) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < fewest:
        raise InputError(f"{name} must be a 1-D array with a number for each sequence, got shape {values.shape}.")
    check_rows(np.isfinite(values), name, "values that are NaN or infinite", "The model has diverged: fit it again.")
    return values


def _check_rate(rate: Any, name: str = "rate") -> float:
    rate = _check_number(rate, name)
    if not 0 < rate < 1:
        raise InputError(f"{name} must lie between 0 and 1, got {rate}.")
    return rate


def _check_number(value: Any, name: str) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise InputError(f"{name} must be a number, got {show(value)} ({type(value).__name__}).")
    return float(value)
