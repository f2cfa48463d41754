"""The networks as a model file knows them: what they are built with, and which weights follow from that.

No Keras here: the shapes are compared with a file before anything is built. The numbers below belong to the format.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.storage.container import Table, Tensors
from seqrec.storage.schemas import Choice, Flag, Integer, Listed, Real, Record, Size, Sizes, check, inner

Shapes = dict[str, tuple[int, ...]]  # of the weights, in the order of `get_weights`

_N_RECENT = 10
_N_GAPS = 40
_NUMBER_WIDTH = 18  # of a number as the encoder sees it
_HIDDEN_UNITS = 64
_N_MIXTURE_PARAMETERS = 39
_GATES = {"lstm": 4, "peephole": 4, "gru": 3, "rnn": 1}
_SEED = Integer(0, 2**32 - 1)

_ENCODER = {
    "units": Integer(1),
    "embedding_dim": Integer(1),
    "n_layers": Integer(1, 100),
    "cell": Choice(*_GATES),
    "dropout": Real(0, 1 - 2**-53),
    "n_negatives": Integer(),
}


def _check_negatives(arguments: dict[str, Any]) -> None:
    if arguments["n_negatives"] >= arguments["n_codes"]:
        raise ValueError("there are more negatives than items.")


def _encoder(fields: dict[str, Any]) -> Record:
    return Record(dict, fields | _ENCODER, _check_negatives, get=getitem)


_EVENT_FIELDS = {
    "network": _encoder({"n_codes": Size("n_items + 3")}),  # the end of a sequence is an event, too
    "category_sizes": Listed(Integer(2), length="n_categories"),
    "n_numbers": Size("n_numbers"),
    "seed": _SEED,
}
SEQUENCE_MODEL = _encoder({"n_codes": Size("n_items + 2"), "with_time": Flag(), "seed": _SEED})
EVENT_MODEL = Record(dict, _EVENT_FIELDS, get=getitem)
CLASS_MODEL = Record(dict, _EVENT_FIELDS | {"n_classes": Size("n_classes")}, get=getitem)


def sequence_shapes(
    n_codes: int, units: int, embedding_dim: int, n_layers: int, cell: str, with_time: bool = False, **_: Any
) -> Shapes:
    """Shapes of a `SequenceModel`; its further arguments change none."""
    shapes: Shapes = {"items": (n_codes, embedding_dim)}
    for layer in range(n_layers):
        width = embedding_dim if layer == 0 else units
        shapes |= {f"layer {layer} {name}": shape for name, shape in _layer_shapes(cell, width, units).items()}
    shapes |= {
        "recent": (_N_RECENT, embedding_dim, 1),
        "projection": (units, embedding_dim),
        "bias": (n_codes,),
        "log scale": (1,),
    }
    if with_time:
        shapes |= dict.fromkeys(("gaps", "next gap scale", "next gap shift"), (_N_GAPS, embedding_dim))
    return shapes


def _layer_shapes(cell: str, width: int, units: int) -> Shapes:
    columns = _GATES[cell] * units
    bias = (2, columns) if cell == "gru" else (columns,)
    shapes: Shapes = {"kernel": (width, columns), "recurrent kernel": (units, columns), "bias": bias}
    return shapes | ({"peepholes": (3, units)} if cell == "peephole" else {})


def event_shapes(network: dict[str, Any], category_sizes: list[int], n_numbers: int, **_: Any) -> Shapes:
    """Shapes of an `EventModel`."""
    width, n_fields = network["embedding_dim"], len(category_sizes) + n_numbers
    shapes = _encoder_shapes(network, category_sizes, n_numbers)
    for field in range(n_fields):
        shapes |= _dense_shapes(f"field {field} hidden", 2 * width, _HIDDEN_UNITS)
    for field, size in enumerate([*category_sizes, *[_N_MIXTURE_PARAMETERS] * n_numbers]):
        shapes |= _dense_shapes(f"field {field} parameters", _HIDDEN_UNITS, size)
    return shapes


def class_shapes(
    network: dict[str, Any], category_sizes: list[int], n_numbers: int, n_classes: int, **_: Any
) -> Shapes:
    """Shapes of a `ClassModel`."""
    return (
        _encoder_shapes(network, category_sizes, n_numbers)
        | _dense_shapes("hidden", 2 * network["embedding_dim"], _HIDDEN_UNITS)
        | _dense_shapes("classes", _HIDDEN_UNITS, n_classes)
    )


def _encoder_shapes(network: dict[str, Any], category_sizes: list[int], n_numbers: int) -> Shapes:
    width = network["embedding_dim"]
    shapes = sequence_shapes(**network)
    shapes |= {f"category {column}": (size, width) for column, size in enumerate(category_sizes)}
    for column in range(n_numbers):
        shapes |= _dense_shapes(f"number {column}", _NUMBER_WIDTH, width)
    return shapes


def _dense_shapes(name: str, width: int, units: int) -> Shapes:
    return {f"{name} kernel": (width, units), f"{name} bias": (units,)}


class Blueprint(NamedTuple):
    """A network that can be built: `make` takes the arguments, and the weights fit what it makes."""

    make: Callable[..., Any]
    arguments: dict[str, Any]
    weights: list[NDArray]

    def build(self) -> Any:
        """Make the network, and set its weights."""
        network = self.make(**self.arguments)
        network.set_weights(self.weights)
        return network


class Network:
    """Schema of a network with `arguments`: these, and its weights. It comes back as a `Blueprint`.

    Parameters
    ----------
    make : callable
        Makes the network from its arguments.
    arguments : Record
    shapes : callable
        Gives the shapes of the weights from the arguments.
    """

    def __init__(self, make: Callable[..., Any], arguments: Record, shapes: Callable[..., Shapes]) -> None:
        self.make, self.arguments, self.shapes = make, arguments, shapes

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Put the weights among the tensors."""
        plain = self.arguments.pack(value.arguments, name, tensors)
        weights = {inner(name, part): w for part, w in zip(self.shapes(**plain), value.get_weights(), strict=True)}
        _check_finite(weights)
        tensors |= weights
        return plain

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the shapes that follow from the arguments."""
        self.arguments.table(plain, name, sizes)
        return {inner(name, part): ("float32", shape) for part, shape in self.shapes(**plain).items()}

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Blueprint:
        """Check the weights; what builds the network does so when all of the model is checked."""
        weights = {part: tensors[part] for part in (inner(name, part) for part in self.shapes(**plain))}
        _check_finite(weights)
        return Blueprint(self.make, self.arguments.unpack(plain, name, tensors), list(weights.values()))


def _check_finite(weights: Tensors) -> None:
    for name, values in weights.items():
        check(np.isfinite(values).all(), name, "holds values that are NaN or infinite")
