import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from traitlets import TraitError, link

from seqrec import LSTMRecommender
from seqrec.data.vocabulary import N_RESERVED, Vocabulary
from seqrec.explore.front_end import source, style
from seqrec.explore.item_map import ItemMap, item_embeddings
from seqrec.recommend.baselines import PopularityRecommender

HOSTILE = "<img src=x onerror=window.__hostile=1>"
NAMES = ["tea", "milk", "cake", "jam", "ham", "egg"]
ITEMS = pd.DataFrame(
    {
        "item_id": NAMES,
        "title": ["Green tea", "Milk", "Cake", HOSTILE, "Ham", "Egg"],
        "kind": ["drink", "drink|white", "food", "food", "food", None],
        "price": [1.5, 0.5, 3.0, np.nan, 2.0, 0.25],
    }
)


def fitted(names=NAMES, width=4):
    """A recommender that knows embeddings and counts, and nothing else."""
    recommender = LSTMRecommender()
    embeddings = np.random.default_rng(0).normal(size=(N_RESERVED + len(names), width)).astype(np.float32)
    recommender.model_ = SimpleNamespace(encoder=SimpleNamespace(items=SimpleNamespace(embeddings=embeddings)))
    recommender.vocabulary_ = Vocabulary(names)
    recommender.item_counts_ = np.arange(len(names), 0, -1)
    return recommender


@pytest.fixture(scope="module")
def recommender():
    return fitted()


@pytest.fixture
def item_map(recommender):
    return ItemMap(recommender, ITEMS)


def positions(recommender, names):
    return [recommender.vocabulary_.items.tolist().index(name) for name in names]


def test_nearest_items_are_those_of_similar_items(recommender, item_map):
    for position, name in enumerate(recommender.vocabulary_.items):
        items, similarities = recommender.similar_items(name, k=5)
        item_map.item = position
        assert item_map.nearest["item_id"].tolist() == items.tolist()
        np.testing.assert_allclose(item_map.nearest["similarity"], similarities, atol=1e-5)
        assert [near for near, _ in item_map._focus["nearest"]] == positions(recommender, items)


def test_without_an_item_in_focus_there_is_nothing_near(item_map):
    assert len(item_map.nearest) == 0
    assert "similarity" in item_map.nearest


def test_points_are_the_first_two_principal_components_of_directions(recommender, item_map):
    rows = item_embeddings(recommender)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    left, sizes, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    xy = item_map.frame[["x", "y"]].to_numpy()
    np.testing.assert_allclose(np.abs(xy), np.abs(left * sizes)[:, :2], atol=1e-5)
    share = (sizes[:2] ** 2).sum() / (sizes**2).sum()
    assert f"{share:.0%} of the variance" in item_map._axes


def test_the_same_model_gives_the_same_map(recommender, item_map):
    assert ItemMap(recommender, ITEMS)._points == item_map._points


@pytest.mark.parametrize(("n_items", "width"), [(1, 4), (2, 4), (2, 1), (3, 1)])
def test_few_items_or_axes_still_have_a_place(n_items, width):
    item_map = ItemMap(fitted(NAMES[:n_items], width))
    assert np.isfinite(item_map.frame[["x", "y"]].to_numpy()).all()
    item_map.item = 0
    assert len(item_map.nearest) == n_items - 1
    assert "Item map" in item_map._fallback()


def test_points_of_ones_own_are_kept_and_sent_between_minus_one_and_one(recommender):
    points = 1e9 + np.arange(12.0).reshape(6, 2)
    item_map = ItemMap(recommender, points=points)
    assert (item_map.frame[["x", "y"]].to_numpy() == points).all()
    sent = np.frombuffer(item_map._points, dtype="<f4").reshape(-1, 2)
    np.testing.assert_allclose(sent, np.repeat(np.linspace(-1, 1, 6), 2).reshape(6, 2), atol=1e-6)
    assert "PCA" not in item_map._axes


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((5, 2)), "a row of x and y for each of 6 items, got shape"),
        (np.zeros((6, 3)), "got shape"),
        (np.full((6, 2), np.nan), "points has 6 rows that are not finite"),
    ],
)
def test_points_that_do_not_fit_are_refused(recommender, points, message):
    with pytest.raises(ValueError, match=message):
        ItemMap(recommender, points=points)


