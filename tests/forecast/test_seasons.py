"""Seasons follow from the step, or from what the series show; noise and random walks show none."""

import numpy as np
import pandas as pd
import pytest

from seqrec import Sequences
from seqrec.data.steps import Step
from seqrec.forecast.panel import Panel
from seqrec.forecast.seasons import season_lengths

RNG = np.random.default_rng(0)


def panel_of(arrays, freq=None):
    if freq is None:
        return Panel.read(Sequences.from_arrays(arrays, "y"), "y", None)
    frames = [
        pd.DataFrame({"series": row, "time": pd.date_range("1990-01-01", periods=len(y), freq=freq), "y": y})
        for row, y in enumerate(arrays)
    ]
    X = Sequences.from_frame(pd.concat(frames), "series", None, "time", ["y"])
    return Panel.read(X, "y", Step.parse(freq))


@pytest.mark.parametrize(
    ("freq", "n", "expected"),
    [
        ("h", 400, (24, 168)),
        ("h", 335, (24,)),
        ("h", 40, ()),
        ("15min", 1_400, (96, 672)),
        ("5h", 100, ()),
        ("6h", 100, (4, 28)),
        ("D", 40, (7,)),
        ("B", 40, (5,)),
        ("W", 104, (52,)),
        ("W", 90, ()),
        ("MS", 24, (12,)),
        ("QS", 12, (4,)),
        ("YS", 20, ()),
    ],
)
def test_the_step_tells_seasons_of_which_series_hold_two(freq, n, expected):
    assert season_lengths(panel_of([np.arange(n), np.arange(n), [1.0]], freq)) == expected


def seasonal(length, n, noise, rng=RNG):
    return np.resize(rng.normal(size=length), n) + noise * rng.normal(size=n)


@pytest.mark.parametrize("length", [2, 3, 7, 24, 61])
def test_series_without_times_show_their_season_whatever_their_trend_and_level(length):
    rng, n = np.random.default_rng(0), [400 - 9 * row for row in range(6)]
    arrays = [10.0**row * (seasonal(length, n[row], 0.3, rng) + 0.01 * np.arange(n[row])) for row in range(6)]
    assert season_lengths(panel_of(arrays)) == (length,)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("length", [7, 24, 61])
def test_a_noisy_wave_shows_its_length_and_not_that_of_its_neighbours(length, noise):
    rng, t = np.random.default_rng(1), np.arange(20 * length)
    waves = [np.sin(2 * np.pi * t / length + row) + noise * rng.normal(size=len(t)) for row in range(3)]
    assert season_lengths(panel_of(waves)) == (length,)
    walks = [wave + 0.1 * np.cumsum(rng.normal(size=len(t))) for wave in waves]
    assert season_lengths(panel_of(walks)) == (length,)


@pytest.mark.parametrize("strength", [0.5, 1.0, 3.0])
def test_a_week_is_found_beside_its_day_whichever_is_stronger(strength):
    rng = np.random.default_rng(1)
    day, week = np.resize(rng.normal(size=24), 1_400), np.resize(np.repeat(rng.normal(size=7), 24), 1_400)
    arrays = [day * (1 + 0.3 * week) + strength * week + 0.2 * rng.normal(size=1_400) for _ in range(3)]
    assert season_lengths(panel_of(arrays)) == (24, 168)


def test_a_season_with_two_peaks_is_one():
    rng, t = np.random.default_rng(0), np.arange(480)
    day = 0.6 * np.sin(2 * np.pi * t / 24) + np.sin(4 * np.pi * t / 24 + 1)
    assert season_lengths(panel_of([day + 0.2 * rng.normal(size=480)])) == (24,)


def spikes(rng, n):
    return rng.normal(size=n) + 50 * (rng.random(n) < 0.02)


NOISES = {
    "noise": lambda rng, n: rng.normal(size=n),
    "walks": lambda rng, n: np.cumsum(rng.normal(size=n)),
    "walks that drift": lambda rng, n: np.cumsum(0.3 + rng.normal(size=n)),
    "trends": lambda rng, n: 0.1 * np.arange(n) + rng.normal(size=n),
    "bends": lambda rng, n: (np.arange(n) / 20) ** 2 + rng.normal(size=n),
    "spikes": spikes,
    "counts": lambda rng, n: rng.poisson(2, n).astype(float),
    "rare counts": lambda rng, n: rng.poisson(0.1, n).astype(float),
    "heavy tails": lambda rng, n: rng.standard_t(2, n),
    "changes of level": lambda rng, n: rng.normal(size=n) + 9 * np.cumsum(rng.normal(size=n) * (rng.random(n) < 0.02)),
    "coins": lambda rng, n: (rng.random(n) < 0.5).astype(float),
    "constants": lambda _, n: np.full(n, 5.0),
}


@pytest.mark.parametrize("kind", NOISES)
def test_what_does_not_repeat_has_no_season(kind):
    rng, found = np.random.default_rng(0), []
    for n in (14, 40, 90, 200):
        found += [season_lengths(panel_of([NOISES[kind](rng, n)])) for _ in range(8)]
        found += [season_lengths(panel_of([NOISES[kind](rng, n - row) for row in range(5)]))]
    assert sum(lengths != () for lengths in found) <= 1


def test_missing_values_do_not_hide_a_season():
    rng = np.random.default_rng(0)
    arrays = [np.where(rng.random(500) < 0.3, np.nan, seasonal(12, 500, 0.3, rng)) for _ in range(4)]
    assert season_lengths(panel_of(arrays)) == (12,)


@pytest.mark.parametrize(
    "arrays", [[[1.0]], [[1.0, 2.0, 1.0]], [[1.0, 2.0, 1.0, 2.0]], [[np.nan] * 9], [[np.nan, 1.0] * 9]]
)
def test_series_that_are_too_short_have_none(arrays):
    assert season_lengths(panel_of([np.array(one) for one in arrays])) == ()
