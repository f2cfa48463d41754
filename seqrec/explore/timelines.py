"""The timeline of one sequence: how odd each event is, what was expected instead, which parts of the score fired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrec.data.sequences import Sequences
from seqrec.detect.words import one_in
from seqrec.explore.front_end import label

_MOST_EVENTS = 1_000  # that are told apart; of longer sequences the oddest ones
_EVENT = "event"  # the field that says what happened, as `explain` calls it


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
    found = detector.calibration_for(X).reasons(detector.parts(X), detector.part)
    told = {
        "key": label(X.keys[0]),
        "score": float(score),
        "rarity": f"Normal sequences that are as odd: {found.one_in(found.p_value[0])}. What is odd about it:",
        "n_events": X.n_events,
        "reasons": found.sentences()[0],
    }
    if not hasattr(detector, "explain"):
        return told | {"events": _plain_events(X)}
    reasons = detector.explain(X, n_events=_MOST_EVENTS, only_flagged=False).sort_values("position")
    nearest = reasons["nearest"].iloc[0]
    return told | {"events": _events(detector, X, reasons), "nearest": _nearest(nearest, normal)}


def _events(detector: Any, X: Sequences, reasons: Any) -> list[dict[str, Any]]:
    whole = detector.surprisal(X)
    return [
        {
            "position": int(reason.position),
            "event": label(reason.event),
            "surprisal": float(whole[reason.position] if reason.position < X.n_events else reason.surprisal),
            "p": float(reason.event_p_value),
            "field": label(reason.field, 40),
            "detail": _detail(X, reason),
        }
        for reason in reasons.itertuples()
    ]


def _detail(X: Sequences, reason: Any) -> str:
    when = _when(X, reason.position) if reason.position < X.n_events else ""
    value = f"{reason.value:.4g}" if isinstance(reason.value, float | np.floating) else reason.value
    came = "" if reason.field == _EVENT else f"{label(reason.field, 40)} {label(value, 60)}, "
    return f"{when}{came}{one_in(reason.event_p_value)} here. Expected: {label(reason.expected, 160) or '–'}"


def _plain_events(X: Sequences) -> list[dict[str, Any]]:
    items = X.vocabulary.decode(X.codes[:_MOST_EVENTS])
    return [{"position": at, "event": label(item), "detail": _when(X, at)} for at, item in enumerate(items)]


def _when(X: Sequences, position: int) -> str:
    return "" if X.timestamps is None else f"{pd.Timestamp(X.timestamps[position]).floor('s')}. "


def _nearest(key: Any, normal: Sequences | None) -> dict[str, Any] | None:
    if key is None:  # of a model file without keys
        return None
    told: dict[str, Any] = {"key": label(key)}
    if normal is not None and len(rows := np.flatnonzero(normal.keys == key)):
        told["events"] = [label(item) for item in normal[int(rows[0])][:_MOST_EVENTS]]
    return told
