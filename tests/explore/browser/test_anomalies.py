"""The anomaly explorer in a real browser, on a stored detector, with hostile ids among the keys."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[2]
HOSTILE = "<img src=x onerror=\"window.__hostile='key'\">\u202egnp.exe"
CELL = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import dataclasses, warnings
import seqrec
from golden.make import make_log, read_log
from seqrec.explore import AnomalyExplorer, GateInspector
from ipywidgets import link
warnings.simplefilter("ignore")
X = read_log(make_log(60, seed=1), fields=True)
keys = X.keys.astype(str).astype(object)
keys[7] = {HOSTILE!r}
strange = 9
amounts = X.columns["amount"].copy()
amounts[X.indptr[strange]] = 1e9
X = dataclasses.replace(X, keys=keys, columns=X.columns | {{"amount": amounts}})
detector = seqrec.load({str(TESTS / "golden" / "LSTMAnomalyDetector.seqrec")!r})
explorer = AnomalyExplorer(detector, X, labels=X.lengths > 6, normal=read_log(make_log(60, seed=0), fields=True),
                           items={{'tea': 'Darjeeling'}})
explorer
"""
GATES = """
inspector = GateInspector(detector, X)
linked = link((explorer, "sequence"), (inspector, "sequence"))
inspector
"""
EMPTY = "AnomalyExplorer(detector, X[:0])"


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [CELL, GATES, EMPTY], "anomalies")) as opened:
        opened.run(seconds=120)
        yield opened


@pytest.fixture
def widget(notebook):
    notebook.execute("explorer.threshold = float(explorer.scores[explorer._by_score[5]]); explorer.selection = []")
    notebook.execute("explorer._marks = {}; explorer.sequence = int(explorer._by_score[0])")
    widget = notebook.output(0)
    expect(widget.get_by_text(re.compile("^5 of 60 sequences flagged"))).to_be_visible()
    return widget


def sequences(widget):
    return widget.get_by_role("listbox", name="Sequences, the oddest first")


def test_dragging_the_line_moves_counts_and_the_threshold_in_python(notebook, widget):
    box = widget.get_by_role("img", name="How many sequences").bounding_box()
    mouse = notebook.page.mouse
    mouse.move(box["x"] + 5, box["y"] + 50)
    mouse.down()
    mouse.move(box["x"] + box["width"] - 1, box["y"] + 50, steps=5)
    mouse.up()

    expect(widget.get_by_text(re.compile("^(5[0-9]|60) of 60 sequences flagged"))).to_be_visible()
    flagged = widget.get_by_text("of 60 sequences flagged").text_content().split()[0]
    notebook.wait_for("len(explorer.flagged)", int(flagged))


def test_the_slider_moves_the_threshold_by_keys(notebook, widget):
    slider = widget.get_by_role("slider")
    before = float(slider.input_value())
    slider.focus()
    for _ in range(5):
        notebook.page.keyboard.press("ArrowRight")
    assert float(slider.input_value()) == before + 5
    share = 1 - (before + 5) / 1000
    lowest = "explorer._lowest"
    notebook.wait_for(f"abs(explorer.threshold / {lowest} - {share}) < 1e-9", True)


@pytest.mark.parametrize(
    ("way", "value", "setting"),
    [
        ("alerts a day", 6, "alerts_per_day=6, sequences_per_day=60"),
        ("false alarms, %", 20, "false_positive_rate=.2"),
        ("contamination, %", 30, "contamination=.3"),
    ],
)
def test_each_way_to_set_the_threshold_gives_that_of_set_threshold(notebook, widget, way, value, setting):
    notebook.execute("explorer.sequences_per_day = 60.0")
    expect(widget.get_by_role("spinbutton", name="Sequences a day")).to_have_value("60")  # it has come to the page
    widget.get_by_label("Set the threshold by").select_option(way)
    field = widget.get_by_role("spinbutton", name=way)
    field.fill(str(value))
    field.press("Enter")

    expected = notebook.evaluate(f"__import__('copy').copy(detector).set_threshold({setting}).offset_")
    notebook.wait_for(f"abs(explorer.threshold - {expected}) < 1e-9", True)


def test_a_rate_too_rare_for_the_held_out_sequences_is_explained(notebook, widget):
    widget.get_by_label("Set the threshold by").select_option("false alarms, %")
    field = widget.get_by_role("spinbutton", name="false alarms, %")
    field.fill("0.001")
    field.press("Enter")

    expect(widget.get_by_text("are too few for that")).to_be_visible()
    expected = notebook.evaluate(
        "__import__('seqrec').thresholds.peaks_over_threshold_offset(explorer.detector.held_out_scores_, 1e-5)"
    )
    notebook.wait_for(f"abs(explorer.threshold - {expected}) < 1e-9", True)


def test_a_threshold_set_in_python_is_seen(notebook, widget):
    notebook.execute("explorer.threshold = None")
    expect(widget.get_by_text("0 of 60 sequences flagged")).to_be_visible()


def test_keys_walk_the_list_and_open_sequences(notebook, widget):
    sequences(widget).focus()
    notebook.page.keyboard.press("ArrowDown")

    notebook.wait_for("explorer.sequence == explorer._by_score[1]", True)
    key = notebook.evaluate("X.keys[explorer._by_score[1]]")
    expect(widget.get_by_role("heading", name=f"Sequence {key}")).to_be_visible()


