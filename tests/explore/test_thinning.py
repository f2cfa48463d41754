"""Long series as a screen can show them."""

import numpy as np

from seqrec.explore.thinning import places, runs, thinned


def test_no_extreme_is_lost_however_long_a_series_is():
    values = np.random.default_rng(0).normal(size=100_003)
    values[[5, 77_777]] = [-99, 99]
    values[40_000:60_000] = np.nan
    every, some = thinned(values, 1_000)
    assert len(some) <= 1_000
    assert (np.nanmin(some), np.nanmax(some)) == (-99, 99)
    assert np.isnan(some).any()
    np.testing.assert_allclose(every * len(some), len(values), rtol=0.01)


def test_what_a_screen_can_show_is_sent_as_it_is():
    values = np.array([1.0, np.nan, 3.0])
    every, some = thinned(values, 3)
    assert every == 1
    np.testing.assert_array_equal(some, values)
    assert len(thinned(values[:0], 3)[1]) == 0


def test_places_have_the_first_and_the_last():
    assert places(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert places(1_000, 3).tolist() == [0, 500, 999]
    assert places(0, 3).tolist() == []


def test_runs_begin_where_a_value_changes():
    assert runs(np.array(["a", "a", None, None, "b"], object)).tolist() == [0, 2, 4]
    assert runs(np.array([], object)).tolist() == []
