"""The playground of generators in JupyterLab: a text that is typed, a log whose events are taken, a tune that plays."""

import re
from contextlib import closing

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

DATA = r"""
import numpy as np
from seqrec import NGramGenerator, Sequences, music
from seqrec.explore import GeneratorPlayground
HOSTILE = "<img src=x onerror=window.__hostile=1>"
writer = NGramGenerator(order=4).fit(Sequences.from_texts(["to be or not to be,\nthat is the question. "] * 5))
flows = [["log in", "pay", "log out"], ["log in", "log out"], [HOSTILE, "tea\u202egnp", "x" * 900]] * 10
clerk = NGramGenerator(order=3).fit(flows)
tune = music.from_pianorolls([[[60, 64, 67]] * 4 + [[62, 65]] * 4 + [[60, 72]] * 8] * 3)
player = NGramGenerator(order=6).fit(tune)
"""
TEXT = "text = GeneratorPlayground(writer)\ntext.length = 60\ntext"
LOG = "log = GeneratorPlayground(clerk, flows, items={'pay': 'Pay a bill'})\nlog.sequence = -1\nlog"
TUNE = "piano = GeneratorPlayground(player, tune)\npiano.cut(15)\npiano"
COUNT_TONES = """() => {
  window.tones = [];
  const create = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    const tone = create.call(this);
    window.tones.push(tone.frequency);
    return tone;
  };
}"""


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [DATA, TEXT, LOG, TUNE], "playground")) as opened:
        opened.run()
        yield opened


def at_rest(notebook, name, cell):
    """Give a widget once the page shows the continuations of what it was set to."""
    notebook.wait_for(f"{name}._runs.get('version') == {name}._version", True, seconds=30)
    widget = notebook.output(cell)
    expect(widget.locator("[aria-busy=true]")).to_have_count(0)
    return widget


@pytest.fixture
def text(notebook):
    notebook.execute("text.sequence = -1; text.begin('to be'); text.seed = 0; text.temperature = 1.0")
    widget = at_rest(notebook, "text", 1)
    expect(widget.get_by_role("textbox", name="The beginning")).to_have_text("to be")
    return widget


@pytest.fixture
def log(notebook):
    notebook.execute("log.sequence = 0; log.sequence = -1; log.seed = 0; log.top_k = None; log.n = 3")
    widget = at_rest(notebook, "log", 2)
    expect(widget.get_by_text("No event yet")).to_be_visible()
    return widget


def coming(widget):
    return widget.get_by_role("listbox", name="What could come next: matches").get_by_role("option")


def test_a_text_is_typed_and_goes_on(notebook, text):
    typed = text.get_by_label("Type a beginning")
    typed.click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type("that is")
    notebook.wait_for("''.join(text.history)", "that is")
    expect(coming(text).first).to_contain_text("␣ space")
    expect(text.get_by_role("textbox", name="Continuation 3")).to_have_text(re.compile("^that is."))
    assert notebook.evaluate("text._runs['version'] == text._version")
    drawn = notebook.evaluate("text.continuations.to_texts()[0]")
    shown = text.get_by_role("textbox", name="Continuation 1").text_content()
    assert shown.replace("⏎", "") == drawn


def test_what_training_lacked_is_said_beside_the_field_and_what_was_typed_stays(notebook, text):
    typed = text.get_by_label("Type a beginning")
    typed.fill("to bß")
    expect(text.get_by_text("'ß' is none of the 16 kinds that training had.")).to_be_visible()
    expect(typed).to_have_value("to bß")
    typed.fill("to bo")
    expect(text.get_by_text("'ß' is none")).to_have_count(0)
    notebook.wait_for("''.join(text.history)", "to bo")
    text.get_by_role("button", name="Undo").click()
    expect(typed).to_have_value("to be")


def test_events_of_a_text_are_told_by_keyboard_and_gone_on_from(notebook, text):
    drawn = notebook.evaluate("text.continuations.to_texts()[1]")
    text.get_by_role("textbox", name="Continuation 2").focus()
    for _ in range(3):
        notebook.page.keyboard.press("ArrowRight")
    expect(text.get_by_role("status").filter(has_text="Event 8")).to_be_visible()
    text.get_by_role("button", name="Go on from event 8").click()
    notebook.wait_for("''.join(text.history)", drawn[:8])


