"""The items of a recommender on a plane: those that the model takes for alike lie together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import normalize
from traitlets import Bytes, Dict, Int, List, TraitError, Unicode, observe, validate

from seqrec._checks import check_choice, check_rows
from seqrec._html import Html, card, listed, table
from seqrec.exceptions import InputError, MissingExtraError
from seqrec.explore.catalogue import Catalogue
from seqrec.explore.front_end import Widget, check_proposal, label, lines, packed
from seqrec.explore.item_groups import OTHER, group

_POPULARITY = "popularity"
_N_NEAREST = 10
_N_DRAWN = 500  # points of the picture in the fallback


class ItemMap(Widget, script="item_map"):
    """Look at all items of a fitted recommender at once, as its embeddings lay them out.

    Use it to see what the model has learnt without being told (do genres, brands or prices form regions?), to find
    items that lie where they should not, and to pick a group of items by hand.

    Parameters
    ----------
    recommender : LSTMRecommender
        Fitted.
    items : DataFrame, Series or mapping, optional
        Titles and attributes of the items; see `Catalogue`.
    color : str, optional
        The attribute that colours the items, or "popularity": how often an item occurs in the training data. By
        default the first attribute of which seven values or fewer cover half of the catalogue, else "popularity".
    points : (n_items, 2) array-like, optional
        Where the items lie, in the order of ``recommender.vocabulary_.items``: for instance UMAP or t-SNE of
        `item_embeddings`. By default their principal components, after all embeddings are brought to length 1: items
        are near to the model if their embeddings point the same way (`similar_items`).

    Attributes
    ----------
    item : int
        Position in the catalogue of the item in focus; -1 for none. Can be linked to that of other widgets.
    selection : list of int
        Positions in the catalogue of the selected items.
    color : str
        What colours the items. Text and truth values are categories, of which the seven most frequent are shown and
        the others put together; where a value lists several ("Animation|Comedy", or a list), its first counts. Numbers
        and dates are cut into at most seven ranges of about as many items each. Missing values are "unknown".

    Raises
    ------
    TypeError
        If the recommender has no item embeddings.
    NotFittedError
        Before `fit`.
    ValueError
        If `points`, `items` or `color` do not fit the catalogue.

    Examples
    --------
    >>> from seqrec import LSTMRecommender
    >>> from seqrec.explore import ItemMap
    >>> recommender = LSTMRecommender(units=8, max_epochs=1).fit([["tea", "milk", "cake"]] * 5)
    >>> item_map = ItemMap(recommender, {"tea": "Green tea", "milk": "Milk", "cake": "Cake"})
    >>> item_map.selection = [0, 2]
    >>> item_map.selected["title"].tolist()
    ['Green tea', 'Cake']
    """

    item = Int(-1).tag(sync=True)
    selection = List(Int()).tag(sync=True)
    color, _axes = (Unicode().tag(sync=True) for _ in range(2))
    _labels, _points, _popular, _groups = (Bytes().tag(sync=True) for _ in range(4))
    _colors = List(Unicode()).tag(sync=True)
    _legend, _focus = (Dict().tag(sync=True) for _ in range(2))

    def __init__(
        self, recommender: Any, items: Any = None, color: str | None = None, points: ArrayLike | None = None
    ) -> None:
        self._directions = normalize(item_embeddings(recommender))
        self._catalogue = Catalogue(recommender.vocabulary_, items)
        self._counts = np.asarray(recommender.item_counts_)
        self._by_count = np.argsort(-self._counts, kind="stable")
        known = {label(name, 40): values for name, values in self._catalogue.attributes.items()}
        self._values: dict[str, NDArray] = {_POPULARITY: self._counts} | known
        self._xy, axes = _plane(self._directions) if points is None else (_checked(points, len(self._counts)), "")
        super().__init__(
            color=_telling(known) if color is None else check_choice(color, "color", self._values),
            _colors=list(self._values),
            _labels=lines(self._catalogue.labels),
            _points=packed(_to_unit(self._xy)),
            _popular=packed(self._by_count, "int32"),
            _axes=axes,
        )

    @property
    def frame(self) -> pd.DataFrame:
        """All items: `item_id`, `title`, the attributes, `popularity` and where they lie, `x` and `y`."""
        return self._frame(np.arange(len(self._xy)))

    @property
    def selected(self) -> pd.DataFrame:
        """The selected items, as in `frame`."""
        return self._frame(self.selection)

    @property
    def nearest(self) -> pd.DataFrame:
        """The ten items whose embeddings are nearest to that of the item in focus, with their `similarity` (cosine)."""
        columns, similarities = self._nearest(self.item) if self.item >= 0 else ([], [])
        return self._frame(columns).assign(similarity=np.asarray(similarities, dtype=np.float32))

    def scatter(self) -> Any:
        """Draw the map with jupyter-scatter, whose WebGL moves millions of points.

        Returns
        -------
        scatter : jscatter.Scatter
            Of `frame`, coloured by `color`.

        Raises
        ------
        MissingExtraError
            If jupyter-scatter is not installed.
        """
        try:
            import jscatter
        except ImportError as error:
            raise MissingExtraError('scatter() needs jupyter-scatter: pip install "seqrec[map]".') from error
        groups = group(self._values[self.color])
        names = {kind: text for text, _, kind in groups.entries}
        color = pd.Categorical([names[kind] for kind in groups.kinds.tolist()], categories=list(names.values()))
        return jscatter.Scatter("x", "y", data=self.frame.assign(color=color), color_by="color", legend=True)

    @validate("item")
    def _check_item(self, proposal: Any) -> int:
        if not -1 <= proposal["value"] < len(self._xy):
            raise TraitError(f"item is {proposal['value']}, but must be {self._range()}, or -1 for none.")
        return proposal["value"]

    @validate("selection")
    def _check_selection(self, proposal: Any) -> list[int]:
        outside = [position for position in proposal["value"] if not 0 <= position < len(self._xy)]
        if outside:
            raise TraitError(f"selection holds {outside[0]}, but positions must be {self._range()}.")
        return list(dict.fromkeys(proposal["value"]))

    @validate("color")
    def _check_color(self, proposal: Any) -> str:
        return check_proposal(proposal, check_choice, self._values)

    def _range(self) -> str:
        return f"from 0 to {len(self._xy) - 1:,}, as the catalogue has {len(self._xy):,} items"

    @observe("color")
    def _show_groups(self, _: Any) -> None:
        groups = group(self._values[self.color])
        with self.hold_sync():
            self._groups = packed(groups.kinds, "uint8")
            self._legend = {"entries": [list(entry) for entry in groups.entries], "ordered": groups.ordered}

    @observe("item")
    def _show_nearest(self, _: Any) -> None:
        nearest, details = [], ""
        if self.item >= 0:
            nearest = [list(pair) for pair in zip(*(found.tolist() for found in self._nearest(self.item)), strict=True)]
            times = f"{self._counts[self.item]:,} times in the training data"
            details = " · ".join(filter(None, [self._catalogue.details(self.item), times]))
        self._focus = {"item": self.item, "details": details, "nearest": nearest}

    def _nearest(self, item: int, k: int = _N_NEAREST) -> tuple[NDArray, NDArray[np.float32]]:
        """Give what `similar_items` gave when the map was made: the model may have learnt since, the map has not."""
        similarities = self._directions @ self._directions[item]
        similarities[item] = -np.inf
        best = np.argsort(-similarities, kind="stable")[: min(k, len(similarities) - 1)]
        return best, similarities[best]

    def _frame(self, columns: Any) -> pd.DataFrame:
        columns = np.asarray(columns, dtype=np.intp)
        x, y = self._xy[columns].T
        return self._catalogue.frame(columns).assign(popularity=self._values[_POPULARITY][columns], x=x, y=y)

    def _fallback(self) -> str:
        facts = {
            "Axes": self._axes or "as given",
            "Coloured by": self.color,
            "In focus": self._catalogue.labels[self.item] if self.item >= 0 else "none",
            "Selected": len(self.selection),
        }
        lead = f"{len(self._xy):,} items; run the notebook to move about in it"
        header = ["Popular items", "Times", "Nearest to it"]
        return card("Item map", facts, self._picture(), table(self._rows(self._by_count[:8]), header), lead=lead)

    def _rows(self, columns: NDArray) -> Iterator[list[Any]]:
        labels = self._catalogue.labels
        for column in columns.tolist():
            nearest = [labels[near] for near in self._nearest(column, 3)[0]]
            yield [labels[column], int(self._counts[column]), listed(nearest, width=30)]

    def _picture(self) -> Html:
        """Draw some of the points as an SVG: one path of dots."""
        drawn = np.linspace(0, len(self._xy) - 1, min(len(self._xy), _N_DRAWN)).astype(np.intp)
        places = np.rint(150 * _to_unit(self._xy[drawn]) * [1, -1] + 160).astype(int)
        dots = "".join(f"M{x} {y}h0" for x, y in places.tolist())
        heard = f'role="img" aria-label="{len(drawn):,} of the {len(self._xy):,} items on the plane"'
        pen = 'fill="none" stroke="currentColor" stroke-opacity=".6" stroke-width="4" stroke-linecap="round"'
        return Html(f'<svg {heard} width="320" height="320" viewBox="0 0 320 320"><path {pen} d="{dots}"/></svg>')


def item_embeddings(recommender: Any) -> NDArray[np.float32]:
    """Give the embeddings that a fitted recommender has learnt, a row an item of ``vocabulary_.items``.

    Returns
    -------
    embeddings : (n_items, embedding_dim) float32

    Raises
    ------
    TypeError
        If the recommender has no item embeddings.
    NotFittedError
        Before `fit`.
    """
    if not hasattr(recommender, "item_embeddings"):
        raise InputError(
            f"a map needs item embeddings, which {type(recommender).__name__} does not have. "
            "Give a fitted LSTMRecommender."
        )
    return recommender.item_embeddings()


def _plane(rows: NDArray) -> tuple[NDArray[np.float64], str]:
    """Give the first two principal components, (n, 2), and what share of the variance they hold in words."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred)  # exact, and fast: as small as the embedding is wide
    axes = axes[:, :-3:-1]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])  # those of eigh are arbitrary
    xy = np.zeros((len(rows), 2))
    xy[:, : axes.shape[1]] = centred @ (axes * signs)
    share = variances[-2:].sum() / max(variances.sum(), np.finfo(float).tiny)
    return xy, f"These two axes hold {share:.0%} of the variance (PCA)."


def _checked(points: ArrayLike, n_items: int) -> NDArray[np.float64]:
    xy = np.asarray(points, dtype=np.float64)
    if xy.shape != (n_items, 2):
        raise InputError(f"points must have a row of x and y for each of {n_items:,} items, got shape {xy.shape}.")
    check_rows(np.all(np.isfinite(xy), axis=1), "points", "rows that are not finite", "Give each item a place.")
    return xy


def _to_unit(xy: NDArray) -> NDArray:
    """Move and scale points, by the same factor along both axes, so that they fill the square from -1 to 1."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    return (xy - (low + high) / 2) / max((high - low).max() / 2, np.finfo(float).tiny)


def _telling(attributes: dict[str, NDArray]) -> str:
    """Choose an attribute whose colours tell much: categories, of which those shown cover half of the items."""
    for name, values in attributes.items():
        groups = group(values)
        if not groups.ordered and np.mean(groups.kinds < OTHER) >= 0.5:
            return name
    return _POPULARITY
