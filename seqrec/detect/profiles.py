"""A user's profile says how much likelier a sequence is from this user than from anyone else."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import log_expit
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from seqrec.data.alignment import beside_sequences
from seqrec.data.display import ShownAsCard
from seqrec.data.inputs import as_sequences, warn_of_unused
from seqrec.data.sequences import Sequences
from seqrec.data.summary import FITTED, TrainingData
from seqrec.data.vocabulary import N_RESERVED, Vocabulary, vocabulary
from seqrec.exceptions import InputError
from seqrec.storage.arrays import Array, Sparse
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Integer, Schema

__all__ = ["UserProfiles"]


class UserProfiles(ShownAsCard, Storable, BaseEstimator):
    r"""Tell a user's own sequences from those that someone else made in the user's name.

    A user :math:`u` is a bag of events that forgets, and falls back on the other users:

    .. math:: p_u(e) = \frac{c_u(e) + s\, q_u(e)}{c_u + s}, \quad
              q_u(e) = \frac{\sum_{v \ne u} n_v(e) + 1/V}{\sum_{v \ne u} n_v + 1}

    where :math:`n_v(e)` sums the events of v's training sequences, :math:`c_u(e)` those of u's sequences so far, halved
    every `half_life` events of u, and V is the number of kinds of events in training. Events come in bursts, so the
    k-th time an event occurs in one sequence weighs :math:`w_k = k^a - (k-1)^a`, both here and in the sequence's score
    :math:`x = \sum w \log (p_u / q_u)`, which is above 0 where the user is the likelier author. Of a user without a
    profile nothing is known: the ratio is 0. Both sides are bags: against a population that sees the context, and so
    foresees a burst, the ratio would call each repetition foreign.

    `score_and_update` goes through sequences in their order. It holds the odds that the user is at work, moves them by
    the chance of a change and by :math:`x / T`, and adds to the profile what is more likely the user's than not.

    Parameters
    ----------
    strength : float
        s, the weight of the other users, in events of weight 1.
    repetition : float, in (0, 1]
        a; 1 counts every event alike, near 0 a sequence counts whether an event occurs.
    half_life : float or None
        Events of a user after which what came before counts half; None never forgets.
    contamination : float
        Probability that the next sequence is someone else's, after one of the user's own.
    persistence : float
        Probability that the next sequence is someone else's, after one that was.
    temperature : float
        T, by which a sequence's log ratio is divided, since its events depend on each other.

    Attributes
    ----------
    vocabulary_, users_ : Vocabulary
        Events and users, as far as they were met; `update` appends to both.
    profiles_ : (N_RESERVED + n_users, n_codes) sparse array
        Weight of each event, :math:`c_u(e)`, in rows and columns by code.
    training_ : (N_RESERVED + n_users, n_codes) sparse array
        :math:`n_u(e)`, not decayed.
    population_ : (n_codes,) float64
        Its sums over the users.
    n_kinds_ : int
        V.
    log_odds_ : (N_RESERVED + n_users,) float64
        Of each user after the latest sequence of `score_and_update`.
    training_data_ : TrainingData
        Size and dates of the training data.

    References
    ----------
    Schonlau et al. (2001), "Computer intrusion: detecting masquerades", Statistical Science 16, for the task.
    Maxion and Townsend (2002), "Masquerade detection using truncated command lines", DSN, for self against non-self
    with updating. Theirs backs off to a constant, weighs repetitions alike, does not forget, and has a threshold in
    place of odds.
    MacKay and Bauman Peto (1995), "A hierarchical Dirichlet language model", equation 12, for :math:`p_u`.

    Examples
    --------
    >>> profiles = UserProfiles(strength=1).fit([["tea", "milk"], ["gin", "lime"]], users=["ann", "bob"])
    >>> profiles.score_samples([["milk"], ["gin"], ["gin"]], users=["ann", "ann", "unheard of"]).round(1).tolist()
    [1.7, -1.1, 0.0]
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "strength": [Interval(Real, 0, None, closed="neither")],
        "repetition": [Interval(Real, 0, 1, closed="right")],
        "half_life": [None, Interval(Real, 0, None, closed="neither")],
        "contamination": [Interval(Real, 0, 1, closed="neither")],
        "persistence": [Interval(Real, 0, 1, closed="neither")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }
    _schema: ClassVar[dict[str, Schema]] = FITTED | {
        "vocabulary_": vocabulary("n_items"),
        "users_": vocabulary("n_users"),
        "profiles_": Sparse("float64", "n_users + 2", "n_items + 2"),
        "training_": Sparse("float64", "n_users + 2", "n_items + 2"),
        "population_": Array("float64", "n_items + 2", low=0),
        "n_kinds_": Integer(1),
        "log_odds_": Array("float64", "n_users + 2"),
    }

    def __init__(
        self,
        strength: float = 30.0,
        repetition: float = 0.5,
        half_life: float | None = 1400.0,
        contamination: float = 0.01,
        persistence: float = 0.8,
        temperature: float = 5.0,
    ) -> None:
        self.strength, self.repetition, self.half_life = strength, repetition, half_life
        self.contamination, self.persistence, self.temperature = contamination, persistence, temperature

    def fit(self, X: Any, users: ArrayLike) -> Self:
        """Count each user's events.

        Parameters
        ----------
        X : Sequences or list of lists
            Those of a user in the order of time, and of about the length of the sequences that are judged later.
        users : (n_sequences,) ids
        """
        self._validate_params()
        X, users = _check(X, users, allow_empty=False)
        warn_of_unused(X, self)
        self.training_data_ = TrainingData.of(X)
        self.vocabulary_, self.users_ = X.compact().vocabulary, Vocabulary(pd.unique(users))
        X, rows = self._encode(X, users)
        self.training_ = self._sum(X, rows, half_life=None)
        self.profiles_ = self._sum(X, rows, self.half_life)
        self.population_ = self.training_.sum(axis=0)
        self.n_kinds_ = len(self.vocabulary_) + 1  # and unknown events
        self.log_odds_ = np.full(self.profiles_.shape[0], self._prior)
        return self

    def log_ratio(self, X: Any, users: ArrayLike) -> NDArray[np.float64]:
        r"""How much likelier each event is from its user than from the others, weighted by its repetition.

        Parameters
        ----------
        X : Sequences or list of lists
        users : (n_sequences,) ids
            Whose each sequence is said to be.

        Returns
        -------
        log_ratio : (n_events,) float64, nats
            :math:`w \log (p_u / q_u)`; 0 for users without a profile.
        """
        check_is_fitted(self)
        X, rows = self._encode(*_check(X, users))
        rows = np.repeat(rows, X.lengths)
        own = _at(self.profiles_, rows, X.codes)
        total = self.profiles_.sum(axis=1)[rows]
        return self._weights(X) * (
            np.log(own / self._population(rows, X.codes) + self.strength) - np.log(total + self.strength)
        )

    def score_samples(self, X: Any, users: ArrayLike) -> NDArray[np.float64]:
        """Sum `log_ratio` over each sequence, (n_sequences,), nats: higher is more like the user."""
        X, users = _check(X, users)
        ratios = self.log_ratio(X, users)
        return np.bincount(np.repeat(np.arange(len(X)), X.lengths), ratios, len(X)).astype(np.float64)

    def update(self, X: Any, users: ArrayLike) -> Self:
        """Add sequences, in the order of time, to the profiles of their users; the population stays as it was."""
        check_is_fitted(self)
        X, users = _check(X, users)
        self._grow(X, users)
        self._learn(*self._encode(X, users))
        return self

    def score_and_update(self, X: Any, users: ArrayLike) -> NDArray[np.float64]:
        """Score each sequence by what its user did before, then learn from it if it seems the user's own.

        Parameters
        ----------
        X : Sequences or list of lists
            Those of a user in the order of time; those of different users in any order.
        users : (n_sequences,) ids

        Returns
        -------
        log_odds : (n_sequences,) float64
            Log odds that the sequence is the user's own, given it and what came before; learnt from where above 0.
        """
        check_is_fitted(self)
        X, users = _check(X, users)
        self._grow(X, users)
        scores = np.empty(len(X))
        for turn in _turns(users):
            now, whose = X[turn], self.users_.encode(users[turn])
            ratio = self.score_samples(now, users[turn])
            scores[turn] = self._forecast(self.log_odds_[whose]) + ratio / self.temperature
            self.log_odds_[whose] = scores[turn]
            own = scores[turn] > 0
            self._learn(*self._encode(now[own], users[turn][own]))
        return scores

    @property
    def _prior(self) -> float:
        return float(np.log1p(-self.contamination) - np.log(self.contamination))

    def _forecast(self, log_odds: NDArray) -> NDArray[np.float64]:
        """Log odds that the next sequence is the user's own: one step of a Markov chain of two states."""
        own, other = log_expit(log_odds), log_expit(-log_odds)
        next_own = np.logaddexp(own + np.log1p(-self.contamination), other + np.log1p(-self.persistence))
        next_other = np.logaddexp(own + np.log(self.contamination), other + np.log(self.persistence))
        return next_own - next_other

    def _encode(self, X: Sequences, users: NDArray) -> tuple[Sequences, NDArray]:
        return X.recode(self.vocabulary_), self.users_.encode(users)

    def _weights(self, X: Sequences) -> NDArray[np.float64]:
        k = _occurrence(X)
        return k**self.repetition - (k - 1) ** self.repetition

    def _sum(self, X: Sequences, rows: NDArray, half_life: float | None) -> sparse.csr_array:
        """Sum the weights of each user's events, decayed by the number of the user's events in later sequences."""
        weights = self._weights(X) * np.repeat(_decay(_events_after(X, rows), half_life), X.lengths)
        shape = (N_RESERVED + len(self.users_), N_RESERVED + len(self.vocabulary_))
        return sparse.coo_array((weights, (np.repeat(rows, X.lengths), X.codes)), shape=shape).tocsr()

    def _learn(self, X: Sequences, rows: NDArray) -> None:
        n_events = np.bincount(rows, X.lengths, len(self.log_odds_))
        kept = sparse.diags_array(_decay(n_events, self.half_life))
        self.profiles_ = (kept @ self.profiles_ + self._sum(X, rows, self.half_life)).tocsr()

    def _population(self, rows: NDArray, codes: NDArray) -> NDArray[np.float64]:
        """q_u(e): what the others did in training; one pseudo-event is spread over all kinds of events."""
        others = self.population_[codes] - _at(self.training_, rows, codes)
        total = self.population_.sum() - self.training_.sum(axis=1)[rows]
        return (np.maximum(others, 0) + 1 / self.n_kinds_) / (np.maximum(total, 0) + 1)

    def _grow(self, X: Sequences, users: NDArray) -> None:
        """Append users and kinds of events that are new; an event that X itself calls unknown stays that."""
        self.vocabulary_ = self.vocabulary_.extend(X.compact().vocabulary.items)
        self.users_ = self.users_.extend(users)
        shape = (N_RESERVED + len(self.users_), N_RESERVED + len(self.vocabulary_))
        if shape != self.profiles_.shape:
            self.profiles_, self.training_ = _enlarge(self.profiles_, shape), _enlarge(self.training_, shape)
            self.population_ = np.pad(self.population_, (0, shape[1] - len(self.population_)))
            added = shape[0] - len(self.log_odds_)
            self.log_odds_ = np.pad(self.log_odds_, (0, added), constant_values=self._prior)


