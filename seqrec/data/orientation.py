"""Arrays whose axes are the other way round are noticed: (channels, time), as aeon and sktime have them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import check_rows, warn_user

_ONLY = "channels_first=True is for arrays (channels, time) alone."


def time_first(arrays: Sequence[NDArray]) -> list[NDArray]:
    """Turn (channels, time) arrays into (time, channels) arrays; one without any numbers may be of any shape."""
    fits = np.array([array.ndim == 2 or not array.size for array in arrays], bool)
    check_rows(fits, "arrays", "arrays with more or fewer than two axes", _ONLY)
    return [array.T for array in arrays]


def doubt_orientation(arrays: Sequence[NDArray], channels_first: bool) -> str:
    """Say so where events differ in their shapes, (time, channels), and would not, were the axes the other way round.

    `arrays` are of one sequence each, and have time first.
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1 or any(array.ndim != 2 for array in arrays):
        return ""
    axis, how = ("last", "leave channels_first=True out") if channels_first else ("first", "pass channels_first=True")
    return f" Or are they turned? The {axis} axis is {lengths.pop():,} in all of them: if it is the channels, {how}."


def warn_of_orientation(lengths: NDArray[np.int64], values: NDArray) -> None:
    """Warn where all sequences have one length, and their events, (n_events, channels), far more numbers than that."""
    if values.ndim != 2 or not len(values) or (lengths != lengths[0]).any() or values.shape[1] <= 2 * lengths[0]:
        return
    n_events, n_channels = int(lengths[0]), values.shape[1]
    plural = "s" * (n_events > 1)
    warn_user(
        f"arrays are read as {n_events:,} event{plural} of {n_channels:,} channels. If they are {n_channels:,} events "
        f"of {n_events:,} channel{plural}, as aeon and sktime have them, pass channels_first=True; if not, "
        "channels_first=False."
    )
