"""Forms of numbers."""

import numpy as np
import pytest

from seqrec.generate.forms import NumberForm
from seqrec.storage.container import Tensors
from seqrec.storage.schemas import Record

RANDOM = np.random.default_rng(0).lognormal(3, 1, 400)


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        (RANDOM.round(2), 2),
        (RANDOM.round(2).astype(np.float32), 2),
        (RANDOM.round(), 0),
        (RANDOM.round().astype(np.int64), 0),
        (-RANDOM.round(1), 1),
        (RANDOM, None),
        (RANDOM.round() * 100, -2),
        (np.array([100.0, 200.0]), 0),  # too few to tell
        (np.append(RANDOM.round(2), 0.1 + 0.2), 2),
        (np.append(RANDOM.round(), [1.25]), 0),  # one in a hundred may be unlike the others
        (np.append(np.full(400, 100.0), [12.34]), 0),
        (np.append(np.zeros(400), RANDOM[:9].round(2)), 2),
        (np.array([0.0, np.nan]), 0),
        (np.array([1e305, 0.5, np.nan]), 1),
    ],
)
def test_the_decimals_of_almost_all_numbers_are_found(values, decimals):
    assert NumberForm.learn(values).decimals == decimals


@pytest.mark.parametrize("values", [RANDOM.round(2), RANDOM.round().astype(np.int64), RANDOM, RANDOM.round() * 10])
def test_numbers_of_the_column_stay_as_they_are(values):
    again = NumberForm.learn(values).apply(values)
    assert again.dtype == values.dtype
    np.testing.assert_array_equal(again, values)


def test_others_become_the_nearest_that_the_column_could_hold():
    form = NumberForm.learn(np.array([0.99, 12.5, 3.25, np.nan]))
    near = form.apply(np.array([0.1, 5.678, 99, np.nan, np.inf]))
    np.testing.assert_array_equal(near, [0.99, 5.68, 12.5, np.nan, 12.5])
    assert NumberForm.learn(np.array([-1, 40])).apply(np.array([-0.2, 7.6])).tolist() == [0, 8]


def test_the_greatest_integers_overflow_nowhere():
    form = NumberForm.learn(np.array([-(2**63), 2**63 - 1]))
    assert form.apply(np.array([1e30, -1e30])).tolist() == [2**63 - 1024, -(2**63)]


def test_of_a_column_without_numbers_nothing_is_known():
    form = NumberForm.learn(np.full(3, np.nan))
    assert np.isnan(form.apply(np.full(2, np.nan))).all()


def test_a_form_is_kept_in_model_files():
    for form in (NumberForm(2, False, -1.0, 3.5), NumberForm(None, False, 0.0, 0.0)):
        plain = Record(NumberForm).pack(form, "form", Tensors())
        Record(NumberForm).table(plain, "form", {})
        assert Record(NumberForm).unpack(plain, "form", Tensors()) == form
    with pytest.raises(ValueError, match="above the greatest"):
        NumberForm(0, True, 2.0, 1.0).check_sound()


def test_among_integers_a_missing_number_is_the_least():
    assert NumberForm(0, True, 2.0, 9.0).apply(np.array([np.nan, 4.2])).tolist() == [2, 4]
