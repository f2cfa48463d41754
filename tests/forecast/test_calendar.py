"""Steps are found and gone on with as pandas goes on with them, over months, weekends and the change to summer time."""

import numpy as np
import pandas as pd
import pytest

from seqrec import Sequences
from seqrec.data.steps import Step
from seqrec.forecast.calendar import Calendar, find_step, places

STEPS = {"MS": "MS", "ME": "MS", "QS": "3MS", "QE": "3MS", "YS": "12MS", "YE": "12MS", "BME": "MS", "6MS": "6MS"}
ZONES = ["Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "Europe/London"]


def series_at(*all_times):
    frames = [pd.DataFrame({"series": f"s{row}", "time": times}) for row, times in enumerate(all_times)]
    return Sequences.from_frame(pd.concat(frames), user="series", item=None, timestamp="time")


@pytest.mark.parametrize("start", ["1974-01-31", "1974-03-01 16:07:03"])
@pytest.mark.parametrize(
    "freq", ["7min", "15min", "h", "6h", "D", "W", "28D", "B", "MS", "ME", "QS", "QE", "6MS", "YS", "YE"]
)
def test_a_regular_series_goes_on_as_it_began(freq, start):
    times = pd.date_range(start, periods=45, freq=freq, unit="us")
    X = series_at(times[:30])
    step = find_step(X)
    assert step == Step.parse(STEPS.get(freq, freq))
    calendar = Calendar.of(X, step)
    np.testing.assert_array_equal(places(X, calendar), np.arange(-29, 1))
    np.testing.assert_array_equal(calendar.at(np.arange(-29, 16))[0], times.to_numpy())


@pytest.mark.parametrize("freq", ["h", "D", "B", "MS"])
def test_what_is_missing_leaves_its_place_empty(freq):
    times = pd.date_range("2013-05-01", periods=40, freq=freq)
    kept = np.delete(np.arange(40), [3, 4, 17, 30])
    X = series_at(times[kept], times[5:8])
    calendar = Calendar.of(X, find_step(X))
    np.testing.assert_array_equal(places(X, calendar), [*(kept - 39), -2, -1, 0])


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("freq", ["h", "D", "W", "MS", "ME"])
def test_summer_time_moves_no_value_to_another_step(zone, freq):
    times = pd.date_range("2013-01-01", periods=70 if freq != "h" else 9_000, freq=freq, tz=zone)
    X = series_at(times)
    step = find_step(X)
    assert step == Step.parse(STEPS.get(freq, freq))
    calendar = Calendar.of(X, step)
    np.testing.assert_array_equal(places(X, calendar), np.arange(1 - len(times), 1))
    after = pd.date_range(times[-1], periods=13, freq=freq)[1:].tz_convert(None).to_numpy()
    np.testing.assert_array_equal(calendar.at(np.arange(1, 13))[0], after)
    told = Calendar.of(series_at(times.tz_convert(None)), step)  # in UTC, without the zone
    np.testing.assert_array_equal(places(series_at(times.tz_convert(None)), told), np.arange(1 - len(times), 1))
    assert np.abs(told.at(np.arange(1, 13))[0] - after).max() <= np.timedelta64(1, "h")


@pytest.mark.parametrize(
    ("zone", "change", "n"), [("Europe/Berlin", "2024-03-31", 2), ("America/Sao_Paulo", "2018-11-03", 4)]
)
def test_few_days_tell_a_step_of_days_across_the_change_of_clocks(zone, change, n):
    days = pd.date_range(change, periods=n + 3, freq="D")
    times = days.tz_localize(zone, nonexistent="shift_forward")  # in São Paulo, the second of them begins at 01:00
    X = series_at(times[:n])
    assert find_step(X) == Step.parse("D")
    calendar = Calendar.of(X, Step.parse("D"))
    np.testing.assert_array_equal(places(X, calendar), np.arange(1 - n, 1))
    np.testing.assert_array_equal(calendar.at(np.arange(1, 4))[0], times[n:].tz_convert(None).to_numpy())


def test_hours_that_a_zone_shows_twice_are_two():
    times = pd.date_range("2024-10-26 22:00", periods=8, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    X = series_at(times)
    np.testing.assert_array_equal(places(X, Calendar.of(X, find_step(X))), np.arange(-7, 1))
    with pytest.raises(ValueError, match=r"two values at 2024-10-27 02:00. .* tell their zone"):
        places(series_at(times.tz_localize(None)), Calendar.of(series_at(times.tz_localize(None)), Step.parse("h")))


def test_times_of_another_zone_are_the_same_times():
    times = pd.date_range("2024-03-29", periods=5, freq="D", tz="Europe/Berlin")
    calendar = Calendar.of(series_at(times[:2]), Step.parse("D"))
    ahead = series_at(times[2:].tz_convert("America/New_York"))
    offsets, on_step = calendar.offsets(ahead.timestamps, np.zeros(3, int))
    assert (offsets.tolist(), on_step.all()) == ([1, 2, 3], True)


def test_an_error_on_local_days_tells_utc():
    days = pd.to_datetime(["2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01"]) + pd.to_timedelta([0, 0, 5, 0], "h")
    times = days.tz_localize("Europe/Berlin")
    with pytest.raises(ValueError, match="breaks the step of 1D: after 2024-03-29 23:00 comes 2024-03-31 03:00"):
        places(series_at(times), Calendar.of(series_at(times), Step.parse("D")))


def test_working_days_of_a_place_whose_midnight_is_the_evening_before_in_utc():
    times = pd.date_range("2024-01-01", periods=60, freq="B", tz="Europe/Berlin")
    X = series_at(times[:40])
    calendar = Calendar.of(X, find_step(X))
    assert calendar.step == Step("workday", 1)
    np.testing.assert_array_equal(places(X, calendar), np.arange(-39, 1))
    after = times[40:].tz_convert("UTC").tz_localize(None).to_numpy()
    np.testing.assert_array_equal(calendar.at(np.arange(1, 21))[0], after)


def test_days_with_a_weekend_among_them_are_days():
    days = pd.date_range("2024-01-01", periods=30)
    weekdays = days[days.day_of_week < 5]
    assert find_step(series_at(weekdays)) == Step("workday", 1)
    assert find_step(series_at(weekdays, days[5:7])) == Step.parse("D")


def test_the_step_of_most_values_is_that_of_the_panel_and_series_keep_their_own_times():
    X = series_at(
        pd.date_range("2024-01-01 00:05", periods=9, freq="h"), pd.date_range("2024-01-01 00:10", periods=5, freq="2h")
    )
    calendar = Calendar.of(X, find_step(X))
    assert calendar.step == Step.parse("h")
    ahead = calendar.at(np.array([1])).astype("M8[m]").astype(str)
    assert ahead.ravel().tolist() == ["2024-01-01T09:05", "2024-01-01T09:10"]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (["10:00", "11:00", "12:00", "12:40", "13:40", "14:40"], "after 2024-05-02 12:00 comes 2024-05-02 12:40"),
        (["10:00", "11:00", "12:00", "13:00", "13:20"], "after 2024-05-02 13:00 comes 2024-05-02 13:20"),
        (["10:00", "10:00", "11:00"], "has two values at 2024-05-02 10:00"),
    ],
)
def test_an_error_names_the_series_and_the_first_step_that_breaks_it(times, message):
    good = pd.date_range("2024-05-02", periods=20, freq="h")
    X = series_at(good, pd.to_datetime([f"2024-05-02 {time}" for time in times]))
    with pytest.raises(ValueError, match=f"series 's1' .*{message}"):
        places(X, Calendar.of(X, find_step(X)))


def test_two_values_in_a_month_are_an_error():
    X = series_at(pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-20", "2024-03-01"]))
    with pytest.raises(ValueError, match="after 2024-02-01 00:00 comes 2024-02-20 00:00"):
        places(X, Calendar.of(X, Step.parse("MS")))


def test_single_values_do_not_tell_a_step():
    with pytest.raises(ValueError, match=r"no series has two values, .* Name it: step='1h'"):
        find_step(series_at(["2024-05-02"], ["2024-05-03"]))


def test_without_times_steps_are_positions():
    X = Sequences.from_arrays([[1.0, 2.0, 3.0], [4.0]], "y")
    calendar = Calendar.of(X, None)
    np.testing.assert_array_equal(places(X, calendar), [-2, -1, 0, 0])
    np.testing.assert_array_equal(calendar.at(np.array([1, 2])), [[3, 4], [1, 2]])
