"""Every widget in Voilà, which shows a notebook as a page: drawn, and alive."""

from pathlib import Path

import pytest

from .lab import expect

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[2]
CELL = f"""
import sys, warnings
sys.path.insert(0, {str(TESTS)!r})
warnings.simplefilter("ignore")
import numpy as np
import seqrec
from golden.make import make_log, read_log
from seqrec.explore import *
from IPython.display import display
detector = seqrec.load({str(TESTS / "golden" / "LSTMAnomalyDetector.seqrec")!r})
recommender = seqrec.load({str(TESTS / "golden" / "LSTMRecommender.seqrec")!r})
X, plain = (read_log(make_log(30, seed=1), fields=fields) for fields in (True, False))
alerts, explorer = AnomalyExplorer(detector, X), RecommendationExplorer(recommender, plain)
figures = {{name: {{"NDCG": np.random.rand(9)}} for name in "ab"}}
display(explorer, alerts, GateInspector(recommender, plain), ItemMap(recommender))
display(ModelComparison(figures), TrainingCurves(recommender))
clerk = seqrec.NGramGenerator().fit(plain)
display(GeneratorPlayground(clerk), FutureExplorer(clerk, plain, n_paths=20))
series = seqrec.Sequences.from_arrays([np.arange(40.0) % 7, np.arange(30.0) % 5], "y")
display(ForecastExplorer(seqrec.NaiveForecaster(horizon=5).fit(series), series))
"""
NAMES = [
    "Recommendation explorer",
    "Anomaly explorer",
    "Gate inspector",
    "Item map",
    "Comparison of models",
    "Training curves",
    "Generator playground",
    "Future explorer",
    "Forecast explorer",
]


def test_every_widget_is_drawn_and_alive_in_voila(open_voila):
    page = open_voila([CELL])
    for name in NAMES:
        expect(page.page.get_by_role("group", name=name).first).to_be_visible()

    page.page.get_by_role("listbox", name="Sequences, the oddest first").focus()
    page.page.keyboard.press("ArrowDown")
    page.wait_for("alerts.sequence == alerts._by_score[1]", True)
    page.page.get_by_role("group", name="Recommendation explorer").get_by_role("button", name="Remove").click()
    page.wait_for("len(explorer.history) == plain.lengths[0] - 1", True)

    assert page.executed() == []
    assert page.foreign_requests() == []
    for name in NAMES:
        assert page.violations(page.page.get_by_role("group", name=name).first) == []
