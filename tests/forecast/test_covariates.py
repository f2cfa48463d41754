import numpy as np
import pytest

from seqrec import Sequences
from seqrec.forecast import covariates
from seqrec.forecast.covariates import Covariate
from seqrec.forecast.panel import Panel

SERIES = np.array([0, 0, 0, 1, 1])


def test_numbers_above_zero_are_read_by_their_logarithm_about_their_series():
    price = np.array([1.0, 2.0, np.nan, 10.0, 20.0])
    column = Covariate.learn("price", price, SERIES)
    assert column.logarithmic
    assert column.width == 2
    assert column.spread == pytest.approx(np.log(2) / 2)
    np.testing.assert_allclose(column.read(price), np.log(price))
    told = column.features(column.read(price), np.log(2), column.spread)
    np.testing.assert_allclose(told[:3], [[-2, 0], [0, 0], [0, 1]], atol=1e-12)
    assert np.isfinite(column.read(np.array([-1.0, 0.0]))).all()


def test_other_numbers_are_read_as_they_are():
    column = Covariate.learn("celsius", np.array([-5.0, 0.0, 5.0, 0.0, 0.0]), SERIES)
    assert not column.logarithmic
    assert column.read(np.array([-5.0])).tolist() == [-5.0]
    assert np.abs(column.features(np.array([1e9]), 0.0, column.spread)).max() == 10


def test_text_has_a_code_for_each_value_and_one_for_what_is_missing_or_new():
    column = Covariate.learn("kind", np.array(["b", "a", None, "a", True], dtype=object), SERIES)
    found = column.read(np.array(["a", "b", "", None, "new"], dtype=object))
    assert found.tolist() == [1, 2, -1, -1, -1]
    assert column.features(found, 0.0, 1.0).argmax(axis=1).tolist() == [2, 3, 0, 0, 0]
    assert column.width == 4


def test_a_constant_column_and_one_without_values_are_read():
    for values in (np.full(5, 3.0), np.full(5, np.nan), np.full(5, None, dtype=object)):
        column = Covariate.learn("x", values, SERIES)
        assert np.isfinite(column.features(column.read(values), column.center, column.spread)).all()


def test_text_in_a_column_of_numbers_is_an_error_by_its_name():
    column = Covariate.learn("price", np.arange(5.0), SERIES)
    with pytest.raises(ValueError, match="'price' held numbers when the forecaster was fitted, and holds text"):
        column.read(np.array(["dear"], dtype=object))


def test_a_panel_is_read_column_by_column():
    X = Sequences.from_arrays([[[1.0, 3.0], [2.0, 4.0]], [[5.0, 6.0]]], names=["y", "x"])
    panel = Panel.read(X, "y", None, ["x"])
    learned = covariates.learn(panel, ["x"], [])
    np.testing.assert_allclose(covariates.read(panel, learned).columns["x"], np.log([3, 4, 6]))
