"""The explorer of forecasts in JupyterLab: the origin goes back by mouse and keyboard, series are found and sorted."""

import re
from contextlib import closing

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

DATA = r"""
import time
import numpy as np, pandas as pd
from seqrec import SeasonalNaiveForecaster, Sequences
from seqrec.explore import ForecastExplorer
HOSTILE = "<img src=x onerror=window.__hostile=1>"
n, days = 6, pd.date_range("2024-01-01", periods=90, freq="D")
y = np.tile([30.0, 10, 40, 10, 50, 90, 20], 13)[:90] + np.random.default_rng(0).normal(size=(n, 90))
y[3, -4:] += 70  # west
log = pd.DataFrame({"shop": np.repeat(["north", "south", "east", "west", "harbour", HOSTILE], 90),
                    "day": np.tile(days, n), "y": y.ravel()})
log[HOSTILE] = np.tile(np.where(np.arange(90) % 9, "no", HOSTILE), n)
log["price"] = np.tile(np.arange(90) % 10 / 2, n)
X = Sequences.from_frame(log, user="shop", item=None, timestamp="day", columns=["y", "price", HOSTILE])
forecaster = SeasonalNaiveForecaster(horizon=7, target="y").fit(X)
"""
WIDGET = "explorer = ForecastExplorer(forecaster, X)\nexplorer"


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [DATA, WIDGET], "forecasts")) as opened:
        opened.run()
        yield opened


@pytest.fixture
def widget(notebook):
    notebook.execute("explorer.series = 3; explorer.back = 0; explorer.coverage = 0.9; explorer.horizon = 7")
    widget = notebook.output(1)
    shown_as_of(widget, "2024-03-30, the end")
    return widget


def picture(widget):
    return widget.get_by_role("img", name=re.compile("^Forecast as of"))


def shown_as_of(widget, origin):
    """Wait until the page shows what was said then."""
    expect(widget.get_by_role("img", name=f"Forecast as of {origin};")).to_be_visible()
    expect(steps(widget).first).to_be_visible()


def point_at(widget, from_the_right):
    """Move the mouse over the picture."""
    width = picture(widget).evaluate("(one) => one.clientWidth")
    picture(widget).hover(position={"x": width - from_the_right, "y": 80})


def steps(widget):
    return widget.get_by_role("listbox", name="Each step").get_by_role("option")


def series(widget):
    return widget.get_by_role("listbox", name="Find a series: matches").get_by_role("option")


def test_the_origin_goes_back_by_keyboard_and_what_came_is_told(notebook, widget):
    expect(widget.get_by_text("Nothing of this has come yet")).to_be_visible()
    slider = widget.get_by_role("slider", name="Origin")
    slider.focus()
    for _ in range(3):
        notebook.page.keyboard.press("ArrowLeft")
    notebook.wait_for("explorer.back", 3)
    shown_as_of(widget, "2024-03-27, 3 steps before the end")
    expect(slider).to_have_attribute("aria-valuetext", "2024-03-27, 3 steps before the end")
    expect(widget.get_by_text("of 3 values came inside the 90 % interval")).to_be_visible()
    median, came = notebook.evaluate("explorer.forecast.loc[0, ['median', 'actual']].round(1).tolist()")
    expect(steps(widget).first).to_contain_text(f"median {median:.10g}")
    expect(steps(widget).first).to_contain_text(f"came {came:.10g}")
    widget.get_by_role("button", name="A horizon", exact=False).first.click()
    notebook.wait_for("explorer.back", 10)
    shown_as_of(widget, "2024-03-20, 10 steps before the end")
    widget.get_by_role("button", name="To the end").click()
    notebook.wait_for("explorer.back", 0)


def test_the_origin_is_dragged_with_the_mouse(notebook, widget):
    point_at(widget, 60)
    notebook.page.mouse.down()
    point_at(widget, 260)
    notebook.page.mouse.up()
    notebook.wait_for("10 < explorer.back < 30", True)
    back = notebook.evaluate("explorer.back")
    shown_as_of(widget, f"{notebook.evaluate('str(explorer.origin)[:10]')}, {back} steps before the end")
    assert notebook.evaluate("explorer._told['version'] == explorer._version")
    expect(widget.get_by_text("of 7 values came inside the 90 % interval")).to_be_visible()


def test_a_step_is_read_by_pointing_at_it_and_from_the_list(notebook, widget):
    detail = widget.locator(".sq-detail")
    point_at(widget, 14)
    expect(detail).to_contain_text("2024-04-06, step 7: ")
    widget.get_by_role("listbox", name="Each step").focus()
    notebook.page.keyboard.press("Home")
    expect(detail).to_contain_text("2024-03-31, step 1: ")


def test_what_was_said_of_another_origin_is_never_shown_for_this_one(notebook, widget):
    notebook.execute("ask = explorer._run; explorer._run = lambda: (time.sleep(1.5), ask())")
    try:
        widget.get_by_role("slider", name="Origin").press("ArrowLeft")
        expect(widget.get_by_text("Working it out …")).to_be_visible()
        expect(widget.get_by_role("listbox", name="Each step")).to_be_hidden()
        shown_as_of(widget, "2024-03-29, 1 step before the end")
        expect(widget.get_by_text("Working it out …")).to_have_count(0)
    finally:
        notebook.execute("explorer._run = ask")


def test_coverage_slides(notebook, widget):
    before = steps(widget).first.inner_text()
    slider = widget.get_by_role("slider", name="Coverage")
    slider.focus()
    notebook.page.keyboard.press("ArrowLeft")
    notebook.wait_for("explorer.coverage", 0.8)
    expect(slider).to_have_attribute("aria-valuetext", "80 %")
    expect(steps(widget).first).not_to_have_text(before)


def test_the_worst_series_come_first_and_are_found_by_name(notebook, widget):
    expect(series(widget).first).to_contain_text("west")
    expect(series(widget).first).to_contain_text(re.compile(r"MASE [\d.]+"))
    widget.get_by_label("Sort by").last.select_option("as given")
    expect(series(widget).first).to_contain_text("<img src=x")
    widget.get_by_label("Sort by").last.select_option("MASE, worst first")
    expect(series(widget).first).to_contain_text("west")
    search = widget.get_by_label("Find a series", exact=True)
    search.fill("harb")
    search.press("Enter")
    notebook.wait_for("explorer.series", 2)
    expect(widget.get_by_role("heading", name="harbour: y")).to_be_visible()
    search.fill("")


def test_more_steps_are_asked_for_and_a_number_that_will_not_do_is_not(notebook, widget):
    field = widget.get_by_label("Steps ahead", exact=True)
    field.fill("14")
    field.press("Enter")
    notebook.wait_for("len(explorer.forecast)", 14)
    field.fill("0")
    field.press("Enter")
    assert notebook.evaluate("explorer.horizon") == 14
    widget.get_by_label("In view").last.select_option("all steps")
    notebook.wait_for("explorer.n_shown", None)
    notebook.execute("explorer.n_shown = 48")


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_hostile_text_stays_text_and_axe_finds_nothing(notebook, widget, theme):
    notebook.change_theme(theme)
    notebook.execute("explorer.series = 0; explorer.back = 7")
    expect(widget.get_by_role("heading", name="<img src=x onerror=window.__hostile=1>: y")).to_be_visible()
    expect(widget.locator("svg text", has_text="<img src=x").first).to_be_visible()
    shown_as_of(widget, "2024-03-23, 7 steps before the end")
    assert notebook.violations(widget) == []
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
    assert notebook.errors == []
