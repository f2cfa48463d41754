import copy
import pickle
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import _safe_indexing

from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import NO_ITEMS, UNKNOWN, Vocabulary


@pytest.fixture
def log():
    return pd.DataFrame(
        {
            "user_id": ["b", "a", "b", "a", "b"],
            "item_id": ["tea", "milk", "milk", "bread", "wine"],
            "timestamp": pd.to_datetime(["2024-05-03", "2024-05-01", "2024-05-01", "2024-05-01", "2024-05-02"]),
            "amount": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )


def as_lists(X):
    return [items.tolist() for items in X]


def assert_same(X, Y, but=()):
    """Compare all that two sequences hold."""
    assert (X.vocabulary, X.has_items, list(X.columns)) == (Y.vocabulary, Y.has_items, list(Y.columns))
    for name in {"codes", "indptr", "keys", "timestamps", "rows"}.difference(but):
        mine, theirs = getattr(X, name), getattr(Y, name)
        assert np.array_equal(mine, theirs) if mine is not None else theirs is None, name
    for name, column in X.columns.items():
        np.testing.assert_array_equal(column, Y.columns[name], strict=True)


def test_events_are_sorted_by_user_and_time(log):
    X = Sequences.from_frame(log)

    assert X.keys.tolist() == ["a", "b"]
    assert as_lists(X) == [["milk", "bread"], ["milk", "wine", "tea"]]
    assert X.timestamps.dtype == "datetime64[us]"


def test_ties_keep_the_order_of_the_rows_and_are_counted(log):
    X = Sequences.from_frame(log)

    assert X[0].tolist() == ["milk", "bread"]
    assert X.tie_share == 1 / 5


def test_rows_lead_back_to_the_log(log):
    X = Sequences.from_frame(log, columns=["amount"])

    scores = np.empty(len(log))
    scores[X.rows] = X.columns["amount"]

    assert scores.tolist() == log["amount"].tolist()
    assert X.vocabulary.decode(X.codes).tolist() == log["item_id"].iloc[X.rows].tolist()


def test_items_are_numbered_as_they_first_appear(log):
    assert Sequences.from_frame(log).vocabulary.items.tolist() == ["milk", "bread", "wine", "tea"]


def test_relabelling_items_changes_no_code(log):
    names = {"tea": 7, "milk": 900, "bread": 3, "wine": 55}

    relabelled = Sequences.from_frame(log.assign(item_id=log["item_id"].map(names)))

    assert np.array_equal(relabelled.codes, Sequences.from_frame(log).codes)


def test_the_order_of_rows_changes_only_ties(log):
    distinct = log.assign(timestamp=pd.date_range("2024-05-01", periods=5))

    X, shuffled = (Sequences.from_frame(frame) for frame in (distinct, distinct.sample(frac=1, random_state=0)))

    assert as_lists(X) == as_lists(shuffled)
    assert np.array_equal(X.codes, shuffled.codes)


def test_without_timestamps_the_rows_are_in_order(log):
    X = Sequences.from_frame(log, timestamp=None)

    assert as_lists(X) == [["milk", "bread"], ["tea", "milk", "wine"]]
    assert X.timestamps is None


events = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(-(10**15), 10**15)), min_size=1)


