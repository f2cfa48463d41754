"""What a model file may hold, and nothing else: small schemas that pack values into JSON and arrays, and check them.

A schema gives, for a value under a name,

- ``pack(value, name, tensors)``: plain JSON, and puts arrays among the tensors, under names that begin with that name;
- ``table(plain, name, sizes)``: from the JSON alone, the dtype and shape of each of these, after strict checks;
- ``unpack(plain, name, tensors)``: the value again, after checks of what the arrays mean.

A dimension of an array is a number, None for any size, or a name: all that is called "n_items" in one model has the
same size. "n_items + 2" is larger by two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from operator import itemgetter
from typing import Any, Protocol

import numpy as np

from seqrec._checks import show
from seqrec.exceptions import ModelFileError
from seqrec.storage.container import Table, Tensors

Sizes = dict[str, int]
Dimension = int | str | None

_LARGEST = 2**63 - 1


class Schema(Protocol):
    """As the module says."""

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Give plain JSON, and put arrays among the tensors."""

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the tensors that the JSON implies."""

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Give the value again."""


def check(good: Any, name: str, what: str) -> None:
    """Raise unless what a schema asks of a value holds."""
    if not good:
        raise ModelFileError(f"{name or 'the model'} {what}.")


def check_keys(plain: Any, keys: Collection[str], name: str) -> None:
    """Raise unless `plain` is a JSON object with these keys."""
    check(isinstance(plain, dict), name, "is no JSON object")
    missing, unknown = sorted(set(keys) - plain.keys()), sorted(plain.keys() - set(keys))
    check(not missing, name, f"lacks {show(next(iter(missing), None))}")
    check(not unknown, name, f"holds {show(next(iter(unknown), None))}, which does not belong there")


def check_list(plain: Any, name: str, length: int | None = None) -> None:
    """Raise unless `plain` is a JSON list, of this length."""
    good = isinstance(plain, list) and length in (None, len(plain))
    check(good, name, "is no list" if length is None else f"is no list of {length}")


def check_size(size: Any, dimension: Dimension, name: str, sizes: Sizes) -> None:
    """Raise unless `size` is one, and the same as elsewhere in the model."""
    check(type(size) is int and 0 <= size <= _LARGEST, name, f"has no proper size: {show(size)}")
    base, _, more = str(dimension).partition(" + ")
    known = size
    if isinstance(dimension, int):
        known = dimension
    elif dimension is not None:
        known = sizes.setdefault(base, size - int(more or 0)) + int(more or 0)
        check(size >= int(more or 0), name, f"has size {size}, too small for {dimension}")
    check(size == known, name, f"has size {size} where {dimension} is {known}")


def inner(name: str, part: str | int) -> str:
    """Name of a part."""
    return f"{name}.{part}" if name else str(part)


class _Scalar:
    """Common ground of what is JSON alone; a subclass gives `plain`, which checks and converts."""

    def plain(self, value: Any, name: str) -> Any:
        raise NotImplementedError

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:  # noqa: ARG002
        """Give the value as plain JSON."""
        return self.plain(value.item() if isinstance(value, np.generic) else value, name)

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:  # noqa: ARG002
        """Check the value, which needs no tensors."""
        check(type(self.plain(plain, name)) is type(plain), name, f"has the wrong type: {show(plain)}")
        return {}

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:  # noqa: ARG002
        """Give the value."""
        return plain


class Integer(_Scalar):
    """A whole number from `low` to `high`."""

    def __init__(self, low: int = 0, high: int = _LARGEST) -> None:
        self.low, self.high = low, high

    def plain(self, value: Any, name: str) -> int:
        """Check the number."""
        good = type(value) is int and self.low <= value <= self.high
        check(good, name, f"must be a whole number from {self.low:,} to {self.high:,}, got {show(value)}")
        return value


class Size(Integer):
    """A whole number that is a dimension of the model's arrays."""

    def __init__(self, dimension: str) -> None:
        super().__init__()
        self.dimension = dimension

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Compare the number with the sizes of other parts."""
        check_size(plain, self.dimension, name, sizes)
        return {}


class Real(_Scalar):
    """A finite number from `low` to `high`."""

    def __init__(self, low: float = -math.inf, high: float = math.inf) -> None:
        self.low, self.high = low, high

    def plain(self, value: Any, name: str) -> float:
        """Check the number."""
        good = type(value) in (int, float) and math.isfinite(value) and self.low <= value <= self.high
        check(good, name, f"must be a number from {self.low:g} to {self.high:g}, got {show(value)}")
        return float(value)


ABOVE_ZERO = Real(low=math.ulp(0.0))


class Flag(_Scalar):
    """True or False."""

    def plain(self, value: Any, name: str) -> bool:
        """Check the truth value."""
        check(type(value) is bool, name, f"must be True or False, got {show(value)}")
        return value


class Text(_Scalar):
    """Any text."""

    def plain(self, value: Any, name: str) -> str:
        """Check that it is text."""
        check(isinstance(value, str), name, f"must be text, got {show(value)}")
        return str(value)


class Choice(_Scalar):
    """One of a few words."""

    def __init__(self, *choices: str) -> None:
        self.choices = choices

    def plain(self, value: Any, name: str) -> str:
        """Check that it is one of them."""
        good = isinstance(value, str) and value in self.choices
        check(good, name, f"must be one of {', '.join(map(repr, self.choices))}, got {show(value)}")
        return str(value)


class Optional:
    """A value, or None."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Give null for None."""
        return None if value is None else self.schema.pack(value, name, tensors)

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Nothing for null."""
        return {} if plain is None else self.schema.table(plain, name, sizes)

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Give None for null."""
        return None if plain is None else self.schema.unpack(plain, name, tensors)


