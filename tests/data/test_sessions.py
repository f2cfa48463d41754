from datetime import timedelta

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from seqrec.data.sequences import Sequences
from seqrec.data.sessions import sessionize


@pytest.fixture
def log():
    minutes = pd.to_timedelta([100, 0, 5, 30, 61], unit="min")
    return pd.DataFrame(
        {"user_id": ["a", "b", "a", "a", "a"], "timestamp": pd.Timestamp("2024-05-02") + minutes},
        index=[3, 3, 1, 0, 7],
    )


def test_a_pause_longer_than_the_gap_starts_a_session(log):
    # in order of time, user a has events at minutes 5, 30, 61 and 100
    assert sessionize(log, gap="30min")["session_id"].tolist() == [2, 3, 0, 0, 1]
    assert sessionize(log, gap=timedelta(minutes=31))["session_id"].tolist() == [1, 2, 0, 0, 0]


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas])
def test_the_same_kind_of_frame_comes_back(log, convert):
    frame = convert(log.reset_index(drop=True))

    sessions = sessionize(frame)

    assert type(sessions) is type(frame)
    assert sessions.equals(convert(sessionize(log).reset_index(drop=True)))


def test_the_log_itself_and_its_index_stay_as_they_are(log):
    before = log.copy()

    sessions = sessionize(log)

    pd.testing.assert_frame_equal(log, before)
    pd.testing.assert_frame_equal(sessions[["user_id", "timestamp"]], before)


def test_a_session_can_take_the_place_of_a_user(log):
    X = Sequences.from_frame(sessionize(log.assign(item_id=1)), user="session_id")

    assert X.lengths.tolist() == [2, 1, 1, 1]


def test_an_empty_log_has_no_sessions(log):
    assert sessionize(log.iloc[:0])["session_id"].tolist() == []


@pytest.mark.parametrize("gap", ["soon", "-5min", timedelta(0), 30, None])
def test_a_gap_that_is_no_length_of_time_is_an_error(log, gap):
    with pytest.raises(ValueError, match="gap must be a positive length of time, such as '30min', got"):
        sessionize(log, gap=gap)


def test_an_existing_column_is_not_overwritten(log):
    with pytest.raises(ValueError, match="column 'user_id' exists already"):
        sessionize(log, session="user_id")