@given(events, st.sampled_from([1, 10**6]))
def test_sorting_agrees_with_a_stable_sort_by_pandas(rows, ticks):
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    log["timestamp"] = (log["timestamp"] // ticks * ticks).astype("datetime64[us]")

    X = Sequences.from_frame(log)

    expected = log.sort_values(["user_id", "timestamp"], kind="stable")
    assert X.rows.tolist() == expected.index.tolist()
    assert X.keys.tolist() == sorted(set(log["user_id"]))
    assert X.lengths.tolist() == expected.groupby("user_id").size().tolist()


def test_further_columns_keep_their_kinds(log):
    log = log.assign(kind=["x", "y", "x", "x", "y"], paid=[True, False, True, True, True], day=log["timestamp"])

    X = Sequences.from_frame(log, columns=["kind", "paid", "day"])

    assert X.columns["kind"].tolist() == ["y", "x", "x", "y", "x"]
    assert X.columns["paid"].dtype == bool
    assert np.array_equal(X.columns["day"], X.timestamps)


def test_one_name_in_place_of_a_list_of_columns_is_an_error(log):
    with pytest.raises(TypeError, match=r"Write columns=\['amount'\]"):
        Sequences.from_frame(log, columns="amount")


def test_lists_keep_their_order_and_may_be_empty():
    X = Sequences.from_lists([["b", "a"], [], ("a",)], keys=["u", "v", "w"])

    assert as_lists(X) == [["b", "a"], [], ["a"]]
    assert X.lengths.tolist() == [2, 0, 1]
    assert X.keys.tolist() == ["u", "v", "w"]
    assert X.vocabulary.items.tolist() == ["b", "a"]


def test_lists_take_timestamps():
    X = Sequences.from_lists([[1, 2], [3]], timestamps=[[10, 20], [5]], time_unit="s")

    assert X.timestamps.astype("datetime64[s]").astype(int).tolist() == [10, 20, 5]
    assert X.time_unit == "s"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keys": ["u"]}, "one id for each of the 2 sequences, got 1"),
        ({"keys": ["u", "u"]}, "1 repeated ids, such as 'u'"),
        ({"timestamps": [[10**9], [10**9]]}, "each event needs one time"),
        ({"timestamps": [[10**9, 10**9 - 1], [10**9]]}, "sequence 0 go back in time"),
    ],
)
def test_keys_and_times_must_fit_the_lists(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sequences.from_lists([[1, 2], [3]], **arguments)


@pytest.mark.parametrize("lists", [[1, 2], ["ab"], [{"a": 1}], [{"a"}]])
def test_elements_that_are_no_lists_are_an_error(lists):
    with pytest.raises(TypeError, match="one list for each sequence, got"):
        Sequences.from_lists(lists)


@pytest.fixture(name="X")
def four_sequences():
    return Sequences.from_lists([[1, 2, 3], [], [4], [5, 1]], keys=[10, 20, 30, 40])


@pytest.mark.parametrize(
    "rows",
    [[3, 0], np.array([3, 0]), slice(3, None, -3), (np.array([3, 0]), ...)],
    ids=["list", "array", "slice", "tuple"],
)
def test_rows_select_sequences(X, rows):
    assert as_lists(X[rows]) == [[5, 1], [1, 2, 3]]
    assert X[rows].keys.tolist() == [40, 10]
    assert X[rows].vocabulary is X.vocabulary


def test_a_mask_selects_sequences(X):
    assert as_lists(X[X.lengths == 1]) == [[4]]
    assert len(X[np.zeros(4, dtype=bool)]) == len(X[[]]) == 0


def test_an_integer_selects_one_sequence(X):
    assert X[-1].tolist() == X[np.int64(3)].tolist() == [5, 1]
    with pytest.raises(IndexError):
        X[4]


@pytest.mark.parametrize("rows", [[4], np.ones(3, dtype=bool), (0, 1), "a"])
def test_rows_that_do_not_exist_are_an_error(X, rows):
    with pytest.raises(IndexError):
        X[rows]


def test_head_and_tail(X):
    assert as_lists(X.head(2)) == [[1, 2], [], [4], [5, 1]]
    assert as_lists(X.tail(1)) == [[3], [], [4], [1]]
    assert X.tail(0).n_events == 0
    with pytest.raises(ValueError, match="at least 0"):
        X.head(-1)


def test_between_cuts_each_sequence(X):
    part = X.between([1, 0, -2, 1], X.lengths - [0, 0, -5, 1])

    assert as_lists(part) == [[2, 3], [], [4], []]
    assert part.keys.tolist() == X.keys.tolist()
    assert part.rows.tolist() == [1, 2, 3]


def test_between_cuts_some_sequences_several_times(X):
    part = X.between([0, 1, 2], [1, 2, 9], rows=[0, 0, 0])

    assert as_lists(part) == [[1], [2], [3]]
    assert part.keys.tolist() == X.keys[[0, 0, 0]].tolist()


def test_recode_makes_lacking_items_unknown(X):
    recoded = X.recode(Vocabulary([9, 1]))

    assert recoded.codes.tolist() == [3, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 3]
    assert recoded[0].tolist() == [1, None, None]
    assert X.recode(X.vocabulary) is X


def test_observed_lists_the_items_that_occur(X):
    assert X.tail(1).compact().vocabulary.items.tolist() == [1, 3, 4]
    assert X.recode(Vocabulary([1])).compact().vocabulary.items.tolist() == [1]


def test_selections_keep_times_and_columns(log):
    X = Sequences.from_frame(log, columns=["amount"]).tail(1)[[1]]

    assert X.columns["amount"].tolist() == [1.0]
    assert X.timestamps.tolist() == log["timestamp"].iloc[:1].tolist()


@pytest.mark.parametrize("same", [lambda X: X, copy.deepcopy, lambda X: pickle.loads(pickle.dumps(X))])  # noqa: S301
def test_nothing_can_be_changed(log, same):
    log["frame"] = list(np.arange(20).reshape(5, 2, 2))
    X = same(Sequences.from_frame(log, columns=["amount", "frame"]))

    for array in (X.codes, X.indptr, X.keys, X.timestamps, X.rows, X.columns["amount"], X.columns["frame"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    with pytest.raises(AttributeError):
        X.codes = X.codes


def test_repr_counts(log, X):
    assert repr(X) == "Sequences(4 sequences, 6 events, 5 items)"
    assert repr(Sequences.from_frame(log)) == (
        "Sequences(2 sequences, 5 events, 4 items, 2024-05-01 to 2024-05-03, 20.0% ties)"
    )


def test_pickled_sequences_are_the_same(log):
    log["frame"] = list(np.arange(20).reshape(5, 2, 2))
    X = Sequences.from_frame(log, item=None, columns=["frame"])

    same = pickle.loads(pickle.dumps(X))  # noqa: S301

    assert_same(same, X)
    assert not same.has_items


def test_what_was_computed_is_not_pickled(X):
    before = len(pickle.dumps(X))
    X.at(10)

    assert (X.n_duplicates, X.tie_share) == (0, 0)
    assert len(pickle.dumps(X)) == before


def test_scikit_learn_splits_sequences(X):
    train, test = train_test_split(X, test_size=1, random_state=0)

    assert isinstance(train, Sequences)
    assert sorted([*train.keys, *test.keys]) == [10, 20, 30, 40]
    assert [len(_safe_indexing(X, rows)) for rows, _ in KFold(2).split(X)] == [2, 2]


def test_estimators_take_sequences_lists_and_arrays(X):
    assert as_sequences(X) is X
    assert as_lists(as_sequences([[1, 2], [3]])) == [[1, 2], [3]]
    assert as_lists(as_sequences(np.array([[1, 2], [3, 1]]))) == [[1, 2], [3, 1]]
    assert as_lists(as_sequences(np.array([["a", "b"]]))) == [["a", "b"]]
    assert as_lists(as_sequences(np.array([[2**53 + 1, 2]], dtype=object))) == [[2**53 + 1, 2]]


@pytest.mark.parametrize("convert", [lambda log: log, pl.from_pandas, lambda log: pl.from_pandas(log).lazy()])
def test_a_frame_is_refused_with_the_call_to_write(log, convert):
    with pytest.raises(TypeError, match=r"Sequences.from_frame\(log, user=..., item=..., timestamp=...\)"):
        as_sequences(convert(log))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.array([[1.0, np.nan]]), ValueError, "Input X contains NaN"),
        (np.array([[1.0, np.inf]]), ValueError, "Input X contains infinity"),
        (np.array([1, 2]), ValueError, "one flat history of 2 events: wrap it"),
        (np.array([[1j]]), ValueError, "Complex data not supported"),
        (np.array([[{"a": 1}, 1.0]], dtype=object), TypeError, "argument must be"),
        (
            np.array([[1, "1"]], dtype=object),
            TypeError,
            "mixes kinds of id: 1 .int, row 0., '1' .str",
        ),
        (csr_array(np.eye(2)), TypeError, "Sparse data was passed"),
        (np.empty((0, 3)), ValueError, "0 sample"),
        (np.empty((3, 0)), ValueError, "0 feature"),
        ([[], []], ValueError, "X holds no events in its 2 sequences"),
    ],
)
def test_estimators_refuse_what_holds_no_sequences(X, error, message):
    with pytest.raises(error, match=message):
        as_sequences(X, allow_empty=False)


