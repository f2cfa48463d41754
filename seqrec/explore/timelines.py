"""The timeline of one sequence: how odd each event is, what was expected instead, which parts of the score fired."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.data.ends import END
from seqrec.data.fields import EVENT
from seqrec.data.sequences import Sequences
from seqrec.detect.expectations import Judgement, judge
from seqrec.detect.words import one_in
from seqrec.explore.event_tables import columns_of, is_text, odd_cells
from seqrec.explore.front_end import label
from seqrec.explore.part_pictures import picture_of_surprisal, picture_of_values
from seqrec.explore.units import expectation_of, times_of, value_of

_MOST_EVENTS = 300  # that are told apart, a table that is drawn at once; of longer sequences the oddest ones
_ODD_EVENT = 0.01


def timeline(
    detector: Any,
    X: Sequences,
    score: float,
    normal: Sequences | None = None,
    fired: str = "",
    called: Callable[[NDArray], list[str]] | None = None,
) -> dict[str, Any]:
    """Describe the one sequence of X, which has this score, for a front end.

    Parameters
    ----------
    detector : fitted detector
    X : Sequences of length 1
    score : float
    normal : Sequences, optional
        The training data.
    fired : str
        The part of the score to draw.
    called : function, optional
        What items are called; by default as their ids.

    Returns
    -------
    timeline : dict
        `key`, `rarity` of the sequence and `reasons` in words, the `score`, `n_events`, and `events` in their order:
        each has its `position`, its `event`, its `cells` under `columns` (names, and whether they hold text), in
        `usual` what was expected of those that are odd, and, if the detector can tell single events, `surprisal`,
        p-value `p`, oddest `field` and, in `detail`, what came and what was expected. `drawn` is a picture of the part
        that fired. If `explain` names it, `nearest` has the `key` and, if it is among `normal`, the `events` of the
        normal sequence that is most like it.
    """
    called = called or _plainly
    found = detector.calibration_at(X.clock).reasons(detector.parts(X), detector.part)
    rare = found.one_in(found.p_value[0])
    told = {
        "key": label(X.keys[0]),
        "score": float(score),
        "rarity": "As usual as can be." if rare == "usual" else f"Of normal sequences, {rare} is as odd.",
        "n_events": X.n_events,
        "reasons": found.sentences()[0],
        "oddest": 0,
        "drawn": None,
    }
    if not hasattr(detector, "explain"):
        at = np.arange(min(X.n_events, _MOST_EVENTS))
        columns, events = columns_of(X, called, at), _plain_events(X, called, at)
        return told | _table(X, columns, events, {}) | {"count": _counted(X.n_events, len(at), "first")}
    reasons = detector.explain(X, n_events=_MOST_EVENTS, only_flagged=False).sort_values("position")
    at, nearest = reasons["position"].to_numpy(), reasons["nearest"].iloc[0]
    judged = judge(detector.normal_, X, at, np.array([*called(detector.vocabulary_.items), END], dtype=object))
    events = _events(X, reasons, judged, called)
    columns = columns_of(X, called, at) | {"surprisal": [f"{nats:.1f} nats" for nats in judged.surprisal]}
    usual, channel = odd_cells(judged, columns), fired.rpartition(" ")[0]
    if channel in judged.ranges:
        drawn = picture_of_values(X, channel, judged, [bool(text) for text in usual[channel]], at)
    else:
        drawn = picture_of_surprisal(judged.surprisal, judged.p_value < _ODD_EVENT)
    count = _counted(X.n_events, len(at[at < X.n_events]), "oddest")
    return (
        told
        | _table(X, columns, events, usual)
        | {
            "oddest": int(judged.p_value.argmin()),
            "drawn": drawn,
            "count": f"{count} Drawn: {drawn['caption']}.",
            "nearest": _nearest(nearest, normal, called),
        }
    )


def _table(
    X: Sequences, columns: dict[str, list[str]], events: list[dict[str, Any]], usual: dict[str, list[str]]
) -> dict[str, Any]:
    nothing = [""] * len(events)
    cells = zip(*columns.values(), strict=True)
    told = zip(*(usual.get(name, nothing) for name in columns), strict=True)
    return {
        "columns": [[label(name, 40), is_text(X, name)] for name in columns],
        "events": [event | {"cells": row, "usual": odd} for event, row, odd in zip(events, cells, told, strict=True)],
    }


def _counted(n_events: int, n_shown: int, which: str) -> str:
    part = f", of which the {which} {n_shown:,} are shown" if n_shown < n_events else ""
    return f"{n_events:,} event{'s' * (n_events != 1)}{part}."


def _plainly(items: Iterable[Any]) -> list[str]:
    return [label(item) for item in items]


def _events(
    X: Sequences, reasons: Any, judged: Judgement, called: Callable[[NDArray], list[str]]
) -> list[dict[str, Any]]:
    names = [*called(X.vocabulary.decode(X.codes)), END]
    return [
        {
            "position": int(reason.position),
            "event": names[reason.position],
            "surprisal": float(nats),
            "p": float(p),
            "field": label(reason.field, 40),
            "detail": _detail(X, reason, p, judged.expected[reason.field][place]),
        }
        for place, (reason, nats, p) in enumerate(
            zip(reasons.itertuples(), judged.surprisal, judged.p_value, strict=True)
        )
    ]


def _detail(X: Sequences, reason: Any, p: float, expected: str) -> str:
    when = _when(X, reason.position) if reason.position < X.n_events else ""
    came = "" if reason.field == EVENT else f"{label(reason.field, 40)} {value_of(reason.field, reason.value)}, "
    return f"{when}{came}{one_in(p)} here. Usually: {expectation_of(reason.field, expected) or '–'}"


def _plain_events(X: Sequences, called: Callable[[NDArray], list[str]], at: NDArray) -> list[dict[str, Any]]:
    items = called(X.vocabulary.decode(X.codes[at]))
    return [
        {"position": int(position), "event": item, "detail": _when(X, position)}
        for position, item in zip(at, items, strict=True)
    ]


def _when(X: Sequences, position: int) -> str:
    return "" if X.timestamps is None else f"{times_of(X.timestamps[[position]])[0]}. "


def _nearest(key: Any, normal: Sequences | None, called: Callable[[NDArray], list[str]]) -> dict[str, Any] | None:
    if key is None:  # of a model file without keys
        return None
    told: dict[str, Any] = {"key": label(key)}
    if normal is not None and len(rows := np.flatnonzero(normal.keys == key)):
        told["events"] = in_runs(called(normal[int(rows[0])][:_MOST_EVENTS]))
    return told


def in_runs(events: Iterable[str]) -> list[str]:
    """Write what comes several times in a row once, with its number.

    Examples
    --------
    >>> in_runs(["log in", "pay", "pay", "pay", "log out"])
    ['log in', 'pay × 3', 'log out']
    """
    runs = ((event, len(list(run))) for event, run in groupby(events))
    return [f"{event} × {n:,}" if n > 1 else event for event, n in runs]
