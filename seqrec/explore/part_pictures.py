"""The part of a score that fired, as a picture: values in the band where they were expected, or surprisal by event."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqrec.data.fields import GAP
from seqrec.data.sequences import Sequences
from seqrec.detect.expectations import Judgement
from seqrec.explore.event_tables import numbers_of
from seqrec.explore.front_end import packed
from seqrec.explore.units import duration, rounded, times_of

_LEAST = 5.0  # nats at the top of a picture of surprisal
_LEVELS = (0.0, 0.5, 1.0)  # of the picture's height that are labelled


def picture_of_values(X: Sequences, name: str, judged: Judgement, odd: ArrayLike, at: NDArray) -> dict[str, Any]:
    """Draw a numeric field of some events of the one sequence of X over time, on a scale that tells small from large.

    Returns
    -------
    picture : dict
        `points`, as the front end's `floats`: (n, 4) places across, of the value, and of the ends of the band where
        90 % were expected, each from 0 to 1; `odd`, as its `bytes`; `marks` of the scale, `ends` of the time, a
        `caption`.
    """
    at, odd = at[at < X.n_events], np.asarray(odd)[at < X.n_events]
    shown = np.column_stack([numbers_of(X, name)[at], judged.ranges[name][: len(at)]])
    sizes = np.abs(shown[np.isfinite(shown) & (shown != 0)])
    unit = sizes.min() if len(sizes) else 1.0
    places = np.arcsinh(shown / unit)
    low, high = (np.nanmin(places), np.nanmax(places)) if len(places) else (0.0, 1.0)
    heights = (places - low) / max(high - low, 1e-9)
    write = duration if name == GAP else rounded
    marks = [[level, write(unit * np.sinh(low + level * (high - low)))] for level in _LEVELS]
    caption = f"{name} of each event, and where 90 % were expected"
    return _picture(_across(X, at), heights, odd, caption) | {"band": True, "marks": marks, "ends": _ends(X, at)}


def picture_of_surprisal(surprisal: NDArray, odd: ArrayLike) -> dict[str, Any]:
    """Draw how surprising each event was."""
    tall = np.maximum(surprisal, 0) / max(_LEAST, surprisal.max(initial=0))
    across = (np.arange(len(tall)) + 0.5) / max(len(tall), 1)
    heights = np.column_stack([tall, np.zeros(len(tall)), tall])
    return _picture(across, heights, odd, "surprisal of each event") | {"band": False, "marks": [], "ends": None}


def _picture(across: NDArray, heights: NDArray, odd: ArrayLike, caption: str) -> dict[str, Any]:
    return {"points": packed(np.column_stack([across, heights])), "odd": packed(odd, "uint8"), "caption": caption}


def _across(X: Sequences, at: NDArray) -> NDArray[np.float64]:
    if X.timestamps is None or len(at) < 2 or X.timestamps[at[0]] == X.timestamps[at[-1]]:
        return (np.arange(len(at)) + 0.5) / max(len(at), 1)
    times = X.timestamps[at].astype(np.int64)
    return (times - times[0]) / (times[-1] - times[0])


def _ends(X: Sequences, at: NDArray) -> list[str]:
    ends = at[[0, -1]] if len(at) else at
    return [f"event {one + 1:,}" for one in ends] if X.timestamps is None else times_of(X.timestamps[ends])
