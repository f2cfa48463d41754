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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import repeat
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin, get_type_hints

import numpy as np

from seqrec._checks import show
from seqrec.exceptions import ModelFileError
from seqrec.storage.container import Table, Tensors, check, distinct

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
    if isinstance(dimension, str):
        base, _, more = dimension.partition(" + ")
        known = sizes.setdefault(base, size - int(more or 0)) + int(more or 0)
        check(size >= int(more or 0), name, f"has size {size}, too small for {dimension}")
        check(size == known, name, f"has size {size} where {dimension} is {known}")
    check(not isinstance(dimension, int) or size == dimension, name, f"has size {size}, not {dimension}")


def inner(name: str, part: str | int) -> str:
    """Name of a part."""
    return f"{name}.{part}" if name else str(part)


class Scalar:
    """What is JSON alone: values of some types that are `good`, which `what` says in words."""

    def __init__(self, types: tuple[type, ...], what: str, good: Callable[[Any], bool] = lambda _: True) -> None:
        self.types, self.what, self.good = types, what, good

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:  # noqa: ARG002
        """Give the value as plain JSON."""
        value = value.item() if isinstance(value, np.generic) else value
        return self._checked(float(value) if self.types == (float,) and type(value) is int else value, name)

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:  # noqa: ARG002
        """Check the value, which needs no tensors."""
        self._checked(plain, name)
        return {}

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:  # noqa: ARG002
        """Give the value."""
        return plain

    def _checked(self, value: Any, name: str) -> Any:
        check(type(value) in self.types and self.good(value), name, f"must be {self.what}, got {show(value)}")
        return value


class Integer(Scalar):
    """A whole number from `low` to `high`."""

    def __init__(self, low: int = 0, high: int = _LARGEST) -> None:
        super().__init__((int,), f"a whole number from {low:,} to {high:,}", lambda value: low <= value <= high)


class Size(Integer):
    """A whole number that is a dimension of the model's arrays."""

    def __init__(self, dimension: str) -> None:
        super().__init__()
        self.dimension = dimension

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Compare the number with the sizes of other parts."""
        check_size(plain, self.dimension, name, sizes)
        return {}


class Real(Scalar):
    """A finite number from `low` to `high`."""

    def __init__(self, low: float = -math.inf, high: float = math.inf) -> None:
        what = f"a number from {low:g} to {high:g}"
        super().__init__((float,), what, lambda value: math.isfinite(value) and low <= value <= high)


ABOVE_ZERO = Real(low=math.ulp(0.0))


class Flag(Scalar):
    """True or False."""

    def __init__(self) -> None:
        super().__init__((bool,), "True or False")


class Text(Scalar):
    """Any text."""

    def __init__(self) -> None:
        super().__init__((str,), "text")


class Choice(Scalar):
    """One of a few words."""

    def __init__(self, *choices: str) -> None:
        super().__init__((str,), f"one of {', '.join(map(repr, choices))}", lambda value: value in choices)


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


class Absent(Optional):
    """A value, or an attribute that an estimator does not have."""


class Example(Optional):
    """What names training data, such as keys of users; a file holds it only if it was asked to keep examples."""

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Give null as well where examples are not kept."""
        return super().pack(value if tensors.keep_examples else None, name, tensors)


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
        self.schemas: Iterable[Schema] = repeat(schema)
        self.into, self.length = into, length

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Pack each value."""
        return [schema.pack(one, part, tensors) for schema, one, part in self._each(value, name)]

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the tensors of all values."""
        check_list(plain, name)
        check_size(len(plain), self.length, name, sizes)
        return joined(schema.table(one, part, sizes) for schema, one, part in self._each(plain, name))

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Unpack each value."""
        return self.into([schema.unpack(one, part, tensors) for schema, one, part in self._each(plain, name)])

    def _each(self, values: Iterable[Any], name: str) -> Iterator[tuple[Schema, Any, str]]:
        pairs = zip(self.schemas, values, strict=False)  # the schema of a list goes on without end
        return ((schema, one, inner(name, i)) for i, (schema, one) in enumerate(pairs))


class Tupled(Listed):
    """A tuple of a value of each of these kinds."""

    def __init__(self, *schemas: Schema) -> None:
        self.schemas, self.into, self.length = schemas, tuple, len(schemas)


class Mapped(Converted):
    """A dict from text to values of one kind; a list of pairs in the file, which keeps their order."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(Listed(Tupled(Text(), schema)), lambda value: value.items(), distinct)


class Record:
    """An object with these attributes.

    Parameters
    ----------
    make : callable
        Takes the attributes by name and gives the object. If what it makes has a method `check_sound`, this raises
        ValueError where attributes do not fit each other.
    fields : dict of schemas, optional
        By default those of the type hints of `make`, a `NamedTuple`. An attribute that an object lacks is None.
    """

    def __init__(self, make: Callable[..., Any], fields: Mapping[str, Schema] | None = None) -> None:
        self.make, self.fields = make, schemas_of(make) if fields is None else fields
        self.check: Callable[[Any], None] = getattr(make, "check_sound", lambda _: None)

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Pack each attribute."""
        self.check(value)
        parts = ((part, schema, getattr(value, part, None)) for part, schema in self.fields.items())
        return {part: schema.pack(one, inner(name, part), tensors) for part, schema, one in parts}

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the tensors of all attributes."""
        check_keys(plain, self.fields, name)
        return joined(schema.table(plain[part], inner(name, part), sizes) for part, schema in self.fields.items())

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Make the object."""
        parts = {part: s.unpack(plain[part], inner(name, part), tensors) for part, s in self.fields.items()}
        value = sound(name, self.make, **parts)
        sound(name, self.check, value)
        return value


def schemas_of(kind: Any) -> dict[str, Schema]:
    """Give the schema of each attribute of a `NamedTuple`, by its type hints."""
    return {name: _schema_of(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}


def _schema_of(hint: Any) -> Schema:
    """Give the schema that a hint is `Annotated` with, or that of its type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return parts[1]
    if origin in (Union, UnionType):
        return Optional(_schema_of(parts[0]))
    if origin in (list, tuple):
        return Listed(_schema_of(parts[0]), origin)
    if origin is dict:
        return Mapped(_schema_of(parts[1]))
    plain = {str: Text(), bool: Flag(), int: Integer(), float: Real()}
    return plain[hint] if hint in plain else Record(hint)


def joined(tables: Iterable[Table]) -> Table:
    """Give the tensors of all parts."""
    return {name: array for table in tables for name, array in table.items()}


def sound(name: str, make: Callable[..., Any], /, *args: Any, **parts: Any) -> Any:
    """Call what checks its arguments, and tell whose they were."""
    try:
        return make(*args, **parts)
    except ModelFileError:
        raise
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"{name or 'the model'} is not sound: {error}") from error
