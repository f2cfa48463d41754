"""What every widget looks like, in both themes: text can be read whatever the mouse does, and figures are whole."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from .lab import Notebook

pytestmark = pytest.mark.slow

THEMES = ["JupyterLab Light", "JupyterLab Dark"]
TESTS = Path(__file__).parents[2]
DATA = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import dataclasses, warnings
import numpy as np, pandas as pd
import seqrec
from golden.make import make_log, read_log
from seqrec import MarkovRecommender, NGramGenerator, SeasonalNaiveForecaster, Sequences, music
from seqrec import ShiftForecaster, SummaryClassifier
from seqrec.explore import *
warnings.simplefilter("ignore")
golden = {str(TESTS / "golden")!r}
X = read_log(make_log(60, seed=1), fields=True)
X = dataclasses.replace(X, keys=np.array([f"{{3888 + i}}-20" for i in range(60)], dtype=object))
detector = seqrec.load(golden + "/LSTMAnomalyDetector.seqrec")
recommender = seqrec.load(golden + "/LSTMRecommender.seqrec")
Y = read_log(make_log(60, seed=1), fields=False)
items = pd.DataFrame({{"item_id": ["tea", "milk", "sugar"], "title": ["Tea", "Milk", "Sugar, brown and in cubes"],
                      "kind": ["drink", "drink", "food"], "year": [1999.0, 2001, 2024]}})
rng = np.random.default_rng(0)
clerk = NGramGenerator(order=3).fit(Y)
writer = NGramGenerator().fit(Sequences.from_texts(["12 teas, 1,234 cakes and no milk. " * 9]))
tune = music.from_pianorolls([[[60, 64, 67]] * 4 + [[62, 65]] * 4 + [[60, 72]] * 8] * 3)
player = NGramGenerator(order=6).fit(tune)
hours = pd.DataFrame({{"shop": "a shop", "hour": pd.date_range("2024-03-01", periods=700, freq="h")}})
hours["y"], hours["price"] = 1e6 + 1e5 * np.sin(np.arange(700) / 4) + 1e4 * rng.normal(size=700), np.arange(700) // 50
hours["weekday"] = hours["hour"].dt.day_name()
demand = Sequences.from_frame(hours, "shop", None, timestamp="hour", columns=["y", "price", "weekday"])
seasonal = SeasonalNaiveForecaster(horizon=24, target="y").fit(demand.head(600))
words = Sequences.from_arrays([rng.normal(n % 5, 1, (n, 3)) for n in range(90, 190)], names=["x", "y", "z"])
speakers = np.array([f"speaker {{n % 5}}" for n in range(100)])
listener = SummaryClassifier().fit(words[:60], speakers[:60])
films = rng.random((12, 30, 24, 32))
results = {{f"model {{i}}": {{"NDCG@10": rng.random(300), "seconds to fit": 12_345.6 * i}} for i in range(1, 5)}}
"""
WIDGETS = {
    "anomalies": "shown = AnomalyExplorer(detector, X, labels=X.lengths > 7, normal=X)\nshown.mark('confirmed')\nshown",
    "gates": "GateInspector(recommender, Y)",
    "recommendations": "RecommendationExplorer({'LSTM': recommender, 'Markov': MarkovRecommender().fit(Y)}, Y, items)",
    "recommendation": "RecommendationExplorer(recommender, Y, items)",
    "map": "ItemMap(recommender, items, color='kind')",
    "comparison": "compared = ModelComparison(results)\ncompared.model = 'model 2'\ncompared",
    "curves": "TrainingCurves({'loss': [3.0, 2.5, 2.25], 'validation': [0.1, 0.3, 0.2]})",
    "futures": "FutureExplorer(clerk, Y, items, n_paths=50)",
    "forecasts": "foreseen = ForecastExplorer(seasonal, demand)\nforeseen.back = 30\nforeseen",
    "frames": "FrameExplorer(listener, words, speakers, [np.zeros(800 * n) for n in words.lengths], rate=8_000)",
    "heat": "heat = FrameExplorer(listener, words)\nheat.view = 'heat map'\nheat",
    "films": "FilmExplorer(ShiftForecaster().fit(films), films)",
    "playground": "GeneratorPlayground(clerk, Y, items)",
    "text": "text = GeneratorPlayground(writer)\ntext.begin('12 teas, ')\ntext",
    "music": "GeneratorPlayground(player, tune)",
}
# The contrast of what an element's own text has against the first background below it that is not transparent.
CONTRAST = """(element) => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    const color = numbers(getComputedStyle(one).backgroundColor);
    return color.length === 4 && color[3] === 0 ? ground(one.parentElement) : color;
  };
  const all = [element, ...element.querySelectorAll("*:not(svg *)")].filter((one) =>
    [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
  return Math.min(21, ...all.map((one) => {
    const [a, b] = [light(numbers(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [DATA, *WIDGETS.values()], "looks")) as opened:
        opened.run(seconds=180)
        yield opened


def shown(notebook, name):
    return notebook.output(1 + list(WIDGETS).index(name)).locator(".seqrec").first


@pytest.mark.parametrize("name", WIDGETS)
@pytest.mark.parametrize("theme", THEMES)
def test_buttons_can_be_read_while_they_are_hovered_and_pressed(notebook, theme, name):
    notebook.change_theme(theme)
    notebook.page.wait_for_timeout(300)
    for button in shown(notebook, name).get_by_role("button").all()[:14]:
        if button.is_disabled():
            continue
        button.hover()
        for state in ("hovered", "pressed", "pressed again"):
            contrast = button.evaluate(CONTRAST)
            assert contrast >= 4.5, f"{button.inner_text()!r} {state}: {contrast:.1f} in {theme}"
            if button.is_enabled():
                button.evaluate("(button) => button.click()")
                button.focus()


# Text with a figure that is cut off: by an element that hides what is too wide for it, or by the widget's own edge.
CUT = """(root) => {
  const edge = root.getBoundingClientRect();
  const isHidden = (one) => !one.checkVisibility() || one.closest(".sq-hidden, svg, canvas, option");
  const scrolls = (one) => ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
  const cuts = (one) => one.scrollWidth > one.clientWidth && getComputedStyle(one).overflowX === "hidden";
  const found = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!/\\d/.test(node.textContent) || isHidden(node.parentElement)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const { left, right } = range.getBoundingClientRect();
    for (let one = node.parentElement; ; one = one.parentElement) {
      if (scrolls(one)) break;
      if (cuts(one)) found.push(node.textContent);
      if (one !== root) continue;
      if (left < edge.left - 1 || right > edge.right + 1) found.push(node.textContent);
      break;
    }
  }
  for (const field of root.querySelectorAll("input[type=number]"))
    if (field.scrollWidth > field.clientWidth) found.push(field.value);
  return found;
}"""


@pytest.mark.parametrize("theme", THEMES)
def test_no_figure_is_cut_off_at_any_width(notebook, theme):
    notebook.change_theme(theme)
    cut = {}
    for width in range(320, 1601, 40):
        for name in WIDGETS:
            widget = shown(notebook, name)
            widget.evaluate("(root, width) => { root.style.width = `${width}px`; }", width)
            notebook.page.wait_for_timeout(60)  # lists and drawings follow in the next frame
            if found := widget.evaluate(CUT):
                cut[width, name] = found
            assert not re.search(r"\[object|undefined|\bNaN|\bfalse\b(?! alarm)", widget.inner_text())
    assert cut == {}
