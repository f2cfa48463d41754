"""The explorer of frames in JupyterLab: classes that are mixed up, a sequence over time, its sound and its reasons."""

import re
from contextlib import closing

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

DATA = r"""
import time
import numpy as np, pandas as pd
from seqrec import Sequences, SummaryClassifier
from seqrec.explore import FrameExplorer
HOSTILE = "<img src=x onerror=window.__hostile=1>"
class Tells(SummaryClassifier):
    def explain(self, X, n_stretches=3):
        n = int(X.lengths[0])
        rows = [(n // 2, n, None, 0.5), (0, n, HOSTILE, 0.25), (0, n // 2, None, -1.0), (0, n, "left", -0.125)]
        names = ["start", "stop", "channel", "evidence"]
        return pd.DataFrame(rows, columns=names).assign(sequence=X.keys[0], **{"class": "even"})
rng, lengths = np.random.default_rng(0), [*range(20, 50), 1]
X = Sequences.from_arrays([rng.normal(3 * (n % 2), 1, (n, 2)) for n in lengths], names=["left", HOSTILE],
                          keys=[HOSTILE, *(f"word {n}" for n in lengths[1:])])
y = np.array(["even", HOSTILE], object)[X.lengths % 2]
classifier = Tells().fit(X, y)
y[:2], y[2] = y[1::-1].copy(), None
sounds = [np.sin(np.arange(800 * n) / 9) for n in lengths]
"""
WIDGET = "explorer = FrameExplorer(classifier, X, y, audio=sounds, rate=8_000)\nexplorer"
NONE = "FrameExplorer(classifier, X[:0])"
HOSTILE = "<img src=x onerror=window.__hostile=1>"


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [DATA, WIDGET, NONE], "frames")) as opened:
        opened.run()
        yield opened


@pytest.fixture
def widget(notebook):
    notebook.execute("explorer.truth = explorer.predicted = None; explorer.view = 'curves'; explorer.sequence = 4")
    widget = notebook.output(1)
    expect(widget.get_by_role("heading", name="Sequence word 24")).to_be_visible()
    expect(reasons(widget).first).to_be_visible()
    return widget


def sequences(widget):
    return widget.get_by_role("listbox", name="Find a sequence: matches").get_by_role("option")


def reasons(widget):
    return widget.get_by_role("listbox", name="What speaks for the class").get_by_role("option")


def picture(widget):
    return widget.get_by_role("img", name=re.compile("channels over"))


def test_a_cell_lists_what_is_mixed_up_and_a_click_opens_it(notebook, widget):
    expect(widget.get_by_text("31 in all")).to_be_visible()
    widget.get_by_title(re.compile("^even, taken for <img")).click()
    notebook.wait_for("(explorer.truth, explorer.predicted)", [1, 0])
    expect(sequences(widget)).to_have_count(1)
    expect(sequences(widget).first).to_contain_text("✗ even, taken for <img")
    sequences(widget).first.click()
    notebook.wait_for("explorer.sequence", 1)
    expect(widget.get_by_role("heading", name="Sequence word 21")).to_be_visible()
    widget.get_by_title(re.compile("^even, taken for <img")).click()
    notebook.wait_for("(explorer.truth, explorer.predicted)", [None, None])


def test_classes_are_chosen_and_sequences_found_by_keyboard(notebook, widget):
    widget.get_by_label("Taken for").last.select_option("even")
    notebook.wait_for("explorer.predicted", 1)
    widget.get_by_label("Sort by").last.select_option("as given")
    notebook.wait_for("explorer.sort", "as given")
    search = widget.get_by_label("Find a sequence", exact=True)
    search.fill("word 3")
    search.press("Enter")
    notebook.wait_for("explorer.sequence", 10)
    search.fill("")


def test_a_frame_is_read_by_pointing_and_by_keyboard(notebook, widget):
    width = picture(widget).evaluate("(one) => one.clientWidth")
    picture(widget).click(position={"x": width - 62, "y": 60})
    notebook.wait_for("explorer.step", 23)
    detail = widget.locator(".sq-detail")
    expect(detail).to_contain_text(re.compile(r"frame 23 of 24, at 2\.3 s: left [\d.-]+ · <img"))
    widget.get_by_role("slider", name="Frame").press("Home")
    notebook.wait_for("explorer.step", 0)
    expect(detail).to_contain_text("frame 0 of 24")


def test_reasons_are_read_from_the_list(notebook, widget):
    expect(reasons(widget).first).to_contain_text("frames 12 to 23")
    expect(reasons(widget).first).to_contain_text("+0.5 nats")
    reasons(widget).first.click()
    notebook.wait_for("explorer.step", 12)


def test_it_is_played_and_stopped(notebook, widget):
    widget.get_by_role("button", name="Play").click()
    expect(widget.get_by_role("button", name="Stop")).to_be_visible()
    notebook.wait_for("explorer._sound['version']", 4)
    widget.get_by_role("button", name="Stop").click()
    expect(widget.get_by_role("button", name="Play")).to_be_visible()


def test_reasons_of_another_sequence_are_never_shown_for_this_one(notebook, widget):
    notebook.execute("ask = explorer._explain; explorer._explain = lambda: (time.sleep(1.5), ask())")
    try:
        notebook.execute("explorer.sequence = 5")
        expect(widget.get_by_text("Working it out …")).to_be_visible()
        expect(widget.get_by_role("listbox", name="What speaks for the class")).to_be_hidden()
        expect(reasons(widget).first).to_contain_text("frames 12 to 24")
    finally:
        notebook.execute("explorer._explain = ask")


def test_one_frame_and_no_sequence_have_words(notebook, widget):
    notebook.execute("explorer.sequence = 30")
    expect(picture(widget)).to_have_attribute("aria-label", "2 channels over 1 frames")
    expect(notebook.output(2).get_by_text("There are no sequences.")).to_be_visible()


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
@pytest.mark.parametrize("view", ["curves", "heat map"])
def test_hostile_text_stays_text_and_axe_finds_nothing(notebook, widget, theme, view):
    notebook.change_theme(theme)
    notebook.execute(f"explorer.sequence = 0; explorer.view = {view!r}")
    expect(widget.get_by_role("heading", name=f"Sequence {HOSTILE}")).to_be_visible()
    expect(reasons(widget).nth(1)).to_contain_text("channel <img")
    assert notebook.violations(widget) == []
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
    assert notebook.errors == []
