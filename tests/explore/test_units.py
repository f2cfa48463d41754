"""Values are said as a person would say them."""

import numpy as np
import pytest

from seqrec.explore.units import duration, expectation_of, times_of, value_of


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (9, "9 s"),
        (99, "99 s"),
        (959.1, "16 min"),
        (8.1e4, "22 h"),
        (3e5, "3.5 days"),
        (1e8, "3.2 years"),
        (np.nan, "–"),
    ],
)
def test_durations_have_the_unit_that_fits(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize("value", [None, np.nan, np.datetime64("NaT")])
def test_a_value_that_is_missing_is_said_to_be(value):
    assert value_of("amount", value) == "missing"


def test_values_are_told_by_field():
    assert [value_of("gap", 90.0), value_of("amount", 1234.5), value_of("channel", "web")] == ["90 s", "1,234.5", "web"]


def test_what_was_expected_has_the_units_of_the_values():
    assert expectation_of("gap", "959.1 to 8.1e+04 (90 %), 0 3%") == "16 min to 22 h, 0 3%"
    assert expectation_of("amount", "12 to 45 (90 %)") == "12 to 45"
    assert expectation_of("event", "pay 60%, log out 30%") == "pay 60%, log out 30%"


def test_times_are_days_where_all_are():
    days = np.array(["2024-05-01", "2024-05-02"], "datetime64[us]")
    assert times_of(days) == ["2024-05-01", "2024-05-02"]
    assert times_of(days + np.timedelta64(90, "s")) == ["2024-05-01 00:01:30", "2024-05-02 00:01:30"]