class Converted:
    """A value that is stored as another: `store` gives that one, `restore` the value again."""

    def __init__(self, schema: Schema, store: Callable[[Any], Any], restore: Callable[[Any], Any]) -> None:
        self.schema, self.store, self.restore = schema, store, restore

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Pack the other value."""
        return self.schema.pack(self.store(value), name, tensors)

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the tensors of the other value."""
        return self.schema.table(plain, name, sizes)

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Restore the value, or say what is wrong with it."""
        return sound(name, self.restore, self.schema.unpack(plain, name, tensors))


class Listed:
    """Values of one kind; `into` makes a list of them, or a tuple, and `length` is a dimension."""

    def __init__(self, schema: Schema, into: Callable[[list], Any] = list, length: Dimension = None) -> None:
        self.schema, self.into, self.length = schema, into, length

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Pack each value."""
        return [self.schema.pack(one, inner(name, i), tensors) for i, one in enumerate(value)]

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the tensors of all values."""
        check_list(plain, name)
        check_size(len(plain), self.length, name, sizes)
        return _joined(self.schema.table(one, inner(name, i), sizes) for i, one in enumerate(plain))

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Unpack each value."""
        return self.into([self.schema.unpack(one, inner(name, i), tensors) for i, one in enumerate(plain)])


class Tupled:
    """A tuple of a value of each of these kinds."""

    def __init__(self, *schemas: Schema) -> None:
        self.schemas = schemas

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Pack each value."""
        pairs = enumerate(zip(self.schemas, value, strict=True))
        return [schema.pack(one, inner(name, i), tensors) for i, (schema, one) in pairs]

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the tensors of all values."""
        check_list(plain, name, len(self.schemas))
        pairs = enumerate(zip(self.schemas, plain, strict=True))
        return _joined(schema.table(one, inner(name, i), sizes) for i, (schema, one) in pairs)

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Unpack each value."""
        pairs = enumerate(zip(self.schemas, plain, strict=True))
        return tuple(schema.unpack(one, inner(name, i), tensors) for i, (schema, one) in pairs)


class Mapped(Converted):
    """A dict from text to values of one kind; a list of pairs in the file, which keeps their order."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(Listed(Tupled(Text(), schema)), lambda value: value.items(), _distinct)


class Record:
    """An object with these attributes.

    Parameters
    ----------
    make : callable
        Takes the attributes by name and gives the object.
    fields : dict of schemas
    fits : callable, optional
        Raises ValueError where attributes of the object do not fit each other.
    get : callable
        Takes an attribute out of an object.
    """

    def __init__(
        self,
        make: Callable[..., Any],
        fields: Mapping[str, Any],
        fits: Callable[[Any], None] = lambda _: None,
        get: Callable[[Any, str], Any] = getattr,
    ) -> None:
        self.make, self.fields, self.fits, self.get = make, fields, fits, get

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Pack each attribute."""
        self.fits(value)
        return {part: s.pack(self.get(value, part), inner(name, part), tensors) for part, s in self.fields.items()}

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the tensors of all attributes."""
        check_keys(plain, self.fields, name)
        return _joined(schema.table(plain[part], inner(name, part), sizes) for part, schema in self.fields.items())

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Make the object."""
        parts = {part: s.unpack(plain[part], inner(name, part), tensors) for part, s in self.fields.items()}
        value = sound(name, self.make, **parts)
        sound(name, self.fits, value)
        return value


def _joined(tables: Any) -> Table:
    return {name: array for table in tables for name, array in table.items()}


def sound(name: str, make: Callable[..., Any], /, *args: Any, **parts: Any) -> Any:
    """Call what checks its arguments, and tell whose they were."""
    try:
        return make(*args, **parts)
    except ModelFileError:
        raise
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"{name or 'the model'} is not sound: {error}") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(set(map(itemgetter(0), pairs))) < len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)
