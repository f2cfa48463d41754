"""The comparison of models in JupyterLab, driven by mouse and by keyboard."""

import re
from contextlib import closing

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=window.__hostile=1>"
CELLS = [
    f"""
import numpy as np
from seqrec.explore import ModelComparison
shares = {{"weak": 1, "fair": 5, "good": 8, {HOSTILE!r}: 2}}
hits = {{name: (np.arange(300) % 10 < share).astype(float) for name, share in shares.items()}}
results = {{name: {{"hit": values, "seconds": 1000 * values.mean() ** 4}} for name, values in hits.items()}}
comparison = ModelComparison(results, lower_is_better=["seconds"])
comparison
""",
    "ModelComparison({'alone': {'hit': 0.5}})",
    "ModelComparison({f'model {i}': {'hit': i / 30, 'seconds': i} for i in range(30)})",
]


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, CELLS, "comparison")) as opened:
        opened.run()
        yield opened


@pytest.fixture
def widget(notebook):
    notebook.execute("comparison.set_trait('model', ''); comparison.metric = 'hit'; comparison.reference = 'weak'")
    return notebook.output(0)


def options(widget):
    return widget.get_by_role("listbox", name="Models, best first").get_by_role("option")


def test_models_are_sorted_and_told_apart_in_words(notebook, widget):
    expect(options(widget)).to_have_count(4)
    expect(options(widget).first).to_contain_text("good")
    expect(options(widget).first).to_contain_text(re.compile(r"best · good.*better by 0\.7.*0\.\d+ to 0\.\d+"))
    expect(options(widget).last).to_contain_text("the reference")
    expect(widget).to_contain_text("Diamonds: no other model is as good on both and better on one")


def test_a_click_chooses_a_model_in_python(notebook, widget):
    options(widget).nth(1).click()

    notebook.wait_for("comparison.model", "fair")
    expect(widget).to_contain_text(
        re.compile(r"Better than weak by 0\.4 \(difference 0\.\d+ to 0\.\d+\): beyond chance")
    )


def test_a_click_on_a_mark_chooses_its_model(notebook, widget):
    widget.locator("svg g").filter(has_text="good").locator("path").click()

    notebook.wait_for("comparison.model", "good")
    expect(options(widget).first).to_have_attribute("aria-selected", "true")


def test_the_keyboard_alone_is_enough(notebook, widget):
    widget.get_by_label("Sorted by").focus()
    notebook.page.keyboard.press("s")  # the select's own way to find "seconds"
    notebook.page.keyboard.press("Tab")
    notebook.wait_for("comparison.metric", "seconds")
    notebook.page.keyboard.press("g")
    notebook.page.keyboard.press("Tab")
    notebook.wait_for("comparison.reference", "good")
    expect(options(widget).first).to_contain_text("weak")

    notebook.page.keyboard.press("End")

    notebook.wait_for("comparison.model", "good")
    expect(widget).to_contain_text("good: seconds 410. The others are compared with it.")
    assert notebook.sources() == CELLS


def test_traits_set_in_python_move_the_page(notebook, widget):
    notebook.execute("comparison.metric = 'seconds'; comparison.model = 'fair'; comparison.x = 'hit'")
    expect(widget.get_by_label("Sorted by")).to_have_value("seconds")
    expect(widget.get_by_label("Across")).to_have_value("hit")
    expect(widget).to_contain_text("Single numbers have no interval")
    notebook.execute("comparison.x = 'seconds'")


def test_all_figures_are_in_a_table(notebook, widget):
    table = widget.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(5)
    expect(table.get_by_role("row").nth(3)).to_have_text(re.compile(r"good.*0\.8 best.*0\.\d+ to 0\.\d+"))
    expect(table.get_by_role("row").nth(4)).to_contain_text("<img src=x")


def test_other_sizes_are_drawn(notebook):
    expect(notebook.output(1)).to_contain_text("alone")
    expect(notebook.output(1).get_by_text("Trade-off")).to_have_count(0)
    expect(options(notebook.output(2)).first).to_contain_text("model 29")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_accessible_in_both_themes(notebook, theme):
    notebook.change_theme(theme)
    for index in range(len(CELLS)):
        assert notebook.violations(notebook.output(index).locator(".seqrec")) == []
    assert notebook.errors == []
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
