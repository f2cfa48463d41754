"""How quick the widgets are in a real browser, on JupyterLab, and how large their front ends.

    python benchmarks/explore.py

It needs Chromium and `pip install -e ".[browser]"`. Measured inside the page, by its own clock, are

- edits: from the click that removes an event from a history of 50, until the new recommendations of an LSTM with 5,000
  items are painted;
- drag: with 100,000 sequences, what one move of the threshold takes in the page: its handler and the paint after it;
- map: the same for one move of a plane of 100,000 items;
- first paint: in a running kernel, from the order to run a cell that makes the widget until it is painted.

The models are trained for one epoch: what they know does not matter here. Software rendering, as there is no GPU.
"""

import argparse
import sys
import tempfile
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from harness import write_result  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from seqrec.explore.front_end import source, style  # noqa: E402
from tests.explore.browser.lab import CHROMIUM_FLAGS, Notebook, chromium, serve_lab  # noqa: E402

WIDGETS = ("recommendations", "anomalies", "gate_inspector", "item_map", "comparison", "training_curves")
SETUP = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import warnings
warnings.simplefilter("ignore")
import numpy as np
from seqrec import LSTMRecommender, LSTMAnomalyDetector, NGramDetector, Sequences
from seqrec.datasets import make_interactions
from seqrec.explore import *
X = Sequences.from_frame(make_interactions(3_000, 5_000, 200_000, random_state=0))
quick = {"max_epochs": 1, "random_state": 0, "verbose": False}
recommender = LSTMRecommender(units=256, **quick).fit(X)
detector = LSTMAnomalyDetector(units=64, n_folds=1, **quick).fit(X[:500].tail(20))
histories, asked = X[X.lengths >= 50].tail(50), X[500:1_500].tail(20)
rng = np.random.default_rng(0)
short = Sequences.from_lists(rng.integers(0, 30, (100_000, 8)).tolist())
counting = NGramDetector().fit(short[:5_000])
figures = {name: {"NDCG@10": rng.random(1_000), "coverage": rng.random()} for name in ("LSTM", "Markov")}
catalogue = Sequences.from_lists(np.arange(100_000).reshape(-1, 10).tolist())
large = LSTMRecommender(units=32, embedding_dim=32, **quick).fit(catalogue)
"""
EDITS = "RecommendationExplorer: LSTM, 5,000 items"
DRAG = "AnomalyExplorer: n-grams, 100,000 sequences"
MAP = "ItemMap: 100,000 items"
CELLS = {
    EDITS: "RecommendationExplorer(recommender, histories)",
    "AnomalyExplorer: LSTM, 1,000 sequences": "AnomalyExplorer(detector, asked)",
    "GateInspector": "GateInspector(recommender, histories)",
    "ItemMap: 5,000 items": "ItemMap(recommender)",
    "ModelComparison": "ModelComparison(figures)",
    "TrainingCurves": "TrainingCurves(recommender)",
    DRAG: "AnomalyExplorer(counting, short)",
    MAP: "ItemMap(large)",
}
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
FIRST_PAINT = f"""async (cell) => {{
  const area = document.querySelectorAll(".jp-NotebookPanel .jp-Cell")[cell];
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = cell;
  const start = performance.now();
  jupyterapp.commands.execute("notebook:run-cell");
  while (!area.querySelector(".seqrec")?.clientHeight) await new Promise(requestAnimationFrame);
  await {PAINTED};
  return performance.now() - start;
}}"""
EDIT = f"""async (widget) => {{
  const list = widget.querySelector('[aria-label^="Recommended"]');
  const before = list.innerText;
  const start = performance.now();
  [...widget.querySelectorAll("button")].find((one) => one.innerText === "Remove").click();
  while (list.innerText === before && performance.now() - start < 5000) await new Promise(requestAnimationFrame);
  await {PAINTED};
  return performance.now() - start;
}}"""
# The second frame callback is the widget's own paint, which the move asks for between the two of ours.
MOVE = """async ([canvas, moves]) => {
  const box = canvas.getBoundingClientRect();
  const at = (type, share, buttons) => new PointerEvent(type, {
    pointerId: 1, buttons, bubbles: true, clientX: box.left + share * box.width, clientY: box.top + 50,
  });
  canvas.setPointerCapture = () => {};
  canvas.dispatchEvent(at("pointerdown", 0.5, 1));
  const times = [];
  for (let i = 0; i < moves; i++) {
    let before;
    const painted = new Promise((done) => {
      requestAnimationFrame(() => (before = performance.now()));
      const start = performance.now();
      canvas.dispatchEvent(at("pointermove", 0.05 + (0.9 * ((i * 37) % moves)) / moves, 1));
      const handled = performance.now() - start;
      requestAnimationFrame(() => {
        canvas.getContext("2d").getImageData(0, 0, 1, 1); // waits until what was drawn is drawn
        done(handled + performance.now() - before);
      });
    });
    times.push(await painted);
  }
  canvas.dispatchEvent(at("pointerup", 0.5, 0));
  return times;
}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--moves", type=int, default=120)
    arguments = parser.parse_args()
    figures = {"front end, bytes": {name: size(name) for name in WIDGETS}}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder, serve_lab(Path(folder)) as lab:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
        with closing(Notebook(browser, lab, [SETUP, *CELLS.values()], "explore")) as notebook:
            figures |= measure(notebook, arguments)
            figures["foreign requests"] = len(notebook.foreign_requests())
    print(write_result("explore", arguments, figures))


def size(name):
    """Bytes of script and style sheet that a widget sends to the page."""
    script = source(name)
    return len((script + style(script)).encode())


def measure(notebook, arguments):
    notebook.page.set_viewport_size({"width": 1_400, "height": 1_000})
    notebook.page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 0; }")
    notebook.page.evaluate("() => jupyterapp.commands.execute('notebook:run-cell')")
    notebook.evaluate("len(X)", timeout=600)
    paints = {}
    for cell, name in enumerate(CELLS, start=1):
        paints[name] = notebook.page.evaluate(FIRST_PAINT, cell)
        notebook.evaluate("0", timeout=600)  # whatever follows the first paint is done
    edits = edit(notebook, output(notebook, EDITS), arguments.edits)
    return {
        "first paint, ms": paints,
        "edit to new recommendations, ms": summary(edits),
        "drag of the threshold, ms a move": summary(drag(notebook, DRAG, arguments.moves)),
        "drag of the map, ms a move": summary(drag(notebook, MAP, arguments.moves)),
    }


def output(notebook, name):
    return notebook.output(1 + list(CELLS).index(name)).locator(".seqrec")


def edit(notebook, widget, n):
    """Remove the last event n times, each time from where the history then ends."""
    times = []
    for _ in range(n):
        times.append(widget.evaluate(EDIT))
        notebook.evaluate("0", timeout=60)  # the reasons, which follow, are done
    return times


def drag(notebook, name, n):
    canvas = output(notebook, name).locator("canvas").first
    canvas.scroll_into_view_if_needed()
    return notebook.page.evaluate(MOVE, [canvas.element_handle(), n])


def summary(times):
    return {"median": float(np.median(times)), "95th percentile": float(np.quantile(times, 0.95)), "n": len(times)}


if __name__ == "__main__":
    main()
