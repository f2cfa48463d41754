"""What will happen, when, and with which chance: questions to any fitted network of events, or to n-grams.

Answers come from what the estimator says of the next event, which many paths go on from. Of an event that training
lacked nothing is known, so chances are those among what training had. A log that stops is no event: `LSTMGenerator` and
`NGramGenerator` learn of an end as far as a sequence has been quiet long enough to have ended, where training had
times (without, every last event is one); `LSTMAnomalyDetector` takes every last event of its training data for an end,
so its chances that nothing more comes are too high if that log was cut while its sequences went on. `LSTMRecommender`
knows neither ends nor times: ask it for so many events.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seqrec._checks import check_integer, warn_user
from seqrec.data.ends import END, end_code
from seqrec.data.vocabulary import N_RESERVED
from seqrec.exceptions import InputError
from seqrec.generate.fan import OWN, Fan, Root
from seqrec.generate.paths import Events, Trace
from seqrec.generate.question import LONGEST, Question, Spans
from seqrec.generate.sampling import Path, beam

__all__ = ["chance", "expected_time", "likeliest_path", "simulate"]

_LIKELY = 1.96  # standard errors on both sides, between which a figure lies with 95 %
_QUANTILES = ("median", "median_low", "median_high", "q10", "q90")
_OWN_COLUMNS = ("sequence", "path", "step", "event", "timestamp")


def simulate(
    estimator: Any,
    X: Any,
    n_events: int | None = None,
    until: Any = None,
    n_paths: int = 100,
    at: ArrayLike | None = None,
    random_state: Any = None,
) -> pd.DataFrame:
    """Draw whole continuations of histories, with their events, times and fields.

    Parameters
    ----------
    estimator : LSTMGenerator, NGramGenerator, LSTMAnomalyDetector or LSTMRecommender, fitted
    X : Sequences, list of sequences or 2-D array, n histories
    n_events : int, optional
        At most so many events of each path.
    until : timedelta, datetime, or (n,) array-like of datetimes, optional
        No event after this time, or so long after the question. With `n_events`, what comes first counts. Without both,
        a path goes on until it ends, or for 1,000 events.
    n_paths : int
        How many of each history.
    at : datetime or (n,) array-like of datetimes, optional
        The time of the question: nothing came between the last event and it. By default that of the last event.
    random_state : int, RandomState or None
        The same number gives a history the same paths, whatever others are asked beside it; so have equal histories.

    Returns
    -------
    paths : DataFrame
        A row an event: `sequence` (key), `path` (from 0), `step` (from 1), `event`, `timestamp` where the estimator
        tells times, and its fields; a field of one of these names has " (field)" behind it. A path that ends has
        "(end)" for its last event, at no time. A path without any event, as none came until then, has no row.

    Raises
    ------
    ValueError, TypeError
        If X or a parameter is not as described; before anything is drawn.
    """
    n_paths = check_integer(n_paths, "n_paths")
    limit = LONGEST if n_events is None else check_integer(n_events, "n_events")
    asked = Question.of(estimator, X, at, n_paths, random_state, timed=until is not None)
    if n_events is None and until is None:
        asked.check_ends("n_events or until")
    deadline = None if until is None else asked.deadlines(until)
    return _told_paths(asked, limit, deadline)


def chance(
    estimator: Any,
    X: Any,
    event: Any,
    within: Any = None,
    before: Any = None,
    n_paths: int = 1000,
    at: ArrayLike | None = None,
    random_state: Any = None,
) -> pd.DataFrame:
    """Give the chance that an event comes after each history: within some time or some events, or before another.

    The next event alone is told exactly. Else paths are drawn, which never wait for the event itself: at each step of
    each, the probability that it comes now counts (for a time: that it comes, and so soon), and the path goes on with
    something else.

    Parameters
    ----------
    estimator : LSTMGenerator, NGramGenerator, LSTMAnomalyDetector or LSTMRecommender, fitted
    X : Sequences, list of sequences or 2-D array, n histories
    event : item or list of items
        Any of these; "(end)" is the end of the sequence, which has come with its last event.
    within : int, timedelta, or list of either, optional
        So many events, or so long after the question; a list gives a curve from one set of paths. By default as long as
        the sequence goes on, up to 1,000 events.
    before : item or list of items, optional
        The event has to come before any of these.
    n_paths : int
        How many of each history.
    at : datetime or (n,) array-like of datetimes, optional
        The time of the question: nothing came between the last event and it, which tells how likely anything does. By
        default that of the last event.
    random_state : int, RandomState or None
        The same number gives a history the same answer, whatever others are asked beside it.

    Returns
    -------
    chances : DataFrame
        A row a history and span: `sequence` (key), `within` where there is one, `chance`, and its `standard_error` by
        the paths that were drawn, 0 for the next event. With `before` also `neither`: the chance that within the span,
        or before the sequence ends, neither comes; what is left is that of the other.

    Raises
    ------
    ValueError, TypeError
        If X or a parameter is not as described; before anything is drawn.

    References
    ----------
    Rao-Blackwell: Casella & Robert (1996), "Rao-Blackwellisation of sampling schemes".

    Examples
    --------
    >>> from seqrec import NGramGenerator, futures
    >>> generator = NGramGenerator(order=2).fit([["open", "read", "close"], ["open", "close"]] * 20)
    >>> chances = futures.chance(generator, [["open"]], "close", within=[1, 2], random_state=0)
    >>> chances.round(1).to_dict("list")["chance"]
    [0.5, 1.0]
    """
    n_paths, spans = check_integer(n_paths, "n_paths"), Spans.of(within)
    asked = Question.of(estimator, X, at, n_paths, random_state, spans.in_time)
    if within is None:
        asked.check_ends("within")
    targets = asked.columns(event, "event")
    rivals = asked.columns(before, "before") if before is not None else targets[:0]
    if np.isin(targets, rivals).any():
        raise InputError("event and before name the same event, which cannot come before itself.")
    if not spans.in_time and spans.limits.max() == 1:
        asked = asked._replace(n_paths=1)
    kinds = [targets, rivals][: 1 + (before is not None)]
    found = [_chances(asked, root, kinds, spans) for root in asked.roots()]
    mean, error = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return _told_chances(asked, spans, mean, error, before is not None)


def expected_time(
    estimator: Any,
    X: Any,
    event: Any,
    within: timedelta | np.timedelta64 | None = None,
    n_paths: int = 1000,
    at: ArrayLike | None = None,
    random_state: Any = None,
) -> pd.DataFrame:
    """Say when an event comes after each history, if it does.

    Parameters
    ----------
    estimator, X, event, n_paths, at, random_state
        As in `chance`; the estimator has to tell times.
    within : timedelta, optional
        What comes later counts as never. By default as long as the sequence goes on, up to 1,000 events.

    Returns
    -------
    times : DataFrame
        A row a history: `sequence` (key), `chance` that the event comes and its `standard_error`; and, if it comes, how
        long after the question: `median`, which lies with 95 % between `median_low` and `median_high` as far as the
        paths tell, and the quantiles `q10` and `q90`, between which it comes with 80 %. NaT where it never came.

    Raises
    ------
    ValueError, TypeError
        As in `chance`.

    References
    ----------
    Woodruff (1952), "Confidence intervals for medians and other position measures".
    """
    n_paths, spans = check_integer(n_paths, "n_paths"), Spans.of(within)
    if within is not None and (not spans.in_time or len(spans.told) > 1):
        raise InputError("within must be one timedelta here: times are what is asked for.")
    asked = Question.of(estimator, X, at, n_paths, random_state, timed=True)
    if within is None:
        asked.check_ends("within")
    targets = asked.columns(event, "event")
    if targets.max() == len(asked.source.vocabulary):
        raise InputError(f"{END!r} comes at no time of its own. Ask for its chance within a time.")
    found = np.concatenate([_times(asked, root, targets, spans) for root in asked.roots()])
    told = {name: pd.to_timedelta(found[:, 2 + at], unit="s") for at, name in enumerate(_QUANTILES)}
    return pd.DataFrame({"sequence": asked.X.keys, "chance": found[:, 0], "standard_error": found[:, 1]} | told)


def likeliest_path(estimator: Any, X: Any, to: Any = None, length: int = 20, n_beams: int = 20) -> pd.DataFrame:
    """Find the likeliest way on from each history to an event, or to its end: a beam search.

    Parameters
    ----------
    estimator, X
        As in `chance`.
    to : item or list of items, optional
        The path ends with any of these, and holds none before. By default with the end, or after `length` events.
    length : int
        Most events of a path.
    n_beams : int
        Paths that are followed at once; more may find a likelier one.

    Returns
    -------
    path : DataFrame
        A row an event: `sequence` (key), `step` (from 1), `event`, `probability` of it after those before, and
        `log_probability` of the whole path, nats. No row for a history from which no beam came there. Fields and gaps
        of the events on the way are middling ones.

    Raises
    ------
    ValueError, TypeError
        As in `chance`.
    """
    length, n_beams = check_integer(length, "length"), check_integer(n_beams, "n_beams")
    asked = Question.of(estimator, X, None, n_beams, 0, timed=False)
    targets = np.arange(len(asked.source.vocabulary), asked.source.width) if to is None else asked.columns(to, "to")
    paths = [path for root in asked.roots() for path in _beams(asked, root, targets, to is None, length)]
    rows = np.repeat(np.arange(len(paths)), [len(path.columns) for path in paths])
    columns = np.concatenate([path.columns for path in paths])
    log_p = np.concatenate([path.log_p for path in paths])
    told = {
        "sequence": asked.X.keys[rows],
        "step": pd.Series(rows).groupby(rows).cumcount().to_numpy() + 1,
        "event": asked.named(columns),
        "probability": np.exp(log_p),
        "log_probability": np.bincount(rows, log_p, len(paths))[rows],
    }
    return pd.DataFrame(told)


def _told_paths(asked: Question, limit: int, deadline: NDArray[np.datetime64] | None) -> pd.DataFrame:
    """Draw the paths of all histories, and put them into a frame."""
    found, first = [], 0
    for root in asked.roots():
        for numbers, fan in asked.fans(root):
            ends = None if deadline is None else deadline[first + numbers // asked.n_paths]
            events, lengths = _drawn(fan, end_code(len(asked.source.vocabulary)), limit, ends)
            found.append((first * asked.n_paths + np.repeat(numbers, lengths), events))
        first += len(root.names)
    rows = np.concatenate([rows for rows, _ in found])
    events = Events.joined([events for _, events in found])
    return _frame(asked, rows, events)


def _drawn(fan: Fan, end: int, limit: int, deadline: NDArray[np.datetime64] | None) -> tuple[Events, NDArray[np.int64]]:
    """Draw the paths of a fan, with their ends."""
    trace, n = Trace(), len(fan.alive)
    for _ in range(limit):
        ended, events = fan.go_on(fan.look())
        trace.add(ended, Events.missing(np.full(len(ended), end, np.int32), events))
        if deadline is not None:
            in_time = events.times <= deadline[fan.alive]
            fan.keep(in_time)
            events = events.some(in_time)
        trace.add(fan.alive, events)
        if not len(fan.alive):
            break
    else:
        if deadline is not None and limit == LONGEST:
            _warn_of_cuts(len(fan.alive) / n)
    return trace.collected(n)


def _frame(asked: Question, paths: NDArray[np.intp], events: Events) -> pd.DataFrame:
    """Put the events of paths, one after another, into a frame."""
    row, path = np.divmod(paths, asked.n_paths)
    columns = (events.codes - N_RESERVED).astype(np.intp)
    told = {"sequence": asked.X.keys[row], "path": path, "step": pd.Series(paths).groupby(paths).cumcount() + 1}
    told |= {"event": asked.named(columns)} | ({"timestamp": events.times} if asked.source.timing is not None else {})
    there = np.flatnonzero(columns < len(asked.source.vocabulary))  # an end has no fields
    fields = asked.source.columns(events.some(there))
    named = {f"{name} (field)" if name in _OWN_COLUMNS else name: values for name, values in fields.items()}
    return pd.concat([pd.DataFrame(told), pd.DataFrame(named, there).reindex(np.arange(len(paths)))], axis=1)


def _chances(
    asked: Question, root: Root, kinds: list[NDArray[np.intp]], spans: Spans
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the chances that each kind of events comes first, (n, n_kinds, n_spans), and standard errors."""
    n = len(root.names)
    found: NDArray = np.zeros((n * asked.n_paths, len(kinds), len(spans.limits)))
    for numbers, fan in asked.fans(root):
        found[numbers] = _hits(fan, kinds, spans)
    found = found.reshape(n, asked.n_paths, *found.shape[1:])
    is_next = (spans.limits == 1) & (not spans.in_time)  # of which all paths say the same
    mean = np.where(is_next, found[:, 0], found.mean(axis=1))
    spread = found.std(axis=1, ddof=1) if asked.n_paths > 1 else np.full(mean.shape, np.nan)
    error = np.where(is_next, 0.0, spread / np.sqrt(asked.n_paths))
    if root.silence is not None:
        error = np.hypot(error, np.stack([root.silence.error(kind) for kind in kinds], axis=1)[:, :, None])
    return mean, error


