"""Small networks, and events for them to read; shared by the tests of several modules."""

import numpy as np
import pytest
import tensorflow as tf

from seqrec.data.fields import NEGATIVE, NOT_GIVEN, POSITIVE, ZERO
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary
from seqrec.network.architectures import Architecture
from seqrec.network.model import SequenceModel

PLAIN = Architecture(n_codes=12, units=5, embedding_dim=6, n_layers=1, cell="lstm", dropout=0.0, n_negatives=0, seed=0)
WITH_FIELDS = PLAIN._replace(category_sizes=(5, 4), n_numbers=2, asked="number", predicts_fields=True)
CELLS = ("lstm", "peephole", "gru", "rnn")


def quickest(*params, n):
    """The first n parameters of a test, and the others for the slow suite."""
    return [*params[:n], *(pytest.param(param, marks=pytest.mark.slow) for param in params[n:])]


def random_network(architecture=PLAIN, seed=0, scale=0.5, dtype="float32"):
    """A network whose weights are all random: untrained, it leaves some of them at 0."""
    network, rng = SequenceModel(architecture, dtype), np.random.default_rng(seed)
    network.set_weights([rng.normal(0, scale, weight.shape).astype("f4") for weight in network.get_weights()])
    return network


def random_numbers(shape, rng):
    """Signs, missing ones among them, and sizes, (*shape, 2)."""
    signs = rng.choice([NOT_GIVEN, NEGATIVE, ZERO, POSITIVE], shape)
    return np.stack([signs, np.where(signs % 2 == 1, rng.normal(size=shape), 0)], axis=-1).astype(np.float32)


def random_events(architecture, shape, seed=0):
    """Codes, categories and numbers of events, (*shape, ...) each."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(N_RESERVED, architecture.n_codes, shape).astype(np.int32)
    categories = [rng.integers(1, size, shape) for size in architecture.category_sizes]
    stacked = np.stack([*categories, np.zeros(shape)], axis=-1)[..., :-1].astype(np.int32)
    return [codes, stacked, random_numbers((*shape, architecture.n_numbers), rng)]


def states_of(network, events, training=False):
    """The encoder's states after each of these events, from no memory, (batch, time, embedding_dim) float32."""
    states, _ = network.encoder.read(network.encoder.start(len(events[0])), *events, training=training)
    return tf.cast(states, tf.float32).numpy()


def started(network, n):
    """Memory and state of n sequences that start."""
    nothing = [np.zeros((n, 1, *spec.shape[2:]), spec.dtype.name) for spec in network.event_signature]
    state = tf.zeros((n, network.architecture.embedding_dim))
    return network.read(network.encoder.start(n), state, nothing, np.ones(n, np.int32), keep=True, step="follow")


def encoded_log(architecture, lengths, seed=0):
    """An encoded log of random events, unknown ones among them, with times."""
    lengths, n = np.asarray(lengths, np.int64), int(np.sum(lengths))
    codes, categories, numbers = random_events(architecture, (n,), seed)
    codes[::7] = UNKNOWN
    return Sequences(
        codes=codes,
        indptr=np.concatenate([[0], np.cumsum(lengths)]),
        keys=np.arange(len(lengths)),
        vocabulary=Vocabulary(np.arange(architecture.n_codes - N_RESERVED)),
        timestamps=np.datetime64("2026-01-01", "us") + np.arange(n) * np.timedelta64(1, "s"),
        rows=np.arange(n),
        columns={"categories": categories, "numbers": numbers},
    )
