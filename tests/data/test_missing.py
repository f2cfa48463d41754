"""What is missing in a column, in every way that a log can say so, stays missing in all that is made of it."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.data.arrow import FIELD, read_piece
from seqrec.data.missing import is_missing, kind_of, with_gaps
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import Vocabulary

IDS = {"user_id": ["u", "v", "u", "v"], "item_id": ["a", "b", "a", "b"]}
VALUES = {
    "amount": [1.5, None, 3.0, None],
    "count": [7, None, 2**40, None],
    "channel": ["web", None, "", "app"],
    "new": [True, None, False, None],
    "never": [None] * 4,
}


def of_objects(missing=None):
    columns = {name: [missing if value is None else value for value in values] for name, values in VALUES.items()}
    return pd.DataFrame(IDS | {name: pd.Series(values, dtype=object) for name, values in columns.items()})


def nullable():
    kinds = {"amount": "Float64", "count": "Int64", "channel": "string", "new": "boolean", "never": "Int64"}
    return pd.DataFrame(IDS | {name: pd.array(values, kinds[name]) for name, values in VALUES.items()})


def of_arrow(**kinds):
    columns = {name: pa.array(values, kinds.get(name)) for name, values in VALUES.items()}
    return pa.table({name: pa.array(ids) for name, ids in IDS.items()} | columns)


LOGS = {
    "pandas": lambda: pd.DataFrame(IDS | VALUES),
    "pandas objects": of_objects,
    "pandas objects with NaN": lambda: of_objects(np.nan),
    "pandas objects with NA": lambda: of_objects(pd.NA),
    "pandas objects with NaT": lambda: of_objects(pd.NaT),
    "pandas nullable": nullable,
    "pandas in Arrow": lambda: nullable().convert_dtypes(dtype_backend="pyarrow"),
    "pandas categories": lambda: pd.DataFrame(IDS | VALUES).astype({"channel": "category", "never": "category"}),
    "polars": lambda: pl.DataFrame(IDS | VALUES),
    "polars with NaN": lambda: pl.DataFrame(IDS | VALUES).with_columns(pl.col("amount").fill_null(float("nan"))),
    "polars typed": lambda: pl.DataFrame(
        IDS | VALUES, schema_overrides={"never": pl.String, "channel": pl.Categorical}
    ),
    "pyarrow": of_arrow,
    "pyarrow typed": lambda: of_arrow(never=pa.bool_(), amount=pa.float32(), channel=pa.large_string()),
}


def read(log):
    return Sequences.from_frame(log, timestamp=None, columns=list(VALUES))


@pytest.mark.parametrize("kind", LOGS)
def test_every_frame_gives_the_same_columns(kind):
    X, expected = read(LOGS[kind]()), read(LOGS["pyarrow"]())
    for name, values in expected.columns.items():
        assert X.columns[name].dtype.kind == values.dtype.kind
        np.testing.assert_array_equal(X.columns[name], values, err_msg=name)


def test_numbers_are_nan_and_others_none():
    columns = read(LOGS["pandas"]()).columns
    np.testing.assert_array_equal(columns["amount"], [1.5, 3, np.nan, np.nan])
    np.testing.assert_array_equal(columns["count"], [7, 2**40, np.nan, np.nan])
    assert columns["channel"].tolist() == ["web", "", None, "app"]
    assert columns["new"].tolist() == [True, False, None, None]
    assert np.isnan(columns["never"]).all()


def test_what_is_missing_stays_so_in_parts_and_in_the_log_that_is_made_of_them():
    X = read(LOGS["polars"]())
    assert np.isnan(X[1:].columns["amount"]).all()
    assert X.tail(1).columns["channel"].tolist() == ["", "app"]
    again = read(X.to_frame())
    for name, values in X.columns.items():
        np.testing.assert_array_equal(again.columns[name], values, strict=True)


def test_pieces_of_a_sorted_log_lack_what_the_log_lacks():
    log = of_arrow()
    rows = log.select(["user_id", "item_id"]).rename_columns(["user", "item"])
    for name in VALUES:
        rows = rows.append_column(FIELD + name, log[name])
    X = read_piece(rows.sort_by("user"), Vocabulary(["a", "b"]))
    for name, values in read(log).columns.items():
        np.testing.assert_array_equal(is_missing(X.columns[name]), is_missing(values))
        assert kind_of(X.columns[name]) == kind_of(values)


def test_events_that_lack_the_same_are_duplicates():
    log = pd.DataFrame({"user_id": ["u"] * 3, "item_id": ["a"] * 3, "timestamp": ["2024-01-01"] * 3})
    log = log.assign(amount=[np.nan, np.nan, 1.0], channel=pd.Series([None, None, "web"], dtype=object))
    X = Sequences.from_frame(log, columns=["amount", "channel"], drop_duplicates=True)
    assert X.n_events == 2


def test_a_card_counts_what_is_missing():
    html = read(LOGS["pandas"]())._repr_html_()
    for text in ("amount (numbers, 2 missing)", "channel (text, 2 missing)", "new (true or false, 2 missing)"):
        assert text in html
    assert "never (no values, 4 missing)" in html


@pytest.mark.parametrize("column", ["user_id", "item_id"])
@pytest.mark.parametrize("kind", ["pandas objects", "polars", "pyarrow"])
def test_users_and_items_must_be_there(kind, column):
    log = pd.DataFrame(IDS | {column: ["a", None, "b", "c"]})
    log = {"polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}.get(kind, lambda log: log)(log)
    with pytest.raises(ValueError, match=rf"column '{column}' has 1 missing value \(at row 1\)"):
        Sequences.from_frame(log, timestamp=None)


def test_a_carried_time_must_be_there():
    log = pd.DataFrame(IDS | {"seen": pd.to_datetime(["2024-01-01", None, "2024-01-02", None])})
    for column in (log["seen"], log["seen"].astype(object)):
        with pytest.raises(ValueError, match=r"column 'seen' has 2 missing values \(at rows 1, 3\)"):
            Sequences.from_frame(log.assign(seen=column), timestamp=None, columns=["seen"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0, np.nan], "numbers"),
        ([True, None], "truth values"),
        (["", "a"], "text"),
        (["", None], ""),
        ([np.nan], ""),
        ([], ""),
    ],
)
def test_the_kind_of_a_column_is_that_of_the_values_that_are_there(values, kind):
    assert kind_of(np.array(values, dtype=object if None in values else None)) == kind


@given(st.lists(st.one_of(st.none(), st.floats(allow_infinity=False)), min_size=1))
def test_gaps_are_put_back_where_they_were(values):
    found = with_gaps(np.array([v for v in values if v is not None], float), np.array([v is not None for v in values]))
    np.testing.assert_array_equal(found, np.array(values, dtype=float))