def _hits(fan: Fan, kinds: list[NDArray[np.intp]], spans: Spans) -> NDArray[np.float64]:
    """Give the chance of each path that each kind of events comes first, (n, n_kinds, n_spans)."""
    found, furthest = np.zeros((len(fan.alive), len(kinds), len(spans.limits))), spans.limits.max()
    n_steps = LONGEST if spans.in_time else int(furthest)
    for step in range(n_steps):
        look = fan.look(*kinds)
        for kind in range(len(kinds)):
            now = fan.weights * look.chances[:, kind]
            found[fan.alive, kind] += now[:, None] * _soon(fan, look.asked[:, kind], kind, spans, step)
        if step + 1 < n_steps:
            fan.go_on(look)
            if spans.in_time:
                fan.keep(fan.elapsed <= furthest)
        if not len(fan.alive):
            return found
    if spans.in_time or spans.told == [None]:
        _warn_of_cuts(fan.weights.sum() / len(found))
    return found


def _soon(fan: Fan, columns: NDArray[np.intp], kind: int, spans: Spans, step: int) -> NDArray[np.float64]:
    """Probability that the next events are in time for each span, (n, n_spans) or less, if they are these."""
    if not spans.in_time:
        return (step < spans.limits)[None].astype(np.float64)
    gaps = fan.gaps(np.minimum(columns, fan.n_items - 1), OWN + kind)
    left = spans.limits - np.maximum(fan.elapsed, 0.0)[:, None]
    return np.where((columns == fan.n_items)[:, None], left >= 0, gaps.within(left))  # an end has come by now


