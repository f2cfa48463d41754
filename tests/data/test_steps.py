import numpy as np
import pytest

from seqrec.data.steps import Step

HOUR = 3_600 * 10**6


@pytest.mark.parametrize(
    ("text", "step", "name"),
    [
        ("15min", Step("span", HOUR // 4), "15min"),
        ("h", Step("span", HOUR), "1h"),
        ("24h", Step("span", 24 * HOUR), "1D"),
        ("D", Step("span", 24 * HOUR), "1D"),
        ("W", Step("span", 7 * 24 * HOUR), "7D"),
        ("B", Step("workday", 1), "1B"),
        ("ME", Step("month", 1), "1MS"),
        ("QS", Step("month", 3), "3MS"),
        ("2YS", Step("month", 24), "24MS"),
        ("250us", Step("span", 250), "250us"),
    ],
)
def test_a_step_is_read_as_pandas_writes_it_and_written_so(text, step, name):
    assert Step.parse(text) == step
    assert str(step) == name
    assert Step.parse(name) == step


@pytest.mark.parametrize("text", ["soon", "-1h", "0h", "", "2B", "1ns", "WOM-2MON", 3, None])
def test_what_is_no_step_is_refused_by_name(text):
    with pytest.raises(ValueError, match=r"^every must be a step of time, such as '15min'.* got"):
        Step.parse(text, "every")


@pytest.mark.parametrize(
    ("text", "time", "start"),
    [
        ("1h", "2024-05-02T10:59:59.999999", "2024-05-02T10"),
        ("W", "2024-05-02T10:00", "2024-04-29"),  # a Monday
        ("W", "1969-12-30", "1969-12-29"),
        ("MS", "2024-02-29T23:00", "2024-02-01"),
        ("QS", "1969-12-31", "1969-10-01"),
        ("B", "2024-05-03T10:00", "2024-05-03"),  # a Friday
    ],
)
def test_a_time_lies_in_the_step_that_begins_before_it(text, time, start):
    step, times = Step.parse(text), np.array([time], "datetime64[us]")
    assert step.start(step.number(times))[0] == np.datetime64(start)


def test_steps_are_numbered_one_after_another():
    for text in ("h", "D", "B", "W", "MS", "QS", "YS"):
        step, numbers = Step.parse(text), np.arange(-50, 50)
        np.testing.assert_array_equal(step.number(step.start(numbers)), numbers)
