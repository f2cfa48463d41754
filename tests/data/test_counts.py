import numpy as np
import pandas as pd
import pytest

from seqrec import Sequences

LOG = pd.DataFrame(
    {
        "user_id": ["u2", "u1", "u1", "u2", "u1", "u1"],
        "item_id": ["tea", "tea", "milk", "tea", "milk", "tea"],
        "timestamp": [f"2024-05-02 {time}" for time in ("09:10", "09:20", "10:00", "12:30", "12:40", "12:59")],
        "amount": [1.5, 2.0, 4.0, np.nan, 16.0, 32.0],
        "channel": ["web", "web", None, "app", "app", "web"],
        "shop": [7, 7, 5, 5, 7, 7],
    }
)
X = Sequences.from_frame(LOG, columns=["amount", "channel", "shop"])


def series(counted, name="count"):
    values = np.split(counted.columns[name], counted.indptr[1:-1])
    return {key: own.tolist() for key, own in zip(counted.keys.tolist(), values, strict=True)}


def test_events_are_counted_from_the_first_of_a_series_to_the_end_of_the_log():
    counted = X.counts("1h")
    assert series(counted) == {"milk": [1, 0, 1], "tea": [2, 0, 0, 2]}
    assert not counted.has_items
    first = counted.timestamps[counted.indptr[:-1]]
    assert first.astype("M8[h]").astype(str).tolist() == ["2024-05-02T10", "2024-05-02T09"]
    assert (np.diff(counted.timestamps)[[0, 1, 3, 4, 5]] == np.timedelta64(1, "h")).all()


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("user", {"u1": [1, 1, 0, 2], "u2": [1, 0, 0, 1]}),
        ("channel", {"app": [2], "web": [2, 0, 0, 1]}),
        ("shop", {5: [1, 0, 1], 7: [2, 0, 0, 2]}),
    ],
)
def test_a_series_can_be_of_users_or_of_the_ids_of_a_column(by, expected):
    assert series(X.counts("1h", by=by)) == expected


def test_columns_are_summed_and_what_is_missing_adds_nothing():
    counted = X.counts("1h", by="user", sums=["amount"])
    assert series(counted, "amount") == {"u1": [2, 4, 0, 48], "u2": [1.5, 0, 0, 0]}
    assert list(counted.columns) == ["count", "amount"]


@pytest.mark.parametrize("every", ["7min", "1h", "5h", "D", "W", "MS", "QS", "YS"])
def test_every_event_is_counted_in_the_interval_that_it_lies_in(every):
    rng = np.random.default_rng(0)
    times = pd.Timestamp("2023-11-20") + pd.to_timedelta(rng.integers(0, 90 * 1440, 300), unit="min")
    log = pd.DataFrame({"user_id": 0, "item_id": rng.integers(0, 3, 300), "timestamp": times})
    counted = Sequences.from_frame(log).counts(every).to_frame("item_id")
    of_pandas = {"5h": {"origin": "1969-12-29"}, "7min": {"origin": "1969-12-29"}}.get(every, {})
    interval = pd.Grouper(key="timestamp", freq=every.replace("W", "W-MON"), label="left", closed="left", **of_pandas)
    expected = log.groupby(["item_id", interval]).size()
    found = counted[counted["count"] > 0].set_index(["item_id", "timestamp"])["count"]
    pd.testing.assert_series_equal(found, expected[expected > 0], check_names=False, check_index_type=False)
    assert counted["count"].sum() == 300


def test_days_are_those_of_the_zone_of_the_log():
    times = pd.to_datetime(["2024-03-30 23:30", "2024-03-31 00:30", "2024-03-31 23:30", "2024-04-01 00:30"])
    log = pd.DataFrame({"user_id": 0, "item_id": "tea", "timestamp": times.tz_localize("Europe/Berlin")})
    X = Sequences.from_frame(log).counts("D")
    assert X.columns["count"].tolist() == [1, 2, 1]
    assert X.timestamps.astype("M8[h]").astype(str).tolist() == ["2024-03-29T23", "2024-03-30T23", "2024-03-31T22"]
    assert X.zone == "Europe/Berlin"
    hours = Sequences.from_frame(log).counts("h")
    assert hours.columns["count"].sum() == 4
    assert hours.n_events == 25  # the clocks skip one of them


def test_other_orders_of_the_rows_give_the_same_series():
    again = Sequences.from_frame(LOG[::-1], columns=["amount"]).counts("1h")
    pd.testing.assert_frame_equal(again.to_frame(), X.counts("1h").to_frame())


def test_sequences_without_events_have_no_series():
    assert len(X[:0].counts("1h")) == len(X.head(0).counts("1h", by="user")) == 0


def test_items_that_a_vocabulary_lacks_do_not_count():
    assert series(X.recode(X[:0].vocabulary.__class__(["tea"])).counts("D")) == {"tea": [4]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": "soon"}, "every must be a step of time"),
        ({"by": "chanel"}, "by must be 'item', 'user' or a column, got 'chanel'; columns found: 'amount', 'channel'"),
        ({"by": "amount"}, "column 'amount' has 1 fractional id"),
        ({"sums": ["channel"]}, "column 'channel' holds no numbers"),
        ({"sums": "amount"}, "columns must be a list of names"),
        ({"every": "1us"}, r"every='1us' would give .* values"),
    ],
)
def test_what_cannot_be_counted_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        X.counts(**options)


def test_without_times_or_items_nothing_is_counted_by_them():
    with pytest.raises(ValueError, match="have no times"):
        Sequences.from_frame(LOG, timestamp=None).counts()
    with pytest.raises(ValueError, match="by='user'"):
        Sequences.from_frame(LOG, item=None).counts()
