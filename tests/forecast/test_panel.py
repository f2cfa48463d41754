"""Series stand on their grid: what the log lacks is not observed, and what is known ahead is asked for at once."""

import numpy as np
import pandas as pd
import pytest

from seqrec import Sequences
from seqrec.data.steps import Step
from seqrec.forecast.panel import Panel, target_of

HOUR = Step.parse("h")
LOG = pd.DataFrame(
    {
        "series": ["b", "a", "a", "b", "a", "c"],
        "time": pd.to_datetime(
            [
                "2024-05-02 03:00",
                "2024-05-02 00:00",
                "2024-05-02 03:00",
                "2024-05-02 04:00",
                "2024-05-02 01:00",
                "2024-05-02 09:30",
            ]
        ),
        "y": [7, 1, 4, 8, np.nan, 5.0],
        "price": [0.1, 0.2, np.nan, 0.4, 0.5, 0.6],
        "holiday": [True, False, True, False, True, False],
        "event": ["sale", None, "sale", "rain", None, None],
        "country": ["de", "fr", "fr", "de", "fr", None],
    }
)
X = Sequences.from_frame(LOG, "series", None, "time", ["y", "price", "holiday", "event", "country"])
PANEL = Panel.read(X, "y", HOUR, ["price", "holiday", "event"], ["country"])


def test_a_missing_row_and_a_missing_value_are_not_observed():
    np.testing.assert_array_equal(PANEL.latest(4), [[1, np.nan, np.nan, 4], [np.nan, np.nan, 7, 8], [np.nan] * 3 + [5]])
    assert PANEL.lengths.tolist() == [4, 2, 1]
    assert PANEL.n_observed.tolist() == [2, 2, 1]


def test_columns_lie_beside_the_values_and_static_ones_are_of_a_series():
    np.testing.assert_array_equal(
        PANEL.latest(3, "price"), [[0.5, np.nan, np.nan], [np.nan, 0.1, 0.4], [np.nan, np.nan, 0.6]]
    )
    np.testing.assert_array_equal(PANEL.latest(2, "holiday"), [[np.nan, 1], [1, 0], [np.nan, 0]])
    assert PANEL.latest(2, "event").tolist() == [[None, "sale"], ["sale", "rain"], [None, None]]
    assert PANEL.static["country"].tolist() == ["fr", "de", None]


def test_what_is_cut_off_follows():
    past = PANEL.cut(2)
    assert past.lengths.tolist() == [2, 0, 0]
    np.testing.assert_array_equal(past.latest(2), [[1, np.nan], [np.nan, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(past.select([0]).following(3), [[np.nan, 4, np.nan]])
    np.testing.assert_array_equal(past.select([0]).following(2, "price"), [[np.nan, np.nan]])
    assert past.times(np.array([0, 1]))[0].astype("M8[h]").astype(str).tolist() == ["2024-05-02T01", "2024-05-02T02"]


def test_an_empty_series_has_no_steps():
    panel = Panel.read(X.head(0), "y", HOUR)
    assert np.isnan(panel.latest(2)).all()
    assert np.isnat(panel.times(np.array([1]))).all()


def future_of(log):
    return Sequences.from_frame(log, "series", None, "time", ["price", "event"])


AHEAD = pd.DataFrame(
    [
        (key, time, price, "sale")
        for key, first in (("a", "04:00"), ("b", "05:00"), ("c", "10:30"))
        for time, price in zip(pd.date_range(f"2024-05-02 {first}", periods=3, freq="h"), (1.0, 2.0, 3.0), strict=True)
    ],
    columns=["series", "time", "price", "event"],
)


def test_known_columns_are_read_at_the_steps_to_come_whatever_else_is_given():
    more = pd.concat([AHEAD[::-1], LOG[["series", "time", "price", "event"]], AHEAD.assign(series="other")])
    for log, horizon in ((AHEAD, 3), (more, 3), (AHEAD, 2)):
        found = PANEL.future(future_of(log), horizon, ["price", "event"])
        np.testing.assert_array_equal(found["price"], [[1, 2, 3][:horizon]] * 3)
        assert found["event"].tolist() == [["sale"] * horizon] * 3


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (
            AHEAD.drop(4),
            "column 'price' of future= has no value for series 'b' at 2024-05-02 06:00, step 2 of 3; 1 are missing",
        ),
        (
            AHEAD.assign(price=[1, 2, np.nan] * 3),
            "series 'a' at 2024-05-02 06:00, step 3 of 3; 3 are missing altogether",
        ),
        (AHEAD.drop([0, 1, 2]), "series 'a' at 2024-05-02 04:00, step 1 of 3; 3 are"),
        (
            AHEAD.assign(time=AHEAD["time"] + pd.Timedelta("10min")),
            "series 'a' of future= breaks the step of 1h at 2024-05-02 04:10",
        ),
        (
            AHEAD.rename(columns={"price": "prize"}).assign(event="x"),
            "column 'price' is missing; columns found: 'prize'",
        ),
    ],
)
def test_a_missing_future_is_one_error_with_column_series_and_time(log, message):
    columns = [name for name in log.columns if name not in ("series", "time")]
    with pytest.raises(ValueError, match=message):
        PANEL.future(Sequences.from_frame(log, "series", None, "time", columns), 3, ["price"])


def test_no_future_at_all_is_the_same_error():
    with pytest.raises(ValueError, match=r"'price' is known ahead, .* series 'a' at 2024-05-02 04:00 on. Pass future="):
        PANEL.future(None, 3, ["price"])
    assert PANEL.future(None, 3, []) == {}


def test_series_without_times_have_a_future_without_times():
    panel = Panel.read(Sequences.from_arrays([[1.0, 2.0], [3.0]], "y", keys=["a", "b"]), "y", None)
    ahead = Sequences.from_arrays([[5.0, 6.0], [7.0, 8.0]], "price", keys=["b", "a"])
    np.testing.assert_array_equal(panel.future(ahead, 2, ["price"])["price"], [[7, 8], [5, 6]])
    with pytest.raises(ValueError, match="must have times if the series have"):
        panel.future(future_of(AHEAD), 2, ["price"])


def test_the_only_column_of_numbers_is_the_target():
    assert target_of(X, None, ["price"]) == "y"
    with pytest.raises(ValueError, match=r"columns of numbers found: 'y', 'price'. Name the one to forecast: target="):
        target_of(X, None, [])
    with pytest.raises(ValueError, match=r"column 'Y' is missing; .* Did you mean 'y'"):
        target_of(X, "Y", [])


@pytest.mark.parametrize(
    ("columns", "static", "message"),
    [
        ([], ["price"], "column 'price' is static, and changes in series 'a' at 2024-05-02 01:00"),
        (["prices"], [], "column 'prices' is missing"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns, static, message):
    with pytest.raises(ValueError, match=message):
        Panel.read(X, "y", HOUR, columns, static)
    with pytest.raises(ValueError, match="column 'event' is to be forecast, and holds no numbers"):
        Panel.read(X, "event", HOUR)


def test_a_time_far_away_is_told_and_not_filled_up():
    log = pd.DataFrame({"series": "a", "time": ["1850-01-01", "2024-01-01"], "y": 1.0})
    with pytest.raises(ValueError, match=r"series 'a' has .* steps of 1s, most of them between"):
        Panel.read(Sequences.from_frame(log, "series", None, "time", ["y"]), "y", Step.parse("s"))
