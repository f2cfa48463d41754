"""Sequences that go on: what is remembered of each user, and what a new event tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import nearest, show
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.network.state import join, take

_USER, _ITEM, _TIME = "the user", "the item", "the time"  # columns of an event

Told = TypeVar("Told")


class StreamState(NamedTuple):
    """What a stream remembers, as a value that can be pickled and gone on from.

    Attributes
    ----------
    keys : (n,) array
        Ids of the users.
    users : tuple of (n, ...) arrays, nested perhaps
        What is remembered of each.
    """

    keys: NDArray
    users: Any


class Stream(Generic[Told]):
    """Common ground of the streams; a subclass gives `_start` and `_read`, on states with a `network.State`.

    Parameters
    ----------
    state : StreamState, optional
        From another stream of the same estimator, which this one goes on from.
    """

    _always_read: Sequence[str] = ()  # fields that every event has, if only as missing

    def __init__(self, state: StreamState | None = None) -> None:
        # One state a user, since users come one at a time.
        self._users: dict[Any, Any] = {}
        if state is not None:
            self._keep(state.keys, state.users)

    def __len__(self) -> int:
        return len(self._users)

    @property
    def keys(self) -> NDArray:
        """Ids of the users that have had events, in the order of their first."""
        return np.array(list(self._users), dtype=object if any(isinstance(key, str) for key in self._users) else None)

    @property
    def state(self) -> StreamState:
        """What is remembered of all users so far."""
        return StreamState(self.keys, self._states_of(list(self._users)))

    def push_many(self, X: Sequences) -> Told:
        """Take in the next events of some users.

        Parameters
        ----------
        X : Sequences
            A sequence for each user, under the user's own id as key; with the columns and the timestamps that the
            estimator was fitted on.

        Returns
        -------
        told : what the events tell, in the order of X's events

        Raises
        ------
        ValueError
            If an event lies before one that the stream has seen of its user.
        """
        before = self._states_of(X.keys.tolist())
        self._check_order(X, before)
        after, told = self._read(before, X)
        self._keep(X.keys, after)
        return told

    def push(self, key: Any, item: Any = None, timestamp: Any = None, **fields: Any) -> Told:
        """Take in one event of one user.

        Parameters
        ----------
        key : id of the user, known or new
        item : id, optional
            What happened; without one, as where the estimator was fitted on events of one kind.
        timestamp : datetime, optional
            When it happened.
        fields
            The event's further columns, by name; None where the event has no such value. What is left out is missing as
            well where the estimator reads every event with all of its fields, as a detector does.

        Returns
        -------
        told : what the event tells, as `push_many` gives it

        Raises
        ------
        ValueError
            As `push_many`; or if a field is left out, and another has nearly its name.
        """
        left_out = [name for name in self._always_read if name not in fields]
        for name in fields:
            if name not in self._always_read and (meant := nearest(name, left_out)):
                raise InputError(f"the estimator reads no field {name!r}.{meant}")
        return self.push_many(_one_event(key, item, timestamp, dict.fromkeys(left_out) | fields))

    def _states_of(self, keys: list[Any]) -> Any:
        known = [self._users[key] if key in self._users else self._start(1) for key in keys]
        return join(known) if known else self._start(0)

    def _keep(self, keys: NDArray, states: Any) -> None:
        for row, key in enumerate(keys.tolist()):
            self._users[key] = take(states, np.array([row]))  # a copy: a view would keep all users alive

    def _check_order(self, X: Sequences, states: Any) -> None:
        if X.timestamps is None:
            return
        full = np.flatnonzero(X.lengths)
        late = full[X.timestamps[X.indptr[full]] < states.network.time[full]]
        if len(late):
            raise InputError(
                f"events of {len(late):,} users, such as {show(X.keys[late[0]])}, lie before what was pushed already."
            )

    def _start(self, n: int) -> Any:
        raise NotImplementedError

    def _read(self, states: Any, X: Sequences) -> tuple[Any, Told]:
        raise NotImplementedError


def _one_event(key: Any, item: Any, timestamp: Any, fields: Mapping[str, Any]) -> Sequences:
    given = {name: value for name, value in ((_USER, key), (_ITEM, item), (_TIME, timestamp)) if value is not None}
    event = pd.DataFrame({name: [value] for name, value in (given | dict(fields)).items()})
    names = {name: name if name in event else None for name in (_ITEM, _TIME)}
    return Sequences.from_frame(event, user=_USER, item=names[_ITEM], timestamp=names[_TIME], columns=list(fields))
