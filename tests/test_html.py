import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from golden.make import ESTIMATORS, make_log
from hostile import TEXTS
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

import seqrec
from seqrec import MarkovRecommender, NGramDetector, PopularityRecommender, Sequences, UserProfiles, load
from seqrec._html import card, details, in_words, listed, number, sparkline, table
from seqrec._text import plain

GOLDEN = Path(__file__).parent / "golden"
IDS = [text[:1000] for text in TEXTS]  # Sequences takes no longer ones
VOID = {"path", "circle"}
TAGS = {"style", "div", "span", "strong", "table", "caption", "thead", "tbody", "tr", "th", "td", "bdi", "svg"}
TAGS |= {"details", "summary"} | VOID
ATTRIBUTES = {"class", "role", "aria-label", "aria-level", "scope", "width", "height", "viewbox", "d", "fill"}
ATTRIBUTES |= {"stroke", "stroke-width", "stroke-linecap", "cx", "cy", "r"}


class Page(HTMLParser):
    """Parses HTML, and checks that it is balanced and holds nothing but what cards are made of."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.labels = [], [], []
        self.feed(text)
        self.close()
        assert not self.open
        assert "http" not in text

    def handle_starttag(self, tag, attributes):
        assert tag in TAGS
        assert {name for name, _ in attributes} <= ATTRIBUTES
        self.labels += [value for name, value in attributes if name == "aria-label"]
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        assert self.open.pop() in VOID

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment

    @property
    def text(self):
        return " ".join(self.texts)


def shown(value):
    html = value if isinstance(value, str) else value._repr_html_()
    html.encode()  # no surrogates
    return Page(html).text


@pytest.fixture(scope="module", params=ESTIMATORS)
def fitted(request):
    return load(max(GOLDEN.glob(f"format_*/{request.param}.seqrec")))  # of the latest format that it has a file of


# --- cards


@pytest.mark.parametrize("text", TEXTS)
def test_a_card_escapes_all_that_is_not_html(text):
    parts = details(text, table([[text, 1]], [text, "n"], caption=text)), listed([text], 1)
    page = Page(card(text, {text: text}, *parts, lead=text))
    assert {len(part) for part in page.texts if part.strip()} <= {1, *(len(plain(text, w)) for w in (24, 40, 80, 200))}
    assert all(part.strip() in (plain(text, len(part)), "n", "1", "") for part in page.texts)


def test_a_table_takes_the_rows_of_a_frame():
    frame = pd.DataFrame({"item": ["tea", None], "score": [0.123456, np.nan], "rank": [1, 2]})
    html = table(frame.itertuples(index=False), frame.columns)
    assert Page(html).texts == ["item", "score", "rank", "tea", "0.1235", "1", "–", "–", "2"]
    assert html.count("seqrec-number") == 6


def test_a_table_may_be_empty():
    assert Page(table([], ["item", "score"])).texts == ["item", "score"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([3.0, 1.0, 2.0], "3 values: first 3, last 2, lowest 1 at 2, highest 3 at 1"),
        ([2.5], "1 value: 2.5"),
        ([1.0, 1.0], "2 values: first 1, last 1, lowest 1 at 1, highest 1 at 1"),
        ([1.0, np.nan, 3.0], "3 values: first 1, last 3, lowest 1 at 1, highest 3 at 3, 1 not finite"),
        ([np.nan, np.inf], "2 values, none finite"),
        ([-1.7e308, 1.7e308], "2 values: first -1.7e+308, last 1.7e+308, lowest -1.7e+308 at 1, highest 1.7e+308 at 2"),
    ],
)
def test_a_sparkline_draws_finite_numbers_and_tells_them(values, words):
    html = sparkline(values, "loss")
    assert Page(html).labels == [f"loss, {words}"]
    assert in_words(values) == words
    path = re.search(' d="([^"]*)"', html)[1]
    numbers = np.array(re.findall(r"[-\d.]+", path.replace("h0", "")), dtype=float).reshape(-1, 2)
    assert len(numbers) == np.isfinite(values).sum()
    assert ((numbers >= 0) & (numbers <= [120, 18])).all()
    assert "nan" not in path + html.split("<circle")[-1]


def test_a_sparkline_leaves_a_gap_where_a_number_is_missing():
    path = re.search(' d="([^"]*)"', sparkline([1, 2, np.nan, 4], "loss"))[1]
    assert re.sub(r"[^MLh]", "", path) == "MhLMh"


def test_a_sparkline_of_nothing_is_nothing():
    assert sparkline([], "loss") == ""


# --- sequences


def test_sequences_show_their_facts_and_the_first_five():
    log = pd.DataFrame(make_log(12, seed=0))
    X = Sequences.from_frame(log, columns=["channel", "amount"])
    text = shown(X)
    assert f"12 sequences, {X.n_events} events, {len(X.vocabulary)} items" in text
    assert f"longest {X.lengths.max()}" in text
    assert "channel (text)" in text
    assert "The first 5 of 12 sequences" in text
    assert X._repr_html_().count("<tr>") == 4 + 1 + 5 - (X.tie_share == 0)
    first = str(X.timestamps.min().astype("M8[m]")).replace("T", " ")
    assert f"{first} to " in text


def test_sequences_show_ties_and_unknown_items():
    X = Sequences.from_lists([["tea", "milk"]], timestamps=[[1_700_000_000] * 2])
    X = X.recode(seqrec.Vocabulary(["tea"]))
    assert "50.0% of the events" in shown(X)
    assert re.search(r"tea\s+→\s+\(unknown\)", shown(X))


def test_empty_sequences_are_shown():
    assert "0 sequences, 0 events" in shown(Sequences.from_lists([]))
    assert "empty sequences 1" in shown(Sequences.from_lists([[], ["tea"]]))
    log = pd.DataFrame(make_log(3, seed=0))
    X = Sequences.from_frame(log)
    assert "no events" in shown(X[:0])
    assert "no events" in shown(X.head(0))


def test_strangers_text_in_sequences_is_text():
    log = pd.DataFrame({"user_id": IDS[:5], "item_id": IDS[:5], '<b onclick="x()">': IDS[:5]})
    X = Sequences.from_frame(log, timestamp=None, columns=['<b onclick="x()">'])
    assert '<b onclick="x()"> (text)' in shown(X)
    X = Sequences.from_lists([[text] for text in IDS], keys=IDS)
    for start in range(0, len(IDS), 5):
        text = shown(X[start:])
        assert all(plain(key, 40) in text and plain(key, 24) in text for key in X.keys[start : start + 5])


# --- estimators


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_that_is_not_fitted_shows_parameters_and_what_to_call(name):
    estimator = getattr(seqrec, name)(**ESTIMATORS[name])
    text = shown(estimator)
    call = "fit(X, y)" if name.endswith("Classifier") else "fit(X, users)" if name == "UserProfiles" else "fit(X)"
    assert "not fitted" in text
    assert f"next call {call} with Sequences" in text
    assert all(parameter in text for parameter in estimator.get_params())
    n_set = len(ESTIMATORS[name])
    n_rest = len(estimator.get_params()) - n_set
    assert f"{n_rest} parameter{'s' * (n_rest > 1)} at default" in text or not n_rest


def test_a_fitted_estimator_shows_what_it_learned_from(fitted):
    data, text = fitted.training_data_, shown(fitted)
    assert text.startswith(f"{type(fitted).__name__}   fitted ")
    items = f", {data.n_items:,} items" if hasattr(fitted, "vocabulary_") else ""
    assert f"{data.n_sequences:,} sequences, {data.n_events:,} events{items}" in text
    assert f"{str(data.first)[:10]} {str(data.first)[11:16]} to {str(data.last)[:10]}" in text
    assert "not fitted" not in text


def test_a_fitted_estimator_shows_what_it_knows(fitted):
    text = shown(fitted)
    if hasattr(fitted, "item_counts_"):
        assert f"catalogue {len(fitted.vocabulary_)} items" in text
        assert f"({fitted.item_counts_.max()})" in text
    if hasattr(fitted, "offset_"):
        assert f"below {fitted.offset_:.4g}" in text
        n_flagged = (fitted.held_out_scores_ < fitted.offset_).sum()
        assert f"{len(fitted.held_out_scores_)}, of which {n_flagged} " in text
    if hasattr(fitted, "classes_"):
        assert all(str(name) in text for name in fitted.classes_)
    if hasattr(fitted, "model_"):
        network = fitted.model_.architecture
        embeddings = ", embeddings of 8" if hasattr(network, "embedding_dim") else ""
        assert f"{network.units} units{embeddings}, {fitted.model_.count_params():,} weights" in text
        assert number(fitted.history_["loss"][-1]) in text
    if hasattr(fitted, "season_lengths_"):
        assert f"forecast {fitted.target_}" in text
        assert f"step {fitted.step_}" in text
    if hasattr(fitted, "users_"):
        assert f"user profiles {len(fitted.users_)}" in text


def test_the_best_validation_is_named():
    recommender = load(GOLDEN / "LSTMRecommender.seqrec")
    recommender.history_ = {"loss": [3.0, 2.0, 1.5], "validation": [0.1, 0.25, np.nan]}
    assert "best 0.25 NDCG@10, in epoch 2" in shown(recommender)
    assert len(Page(recommender._repr_html_()).labels) == 2


def test_the_threshold_follows_set_threshold():
    detector = load(GOLDEN / "CombinedDetector.seqrec").set_threshold(contamination=0.2)
    n_flagged = (detector.held_out_scores_ < detector.offset_).sum()
    assert f"of which {n_flagged} ({n_flagged / len(detector.held_out_scores_):.1%}) are flagged" in shown(detector)
    detector.offset_ = -np.inf
    assert "nothing is flagged" in shown(detector)


def test_strangers_text_in_estimators_is_text():
    X = [[text] * (len(IDS) - row) for row, text in enumerate(IDS)]
    for estimator in (PopularityRecommender(), MarkovRecommender(), NGramDetector()):
        shown(estimator.fit(X))
    assert plain(IDS[0], 24) in shown(PopularityRecommender().fit(X))
    shown(UserProfiles().fit(X, users=IDS))
    classifier = load(GOLDEN / "LSTMSequenceClassifier.seqrec")
    classifier.classes_ = np.array(IDS, dtype=object)
    field = classifier.fields_.categories[0]._replace(name=IDS[0])
    classifier.fields_ = classifier.fields_._replace(categories=(field,))
    text = shown(classifier)
    assert all(plain(name, 24) in text for name in IDS[:8])


@pytest.mark.parametrize("text", TEXTS)
def test_strangers_text_in_parameters_is_text(text):
    assert "part=" in shown(NGramDetector(part=text))
    shown(seqrec.LSTMAnomalyDetector(sides={text: text}))
    shown(seqrec.LSTMSequenceClassifier(class_weight={text: 1.0}))


def test_a_subclass_shows_its_own_name_and_parameters():
    class Mine(PopularityRecommender):
        def __init__(self, last_days=None, colour="red"):
            super().__init__(last_days)
            self.colour = colour

    text = shown(Mine(colour="blue").fit([["tea", "milk"]]))
    assert text.startswith("Mine")
    assert "colour='blue'" in text


def test_the_card_is_the_same_after_pickling(fitted):
    assert pickle.loads(pickle.dumps(fitted))._repr_html_() == fitted._repr_html_()  # noqa: S301


# --- scikit-learn


def test_scikit_learns_display_option_is_kept():
    estimator = PopularityRecommender()
    assert estimator._repr_mimebundle_()["text/html"] == estimator._repr_html_()
    with sklearn.config_context(display="text"):
        assert set(estimator._repr_mimebundle_()) == {"text/plain"}
        assert not hasattr(estimator, "_repr_html_")


@pytest.mark.parametrize("make", [lambda e: GridSearchCV(e, {"last_days": [None]}), lambda e: Pipeline([("own", e)])])
@pytest.mark.parametrize("is_fitted", [False, True])
def test_scikit_learns_diagram_shows_compositions(make, is_fitted):
    composition = make(PopularityRecommender())
    if is_fitted:
        composition.fit([["tea", "milk"]] * 10, ["tea"] * 10)
    html = composition._repr_html_()
    assert "sk-container-id" in html
    assert "PopularityRecommender" in html
    assert "last_days" in html
    assert "seqrec-card" not in html
