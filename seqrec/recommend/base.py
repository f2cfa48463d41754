"""What every recommender can do once it scores the next item: recommend, rank, predict, score."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Set
from functools import partial
from typing import Any, ClassVar, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer, show
from seqrec.data.alignment import beside_sequences, check_weights
from seqrec.data.inputs import as_sequences
from seqrec.data.queries import last_out, query_times
from seqrec.data.sequences import Sequences
from seqrec.data.summary import TrainingData
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary
from seqrec.exceptions import ColdStartWarning, InputError
from seqrec.metrics.ranking import check_finite, check_scores, ndcg
from seqrec.recommend.attribution import explain_scores
from seqrec.recommend.next_items import append_events, check_next
from seqrec.recommend.top_k import Targets, best_of, target_ranks

__all__ = ["RecommenderMixin"]


class RecommenderMixin:
    """The verbs of a recommender, written once.

    A subclass sets `vocabulary_` (the catalogue) and `item_counts_` (n_items,) in `fit`, for which
    `_training_sequences` does the checks, and gives `_next_item_scores`.

    In all methods X is `Sequences`, a list of sequences or a 2-D array with one sequence a row. Users need
    not have been seen in training. A history without any item of the catalogue gets the most popular items,
    with a `ColdStartWarning`; a warning also says if more than a fifth of the events are unknown items.
    """

    __metadata_request__score: ClassVar = {"sample_weight": False}  # weights of a fit say nothing of what is asked
    vocabulary_: Vocabulary
    item_counts_: NDArray
    training_data_: TrainingData

    @property
    def n_latest(self) -> int:
        """How many events at the end of a history matter, but for what was seen."""
        return 1

    @overload
    def recommend(
        self,
        X: Any,
        k: int = ...,
        exclude_seen: bool = ...,
        candidates: ArrayLike | None = ...,
        at: ArrayLike | None = ...,
    ) -> tuple[NDArray, NDArray[np.float32]]: ...
    @overload
    def recommend(
        self,
        X: Any,
        k: int = ...,
        exclude_seen: bool = ...,
        candidates: ArrayLike | None = ...,
        at: ArrayLike | None = ...,
        *,
        as_frame: Literal[True],
    ) -> pd.DataFrame: ...
    def recommend(
        self,
        X: Any,
        k: int = 10,
        exclude_seen: bool = True,
        candidates: ArrayLike | None = None,
        at: ArrayLike | None = None,
        *,
        as_frame: bool = False,
    ) -> Any:
        """Recommend the k items that are most likely to come next.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array, n sequences
            Histories.
        k : int
            Length of each list; clipped, with a warning, to the size of the catalogue.
        exclude_seen : bool
            Leave out the items of the history.
        candidates : array-like or set of item ids, optional
            Recommend these items only. Those that the catalogue lacks are skipped, with a warning that counts them.
        at : datetime or (n,) array-like of datetimes, optional
            The time of the question, for models that use time. X needs timestamps then.
        as_frame : bool
            Give a DataFrame instead, a row a recommendation: `sequence` (key), `rank` from 1, `item` and `score`.

        Returns
        -------
        items : (n, k) array
            Item ids, best first; None where fewer than k items are left.
        scores : (n, k) float32
            Their scores; -inf beside None. Equal scores keep the order of the catalogue, so the first 5 of
            the top 10 are the top 5.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If ids are text here and numbers in training, or the reverse.
        ValueError
            If none of the candidates is in the catalogue.
        """
        X = self._encode(X)
        columns, scores = best_of(self._score_blocks(X, exclude_seen, candidates, at), len(X), self._clip(k))
        if as_frame:
            row, rank = np.nonzero(~np.isneginf(scores))
            items = self.vocabulary_.items[columns[row, rank]]
            return pd.DataFrame({"sequence": X.keys[row], "rank": rank + 1, "item": items, "score": scores[row, rank]})
        return self._name_items(columns, scores), scores

    def explain(
        self, X: Any, items: ArrayLike | None = None, k: int = 3, exclude_seen: bool = True, at: ArrayLike | None = None
    ) -> pd.DataFrame:
        """Say why items are recommended: which past events moved each up or down, and how far.

        Each event is left out of the history in turn, which closes the gap in time as well, and the rest is scored
        again. The difference is the event's effect: exact, though effects need not add up to the score.

        Parameters
        ----------
        X, exclude_seen, at
            As in `recommend`.
        items : (n_items,) array-like of item ids, optional
            Explain these for every sequence, whether seen or not; by default, what `recommend` gives.
        k : int
            How many recommended items of each sequence; clipped, with a warning, to the size of the catalogue.

        Returns
        -------
        effects : DataFrame
            A row a sequence, item and event: `sequence` (key), `item`, `score` (float64, of the item after the whole
            history), `position` (of the event in the sequence, from 0), `row` (of the log), `event` (its item, known
            or not) and `effect` (float64, the score less the one without the event: positive moved the item up).
            By sequence; then by item, best first or as given; then by position. Scores are natural logarithms of
            probabilities, and effects nats, where the recommender has `predict_proba`; else they are its own scores.
            Only events that can matter are listed: the latest `n_latest` of a sequence, and its latest `n_latest` of
            known items. The effect of all others is 0.

        Raises
        ------
        NotFittedError, TypeError
            As in `recommend`.
        ValueError
            If an item is not in the catalogue, or scores are NaN.

        Examples
        --------
        >>> from seqrec.recommend.baselines import MarkovRecommender
        >>> recommender = MarkovRecommender().fit([["tea", "milk"], ["tea", "milk"], ["milk", "cake"]])
        >>> effects = recommender.explain([["milk", "tea"]], items=["milk", "cake"])
        >>> print(effects[["item", "score", "event", "effect"]].to_string(index=False))
        item  score event  effect
        milk    1.0   tea     1.0
        cake    0.0   tea    -1.0
        """
        check_is_fitted(self, "vocabulary_")
        named = as_sequences(X, estimator=self, reset=False)  # the codes of the catalogue hide which items are unknown
        X = self._encode(named)
        times = query_times(at, X)
        if items is None:
            columns, scores = best_of(self._score_blocks(X, exclude_seen, None, times), len(X), self._clip(k))
            columns[np.isneginf(scores)] = -1
        else:
            columns = np.tile(self._columns(items, "items"), (len(X), 1))
        return explain_scores(self._explained_scores, named, X, columns, self.n_latest, times)

    def rank(
        self,
        X: Any,
        y: Any,
        exclude_seen: bool = True,
        candidates: ArrayLike | None = None,
        at: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Rank of what came next in the whole catalogue; ties share their average rank.

        Parameters
        ----------
        X, exclude_seen, candidates, at
            As in `recommend`.
        y : (n,) array-like of item ids, or Sequences of length n
            The next item of each sequence, or several targets of each.

        Returns
        -------
        ranks : (n,) float64, or (y.n_events,) if y is Sequences
            1 is best; inf where the item is excluded or was not seen in training.

        Raises
        ------
        ValueError
            If scores are NaN, or all scores of a sequence are equal.
        """
        y, X = beside_sequences(y, X, "y"), self._encode(X)
        targets = Targets.of(y, len(X), self.vocabulary_)
        blocks = self._score_blocks(X, exclude_seen, candidates, at, check=check_scores)
        return np.concatenate([np.empty(0), *(target_ranks(block, targets, rows) for rows, block in blocks)])

    def score_items(
        self,
        X: Any,
        exclude_seen: bool = True,
        candidates: ArrayLike | None = None,
        at: ArrayLike | None = None,
        log_proba: bool = False,
        must_differ: bool = False,
    ) -> Iterator[tuple[slice, NDArray]]:
        """Score all items of the catalogue as the next one, a few sequences at a time.

        All that a recommender tells follows from these scores; `recommend` and `rank` take less memory.

        Parameters
        ----------
        X, exclude_seen, candidates, at
            As in `recommend`.
        log_proba : bool
            Give natural logarithms of probabilities where the recommender has `predict_proba`.
        must_differ : bool
            Refuse equal scores of all items, of which a rank would mean nothing.

        Yields
        ------
        rows : slice
            Consecutive slices that cover X.
        scores : (n_rows, n_items) floating array
            Columns as in ``vocabulary_.items``; -inf where an item is excluded.

        Raises
        ------
        NotFittedError, TypeError
            As in `recommend`.
        ValueError
            If a candidate is not in the catalogue, scores are NaN, or `must_differ` and do not.
        """
        check = check_scores if must_differ else check_finite
        return self._score_blocks(self._encode(X), exclude_seen, candidates, at, log_proba, check)

    def predict(self, X: Any) -> NDArray:
        """Give the most likely next item of each sequence, seen before or not.

        Returns
        -------
        items : (n,) array of item ids
        """
        return self.recommend(X, k=1, exclude_seen=False)[0][:, 0]

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Mean NDCG@10 of the next items over the whole catalogue; seen items are not excluded.

        This is what `cross_val_score` and `GridSearchCV` maximise. `evaluate` gives more figures and can
        leave out seen items.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array
        y : (n,) array-like of item ids, or Sequences of length n, optional
            The next item of each sequence, or several. Without it, the last item of each sequence is left out and
            asked for.
        sample_weight : (n,) array-like, optional
            Of the sequences, in the mean. With metadata routing it is left out unless `set_score_request` asks for it.

        Raises
        ------
        ValueError
            If there is nothing to ask for.
        """
        weights = beside_sequences(sample_weight, X, "sample_weight")
        if weights is not None:
            weights = check_weights(weights, len(X))
        if y is None:
            X = as_sequences(X, estimator=self, reset=False)
            weights = None if weights is None else weights[X.lengths > 1]
            X, y = last_out(X)
        elif weights is not None and isinstance(y, Sequences):
            weights = np.repeat(weights, y.lengths)
        ranks = self.rank(X, y, exclude_seen=False)
        if not len(ranks):
            raise InputError("there is nothing to judge: X needs a sequence, and without y one of two events.")
        return float(np.average(ndcg(ranks, k=10), weights=weights))

    def is_cold(self, X: Any) -> NDArray[np.bool_]:
        """Tell which sequences hold no item of the catalogue, so that they get the most popular items.

        Returns
        -------
        cold : (n,) bool
        """
        return _is_cold(self._known_sequences(X))

    def _weighted_sequences(self, X: Any, y: Any, sample_weight: Any) -> tuple[Sequences, NDArray[np.float64] | None]:
        """Give what `_training_sequences` does of the sequences that have a weight, and the weights of these."""
        if sample_weight is None:
            return self._training_sequences(X, y), None
        sequences = as_sequences(X, allow_empty=False, estimator=self)
        weights = check_weights(beside_sequences(sample_weight, X, "sample_weight"), len(sequences))
        if y is not None:
            y = check_next(beside_sequences(y, X, "y"), sequences)[weights > 0]
        # Lists as they came, so that items are numbered as if what has no weight had never been there.
        listed = isinstance(X, list | tuple)
        X = [X[row] for row in np.flatnonzero(weights)] if listed else sequences[weights > 0]
        return self._training_sequences(X, y), weights[weights > 0]

    def _training_sequences(self, X: Any, y: Any = None, reset: bool = True) -> Sequences:
        """Append the next items y to X, and give it in the codes of the catalogue, the items that do occur.

        `reset` is False where a fit goes on: a 2-D X must then be as wide as before.

        Raises
        ------
        ValueError
            If no sequence has two events, or there is only one item.
        """
        y, X = beside_sequences(y, X, "y"), as_sequences(X, allow_empty=False, estimator=self, reset=reset)
        if y is not None:
            X = append_events(X, y)
        if (X.lengths < 2).all():
            raise InputError(
                f"none of the {len(X):,} sequences has 2 events, so nothing shows what follows what. "
                "Give fit longer histories, or the next items as y."
            )
        X = X.compact()  # in the order of X's vocabulary: the order of the rows must not decide how ties are broken
        n_items = len(X.vocabulary)
        if n_items < 2:
            raise InputError(f"fit needs at least 2 different items, got {n_items}: there is nothing to choose.")
        return X

    def _known_sequences(self, X: Any) -> Sequences:
        """Give X in the codes of the catalogue."""
        check_is_fitted(self, "vocabulary_")
        return as_sequences(X, estimator=self, reset=False).recode(self.vocabulary_)

    def _encode(self, X: Any) -> Sequences:
        """Give X in the codes of the catalogue, after the warnings that this calls for."""
        X = self._known_sequences(X)
        unknown = np.count_nonzero(X.codes == UNKNOWN)
        if unknown > 0.2 * X.n_events:
            text = f"{unknown:,} of {X.n_events:,} events are items that were not in the training data."
            warnings.warn(text, stacklevel=3)
        cold = np.count_nonzero(_is_cold(X))
        if cold:
            text = f"{cold:,} of {len(X):,} sequences hold no known item and get popular ones: see is_cold(X)."
            warnings.warn(text, ColdStartWarning, stacklevel=3)
        return X

    def _clip(self, k: int) -> int:
        n_items = len(self.vocabulary_)
        if check_integer(k, "k") > n_items:
            text = f"k={k} is more than the {n_items} items of the catalogue: k={n_items} is used."
            warnings.warn(text, stacklevel=3)
        return min(k, n_items)

    def _name_items(self, columns: NDArray, scores: NDArray) -> NDArray:
        """Give the ids of the catalogue's columns, None where the score is -inf."""
        items = self.vocabulary_.items[columns]
        missing = np.isneginf(scores)
        if missing.any():
            items = items.astype(object)
            items[missing] = None
        return items

    def _score_blocks(
        self, X: Any, exclude_seen: bool, candidates: Any, at: Any, log_proba: bool = False, check: Any = check_finite
    ) -> Iterator[tuple[slice, NDArray]]:
        """Score a few sequences at a time, as `score_items` says; X is in the codes of the catalogue."""
        score = self._explained_scores if log_proba else self._next_item_scores
        blocks, seen = score(X, at=query_times(at, X)), partial(_seen, X) if exclude_seen else None
        popularity: Any = self.item_counts_
        if log_proba and hasattr(self, "predict_proba"):
            popularity = np.log(popularity / popularity.sum())
        return self._finished(blocks, _is_cold(X), seen, candidates, popularity, check)

    def _finished(
        self, blocks: Any, cold: NDArray, seen: Any, candidates: Any, popularity: NDArray, check: Any = check_finite
    ) -> Iterator[tuple[slice, NDArray]]:
        """Check scores, give popularity to cold histories, and -inf to what was `seen`, and to what is no candidate.

        `seen` takes a slice of the sequences, and gives row and column of each item that these hold.
        """
        if candidates is not None:
            excluded = np.setdiff1d(np.arange(len(self.vocabulary_)), self._candidate_columns(candidates))
        for rows, scores in blocks:
            check(scores[~cold[rows]] if cold[rows].any() else scores)
            scores[cold[rows]] = popularity
            if seen is not None:
                scores[seen(rows)] = -np.inf
            if candidates is not None:
                scores[:, excluded] = -np.inf
            yield rows, scores

    def _candidate_columns(self, candidates: Any) -> NDArray[np.intp]:
        """Give the columns of the candidates that the catalogue holds, with a warning that counts the others."""
        items = np.asarray(list(candidates) if isinstance(candidates, Set) else candidates)
        if items.ndim == 1 and len(items):
            new = self.vocabulary_.encode(items) == UNKNOWN
            if new.any() and not new.all():
                first = show(items[new][:3].tolist())
                text = f"{new.sum():,} of {len(items):,} candidates are not in the catalogue, such as {first}: skipped."
                warnings.warn(text, stacklevel=5)
                items = items[~new]
        return self._columns(items, "candidates")

    def _columns(self, items: ArrayLike, name: str) -> NDArray[np.intp]:
        """Give the columns of items of the catalogue; errors call them `name`."""
        items = np.asarray(items)
        if items.ndim != 1:
            raise InputError(f"{name} must be a list of item ids, got {items.ndim} dimensions.")
        codes = self.vocabulary_.encode(items)
        unknown = items[codes == UNKNOWN]
        if len(unknown):
            raise InputError(
                f"{len(unknown):,} {name} are not in the catalogue ({show(unknown[:3].tolist())}): "
                "only items of the training data can be recommended."
            )
        return codes.astype(np.intp) - N_RESERVED

    def _explained_scores(self, X: Sequences, at: Any = None) -> Iterator[tuple[slice, NDArray]]:
        """Score as `_next_item_scores` does, in the unit in which `explain` tells effects."""
        return self._next_item_scores(X, at=at)

    def _next_item_scores(self, X: Sequences, at: Any = None) -> Iterator[tuple[slice, NDArray]]:
        """Score the next item of each sequence: the one method that a recommender adds.

        Parameters
        ----------
        X : Sequences
            In the codes of `vocabulary_`; unknown items are kept as such.
        at : (n,) datetime64 array, optional
            Time of the question.

        Yields
        ------
        rows : slice
            Consecutive slices that cover X. How many rows come at once bounds the memory.
        scores : (rows, n_items) float32
            Higher is better. A fresh array, since the mixin writes into it.
        """
        raise NotImplementedError


def _seen(X: Sequences, rows: slice) -> tuple[NDArray, NDArray]:
    """Give row and column of each item that occurs in the sequences `rows`."""
    events = slice(X.indptr[rows.start], X.indptr[rows.stop])
    columns = X.codes[events] - N_RESERVED
    row = np.repeat(np.arange(rows.stop - rows.start), X.lengths[rows])
    return row[columns >= 0], columns[columns >= 0]


def _is_cold(X: Sequences) -> NDArray[np.bool_]:
    known = np.concatenate([[0], np.cumsum(X.codes >= N_RESERVED)])
    return known[X.indptr[1:]] == known[X.indptr[:-1]]
