"""What all widgets share: the catalogue of titles, labels, and front ends of a size that a notebook bears."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqrec
from seqrec import explore
from seqrec.data.vocabulary import Vocabulary
from seqrec.explore.catalogue import Catalogue
from seqrec.explore.front_end import label, lines, packed, source, style

SCRIPTS = sorted(Path(explore.__file__).parent.glob("*.js"))
WIDGETS = [path.stem for path in SCRIPTS if "export default" in path.read_text("utf-8")]
LARGEST = 25_000  # bytes of script and style sheet


@pytest.mark.parametrize("name", WIDGETS)
def test_a_front_end_is_small_and_puts_no_text_on_the_page_as_html(name):
    script = source(name)
    assert len((script + style(script)).encode()) < LARGEST
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script)
    assert "://" not in script.replace("http://www.w3.org/2000/svg", "")
    assert "://" not in style(script)


@pytest.mark.parametrize("name", WIDGETS)
def test_a_front_end_is_one_module_with_what_it_needs_of_the_kit(name):
    script = source(name)
    assert not re.search(r"^(import|export (?!default))", script, re.MULTILINE)
    assert "function mount(" in script
    assert script.count("export default") == 1


def test_a_table_of_its_own_is_shown_before_the_widget_which_hides_it(monkeypatch):
    published = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: published.append(data))
    comparison = explore.ModelComparison({"LSTM": {"hit": 0.5}})
    comparison._ipython_display_()
    still, live = published
    assert type(comparison._repr_mimebundle_()[0]["text/html"]) is str  # marimo takes no subclass
    assert "LSTM" in still["text/html"]
    assert set(live) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert ":has(.seqrec-still):has(+ " in comparison._css


def test_a_style_sheet_has_only_rules_for_what_is_there():
    assert ".sq-row" in style(source("anomalies"))
    assert ".sq-row" not in style('h("p")')


def test_every_widget_is_there_and_listed():
    assert set(explore.__all__) <= set(dir(explore))
    assert all(getattr(explore, name).__doc__ for name in explore.__all__)
    assert seqrec.explore is explore
    with pytest.raises(AttributeError, match="no attribute 'ItemMpa'"):
        explore.ItemMpa  # noqa: B018


def test_without_anywidget_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(explore, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r'pip install "seqrec\[jupyter\]"'):
        explore.ItemMap  # noqa: B018


def test_labels_show_what_is_hidden_and_cut_what_is_long():
    assert label("tea") == "tea"
    assert label("a\u202eb\x00\n") == r"a\u202eb\x00\n"
    assert len(label("x" * 10_000)) == 120
    assert lines(["a\nb", 7]).decode().split("\n") == [r"a\nb", "7"]
    assert packed([1, 2], "int32") == np.array([1, 2], "<i4").tobytes()


@pytest.fixture
def vocabulary():
    return Vocabulary(["a", "b", "c"])


def test_titles_come_from_a_frame_by_its_ids(vocabulary):
    items = pd.DataFrame({"item_id": ["c", "a", "z"], "genre": ["x", None, "y"], "title": ["Sea", "Apple", "Zoo"]})
    catalogue = Catalogue(vocabulary, items)
    assert catalogue.labels == ["Apple", "b", "Sea"]
    assert catalogue.attributes["genre"].tolist() == [None, None, "x"]
    assert catalogue.details(2) == "genre x"
    assert catalogue.frame([2, 1])["item_id"].tolist() == ["c", "b"]


@pytest.mark.parametrize(
    "items",
    [
        {"a": "Apple"},
        pd.Series({"a": "Apple"}),
        pd.DataFrame({"name": ["Apple"]}, index=["a"]),
        pd.DataFrame({"year": [1999], "what": ["Apple"]}, index=["a"]),
    ],
)
def test_titles_come_from_whatever_names_them(vocabulary, items):
    assert Catalogue(vocabulary, items).labels == ["Apple", "b", "c"]


def test_an_item_without_a_title_is_shown_by_its_id(vocabulary):
    assert Catalogue(vocabulary, {"a": "", "b": "  ", "c": np.nan}).labels == ["a", "b", "c"]


def test_whole_numbers_of_a_column_with_gaps_are_shown_whole(vocabulary):
    items = pd.DataFrame({"title": ["A", "B"], "year": [1990, None]}, index=["a", "b"])
    assert [Catalogue(vocabulary, items).details(column) for column in range(3)] == ["year 1990", "", ""]


def test_items_that_do_not_fit_are_refused(vocabulary):
    with pytest.raises(ValueError, match="item 'a' comes twice"):
        Catalogue(vocabulary, pd.DataFrame({"item_id": ["a", "a"], "title": ["A", "B"]}))
    with pytest.raises(ValueError, match="none of the 1 items is in the catalogue"):
        Catalogue(vocabulary, {1: "One"})
