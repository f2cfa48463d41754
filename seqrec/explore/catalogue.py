"""Titles and attributes of a catalogue's items, in the order of its vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec.data.vocabulary import Vocabulary
from seqrec.exceptions import InputError
from seqrec.explore.front_end import label

_ID = "item_id"
_TITLES = ("title", "name", "label")


class Catalogue:
    """What a user knows about the items that a model knows.

    Parameters
    ----------
    vocabulary : Vocabulary
    items : DataFrame, Series or mapping, optional
        A frame has a column "item_id", or its index holds the ids; its column "title", "name" or "label", or else its
        first column of text, gives the titles, and the others are attributes. A Series or mapping gives titles. Items
        that it lacks are shown by their ids.

    Attributes
    ----------
    ids : (n_items,) ndarray
    labels : list of n_items str
        Titles, or ids; safe to show.
    attributes : dict of (n_items,) object ndarray
        None where `items` says nothing.

    Raises
    ------
    ValueError
        If an item comes twice, or none is in the catalogue.
    """

    def __init__(self, vocabulary: Vocabulary, items: Any = None) -> None:
        self.ids = vocabulary.items
        frame = pd.DataFrame() if items is None else _by_id(items)
        if len(frame) and not frame.index.isin(self.ids).any():
            raise InputError(
                f"none of the {len(frame):,} items is in the catalogue: their ids are like "
                f"{show(frame.index[:3].tolist())}, those of the catalogue like {show(self.ids[:3].tolist())}."
            )
        aligned = frame.astype(object).reindex(self.ids)
        columns = {str(name): values.where(values.notna(), None).to_numpy() for name, values in aligned.items()}
        name = _title_of(columns)
        titles = [None] * len(self.ids) if name is None else columns.pop(name)
        ids = zip(self.ids.tolist(), titles, strict=True)
        self.labels = [label(item if title is None or not str(title).strip() else title) for item, title in ids]
        self._titles = dict(zip(self.ids.tolist(), self.labels, strict=True))
        self.attributes: dict[str, NDArray] = columns

    def called(self, items: Iterable[Any]) -> list[str]:
        """Give what some items are called; those that are not in the catalogue, by their ids."""
        return [self._titles.get(item) or label(item) for item in items]

    def details(self, column: int) -> str:
        """Give an item's attributes, each with its name, as one line of text."""
        known = ((name, values[column]) for name, values in self.attributes.items() if values[column] is not None)
        return label(" · ".join(f"{name} {f'{one:g}' if isinstance(one, float) else one}" for name, one in known))

    def frame(self, columns: Any) -> pd.DataFrame:
        """Give some items as a frame: `item_id`, `title` and the attributes."""
        columns = np.asarray(columns, dtype=np.intp)
        titles = [self.labels[column] for column in columns]
        known = {name: values[columns] for name, values in self.attributes.items()}
        return pd.DataFrame({_ID: self.ids[columns], "title": titles} | known)


def _by_id(items: Any) -> pd.DataFrame:
    if isinstance(items, pd.Series | Mapping):
        frame = pd.Series(items).to_frame("title")
    else:
        frame = nw.from_native(items, eager_only=True).to_pandas()
        frame = frame.set_index(_ID) if _ID in frame.columns else frame
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()][0]
        raise InputError(f"item {show(twice)} comes twice among the items: give each item one row.")
    return frame


def _title_of(columns: dict[str, NDArray]) -> str | None:
    usual = [name for name in _TITLES if name in columns]
    texts = [name for name, values in columns.items() if any(isinstance(value, str) for value in values[:100])]
    return next(iter(usual + texts), None)