def test_keys_tick_and_mark_and_the_frames_have_it(notebook, widget):
    sequences(widget).focus()
    for key in (" ", "c"):
        notebook.page.keyboard.press(key)

    notebook.wait_for("explorer.selected['position'].tolist() == [explorer._by_score[0]]", True)
    notebook.wait_for("explorer.marks['mark'].tolist()", ["confirmed"])
    expect(sequences(widget).get_by_role("option", selected=True)).to_contain_text("✗ confirmed")
    expect(widget.get_by_role("button", name="Confirmed")).to_have_attribute("aria-pressed", "true")


def test_keys_in_the_widget_leave_the_notebook_alone(notebook, widget):
    before = notebook.sources()
    for focus in (widget.get_by_text("sequences flagged").click, sequences(widget).focus):
        focus()
        for key in ("x", "d", "d", "m", "Escape", "a", "ArrowUp", "Control+z"):
            notebook.page.keyboard.press(key)
    assert notebook.sources() == before
    expect(widget.get_by_role("group", name="Anomaly explorer")).to_be_visible()


def test_buttons_mark_and_tick_by_mouse(notebook, widget):
    widget.get_by_role("button", name="Normal").click()
    widget.get_by_role("button", name="Tick all flagged").click()

    notebook.wait_for("explorer.marks['mark'].tolist()", ["normal"])
    notebook.wait_for("sorted(explorer.selection) == sorted(explorer.flagged['position'])", True)


def test_views_show_part_of_the_list(notebook, widget):
    widget.get_by_label("Which sequences").select_option("flagged")
    expect(sequences(widget).get_by_role("option")).to_have_count(5)
    widget.get_by_role("searchbox", name="Find a sequence").fill("onerror")
    expect(sequences(widget).get_by_role("option")).to_have_text("No sequence here.")
    widget.get_by_label("Which sequences").select_option("all")
    expect(sequences(widget).get_by_role("option")).to_contain_text("<img src=x onerror=")
    widget.get_by_role("searchbox", name="Find a sequence").fill("")


def test_the_timeline_says_what_was_expected(notebook, widget):
    events = widget.get_by_role("grid", name="Events in their order")
    events.focus()
    notebook.page.keyboard.press("End")
    notebook.page.keyboard.press("Home")

    first = notebook.evaluate("explorer._timeline['events'][0]")
    expect(events.get_by_role("row", selected=True)).to_contain_text(first["event"])
    for column in ("time", "gap", "amount", "channel", "row", "surprisal"):
        expect(events.get_by_role("columnheader", name=column, exact=True)).to_be_visible()
    expect(widget.get_by_text(first["detail"])).to_be_visible()


def test_an_odd_cell_is_named_and_its_event_drawn(notebook, widget):
    notebook.execute("explorer.sequence = strange")
    cell = widget.get_by_role("gridcell", name="odd: ⚑ 1e+09")
    expect(cell).to_contain_text("usually ")
    expect(widget.get_by_role("img", name="amount of each event, and where 90 % were expected")).to_be_visible()
    expect(widget.get_by_text("Drawn: amount of each event")).to_be_visible()


def test_the_list_is_searched_by_the_name_of_an_event(notebook, widget):
    search = widget.get_by_role("searchbox", name="Find a sequence")
    search.fill("DARJEELING")
    notebook.wait_for("sum(explorer._found)", notebook.evaluate("sum('tea' in items for items in X)"))
    search.fill("")
    notebook.wait_for("explorer._found", "b''")


def test_gates_follow_the_sequence_that_is_open(notebook, widget):
    notebook.execute("explorer.sequence = 3")
    notebook.wait_for("inspector.sequence", 3)
    gates = notebook.output(1)
    steps = notebook.evaluate("len(inspector.gates.events)")
    expect(gates.get_by_text(f"Step {steps - 1}, ")).to_be_visible()


def test_keys_move_the_cursor_over_the_gates(notebook, widget):
    notebook.execute(
        "inspector.step, inspector.unit = 0, int(__import__('numpy').frombuffer(inspector._trace['order'], 'int32')[0])"
    )
    gates = notebook.output(1)
    expect(gates.get_by_text("Step 0, ")).to_be_visible()
    gates.get_by_role("application").focus()
    for key in ("ArrowRight", "ArrowDown"):
        notebook.page.keyboard.press(key)

    notebook.wait_for("inspector.step", 1)
    forget = notebook.evaluate("float(inspector.gates.gates['forget'][inspector.step, inspector.unit])")
    expect(gates.get_by_text(f"forget {forget:.3g}".rstrip("0"))).to_be_visible()


def test_the_pointer_moves_the_cursor_over_the_gates(notebook, widget):
    maps = notebook.output(1).get_by_role("application")
    maps.scroll_into_view_if_needed()
    maps.click(position={"x": 3, "y": 40})
    notebook.wait_for("inspector.step", 0)


def test_a_step_is_chosen_in_the_list_of_steps(notebook, widget):
    steps = notebook.output(1).get_by_role("listbox", name="Steps")
    steps.focus()
    notebook.page.keyboard.press("End")
    notebook.wait_for("inspector.step == len(inspector.gates.events) - 1", True)


def test_no_sequences_are_said_in_words(notebook):
    expect(notebook.output(2).get_by_text("There are no sequences here.")).to_be_visible()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(notebook, widget, theme):
    notebook.change_theme(theme)
    for cell in range(3):
        assert notebook.violations(notebook.output(cell).locator(".seqrec")) == []


def test_nothing_ran_nothing_failed_and_nothing_was_fetched(notebook, widget):
    notebook.execute("explorer.sequence = 7")
    expect(widget.get_by_role("heading", name="Sequence <img src=x")).to_be_visible()
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
    assert notebook.errors == []