def _times(asked: Question, root: Root, targets: NDArray[np.intp], spans: Spans) -> NDArray[np.float64]:
    """Give chance and standard error, and the quantiles of the time, seconds, of each history, (n, 7)."""
    found = np.zeros((len(root.names) * asked.n_paths, 3))
    for numbers, fan in asked.fans(root):
        found[numbers] = _hit_times(fan, targets, spans)
    return np.stack([_quantiles(*paths.T) for paths in found.reshape(len(root.names), asked.n_paths, 3)])


def _hit_times(fan: Fan, targets: NDArray[np.intp], spans: Spans) -> NDArray[np.float64]:
    """Give the chance of each path that an event comes in time, and one time at which it may, with its weight, (n, 3).

    References
    ----------
    Chao (1982), "A general purpose unequal probability sampling plan": each chance to come replaces the time that is
    kept as often as its weight says.
    """
    found, limit = np.zeros((len(fan.alive), 3)), spans.limits[0] if spans.in_time else np.inf
    for _ in range(LONGEST):
        look, elapsed, uniforms = fan.look(targets), fan.elapsed, fan.uniforms(OWN + 1, 4)
        now, gaps = fan.weights * look.chances[:, 0], fan.gaps(look.asked[:, 0], OWN)
        times = elapsed + gaps.draw(uniforms[:, :3])
        found[fan.alive, 0] += now * gaps.within(limit - np.maximum(elapsed, 0)[:, None])[:, 0]
        weights = now * (times <= limit)
        found[fan.alive, 2] += weights
        kept = uniforms[:, 3] * found[fan.alive, 2] < weights
        found[fan.alive[kept], 1] = times[kept]
        fan.go_on(look)
        fan.keep(fan.elapsed <= limit)
        if not len(fan.alive):
            return found
    _warn_of_cuts(fan.weights.sum() / len(found))
    return found


