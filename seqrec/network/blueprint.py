"""A network as a model file knows it: its architecture, and its weights.

No Keras here: the shapes are compared with a file before anything is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

from seqrec.network.architectures import Architecture, FilmArchitecture, FrameArchitecture, QuantileArchitecture
from seqrec.storage.arrays import check_finite
from seqrec.storage.container import Table, Tensors
from seqrec.storage.schemas import Integer, Record, Size, Sizes, inner, schemas_of


def architecture_schema(n_codes: str, n_classes: str | None = None) -> Record:
    """Give the schema of an `Architecture` with these dimensions, such as "n_items + 2"."""
    own = {"n_codes": Size(n_codes), "n_classes": Integer(0, 0) if n_classes is None else Size(n_classes)}
    return Record(Architecture, schemas_of(Architecture) | own)


class Rebuilt:
    """Mixin of networks: a pickle, or a copy, holds the architecture and the weights; graphs are built anew."""

    architecture: Any
    get_weights: Callable[[], list[NDArray]]

    def __reduce__(self) -> tuple:
        """Give the blueprint."""
        return Blueprint(type(self), self.architecture, self.get_weights()).build, ()


class Blueprint(NamedTuple):
    """A network that can be built: `make` takes the architecture, and the weights fit what it makes."""

    make: Callable[..., Any]
    architecture: Architecture | QuantileArchitecture | FrameArchitecture | FilmArchitecture
    weights: list[NDArray]

    def build(self) -> Any:
        """Make the network, and set its weights."""
        network = self.make(self.architecture)
        network.set_weights(self.weights)
        return network


class Network:
    """Schema of a network: its architecture, and its weights. It comes back as a `Blueprint`.

    Parameters
    ----------
    make : callable
        Makes the network from its architecture.
    architecture : Record
        From `architecture_schema`, or of one of the others.
    """

    def __init__(self, make: Callable[..., Any], architecture: Record) -> None:
        self.make, self.architecture = make, architecture

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Put the weights among the tensors."""
        plain = self.architecture.pack(value.architecture, name, tensors)
        for part, weights in zip(value.architecture.shapes(), value.get_weights(), strict=True):
            tensors[inner(name, part)] = check_finite(weights, inner(name, part))
        return plain

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the shapes that follow from the architecture."""
        self.architecture.table(plain, name, sizes)
        shapes = self.architecture.unpack(plain, name, Tensors()).shapes()
        return {inner(name, part): ("float32", shape) for part, shape in shapes.items()}

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Blueprint:
        """Check the weights; what builds the network does so when all of the model is checked."""
        architecture = self.architecture.unpack(plain, name, tensors)
        parts = [inner(name, part) for part in architecture.shapes()]
        return Blueprint(self.make, architecture, [check_finite(tensors[part], part) for part in parts])


class EitherNetwork:
    """Schema of a network of one of some kinds, whose architectures have different attributes.

    Parameters
    ----------
    kinds : Network
    """

    def __init__(self, *kinds: Network) -> None:
        self.kinds = kinds

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Pack the network as one of its kind."""
        return next(kind for kind in self.kinds if isinstance(value, kind.make)).pack(value, name, tensors)  # type: ignore[arg-type]

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the shapes that follow from the architecture."""
        return self._kind_of(plain).table(plain, name, sizes)

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> Blueprint:
        """Check the weights."""
        return self._kind_of(plain).unpack(plain, name, tensors)

    def _kind_of(self, plain: Any) -> Network:
        """Tell the kind by the attributes; what is of none is for the first to refuse."""
        keys = set(plain) if isinstance(plain, dict) else None
        return next((kind for kind in self.kinds if keys == set(kind.architecture.fields)), self.kinds[0])
