"""The timeline of one sequence: how odd each event is, what was expected instead, which parts of the score fired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrec.data.sequences import Sequences
from seqrec.explore.front_end import label

_MOST_EVENTS = 1_000  # that are told apart; of longer sequences the oddest ones
_N_PARTS = 3
_EVENT = "event"  # the field that says what happened, as `explain` calls it
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_IN_WORDS = {
    "max": "one event is very unlikely",
    "top": "three events are unlikely",
    "window": "a stretch of ten events is unlikely",
    "mean": "it is unlikely on the whole",
    "drift": "values lean one way",
    "regular": "values are too regular",
    "constant": "values hardly change",
    "new events": "events never seen in training",
    "long": "it is long",
    "short": "it is short",
    "composition": "an unusual mix of events",
}


def timeline(detector: Any, X: Sequences, score: float, normal: Sequences | None = None) -> dict[str, Any]:
    """Describe the one sequence of X, which has this score, for a front end.

    Returns
    -------
    timeline : dict
        `key`, `rarity` of the sequence and `reasons` in words, the `score`, `n_events`, and `events` in their order:
        each has its `position`, its `event` and, if the detector can tell single events, `surprisal`, p-value `p`,
        oddest `field` and, in `detail`, what came and what was expected. If `explain` names it, `nearest` has the `key`
        and, if it is among `normal`, the `events` of the normal sequence that is most like it.
    """
    parts = detector.part_p_values(X).iloc[0].nsmallest(_N_PARTS)
    rare = one_in(np.exp(score))
    rarity = "As usual as can be." if rare == "usual" else f"Of normal sequences, {rare} is as odd."
    told = {
        "key": label(X.keys[0]),
        "score": float(score),
        "rarity": f"{rarity} Oddest about it:",
        "n_events": X.n_events,
        "reasons": [f"{in_words(name)} ({one_in(p)})" for name, p in parts.items()],
    }
    if not hasattr(detector, "explain"):
        return told | {"events": _plain_events(X)}
    reasons = detector.explain(X, n_events=_MOST_EVENTS, only_flagged=False).sort_values("position")
    nearest = reasons["nearest"].iloc[0]
    return told | {"events": _events(detector, X, reasons), "nearest": _nearest(nearest, normal)}


def one_in(p: float) -> str:
    """Say how rare something of this p-value is; beyond a million only the order is known.

    Examples
    --------
    >>> one_in(0.9), one_in(0.0123), one_in(3e-9)
    ('usual', '1 in 81', '1 in 10⁹')
    """
    n = 1 / max(p, 1e-99)
    if n < 1.5:
        return "usual"
    if n >= 1e6:
        return f"1 in 10{str(round(np.log10(n))).translate(_SUPERSCRIPTS)}"
    return f"1 in {float(f'{n:.2g}'):,.3g}" if n < 1000 else f"1 in {float(f'{n:.2g}'):,.0f}"


def in_words(part: str) -> str:
    """Say what it means that a part of the score is odd, such as "amount max"."""
    if part in _IN_WORDS:
        return _IN_WORDS[part]
    channel, _, figure = part.rpartition(" ")
    meaning = _IN_WORDS.get(figure, figure)
    return meaning if channel == "events" else f"{label(channel, 40)}: {meaning.replace('event', 'value')}"


def _events(detector: Any, X: Sequences, reasons: Any) -> list[dict[str, Any]]:
    whole = detector.surprisal(X)
    return [
        {
            "position": int(reason.position),
            "event": label(reason.event),
            "surprisal": float(whole[reason.position] if reason.position < X.n_events else reason.surprisal),
            "p": float(reason.p_value),
            "field": label(reason.field, 40),
            "detail": _detail(X, reason),
        }
        for reason in reasons.itertuples()
    ]


def _detail(X: Sequences, reason: Any) -> str:
    when = _when(X, reason.position) if reason.position < X.n_events else ""
    value = f"{reason.value:.4g}" if isinstance(reason.value, float | np.floating) else reason.value
    came = "" if reason.field == _EVENT else f"{label(reason.field, 40)} {label(value, 60)}, "
    return f"{when}{came}{one_in(reason.p_value)} here. Expected: {label(reason.expected, 160) or '–'}"


def _plain_events(X: Sequences) -> list[dict[str, Any]]:
    items = X.vocabulary.decode(X.codes[:_MOST_EVENTS])
    return [{"position": at, "event": label(item), "detail": _when(X, at)} for at, item in enumerate(items)]


def _when(X: Sequences, position: int) -> str:
    return "" if X.timestamps is None else f"{pd.Timestamp(X.timestamps[position]).floor('s')}. "


def _nearest(key: Any, normal: Sequences | None) -> dict[str, Any]:
    told: dict[str, Any] = {"key": label(key)}
    if normal is not None and len(rows := np.flatnonzero(normal.keys == key)):
        told["events"] = [label(item) for item in normal[int(rows[0])][:_MOST_EVENTS]]
    return told
