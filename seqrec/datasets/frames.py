"""Frames from a formula, whose classes differ in the order of things alone: how good a classifier can be is known.

The story is of four birds, heard in noise. A call goes through the same bands of pitch, whosever it is, and comes at
any time; who calls is told by whether it rises or falls. So nothing that forgets the order can tell it, and where the
call is, and in which bands, is known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import logsumexp

from seqrec._checks import check_integer, show
from seqrec.datasets.draws import generator, ids
from seqrec.exceptions import InputError

LENGTHS = (40, 81)  # steps, the last number excluded
CALL = 12  # steps
HEARD, BANDS = 6, 8  # bands that calls go through, and all
BIRDS = ("rising", "falling", "arched", "dipping")


def make_frames(
    n_sequences: int = 1_000, strength: float = 1.2, *, random_state: int | np.random.RandomState | None = None
) -> pd.DataFrame:
    r"""Draw recordings of birds, as frames of eight channels, with who calls, when, and what could be known of it.

    Use it to see how near to the truth a classifier of sequences comes, and whether its explanations point at the call.
    Leave the last columns out of what it reads.

    Parameters
    ----------
    n_sequences : int, default=1000
        Number of recordings, each of one call.
    strength : float, default=1.2
        Of calls, in standard deviations of the noise. The best accuracy that anyone can have is .45 for 0.5, .87
        for 1, .951 for 1.2, .99 for 1.5 and 1 for 2.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Returns
    -------
    pandas.DataFrame
        One row a recording and step, in that order: `sequence` (str), `step` (int), `band_0` to `band_7` (float),
        `label` (str: who calls), `calling` (bool: whether it is heard at this step), `likeliest` (str: the class of the
        highest probability, given all frames) and `chance` (float: the probability of the label, given all frames). The
        last four but `calling` are the same in all rows of a recording.

    Notes
    -----
    A recording has 40 to 80 steps, all as likely. The call takes 12 of them, u = 0 to 11, from a step on that is
    uniform among those where it fits. At step u, bird k is at band

    .. math:: m_k(u) = 5 \left(v,\ 1 - v,\ 1 - |2 v - 1|,\ |2 v - 1|\right)_k, \quad v = u / 11,

    (rising, falling, arched, dipping), which are equally likely, and is heard in bands c = 0 to 5, where

    .. math:: x_{uc} = a\, s_k(u, c) + \varepsilon_{uc}, \quad s_k(u, c) = e^{-(c - m_k(u))^2 / 2},

    with the `strength` a and noise that is standard normal and independent. All else, bands 6 and 7 among it, is noise.

    So the probability of a class is known,

    .. math:: p(k \mid x) \propto \sum_\tau \exp\Big(a \sum_{uc} s_k(u, c)\, x_{\tau + u, c}
        - \frac{a^2}{2} \sum_{uc} s_k(u, c)^2\Big),

    the sum over all steps :math:`\tau` at which the call can begin. The share of recordings whose `likeliest` is their
    `label` is what no classifier exceeds, but for chance. Rising and falling calls have the same sum in each band, and
    so nearly have the others.

    Examples
    --------
    >>> from seqrec import Sequences
    >>> from seqrec.datasets import make_frames
    >>> frames = make_frames(200, random_state=0)
    >>> X = Sequences.from_frame(
    ...     frames, user="sequence", item=None, timestamp=None, columns=[f"band_{band}" for band in range(8)]
    ... )
    >>> truth = frames.groupby("sequence")[["label", "likeliest"]].first().loc[X.keys]
    >>> y = truth["label"]
    >>> len(X), float((truth["likeliest"] == y).mean())  # the best that can be done
    (200, 0.965)
    """
    n_sequences = check_integer(n_sequences, "n_sequences")
    if isinstance(strength, bool) or not isinstance(strength, int | float | np.number) or not 0 <= strength < np.inf:
        raise InputError(f"strength must be a number of at least 0, got {show(strength)}.")
    rng, calls = generator(random_state), call_shapes()
    lengths, birds = rng.integers(*LENGTHS, n_sequences), rng.integers(0, len(BIRDS), n_sequences)
    starts, ends = rng.integers(0, lengths - CALL + 1), np.cumsum(lengths)
    frames = rng.standard_normal((ends[-1], BANDS))
    heard = ((ends - lengths + starts)[:, None] + np.arange(CALL)).ravel()
    frames[heard] += strength * calls[birds].reshape(-1, BANDS)
    posterior = np.stack([class_chances(one, strength) for one in np.split(frames, ends[:-1])])
    whose, step = np.repeat(np.arange(n_sequences), lengths), np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    names = np.array(BIRDS, dtype=object)
    columns = {"sequence": ids("r", n_sequences)[whose], "step": step}
    columns |= {f"band_{band}": frames[:, band] for band in range(BANDS)}
    columns |= {
        "label": names[birds][whose],
        "calling": np.isin(np.arange(len(frames)), heard),
        "likeliest": names[posterior.argmax(axis=1)][whose],
        "chance": posterior[np.arange(n_sequences), birds][whose],
    }
    return pd.DataFrame(columns)


def call_shapes() -> NDArray[np.float64]:
    """Give the calls of strength 1, (n_birds, steps, bands)."""
    v = np.linspace(0, 1, CALL)
    bands = (HEARD - 1) * np.stack([v, 1 - v, 1 - np.abs(2 * v - 1), np.abs(2 * v - 1)])
    shapes = np.exp(-((np.arange(BANDS) - bands[:, :, None]) ** 2) / 2)
    return np.where(np.arange(BANDS) < HEARD, shapes, 0)


def class_chances(frames: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Give the probability of each bird, (n_birds,), given all frames of a recording, (n_steps, bands)."""
    calls = strength * call_shapes()
    windows = sliding_window_view(frames, CALL, axis=0)  # (n_starts, bands, steps)
    match = np.einsum("kuc,tcu->kt", calls, windows) - (calls**2).sum(axis=(1, 2))[:, None] / 2
    log_p = logsumexp(match, axis=1)
    return np.exp(log_p - logsumexp(log_p))