def _check(X: Any, users: ArrayLike, *, allow_empty: bool = True) -> tuple[Sequences, NDArray]:
    users, X = np.asarray(beside_sequences(users, X, "users")), as_sequences(X, allow_empty=allow_empty)
    users = users.astype(object) if users.dtype.kind == "U" else users
    if users.shape != (len(X),):
        raise InputError(f"users must hold one id for each of the {len(X)} sequences, got shape {users.shape}.")
    return X, users


def _occurrence(X: Sequences) -> NDArray[np.float64]:
    """Tell the how-manieth time it is that an event occurs in its sequence: 1, 2, 3, ..."""
    events = pd.DataFrame({"sequence": np.repeat(np.arange(len(X)), X.lengths), "code": X.codes})
    return events.groupby(["sequence", "code"], sort=False).cumcount().to_numpy().astype(np.float64) + 1


def _events_after(X: Sequences, rows: NDArray) -> NDArray:
    """Count the events of the same user in later sequences, (n_sequences,)."""
    so_far = pd.Series(X.lengths).groupby(rows)
    return (so_far.transform("sum") - so_far.cumsum()).to_numpy()


def _decay(n_events: NDArray, half_life: float | None) -> NDArray[np.float64]:
    return np.ones(len(n_events)) if half_life is None else 0.5 ** (n_events / half_life)


def _turns(users: NDArray) -> Iterable[Any]:
    """Give the rows of each user's first sequence, then those of the second, and so on."""
    turn = pd.Series(users).groupby(users, sort=False).cumcount()
    return turn.groupby(turn).indices.values()


def _at(matrix: sparse.csr_array, rows: NDArray, columns: NDArray) -> NDArray[np.float64]:
    """Look up single entries, (n,)."""
    found: Any = matrix[rows, columns]
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found).ravel()  # sparse where n = 0


def _enlarge(matrix: sparse.csr_array, shape: tuple[int, int]) -> sparse.csr_array:
    entries = matrix.tocoo()
    return sparse.coo_array((entries.data, entries.coords), shape=shape).tocsr()
