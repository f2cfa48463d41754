"""What the Python API does with dirty logs: each case of the promises, on every kind of frame."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences

DAYS = [dt.datetime(2024, 5, day) for day in (1, 2, 3)]
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


@pytest.fixture(params=FRAMES)
def frame(request):
    """Build a log of three events, of each kind of frame in turn; arguments replace its columns."""

    def build(**columns):
        columns = {"user_id": ["a", "b", "a"], "item_id": ["x", "y", "z"], "timestamp": DAYS} | columns
        return FRAMES[request.param](columns)

    return build


def as_lists(X):
    return [items.tolist() for items in X]


def objects(*values):
    return pd.Series(values, dtype=object)


# Columns


def test_a_missing_column_is_named_with_the_nearest_match(frame):
    found = "columns found: 'user_id', 'item_id', 'timestamp'"
    message = rf"column 'userid' is missing; {found}. Did you mean 'user_id'\?"

    with pytest.raises(ValueError, match=message):
        Sequences.from_frame(frame(), user="userid")


@pytest.mark.parametrize("repeated", ["item_id", "other"])
def test_a_column_that_occurs_twice_is_an_error(repeated):
    names = ["user_id", "item_id", repeated, repeated]

    for log in (pd.DataFrame([["a"] * 4], columns=names), pa.table([pa.array(["a"])] * 4, names=names)):
        with pytest.raises(ValueError, match=rf"{repeated}(.|\n)* times"):
            Sequences.from_frame(log, timestamp=None)


@pytest.mark.parametrize("log", [[("a", "x")], {"user_id": ["a"]}, np.zeros((2, 3)), None])
def test_what_is_no_dataframe_is_an_error(log):
    with pytest.raises(TypeError, match="log must be a pandas, polars or pyarrow dataframe, got"):
        Sequences.from_frame(log)


def test_a_lazy_frame_is_to_be_collected():
    with pytest.raises(TypeError, match="Collect it first"):
        Sequences.from_frame(pl.LazyFrame({"user_id": ["a"]}))


# Missing values


@pytest.mark.parametrize("column", ["user_id", "item_id", "timestamp"])
def test_missing_values_are_counted_with_their_rows(frame, column):
    values = [DAYS[0], None, None] if column == "timestamp" else ["a", None, None]

    with pytest.raises(ValueError, match=rf"column '{column}' has 2 missing values \(at rows 1, 2\)"):
        Sequences.from_frame(frame(**{column: values}))


def test_many_bad_rows_are_shown_by_the_first(frame):
    log = frame(user_id=[None] * 5, item_id=["x"] * 5, timestamp=[DAYS[0]] * 5)

    with pytest.raises(ValueError, match=r"5 missing values \(first at rows 0, 1, 2\)"):
        Sequences.from_frame(log)


def test_nan_is_missing(frame):
    with pytest.raises(ValueError, match=r"column 'user_id' has 1 missing value \(at row 1\)"):
        Sequences.from_frame(frame(user_id=[1.0, np.nan, 2.0]))


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_empty_ids_are_an_error(frame, column):
    with pytest.raises(ValueError, match=rf"column '{column}' has 2 empty ids \(at rows 0, 2\)"):
        Sequences.from_frame(frame(**{column: ["", "a", ""]}))


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_missing_items_in_lists_are_an_error(missing):
    with pytest.raises(ValueError, match=r"X as one column has 1 missing value \(at row 2\)"):
        Sequences.from_lists([["x"], ["y", missing]])


# Kinds of id


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((1, "1", 2), r"1 \(int, row 0\), '1' \(str, row 1\)"),
        ((1, 1.0, 2), r"1.0 \(float, row 1\), 1 \(int, row 0\)"),
        ((True, 1, 2), r"True \(bool, row 0\), 1 \(int, row 1\)"),
    ],
)
def test_mixed_ids_are_shown_and_never_merged(values, shown):
    for column in (objects(*values), pl.Series(values, dtype=pl.Object)):
        log = column.to_frame("user_id") if isinstance(column, pd.Series) else pl.DataFrame({"user_id": column})
        with pytest.raises(TypeError, match=f"column 'user_id' mixes kinds of id: {shown}"):
            Sequences.from_frame(log, item="user_id", timestamp=None)
    with pytest.raises(TypeError, match=f"mixes kinds of id: {shown}"):
        Sequences.from_lists([values])


@pytest.mark.parametrize(
    "values",
    [
        [True, False, True],
        [["a"], ["b"], ["c"]],
        [{"a": 1}] * 3,
        [b"a", b"b", b"c"],
        [decimal.Decimal(1)] * 3,
        DAYS,
    ],
)
def test_other_kinds_of_id_are_an_error(frame, values):
    with pytest.raises(TypeError, match=r"column 'item_id' holds .* Ids are integers or text"):
        Sequences.from_frame(frame(item_id=values))


def test_another_kind_of_id_in_two_logs_is_an_error(frame):
    fitted, asked = (
        Sequences.from_frame(frame(item_id=[1, 2, 3])),
        Sequences.from_frame(frame(item_id=["1", "2", "3"])),
    )

    with pytest.raises(TypeError, match=r"the items are numbers \(such as 1\), but these are text \(such as '1'\)"):
        asked.recode(fitted.vocabulary)


def test_whole_floats_are_integers_and_others_an_error(frame):
    assert Sequences.from_frame(frame(user_id=[2.0, 1.0, 2.0])).keys.dtype == np.int64
    with pytest.raises(ValueError, match=r"1 fractional id \(at row 1\)"):
        Sequences.from_frame(frame(user_id=[1.0, 1.5, 2.0]))


FLOATS = [(np.float16, 2**11), (np.float32, 2**24), (np.float64, 2**53)]


@pytest.mark.parametrize(("dtype", "limit"), FLOATS, ids=["float16", "float32", "float64"])
@pytest.mark.parametrize("sign", [1, -1])
def test_ids_that_a_type_of_floats_cannot_hold_exactly_are_an_error_everywhere(frame, dtype, limit, sign):
    exact, coarse = (np.array([1, 2, sign * last], dtype) for last in (limit - 1, limit))
    as_lists = [exact], [coarse]
    assert Sequences.from_frame(frame(user_id=exact)).keys.tolist() == sorted([1, 2, sign * (limit - 1)])
    for X in (exact[None], as_lists[0]):
        assert as_sequences(X)[0].tolist() == exact.tolist()
    for take in (
        lambda: Sequences.from_frame(frame(user_id=coarse)),
        lambda: Sequences.from_frame(frame(item_id=coarse)),
        lambda: as_sequences(coarse[None]),
        lambda: as_sequences(as_lists[1]),
        lambda: Sequences.from_lists([["a"]] * 3, keys=coarse),
        lambda: Sequences.from_lists([[1, 2]]).vocabulary.encode(coarse),
    ):
        with pytest.raises(ValueError, match=f"1 id that {np.dtype(dtype)} cannot hold exactly, from {limit:,} on"):
            take()


@pytest.mark.parametrize(("dtype", "unit", "step"), [("f4", 1, "128"), ("f4", 1_000, "131"), ("f8", 1, None)])
def test_floats_too_coarse_to_order_events_by_are_no_times(frame, dtype, unit, step):
    times = (np.array([1_700_000_040, 1_700_000_010, 1_700_000_030]) * unit).astype(dtype)
    for take in (
        lambda: Sequences.from_frame(frame(user_id=["a"] * 3, timestamp=times)).timestamps,
        lambda: Sequences.from_lists([["a"]] * 3, timestamps=[times[[row]] for row in range(3)]).timestamps,
    ):
        if step is None:
            assert len(np.unique(take())) == 3
        else:
            with pytest.raises(ValueError, match=f"holds float32 numbers, which tell times {step} s apart at best"):
                take()


@pytest.mark.parametrize(
    "ids",
    [["001", "NA", "1e5"], [2**53, 2**53 + 1, -5], np.array([2**64 - 1, 2**53 + 1, 0], dtype=np.uint64)],
)
def test_ids_are_lossless(frame, ids):
    X = Sequences.from_frame(frame(user_id=["a"] * 3, item_id=ids))

    assert X[0].tolist() == list(ids)


def test_unsuitable_python_integers_are_an_error():
    with pytest.raises(ValueError, match="beyond 64 bits"):
        Sequences.from_lists([[2**64, 1]])


@pytest.mark.parametrize("ids", [["a", "a\0", "\0"], ["x\ny", "\u00e9", "e\u0301"], ["\U0001f600", " a", "a "]])
def test_text_ids_are_byte_exact(frame, ids):
    X = Sequences.from_frame(frame(user_id=["a"] * 3, item_id=ids))

    assert X[0].tolist() == Sequences.from_lists([ids])[0].tolist() == ids


def test_very_long_ids_are_an_error(frame):
    ids = ["a", "\u00e9" * 2049, "\u00e9" * 2048]

    with pytest.raises(ValueError, match=r"1 id longer than 4096 bytes \(at row 1\)"):
        Sequences.from_frame(frame(item_id=ids))
    with pytest.raises(ValueError, match=r"1 id longer than 4096 bytes \(at row 1\)"):
        Sequences.from_lists([ids])


def test_ids_are_escaped_and_shortened_in_messages():
    with pytest.raises(TypeError, match=r"'a\\nb'") as caught:
        Sequences.from_lists([["a\nb", 1]])
    assert "\n" not in str(caught.value)
    with pytest.raises(TypeError, match=r"'xxx.*\.\.\..*xxx'") as caught:
        Sequences.from_lists([["x" * 1000, 1]])
    assert len(str(caught.value)) < 250


def test_text_that_is_not_utf8_is_an_error():
    broken = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 3], dtype=np.int32)), pa.py_buffer(b"ab\xff")]
    )
    surrogates = pd.DataFrame({"item_id": objects("a", "\ud800")})

    with pytest.raises(
        ValueError, match=r"column 'item_id' holds text that is not valid UTF-8 \(first at row 1, byte 1"
    ):
        Sequences.from_frame(pa.table({"item_id": broken}), user="item_id", timestamp=None)
    with pytest.raises(ValueError, match=r"column 'item_id' holds text that is not valid"):
        Sequences.from_frame(surrogates, user="item_id", timestamp=None)


KINDS_OF_TEXT = {
    "python objects": lambda ids: pd.DataFrame({"item_id": ids.astype(object)}),
    "pandas text": lambda ids: pd.DataFrame({"item_id": ids.astype("str")}),
    "pandas nullable text": lambda ids: pd.DataFrame({"item_id": ids.astype("string")}),
    "pandas on Arrow": lambda ids: pd.DataFrame({"item_id": ids.astype(pd.ArrowDtype(pa.string()))}),
    "pandas categories": lambda ids: pd.DataFrame({"item_id": pd.Categorical(ids, ["unused", "b", "a"])}),
    "polars text": lambda ids: pl.DataFrame({"item_id": ids.tolist()}),
    "polars categories": lambda ids: pl.DataFrame({"item_id": pl.Series(ids.tolist(), dtype=pl.Categorical)}),
    "polars enum": lambda ids: pl.DataFrame({"item_id": pl.Series(ids.tolist(), dtype=pl.Enum(["b", "unused", "a"]))}),
    "Arrow chunks": lambda ids: pa.table({"item_id": pa.chunked_array([ids.tolist()[:1], [], ids.tolist()[1:]])}),
    "Arrow large text": lambda ids: pa.table({"item_id": pa.array(ids.tolist(), pa.large_string())}),
    "Arrow text view": lambda ids: pa.table({"item_id": pa.array(ids.tolist(), pa.string_view())}),
    "Arrow dictionary": lambda ids: pa.table({"item_id": pa.array(ids.tolist()).dictionary_encode()}),
}


@pytest.mark.parametrize("build", KINDS_OF_TEXT.values(), ids=KINDS_OF_TEXT)
def test_every_way_to_hold_text_gives_the_same_sequences(build):
    X = Sequences.from_frame(build(pd.Series(["b", "a", "b", "b"])), user="item_id", timestamp=None)

    assert X.keys.tolist() == ["a", "b"]
    assert X.keys.dtype == X.vocabulary.items.dtype == object
    assert X.rows.tolist() == [1, 0, 2, 3]
    assert X.codes.tolist() == [2, 3, 3, 3]


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "uint64", "Int32", "int64[pyarrow]", "category", object])
def test_every_width_of_integer_gives_the_same_ids(dtype):
    log = pd.DataFrame({"item_id": pd.Series([7, 3, 7]).astype(dtype)})

    X = Sequences.from_frame(log, user="item_id", timestamp=None)

    assert X.keys.tolist() == [3, 7]
    assert X.keys.dtype == X.vocabulary.items.dtype == np.int64


# Times


def test_duplicates_are_kept_and_counted_and_dropped_on_request(frame):
    log = frame(
        user_id=["a"] * 5,
        item_id=["x", "y", "x", "x", "x"],
        timestamp=[DAYS[0]] * 4 + [DAYS[1]],
        price=[1, 1, 1, 2, 1],
    )

    X, dropped = (Sequences.from_frame(log, drop_duplicates=choice) for choice in (False, True))
    priced = Sequences.from_frame(log, columns=["price"])

    assert (X.n_events, X.n_duplicates) == (5, 2)
    assert (dropped.rows.tolist(), dropped.indptr.tolist(), dropped.n_duplicates) == ([0, 1, 4], [0, 3], 0)
    assert priced.without_duplicates().rows.tolist() == [0, 1, 3, 4]


def test_duplicates_need_times_to_be_told(frame):
    with pytest.raises(ValueError, match="drop_duplicates needs a timestamp"):
        Sequences.from_frame(frame(), timestamp=None, drop_duplicates=True)


def test_times_are_sorted_and_ties_keep_the_order_of_rows(frame):
    log = frame(user_id=["a"] * 3, timestamp=[DAYS[1], DAYS[0], DAYS[0]])

    X = Sequences.from_frame(log)

    assert X[0].tolist() == ["y", "z", "x"]
    assert X.tie_share == pytest.approx(1 / 3)


def test_times_with_a_zone_become_utc(frame):
    zone = dt.timezone(dt.timedelta(hours=2))

    X = Sequences.from_frame(frame(timestamp=[day.replace(tzinfo=zone) for day in DAYS]))

    assert X.timestamps.min() == np.datetime64("2024-04-30T22:00")


@pytest.mark.parametrize(
    "times",
    [
        ("2024-05-01T00:00Z", "2024-05-01T00:00", "2024-05-01"),
        (DAYS[0].replace(tzinfo=dt.UTC), DAYS[0], DAYS[0]),
    ],
    ids=["text", "objects"],
)
def test_mixed_zones_are_an_error(times):
    message = r"mixes times with a zone \(first at row 0\) and without one \(first at row 1\)"

    with pytest.raises(ValueError, match=f"column 'timestamp' {message}"):
        Sequences.from_frame(pd.DataFrame({"user_id": 1, "item_id": 1, "timestamp": objects(*times)}))
    with pytest.raises(ValueError, match=f"timestamps as one column {message}"):
        Sequences.from_lists([[1, 2, 3]], timestamps=[times])


@pytest.mark.parametrize(
    "times",
    [
        ("2024-05-01", "2024-05-02", "2024-05-03"),
        ("2024-05-01T02:00+02:00", "2024-05-02T00:00Z", "2024-05-02T19:00-05"),
        [day.date() for day in DAYS],
        [day.replace(tzinfo=dt.UTC) for day in DAYS],
        [day.timestamp() for day in (day.replace(tzinfo=dt.UTC) for day in DAYS)],
        np.array(DAYS, dtype="datetime64[ms]"),
        np.array(DAYS, dtype="datetime64[ns]"),
    ],
    ids=["text", "zoned text", "dates", "UTC", "float", "milliseconds", "nanoseconds"],
)
def test_every_way_to_hold_times_gives_the_same_timestamps(frame, times):
    X = Sequences.from_frame(frame(user_id=["a"] * 3, timestamp=times))
    Y = Sequences.from_lists([["x", "y", "z"]], timestamps=[times])

    assert X.timestamps.tolist() == Y.timestamps.tolist() == DAYS


@pytest.mark.parametrize(("unit", "ticks"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_the_unit_of_numbers_is_inferred_and_recorded(frame, unit, ticks):
    seconds = 978_300_760

    X = Sequences.from_frame(
        frame(user_id=["a"] * 3, timestamp=[seconds * ticks, (seconds + 1) * ticks, seconds * ticks])
    )

    assert X.time_unit == unit
    assert X.timestamps.min() == np.datetime64(seconds, "s")
    assert X[0].tolist() == ["x", "z", "y"]


@pytest.mark.parametrize("numbers", [[1, 2, 3], [10**9, 10**9, 10**12], [-1, 10**9, 10**9]])
def test_numbers_of_no_plain_unit_need_one_named(frame, numbers):
    log = frame(timestamp=numbers)

    with pytest.raises(ValueError, match=r"'timestamp' holds numbers from .* Name the unit: time_unit='s'"):
        Sequences.from_frame(log)
    assert Sequences.from_frame(log, time_unit="us").timestamps.astype(int).max() == max(numbers)


@pytest.mark.parametrize("odd", [0, -1, 7, 10**16, -(10**18), 9_999_999_999_999_999])
@pytest.mark.parametrize(("unit", "ticks"), [("s", 1), ("ms", 10**3), ("ns", 10**9)])
def test_a_few_numbers_that_are_no_times_like_the_others_are_named(frame, odd, unit, ticks):
    times = [1_700_000_000 * ticks] * 9 + [odd]
    log = frame(user_id=["a"] * 10, item_id=["x"] * 10, timestamp=times)

    with pytest.raises(ValueError, match=rf"most are in {unit}, but not 1 value \(at row 9\): {odd}\. Name the unit"):
        Sequences.from_frame(log)


def test_units_that_are_mixed_are_named_with_the_rows_of_the_rarer(frame):
    log = frame(user_id=["a"] * 4, item_id=["x"] * 4, timestamp=[17 * 10**8, 17 * 10**11, 17 * 10**8, 17 * 10**11])

    with pytest.raises(ValueError, match=r"most are in s, but not 2 values \(at rows 1, 3\)"):
        Sequences.from_frame(log)


def test_a_number_too_large_for_its_unit_is_named(frame):
    log = frame(user_id=["a"] * 3, item_id=["x"] * 3, timestamp=[0.0, 17e8, 17e17])

    with pytest.raises(ValueError, match=r"too large for s since 1970 are 1 value \(at row 2\): 1\.7e\+18"):
        Sequences.from_frame(log, time_unit="s")


def test_a_unit_that_leads_out_of_the_calendar_is_an_error(frame):
    with pytest.raises(ValueError, match="too large for s since 1970"):
        Sequences.from_frame(frame(timestamp=[10**15] * 3), time_unit="s")
    with pytest.raises(ValueError, match="time_unit must be one of 'auto', 's', 'ms', 'us', 'ns', got 'sec'"):
        Sequences.from_frame(frame(), time_unit="sec")


def test_times_in_the_future_warn_with_their_count(frame):
    later = dt.datetime(2224, 1, 1)

    with pytest.warns(UserWarning, match=r"'timestamp' has 1 value in the future \(at row 1\), up to 2224-") as found:
        Sequences.from_frame(frame(timestamp=[DAYS[0], later, DAYS[1]]))

    assert [warning.filename for warning in found] == [__file__]  # once, and in the user's own line


def test_what_is_known_ahead_lies_in_the_future_without_a_warning(frame):
    X = Sequences.from_frame(frame(timestamp=[dt.datetime(2224, 1, 1)] * 3), known_ahead=True)
    assert X.timestamps.astype("M8[Y]").astype(str).tolist() == ["2224"] * 3


def test_unreadable_times_are_counted_with_an_example(frame):
    with pytest.raises(ValueError, match=r"1 unreadable time \(at row 1\). Expected ISO 8601, got 'soon'"):
        Sequences.from_frame(frame(timestamp=["2024-05-01", "soon", "2024-05-01"]))


@pytest.mark.parametrize("times", [[True, False, True], [dt.timedelta(1)] * 3, [["2024"]] * 3])
def test_what_is_no_time_is_an_error(frame, times):
    with pytest.raises(TypeError, match="column 'timestamp' holds"):
        Sequences.from_frame(frame(timestamp=times))


def test_order_is_exact_below_a_microsecond(frame):
    times = np.datetime64("2024-05-01", "ns") + np.array([2, 1, 0])

    assert Sequences.from_frame(frame(user_id=["a"] * 3, timestamp=times))[0].tolist() == ["z", "y", "x"]


# Whole frames


def test_an_empty_frame_has_no_sequences_and_cannot_be_fitted(frame):
    log = frame(user_id=[], item_id=[], timestamp=[])

    X = Sequences.from_frame(log)

    assert (len(X), X.n_events, len(X.vocabulary)) == (0, 0, 0)
    assert as_sequences(X) is X
    with pytest.raises(ValueError, match="X holds no events"):
        as_sequences(X, allow_empty=False)


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinite_numbers_in_further_columns_are_an_error(frame, value):
    with pytest.raises(ValueError, match=r"column 'price' has 1 infinite value \(at row 2\)"):
        Sequences.from_frame(frame(price=[1.0, None, value]), columns=["price"])


def test_nested_further_columns_are_an_error(frame):
    with pytest.raises(TypeError, match="column 'tags' holds"):
        Sequences.from_frame(frame(tags=[["a"], ["b"], []]), columns=["tags"])


CELLS = {
    "a missing array": ([[1.0, 2.0], None, [3.0, 4.0]], ValueError, r"1 missing (array|value) \(at row 1\)"),
    "infinity": ([[1.0, 2.0], [3.0, 4.0], [-np.inf, np.inf]], ValueError, r"1 infinite value \(at row 2\)"),
    "another length": ([[1, 2], [3], [4, 5, 6]], ValueError, r"2 arrays of another shape than the first, \(2,\) \(at"),
    "ragged cells": ([[[1, 2], [3, 4]], [[1, 2], [3]], [[1, 2], [3, 4]]], ValueError, "is ragged at row 1: lists in"),
    "text": ([["a", "b"], ["c", "d"], ["e", "f"]], TypeError, "holds .* at row 0, not numbers or booleans"),
    "times": ([[DAYS[0]], [DAYS[1]], [DAYS[2]]], TypeError, "holds .* at row 0, not numbers or booleans"),
}


@pytest.mark.parametrize(("cells", "error", "what"), CELLS.values(), ids=CELLS)
def test_bad_arrays_in_further_columns_are_an_error(frame, cells, error, what):
    with pytest.raises(error, match=f"column 'frame' (has )?{what}"):
        Sequences.from_frame(frame(frame=cells), columns=["frame"])


@pytest.mark.parametrize("missing", [None, np.nan])
def test_numbers_of_arrays_may_be_missing(frame, missing):
    X = Sequences.from_frame(frame(frame=[[1.0, 2.0], [3.0, missing], [missing, 4.0]]), columns=["frame"])
    assert np.isnan(X.columns["frame"]).sum() == 2


@pytest.mark.parametrize("cell", ["a", 1.0, "a list"])
def test_cells_with_and_without_arrays_are_an_error(cell):
    log = pd.DataFrame({"user_id": [1, 2], "frame": objects([1.0, 2.0], "abc" if cell == "a list" else cell)})

    with pytest.raises(ValueError, match=r"column 'frame' has 1 missing array \(at row 1\)"):
        Sequences.from_frame(log, item=None, timestamp=None, columns=["frame"])


def test_a_log_without_items_has_the_same_errors(frame):
    with pytest.raises(ValueError, match=r"column 'user_id' has 1 missing value \(at row 1\)"):
        Sequences.from_frame(frame(user_id=["a", None, "b"]), item=None)
    with pytest.raises(ValueError, match=r"column 'time' is missing.*Did you mean 'timestamp'"):
        Sequences.from_frame(frame(), item=None, timestamp="time")
    empty = Sequences.from_frame(frame(user_id=[], item_id=[], timestamp=[]), item=None)
    assert (len(empty), empty.n_events, empty.has_items) == (0, 0, False)


def test_events_with_items_are_not_read_by_what_knows_none_nor_the_reverse(frame):
    X, ticks = (Sequences.from_frame(frame(), item=item) for item in ("item_id", None))

    with pytest.raises(TypeError, match="these events come with items, those of training came without"):
        X.recode(ticks.vocabulary)
    with pytest.raises(TypeError, match="these events come without items, those of training came with: see item=None"):
        ticks.recode(X.vocabulary)
    with pytest.raises(TypeError, match=r"events without items \(item=None\) cannot go on with items, such as 'x'"):
        ticks.vocabulary.extend(["x"])


def test_an_item_called_as_what_stands_for_none_is_an_item(frame):
    X = Sequences.from_frame(frame(item_id=["(event)"] * 3))
    other = Sequences.from_frame(frame(item_id=["(event)", "x", "y"]))

    assert X.has_items
    assert X.compact()[0].tolist() == ["(event)"] * 2
    assert as_lists(X.recode(other.vocabulary)) == [["(event)"] * 2, ["(event)"]]


def test_a_strange_index_is_ignored():
    log = pd.DataFrame({"user_id": ["b", "a", "b"], "item_id": [1, 2, 3], "timestamp": DAYS})

    X, strange = (Sequences.from_frame(frame) for frame in (log, log.set_axis([9, 9, None])))

    assert as_lists(X) == as_lists(strange)
    assert strange.rows.tolist() == [1, 0, 2]


def test_read_only_input_is_fine_and_never_changed():
    columns = {
        "user_id": np.array([2, 1, 2]),
        "item_id": np.array([5, 5, 6]),
        "timestamp": np.array(DAYS, "M8[us]"),
    }
    for column in columns.values():
        column.flags.writeable = False
    log = pd.DataFrame(columns, copy=False)
    before = log.copy()

    X = Sequences.from_frame(log)

    assert as_lists(X) == [[5], [5, 6]]
    pd.testing.assert_frame_equal(log, before)


def test_every_kind_of_frame_gives_identical_arrays():
    rng = np.random.default_rng(0)
    log = pd.DataFrame(
        {
            "user_id": rng.integers(0, 30, 500).astype(str),
            "item_id": rng.integers(0, 20, 500),
            "timestamp": np.datetime64("2024-01-01", "us") + rng.integers(0, 10**9, 500),
            "price": rng.random(500),
            "channel": rng.choice(["app", "web"], 500),
        }
    )

    frames = (log, pl.from_pandas(log), pa.Table.from_pandas(log))
    first, *others = (Sequences.from_frame(frame, columns=["price", "channel"]) for frame in frames)

    for other in others:
        assert other.vocabulary == first.vocabulary
        for name in ("codes", "indptr", "keys", "timestamps", "rows"):
            mine, theirs = getattr(first, name), getattr(other, name)
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs)
        for name, column in first.columns.items():
            assert np.array_equal(column, other.columns[name])


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1", "?"])
def test_every_way_to_hold_arrays_gives_identical_columns(shape, dtype):
    values = np.random.default_rng(0).integers(0, 2, (6, *shape)).astype(dtype)
    users, kind = [2, 1, 2, 1, 3, 3], pa.from_numpy_dtype(values.dtype)
    nested = fixed = kind
    for size in reversed(shape):
        nested, fixed = pa.list_(nested), pa.list_(fixed, size)
    lists = values.tolist()
    frames = {
        "pandas arrays": pd.DataFrame({"user_id": users, "frame": list(values)}),
        "pandas on Arrow": pd.DataFrame({"user_id": users, "frame": pd.Series(lists, dtype=pd.ArrowDtype(nested))}),
        "polars arrays": pl.DataFrame({"user_id": users, "frame": values}),
        "polars lists": pl.from_arrow(pa.table({"user_id": users, "frame": pa.array(lists, nested)})),
        "polars objects": pl.DataFrame({"user_id": users, "frame": pl.Series(list(values), dtype=pl.Object)}),
        "Arrow lists": pa.table({"user_id": users, "frame": pa.array(lists, nested)}),
        "Arrow lists of one size": pa.table({"user_id": users, "frame": pa.array(lists, fixed)}),
        "Arrow chunks": pa.table({"user_id": users, "frame": pa.chunked_array([lists[:1], [], lists[1:]], fixed)}),
    }

    for name, log in frames.items():
        column = Sequences.from_frame(log, item=None, timestamp=None, columns=["frame"]).columns["frame"]
        np.testing.assert_array_equal(column, values[[1, 3, 0, 2, 4, 5]], err_msg=name, strict=True)


# Numbers that are dates


@pytest.mark.parametrize(
    ("numbers", "first"),
    [
        ([20240131, 20240201, 20231231], "2024-01-31"),
        ([20240131.0, 20240201.0, 20231231.0], "2024-01-31"),
        ([20240131235959, 20240201000000, 20231231120000], "2024-01-31T23:59:59"),
    ],
)
def test_dates_written_as_digits_are_read_as_what_they_say(frame, numbers, first):
    X = Sequences.from_frame(frame(user_id=["a", "b", "c"], timestamp=numbers))
    assert X.timestamps[0] == np.datetime64(first)
    assert X.time_unit is None
    listed = Sequences.from_lists([["x"]] * 3, timestamps=[[number] for number in numbers])
    np.testing.assert_array_equal(listed.timestamps, X.timestamps)


@pytest.mark.parametrize("numbers", [[20240131, 20240132, 20240201], [20240131, 20240201, 7], [2**40, 20240131, 1]])
def test_numbers_of_which_one_is_no_date_are_no_dates(frame, numbers):
    with pytest.raises(ValueError, match="not plainly seconds"):
        Sequences.from_frame(frame(timestamp=numbers))


@pytest.mark.parametrize(
    ("numbers", "unit", "meant"),
    [
        ([20240131, 20240201, 20240202], "s", "written as digits"),
        ([1_700_000_000, 1_700_000_001, 1_700_000_002], "ms", "in s"),
        ([1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_002], "ns", "in ms"),
    ],
)
def test_a_unit_that_puts_a_log_into_the_seventies_is_warned_of_where_another_fits(frame, numbers, unit, meant):
    text = f"in {unit} since 1970 ends before 1973; its numbers are plainly times {meant}"
    with pytest.warns(UserWarning, match=text) as caught:
        Sequences.from_frame(frame(timestamp=numbers), time_unit=unit)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=text):
        Sequences.from_lists([["x"]] * 3, timestamps=[[number] for number in numbers], time_unit=unit)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("numbers", [[1, 2, 3], [86_400, 10**7, 3 * 10**7]])
def test_small_numbers_with_a_unit_may_be_of_1970(frame, numbers):
    assert Sequences.from_frame(frame(timestamp=numbers), time_unit="s").time_unit == "s"


def test_epochs_as_text_get_advice_that_helps(frame):
    with pytest.raises(ValueError, match=r"got '1700000000': convert the column first, as by \.astype\('int64'\)"):
        Sequences.from_frame(frame(timestamp=["1700000000", "1700000001", "1700000002"]))


# Columns outside of the happy path


def test_sparse_and_decimal_columns_are_what_they_hold(frame):
    half = decimal.Decimal("0.5")
    assert (
        Sequences.from_frame(frame(amount=[half, half, half]), columns=["amount"]).columns["amount"].tolist()
        == [0.5] * 3
    )
    log = pd.DataFrame({"user_id": ["a", "b", "a"], "item_id": pd.arrays.SparseArray([0, 0, 2]), "timestamp": DAYS})
    assert as_lists(Sequences.from_frame(log)) == [[0, 2], [0]]
    log = log.assign(amount=pd.arrays.SparseArray([0.0, 0.0, 2.5]))
    assert sorted(Sequences.from_frame(log, columns=["amount"]).columns["amount"]) == [0, 0, 2.5]


def test_objects_that_are_no_values_are_refused_as_such():
    log = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "thing": [object(), {}]})
    with pytest.raises(TypeError, match=r"column 'thing' holds mixed objects .*, not numbers, booleans, text or times"):
        Sequences.from_frame(log, timestamp=None, columns=["thing"])


LOG = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": ["2024-01-01", "2024-01-02"]})


@pytest.mark.parametrize(
    ("log", "options", "advice"),
    [
        (
            LOG.set_axis([0, 1, 2], axis=1),
            {"user": 0, "item": 1, "timestamp": 2},
            r"column 0 has a name that is no text",
        ),
        (LOG.set_index("user_id"), {}, r"'user_id' is missing: it is the index of the log\. Pass log\.reset_index"),
        (LOG, {"user": ["user_id", "item_id"]}, r"Join them first: log\['user_id'\]\.astype\(str\) \+ '\|' \+"),
        (LOG.drop(columns="timestamp"), {}, r"or pass timestamp=None if the rows are in their order"),
        (LOG.drop(columns="user_id"), {}, r"column 'user_id' is missing; columns found: 'item_id', 'timestamp'\.$"),
    ],
)
def test_columns_that_cannot_be_found_come_with_a_way_out(log, options, advice):
    with pytest.raises((ValueError, TypeError), match=advice):
        Sequences.from_frame(log, **options)