def test_empty_input_is_fine_where_allowed():
    assert len(as_sequences([])) == len(as_sequences(np.empty((0, 3)))) == 0
    assert as_sequences([[], []]).lengths.tolist() == [0, 0]


# --- events without items, and columns of any shape


FRAMES = np.arange(5 * 2 * 3, dtype="f4").reshape(5, 2, 3)  # one for each row of the log
IN_ORDER = [1, 3, 2, 4, 0]  # its rows, by user and time


@pytest.fixture(name="frames")
def sequences_of_frames(log):
    return Sequences.from_frame(log.assign(frame=list(FRAMES)), item=None, columns=["frame", "amount"])


def test_events_without_items_are_sorted_as_others(log, frames):
    X = Sequences.from_frame(log)

    assert_same(replace(frames, columns={}), replace(X, codes=frames.codes, vocabulary=NO_ITEMS, has_items=False))
    assert (X.has_items, frames.has_items) == (True, False)
    assert repr(frames) == "Sequences(2 sequences, 5 events, 2024-05-01 to 2024-05-03, 20.0% ties)"


def test_columns_of_arrays_go_where_their_events_go(frames):
    for X in (frames, frames[[1, 0]], frames[frames.lengths > 2], frames.head(2), frames.tail(1), frames.at("b")):
        np.testing.assert_array_equal(X.columns["frame"], FRAMES[X.rows])
        assert X.columns["frame"].dtype == "f4"
        assert not X.has_items
    assert frames.columns["frame"].tolist() == FRAMES[IN_ORDER].tolist()
    assert frames.between(1, 2).columns["frame"].tolist() == FRAMES[[3, 4]].tolist()
    assert frames.recode(frames.vocabulary).compact().columns["frame"].shape == (5, 2, 3)
    assert frames.head(0).columns["frame"].shape == (0, 2, 3)


