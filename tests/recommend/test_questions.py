"""The time of a question comes in any form, and never before the history."""

import numpy as np
import pandas as pd
import pytest

from seqrec.data.sequences import Sequences
from seqrec.recommend.questions import question_times


def sequences_with_times():
    times = [["2026-01-01", "2026-01-02"], ["2026-01-03"]]
    return Sequences.from_lists([["a", "b"], ["c"]], timestamps=times)


@pytest.mark.parametrize(
    "at",
    [
        "2026-01-05",
        ["2026-01-05", "2026-01-05"],
        pd.Timestamp("2026-01-05 02:00", tz="Europe/Paris") - pd.Timedelta("1h"),
        np.datetime64("2026-01-05"),
        pd.Series(pd.to_datetime(["2026-01-05"] * 2)),
    ],
    ids=["text", "list", "zone", "numpy", "pandas"],
)
def test_the_time_of_the_question_comes_in_any_form(at):
    times = question_times(at, sequences_with_times())
    np.testing.assert_array_equal(times, np.full(2, np.datetime64("2026-01-05", "us")))


def test_numbers_are_times_in_the_unit_of_the_log():
    log = pd.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "timestamp": [1_700_000_000, 1_700_000_100]})
    at = question_times(1_700_000_200, Sequences.from_frame(log))
    np.testing.assert_array_equal(at, [np.datetime64(1_700_000_200, "s")])


def test_numbers_mean_nothing_where_the_log_has_datetimes():
    with pytest.raises(TypeError, match="at must hold datetimes"):
        question_times(1_700_000_200, sequences_with_times())


@pytest.mark.parametrize("at", [["2026-01-02", "2026-01-02"], ["2026-01-05", None]])
def test_a_missing_or_early_time_is_an_error(at):
    with pytest.raises(ValueError, match="1 of 2 histories"):
        question_times(at, sequences_with_times())
