"""The clock that wrote times, as far as they tell."""

import numpy as np
import pandas as pd
import pytest

from seqrec import Sequences
from seqrec.data.times import CLOCKS, clock_of, local_times, on_ticks, utc_times
from seqrec.logs.chunks import TimeFacts

TIMES = np.datetime64("2024-05-01T11:22:33.444555", "us") + np.arange(50) * np.timedelta64(12_345_678_901, "us")


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_coarsest_clock_that_could_have_told_the_times_is_found(clock):
    assert clock_of(on_ticks(TIMES, CLOCKS[clock])) == CLOCKS[clock]


@pytest.mark.parametrize(("n", "known"), [(0, False), (1, False), (2, True)])
def test_a_few_times_may_lie_on_whole_seconds_by_chance(n, known):
    assert clock_of(on_ticks(TIMES, CLOCKS["s"])[:n]) == (CLOCKS["s"] if known else None)


def test_times_before_1970_lie_on_ticks_too():
    early = TIMES - np.timedelta64(100 * 365, "D")
    ticks = on_ticks(early, CLOCKS["h"])
    assert clock_of(ticks) == CLOCKS["h"]
    assert ((ticks <= early) & (early - ticks < np.timedelta64(1, "h"))).all()


@pytest.mark.parametrize("unit", ["s", "ms", "us", None])
def test_a_log_read_in_parts_has_the_clock_of_the_whole(unit):
    ticks = {"s": 1, "ms": 10**3, "us": 10**6, None: 10**6}[unit]
    step = 30 * 10**6 * ticks  # half a minute, in millionths
    facts = TimeFacts(step=4 * step) + TimeFacts(step=3 * step)
    assert facts.clock(unit, 50) == CLOCKS["s"]
    assert facts.clock(unit, 1) is None


def test_the_zone_of_a_log_is_known_and_kept():
    times = pd.date_range("2024-03-30", periods=3, freq="D")
    for zone, known in (("Europe/Berlin", "Europe/Berlin"), ("UTC", None), (None, None), ("+01:00", "+01:00")):
        log = pd.DataFrame({"user_id": 1, "item_id": 2, "timestamp": times.tz_localize(zone)})
        X = Sequences.from_frame(log)
        assert (X.zone, X[:1].head(1).zone) == (known, known)


def test_local_times_and_back_are_the_same_but_for_what_clocks_show_twice():
    times = np.arange("2024-10-26T20", "2024-10-27T06", dtype="M8[h]").astype("M8[us]").reshape(2, 5)
    shown = local_times(times, "Europe/Berlin")
    assert shown.astype("M8[h]").astype(str).ravel().tolist()[3:7] == [f"2024-10-27T0{hour}" for hour in (1, 2, 2, 3)]
    back = utc_times(shown, "Europe/Berlin")
    assert (back != times).sum() == 1
    assert back.shape == times.shape
    assert np.isnat(utc_times(local_times(np.array(["NaT"], "M8[us]"), "Europe/Berlin"), "Europe/Berlin")).all()
