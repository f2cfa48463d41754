"""A vocabulary numbers the items of a catalogue, so that arrays can hold small codes in place of ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrec._checks import check_ids, show
from seqrec.exceptions import InputError
from seqrec.storage.arrays import Ids
from seqrec.storage.schemas import Converted, Schema

PADDING = 0  # also the start of a sequence
UNKNOWN = 1
N_RESERVED = 2


class Vocabulary:
    """Items and their codes, both ways.

    The first codes are reserved (``PADDING`` and ``UNKNOWN``); item ``i`` has code ``i + N_RESERVED``.
    A vocabulary never changes; `extend` gives a new one.

    Parameters
    ----------
    items : array-like of shape (n_items,)
        Distinct ids: integers or text (floats are taken too, as 2-D arrays of numbers hold them).

    Raises
    ------
    TypeError
        Where ids are of mixed or unsuitable kinds.
    ValueError
        Where ids are missing, empty or repeated.

    Examples
    --------
    >>> vocabulary = Vocabulary(["tea", "milk"])
    >>> vocabulary.encode(["milk", "coffee"])
    array([3, 1], dtype=int32)
    >>> vocabulary.decode([3, 1])
    array(['milk', None], dtype=object)
    """

    def __init__(self, items: Any) -> None:
        self._items = check_ids(items, "items").copy()
        self._items.flags.writeable = False
        # An index of objects: pandas would store text in Arrow, which is slower to look up.
        self._index = pd.Index(self._items, dtype=self._items.dtype)
        if not self._index.is_unique:
            repeated = self._index[self._index.duplicated()]
            raise InputError(f"items has {len(repeated):,} repeated ids, such as {show(repeated[0])}.")

    def __reduce__(self) -> tuple[type, tuple]:
        """Pickle and copy the ids alone; the index is built anew."""
        return type(self), (self._items,)

    @property
    def items(self) -> np.ndarray:
        """The ids, (n_items,), read-only; text as Python strings."""
        return self._items

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item: Any) -> bool:
        return item in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and np.array_equal(self.items, other.items)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(map(show, self.items[:3].tolist()))
        return f"Vocabulary({len(self):,} items: {shown}{', ...' if len(self) > 3 else ''})"

    def encode(self, values: Any) -> np.ndarray:
        """Give the code of each id, ``UNKNOWN`` where the vocabulary lacks it.

        Parameters
        ----------
        values : array-like of shape (n,)

        Returns
        -------
        codes : (n,) int32

        Raises
        ------
        TypeError
            Where `values` are text and the items are numbers, or the reverse.
        """
        values = check_ids(values, "values")
        if len(values) and len(self) and _kind(values) != _kind(self.items):
            own, given = (f"{_kind(ids)} (such as {show(ids[0])})" for ids in (self.items, values))
            raise InputError(f"the items are {own}, but these are {given}. Convert one to the other's kind.")
        found = self._index.get_indexer(pd.Index(values, dtype=values.dtype))
        return np.where(found < 0, UNKNOWN, found + N_RESERVED).astype(np.int32)

    def decode(self, codes: Any) -> np.ndarray:
        """Give the id of each code, None for a reserved one.

        Returns
        -------
        ids : (n,) ndarray
            Of the items' own dtype; object where None occurs.
        """
        positions = np.asarray(codes) - N_RESERVED
        if (positions >= 0).all():
            return self.items[positions]
        ids = np.full(positions.shape, None, dtype=object)
        ids[positions >= 0] = self.items[positions[positions >= 0]]
        return ids

    def translation(self, other: Vocabulary) -> np.ndarray:
        """Give `other`'s code for each code of this vocabulary.

        Returns
        -------
        codes : (N_RESERVED + n_items,) int32
            ``UNKNOWN`` where `other` lacks the item, so ``other_codes = codes[own_codes]``.

        Raises
        ------
        TypeError
            Where one holds text and the other numbers.
        """
        reserved = np.array([PADDING, UNKNOWN], dtype=np.int32)
        return np.concatenate([reserved, other.encode(self.items)])

    def extend(self, items: Any) -> Vocabulary:
        """Give a vocabulary with unseen `items` appended; codes that exist stay as they are.

        Raises
        ------
        TypeError
            Where items are text here and numbers there, or the vocabulary is `NO_ITEMS`.
        """
        items = check_ids(items, "items")
        unseen = pd.unique(items[self.encode(items) == UNKNOWN])
        if self == NO_ITEMS and len(unseen):
            raise InputError(f"events without items (item=None) cannot go on with items, such as {show(unseen[0])}.")
        return Vocabulary(np.concatenate([self.items, unseen]) if len(self) else unseen)


NO_ITEMS = Vocabulary(["(event)"])  # of events that have no item, and so are all of one kind


def factorize(values: np.ndarray) -> tuple[np.ndarray, Vocabulary]:
    """Give the code of each id, and the vocabulary, whose items come as they first appear."""
    codes, items = pd.factorize(check_ids(values, "X as one column"))
    return (codes + N_RESERVED).astype(np.int32), Vocabulary(items)


def number_items(positions: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, Vocabulary]:
    """Give each event's code, and the vocabulary: the items at `positions`, as they first appear."""
    order = pd.unique(positions)
    codes = np.empty(len(items), dtype=np.int32)
    codes[order] = np.arange(N_RESERVED, N_RESERVED + len(order), dtype=np.int32)
    return codes[positions], Vocabulary(items[order])


def _kind(ids: np.ndarray) -> str:
    return "text" if ids.dtype == object else "numbers"


def vocabulary(length: str | None = None) -> Schema:
    """Give the schema of a `Vocabulary`."""
    return Converted(Ids(length), lambda value: value.items, Vocabulary)
