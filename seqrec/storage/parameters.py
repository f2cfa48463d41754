"""A parameter of an estimator as a model file keeps it: a simple value, a list or dict of such, or a random state."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import NoneType
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.storage.arrays import Array
from seqrec.storage.container import Table, Tensors, check
from seqrec.storage.schemas import Converted, Integer, Listed, Record, Scalar, Sizes, Tupled, check_keys

_DICT, _LIST, _TUPLE, _RANDOM_STATE = "dict", "list", "tuple", "random state"  # what tells them apart in JSON


class Parameter:
    """Schema of None, a truth value, a number, text, a list, tuple or dict of these, or a RandomState.

    A dict is a list of pairs in JSON, so that keys keep their types.
    """

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Give plain JSON, with the types of Python for those of NumPy."""
        if isinstance(value, dict):
            return {_DICT: _PAIRS.pack(value.items(), name, tensors)}
        if isinstance(value, list | tuple):
            return {_LIST if isinstance(value, list) else _TUPLE: _LISTED.pack(value, name, tensors)}
        if isinstance(value, np.random.RandomState):
            return {_RANDOM_STATE: _GENERATOR.pack(value, name, tensors)}
        return _SIMPLE.pack(value, name, tensors)

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Check the value; a random state has a tensor."""
        if not isinstance(plain, dict):
            return _SIMPLE.table(plain, name, sizes)
        if _RANDOM_STATE in plain:
            check_keys(plain, [_RANDOM_STATE], name)
            return _GENERATOR.table(plain[_RANDOM_STATE], name, sizes)
        for kind in (_LIST, _TUPLE):
            if kind in plain:
                check_keys(plain, [kind], name)
                return _LISTED.table(plain[kind], name, sizes)
        check_keys(plain, [_DICT], name)
        found = _PAIRS.table(plain[_DICT], name, sizes)
        check(len({key for key, _ in plain[_DICT]}) == len(plain[_DICT]), name, "has a key twice")
        return found

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Give the value again."""
        if not isinstance(plain, dict):
            return plain
        if _RANDOM_STATE in plain:
            return _GENERATOR.unpack(plain[_RANDOM_STATE], name, tensors)
        ((kind, values),) = plain.items()
        return _OF_KIND[kind](values)


PARAMETER = Parameter()


def _is_kept(value: Any) -> bool:
    return type(value) not in (int, float) or abs(value) < (2**64 if type(value) is int else math.inf)


class _Twister(NamedTuple):
    """State of NumPy's `RandomState`, by its own names."""

    key: Annotated[NDArray, Array("uint32", 624)]
    pos: Annotated[int, Integer(0, 624)]
    has_gauss: Annotated[int, Integer(0, 1)]
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


_OF_KIND: dict[str, Callable[[list], Any]] = {_DICT: dict, _LIST: list, _TUPLE: tuple}
_KEPT = "what a model file keeps (None, True or False, text, or a finite number, below 2**64 if whole)"
_SIMPLE = Scalar((NoneType, bool, int, float, str), _KEPT, _is_kept)
_PAIRS = Listed(Tupled(_SIMPLE, _SIMPLE))
_LISTED = Listed(_SIMPLE)
_GENERATOR = Converted(Record(_Twister), _state_of, _generator_of)
