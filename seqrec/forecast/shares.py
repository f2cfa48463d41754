"""How much a network says in forecasts, beside what each series tells by itself: as much as held-out series prove.

References
----------
Hastie, Tibshirani & Friedman (2009), "The elements of statistical learning", section 7.10: the one-standard-error rule.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrec.forecast.alike import Alike
from seqrec.metrics.forecasting import pinball_loss
from seqrec.network.architectures import LEVELS

FARTHEST = 30.0  # scales that a value counts as away at most
_SHARES = np.arange(21) / 20


def losses(truth: NDArray[np.float64], told: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the mean pinball loss of windows, (n,), in units of their scales, (n,); NaN where nothing was observed.

    Parameters
    ----------
    truth : (n, horizon) float64
        NaN was not observed.
    told : (n, horizon, n_levels) float64
        Quantiles of ``LEVELS``.
    scale : (n,) float64
    """
    apart = np.clip((told - truth[..., None]) / scale[:, None, None], -FARTHEST, FARTHEST)
    return pinball_loss(0 * truth, np.nan_to_num(apart), LEVELS).mean(axis=-1)


def mixed(own: NDArray[np.float64], simple: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Give the weighted mean of a network's quantiles and of those of each series by itself."""
    return share * own + (1 - share) * simple


def proven_share(truth: NDArray, own: NDArray, simple: NDArray, scale: NDArray, alike: Alike) -> float:
    """Give the least share of the network that is no more than a standard error worse than the best; half, untold.

    Held-out windows have chosen the weights already, and many are alike: so what the network is ahead has to show from
    series to series, and from time to time.
    """
    told = ~np.isnan(truth).all(axis=1)
    if not told.any():
        return 0.5
    truth, own, simple, scale = (values[told] for values in (truth, own, simple, scale))
    of_shares = [losses(truth, mixed(own, simple, share), scale) for share in _SHARES]
    best = min(of_shares, key=np.mean)
    alike = alike.select(told)
    proven = [(each - best).mean() <= alike.standard_error(each - best) for each in of_shares]
    return float(_SHARES[np.argmax(proven)])
