"""Change a history, and see what its future holds: the chances of events as curves, and paths that it may take."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import traitlets

from seqrec._checks import check_integer, show
from seqrec._html import card, table
from seqrec.data.ends import END
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.explore.catalogue import Catalogue
from seqrec.explore.front_end import check_proposal, packed
from seqrec.explore.history_editor import HistoryEditor
from seqrec.explore.units import duration
from seqrec.generate.futures import chance, simulate
from seqrec.generate.source import Source

_MOST_EVENTS = 3  # that are watched
_STEPS = 20  # of a curve
_SHOWN = 20  # paths
_SPANS = (3, 5, 10, 20, 50)
_TIMES = tuple(pd.to_timedelta(["10s", "1min", "10min", "1h", "6h", "1D", "3D", "7D", "30D", "90D", "365D"]))
_SECOND, _FAR = pd.Timedelta(1, "s"), 10  # usual gaps that are looked ahead at first


class FutureExplorer(HistoryEditor, script="futures"):
    """Change a history, and see what its future holds: the chances of events as curves, and paths that it may take.

    A notebook shows it as a widget: find a user, add, remove or move events, or go back to an earlier moment, and watch
    the chances move, each in a band of its standard error. Paths that the history may take stand below, as rows.

    Parameters
    ----------
    estimator : fitted LSTMGenerator, NGramGenerator, LSTMAnomalyDetector or LSTMRecommender
    sequences : Sequences, list of sequences or 2-D array
        Histories to choose from.
    items : DataFrame, Series or mapping, optional
        Titles: a frame with a column "item_id" (or ids as its index), or titles by id.
    events : list of items, optional
        Whose chances are shown, three at most; "(end)" is the end of the sequence. By default those that come most
        often in paths of the first history.
    within : int or timedelta, optional
        How far to look: so many events, or so long after the last. By default ten usual gaps, where the histories have
        times that the estimator tells; else 10 events.
    n_paths : int
        How many paths the chances are told by.

    Attributes
    ----------
    sequence : int
        Trait: position of the user in `sequences`; -1 is a new one, whose history starts empty.
    events : list of items
        Trait: whose chances are shown.
    within : int or timedelta
        Trait: how far to look.
    seed : int
        Trait: the same seed gives the same paths.
    history : list of item ids
        As edited.
    chances : DataFrame
        A row an event and span: `event`, `title`, `within`, `chance`, `standard_error`.
    paths : DataFrame
        A row an event, as `futures.simulate` gives them.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If an argument is of the wrong kind, or ids are text in one place and numbers in another.
    ValueError
        If an event is none that training had, or there are more than three.

    Examples
    --------
    >>> from seqrec import NGramGenerator
    >>> from seqrec.explore import FutureExplorer
    >>> generator = NGramGenerator(order=2).fit([["open", "read", "close"], ["open", "close"]] * 20)
    >>> explorer = FutureExplorer(generator, [["open"]], events=["close"], within=1)
    >>> explorer.chances["chance"].round(1).tolist()
    [0.5]
    >>> explorer.add("read")
    >>> explorer.chances["chance"].round(1).tolist()
    [1.0]
    """

    events: traitlets.List[Any] = traitlets.List()
    within = traitlets.Any()
    seed = traitlets.Any(0).tag(sync=True)
    _shown, _asked, _futures = (traitlets.Dict().tag(sync=True) for _ in range(3))
    _chances: pd.DataFrame | None = None
    _before: tuple[Any, pd.DataFrame] | None = None  # the chances before all edits, and what was asked

    def __init__(
        self,
        estimator: Any,
        sequences: Any,
        items: Any = None,
        events: Any = None,
        within: int | timedelta | None = None,
        n_paths: int = 300,
    ) -> None:
        X, (self._has_end, tells_times) = as_sequences(sequences), tells(estimator)
        self.estimator, self.n_paths = estimator, check_integer(n_paths, "n_paths")
        self._tells_times = tells_times and X.timestamps is not None
        self._catalogue = Catalogue(estimator.vocabulary_, items)
        self._kinds = [*estimator.vocabulary_.items.tolist(), *[END] * self._has_end]
        super().__init__(within=_usual_span(X if self._tells_times else None) if within is None else within)
        self._take_up(X, estimator.vocabulary_, self._catalogue.labels)
        self.events = self._frequent() if events is None else list(events)
        self.observe(lambda _: self._ask(), ["events", "within", "seed"])
        self._ask()

    @traitlets.validate("events")
    def _check_events(self, proposal: Any) -> list[Any]:
        return check_proposal(proposal, self._as_events)

    def _as_events(self, events: list[Any], name: str) -> list[Any]:
        if unknown := [event for event in events if event not in self._kinds]:
            raise InputError(f"{name} holds {show(unknown[0])}, which training lacked.")
        if len(events) > _MOST_EVENTS:
            raise InputError(f"{name} can be {_MOST_EVENTS} at most, got {len(events)}.")
        return events

    @traitlets.validate("within")
    def _check_within(self, proposal: Any) -> Any:
        return check_proposal(proposal, _as_span)

    @traitlets.validate("seed")
    def _check_seed(self, proposal: Any) -> int:
        return check_proposal(proposal, check_integer, 0)

    @property
    def chances(self) -> pd.DataFrame:
        """The chance of each event that is watched, within each of some spans up to `within`."""
        if self._chances is None:
            self._chances = self._chances_of(self._history)
        return self._chances

    @property
    def paths(self) -> pd.DataFrame:
        """Paths that the history may take, as far as `within`."""
        far = {"until" if _is_time(self.within) else "n_events": self.within}
        return simulate(self.estimator, self._history.compact(), n_paths=_SHOWN, random_state=self.seed, **far)

    def another(self) -> None:
        """Draw other paths: those of the next seed."""
        self.seed += 1

    def watch(self, event: Any) -> None:
        """Watch an event, in place of the one that has been watched longest if there are three, or no longer."""
        others = [one for one in self.events if one != event]
        self.events = others if len(others) < len(self.events) else [*others[-_MOST_EVENTS + 1 :], event]

    def _frequent(self) -> list[Any]:
        """Give the events that come in most paths; the first of all where there are none."""
        with suppress(InputError):
            paths = self.paths.drop_duplicates(["path", "event"])
            return paths.loc[paths["event"] != END, "event"].value_counts().index[:_MOST_EVENTS].tolist()
        return self._kinds[:_MOST_EVENTS]

    def _chances_of(self, history: Sequences) -> pd.DataFrame:
        columns = ["event", "title", "within", "chance", "standard_error"]
        asked = {"within": _steps(self.within), "n_paths": self.n_paths, "random_state": self.seed}
        found = [
            chance(self.estimator, history.compact(), event, **asked).assign(event=event, title=self._called(event))
            for event in self.events
        ]
        return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)

    def _called(self, event: Any) -> str:
        return event if event == END else self._catalogue.called([event])[0]

    def _follow(self, is_first: bool = False) -> None:  # noqa: ARG002
        with self.hold_sync():
            self._ask()
            said = f"{self._history.n_events:,} events."
            self._shown = self._describe_history() | {"version": self._version, "said": said}

    def _ask(self) -> None:
        """Send what is asked; the page asks for the answers."""
        self._version, self._chances = self._version + 1, None
        spans = [*_SPANS, *(_TIMES if self._tells_times else ())]
        spans = spans if self.within in spans else [*spans, self.within]
        self._asked = {
            "version": self._version,
            "ends": self._has_end,
            "watched": [self._kinds.index(event) for event in self.events],
            "spans": [_span_text(span) for span in spans],
            "span": spans.index(self.within),
        }
        self._spans = spans

    def _receive(self, content: Any) -> None:
        match content:
            case {"do": "watch", "item": int(column)}:
                self.watch(self._kinds[column])
            case {"do": "look", "span": int(place)}:
                self.within = self._spans[place]
            case {"do": "another"}:
                self.another()
            case {"do": "run", "version": self._version}:  # a later change asks again
                self._run()
            case _:
                super()._receive(content)

    def _run(self) -> None:
        """Send the answers, or why there are none."""
        try:
            answer = {"problem": "", "curves": self._curves(), **self._axis(), **self._told_paths()}
        except InputError as error:
            answer = {"problem": str(error)}
        self._futures = {"version": self._version} | answer

    def _curves(self) -> list[dict[str, Any]]:
        """Give the curve of each event that is watched, and that before the edits."""
        before = None if self._history is self._states[0] else self._chances_before()
        return [
            {
                "title": self._called(event),
                "chance": packed(rows["chance"]),
                "error": packed(rows["standard_error"]),
                "before": None if before is None else packed(before.loc[before["event"] == event, "chance"]),
            }
            for event, rows in self.chances.groupby("event", sort=False)
        ]

    def _chances_before(self) -> pd.DataFrame:
        """Give the chances before all edits."""
        asked = self._states[0], list(self.events), self.within, self.seed
        if self._before is None or self._before[0] != asked:
            self._before = asked, self._chances_of(self._states[0])
        return self._before[1]

    def _axis(self) -> dict[str, Any]:
        steps = _steps(self.within)
        return {
            "at": packed([step / self.within for step in steps]),
            "steps": [_span_text(step) for step in steps],
            "marks": [[float(span / self.within), text] for span, text in _marks(self.within)],
            "unit": "after the last event" if _is_time(self.within) else "events from now",
        }

    def _told_paths(self) -> dict[str, Any]:
        """Give where events lie on each path, and what they are, in words too."""
        paths, places = self.paths, {kind: place for place, kind in enumerate(self._kinds)}
        if _is_time(self.within):
            asked = np.asarray(self._history.timestamps)[-1]
            passed = paths["timestamp"].sub(asked)
            share, when = passed / self.within, [f" (in {duration(one / _SECOND)})" for one in passed]
        else:
            share, when = paths["step"] / self.within, [""] * len(paths)
        share = share.where(paths["event"] != END).groupby(paths["path"]).ffill().fillna(0)
        named = zip(map(self._called, paths["event"]), when, strict=True)
        said = [name if name == END else name + time for name, time in named]
        texts = pd.Series(said, index=paths.index, dtype=object).groupby(paths["path"]).agg(" → ".join)
        return {
            "columns": packed([places[event] for event in paths["event"]], "int32"),
            "shares": packed(share),
            "lengths": packed(np.bincount(paths["path"].astype(int), minlength=_SHOWN), "int32"),
            "texts": "\n".join(texts.get(path, "nothing") for path in range(_SHOWN)).encode(),
        }

    def _fallback(self) -> str:
        facts = {"user": self._history.keys[0], "history": f"{self._history.n_events:,} events"}
        try:
            told = self.chances.groupby("event", sort=False).tail(1)
        except InputError as error:
            return card("Futures", facts, lead=str(error))
        rows = zip(told["title"], told["chance"], told["standard_error"], strict=True)
        header = ["event", "chance", "standard error"]
        return card("Futures", facts, table(rows, header, f"Within {_span_text(self.within)}"))


def tells(estimator: Any) -> tuple[bool, bool]:
    """Whether an estimator knows ends of sequences, and when events come."""
    source = Source.of(estimator)
    return source.has_end, source.timing is not None


def _is_time(span: Any) -> bool:
    return isinstance(span, timedelta)


def _as_span(span: Any, name: str) -> Any:
    if isinstance(span, timedelta | np.timedelta64):
        span = pd.Timedelta(span)
        if not span > pd.Timedelta(0):
            raise InputError(f"{name} must be longer than no time, got {span}.")
        return span
    return check_integer(span, f"{name}, if it is no time such as pd.Timedelta('30d'),")


def _usual_span(X: Sequences | None) -> Any:
    """Look ten usual gaps ahead, or ten events where there are no times."""
    if X is None:
        return 10
    gaps = np.diff(np.asarray(X.timestamps))[np.diff(np.repeat(np.arange(len(X)), X.lengths)) == 0]
    far = _FAR * pd.Timedelta(np.median(gaps)) if len(gaps) else _TIMES[0]
    return next((span for span in _TIMES if span >= far), _TIMES[-1])


def _steps(within: Any) -> list[Any]:
    if _is_time(within):
        return [within * (step / _STEPS) for step in range(1, _STEPS + 1)]
    return np.unique(np.rint(np.linspace(1, within, min(within, _STEPS))).astype(int)).tolist()


def _span_text(span: Any) -> str:
    return duration(span / _SECOND) if _is_time(span) else f"{span:,} event{'s' * (span != 1)}"


def _marks(within: Any) -> list[tuple[Any, str]]:
    """Give some spans, from none on, and how an axis calls them."""
    if _is_time(within):
        return [(0 * within, "0"), *((within * part, _span_text(within * part)) for part in (0.25, 0.5, 0.75, 1))]
    return [(n, f"{n:,}") for n in range(0, within + 1, -(-within // 5))]