def test_duplicates_are_told_by_whole_arrays():
    cells = [[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0], [0.0, 1.0]]
    log = pd.DataFrame({"user_id": "a", "timestamp": ["2024-05-01"] * 3 + ["2024-05-02"], "frame": cells})

    X = Sequences.from_frame(log, item=None, columns=["frame"])

    assert X.n_duplicates == 1
    assert X.without_duplicates().rows.tolist() == [0, 2, 3]
    whole = pd.DataFrame({"user_id": "a", "timestamp": "2024-05-01", "frame": [[2**53, 0], [2**53 + 1, 0]]})
    assert Sequences.from_frame(whole, item=None, columns=["frame"]).n_duplicates == 0


def test_columns_may_have_any_name():
    log = pd.DataFrame({"user_id": ["a", "a"], "event": [1, 2], "item": [3, 4], "code": [5, 5], "group": [6, 6]})
    names = ["event", "item", "code", "group"]

    X = Sequences.from_frame(log.assign(timestamp="2024-05-01"), item=None, columns=names)

    assert {name: column.tolist() for name, column in X.columns.items()} == log[names].to_dict("list")
    assert X.n_duplicates == 0
    assert X.to_frame()["item"].tolist() == [3, 4]


# --- a log again


def test_a_frame_has_the_events_in_order_with_the_rows_of_the_log_as_index(log):
    frame = Sequences.from_frame(log, columns=["amount"]).to_frame()

    expected = log.loc[IN_ORDER].astype({"timestamp": "M8[us]"})
    pd.testing.assert_frame_equal(frame, expected, check_names=False, check_index_type=False)
    assert frame.index.name == "row"


def test_a_frame_tells_only_what_there_is(frames):
    assert list(frames.to_frame()) == ["user_id", "timestamp", "frame", "amount"]
    assert list(Sequences.from_lists([["a"]]).to_frame(user="who", item="what")) == ["who", "what"]
    assert Sequences.from_lists([[1, 2]]).recode(Vocabulary([2])).to_frame()["item_id"].tolist() == [None, 2]


def test_arrays_are_cells_of_a_frame(frames):
    cells = frames.to_frame()["frame"]

    assert [cell.shape for cell in cells] == [(2, 3)] * 5
    np.testing.assert_array_equal(np.stack(cells), FRAMES[IN_ORDER])


def test_a_column_with_the_name_of_another_is_refused_by_name(log):
    X = Sequences.from_frame(log, user="item_id", columns=["user_id"])

    with pytest.raises(ValueError, match="column 'user_id' occurs 2 times"):
        X.to_frame()
    assert list(X.to_frame(user="who")) == ["who", "item_id", "timestamp", "user_id"]


