"""Why a sequence is odd: which of its events fired, in which field, and what was expected there instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from seqrec.data.ends import Chain
from seqrec.data.fields import Fields, Number, field_columns
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.network import mixtures
from seqrec.network.batches import in_whole_tiles, reading_batches
from seqrec.network.event_encoder import real_targets
from seqrec.network.reading import Closed, EventReader, Judgement, Reading

EVENT = "event"  # the field that says what happened
END = "(end)"
_AT_ONCE = 256  # events
_LIMITS = (0.05, 0.95)  # of what is expected of a number


def field_p_values(reading: Reading, judgement: Judgement) -> NDArray[np.float64]:
    """P-value of each event and of each of its fields, (n, 1 + n_fields); 1 where a field is missing."""
    of_numbers = np.exp(-reading.tails.astype(np.float64))
    p_values = np.concatenate([judgement.no_likelier, of_numbers], axis=1, dtype=np.float64)
    return np.clip(p_values, np.finfo(np.float64).tiny, 1.0)


def smallest_of(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-value of the smallest of m independent ones, (n, m) -> (n,): ``1 - (1 - p) ** m`` (Sidak 1967)."""
    return -np.expm1(p_values.shape[1] * np.log1p(-np.minimum(p_values.min(axis=1), 1 - 1e-16)))


def explain_events(reader: EventReader, X: Sequences, n_events: int, n_expected: int) -> pd.DataFrame:
    """Give the oddest events of each sequence of X, with what was expected of their oddest field.

    Returns
    -------
    frame : DataFrame
        A row an event, in X's own ids, of unknown events too: `which` (of the sequences of X), `sequence`, `position`,
        `row`, `event`, `field`, `value`, `surprisal`, `p_value`, `expected`.
    """
    known = X.recode(reader.vocabulary)
    chain, *judged = reader.judge(known)
    reading, p_values, indptr = judged[0], field_p_values(*judged), chain.indptr
    which = np.repeat(np.arange(len(X)), np.diff(indptr))
    order = np.lexsort((smallest_of(p_values), which))
    chosen = order[np.arange(len(order)) - indptr[which] < n_events]
    expected = _expectations(reader, known, np.sort(chosen), n_expected)
    field = p_values[chosen].argmin(axis=1)
    names = np.array([EVENT, *reader.fields.names], dtype=object)
    columns = {name: _with_ends(chain, values, np.nan) for name, values in field_columns(X).items()}
    items = _with_ends(chain, X.vocabulary.decode(X.codes).astype(object), END)
    columns = {EVENT: items} | columns
    at = np.searchsorted(np.sort(chosen), chosen)
    return pd.DataFrame(
        {
            "which": which[chosen],
            "sequence": X.keys[which[chosen]],
            "position": chosen - indptr[which[chosen]],
            "row": _with_ends(chain, X.rows, -1)[chosen].astype(np.int64),
            "event": items[chosen],
            "field": names[field],
            "value": [columns[name][event] for name, event in zip(names[field], chosen, strict=True)],
            "surprisal": reading.surprisal[chosen, field],
            "p_value": smallest_of(p_values[chosen]),
            "expected": [expected[name][row] for name, row in zip(names[field], at, strict=True)],
        }
    )


def _with_ends(chain: Chain, values: NDArray, end: Any) -> NDArray:
    """Give one value for each event of the chain, objects."""
    result = np.full(len(chain.codes), end, dtype=object)
    result[chain.events] = values
    return result


def _expectations(reader: EventReader, X: Sequences, events: NDArray, k: int) -> dict[str, NDArray]:
    """Say for each field what was expected at some `events` of the chain of X, rising: the k likeliest, as text."""
    closed, network = Closed.of(X, reader.fields), reader.network
    found = {name: np.full(len(events), "", dtype=object) for name in (EVENT, *reader.fields.names)}
    names = np.append(reader.vocabulary.items.astype(object), END)
    for group in reading_batches(closed.sequences, _AT_ONCE, (closed.categories, closed.numbers)):
        memory = None
        for positions, batch in group:
            arrays = [in_whole_tiles(array) for array in network.arrays_of(batch)]
            memory = network.start(len(arrays[0])) if memory is None else memory
            inputs, targets, in_categories, in_numbers, *own = map(tf.constant, arrays)
            states, memory = network.read(memory, inputs, in_categories, in_numbers)
            here = np.flatnonzero(np.isin(positions, events))
            states, targets, *own = (tf.gather(part, here) for part in real_targets(targets, states, targets, *own))
            rows = np.searchsorted(events, positions[here])
            found[EVENT][rows] = _likeliest(tf.nn.softmax(network.sequence.head.logits(states)).numpy(), names, k)
            parameters = network.field_parameters(states, targets, *own)
            for name, texts in _expected_fields(reader.fields, parameters, k):
                found[name][rows] = texts
    return found


def _expected_fields(fields: Fields, parameters: Any, k: int) -> Any:
    for category in fields.categories:
        shares = tf.nn.softmax(next(parameters)).numpy()[:, N_RESERVED:]
        yield category.name, _likeliest(shares, category.values, k)
    for number in fields.numbers:
        yield number.name, _ranges(next(parameters).numpy(), number)


def _likeliest(shares: NDArray, names: NDArray, k: int) -> list[str]:
    best = np.argsort(-shares, axis=1, kind="stable")[:, :k]
    return [
        ", ".join(f"{names[column]} {row[column]:.0%}" for column in columns if row[column] >= min(0.005, row.max()))
        for row, columns in zip(shares, best, strict=True)
    ]


def _ranges(parameters: NDArray, number: Number) -> list[str]:
    zeros, signs, low, high = mixtures.intervals(parameters, _LIMITS)
    ends = np.sort(np.stack([signs * number.decode(low), signs * number.decode(high)], axis=1), axis=1)
    return [
        f"{first:.4g} to {last:.4g} (90 %)" + (f", 0 {zero:.0%}" if zero >= 0.005 else "")
        for zero, (first, last) in zip(zeros, ends, strict=True)
    ]
