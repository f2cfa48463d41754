"""Text that wants to run, on every surface that shows text: as ids, titles, attributes, names of models and metrics."""

from contextlib import closing
from pathlib import Path

import pytest

from .lab import Notebook, expect

pytestmark = pytest.mark.slow

OWN = "window.__hostile={}"  # what each string would do, with its number
PATTERNS = [
    "<script>{}</script>",
    "<img src=x onerror={}>",
    "<img src=x onerror='{}'>",
    '<img src="x" onerror="{}">',
    "<IMG SRC=x ONERROR={}>",
    "<img/src=x/onerror={}>",
    "<svg onload={}>",
    "<svg><script>{}</script></svg>",
    "<svg><animate onbegin={} attributeName=x dur=1s>",
    "<svg/onload={}//",
    "<body onload={}>",
    "<iframe srcdoc='<script>parent.{}</script>'></iframe>",
    "<iframe src='javascript:parent.{}'></iframe>",
    "<input autofocus onfocus={}>",
    "<details open ontoggle={}>x</details>",
    "<video><source onerror={}></video>",
    "<audio src=x onerror={}>",
    "<object data='javascript:{}'>",
    "<embed src='javascript:{}'>",
    "<math><mtext><img src=x onerror={}></mtext></math>",
    "<marquee onstart={}>x</marquee>",
    "<style onload={}></style>",
    "<style>*{{background:url(x)}}</style><img src=x onerror={}>",
    "<link rel=stylesheet href=x onerror={}>",
    "<a href='javascript:{}'>x</a>",
    "<form><button formaction='javascript:{}'>x</button></form>",
    '"><img src=x onerror={}>',
    "'><img src=x onerror={}>",
    '" onfocus="{}" autofocus tabindex="0',
    "' onmouseover='{}' '",
    "</script><script>{}</script>",
    "</style><script>{}</script>",
    "</textarea><img src=x onerror={}>",
    "</title><img src=x onerror={}>",
    "<!--><img src=x onerror={}>-->",
    "<![CDATA[<img src=x onerror={}>]]>",
    "${{{}}}",
    "{{{{constructor.constructor('{}')()}}}}",
    "`${{{}}}`",
    "javascript:{}",
]
STRINGS = [pattern.format(OWN.format(number)) for number, pattern in enumerate(PATTERNS, start=1)]
GOLDEN = Path(__file__).parents[2] / "golden"
DATA = f"""
import warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
import seqrec
from IPython.display import HTML, display
from seqrec import LSTMRecommender, MarkovRecommender, NewEventDetector, NGramDetector, NGramGenerator, Sequences
from seqrec import NaiveForecaster, SummaryClassifier
from seqrec.explore import *
strings = {STRINGS!r}
n = len(strings)
log = pd.DataFrame({{"user_id": np.repeat(strings, n), "item_id": strings * n}})
log["timestamp"] = np.arange(n * n) + 1_700_000_000
log[strings[0]], log[strings[1]] = strings * n, np.tile(np.arange(1.0, n + 1), n)
X = Sequences.from_frame(log, columns=strings[:2])
titles = pd.DataFrame({{"item_id": strings, "title": strings[::-1], strings[2]: strings, strings[3]: np.arange(n)}})
recommender = LSTMRecommender(units=8, max_epochs=1, random_state=0, verbose=False).fit(X)
markov, counting = MarkovRecommender().fit(X), NGramDetector().fit(X)
stored = seqrec.load({str(GOLDEN / "LSTMAnomalyDetector.seqrec")!r})
Y = Sequences.from_lists([strings, strings[:1]], keys=strings[:2])
days = pd.DataFrame({{"s": np.repeat(strings, n), "t": np.tile(pd.date_range("2024-01-01", periods=n), n)}})
days[strings[6]], days[strings[7]] = np.arange(n * n, dtype=float), strings * n
series = Sequences.from_frame(days, "s", None, timestamp="t", columns=strings[6:8])
frames = Sequences.from_arrays(np.random.default_rng(0).normal(size=(n, 9, n)), names=strings, keys=strings)
listener = SummaryClassifier().fit(frames, strings)
texts = Sequences.from_texts([" ".join(strings)], unit="word", keys=strings[:1])
"""
EXPLORER = "explorer = RecommendationExplorer({strings[4]: recommender, strings[5]: markov}, X, titles, k=n)\nexplorer"
SURFACES = {
    "recommendations": EXPLORER,
    "anomalies": "alerts = AnomalyExplorer(counting, X, labels=np.arange(n) % 2, normal=X)\nalerts",
    "gates": "GateInspector(recommender, X)",
    "map": "ItemMap(recommender, titles, color=strings[2])",
    "comparison": "ModelComparison({name: {other: np.arange(9.0) for other in strings[:6]} for name in strings})",
    "curves": "TrainingCurves(recommender)",
    "playground": "GeneratorPlayground(NGramGenerator(order=3).fit(Y), Y, titles)",
    "futures": "FutureExplorer(NGramGenerator(order=2).fit(Y), Y, titles, n_paths=20)",
    "forecasts": "ForecastExplorer(NaiveForecaster(horizon=3, target=strings[6]).fit(series), series)",
    "frames": "FrameExplorer(listener, frames, strings[::-1])",
    "text": "GeneratorPlayground(NGramGenerator(order=3).fit(texts), texts)",
    "cards": "display(X, recommender, markov, counting, NewEventDetector().fit(X), stored)",
    "fallbacks": "for widget in (explorer, alerts): display(HTML(widget._repr_mimebundle_()[0]['text/html']))",
}


@pytest.fixture(scope="module")
def notebook(browser, lab):
    with closing(Notebook(browser, lab, [DATA, *SURFACES.values()], "hostile")) as opened:
        opened.run(seconds=180)
        yield opened


def test_there_are_forty():
    assert len(set(STRINGS)) == 40


@pytest.mark.parametrize("surface", SURFACES)
def test_what_is_hostile_is_shown_as_text(notebook, surface):
    output = notebook.output(1 + list(SURFACES).index(surface))
    if surface == "curves":
        expect(output.locator(".seqrec")).to_be_visible()
    else:
        expect(output.get_by_text("window.__hostile=").filter(visible=True).first).to_be_visible()


def test_every_string_passes_through_the_lists(notebook):
    for surface in (
        "recommendations",
        "anomalies",
        "gates",
        "map",
        "comparison",
        "playground",
        "futures",
        "forecasts",
        "frames",
        "text",
    ):
        output = notebook.output(1 + list(SURFACES).index(surface))
        for box in output.get_by_role("listbox").all():
            if box.is_visible():
                box.evaluate("(box) => { for (let y = 0; y < box.scrollHeight; y += 50) { box.scrollTop = y; } }")
                box.focus()
                for key in ("End", "Home", "Enter"):
                    notebook.page.keyboard.press(key)
    notebook.evaluate("0")
    assert notebook.executed() == []


def test_none_of_them_runs_anywhere(notebook):
    notebook.execute("alerts.sequence = list(X.keys).index(strings[29]); alerts.selection = list(range(n))")
    notebook.execute("explorer.sequence = 5; explorer.item = 7")
    expect(notebook.output(2).get_by_role("heading", name="Sequence '")).to_contain_text("window.__hostile")
    assert notebook.executed() == []
    assert notebook.foreign_requests() == []
