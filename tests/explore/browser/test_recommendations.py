"""The explorer of recommendations in JupyterLab: found, edited and explained by mouse, by keyboard and from Python."""

import re
from contextlib import closing

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

DATA = r"""
import pandas as pd
from seqrec import Sequences
from seqrec.recommend.baselines import MarkovRecommender, SequentialRulesRecommender
from seqrec.explore import RecommendationExplorer
HOSTILE = "<img src=x onerror=window.__hostile=1>"
hostile = [HOSTILE, "tea\u202egnp", "x" * 1000, "a\x00b\nc"]
histories = [["tea", "milk", "sugar", "cake"], ["tea", "milk", "jam"], ["milk", "cake", "tea"], ["sugar", "jam"]]
histories.append(hostile)
times = [[pd.Timestamp(f"2024-05-0{day}").to_pydatetime() for day, _ in enumerate(one, 1)] for one in histories]
X = Sequences.from_lists(histories, keys=["ann", "bob", "cleo", "dave", HOSTILE], timestamps=times)
rules = SequentialRulesRecommender().fit(X)
markov = MarkovRecommender().fit(X)
titles = {"tea": "Green tea", "milk": "Milk", "cake": HOSTILE}
"""
ONE = "explorer = RecommendationExplorer(rules, X, titles, k=5)\nexplorer"
TWO = "both = RecommendationExplorer({'rules': rules, 'markov': markov}, [['coffee'], []], titles)\nboth"


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [DATA, ONE, TWO], "recommendations")) as opened:
        opened.run()
        yield opened


@pytest.fixture
def widget(notebook):
    notebook.execute("explorer.sequence = -1; explorer.sequence = 0")
    widget = notebook.output(1)
    expect(widget.get_by_role("heading", name="History of ann")).to_be_visible()
    expect(history_of(widget)).to_have_count(4)
    return widget


def history_of(widget):
    return widget.get_by_role("listbox", name=re.compile("^History")).get_by_role("option")


def recommended(widget, name="SequentialRulesRecommender"):
    return widget.get_by_role("listbox", name=f"Recommended by {name}").get_by_role("option")


def test_the_first_look_explains_itself(notebook, widget):
    expect(history_of(widget).nth(0)).to_contain_text("Green tea")
    expect(history_of(widget).nth(3)).to_have_text(re.compile(r"42024-05-04.*[+−]?\d"))
    expect(recommended(widget).first).to_be_visible()
    expect(widget.get_by_role("heading", name=re.compile("^Why “"))).to_be_visible()
    expect(widget).to_contain_text("Most for: ")
    expect(widget).to_contain_text("4 events, oldest first")


def test_a_user_is_found_by_mouse(notebook, widget):
    search = widget.get_by_label("Find a user", exact=True)
    search.fill("cle")
    widget.get_by_role("listbox", name="Find a user: matches").get_by_text("cleo").click()
    expect(widget.get_by_role("heading", name="History of cleo")).to_be_visible()
    notebook.wait_for("explorer.sequence", 2)
    search.fill("")
    widget.get_by_role("button", name="New user").click()
    expect(widget).to_contain_text("The history is empty, so these are simply popular.")
    widget.get_by_role("button", name="Random").click()
    expect(widget).not_to_contain_text("The history is empty")
    assert notebook.evaluate("explorer.sequence") >= 0


def test_a_history_is_edited_by_mouse(notebook, widget):
    history_of(widget).nth(1).click()
    widget.get_by_role("button", name="Remove").click()
    notebook.wait_for("explorer.history", ["tea", "sugar", "cake"])
    expect(history_of(widget)).to_have_count(3)
    widget.get_by_role("button", name="Move up").click()
    notebook.wait_for("explorer.history", ["sugar", "tea", "cake"])
    widget.get_by_label("Add an item", exact=True).fill("jam")
    widget.get_by_role("listbox", name="Add an item: matches").get_by_text("jam").click()
    notebook.wait_for("explorer.history", ["sugar", "jam", "tea", "cake"])
    expect(history_of(widget).nth(1)).to_contain_text("added")
    expect(recommended(widget).get_by_text(re.compile("▲ up|▼ down|★ new")).first).to_be_visible()
    widget.get_by_role("button", name="Back to original").click()
    notebook.wait_for("explorer.history", ["tea", "milk", "sugar", "cake"])
    widget.get_by_role("button", name="Undo").click()
    notebook.wait_for("explorer.history", ["sugar", "jam", "tea", "cake"])
    widget.get_by_role("button", name="Redo").click()
    notebook.wait_for("explorer.history", ["tea", "milk", "sugar", "cake"])


