"""What every widget looks like, in both themes: text can be read whatever the mouse does, and figures are whole."""

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
from seqrec import MarkovRecommender, Sequences
from seqrec.explore import *
warnings.simplefilter("ignore")
golden = {str(TESTS / "golden")!r}
X = read_log(make_log(60, seed=1), fields=True)
X = dataclasses.replace(X, keys=np.array([f"{{3888 + i}}-20" for i in range(60)], dtype=object))
detector = seqrec.load(golden + "/LSTMAnomalyDetector.seqrec")
recommender = seqrec.load(golden + "/LSTMRecommender.seqrec")
Y = read_log(make_log(60, seed=1), fields=False)
items = pd.DataFrame({{"item_id": ["tea", "milk", "sugar"], "title": ["Tea", "Milk", "Sugar, brown, in cubes (1999)"],
                      "kind": ["drink", "drink", "food"], "year": [1999.0, 2001, 2024]}})
rng = np.random.default_rng(0)
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
