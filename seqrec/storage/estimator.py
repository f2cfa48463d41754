"""Estimators as model files: parameters and fitted attributes by each class's own schema; pickles hold these bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace
from typing import Any, BinaryIO, ClassVar

from seqrec._checks import show
from seqrec.exceptions import ModelFileError
from seqrec.storage import container
from seqrec.storage.columns import Columns
from seqrec.storage.container import Table, Tensors, check
from seqrec.storage.parameters import PARAMETER
from seqrec.storage.schemas import (
    Absent,
    Choice,
    Mapped,
    Optional,
    Record,
    Schema,
    Sizes,
    Text,
    check_keys,
    joined,
    sound,
)

_FILE = "_model_file"  # in a pickle's state


class Storable:
    """Pickles, and copies, an estimator as its model file, beside what a user or a subclass has added.

    A class that is stored as itself sets `_schema`: a schema of each attribute that a fit sets. What is `Optional` may
    be missing.
    """

    _schema: ClassVar[dict[str, Schema]]
    _get_param_names: ClassVar[Callable[[], list[str]]]

    def _check_fitted(self) -> None:
        """Raise ValueError where parameters and attributes that were read do not fit each other."""

    def _build(self) -> None:
        """Build the networks, of which blueprints were read."""

    def __getstate__(self) -> dict[str, Any]:
        """Give the bytes of the model file, and the attributes that it does not hold."""
        state: Any = super().__getstate__()
        if not is_fitted(self):
            return state
        covered = {*kind_of(self)._schema, *kind_of(self)._get_param_names()}
        return {name: value for name, value in state.items() if name not in covered} | {
            _FILE: to_bytes(self, keep_examples=True)
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the estimator anew."""
        state = dict(state)
        file = state.pop(_FILE, None)
        super().__setstate__(state)  # type: ignore[misc]
        if file is not None:
            kind = kind_of(self)
            vars(self).update(vars(read(io.BytesIO(file), {kind.__name__: kind}.get)))


def kind_of(estimator: Storable) -> type[Storable]:
    """Give the class that an estimator is stored as: its own, or the nearest that it is made from."""
    return next(kind for kind in type(estimator).__mro__ if "_schema" in vars(kind))


def is_fitted(estimator: Storable) -> bool:
    """Whether all is there that a fit sets."""
    schema = kind_of(estimator)._schema
    return all(hasattr(estimator, name) or isinstance(part, Optional) for name, part in schema.items())


def to_bytes(estimator: Storable, columns: Columns | None = None, keep_examples: bool = False) -> bytes:
    """Give the model file of a fitted estimator, with the `Example`s that it holds or without."""
    kind, tensors = kind_of(estimator), Tensors()
    tensors.keep_examples = keep_examples
    parts = SimpleNamespace(estimator=kind.__name__, model=estimator, libraries=_libraries(), columns=columns)
    content = _content(kind).pack(parts, "", tensors)
    found = {name: (str(array.dtype), array.shape) for name, array in tensors.items()}
    check(_content(kind).table(content, "", {}) == found, "the attributes of this estimator", "are not those of a fit")
    return container.to_bytes(content, tensors)


def read(file: BinaryIO, find: Callable[[str], type[Storable] | None]) -> Any:
    """Read an estimator; `find` gives the class of a name.

    Raises
    ------
    ModelFileError
        If the file is anything else than what `to_bytes` gives.
    """

    def schema_of(content: dict[str, Any]) -> Record:
        name = content.get("estimator")
        kind = find(name) if isinstance(name, str) else None
        if kind is None:
            raise ModelFileError(f"it holds {show(name)}, which is no estimator of seqrec.")
        return _content(kind)

    document, tensors = container.read(file, lambda content: schema_of(content).table(content, "", {}))
    return schema_of(document.content).unpack(document.content, "", tensors).model


COLUMNS = Record(Columns)
LIBRARIES = Mapped(Text())


def _content(kind: type[Storable]) -> Record:
    of_kind: dict[str, Schema] = {"estimator": Choice(kind.__name__), "model": Estimator(kind)}
    return Record(SimpleNamespace, of_kind | {"libraries": LIBRARIES, "columns": Optional(COLUMNS)})


class Estimator:
    """Schema of a fitted estimator: its parameters, and its attributes."""

    def __init__(self, kind: type[Storable]) -> None:
        parameters = Record(kind, dict.fromkeys(kind._get_param_names(), PARAMETER))
        self.parts = {"parameters": parameters, "fitted": Record(dict, kind._schema)}

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Pack both, unless they could not be read again."""
        value._validate_params()
        value._check_fitted()
        return {part: schema.pack(value, name, tensors) for part, schema in self.parts.items()}

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:  # noqa: ARG002
        """Give the tensors of both; dimensions are the estimator's own."""
        check_keys(plain, self.parts, name)
        return joined(schema.table(plain[part], name, {}) for part, schema in self.parts.items())

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Any:
        """Make the estimator."""
        estimator, attributes = (schema.unpack(plain[part], name, tensors) for part, schema in self.parts.items())
        sound(name, estimator._validate_params)
        fields = self.parts["fitted"].fields
        absent = {part for part, one in attributes.items() if one is None and isinstance(fields[part], Absent)}
        vars(estimator).update({part: one for part, one in attributes.items() if part not in absent})
        sound(name, estimator._check_fitted)
        estimator._build()
        return estimator


@cache
def _libraries() -> dict[str, str]:
    """Versions of the libraries that decide over the numbers, where they are installed."""
    found = {}
    for name in ("keras", "numpy", "scikit-learn", "tensorflow", "tensorflow-cpu"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
