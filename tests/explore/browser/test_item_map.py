"""The item map in JupyterLab, driven by mouse and by keyboard."""

import pytest

pytestmark = pytest.mark.slow

MAKE = '''
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from seqrec.recommend.base import RecommenderMixin
from seqrec.explore import ItemMap
from seqrec.data.vocabulary import N_RESERVED, Vocabulary

class Embedded(RecommenderMixin, BaseEstimator):
    """A recommender of which nothing but its embeddings is needed: no TensorFlow, so the test is quick."""

    fit = None

    def __init__(self):
        rows = np.random.default_rng(0).normal(size=(40, 6))
        self.item_embeddings = lambda: rows.astype("float32")
        self.vocabulary_ = Vocabulary([f"i{n}" for n in range(39)] + [HOSTILE])
        self.item_counts_ = np.arange(40, 0, -1)

HOSTILE = "<img src=x onerror=window.__hostile=1>"
items = pd.DataFrame({
    "item_id": [f"i{n}" for n in range(39)] + [HOSTILE],
    "title": [f"Title {n}" for n in range(38)] + ["a\\u202eb" + "x" * 10_000, HOSTILE],
    "kind": ["tea"] * 20 + ["milk"] * 19 + [HOSTILE],
    HOSTILE: range(40),
})
'''
SHOW = "item_map = ItemMap(Embedded(), items)\nitem_map"


@pytest.fixture
def notebook(open_notebook):
    notebook = open_notebook([MAKE, SHOW])
    notebook.run()
    return notebook


def test_item_map_in_a_notebook(notebook):
    page, root = notebook.page, notebook.output(1).get_by_role("group", name="Item map")
    root.wait_for()
    canvas = root.get_by_role("application")

    def place(item):
        """Where an item is on the page, as the map is first drawn."""
        x, y = notebook.evaluate(
            f"np.frombuffer(item_map._points, dtype='f4').reshape(-1, 2)[{item}].astype(float).tolist()"
        )
        box = canvas.bounding_box()
        across, up = box["width"] / 2, box["height"] / 2
        return box["x"] + across + x * (across - 15), box["y"] + up - y * (up - 15)

    canvas.scroll_into_view_if_needed()
    # By mouse: a click picks, Shift and a click selects, a lasso around all selects all.
    page.mouse.click(*place(3))
    notebook.wait_for("item_map.item", 3)
    root.get_by_role("heading", name="Nearest to Title 3").wait_for()
    page.keyboard.down("Shift")
    page.mouse.click(*place(5))
    notebook.wait_for("item_map.selection", [5])
    box = canvas.bounding_box()
    left, top, right, bottom = box["x"] + 3, box["y"] + 3, box["x"] + box["width"] - 3, box["y"] + box["height"] - 3
    page.mouse.move(left, top)
    page.mouse.down()
    for corner in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(*corner)
    page.mouse.up()
    page.keyboard.up("Shift")
    notebook.wait_for("sorted(item_map.selection)", list(range(40)))
    root.get_by_role("button", name="Clear").click()
    notebook.wait_for("item_map.selection", [])

    # By keyboard: search, pick, select in the list of nearest items, pick the item in the middle of the map.
    search = root.get_by_role("searchbox", name="Find an item")
    search.fill("title 7")
    search.press("Enter")
    notebook.wait_for("item_map.item", 7)
    near = root.get_by_role("listbox", name="Nearest items")
    first = notebook.evaluate("item_map.nearest['title'][0]")
    near.get_by_role("option", name=first).wait_for()
    near.press("Space")
    notebook.wait_for("item_map.selected['title'].tolist()", [first])
    near.press("Enter")
    notebook.wait_for("item_map.frame['title'][item_map.item]", first)
    canvas.press("ArrowRight")
    canvas.press("ArrowLeft")
    canvas.press("Space")
    notebook.wait_for("item_map.selection", [])
    root.get_by_role("button", name="Select nearest").press("Enter")
    notebook.wait_for("len(item_map.selection)", 11)
    root.get_by_role("combobox", name="Colour by").select_option("popularity")
    notebook.wait_for("item_map.color", "popularity")

    # From Python: all traits move the page.
    notebook.execute("item_map.color, item_map.item, item_map.selection = 'kind', 1, [0, 2]")
    root.get_by_role("heading", name="Nearest to Title 1", exact=True).wait_for()
    root.get_by_role("heading", name="Selected: 2").wait_for()
    tea = root.get_by_role("button", name="tea (20)")
    tea.press("Enter")
    assert tea.get_attribute("aria-pressed") == "true"
    root.get_by_role("button", name="Select group").click()
    notebook.wait_for("sorted(item_map.selection)", list(range(20)))

    notebook.execute("item_map.item = 39")
    root.get_by_role("heading", name="Nearest to <img").wait_for()
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        notebook.change_theme(theme)
        page.wait_for_timeout(300)
        assert notebook.violations(root) == []
    assert notebook.sources() == [MAKE, SHOW]
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
    assert notebook.errors == []
