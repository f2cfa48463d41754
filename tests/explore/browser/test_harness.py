"""The harness itself, on a small widget: a button that counts, and a slider."""

from contextlib import closing

import pytest

from . import lab as machinery
from .lab import Notebook, expect

pytestmark = pytest.mark.slow

COUNTER = '''
import anywidget
import traitlets

class Counter(anywidget.AnyWidget):
    _esm = """
    function render({ model, el }) {
      const button = document.createElement("button");
      const slider = document.createElement("input");
      slider.type = "range";
      slider.setAttribute("aria-label", "Count");
      const draw = () => {
        button.textContent = model.get("label") && `${model.get("label")} ${model.get("count")}`;
        slider.value = model.get("count");
      };
      const count = (value) => { model.set("count", Number(value)); model.save_changes(); };
      button.addEventListener("click", () => count(model.get("count") + 1));
      slider.addEventListener("input", () => count(slider.value));
      if (model.get("guarded")) el.addEventListener("keydown", (event) => event.stopPropagation());
      model.on("change:count", draw);
      draw();
      el.append(button, slider);
    }
    export default { render };
    """
    count = traitlets.Int(0).tag(sync=True)
    label = traitlets.Unicode("Count").tag(sync=True)
    guarded = traitlets.Bool(True).tag(sync=True)

counter = Counter()
counter
'''
NAMELESS = "Counter(label='', guarded=False)"
HOSTILE = """
from IPython.display import HTML
HTML('''<img src="https://foreign.example/pixel.png"
  onerror="window.__hostile = 'ran'; console.error('planted'); alert('boo')">''')
"""
CELL_KEYS = ("x", "a", "b", "c", "m", "z", "d", "d", "Control+z", "Shift+Enter", "Control+Enter", "Escape")


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [COUNTER, NAMELESS], "harness")) as opened:
        opened.run()
        yield opened


@pytest.fixture
def counter(notebook):
    notebook.execute("counter.count = 0")
    widget = notebook.output(0)
    expect(widget.get_by_role("slider")).to_have_value("0")
    return widget


def test_a_click_in_lab_reaches_python(notebook, counter):
    counter.get_by_role("button", name="Count 0").click()

    notebook.wait_for("counter.count", 1)
    expect(counter.get_by_role("button")).to_have_text("Count 1")


def test_a_trait_set_in_python_reaches_the_page(notebook, counter):
    notebook.execute("counter.count = 7")

    expect(counter.get_by_role("button")).to_have_text("Count 7")
    expect(counter.get_by_role("slider")).to_have_value("7")


def test_keys_work_a_guarded_widget(notebook, counter):
    counter.get_by_role("button").focus()
    notebook.page.keyboard.press("Space")
    notebook.page.keyboard.press("Enter")
    counter.get_by_role("slider").focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "ArrowDown"):
        notebook.page.keyboard.press(key)

    notebook.wait_for("counter.count", 4)


@pytest.mark.parametrize("role", ["button", "slider"])
def test_keys_in_a_guarded_widget_leave_the_notebook_alone(notebook, counter, role):
    before = (notebook.sources(), notebook.mode())
    control = counter.get_by_role(role)
    control.focus()
    active = notebook.active_cell()

    for key in CELL_KEYS:
        notebook.page.keyboard.press(key)

    assert (notebook.sources(), notebook.mode()) == before
    assert notebook.active_cell() == active
    expect(control).to_be_focused()


def test_keys_in_a_widget_without_guard_cut_its_cell(open_notebook):
    notebook = open_notebook([COUNTER, NAMELESS])
    notebook.run()

    notebook.output(1).get_by_role("slider").focus()
    notebook.page.keyboard.press("x")

    expect(notebook.page.locator(".jp-Notebook .jp-Cell")).to_have_count(1)


def test_the_kernel_is_this_python(notebook):
    import sys

    assert notebook.evaluate("__import__('sys').executable") == sys.executable
    assert notebook.evaluate("{'counts': [counter.count], 'none': None}")["none"] is None
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        notebook.evaluate("1 / 0")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        notebook.execute("1 / 0")


def test_a_page_at_rest_has_nothing_to_report(notebook):
    assert notebook.foreign_requests() == []
    assert notebook.executed() == []
    assert notebook.errors == []


def test_axe_finds_the_button_without_a_name_alone(notebook):
    assert notebook.violations(notebook.output(0)) == []
    (found,) = notebook.violations(notebook.output(1))
    assert found.startswith("button-name (critical): <button>")


def test_the_theme_changes_and_the_next_notebook_is_light_again(notebook, browser, lab):
    notebook.change_theme("JupyterLab Dark")

    assert notebook.page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
    with closing(Notebook(browser, lab, ["1"], "light")) as later:
        assert later.page.evaluate("() => document.body.dataset.jpThemeLight") == "true"


def test_what_a_page_does_is_recorded_and_a_cell_that_raises_fails_the_run(open_notebook):
    notebook = open_notebook([HOSTILE, "1 / 0"])

    with pytest.raises(AssertionError, match=r"cell 1 raised:[\s\S]*ZeroDivisionError"):
        notebook.run()

    notebook.page.wait_for_function("() => window.__hostile")
    assert set(notebook.foreign_requests()) == {"https://foreign.example/pixel.png"}
    assert set(notebook.executed()) == {"ran", "alert: boo"}
    assert any("planted" in error for error in notebook.errors)


def test_voila_draws_the_widget_and_carries_its_messages(open_voila):
    rendered = open_voila([COUNTER])
    button = rendered.page.get_by_role("button", name="Count")

    button.click()
    rendered.wait_for("counter.count", 1)
    button.press("Space")
    rendered.wait_for("counter.count", 2)
    rendered.execute("counter.count = 7")
    expect(button).to_have_text("Count 7")

    assert (rendered.foreign_requests(), rendered.executed(), rendered.errors) == ([], [], [])
    assert rendered.violations("#rendered_cells") == []


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(machinery, "PACKAGES", ("no_such_package",))
    monkeypatch.setattr(machinery, "chromium", lambda: None)

    assert machinery.missing().startswith("pip install no-such-package; install Chromium")
