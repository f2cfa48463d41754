"""Make the pictures of the widgets in docs/images, on real logs, in JupyterLab.

    python docs/screenshots.py --data FOLDER --models FOLDER

--data holds `ml-1m`, `hdfs`, `process-logs`, `text` and `voice` as benchmarks/README.md describes them; --models is
where the fitted models are kept, so that they are trained once (about half an hour on two cores). It needs Chromium
and `pip install -e ".[browser]"`.
"""

import argparse
import os
import sys
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "benchmarks")]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from harness import load_user_histories, read_table  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

import seqrec  # noqa: E402
from seqrec import (  # noqa: E402
    ConvLSTMForecaster,
    LSTMAnomalyDetector,
    LSTMGenerator,
    LSTMRecommender,
    LSTMSequenceClassifier,
    MarkovRecommender,
    Sequences,
)
from tests.explore.browser.lab import CHROMIUM_FLAGS, Notebook, chromium, serve_lab  # noqa: E402

WIDTH = 1_100
SETUP = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, {docs!r})
import warnings
warnings.simplefilter("ignore")
from screenshots import *
from seqrec.explore import *
data, models = {data!r}, {models!r}
"""
WIDGETS = {
    "recommendations": """
movies, titles, films, rules = movie_models(data, models)
explorer = RecommendationExplorer({"LSTM": films, "Markov": rules}, movies, items=titles)
explorer.sequence = int(np.flatnonzero(movies.lengths == 40)[0])
explorer.add(titles.set_index("title")["item_id"]["Toy Story (1995)"])
explorer
""",
    "anomalies": """
blocks, labels, normal, detector = log_models(data, models)
alerts = AnomalyExplorer(detector, blocks, labels=labels, normal=normal)
frame = alerts.frame
fitting = (frame["fired"] == "events max") & (blocks.lengths[frame["position"]] > 12)
alerts.sequence = int(frame["position"][fitting].iloc[0])
alerts.mark("confirmed")
alerts
""",
    "gates": """
blocks, labels, normal, detector = log_models(data, models)
GateInspector(detector, normal[:50])
""",
    "items": """
movies, titles, films, rules = movie_models(data, models)
items = ItemMap(films, items=titles, color="genre")
items.item = items.frame["title"].tolist().index("Toy Story (1995)")
items
""",
    "comparison": """
movies, titles, films, rules = movie_models(data, models)
history, target = seqrec.leave_last_out(movies[:2_000])
others = {"LSTM": films, "Markov": rules, "popularity": seqrec.PopularityRecommender().fit(history)}
ModelComparison.of(others, history, target)
""",
    "training": "TrainingCurves(movie_models(data, models)[2])",
    "frames": """
words, speakers, listener = voices_and_model(data, models)
FrameExplorer(listener, words, speakers)
""",
    "films": """
films, camera = films_and_model(models)
cameras = FilmExplorer(camera, films, horizon=8)
cameras.film = 3
cameras.origin, cameras.image = 11, 14
cameras
""",
    "playground": """
playground = GeneratorPlayground(writer(data, models))
playground.begin("ROMEO:\\nWhat light is that ")
playground.temperature = 0.7
playground
""",
    "futures": """
tickets, clerk = tickets_and_model(data, models)
begun = tickets[np.flatnonzero(tickets.lengths > 3)[:50]].head(1)
FutureExplorer(clerk, begun, events=[8, 6, "(end)"], within=pd.Timedelta("30D"))
""",
}


@cache
def movie_models(data, models):
    """Give histories, titles with a first genre, and two recommenders that have not seen each user's last film."""
    movies = load_user_histories("ml-1m", data)
    history, _ = seqrec.leave_last_out(movies)
    titles = read_table(data, "ml-1m", "items").dropna(subset="item_id").astype({"item_id": "int64"})
    titles["genre"] = titles["genres"].str.split("|").str[0]
    titles["year"] = titles["title"].str.extract(r"\((\d{4})\)$", expand=False).astype(float)
    films = _kept(Path(models) / "ml-1m.seqrec", lambda: LSTMRecommender(random_state=0, max_epochs=6).fit(history))
    return movies, titles[["item_id", "title", "genre", "year"]], films, MarkovRecommender().fit(history)


@cache
def log_models(data, models):
    """Give a sample of the test sessions with their labels, the normal ones, and the detector that learned them."""
    normal = _sessions(read_table(data, "hdfs", "train"))
    detector = _kept(Path(models) / "hdfs.seqrec", lambda: LSTMAnomalyDetector(random_state=0).fit(normal))
    events = read_table(data, "hdfs", "test")
    blocks = _sessions(events)
    labels = events.groupby("session_id")["is_anomaly"].first().loc[blocks.keys].to_numpy().astype(bool)
    rng = np.random.default_rng(0)
    rows = np.sort(np.concatenate([rng.choice(np.flatnonzero(labels == odd), n) for odd, n in ((0, 5_000), (1, 100))]))
    return blocks[rows], labels[rows], normal, detector