def test_settings_move_the_bars_and_the_same_seed_gives_the_same(notebook, text):
    first = text.get_by_role("textbox", name="Continuation 1")
    before = first.text_content()
    text.get_by_role("button", name="Another").click()
    expect(first).not_to_have_text(before)
    text.get_by_label("Seed").fill("0")
    notebook.page.keyboard.press("Enter")
    expect(first).to_have_text(before)
    text.get_by_role("slider", name="Temperature").fill("0.3")
    notebook.wait_for("text.temperature", 0.3)
    text.get_by_role("slider", name="Top p").fill("0.5")
    notebook.wait_for("text.top_p", 0.5)
    expect(coming(text).last).to_contain_text("not drawn")
    text.get_by_role("slider", name="Top p").fill("1")
    notebook.wait_for("text.top_p", None)


def test_a_number_that_will_not_do_is_said_beside_its_field(notebook, log):
    field = log.get_by_label("Top k")
    field.fill("0")
    notebook.page.keyboard.press("Enter")
    expect(log.get_by_text("top_k must be at least 1, got 0.")).to_be_visible()
    field.fill("1")
    notebook.page.keyboard.press("Enter")
    expect(log.get_by_text("top_k must be at least 1")).to_have_count(0)
    notebook.wait_for("log.top_k", 1)


def test_events_of_a_log_are_taken_by_mouse_and_by_keyboard(notebook, log):
    coming(log).get_by_text("log in").click()
    notebook.wait_for("log.history", ["log in"])
    search = log.get_by_label("What could come next", exact=True)
    search.focus()
    notebook.page.keyboard.type("bill")
    notebook.page.keyboard.press("Enter")
    notebook.wait_for("log.history", ["log in", "pay"])
    notebook.page.keyboard.type("no such event")
    expect(log.get_by_text("0 match")).to_be_visible()
    notebook.page.keyboard.press("Enter")
    search.fill("")
    search.press("ArrowDown")
    notebook.page.keyboard.press("Home")
    notebook.page.keyboard.press("Enter")
    notebook.wait_for("log.history", ["log in", "pay", "log out"])
    expect(log.get_by_role("listbox", name=re.compile("^History")).get_by_role("option")).to_have_count(3)
    expect(log.get_by_role("listbox", name="Continuation 1")).to_contain_text("It ends at once.")
    expect(log.get_by_text("0 events, then the end.")).to_have_count(3)


def test_rows_of_a_continuation_are_told_and_gone_on_from(notebook, log):
    notebook.execute("log.n = 2")
    expect(log.get_by_role("listbox", name=re.compile("^Continuation"))).to_have_count(2)
    at_rest(notebook, "log", 2)
    log.get_by_role("listbox", name="Continuation 2").get_by_role("option").nth(1).click()
    expect(log.get_by_role("button", name="Go on from event 2")).to_be_visible()
    log.get_by_role("button", name="Go on from event 2").click()
    notebook.wait_for("len(log.history)", 2)
    log.get_by_role("listbox", name=re.compile("^History")).focus()
    notebook.page.keyboard.press("Control+z")
    notebook.wait_for("log.history", [])


def test_a_tune_plays_and_stops(notebook):
    notebook.page.evaluate(COUNT_TONES)
    widget = notebook.output(3)
    roll = widget.get_by_role("application", name="Continuation 1")
    expect(roll).to_be_visible()
    widget.get_by_role("slider", name="Frames a second").fill("16")
    widget.get_by_role("button", name="Play: The beginning").click()
    notebook.page.wait_for_function("() => window.tones.length >= 3")
    pitches = notebook.page.evaluate("() => window.tones.slice(0, 3).map((one) => Math.round(one.value))")
    assert sorted(pitches) == [262, 330, 392]  # C4, E4, G4
    expect(widget.get_by_role("button", name="Play: The beginning")).to_have_text("Play")  # at its end
    roll.focus()
    notebook.page.keyboard.press("ArrowRight")
    expect(widget.get_by_role("button", name="Go on from event 17")).to_be_visible()
    widget.get_by_role("button", name="Play: Continuation 1").click()
    expect(widget.get_by_role("button", name="Play: Continuation 1")).to_have_text("Stop")
    widget.get_by_role("button", name="Play: Continuation 2").click()
    expect(widget.get_by_role("button", name="Play: Continuation 1")).to_have_text("Play")


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_hostile_text_stays_text_and_axe_finds_nothing(notebook, log, theme):
    notebook.change_theme(theme)
    notebook.execute("log.sequence = 2")
    history = log.get_by_role("listbox", name=re.compile("^History"))
    expect(history).to_contain_text("<img src=x onerror=window.__hostile=1>")
    expect(history).to_contain_text(r"tea\u202egnp")
    for cell in (1, 2, 3):
        assert notebook.violations(notebook.output(cell)) == []
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
    assert notebook.errors == []
