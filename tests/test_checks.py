import numpy as np
import pytest

from seqrec._checks import check_choice, check_column, check_ids, check_integer, show_rows


def test_integers_of_numpy_and_python_pass():
    assert check_integer(np.int32(3), "k") == 3
    assert check_integer(0, "n", minimum=0) == 0


@pytest.mark.parametrize("value", [2.0, "2", True, None, np.array([2])])
def test_what_is_no_integer_is_a_type_error(value):
    with pytest.raises(TypeError, match="k must be an integer, got"):
        check_integer(value, "k")


def test_integers_below_the_minimum_are_an_error():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        check_integer(0, "k")


def test_a_wrong_choice_is_told_the_nearest_one():
    assert check_choice("last", "target", ("last", "all")) == "last"
    with pytest.raises(ValueError, match=r"one of 'last', 'all', got 'lst'. Did you mean 'last'\?"):
        check_choice("lst", "target", ("last", "all"))
    with pytest.raises(ValueError, match=r"got \['last'\]"):
        check_choice(["last"], "target", ("last", "all"))


def test_a_renamed_column_is_found_in_any_case():
    with pytest.raises(ValueError, match=r"Did you mean 'USERID'\?"):
        check_column("user_id", ["USERID", "price"])
    with pytest.raises(ValueError, match=r"Did you mean 'timestamp'\?"):
        check_column("time", ["timestamp", "price"])
    with pytest.raises(ValueError, match=r"columns found: 'account_id', 'price'\.$"):
        check_column("amount", ["account_id", "price"])
    with pytest.raises(ValueError, match="columns found: none"):
        check_column("user_id", [])


@pytest.mark.parametrize("ids", [[], np.array([], dtype="U1"), ["a", "b"], np.array(["a", "b"])])
def test_text_ids_are_python_strings(ids):
    assert check_ids(ids, "ids").dtype == object


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        ("tea", TypeError),
        (np.array([True]), TypeError),
        (np.array(["2024"], "M8"), TypeError),
        ([np.inf], ValueError),
    ],
)
def test_unsuitable_ids_are_an_error(ids, error):
    with pytest.raises(error, match=r"^ids "):
        check_ids(ids, "ids")


def test_rows_are_counted_and_the_first_are_shown():
    assert show_rows(np.array([False, True]), "missing values") == "1 missing value (at row 1)"
    assert show_rows(np.ones(1000, dtype=bool), "empty ids") == "1,000 empty ids (first at rows 0, 1, 2)"
