"""A recommender on histories that go on: an event costs one step, and what comes next is asked at any time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from seqrec.data.queries import seconds_until
from seqrec.data.sequences import Sequences
from seqrec.data.summary import count_events
from seqrec.exceptions import InputError
from seqrec.network.reading import Reader
from seqrec.network.state import State, take
from seqrec.network.stream import Stream, StreamState
from seqrec.recommend.top_k import best_of


class RecommenderState(NamedTuple):
    """What is kept of n users.

    Attributes
    ----------
    network : State
    counts : (n, 1 + n_items) sparse array
        How often each item occurred; the first column counts unknown ones.
    """

    network: State
    counts: sparse.csr_array


class RecommenderStream(Stream[None]):
    """Follows users as their events come; `LSTMRecommender.stream` makes it.

    Parameters
    ----------
    recommender : LSTMRecommender
    state : StreamState, optional

    Examples
    --------
    >>> from seqrec import LSTMRecommender
    >>> recommender = LSTMRecommender(max_epochs=2, random_state=0).fit([["tea", "milk", "sugar"]] * 30)
    >>> stream = recommender.stream()
    >>> stream.push("u1", "tea")
    >>> stream.push("u1", "milk")
    >>> items, scores = stream.recommend(["u1"], k=1)
    >>> bool(items[0, 0] == recommender.recommend([["tea", "milk"]], k=1)[0][0, 0])
    True
    """

    def __init__(self, recommender: Any, state: StreamState | None = None) -> None:
        self._recommender = recommender
        super().__init__(state)

    def recommend(
        self,
        keys: ArrayLike | None = None,
        k: int = 10,
        exclude_seen: bool = True,
        candidates: ArrayLike | None = None,
        at: ArrayLike | None = None,
    ) -> tuple[NDArray, NDArray[np.float32]]:
        """Recommend to users, by default to all, after their events so far: see `LSTMRecommender.recommend`.

        A user without any known item gets the most popular ones.

        Returns
        -------
        items : (n, k) array
        scores : (n, k) float32
        """
        users = self.keys.tolist() if keys is None else np.asarray(keys).tolist()
        network, counts = self._states_of(users)
        known, recommender = counts[:, 1:].tocsr(), self._recommender
        waited = seconds_until(None if at is None else np.asarray(at, "datetime64[us]"), network.time)
        if (waited < 0).any():
            raise InputError(f"at lies before the last event of {np.count_nonzero(waited < 0):,} users.")
        states = self._reader.asked(network.output, *recommender.fields_.encode_gaps(waited))
        cold, k = np.asarray(known.sum(axis=1)) == 0, recommender._clip(k)
        blocks, seen = self._reader.scores(states), (lambda rows: known[rows].nonzero()) if exclude_seen else None
        blocks = recommender._finished(blocks, cold, seen, candidates, recommender.item_counts_)
        columns, scores = best_of(blocks, len(users), k)
        return recommender._name_items(columns, scores), scores

    @property
    def _reader(self) -> Reader:
        return Reader.of(self._recommender.model_)

    def _start(self, n: int) -> RecommenderState:
        state = take(self._reader.started, np.zeros(n, np.intp))
        return RecommenderState(state, sparse.csr_array((n, 1 + len(self._recommender.vocabulary_)), dtype=np.int64))

    def _read(self, states: RecommenderState, X: Sequences) -> tuple[RecommenderState, None]:
        X = X.recode(self._recommender.vocabulary_)
        encoded = self._recommender.fields_.encode(X, states.network.time, may_lack=True)
        network = self._reader.read(encoded, states.network, keep=True)
        return RecommenderState(network, (states.counts + count_events(X)).tocsr()), None
