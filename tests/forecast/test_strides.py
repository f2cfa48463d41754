"""What a network sees of a series is worked out value by value, and knows nothing of what comes later."""

import numpy as np
import pytest

from seqrec import Sequences
from seqrec.forecast import covariates
from seqrec.forecast.panel import Panel
from seqrec.forecast.strides import Stretch, Strides

RNG = np.random.default_rng(0)
ARRAYS = [np.where(RNG.random(n) < 0.1, np.nan, RNG.normal(20, 5, n)) for n in (300, 90, 41, 1)]
ARRAYS[3][:] = 7.0
PRICES = [RNG.lognormal(0, 0.2, len(array)) for array in ARRAYS]


def panel_of(arrays=ARRAYS, prices=PRICES):
    pairs = [np.stack(pair, axis=1) for pair in zip(arrays, prices, strict=True)]
    panel = Panel.read(Sequences.from_arrays(pairs, ["y", "price"]), "y", None, ["price"])
    return panel, covariates.learn(panel, ["price"], [])


def read(panel, learned, season=2, seasons=(2, 7)):
    """Give strides, stretch, number of strides and origins of all series."""
    strides = Strides(season, seasons, known=learned)
    n_strides = strides.n_strides(panel.lengths)
    rows, most = np.arange(len(panel)), int(n_strides.max())
    panel = covariates.read(panel, learned)
    stretch = Stretch.of(panel, rows, panel.stops - 1, strides.steps(most))
    return strides, stretch, n_strides, strides.origins(stretch, n_strides, most)


@pytest.mark.parametrize("season", [1, 2, 14])
def test_level_and_scale_are_means_of_what_came_before(season):
    _, _, n_strides, origins = read(*panel_of(), season)
    length = 1 if season < 13 else season
    for row, array in enumerate(ARRAYS):
        for stride in range(n_strides[row]):
            past = array[: len(array) - length * (n_strides[row] - 1 - stride)]
            seen = past[~np.isnan(past)]
            if not len(seen):
                continue
            assert origins.level[row, stride] == pytest.approx(seen[-season:].mean())
            span = max(20 * season, 100)
            differences = np.abs(past[season:] - past[:-season])[-span:] if len(past) > season else np.array([])
            size, n = np.nanmean(np.abs(past[-span:])), (~np.isnan(differences)).sum()
            expected = (np.nansum(differences) + 2 * 0.05 * size) / (n + 2) + 1e-4 * size
            assert origins.scale[row, stride] == pytest.approx(expected)


def test_inputs_and_what_is_ahead_have_the_widths_that_they_say():
    strides, stretch, n_strides, origins = read(*panel_of())
    last = origins.select((n_strides - 1)[:, None])
    longer = stretch.with_ahead({"price": np.zeros((4, 5))}, 5)
    ahead, anchor = strides.ahead(longer, last, 5)
    assert strides.inputs(stretch, origins).shape == (4, n_strides.max(), strides.n_inputs)
    assert ahead.shape == (4, 1, 5, strides.n_ahead)
    assert np.isfinite(ahead).all()
    known = np.where(np.isnan(ARRAYS[0][-2:]), last.level[0], ARRAYS[0][-2:])
    np.testing.assert_array_equal(anchor[0, 0], np.resize(known, 5))
    np.testing.assert_array_equal(anchor[3, 0], np.full(5, 7.0))


def test_series_look_alike_in_any_unit():
    first, second = (read(panel_of([factor * array for array in ARRAYS])[0], panel_of()[1]) for factor in (1.0, 1e6))
    inputs = [strides.inputs(stretch, origins) for strides, stretch, _, origins in (first, second)]
    np.testing.assert_allclose(*inputs, atol=1e-4)


def test_later_values_change_nothing_of_earlier_strides():
    panel, learned = panel_of()
    strides, stretch, _, origins = read(panel, learned)
    whole = strides.inputs(stretch, origins)
    strides, stretch, _, origins = read(panel.cut(3), learned)
    past = strides.inputs(stretch, origins)
    np.testing.assert_allclose(past[0, 3:], whole[0, :-3], atol=1e-6)


def test_a_stretch_goes_on_with_what_is_told():
    panel, learned = panel_of()
    _, stretch, _, _ = read(panel, learned)
    price = np.full((4, 3), 0.5)
    longer = stretch.followed_by(np.full((4, 3), 9.0), {"price": price})
    assert longer.y.shape == (4, stretch.before)
    assert (longer.y[:, -3:] == 9).all()
    np.testing.assert_array_equal(longer.columns["price"][:, -3:], price)
    assert longer.before == stretch.before


def test_a_series_that_fell_silent_begins_with_its_last_value():
    array = np.concatenate([[3.0, 4.0], np.full(600, np.nan)])
    _, stretch, _, origins = read(*panel_of([array], [np.ones(602)]), season=1, seasons=(1,))
    assert stretch.y[0, 0] == 4
    assert origins.level[0, -1] == 4