@cache
def voices_and_model(data, models):
    """Give utterances of test, who spoke them, and a classifier of speakers that learned from others."""
    frames = read_table(data, "voice", "JapaneseVowels").sort_values(["seq", "t"])
    columns = [f"c{channel}" for channel in range(12)]
    frames["utterance"] = "utterance " + frames["seq"].astype(str)
    parts = {}
    for part, rows in frames.groupby("part", observed=True):
        X = Sequences.from_frame(rows, user="utterance", item=None, timestamp=None, columns=columns)
        parts[part] = X, "speaker " + rows.groupby("utterance")["label"].first().astype(str).loc[X.keys]
    listener = LSTMSequenceClassifier(units=32, n_networks=1, max_epochs=6, random_state=0)  # it is to err now and then
    return *parts["test"], _kept(Path(models) / "voices.seqrec", lambda: listener.fit(*parts["train"]))


@cache
def films_and_model(models):
    """Give films of a ball, which in one of them is elsewhere all at once, and a forecaster that has seen others."""
    learned = _balls(60, seed=0)
    films = _balls(12, seed=1)
    films[3, 14:] = films[4, :10]
    forecaster = ConvLSTMForecaster(
        horizon=8,
        n_past=8,
        units=24,
        kernel_size=3,
        recurrent_kernel_size=3,
        patch=2,
        learning_rate=0.01,
        max_steps=350,
        random_state=0,
    )
    return films, _kept(Path(models) / "films.seqrec", lambda: forecaster.fit(learned))


def _balls(n, seed, time=24, size=20):
    """Give films of a ball that is reflected by the walls, (n, time, size, size)."""
    rng = np.random.default_rng(seed)
    start, speed = rng.uniform(0, size - 10, (2, n, 1)), rng.uniform(1, 2, (2, n, 1)) * rng.choice([-1, 1], (2, n, 1))
    far = (start + speed * np.arange(time)) % (2 * size - 20)
    place = 5 + np.where(far > size - 10, 2 * size - 20 - far, far)[..., None, None]
    rows, columns = np.mgrid[:size, :size]
    return np.clip(3.5 - np.hypot(rows - place[0], columns - place[1]), 0, 1).astype("float32")


def writer(data, models):
    """Give a generator that has read Shakespeare."""
    text = read_table(data, "text", "tiny_shakespeare").set_index("part")["text"]["train"]
    return _kept(
        Path(models) / "shakespeare.seqrec",
        lambda: LSTMGenerator(order=0, max_epochs=4, random_state=0).fit(Sequences.from_texts([text])),
    )


def tickets_and_model(data, models):
    """Give the tickets of a help desk, and a generator that knows how they go on."""
    events = read_table(data, "process-logs", "helpdesk")
    events["CompleteTimestamp"] = pd.to_datetime(events["CompleteTimestamp"])
    tickets = Sequences.from_frame(events, user="CaseID", item="ActivityID", timestamp="CompleteTimestamp")
    return tickets, _kept(Path(models) / "helpdesk.seqrec", lambda: LSTMGenerator(random_state=0).fit(tickets))


def _sessions(events):
    events = events.assign(event_id=events["event_id"].astype(str))
    return Sequences.from_frame(events, user="session_id", item="event_id", timestamp=None)


def _kept(path, fit):
    if not path.exists():
        seqrec.save(fit(), path)
    return seqrec.load(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("SEQREC_DATA"))
    parser.add_argument("--models", required=True)
    parser.add_argument("--only", nargs="*", default=list(WIDGETS), choices=list(WIDGETS))
    options = parser.parse_args()
    setup = SETUP.format(docs=str(HERE), data=options.data, models=str(Path(options.models).resolve()))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder, serve_lab(Path(folder)) as lab:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
        cells = [setup, *(WIDGETS[name] for name in options.only)]
        with closing(Notebook(browser, lab, cells, "pictures")) as notebook:
            notebook.page.set_viewport_size({"width": WIDTH + 420, "height": 1_400})
            notebook.run(seconds=3_600)
            for theme, ending in (("JupyterLab Light", ""), ("JupyterLab Dark", "-dark")):
                notebook.change_theme(theme)
                for number, name in enumerate(options.only, start=1):
                    take(notebook, number, HERE / "images" / f"{name}{ending}.png")


def take(notebook, cell, path):
    """Photograph the widget of a cell."""
    widget = notebook.output(cell).locator(".seqrec").first
    widget.scroll_into_view_if_needed()
    notebook.page.wait_for_timeout(500)
    widget.screenshot(path=path)


if __name__ == "__main__":
    main()