def _quantiles(
    chances: NDArray[np.float64], times: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    n = len(chances)
    told = [chances.mean(), chances.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan]
    if not weights.any():
        return np.array([*told, *[np.nan] * len(_QUANTILES)])
    order = np.argsort(times, kind="stable")
    total = weights[order].cumsum() / weights.sum()
    half = _LIKELY * 0.5 * np.sqrt((weights**2).sum()) / weights.sum()
    levels = np.clip([0.5, 0.5 - half, 0.5 + half, 0.1, 0.9], 1e-9, 1 - 1e-9)
    return np.array([*told, *times[order][np.minimum(np.searchsorted(total, levels), n - 1)]])


def _told_chances(
    asked: Question, spans: Spans, mean: NDArray[np.float64], error: NDArray[np.float64], has_rivals: bool
) -> pd.DataFrame:
    n, n_spans = len(mean), len(spans.told)
    told = {"sequence": np.repeat(asked.X.keys, n_spans)}
    if spans.told != [None]:
        told["within"] = pd.Series(spans.told * n).to_numpy()
    told |= {"chance": mean[:, 0].ravel(), "standard_error": error[:, 0].ravel()}
    if has_rivals:
        told["neither"] = np.maximum(1 - mean.sum(axis=1), 0.0).ravel()
    return pd.DataFrame(told)


def _beams(asked: Question, root: Root, targets: NDArray[np.intp], may_be_cut: bool, length: int) -> list[Path]:
    n = len(root.names)
    walk = root.walks(np.repeat(np.arange(n), asked.n_paths))
    columns = np.arange(asked.source.width)
    stops = np.isin(columns, targets)
    return beam(walk, n, asked.n_paths, length, stops, ~stops & (columns < len(asked.source.vocabulary)), may_be_cut)


def _warn_of_cuts(share: float) -> None:
    """Say where paths were cut, of which more than one in a hundred would have gone on."""
    if share > 0.01:
        warn_user(
            f"{share:.0%} of the paths were cut after {LONGEST:,} events, so what comes later is not counted. Ask for "
            "a shorter time, or for a number of events."
        )
