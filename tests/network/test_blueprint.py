"""The shapes that a file is compared with are those of the networks."""

import pytest

from seqrec.network.blueprint import class_shapes, event_shapes, sequence_shapes
from seqrec.network.class_model import ClassModel
from seqrec.network.event_model import EventModel
from seqrec.network.model import SequenceModel

NETWORK = {
    "n_codes": 9,
    "units": 5,
    "embedding_dim": 3,
    "n_layers": 1,
    "cell": "lstm",
    "dropout": 0.1,
    "n_negatives": 0,
}


def assert_same(shapes, network):
    assert list(shapes.values()) == [weights.shape for weights in network.get_weights()]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("with_time", [False, True])
@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["lstm", "peephole", "gru", "rnn"])
def test_shapes_of_a_sequence_model(cell, n_layers, with_time):
    arguments = NETWORK | {"cell": cell, "n_layers": n_layers, "with_time": with_time, "seed": 0}
    network = SequenceModel(**arguments)
    assert network.arguments == arguments
    assert_same(sequence_shapes(**arguments), network)


@pytest.mark.parametrize("cell", ["lstm", "peephole", "gru", "rnn"])
@pytest.mark.parametrize(("category_sizes", "n_numbers"), [([], 0), ([4], 0), ([], 1), ([4, 6], 2)])
def test_shapes_of_an_event_model(cell, category_sizes, n_numbers):
    arguments = {
        "category_sizes": category_sizes,
        "n_numbers": n_numbers,
        "seed": 0,
        "network": NETWORK | {"cell": cell},
    }
    network = EventModel(**arguments)
    assert network.arguments.items() >= arguments.items()
    assert_same(event_shapes(**arguments), network)


@pytest.mark.parametrize(("category_sizes", "n_numbers"), [([], 0), ([4, 6], 2)])
def test_shapes_of_a_class_model(category_sizes, n_numbers):
    arguments = {
        "category_sizes": category_sizes,
        "n_numbers": n_numbers,
        "seed": 0,
        "n_classes": 3,
        "network": NETWORK,
    }
    network = ClassModel(**arguments)
    assert network.arguments == arguments
    assert_same(class_shapes(**arguments), network)
