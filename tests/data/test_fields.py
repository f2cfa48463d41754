"""Fields of an event, as a network reads them: signs, sizes, gaps, categories, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.data.fields import (
    ABSENT,
    FARTHEST,
    GAP,
    NEGATIVE,
    NOT_GIVEN,
    POSITIVE,
    ZERO,
    Category,
    Fields,
    Number,
    field_columns,
)
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN

AMOUNTS = np.array([-2.0, 0.0, 3.0, 50.0, 0.01])


def make_log(**changes):
    columns = {
        "user_id": ["u", "u", "u", "v", "v"],
        "item_id": ["a", "b", "a", "b", "c"],
        "timestamp": pd.to_datetime([0, 10, 12.5, 3, 3], unit="s"),
        "amount": AMOUNTS,
        "channel": ["web", "app", "web", "desk", "app"],
        "new": [True, False, False, True, True],
    }
    return pd.DataFrame(columns | changes)


def sequences(columns=("amount", "channel", "new"), timestamp="timestamp", **changes):
    return Sequences.from_frame(make_log(**changes), timestamp=timestamp, columns=columns)


def encoded(fields, X, **options):
    """Categories and numbers of the events of X."""
    columns = fields.encode(X, **options).columns
    assert list(columns) == ["categories", "numbers"]
    return columns["categories"], columns["numbers"]


# --- numbers


def test_a_size_is_the_standardised_logarithm_of_the_absolute_value():
    values = np.array([1.0, -10.0, 100.0, 1000.0, 0.0, np.nan])
    logs = np.log([1, 10, 100, 1000])
    encoded = Number.learn("amount", values).encode(values)
    np.testing.assert_allclose(encoded[:4, 1], (logs - np.median(logs)) / logs.std(), rtol=1e-6)
    np.testing.assert_array_equal(encoded[4:, 1], 0)


def test_signs_tell_missing_negative_zero_and_positive_apart():
    encoded = Number("amount", 1.0, 2.0).encode(np.array([np.nan, -3, 0.0, 3, -0.0]))
    assert encoded[:, 0].tolist() == [ABSENT, NEGATIVE, ZERO, POSITIVE, ZERO]
    assert encoded.dtype == np.float32


def test_decoding_gives_the_size_back():
    number = Number.learn("amount", AMOUNTS)
    encoded = number.encode(AMOUNTS)
    sized = AMOUNTS != 0
    np.testing.assert_allclose(number.decode(encoded[sized, 1]), np.abs(AMOUNTS[sized]), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["i1", "u2", "i8", "f4", "f8"])
def test_all_types_of_numbers_are_read(dtype):
    values = np.array([1, 2, 0, 100], dtype=dtype)
    expected = Number.learn("n", values.astype("f8")).encode(values.astype("f8"))
    np.testing.assert_allclose(Number.learn("n", values).encode(values), expected, rtol=1e-6)


def test_the_smallest_integer_has_a_size():
    assert np.isfinite(Number.learn("n", np.array([1, 5])).encode(np.array([np.iinfo(np.int64).min]))).all()


def test_learning_from_the_smallest_integer_gives_a_finite_scale():
    for dtype in (np.int8, np.int64):
        number = Number.learn("n", np.array([np.iinfo(dtype).min, 1, 5], dtype=dtype))
        assert np.isfinite([number.center, number.scale]).all()


def test_huge_and_tiny_numbers_are_clipped_to_finite_sizes():
    number = Number.learn("amount", np.array([9.0, 10.0, 11.0]))
    encoded = number.encode(np.array([1e308, -1e308, 5e-324, -5e-324]))
    assert encoded[:, 1].tolist() == [FARTHEST, FARTHEST, -FARTHEST, -FARTHEST]


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan], [7.0, 7.0, -7.0]])
def test_numbers_without_a_spread_have_unit_scale(values):
    number = Number.learn("amount", np.array(values, dtype=np.float64))
    assert number.scale == 1
    assert np.isfinite(number.encode(np.array([0.0, 7.0, np.nan]))).all()


def test_zeros_and_missing_values_do_not_move_the_center():
    assert Number.learn("n", np.array([0.0, 0.0, np.nan, 2.0, 8.0])) == Number.learn("n", np.array([2.0, 8.0]))


# --- columns


def test_gaps_are_seconds_and_missing_at_the_start_of_each_sequence():
    gaps = field_columns(sequences(columns=()))[GAP]
    np.testing.assert_array_equal(gaps, [np.nan, 10, 2.5, np.nan, 0])


def test_gaps_of_an_empty_sequence_take_nothing_from_its_neighbours():
    X = Sequences.from_lists([["a"], [], ["a", "b"], []], timestamps=[[5], [], [7, 9], []], time_unit="s")
    np.testing.assert_array_equal(field_columns(X)[GAP], [np.nan, np.nan, 2])


def test_the_gap_of_a_first_event_is_the_time_since_the_event_before_it():
    X = Sequences.from_lists([["a"], [], ["a", "b"], ["c"]], timestamps=[[5], [], [7, 9], [20]], time_unit="s")
    before = np.array(["1970-01-01T00:00:02.5", "1970-01-01", "NaT", "1970-01-01T00:00:20"], dtype="M8[us]")
    np.testing.assert_array_equal(field_columns(X, before)[GAP], [2.5, np.nan, 2, 0])


def test_pieces_that_know_the_time_before_are_encoded_as_the_whole():
    X = sequences(columns=["amount", "channel"])
    fields = Fields.learn(X)
    head, tail = X.between(0, np.array([2, 1])), X.between(np.array([2, 1]), X.lengths)
    later = encoded(fields, tail, before=head.timestamps[head.indptr[1:] - 1])
    for first, second, expected in zip(encoded(fields, head), later, encoded(fields, X), strict=True):
        np.testing.assert_array_equal(first, expected[[0, 1, 3]])
        np.testing.assert_array_equal(second, expected[[2, 4]])


def test_no_time_before_is_a_missing_gap():
    X = sequences(columns=())
    fields, never = Fields.learn(X), np.full(2, "NaT", dtype="M8[us]")
    np.testing.assert_array_equal(encoded(fields, X, before=never)[1], encoded(fields, X)[1])
    assert encoded(fields, X, before=never)[1][[0, 3], 0, 0].tolist() == [NOT_GIVEN, NOT_GIVEN]


def test_without_timestamps_there_is_no_gap():
    assert GAP not in field_columns(sequences(timestamp=None))


def test_categories_come_first_and_each_kind_in_the_order_of_the_columns():
    fields = Fields.learn(sequences(columns=["amount", "new", "channel"]))
    assert fields.names == ["new", "channel", GAP, "amount"]


def test_a_log_without_columns_and_times_has_no_fields():
    X = sequences(columns=(), timestamp=None)
    fields = Fields.learn(X)
    categories, numbers = encoded(fields, X)
    assert fields.names == []
    assert categories.shape == (5, 0)
    assert numbers.shape == (5, 0, 2)


def test_text_and_truth_values_are_categories():
    X = sequences(columns=["channel", "new"])
    fields = Fields.learn(X)
    categories, _ = encoded(fields, X)
    assert categories.dtype == np.int32
    for column, field in enumerate(fields.categories):
        decoded = field.vocabulary.decode(categories[:, column])
        assert decoded.tolist() == X.columns[field.name].tolist()


def test_relabelling_the_values_of_a_category_changes_no_code():
    renamed = ["m", "z", "m", "a", "z"]
    logs = sequences(columns=["channel"]), sequences(columns=["channel"], channel=renamed)
    one, other = (encoded(Fields.learn(X), X)[0] for X in logs)
    np.testing.assert_array_equal(one, other)


def test_the_order_of_the_logs_rows_changes_no_code():
    shuffled = make_log().iloc[[3, 4, 2, 0, 1]]
    X = Sequences.from_frame(shuffled, columns=["channel"])
    assert (
        Fields.learn(X).categories[0].vocabulary
        == Fields.learn(sequences(columns=["channel"])).categories[0].vocabulary
    )


def test_a_value_that_training_lacked_is_unknown():
    fields = Fields.learn(sequences(columns=["channel"]))
    categories, _ = encoded(fields, sequences(columns=["channel"], channel=["web", "fax", "web", "fax", "app"]))
    assert (categories[:, 0] == UNKNOWN).tolist() == [False, True, False, True, False]


def test_truth_values_that_were_always_true_leave_false_unknown():
    fields = Fields.learn(sequences(columns=["new"], new=True))
    categories, _ = encoded(fields, sequences(columns=["new"], new=[True, False, True, True, True]))
    assert categories[:, 0].tolist() == [N_RESERVED, UNKNOWN, *[N_RESERVED] * 3]


def test_columns_are_found_by_name_whatever_their_order():
    fields = Fields.learn(sequences())
    expected = encoded(fields, sequences())
    found = encoded(fields, sequences(columns=["new", "channel", "amount"]))
    for array, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, other)


def test_a_further_column_changes_nothing():
    fields = Fields.learn(sequences(columns=["amount"]))
    amounts = encoded(fields, sequences(columns=["amount"]))
    np.testing.assert_array_equal(encoded(fields, sequences())[1], amounts[1])


def test_encoding_changes_no_input():
    X = sequences()
    before = {name: values.copy() for name, values in X.columns.items()}
    Fields.learn(X).encode(X)
    for name, values in before.items():
        np.testing.assert_array_equal(X.columns[name], values)


def test_numbers_are_odd_on_both_sides_unless_one_is_named():
    fields = Fields.learn(sequences(), {"amount": "high"})
    assert {field.name: field.side for field in fields.numbers} == {GAP: "both", "amount": "high"}


def test_encoding_keeps_the_events_and_their_times():
    X = sequences()
    found = Fields.learn(X).encode(X)
    np.testing.assert_array_equal(found.codes, X.codes)
    np.testing.assert_array_equal(found.timestamps, X.timestamps)
    assert found.keys.tolist() == X.keys.tolist()


def test_a_field_that_may_lack_is_missing_of_all_events():
    fields, bare = Fields.learn(sequences()), Sequences.from_lists([["a", "b"]])
    categories, numbers = encoded(fields, bare, may_lack=True)
    assert categories.shape == (2, 2)
    assert numbers.shape == (2, 2, 2)
    assert not categories.any()
    assert not numbers.any()
    some = encoded(fields, sequences(columns=["amount"], timestamp=None), may_lack=True)
    np.testing.assert_array_equal(some[1][:, 1], encoded(fields, sequences())[1][:, 1])
    assert not some[1][:, 0].any()
    assert not some[0].any()


def test_a_field_that_may_lack_must_hold_what_it_held():
    fields = Fields.learn(sequences(columns=["amount"]))
    with pytest.raises(TypeError, match="column 'amount' held numbers in the training data"):
        encoded(fields, sequences(columns=["amount"], amount=["1", "2", "3", "4", "5"]), may_lack=True)


# --- absent values


def with_absent(columns=("amount", "channel", "new"), timestamp="timestamp"):
    changes = {"amount": [1.0, None, 3.0, None, 5.0], "channel": ["web", None, "", "desk", "app"]}
    return sequences(columns, timestamp, new=[None, True, False, None, True], **changes)


def test_an_absent_value_is_one_of_its_own():
    X = with_absent()
    fields = Fields.learn(X)
    categories, numbers = encoded(fields, X)
    assert numbers[:, 1, 0].tolist() == [POSITIVE, ABSENT, POSITIVE, ABSENT, POSITIVE]
    assert not numbers[numbers[..., 0] == ABSENT, 1].any()
    assert categories[:, 0].tolist() == [2, 5, 5, 3, 4]
    assert categories[:, 1].tolist() == [4, 2, 3, 4, 2]
    assert fields.category_sizes == (6, 5)
    assert fields.n_signs == ABSENT


def test_absence_that_training_lacked_is_unknown_of_a_category_and_takes_no_code():
    fields = Fields.learn(sequences())
    categories, numbers = encoded(fields, with_absent())
    assert fields.n_signs == POSITIVE
    assert fields.category_sizes == (N_RESERVED + 3, N_RESERVED + 2)
    assert categories[:, 0].tolist()[1:3] == [UNKNOWN, UNKNOWN]
    assert categories[:, 1].tolist()[::3] == [UNKNOWN, UNKNOWN]
    assert numbers[[1, 3], 1, 0].tolist() == [ABSENT, ABSENT]


def test_absent_values_move_no_center_and_no_code_of_the_others():
    X = with_absent()
    fields, bare = Fields.learn(X), Fields.learn(X.between(0, np.array([1, 0])))
    assert fields.numbers[1][:3] == Number.learn("amount", np.array([1.0, 3.0, 5.0]))[:3]
    assert fields.categories[0].vocabulary.items.tolist() == ["web", "desk", "app"]
    assert (bare.numbers[1].missing, bare.categories[0].missing, bare.categories[1].missing) == (False, False, True)


def test_a_gap_before_the_first_event_is_not_given_whatever_is_absent():
    X = with_absent()
    fields = Fields.learn(X)
    assert not fields.numbers[0].missing
    assert encoded(fields, X)[1][:, 0, 0].tolist() == [NOT_GIVEN, POSITIVE, POSITIVE, NOT_GIVEN, ZERO]
    assert fields.encode_gaps(np.array([np.nan]))[1][0, :, 0].tolist() == [NOT_GIVEN, NOT_GIVEN]


def test_a_column_called_gap_has_absent_values_where_there_are_no_times():
    X = sequences(["gap"], timestamp=None, gap=[1.0, None, 2.0, None, 3.0])
    assert encoded(Fields.learn(X), X)[1][:, 0, 0].tolist() == [POSITIVE, ABSENT, POSITIVE, ABSENT, POSITIVE]


@pytest.mark.parametrize("missing", [[None] * 5, [np.nan] * 5, [pd.NA] * 5, pd.array([None] * 5, "Int64")])
def test_a_column_without_any_value_can_be_read_whatever_it_held(missing):
    fields = Fields.learn(with_absent())
    X = sequences(amount=missing, channel=missing, new=missing)
    categories, numbers = encoded(fields, X)
    assert (numbers[:, 1, 0] == ABSENT).all()
    assert (categories == np.array(fields.category_sizes) - 1).all()


def test_a_column_without_any_value_in_training_is_one_of_numbers():
    X = sequences(["amount"], amount=[None] * 5)
    fields = Fields.learn(X)
    assert (fields.numbers[1].center, fields.numbers[1].scale, fields.numbers[1].missing) == (0, 1, True)
    assert encoded(fields, sequences(["amount"]))[1][:, 1, 0].tolist() == [NEGATIVE, ZERO, POSITIVE, POSITIVE, POSITIVE]


@pytest.mark.parametrize("values", [["web", None], [True, None]])
def test_a_category_that_lacks_all_values_in_a_part_of_the_log_finds_them_unknown_later(values):
    part = Category.learn("channel", np.array([None], dtype=object))
    assert part.encode(np.array(values, dtype=object)).tolist() == [UNKNOWN, N_RESERVED]
    log = sequences(["channel"], channel=[*values, *values, values[1]])
    fields = Fields((part,), Fields.learn(log).numbers)
    assert encoded(fields, log)[0][:, 0].tolist() == [1, 2, 1, 2, 2]


# --- the gap of a question


def test_the_gap_is_the_first_number_and_its_kind_is_known():
    assert Fields.learn(sequences()).kind_of_gap == "number"
    assert Fields.learn(sequences(timestamp=None)).kind_of_gap == ""
    assert Fields(gap_in_buckets=True).kind_of_gap == "category"


def test_gaps_alone_are_encoded_as_those_of_events():
    X = sequences()
    fields = Fields.learn(X)
    categories, numbers = fields.encode_gaps(field_columns(X)[GAP])
    np.testing.assert_array_equal(numbers[:, 0], encoded(fields, X)[1][:, 0])
    assert categories.shape == (5, 2)
    assert not categories.any()
    assert not numbers[:, 1:].any()


def test_without_a_gap_there_is_nothing_to_encode():
    categories, numbers = Fields.learn(sequences(timestamp=None)).encode_gaps(np.array([3.0, np.nan]))
    assert not categories.any()
    assert not numbers.any()


# --- gaps in buckets, as recommenders once had them


def buckets_of(seconds):
    categories, numbers = Fields(gap_in_buckets=True).encode_gaps(np.array(seconds, float))
    assert numbers.shape == (len(seconds), 0, 2)
    return categories[:, 0].tolist()


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0, 1), (0.5, 1), (1, 2), (2.9, 2), (3, 3), (6, 3), (7, 4), (86_400, 17), (2**37, 38), (2**42, 39)],
)
def test_a_gap_falls_into_the_bucket_of_its_power_of_two(seconds, bucket):
    assert buckets_of([seconds]) == [bucket]


@given(st.integers(0, 2**60))
def test_buckets_follow_their_formula(microseconds):
    expected = min(39, 1 + math.floor(math.log2(1 + microseconds / 1e6)))
    assert buckets_of([microseconds / 1e6]) == [expected]


def test_a_missing_gap_has_its_own_bucket():
    assert buckets_of([np.nan, 0, np.nan]) == [0, 1, 0]


def test_buckets_stand_before_all_categories():
    fields = Fields.learn(sequences(columns=["channel"]))._replace(numbers=(), gap_in_buckets=True)
    assert fields.names == [GAP, "channel"]
    assert fields.category_sizes == (40, N_RESERVED + 3)
    categories, _ = encoded(fields, sequences(columns=["channel"]))
    assert categories[:, 0].tolist() == [0, 4, 2, 0, 1]
    assert (categories[:, 1] >= N_RESERVED).all()


def test_without_timestamps_all_buckets_are_those_of_missing_gaps():
    categories, _ = encoded(Fields(gap_in_buckets=True), Sequences.from_lists([["a", "b"]]))
    assert categories.tolist() == [[0], [0]]


# --- what is refused


@pytest.mark.parametrize(
    ("sides", "message"),
    [({"channel": "high"}, "'channel'"), ({"amuont": "low"}, "'amount'"), ({"amount": "up"}, "'up'")],
)
def test_a_side_that_cannot_be_is_refused(sides, message):
    with pytest.raises(ValueError, match=message):
        Fields.learn(sequences(), sides)


def test_a_missing_column_is_named_with_the_nearest():
    fields = Fields.learn(sequences())
    X = replace(sequences(), columns={"amounts": AMOUNTS, "channel": sequences().columns["channel"]})
    with pytest.raises(ValueError, match=r"column 'new' is missing|column 'amount' is missing.*Did you mean 'amounts'"):
        fields.encode(X)
    with pytest.raises(ValueError, match=r"column 'amount' is missing.*Did you mean 'amounts'"):
        Fields.learn(sequences(columns=["amount"])).encode(X)


def test_missing_timestamps_are_named():
    with pytest.raises(ValueError, match="training data had timestamps, and these sequences have none"):
        Fields.learn(sequences()).encode(sequences(timestamp=None))


def test_a_column_of_times_is_refused_with_a_way_out():
    X = sequences(columns=["due"], due=pd.to_datetime(np.arange(5), unit="D"))
    with pytest.raises(TypeError, match=r"column 'due' holds times\. Turn it into numbers"):
        Fields.learn(X)


def test_a_column_of_arrays_is_refused_with_its_shape_and_a_way_out():
    X = sequences(columns=["amount", "frame"], frame=[np.zeros((4, 3))] * 5)
    message = (
        r"column 'frame' holds an array of shape \(4, 3\) an event.*from_arrays\(..., names=\[...\]\).*or leave it"
    )
    with pytest.raises(TypeError, match=message):
        Fields.learn(X)
    with pytest.raises(TypeError, match=message):
        Fields.learn(sequences(columns=["amount"])).encode(X)


@pytest.mark.parametrize("name", ["event", "events"])
def test_a_column_called_as_what_happened_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"column '{name}' has the name of what happened.*Rename it"):
        Fields.learn(sequences(columns=[name], **{name: AMOUNTS}))


def test_a_column_called_item_is_a_column():
    X = Sequences.from_frame(make_log(item=AMOUNTS), item=None, timestamp=None, columns=["item"])
    assert Fields.learn(X).names == ["item"]


def test_a_column_called_gap_beside_timestamps_is_refused():
    with pytest.raises(ValueError, match=r"column 'gap' .*Rename it"):
        Fields.learn(sequences(columns=["gap"], gap=AMOUNTS))


def test_a_column_called_gap_without_timestamps_is_a_column():
    assert Fields.learn(sequences(columns=["gap"], timestamp=None, gap=AMOUNTS)).names == ["gap"]


def test_text_where_numbers_were_is_an_error_that_names_the_column():
    fields = Fields.learn(sequences(columns=["amount"]))
    with pytest.raises(TypeError, match="column 'amount' held numbers in the training data"):
        fields.encode(sequences(columns=["amount"], amount=["1", "2", "3", "4", "5"]))


def test_numbers_where_text_was_is_an_error_that_names_the_column():
    fields = Fields.learn(sequences(columns=["channel"]))
    with pytest.raises(TypeError, match="column 'channel' held text in the training data"):
        fields.encode(sequences(columns=["channel"], channel=[1, 2, 3, 4, 5]))


def test_text_where_truth_values_were_is_an_error_that_names_the_column():
    fields = Fields.learn(sequences(columns=["new"]))
    with pytest.raises(TypeError, match="column 'new' held truth values in the training data"):
        fields.encode(sequences(columns=["new"], new=["yes", "no", "no", "yes", "yes"]))
