"""The explorer of films in JupyterLab: an image and its forecast by mouse and keyboard, played, and judged."""

import re
from contextlib import closing

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

DATA = r"""
import time
import numpy as np
from seqrec import ShiftForecaster
from seqrec.explore import FilmExplorer
films = np.random.default_rng(0).random((3, 29, 16, 16)) / 10
films[:, range(29), 7, np.arange(29) % 16] = 1
films[1, 20] = films[1, 20].T
forecaster = ShiftForecaster(n_past=4).fit(films[:1])
"""
WIDGET = "explorer = FilmExplorer(forecaster, films, horizon=5)\nexplorer"
SINGLE = "FilmExplorer(forecaster, films[:1, :1])"


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [DATA, WIDGET, SINGLE], "films")) as opened:
        opened.run()
        yield opened


@pytest.fixture
def widget(notebook):
    notebook.execute("explorer.horizon = 5; explorer.film = 0; explorer.origin = 20; explorer.image = 20")
    widget = notebook.output(1)
    expect(widget.get_by_text("20 of 29 known")).to_be_visible()
    shown(widget, 20)
    return widget


def shown(widget, image):
    """Wait until an image and its forecast are there."""
    expect(widget.get_by_role("img", name=re.compile(f"^What came, image {image}$"))).to_be_visible()
    expect(widget.get_by_text(re.compile("^Surprisal: mean"))).to_be_visible()


def films(widget):
    return widget.get_by_role("listbox", name="Find a film: matches").get_by_role("option")


def test_the_oddest_film_comes_first_and_is_opened(notebook, widget):
    expect(widget.get_by_text("The oddest first.")).to_be_visible()
    expect(films(widget).first).to_contain_text(re.compile("film 1.*score", re.DOTALL))
    films(widget).first.click()
    notebook.wait_for("(explorer.film, explorer.origin, explorer.image)", [1, 24, 24])
    expect(widget.get_by_role("heading", name="Film 1: 29 images")).to_be_visible()


def test_time_goes_on_by_keyboard_and_what_is_known_is_said(notebook, widget):
    slider = widget.get_by_role("slider", name="Image")
    slider.press("ArrowRight")
    notebook.wait_for("explorer.image", 21)
    expect(slider).to_have_attribute("aria-valuetext", "image 21, 2 ahead")
    expect(widget.get_by_text("Forecast, 2 ahead")).to_be_visible()
    slider.press("Home")
    notebook.wait_for("explorer.image", 16)
    expect(widget.get_by_role("img", name="Forecast, image 16: known at the origin")).to_be_visible()


def test_a_click_on_the_line_shows_the_image_and_forecasts_it(notebook, widget):
    line = widget.get_by_role("img", name=re.compile("^Mean surprisal of each image"))
    width = line.evaluate("(one) => one.clientWidth")
    line.click(position={"x": 56 + (width - 64) * 5.5 / 29, "y": 30})
    notebook.wait_for("(explorer.image, explorer.origin)", [5, 5])
    shown(widget, 5)
    expect(widget.get_by_text("5 of 29 known")).to_be_visible()


def test_the_origin_moves_and_beyond_the_end_nothing_has_come(notebook, widget):
    widget.get_by_role("slider", name="Image").press("ArrowRight")
    widget.get_by_role("button", name="Forecast from here").click()
    notebook.wait_for("explorer.origin", 21)
    widget.get_by_role("slider", name="Origin").press("End")
    notebook.wait_for("(explorer.origin, explorer.image)", [29, 29])
    expect(widget.get_by_role("img", name="What came, image 29: not come yet")).to_be_visible()
    expect(widget.get_by_text("This image has not come yet.")).to_be_visible()
    expect(widget.get_by_text("Nothing of this has come yet.")).to_be_visible()


def test_it_is_played_to_the_end_of_the_forecast(notebook, widget):
    widget.get_by_role("button", name="Play").click()
    expect(widget.get_by_role("button", name="Stop")).to_be_visible()
    notebook.wait_for("explorer.image", 24)
    expect(widget.get_by_role("button", name="Play")).to_be_visible()


def test_where_little_motion_is_wanted_it_is_slow(notebook, widget):
    notebook.page.emulate_media(reduced_motion="reduce")
    try:
        widget.get_by_role("button", name="Play").click()
        notebook.page.wait_for_timeout(400)
        assert notebook.evaluate("explorer.image") == 20
        widget.get_by_role("button", name="Stop").click()
    finally:
        notebook.page.emulate_media(reduced_motion="no-preference")


def test_more_images_are_asked_for_and_another_tint(notebook, widget):
    field = widget.get_by_label("Images ahead", exact=True)
    field.fill("7")
    field.press("Enter")
    notebook.wait_for("len(explorer.forecast)", 7)
    tint = notebook.evaluate("explorer.tint")
    widget.get_by_role("slider", name="Tint from").press("ArrowRight")
    notebook.wait_for(f"explorer.tint > {tint}", True)


def test_what_was_forecast_from_another_origin_is_never_shown(notebook, widget):
    notebook.execute("ask = explorer._run; explorer._run = lambda: (time.sleep(1.5), ask())")
    try:
        notebook.execute("explorer.origin = 12")
        expect(widget.get_by_text("Working it out …")).to_be_visible()
        expect(widget.get_by_role("img", name="Forecast, image 12: …")).to_be_visible()
        shown(widget, 12)
        expect(widget.get_by_role("img", name=re.compile("^Forecast, image 12$"))).to_be_visible()
    finally:
        notebook.execute("explorer._run = ask")


def test_a_single_image_has_words(notebook, widget):
    expect(notebook.output(2).get_by_role("heading", name="Film 0: 1 image")).to_be_visible()
    expect(notebook.output(2).get_by_text("A single image cannot surprise.")).to_be_visible()


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_axe_finds_nothing(notebook, widget, theme):
    notebook.change_theme(theme)
    notebook.page.wait_for_timeout(300)
    assert notebook.violations(widget) == []
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
    assert notebook.errors == []
