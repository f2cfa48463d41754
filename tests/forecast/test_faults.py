"""Series that cannot be used are set apart, and the others are asked about."""

import copy

import numpy as np
import pandas as pd
import pytest

from seqrec import NaiveForecaster, Sequences
from seqrec.exceptions import SeriesError
from seqrec.forecast.faults import set_apart, usable

HOURS = pd.date_range("2024-05-01", periods=6, freq="h")
LOG = pd.concat(
    pd.DataFrame({"series": key, "timestamp": HOURS, "y": np.arange(6.0)}) for key in ("cake", "jam", "milk", "tea")
).reset_index(drop=True)


def series_of(log):
    return Sequences.from_frame(log, "series", None, columns=["y"])


def moved(row, minutes):
    return LOG.assign(
        timestamp=LOG["timestamp"].where(LOG.index != row, LOG["timestamp"] + pd.Timedelta(minutes, "min"))
    )


FORECASTER = NaiveForecaster(horizon=2, step="1h").fit(series_of(LOG))


def test_what_can_be_used_is_answered_as_if_alone():
    dirty = pd.concat([moved(8, 30), LOG[13:14]], ignore_index=True)  # jam breaks the step, milk repeats a time
    found, faults = set_apart(series_of(dirty), FORECASTER.predict)
    pd.testing.assert_frame_equal(found, FORECASTER.predict(series_of(LOG[LOG["series"].isin(["cake", "tea"])])))
    told = {fault.key: (fault.code, dirty["timestamp"][fault.row], fault.n_events) for fault in faults}
    assert told == {
        "jam": ("broken_step", pd.Timestamp("2024-05-01 02:30"), 6),
        "milk": ("repeated_time", pd.Timestamp("2024-05-01 01:00"), 7),
    }
    assert faults[0].reason.startswith("series 'jam' breaks the step of 1h: after 2024-05-01 01:00 comes")


def test_of_faults_of_several_kinds_each_is_told_in_its_own_words():
    dirty = moved(8, 30)
    dirty["y"] = dirty["y"].mask(dirty.index == 20, -1.0)
    forecaster = NaiveForecaster(horizon=2, lower=0).fit(series_of(LOG))
    found, faults = set_apart(series_of(dirty), forecaster.predict)
    assert found["series"].unique().tolist() == ["cake", "milk"]
    assert [(fault.key, fault.code) for fault in faults] == [("jam", "broken_step"), ("tea", "below_lower")]
    assert "-1.0 in series 'tea' at 2024-05-01 02:00" in faults[1].reason


@pytest.mark.parametrize("step", ["1h", "MS", "B"])
def test_where_no_series_can_be_used_the_answer_is_empty(step):
    X = series_of(LOG.assign(timestamp=LOG["timestamp"].to_numpy()[0]))
    forecaster = NaiveForecaster(horizon=2, step=step).fit(series_of(LOG.iloc[::6]))
    found, faults = set_apart(X, forecaster.predict_quantiles)
    assert (len(found), len(faults)) == (0, 4)
    assert found.columns.tolist() == ["series", "timestamp", "step", "q10", "q50", "q90"]


def test_a_fit_is_tried_out_without_one():
    X, faults = usable(FORECASTER, series_of(moved(8, 30)))
    assert (X.keys.tolist(), [fault.key for fault in faults]) == (["cake", "milk", "tea"], ["jam"])
    X, faults = usable(FORECASTER, series_of(moved(8, 30)[6:12]))
    assert (len(X), len(faults)) == (0, 1)


def test_a_time_far_from_the_others_is_one_fault_and_fills_no_memory():
    far = LOG["timestamp"].where(LOG.index != 0, pd.Timestamp("1870-01-01"))
    with pytest.raises(
        SeriesError, match=r"series 'cake' has 1,35.,... steps of 1h, most of them between 1870-01-01"
    ) as e:
        FORECASTER.predict(series_of(LOG.assign(timestamp=far)))
    assert (e.value.code, e.value.series, e.value.event) == ("distant_time", ["cake"], 1)


def test_the_error_survives_a_trip_to_another_process():
    error = SeriesError("It is so.", "Do that.", "code", ["tea"], 3)
    again = copy.copy(error)  # as pickle does
    assert (str(again), again.code, again.series, again.event) == ("It is so. Do that.", "code", ["tea"], 3)
