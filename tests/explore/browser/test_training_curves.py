"""The curves of a training, in JupyterLab: while the kernel is busy, after an interrupt, and of a history."""

import re
from contextlib import closing

import pytest

from .lab import KERNEL, Notebook, expect

pytestmark = pytest.mark.slow

DATA = """
from seqrec import LSTMRecommender, Sequences
from seqrec.datasets import make_interactions
X = Sequences.from_frame(make_interactions(n_events=20_000, random_state=0))
"""
FIT = "recommender = LSTMRecommender(units=8, max_epochs=4, random_state=0).fit(X)"
ENDLESS = "LSTMRecommender(units=8, max_epochs=1000, patience=1000, random_state=0).fit(X); None"
HISTORY = """
from seqrec.explore import TrainingCurves
curves = TrainingCurves({"loss": [3.0, 2.5, 2.25, float("nan")], "validation": [0.1, 0.3, 0.2, 0.2]})
curves
"""


@pytest.fixture(scope="module")
def training(browser, lab):
    with closing(Notebook(browser, lab, [DATA, FIT, ENDLESS], "training")) as opened:
        opened.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
        yield opened


@pytest.fixture(scope="module")
def history(browser, lab):
    with closing(Notebook(browser, lab, [HISTORY], "history")) as opened:
        opened.run()
        yield opened


def test_epochs_grow_on_the_page_while_the_kernel_is_busy(training):
    widget = training.output(1)
    for epoch in (2, 3):
        expect(widget).to_contain_text(f"Epoch {epoch} of 4", timeout=120_000)
        expect(training.cell(1).locator(".jp-InputPrompt")).to_have_text("[*]:")  # the cell runs
        expect(widget.get_by_role("img", name=re.compile("^Loss, nats an event by epoch: from"))).to_be_visible()
    expect(widget.get_by_role("progressbar")).to_be_visible()

    expect(widget).to_contain_text("Done: 4 epochs in", timeout=60_000)
    expect(widget.get_by_role("progressbar")).to_be_hidden()
    expect(widget.locator(".seqrec")).to_have_count(1)
    assert training.foreign_requests() == []


def test_an_interrupt_is_told(training):
    widget = training.output(2)
    expect(widget).to_contain_text("Epoch 2 of 1000", timeout=120_000)

    training.page.evaluate(f"() => {KERNEL}.interrupt()")

    expect(widget).to_contain_text(re.compile(r"Interrupted in epoch \d+\. The best was epoch \d+\."))
    training.wait_for("len(recommender.history_['loss'])", 4)


def test_a_saved_notebook_shows_how_a_training_ended(training):
    (output,) = (output for output in training._cells()[1]["outputs"] if "text/html" in output.get("data", {}))
    assert "Done: 4 epochs in" in "".join(output["data"]["text/html"])


def test_a_history_is_drawn_and_its_figures_are_opened_by_keyboard(history):
    widget = history.output(0)
    expect(widget).to_contain_text("4 epochs: the best was epoch 2.")
    expect(widget.get_by_role("img", name=re.compile("^Validation"))).to_be_visible()
    widget.locator(".seqrec").get_by_text("Figures of each epoch").focus()
    history.page.keyboard.press("Enter")
    expect(widget.get_by_role("row")).to_have_count(5)
    expect(widget.get_by_role("row").nth(2)).to_have_text(re.compile("2.5.*0.3.*best"))


def test_a_change_in_python_reaches_the_page(history):
    history.execute("curves.begin(5); curves.tell(1, 0.1, 'Epoch 1 of 5')")
    widget = history.output(0)
    expect(widget).to_contain_text("Training 2. Epoch 1 of 5")
    expect(widget).to_contain_text("Grey: the training before this one")
    history.execute("curves.end('Failed: <img src=x onerror=window.__hostile=1>')")
    expect(widget).to_contain_text("Failed: <img")
    expect(widget.get_by_role("progressbar")).to_be_hidden()
    assert history.executed() == []


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_accessible_in_both_themes(history, theme):
    history.change_theme(theme)
    assert history.violations(history.output(0).locator(".seqrec")) == []
    assert history.errors == []
    assert history.foreign_requests() == []