def test_a_recommender_without_embeddings_is_a_type_error():
    with pytest.raises(TypeError, match="item embeddings, which PopularityRecommender does not have"):
        ItemMap(PopularityRecommender().fit([NAMES]))


def test_an_unfitted_recommender_is_refused(recommender):
    with pytest.raises(NotFittedError):
        ItemMap(clone(recommender))


def test_a_wrong_color_is_named(recommender, item_map):
    with pytest.raises(ValueError, match="color must be one of 'popularity', 'kind', 'price'"):
        ItemMap(recommender, ITEMS, color="kin")
    with pytest.raises(TraitError, match="Did you mean 'price'"):
        item_map.color = "prise"


@pytest.mark.parametrize("item", [-2, 6])
def test_positions_outside_the_catalogue_are_refused(item_map, item):
    with pytest.raises(TraitError, match="from 0 to 5, as the catalogue has 6 items"):
        item_map.item = item
    with pytest.raises(TraitError, match="from 0 to 5, as the catalogue has 6 items"):
        item_map.selection = [0, item]
    assert (item_map.item, item_map.selection) == (-1, [])


def test_selected_items_come_as_a_frame_in_the_order_of_selection(recommender, item_map):
    item_map.selection = positions(recommender, ["cake", "tea", "cake"])
    assert item_map.selected["item_id"].tolist() == ["cake", "tea"]
    assert list(item_map.selected) == ["item_id", "title", "kind", "price", "popularity", "x", "y"]
    assert item_map.selected["popularity"].tolist() == recommender.item_counts_[item_map.selection].tolist()


def test_focus_and_selection_can_be_linked(recommender, item_map):
    other = ItemMap(recommender)
    link((item_map, "item"), (other, "item"))
    link((item_map, "selection"), (other, "selection"))
    item_map.item, other.selection = 2, [1]
    assert (other.item, item_map.selection) == (2, [1])
    assert other._focus["item"] == 2


def test_color_is_by_default_the_first_attribute_that_tells_much(recommender, item_map):
    assert item_map.color == "kind"
    many = {"item_id": NAMES, "title": NAMES, "number": range(6)}
    assert ItemMap(recommender, pd.DataFrame(many)).color == "popularity"
    assert ItemMap(recommender).color == "popularity"


def test_color_changes_groups_and_legend_together(item_map):
    item_map.color = "price"
    assert item_map._legend["ordered"]
    assert [label for label, _, _ in item_map._legend["entries"]] == ["0.25", "0.5", "1.5", "2", "3", "unknown"]
    assert len(item_map._groups) == 6


def test_names_and_values_of_strangers_are_cut_and_escaped(recommender):
    items = pd.DataFrame({"item_id": NAMES, "title": "a\u202eb", "k\n" + "x" * 9999: "v" * 9999})
    item_map = ItemMap(recommender, items)
    assert all(len(name) <= 40 and name.isprintable() for name in item_map._colors)
    assert len(item_map._legend["entries"][0][0]) <= 40
    assert "\u202e" not in item_map._fallback()


def test_the_fallback_is_small_and_harmless(item_map):
    item_map.item, item_map.selection = 0, [1, 2]
    html = item_map._repr_mimebundle_()[0]["text/html"]
    assert "<img" not in html
    assert "6 items" in html
    assert "<svg" in html
    assert len(html) < 20_000


def test_scatter_draws_the_map_in_the_current_color(item_map):
    pytest.importorskip("jscatter")
    for color in item_map._colors:
        item_map.color = color
        scatter = item_map.scatter()
        assert scatter.color()["by"] == "color"


def test_scatter_says_what_to_install(item_map, monkeypatch):
    monkeypatch.setitem(sys.modules, "jscatter", None)
    with pytest.raises(ImportError, match=r"seqrec\[map\]"):
        item_map.scatter()


def test_the_front_end_is_small_and_never_reads_html():
    script = source("item_map")
    assert len((script + style(script)).encode()) < 25_500
    assert "HTML" not in script
