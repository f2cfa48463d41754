"""The shapes that a file is compared with are those of the networks, and what no network can be is refused."""

import numpy as np
import pytest

from seqrec.exceptions import ModelFileError
from seqrec.network.architectures import Architecture, FrameArchitecture
from seqrec.network.blueprint import Blueprint, EitherNetwork, Network, architecture_schema
from seqrec.network.frames import FrameModel
from seqrec.network.model import SequenceModel
from seqrec.storage.schemas import Record

SMALL = Architecture(n_codes=9, units=5, embedding_dim=3, n_layers=1, cell="lstm", dropout=0.1, n_negatives=0, seed=0)
FIELDS = {"category_sizes": (4, 6), "n_numbers": 2}
SCHEMA = architecture_schema("n_items + 2", "n_classes")


def assert_shapes_are_those_of_the_network(architecture):
    network, shapes = SequenceModel(architecture), architecture.shapes()
    assert network.architecture == architecture
    assert list(shapes.values()) == [weights.shape for weights in network.get_weights()]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["lstm", "peephole", "gru", "rnn"])
def test_shapes_of_each_cell_and_depth(cell, n_layers):
    assert_shapes_are_those_of_the_network(SMALL._replace(cell=cell, n_layers=n_layers))


@pytest.mark.parametrize("heads", [{}, {"predicts_fields": True}, {"n_classes": 3}], ids=str)
@pytest.mark.parametrize(("category_sizes", "n_numbers"), [((), 0), ((4,), 0), ((), 1), ((4, 6), 2)])
def test_shapes_of_fields_and_heads(category_sizes, n_numbers, heads):
    assert_shapes_are_those_of_the_network(SMALL._replace(category_sizes=category_sizes, n_numbers=n_numbers, **heads))


@pytest.mark.parametrize("n_signs", [3, 4])
@pytest.mark.parametrize("asked", ["number", "category"])
def test_shapes_of_a_network_that_is_asked_about_times(asked, n_signs):
    options = FIELDS | {"asked": asked, "predicts_fields": True, "n_classes": 2, "n_signs": n_signs}
    assert_shapes_are_those_of_the_network(SMALL._replace(**options))


# --- the schema of an architecture


def again(architecture):
    plain = SCHEMA.pack(architecture, "x", {})
    assert SCHEMA.table(plain, "x", {}) == {}
    return SCHEMA.unpack(plain, "x", {})


@pytest.mark.parametrize(
    "options",
    [{}, FIELDS, FIELDS | {"asked": "number", "share_asked": 0.5}, {"n_signs": 4}, {"n_classes": 3}],
    ids=str,
)
def test_an_architecture_comes_back_as_it_was(options):
    architecture = SMALL._replace(**options)
    assert again(architecture) == architecture
    assert type(again(architecture).category_sizes) is tuple


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"asked": "number"}, "a question would need a field that it lacks"),
        ({"asked": "category"}, "a question would need a field that it lacks"),
        ({"asked": "number", "category_sizes": (4,)}, "a question would need a field that it lacks"),
        ({"asked": "category", "n_numbers": 1}, "a question would need a field that it lacks"),
        ({"n_negatives": 9}, "more negatives than items"),
    ],
)
def test_what_cannot_be_built_is_refused(options, message):
    architecture = SMALL._replace(**options)
    plain = SCHEMA.pack(SMALL, "x", {}) | {name: list(v) if type(v) is tuple else v for name, v in options.items()}
    with pytest.raises(ModelFileError, match=message):
        SCHEMA.unpack(plain, "x", {})
    with pytest.raises(ValueError, match=message):
        SCHEMA.pack(architecture, "x", {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cell", "transformer"),
        ("asked", "gap"),
        ("units", 0),
        ("n_layers", 101),
        ("dropout", 1.0),
        ("share_asked", 1.5),
        ("fields_dropped", -0.1),
        ("category_sizes", [1]),
        ("predicts_fields", 1),
        ("seed", 2**32),
        ("n_signs", 2),
        ("n_signs", 5),
    ],
)
def test_what_is_out_of_range_is_refused_by_its_name(name, value):
    plain = SCHEMA.pack(SMALL, "x", {}) | {name: value}
    with pytest.raises(ModelFileError, match=rf"x\.{name}"):
        SCHEMA.table(plain, "x", {})


def test_a_network_without_classes_must_have_none():
    schema = architecture_schema("n_items + 2")
    plain = schema.pack(SMALL, "x", {}) | {"n_classes": 2}
    with pytest.raises(ModelFileError, match=r"x\.n_classes"):
        schema.table(plain, "x", {})


def test_the_number_of_codes_is_that_of_the_catalogue():
    plain = SCHEMA.pack(SMALL, "x", {})
    with pytest.raises(ModelFileError, match=r"x\.n_codes has size 9 where n_items \+ 2 is 10"):
        SCHEMA.table(plain, "x", {"n_items": 8})


# --- the schema of a network


def packed():
    network, tensors = SequenceModel(SMALL._replace(**FIELDS, predicts_fields=True)), {}
    return network, Network(SequenceModel, SCHEMA).pack(network, "x", tensors), tensors


def test_a_network_comes_back_as_a_blueprint_that_builds_it():
    network, plain, tensors = packed()
    schema = Network(SequenceModel, SCHEMA)
    assert schema.table(plain, "x", {}) == {name: (str(a.dtype), a.shape) for name, a in tensors.items()}
    blueprint = schema.unpack(plain, "x", tensors)
    assert isinstance(blueprint, Blueprint)
    built = blueprint.build()
    assert built.architecture == network.architecture
    for weights, expected in zip(built.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_by_their_name(value):
    network, plain, tensors = packed()
    tensors["x.projection"] = np.full_like(tensors["x.projection"], value)
    with pytest.raises(ModelFileError, match=r"x\.projection holds values that are NaN or infinite"):
        Network(SequenceModel, SCHEMA).unpack(plain, "x", tensors)
    network.set_weights([np.full_like(weights, value) for weights in network.get_weights()])
    with pytest.raises(ModelFileError, match="NaN or infinite"):
        Network(SequenceModel, SCHEMA).pack(network, "x", {})


# --- one of two kinds of network

FRAMES = FrameArchitecture(
    n_inputs=2, n_classes=3, units=4, n_layers=1, cell="lstm", both_ways=True, dropout=0.0, n_networks=1, seed=0
)
EITHER = EitherNetwork(Network(SequenceModel, SCHEMA), Network(FrameModel, Record(FrameArchitecture)))


@pytest.mark.parametrize(("kind", "architecture"), [(SequenceModel, SMALL), (FrameModel, FRAMES)])
def test_a_network_of_either_kind_comes_back_as_one_of_its_own(kind, architecture):
    network, tensors = kind(architecture), {}
    plain = EITHER.pack(network, "x", tensors)
    assert EITHER.table(plain, "x", {}) == {name: (str(a.dtype), a.shape) for name, a in tensors.items()}
    blueprint = EITHER.unpack(plain, "x", tensors)
    assert (blueprint.make, blueprint.architecture) == (kind, architecture)


@pytest.mark.parametrize("plain", [None, 3, [], {}, {"units": 4}])
def test_what_is_a_network_of_neither_kind_is_refused(plain):
    with pytest.raises(ModelFileError):
        EITHER.table(plain, "x", {})
