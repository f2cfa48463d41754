"""Why a sequence is odd: which of its events fired, in which field, and what was expected there instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._text import interval
from seqrec.data.ends import END, Chain, with_ends
from seqrec.data.fields import EVENT, Fields, Number, field_columns
from seqrec.data.missing import is_missing
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.detect.normal import Normal
from seqrec.network import mixtures
from seqrec.network.reading import Reader
from seqrec.network.tensorflow import tf

ABSENCE = "missing"  # what the value of a field is called where the log lacks it
_AT_ONCE = 256  # events
LIMITS = (0.05, 0.95)  # of what is expected of a number


def smallest_of(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-value of the smallest of m independent ones, (n, m) -> (n,): ``1 - (1 - p) ** m`` (Sidak 1967)."""
    return -np.expm1(p_values.shape[1] * np.log1p(-np.minimum(p_values.min(axis=1), 1 - 1e-16)))


def explain_events(normal: Normal, X: Sequences, n_events: int, n_expected: int) -> pd.DataFrame:
    """Give the oddest events of each sequence of X, with what was expected of their oddest field.

    Returns
    -------
    frame : DataFrame
        A row an event, in X's own ids, of unknown events too: `which` (of the sequences of X), `sequence`, `position`,
        `row`, `event`, `field`, `value`, `surprisal`, `event_p_value`, `expected`.
    """
    chain, found = normal.read_closed(X, compare=True)
    p_values, indptr = found.p_values(), chain.indptr
    which = np.repeat(np.arange(len(X)), np.diff(indptr))
    order = np.lexsort((smallest_of(p_values), which))
    chosen = order[np.arange(len(order)) - indptr[which] < n_events]
    expected = _expectations(normal, X, chain, np.sort(chosen), n_expected)
    field = p_values[chosen].argmin(axis=1)
    names = np.array([EVENT, *normal.fields.names], dtype=object)
    values = field_columns(X) | {name: _named(values) for name, values in X.columns.items()}
    columns = {name: _with_ends(chain, of_one, np.nan) for name, of_one in values.items()}
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
            "surprisal": found.surprisal[chosen, field],
            "event_p_value": smallest_of(p_values[chosen]),
            "expected": [expected[name][row] for name, row in zip(names[field], at, strict=True)],
        }
    )


def _named(values: NDArray) -> NDArray[np.object_]:
    """Give the values of a field, and the name of absence where there is none."""
    values, missing = values.astype(object), is_missing(values)
    values[missing] = ABSENCE
    return values


def _with_ends(chain: Chain, values: NDArray, end: Any) -> NDArray:
    """Give one value for each event of the chain, objects."""
    result = np.full(len(chain.codes), end, dtype=object)
    result[chain.events] = values
    return result


def _expectations(normal: Normal, X: Sequences, chain: Chain, events: NDArray, k: int) -> dict[str, NDArray]:
    """Say for each field what was expected at some `events` of the chain of X, rising: the k likeliest, as text."""
    encoded = normal.fields.encode(X.recode(normal.vocabulary))
    states, closed = states_before(normal, encoded, chain, events), with_ends(encoded)
    network, names = normal.network, np.append(normal.vocabulary.items.astype(object), END)
    found: dict[str, Any] = {name: [] for name in (EVENT, *normal.fields.names)}
    for start in range(0, len(events), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        logits = network.head.logits(states[part], Reader.of(network).table)
        found[EVENT] += likeliest(tf.nn.softmax(logits).numpy(), names, k)
        known = (closed.codes, closed.columns["categories"], closed.columns["numbers"])
        parameters = network.fields.parameters(states[part], *(array[events[part]] for array in known))
        for name, texts in expected_fields(normal.fields, parameters, k):
            found[name] += texts
    return {name: np.array(texts, dtype=object) for name, texts in found.items()}


def states_before(normal: Normal, X: Sequences, chain: Chain, events: NDArray) -> NDArray[np.float32]:
    """Give the states from which some events of the chain of the encoded X were expected, (n, embedding_dim)."""
    states = np.empty((len(events), normal.network.architecture.embedding_dim), np.float32)

    def put(positions: NDArray, found: Any) -> None:
        here = np.flatnonzero(np.isin(chain.events[positions], events))
        states[np.searchsorted(events, chain.events[positions[here]])] = found.numpy()[here]

    after = Reader.of(normal.network).read(X, step="expect", put=put)
    ends = chain.indptr[1:] - 1
    here = np.isin(ends, events)
    states[np.searchsorted(events, ends[here])] = after.output[here]
    return states


def expected_fields(fields: Fields, parameters: Any, k: int) -> Any:
    """Give each field's name, and what was expected of it at each of n events, from its parameters in their order."""
    for category in fields.categories:
        shares = tf.nn.softmax(next(parameters)).numpy()[:, N_RESERVED:]
        names = np.append(category.values, ABSENCE)  # of which the last is of use only if training had absent values
        yield category.name, likeliest(shares, names, k)
    for number in fields.numbers:
        yield number.name, _ranges(next(parameters).numpy(), number)


def likeliest(shares: NDArray, names: NDArray, k: int) -> list[str]:
    """Name the k likeliest outcomes of each of n events with their probabilities, (n, n_names), in a text each."""
    best = np.argsort(-shares, axis=1, kind="stable")[:, :k]
    return [
        ", ".join(f"{names[column]} {row[column]:.0%}" for column in columns if row[column] >= min(0.005, row.max()))
        for row, columns in zip(shares, best, strict=True)
    ]


def _ranges(parameters: NDArray, number: Number) -> list[str]:
    zeros, absent, signs, low, high = mixtures.intervals(parameters, LIMITS)
    ends = np.sort(np.stack([signs * number.decode(low), signs * number.decode(high)], axis=1), axis=1)
    return [
        _range(f"{interval(first, last)} (90 %)", zero, lacks)
        for zero, lacks, (first, last) in zip(zeros, absent, ends, strict=True)
    ]


def _range(text: str, zero: float, absent: float) -> str:
    """Say where a number was expected, with the chances of 0 and of absence where there are any; the likelier first."""
    if absent >= 0.995:
        return ABSENCE
    texts = [text, f"0 {zero:.0%}" if zero >= 0.005 else "", f"{ABSENCE} {absent:.0%}" if absent >= 0.005 else ""]
    return ", ".join(filter(None, texts[::-1] if absent > 0.5 else texts))
