"""Parameters of an estimator come back with their types."""

import numpy as np
import pytest

from seqrec.storage.parameters import PARAMETER


def again(schema, value):
    """Pack a value, check the table of its tensors, and unpack it."""
    tensors = {}
    plain = schema.pack(value, "x", tensors)
    assert schema.table(plain, "x", {}) == {name: (str(a.dtype), a.shape) for name, a in tensors.items()}
    return schema.unpack(plain, "x", tensors)


@pytest.mark.parametrize(
    "parameter",
    [None, True, 3, 0.1, 1.0, "auto", {}, {"a": 1, 2: "b", 0.5: None, True: False}, ["a", 1], (24, 168), []],
)
def test_parameters_come_back_with_their_types(parameter):
    back = again(PARAMETER, parameter)
    assert back == parameter
    assert type(back) is type(parameter)
    if isinstance(parameter, dict):
        assert list(map(type, back)) == list(map(type, parameter))


def test_a_random_state_goes_on_where_it_was():
    generator = np.random.RandomState(3)
    generator.standard_normal(3)  # an odd number: half of a pair is kept for the next call
    back = again(PARAMETER, generator)
    assert back.standard_normal(5).tolist() == generator.standard_normal(5).tolist()
    assert back.randint(10**9) == generator.randint(10**9)


@pytest.mark.parametrize(
    "parameter", [[[1]], object(), np.nan, {"a": [1]}, {(1, 2): 3}, 2**70, np.random.default_rng(0)]
)
def test_a_parameter_that_cannot_be_kept_is_named(parameter):
    with pytest.raises(ValueError, match="units"):
        PARAMETER.pack(parameter, "units", {})
