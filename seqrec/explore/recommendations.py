"""Change a history and see at once what is recommended next, and which events are the reason."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_choice, check_integer
from seqrec._html import card, table
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.explore.front_end import check_position, check_proposal, label, packed
from seqrec.explore.history_editor import HistoryEditor
from seqrec.explore.rankings import Side
from seqrec.recommend.base import RecommenderMixin


class RecommendationExplorer(HistoryEditor, script="recommendations"):
    """Change a user's history and see at once what is recommended next, and which events are the reason.

    A notebook shows it as a widget: find a user, read the history, add, remove or move events, and watch the
    recommendations move. The history tells, for the recommendation in focus, how far each event moved it. All of it
    works from Python too.

    Parameters
    ----------
    recommender : fitted recommender, or dict of name to fitted recommender
        Several are shown side by side. Items can be added from the catalogue of the first, which also explains first;
        another that does not know an item takes it as unknown.
    sequences : Sequences, list of sequences or 2-D array
        Histories to choose from. There may be none: "New user" starts from an empty history.
    items : DataFrame, Series or mapping, optional
        Titles and attributes: a frame with a column "item_id" (or ids as its index), or titles by id.
    k : int
        How many items to recommend.
    exclude_seen : bool
        Leave out the items of the history.
    target : (n,) array of item ids, or Sequences or list of lists, optional
        What each user took next in truth, as `leave_last_out` gives it: it is marked, with its place in each list.

    Attributes
    ----------
    sequence : int
        Trait: position of the user in `sequences`; -1 is a new user, whose history starts empty.
    model : str
        Trait: the recommender that is explained.
    item : int
        Trait: position in the first recommender's catalogue of the item that is explained; -1 if there is none. It
        follows the first recommendation until an item is chosen; that may be any item, recommended or not.
    k : int
        Trait: how many items are recommended.
    history : list of item ids
        As edited.
    recommendations : DataFrame
        A row a recommender and rank: `model`, `rank` (from 1), `item`, `title`, `score` (the probability where the
        recommender has `predict_proba`, else its own score) and `moved` (places up against the history before the
        edits; missing where the item was not among the first k); with `target` also `taken` (whether it came next).
    reasons : DataFrame
        What `explain` of the explained recommender says of its recommendations, and of `item`.

    Raises
    ------
    NotFittedError
        If a recommender is not fitted.
    TypeError
        If an argument is of the wrong kind, or ids are text in one place and numbers in another.
    ValueError
        If `items` and the catalogue have no item in common.

    Notes
    -----
    Where histories have timestamps, an event that is removed takes its time with it, and moving items leaves the times
    where they are. An item that is added between two events gets the time halfway; at the end, the time of the last
    event and the median gap of this history (at the beginning, as long before the first). A history that starts empty
    has no times.

    Examples
    --------
    >>> from seqrec.recommend.baselines import MarkovRecommender
    >>> from seqrec.explore import RecommendationExplorer
    >>> recommender = MarkovRecommender().fit([["tea", "milk", "sugar"], ["tea", "milk"], ["sugar", "cake"]])
    >>> explorer = RecommendationExplorer(recommender, [["tea"]], k=1)
    >>> explorer.recommendations["item"].tolist()
    ['milk']
    >>> explorer.add("sugar")
    >>> explorer.recommendations["item"].tolist()
    ['cake']
    >>> explorer.undo()
    >>> explorer.history
    ['tea']
    """

    item = traitlets.Int(-1).tag(sync=True)
    model = traitlets.Unicode().tag(sync=True)
    k = traitlets.Int(10).tag(sync=True)
    _shown, _reasons = (traitlets.Dict().tag(sync=True) for _ in range(2))

    def __init__(
        self,
        recommender: Any,
        sequences: Any,
        items: Any = None,
        k: int = 10,
        exclude_seen: bool = True,
        target: Any = None,
    ) -> None:
        recommenders, X = _named(recommender), as_sequences(sequences)
        vocabulary = next(iter(recommenders.values())).vocabulary_
        self._sides = {name: Side(one, items, vocabulary, exclude_seen) for name, one in recommenders.items()}
        self._target = None if target is None else _taken_of(target, len(X))
        super().__init__(model=next(iter(recommenders)), k=check_integer(k, "k"))
        self._take_up(X, vocabulary, next(iter(self._sides.values())).catalogue.labels)
        self.observe(lambda _: self._refresh(), "k")
        self.observe(lambda _: self._turn_to_model(), "model")
        self.observe(lambda _: setattr(self, "_chosen", True), "item")

    @traitlets.validate("item")
    def _check_item(self, proposal: Any) -> int:
        return check_position(proposal["value"], "item", len(self._vocabulary))

    @traitlets.validate("model")
    def _check_model(self, proposal: Any) -> str:
        return check_proposal(proposal, check_choice, self._sides)

    @traitlets.validate("k")
    def _check_k(self, proposal: Any) -> int:
        return check_proposal(proposal, check_integer)

    @property
    def recommendations(self) -> pd.DataFrame:
        """What each recommender recommends after the edited history."""
        frames = [side.frame(self.k).assign(model=name) for name, side in self._sides.items()]
        columns = ["model", "rank", "item", "title", "score", "moved"]
        found = pd.concat(frames, ignore_index=True)[columns].astype({"moved": "Int64"})
        return found if self._target is None else found.assign(taken=found["item"].isin(self._taken))

    @property
    def _taken(self) -> list[Any]:
        """What the user took next in truth."""
        return [] if self._target is None or self.sequence < 0 else self._target[self.sequence]

    @property
    def reasons(self) -> pd.DataFrame:
        """The effect of each event on what the explained model recommends, and on `item`."""
        side = self._sides[self.model]
        with warnings.catch_warnings():  # the page says itself which items are unknown
            warnings.simplefilter("ignore", UserWarning)
            return side.recommender.explain(self._encoded(), items=side.catalogue.ids[self._explained(side)])

    def _encoded(self) -> Sequences:
        return self._history.compact()

    def _follow(self, is_first: bool = False) -> None:
        encoded = self._encoded()
        if is_first:
            self._chosen = False
        for side in self._sides.values():
            side.score(encoded, is_first)
        self._refresh()

    def _refresh(self) -> None:
        """Send history and recommendations, in one message; reasons follow when the page asks for them."""
        self._version += 1
        models = [side.describe(self.k, self._taken) | {"name": name} for name, side in self._sides.items()]
        with self.hold_sync():
            if not self._chosen:
                self._follow_first()
            told = {"version": self._version, "said": self._said(), "models": models}
            self._shown = self._describe_history() | told

    def _turn_to_model(self) -> None:
        side = self._sides[self.model]
        if not self._chosen and self.item not in side.to_first[side.best(self.k)]:
            self._follow_first()

    def _follow_first(self) -> None:
        side = self._sides[self.model]
        self.item = next(iter(side.to_first[side.best(1)].tolist()), -1)
        self._chosen = False

    def _explained(self, side: Side) -> NDArray[np.intp]:
        """Give the columns of what is recommended, and last that of `item` if it is not among them."""
        columns = side.best(self.k)
        column = side.from_first[self.item] if self.item >= 0 else -1
        return columns if column < 0 or column in columns else np.append(columns, column)

    def _said(self) -> str:
        """Sum up for screen readers what there is to see now."""
        side, n = self._sides[self.model], self._history.n_events
        best = [side.row(column) for column in side.best(1)]
        first = f"First of {self.model}: {best[0]['title']}, {best[0]['score']}." if best else "Nothing to recommend."
        return f"{n:,} events. {first}"

    def _receive(self, content: Any) -> None:
        match content:
            case {"do": "explain", "version": version} if version == self._version:  # a later edit asks again
                self._explain()
            case _:
                super()._receive(content)

    def _explain(self) -> None:
        side, reasons = self._sides[self.model], self.reasons
        columns = self._explained(side)
        n_events = len(reasons) // max(len(columns), 1)
        self._reasons = {
            "version": self._version,
            "model": self.model,
            "positions": packed(reasons["position"].to_numpy()[:n_events], "int32"),
            "effects": packed(reasons["effect"].to_numpy()),
            "other": side.row(columns[-1]) if len(columns) > len(side.best(self.k)) else None,
        }

    def _fallback(self) -> str:
        facts = {"user": self._history.keys[0], "history": f"{self._history.n_events:,} events"}
        parts = [
            table(rows[["rank", "title", "score"]].itertuples(index=False), ["rank", "item", "score"], str(name))
            for name, rows in self.recommendations.groupby("model", sort=False)
        ]
        return card("Recommendations", facts, *parts)


def _named(recommender: Any) -> dict[str, RecommenderMixin]:
    """Give recommenders by name, after checks."""
    several = recommender if isinstance(recommender, Mapping) else {type(recommender).__name__: recommender}
    for one in several.values():
        if not isinstance(one, RecommenderMixin) or isinstance(one, type):
            raise InputError(
                "recommender must be a fitted recommender, or a dict of name to fitted recommender, "
                f"got {type(one).__name__}."
            )
        check_is_fitted(one, "vocabulary_")
    if not several:
        raise InputError("recommender is an empty dict: give at least one fitted recommender.")
    return {label(name): one for name, one in several.items()}


def _taken_of(target: Any, n: int) -> list[list[Any]]:
    """Give the items that came next of each of n sequences."""
    values = target if isinstance(target, Sequences) else np.asarray(target, dtype=object)
    if len(values) != n:
        raise InputError(f"there are {n:,} sequences, but {len(values):,} targets: give one for each.")
    return [np.ravel(np.asarray(one, dtype=object)).tolist() for one in values]
