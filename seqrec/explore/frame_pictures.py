"""A sequence of frames as a page can draw, read and play it: curves, a heat map, the numbers of a frame, a sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec.data.channels import Channels
from seqrec.explore.front_end import label, lines, packed
from seqrec.explore.thinning import thinned
from seqrec.explore.time_axis import texts
from seqrec.explore.units import rounded

_ACROSS, _COLUMNS, _ROWS = 600, 800, 160  # points of a curve, columns and rows of a heat map
_MOST_CURVES, _MOST_READ = 64, 12
_LANES = {4: 56, 12: 32, _MOST_CURVES: 18}  # pixels of each of so many
_MARKED = 3  # stretches, and channels, that are numbered
_STEPS = [one * 10.0**power for power in range(-3, 12) for one in (1, 2, 5)]
_MOST_MARKS = 8
_FARTHEST = 2.5  # spreads from the mean
_LOWEST_RATE, _MOST_SECONDS = 8_000, 120  # that every browser plays, and that are sent


def curves(values: NDArray[np.float64], channels: Channels) -> dict[str, Any]:
    """Give each channel, (time, n_channels), as a curve from 0 to 1 in its lane, which holds what is usual for it."""
    values, spread = values[:, :_MOST_CURVES], channels.spread[:_MOST_CURVES]
    values = np.where(np.isfinite(values), values, np.nan)
    mean = channels.mean[:_MOST_CURVES]
    low = np.fmin(np.fmin.reduce(values), mean - 2 * spread)
    high = np.fmax(np.fmax.reduce(values), mean + 2 * spread)
    scale = np.where(high > low, high - low, 1.0)
    low = np.where(high > low, low, low - 0.5)
    every, _ = thinned(values[:, 0], _ACROSS)
    lanes = [thinned(column, _ACROSS)[1] for column in ((values - low) / scale).T]
    n = len(lanes)
    cut = f"The first {n} of {len(channels.names):,} channels. " if n < len(channels.names) else ""
    return {
        "curves": packed(lanes),
        "count": n,
        "every": every,
        "usual": packed((mean - low) / scale),
        "tall": n * next(tall for most, tall in _LANES.items() if n <= most),
        "legend": f"{cut}Thin lines: the mean of a channel in the training data.",
    }


def heat_map(values: NDArray[np.float64], channels: Channels) -> dict[str, Any]:
    """Give all channels, (time, n_channels), as bytes: from 1, far below what is usual of each, to 255; 0: missing."""
    scale = np.where(channels.spread > 0, channels.spread, 1.0)
    far = np.clip((values - channels.mean) / scale, -_FARTHEST, _FARTHEST)
    far = _means(_means(far, _COLUMNS).T, _ROWS)
    shades = np.where(np.isnan(far), 0, 1 + np.rint((far / _FARTHEST + 1) * 127))
    return {
        "shades": packed(shades, "uint8"),
        "columns": far.shape[1],
        "tall": int(np.clip(5 * values.shape[1], 120, 320)),
        "legend": "Full colour: far above the mean of a channel in the training data; faint: below it.",
    }


def time_marks(n: int, seconds: float) -> list[list[Any]]:
    """Give a few frames to mark, and what stands there: seconds, or their numbers."""
    most = seconds or n
    step = next(step for step in _STEPS if most / step <= _MOST_MARKS)
    unit = " s" if seconds else ""
    return [[k * step * n / most, f"{rounded(k * step, 4)}{unit}"] for k in range(int(most / step) + 1)] if n else []


def told_reasons(found: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """Give what `explain` found as bars from -1 to 1, the strongest of them numbered, and as rows of a list."""
    place, is_stretch = {name: at for at, name in enumerate(names)}, found["channel"].isna()
    parts = []
    for part in (found[is_stretch], found[~is_stretch]):
        nats = part["evidence"].to_numpy(np.float64)
        ranks = np.where(nats > 0, np.arange(1, len(nats) + 1), 0)
        parts.append((nats / max(np.abs(nats).max(initial=0), 1e-9), np.where(ranks <= _MARKED, ranks, 0)))
    stretches = found.loc[is_stretch, ["start", "stop"]].to_numpy(np.int64)
    channels = np.array([place[name] for name in found.loc[~is_stretch, "channel"]], np.int64)
    rows = found[["start", "stop", "channel"]].itertuples(index=False)
    return {
        "stretches": [[*ends, size, rank] for ends, size, rank in _zipped(stretches, *parts[0])],
        "channels": list(map(list, _zipped(channels, *parts[1]))),
        "rows": lines(_frames(*row[:2]) if pd.isna(row[2]) else f"channel {row[2]}" for row in rows),
        "nats": lines(f"{value:+.2g} nats".replace("-", "−") for value in found["evidence"]),
        "places": [
            ends if is_one else None
            for ends, is_one in _zipped(found[["start", "stop"]].to_numpy(np.int64), is_stretch)
        ],
    }


def percent(share: float) -> str:
    """Write a chance."""
    return "> 99.9 %" if share > 0.9995 else "< 0.1 %" if share < 0.0005 else f"{100 * share:.1f} %"


def read_out(values: NDArray[np.float64], channels: Channels) -> str:
    """Write the numbers of a frame, (n_channels,); where channels are many, of those farthest from what is usual."""
    scale = np.where(channels.spread > 0, channels.spread, np.inf)
    far = np.abs((values - channels.mean) / scale)
    some = np.argsort(-np.nan_to_num(far), kind="stable")[:_MOST_READ]
    is_cut = len(values) > _MOST_READ
    told = [f"{label(channels.names[at], 40)} {_number(values[at])}" for at in (some if is_cut else range(len(values)))]
    return ("farthest from what is usual: " if is_cut else "") + " · ".join(told)


def time_of(step: int, n: int, seconds: float, timestamp: Any) -> str:
    """Say when a frame is: its number, and the time in its sound or of the log."""
    when = f"frame {step:,} of {n:,}"
    if timestamp is not None:
        return f"{when}, {texts(np.array([timestamp]))[0]}"
    return f"{when}, at {rounded(seconds * step / n, 3)} s" if seconds else when


def sound(samples: NDArray, rate: int) -> dict[str, Any]:
    """Give samples as 16-bit integers of one channel, at a rate that browsers play, and what was left out."""
    cut, is_cut = samples[: _MOST_SECONDS * rate], len(samples) > _MOST_SECONDS * rate
    if samples.dtype.kind in "iu":
        whole = np.iinfo(samples.dtype)
        middle = (whole.max + whole.min + 1) / 2
        cut = (cut.astype(np.float64) - middle) / (whole.max - middle + 1)
    cut = np.nan_to_num(cut.astype(np.float64))
    cut = cut.mean(axis=1) if cut.ndim == 2 else cut
    if len(cut) and rate < _LOWEST_RATE:
        times = np.arange(int(len(cut) * _LOWEST_RATE / rate)) * rate / _LOWEST_RATE
        cut, rate = np.interp(times, np.arange(len(cut)), cut), _LOWEST_RATE
    told = np.rint(np.clip(cut, -1, 1) * 32_767)
    note = f"The first {_MOST_SECONDS} seconds." if is_cut else ""
    return {"rate": rate, "samples": packed(told, "int16"), "note": note}


def _means(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Give the means of neighbouring rows, so that there are `most` at most; of those that are missing, NaN."""
    if len(values) <= most:
        return values
    starts = np.arange(0, len(values), -(-len(values) // most))
    there = ~np.isnan(values)
    n = np.add.reduceat(there, starts, dtype=np.float64)
    total = np.add.reduceat(np.where(there, values, 0), starts)
    return np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0)


def _frames(start: int, stop: int) -> str:
    return f"frame {start:,}" if stop - start == 1 else f"frames {start:,} to {stop - 1:,}"


def _zipped(*columns: Any) -> Any:
    return zip(*(np.asarray(column).tolist() for column in columns), strict=True)


def _number(value: float) -> str:
    return "–" if np.isnan(value) else rounded(value, 3)
