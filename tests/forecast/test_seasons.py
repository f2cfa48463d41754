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


def seasonal(length, n, noise):
    return np.resize(RNG.normal(size=length), n) + noise * RNG.normal(size=n)


@pytest.mark.parametrize("length", [2, 3, 7, 24, 61])
def test_series_without_times_show_their_season_whatever_their_trend_and_level(length):
    arrays = [10.0**row * (seasonal(length, 400 - 9 * row, 0.3) + 0.01 * np.arange(400 - 9 * row)) for row in range(6)]
    assert season_lengths(panel_of(arrays)) == (length,)


def test_a_season_of_seasons_is_found_beside_the_short_one():
    rng = np.random.default_rng(1)
    day, week = np.resize(rng.normal(size=24), 1_400), np.resize(np.repeat(rng.normal(size=7), 24), 1_400)
    arrays = [day * (1 + 0.3 * week) + 0.2 * rng.normal(size=1_400) for _ in range(3)]
    assert season_lengths(panel_of(arrays)) == (24, 168)


@pytest.mark.parametrize("n_series", [1, 8])
def test_noise_random_walks_and_constants_have_none(n_series):
    found = []
    for _ in range(10):
        noise = RNG.normal(size=(n_series, 200))
        found += [season_lengths(panel_of(list(arrays))) for arrays in (noise, np.cumsum(noise, axis=1), noise * 0)]
    assert set(found) == {()}


def test_missing_values_do_not_hide_a_season():
    arrays = [np.where(RNG.random(500) < 0.3, np.nan, seasonal(12, 500, 0.3)) for _ in range(4)]
    assert season_lengths(panel_of(arrays)) == (12,)


@pytest.mark.parametrize("arrays", [[[1.0]], [[1.0, 2.0, 1.0]], [[np.nan] * 9]])
def test_series_that_are_too_short_have_none(arrays):
    assert season_lengths(panel_of([np.array(one) for one in arrays])) == ()