@st.composite
def logs(draw):
    """Logs with or without items and times, and with columns of some kinds and shapes; how from_frame takes them."""
    n = draw(st.integers(1, 12))

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    number = st.floats(-1e6, 1e6, width=32)
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    log = {"user_id": column(st.sampled_from(["b", "a", "c\0"])), "item_id": column(st.integers(0, 4))}
    log["timestamp"] = np.array(column(st.integers(-5, 5))).astype("M8[h]").astype("M8[us]")
    log["kind"] = column(st.sampled_from(["x", "y"]))
    log["frame"] = list(np.array(column(st.tuples(*[number] * 4)), "f4")[:, : int(np.prod(shape))].reshape(n, *shape))
    columns = draw(st.lists(st.sampled_from(["kind", "frame"]), unique=True))
    timestamp, item = draw(st.sampled_from([None, "timestamp"])), draw(st.sampled_from([None, "item_id"]))
    return pd.DataFrame(log), {"item": item, "timestamp": timestamp, "columns": columns}


@settings(max_examples=50)
@given(logs())
def test_a_frame_gives_the_same_sequences_again(drawn):
    log, how = drawn
    X = Sequences.from_frame(log, **how)

    assert_same(Sequences.from_frame(X.to_frame(), **how), X, but=["rows"])
    assert_same(Sequences.from_frame(X.to_frame().sort_index(), **how), X)


@settings(max_examples=50)
@given(logs(), st.data())
def test_some_sequences_have_their_part_of_the_frame(drawn, data):
    log, how = drawn
    X = Sequences.from_frame(log, **how)
    rows = data.draw(st.lists(st.integers(0, len(X) - 1), unique=True, min_size=1))
    whole = X.to_frame()

    parts = [whole.iloc[X.indptr[row] : X.indptr[row + 1]] for row in rows]

    pd.testing.assert_frame_equal(X[rows].to_frame(), pd.concat(parts))


# --- users by their ids


@pytest.mark.parametrize("keys", [["b", "a", "c", "d"], [7, 3, 2**60, -1], np.array([2**64 - 1, 1, 2, 3], np.uint64)])
def test_a_user_is_found_by_id(keys):
    X = Sequences.from_lists([[1, 2], [], [4], [5, 1]], keys=keys)

    for row, key in enumerate(keys):
        assert_same(X.at(key), X[[row]])
    assert_same(X.at(list(keys[2:0:-1])), X[[2, 1]])
    assert len(X.at([])) == 0


def test_a_user_who_was_selected_twice_has_both_sequences(X):
    assert X[[0, 3, 0]].at(10).keys.tolist() == [10, 10]
    assert X.tail(1).at(40)[0].tolist() == [1]


@pytest.mark.parametrize(
    ("key", "message"),
    [("ana", "'ana'. Did you mean 'Anna'?"), (1, "1. Did you mean '1'?"), ("xyz", "'xyz'.")],
)
def test_a_user_who_is_not_there_is_named_with_the_nearest(key, message):
    X = Sequences.from_lists([["a"], ["a"], ["b"]], keys=["Anna", "ben", "1"])

    with pytest.raises(KeyError) as caught:
        X.at(key)
    assert caught.value.args == (f"no sequence has the key {message}",)


@pytest.mark.parametrize(("key", "error"), [(None, ValueError), (1.5, KeyError), (True, TypeError), ({10}, TypeError)])
def test_what_is_no_id_finds_no_user(X, key, error):
    with pytest.raises(error):
        X.at(key)


def test_a_user_is_found_without_looking_at_all_of_them():
    X = Sequences.from_lists([[0]] * 100_000, keys=[f"user {row}" for row in range(100_000)])
    X.at("user 0")

    index = X._rows_of
    assert X.at("user 99999").keys.tolist() == ["user 99999"]
    assert X._rows_of is index


@pytest.mark.parametrize("key", ["anna", ["anna", "ben"], np.array(["anna"], dtype=object)])
def test_position_and_key_are_not_mixed_up(key):
    X = Sequences.from_lists([["tea"], ["milk"]], keys=["anna", "ben"])
    with pytest.raises(IndexError, match=r"selects by position. By the users' ids, write X.at\(.*'anna'"):
        X[key]
    assert len(X[[]]) == 0


def test_a_relation_of_duckdb_is_to_be_fetched_first():
    relation = duckdb.sql("select 'a' as user_id, 'x' as item_id, 1700000000 as timestamp")
    with pytest.raises(TypeError, match=r"got DuckDBPyRelation. Fetch it first: log.to_arrow_table\(\)"):
        Sequences.from_frame(relation)
    assert len(Sequences.from_frame(relation.to_arrow_table())) == 1