def test_everything_is_done_by_keyboard(notebook, widget):
    keyboard = notebook.page.keyboard
    widget.get_by_label("Find a user", exact=True).focus()
    keyboard.press("Control+a")
    keyboard.type("bob")
    keyboard.press("Enter")
    notebook.wait_for("explorer.sequence", 1)
    expect(widget.get_by_role("heading", name="History of bob")).to_be_visible()
    widget.get_by_role("listbox", name=re.compile("^History")).focus()
    for key in ("Home", "Alt+ArrowDown", "Alt+ArrowDown"):
        keyboard.press(key)
    notebook.wait_for("explorer.history", ["milk", "jam", "tea"])
    keyboard.press("ArrowUp")
    keyboard.press("Delete")
    notebook.wait_for("explorer.history", ["milk", "tea"])
    keyboard.press("Control+z")
    notebook.wait_for("explorer.history", ["milk", "jam", "tea"])
    keyboard.press("Control+y")
    notebook.wait_for("explorer.history", ["milk", "tea"])
    widget.get_by_label("Add an item", exact=True).focus()
    keyboard.press("Control+a")
    keyboard.type("sugar")
    keyboard.press("Enter")
    notebook.wait_for("explorer.history", ["milk", "tea", "sugar"])
    assert len(notebook.sources()) == 3  # JupyterLab took no key as an order to cut or delete a cell


def test_quick_removals_add_up_and_only_the_last_reasons_are_shown(notebook, widget):
    widget.get_by_role("listbox", name=re.compile("^History")).focus()
    for _ in range(2):
        notebook.page.keyboard.press("Delete")
    notebook.wait_for("explorer.history", ["tea", "milk"])
    notebook.wait_for("explorer._reasons['version'] == explorer._version", True)
    expect(history_of(widget)).to_have_count(2)
    expect(widget).not_to_contain_text("Working it out")


def test_a_recommendation_in_focus_is_told_to_python_and_explained(notebook, widget):
    second = recommended(widget).nth(1)
    second.click()
    title = second.locator("bdi").inner_text()
    notebook.wait_for("explorer._titles.decode().split('\\n')[explorer.item]", title)
    expect(widget.get_by_role("heading", name=f"Why “{title}”?")).to_be_visible()
    expect(history_of(widget).first).to_have_text(re.compile(r"[+−]\d|0"))


def test_traits_set_in_python_move_the_page(notebook, widget):
    notebook.execute("explorer.k = 2")
    expect(recommended(widget)).to_have_count(2)
    notebook.execute("explorer.item = explorer._vocabulary.items.tolist().index('milk')")
    expect(widget.get_by_role("heading", name="Why “Milk”?")).to_be_visible()
    expect(widget).to_contain_text("It is in the history already.")
    notebook.execute("explorer.k = 5; explorer.add('jam')")
    expect(history_of(widget)).to_have_count(5)
    notebook.execute("explorer.sequence = 3")
    expect(widget.get_by_role("heading", name="History of dave")).to_be_visible()


def test_models_stand_side_by_side_and_each_explains(notebook):
    widget = notebook.output(2)
    expect(history_of(widget)).to_contain_text("not in the catalogue")
    expect(widget.get_by_text("No item of this history is known, so these are simply popular.")).to_have_count(2)
    recommended(widget, "markov").nth(1).click()
    notebook.wait_for("both.model", "markov")
    expect(widget.get_by_role("heading", name=re.compile("^Why “.*” by markov"))).to_be_visible()
    assert notebook.evaluate("both.reasons['item'].nunique()") >= 2


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_hostile_text_stays_text_and_axe_finds_nothing(notebook, widget, theme):
    notebook.change_theme(theme)
    notebook.execute("explorer.sequence = 4")
    expect(history_of(widget).first).to_contain_text("<img src=x onerror=window.__hostile=1>")
    expect(history_of(widget).nth(1)).to_contain_text(r"tea\u202egnp")
    assert notebook.violations(widget) == []
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
    assert notebook.errors == []
