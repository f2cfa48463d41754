"""A parameter of an estimator as a model file keeps it: a simple value, a dict of such, or a random state."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec.storage.arrays import Array
from seqrec.storage.container import Table, Tensors
from seqrec.storage.schemas import Converted, Integer, Real, Record, Sizes, check, check_keys, check_list

_DICT, _RANDOM_STATE = "dict", "random state"  # keys that tell these from each other in JSON


class Parameter:
    """Schema of None, a truth value, a number, text, a dict of these, or a RandomState.

    A dict is a list of pairs in JSON, so that keys keep their types.
    """

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Give plain JSON, with the types of Python for those of NumPy."""
        if isinstance(value, dict):
            return {_DICT: [[_simple(part, name) for part in pair] for pair in value.items()]}
        if isinstance(value, np.random.RandomState):
            return {_RANDOM_STATE: _GENERATOR.pack(value, name, tensors)}
        return _simple(value, name)

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Check the value; a random state has a tensor."""
        if not isinstance(plain, dict):
            _simple(plain, name)
            return {}
        if _RANDOM_STATE in plain:
            check_keys(plain, [_RANDOM_STATE], name)
            return _GENERATOR.table(plain[_RANDOM_STATE], name, sizes)
        check_keys(plain, [_DICT], name)
        check_list(plain[_DICT], name)
        for pair in plain[_DICT]:
            check_list(pair, name, 2)
            for part in pair:
                _simple(part, name)
        check(len({key for key, _ in plain[_DICT]}) == len(plain[_DICT]), name, "has a key twice")
        return {}

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Give the value again."""
        if not isinstance(plain, dict):
            return plain
        return dict(plain[_DICT]) if _DICT in plain else _GENERATOR.unpack(plain[_RANDOM_STATE], name, tensors)


PARAMETER = Parameter()


def _simple(value: Any, name: str) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    what = f"cannot be kept in a model file: {show(value)} ({type(value).__name__})"
    check(value is None or type(value) in (bool, int, float, str), name, what)
    check(type(value) is not int or abs(value) < 2**64, name, what)
    check(type(value) is not float or math.isfinite(value), name, what)
    return value


class _Twister(NamedTuple):
    """State of NumPy's `RandomState`, by its own names."""

    key: NDArray
    pos: int
    has_gauss: int
    gauss: float


def _state_of(generator: np.random.RandomState) -> _Twister:
    state: Any = generator.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise ValueError(f"random_state must be made of a MT19937, got {state['bit_generator']}.")
    return _Twister(state["state"]["key"], state["state"]["pos"], state["has_gauss"], state["gauss"])


def _generator_of(state: _Twister) -> np.random.RandomState:
    generator = np.random.RandomState()
    generator.set_state(("MT19937", *state))
    return generator


_STATE = {
    "key": Array("uint32", 624),
    "pos": Integer(0, 624),
    "has_gauss": Integer(0, 1),
    "gauss": Real(),
}
_GENERATOR = Converted(Record(_Twister, _STATE), _state_of, _generator_of)
