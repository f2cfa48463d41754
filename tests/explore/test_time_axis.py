"""Times as an axis shows them: marks that begin a unit, a few of them, at every step and length."""

import numpy as np
import pandas as pd
import pytest

from seqrec.explore.time_axis import marks, texts


def times(start, periods, freq):
    return pd.date_range(start, periods=periods, freq=freq).to_numpy().astype("M8[us]")


@pytest.mark.parametrize(
    ("start", "periods", "freq", "expected"),
    [
        ("2024-01-01 09:30", 8, "h", [("10:30", "2024-01-01"), ("11:30", "")]),
        ("2024-01-01 20:00", 12, "h", [("21:00", "2024-01-01"), ("00:00", "2024-01-02")]),
        ("2024-01-01", 24 * 6, "h", [("2024-01-02", ""), ("2024-01-03", "")]),
        ("2024-01-01", 60, "D", [("2024-01-08", ""), ("2024-01-15", "")]),
        ("2020-01-31", 48, "ME", [("2020-07", ""), ("2021-01", "")]),
        ("2024-01-01", 4, "MS", [("2024-02", ""), ("2024-03", "")]),
        ("1900-01-01", 100, "YS", [("1920", ""), ("1940", "")]),
        ("2024-01-01 00:00:00", 4, "250ms", [("00:00:00.250000", "2024-01-01")]),
    ],
)
def test_marks_begin_hours_days_weeks_months_and_years(start, periods, freq, expected):
    found = marks(times(start, periods, freq))
    assert [mark[1:] for mark in found][: len(expected)] == expected
    assert 1 <= len(found) <= 8


@pytest.mark.parametrize("n", [1, 2, 9, 70, 999, 12_345])
@pytest.mark.parametrize("freq", ["s", "15min", "h", "D", "B", "W", "MS", "QS"])
def test_marks_are_few_and_lie_on_the_axis(n, freq):
    n = min(n, 900)
    found = marks(times("2023-03-05 07:00", n, freq))
    assert 1 <= len(found) <= 8
    assert all(0 <= place < n for place, _, _ in found)


def test_positions_are_marked_by_round_numbers():
    assert marks(np.arange(95, 140)) == [(5, "100", ""), (15, "110", ""), (25, "120", ""), (35, "130", "")]
    assert marks(np.array([0])) == [(0, "0", "")]


def test_times_are_written_as_finely_as_they_need():
    assert texts(times("2024-05-01", 2, "D")) == ["2024-05-01", "2024-05-02"]
    assert texts(times("2024-05-01", 1, "D"), like=times("2024-05-01", 2, "min")) == ["2024-05-01 00:00"]
    assert texts(times("2024-05-01 00:00:09", 1, "s")) == ["2024-05-01 00:00:09"]
