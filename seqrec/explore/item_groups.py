"""Items put into a few groups by an attribute, as many as colours and shapes can tell apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._html import number
from seqrec.explore.front_end import label

MOST_GROUPS = 7
OTHER, UNKNOWN = 7, 8


class Groups(NamedTuple):
    """The group of each item.

    Attributes
    ----------
    kinds : (n_items,) uint8
        0 to 6; ``OTHER`` for all further categories, ``UNKNOWN`` where the value is missing.
    entries : list of (str, int, int)
        Label, size and kind of each group that has items.
    ordered : bool
        Whether they are ranges of numbers, not categories.
    """

    kinds: NDArray[np.uint8]
    entries: list[tuple[str, int, int]]
    ordered: bool


def group(values: NDArray) -> Groups:
    """Put items into at most seven groups, and others.

    Text and truth values are categories: the most frequent are groups. Of several values in one, the first counts.
    Numbers and times are cut into ranges of about as many items each.
    """
    firsts = pd.Series(list(map(_first, values.tolist())), dtype=object)
    is_known = firsts.notna().to_numpy()
    known = firsts[is_known].infer_objects()
    ordered = len(known) > 0 and known.dtype.kind in "iufMm"
    found, labels = _ranges(known.to_numpy()) if ordered else _categories(list(map(str, known.tolist())))
    kinds = np.full(len(values), UNKNOWN, dtype=np.uint8)
    # Few ranges take every second place on the scale, or every third: they must not look nearly the same.
    places = np.rint(np.linspace(0, MOST_GROUPS - 1, len(labels))) if ordered else np.arange(len(labels))
    kinds[is_known] = places.astype(np.uint8)[found]
    names = dict(zip(places.tolist(), labels, strict=True)) | {UNKNOWN: "unknown"}
    if len(labels) > MOST_GROUPS + 1:
        names[OTHER] = f"all {len(labels) - MOST_GROUPS:,} others"
    sizes = np.bincount(kinds, minlength=UNKNOWN + 1).tolist()
    return Groups(kinds, [(names[kind], size, kind) for kind, size in enumerate(sizes) if size], ordered)


def _first(value: Any) -> Any:
    """Give the first of several values, None for nothing."""
    if isinstance(value, list | tuple | np.ndarray):
        return _first(value[0]) if len(value) else None
    if isinstance(value, str):
        return value.split("|", 1)[0].strip() or None
    return value


def _ranges(values: NDArray) -> tuple[NDArray, list[str]]:
    """Cut ordered values into ranges of about as many items each; equal values stay together."""
    ordered, starts = np.sort(values), np.unique(values)
    if len(starts) > MOST_GROUPS:
        starts = _starts(ordered)
    lasts = np.append(ordered[np.searchsorted(ordered, starts[1:]) - 1], ordered[-1:])
    ends = (dict.fromkeys(map(_written, pair)) for pair in zip(starts, lasts, strict=True))
    return np.searchsorted(starts, values, side="right") - 1, [" – ".join(pair) for pair in ends]


def _starts(ordered: NDArray) -> NDArray:
    """Give the first value of each range: where one value fills a range, the others share what is left."""
    starts, begin = [], 0
    for ranges_left in range(MOST_GROUPS, 0, -1):
        if begin < len(ordered):
            starts.append(ordered[begin])
            last = begin + max((len(ordered) - begin) // ranges_left, 1) - 1
            begin = int(np.searchsorted(ordered, ordered[last], side="right"))
    return np.array(starts, dtype=ordered.dtype)


def _written(value: Any) -> str:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return label(pd.Series([value]).astype(str)[0], 40)
    return label(value, 40) if isinstance(value, pd.Timestamp) else number(float(value))


def _categories(values: list[str]) -> tuple[NDArray, list[str]]:
    """Rank categories by frequency, then by name."""
    counts = pd.Series(values, dtype=object).value_counts().sort_index().sort_values(ascending=False, kind="stable")
    found = counts.index.get_indexer(pd.Index(values, dtype=object))
    return np.minimum(found, OTHER), [label(value, 40) for value in counts.index]
