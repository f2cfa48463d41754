"""The explorer of futures in JupyterLab: a history that is edited, chances that move, events that are watched."""

import re
from contextlib import closing

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

DATA = r"""
from seqrec import NGramGenerator, Sequences
from seqrec.explore import FutureExplorer
HOSTILE = "<img src=x onerror=window.__hostile=1>"
flows = [["log in", "pay", "log out"], ["log in", "log out"], ["open", "log in", "pay", "log out"], [HOSTILE]] * 10
clerk = NGramGenerator(order=3).fit(flows)
X = Sequences.from_lists(flows[:4], keys=["ann", "bob", "cleo", HOSTILE])
"""
WIDGET = """
explorer = FutureExplorer(clerk, X, {"pay": "Pay a bill"}, ["pay", "log out"], within=5, n_paths=50)
explorer
"""


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [DATA, WIDGET], "futures")) as opened:
        opened.run()
        yield opened


@pytest.fixture
def widget(notebook):
    notebook.execute("explorer.sequence = -1; explorer.sequence = 0; explorer.cut(0); explorer.within = 5")
    notebook.execute("explorer.events = ['pay', 'log out']")
    widget = notebook.output(1)
    expect(history_of(widget)).to_have_count(1)
    expect(widget.get_by_role("img", name=re.compile("^Chances within 5 events"))).to_be_visible()
    return widget


def history_of(widget):
    return widget.get_by_role("listbox", name=re.compile("^History")).get_by_role("option")


def chance(widget, title):
    return widget.get_by_role("row").filter(has_text=title).get_by_role("cell").nth(1)


def test_an_edit_moves_the_chances(notebook, widget):
    share = notebook.evaluate("explorer.chances.groupby('event')['chance'].last()['pay']")
    expect(chance(widget, "Pay a bill")).to_have_text(re.compile(rf"^{100 * share:.0f} % ± \d+(\.\d)? %$"))
    before = chance(widget, "Pay a bill").inner_text()
    widget.get_by_label("Add an event", exact=True).fill("pay")
    notebook.page.keyboard.press("Enter")
    notebook.wait_for("explorer.history", ["log in", "pay"])
    expect(chance(widget, "Pay a bill")).not_to_have_text(before)
    widget.get_by_role("button", name="Undo").click()
    expect(chance(widget, "Pay a bill")).to_have_text(before)


def test_one_looks_further_and_less_far(notebook, widget):
    widget.get_by_label("Look ahead").last.select_option("10 events")
    notebook.wait_for("explorer.within", 10)
    slider = widget.get_by_role("slider", name="Within")
    expect(slider).to_have_attribute("aria-valuetext", "10 events")
    slider.focus()
    notebook.page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "1 event")


def test_events_are_watched_by_keyboard(notebook, widget):
    search = widget.get_by_label("Watch an event", exact=True)
    search.fill("end")
    search.press("Enter")
    notebook.wait_for("explorer.events", ["pay", "log out", "(end)"])
    expect(chance(widget, "(end)")).to_contain_text("%")
    search.press("Enter")
    notebook.wait_for("explorer.events", ["pay", "log out"])
    expect(chance(widget, "(end)")).to_have_count(0)


def test_paths_are_read_and_others_drawn(notebook, widget):
    paths = widget.get_by_role("listbox", name="Paths")
    paths.focus()
    notebook.page.keyboard.press("Home")
    said = widget.get_by_role("status").filter(has_text="Path 1: ")
    expect(said).to_contain_text("log out → (end)")
    texts = notebook.evaluate("explorer._futures['texts'].decode()")
    widget.get_by_role("button", name="Other paths").click()
    notebook.wait_for("explorer._futures['texts'].decode() != " + repr(texts), True)


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_hostile_text_stays_text_and_axe_finds_nothing(notebook, widget, theme):
    notebook.change_theme(theme)
    notebook.execute("explorer.sequence = 3; explorer.events = [HOSTILE, 'pay']")
    expect(history_of(widget)).to_contain_text("<img src=x onerror=window.__hostile=1>")
    expect(chance(widget, "<img src=x")).to_be_visible()
    assert notebook.violations(widget) == []
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
    assert notebook.errors == []
