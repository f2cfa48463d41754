"""What was expected of events of one sequence, field by field, and how odd what came instead is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.ends import with_ends
from seqrec.data.fields import EVENT, Number
from seqrec.data.sequences import Sequences
from seqrec.detect.attribution import LIMITS, expected_fields, likeliest, smallest_of, states_before
from seqrec.detect.normal import Normal
from seqrec.network import mixtures
from seqrec.network.reading import Reader
from seqrec.network.tensorflow import tf


class Judgement(NamedTuple):
    """How odd each field of n events is.

    Attributes
    ----------
    surprisal : (n,) float32, nats
        Of the event and its fields together.
    p_value : (n,) float64
        Of the event and its fields together.
    p_values : dict of (n,) float64
        Of the event and of each of its fields, by name.
    expected : dict of n str
        What was likeliest there, with probabilities; of a number, the range of 90 %.
    ranges : dict of (n, 2) float64
        The ends of that range, of each numeric field.
    """

    surprisal: NDArray[np.float32]
    p_value: NDArray[np.float64]
    p_values: dict[str, NDArray[np.float64]]
    expected: dict[str, list[str]]
    ranges: dict[str, NDArray[np.float64]]


def judge(normal: Normal, X: Sequences, events: NDArray, names: NDArray, n_expected: int = 3) -> Judgement:
    """Compare events of the one sequence of X with what was expected of them.

    Parameters
    ----------
    normal : Normal
    X : Sequences of length 1
    events : (n,) integer array
        Positions, rising; that after the last event is the end.
    names : (n_items + 1,) array of str
        What the known kinds of events are called, and the end.
    n_expected : int
        Likeliest outcomes that are named.
    """
    chain, found = normal.read_closed(X, compare=True)
    fields, network = normal.fields, normal.network
    encoded = fields.encode(X.recode(normal.vocabulary))
    states, closed = states_before(normal, encoded, chain, events), with_ends(encoded)
    known = [array[events] for array in (closed.codes, closed.columns["categories"], closed.columns["numbers"])]
    parameters = list(network.fields.parameters(states, *known))
    logits = network.head.logits(states, Reader.of(network).table)
    expected = {EVENT: likeliest(tf.nn.softmax(logits).numpy(), names, n_expected)}
    of_numbers = zip(fields.numbers, parameters[len(fields.categories) :], strict=True)
    p_values = found.p_values()[events]
    return Judgement(
        found.surprisal[events].sum(axis=1),
        smallest_of(p_values),
        dict(zip([EVENT, *fields.names], p_values.T, strict=True)),
        expected | dict(expected_fields(fields, iter(parameters), n_expected)),
        {number.name: _range(number, one.numpy()) for number, one in of_numbers},
    )


def _range(number: Number, parameters: NDArray) -> NDArray[np.float64]:
    *_, signs, low, high = mixtures.intervals(parameters, LIMITS)
    return np.sort(np.stack([signs * number.decode(low), signs * number.decode(high)], axis=1), axis=1)
