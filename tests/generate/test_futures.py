"""Futures against what is known: chains that can be counted out, and paths that are simply drawn."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import inv
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

import seqrec
from seqrec import LSTMGenerator, MarkovRecommender, NGramGenerator, Sequences, Vocabulary, futures
from seqrec.data.fields import Number
from seqrec.data.vocabulary import N_RESERVED
from seqrec.generate.base import GeneratorMixin
from seqrec.generate.futures import END
from seqrec.generate.gaps import Gaps, Timing
from seqrec.generate.paths import Events
from seqrec.network.mixtures import Positive

GOLDEN = Path(__file__).parents[1] / "golden"
# From each event to each, and to the end, last.
MOVES = np.array([[0.5, 0.3, 0.1, 0.1], [0.2, 0.3, 0.3, 0.2], [0.3, 0.1, 0.2, 0.4]])
DAY, NUMBER = pd.Timedelta("1D"), Number(name="gap", center=0.0, scale=1.0)
MEANS = np.array([1.0, 2.0, 0.5])  # of the logarithm of the gap before each event, in days


class ChainWalk:
    """A Markov chain on its way, whose gaps are log-normal; a `paths.Walk`."""

    n_categories = 0

    def __init__(self, last, times):
        self.last, self.times = last, times

    def next_weights(self):
        yield slice(None), MOVES[self.last]

    def take(self, codes, uniforms, known=None):
        gaps = self.gaps(codes, self.categories(codes, None), np.zeros(len(codes)))
        seconds = gaps.draw(uniforms(3)) if known is None else known.gaps
        self.last, self.times = codes - N_RESERVED, self.times + np.rint(seconds * 1e6).astype("timedelta64[us]")
        return Events.plain(codes)._replace(times=self.times)

    def keep(self, rows):
        self.last, self.times = self.last[rows], self.times[rows]

    def categories(self, codes, *_):
        return np.zeros((len(codes), 0), np.int32)

    def gaps(self, codes, categories, since, *_):
        n, means = len(codes), np.log(86_400) + MEANS[codes - N_RESERVED][:, None]
        positive = Positive(np.ones(n), np.zeros((n, 1)), means, np.full((n, 1), 0.8))
        return Gaps(categories, positive, NUMBER, Timing(np.zeros(1, np.int64), 1e12, 1), since)


class Chain(GeneratorMixin, BaseEstimator):
    """Events "a", "b", "c" that follow each other with the probabilities above."""

    def __init__(self):
        self.vocabulary_, self.training_data_ = Vocabulary(np.array(["a", "b", "c"], dtype=object)), None
        self.timing_ = Timing(np.zeros(1, np.int64), 1e12, 1)

    def fit(self, _):
        return self

    def _walks(self, begun):
        last = begun.codes[begun.indptr[1:] - 1] - N_RESERVED
        times = np.full(len(begun), "NaT", "datetime64[us]")
        if begun.timestamps is not None:
            times = begun.timestamps[begun.indptr[1:] - 1]
        return lambda rows: ChainWalk(last[rows], times[rows])


CHAIN = Chain()
FROM_A = Sequences.from_lists([["a"]], timestamps=[["2026-01-01"]])


def first_in(target, n, others=()):
    """Chance that the target comes within n events after "a" and before the others, counted out."""
    inner = [kind for kind in range(3) if kind != target and kind not in others]
    state, found = np.eye(3)[0], 0.0
    for _ in range(n):
        after = state @ MOVES
        found += after[target]
        state = np.where(np.isin(range(3), inner), after[:3], 0.0)
    return found


def assert_near(frame, expected, column="chance"):
    """Within five standard errors, which are small themselves."""
    assert (np.abs(frame[column] - expected) <= 5 * frame["standard_error"] + 1e-12).all()
    assert (frame["standard_error"] < 0.01).all()


def test_chances_within_so_many_events_are_those_that_can_be_counted_out():
    found = futures.chance(CHAIN, [["a"]], "c", within=[1, 2, 5, 50], random_state=0)
    assert_near(found, [first_in(2, n) for n in (1, 2, 5, 50)])
    assert found["within"].tolist() == [1, 2, 5, 50]


def test_the_next_event_is_told_exactly():
    found = futures.chance(CHAIN, [["a"], ["b"]], ["b", "c"], within=1)
    np.testing.assert_allclose(found["chance"], [0.4, 0.6], atol=1e-12)
    assert (found["standard_error"] == 0).all()


def test_the_standard_error_is_how_far_answers_lie_apart():
    answers = [futures.chance(CHAIN, [["a"]], "c", within=6, n_paths=100, random_state=seed) for seed in range(40)]
    found = pd.concat(answers)
    assert found["chance"].std() == pytest.approx(found["standard_error"].mean(), rel=0.35)
    drawn = np.sqrt(first_in(2, 6) * (1 - first_in(2, 6)) / 100)
    assert found["standard_error"].mean() < drawn / 1.5  # paths that wait for the event would tell less


def test_an_event_before_another_or_neither():
    found = futures.chance(CHAIN, [["a"]], "b", before="c", random_state=0)
    absorbed = inv(np.eye(1) - MOVES[:1, :1]) @ MOVES[:1, 1:]  # from "a", which is left in one of three ways
    assert_near(found, absorbed[0, 0])
    assert_near(found, absorbed[0, 2], "neither")
    assert_near(futures.chance(CHAIN, [["a"]], "b", before="c", within=3, random_state=0), first_in(1, 3, others=[2]))


def test_the_end_is_an_event_and_any_of_several_are():
    assert_near(futures.chance(CHAIN, [["a"]], END, within=[1, 2], random_state=0), [0.1, 0.1 + 0.3 * 0.2 + 0.09])
    both = futures.chance(CHAIN, [["a"]], ["c", END], within=1)
    assert both["chance"][0] == pytest.approx(0.2)


def test_chances_within_a_time_are_those_of_paths_that_are_simply_drawn():
    spans = [DAY, 3 * DAY, 30 * DAY]
    found = futures.chance(CHAIN, FROM_A, "c", within=spans, random_state=0)
    paths = futures.simulate(CHAIN, FROM_A, until=30 * DAY, n_paths=4000, random_state=1)
    first = paths[paths["event"] == "c"].groupby("path")["timestamp"].min()
    drawn = np.array([(first <= FROM_A.timestamps[0] + span).sum() / 4000 for span in spans])
    both = np.hypot(found["standard_error"], np.sqrt(drawn * (1 - drawn) / 4000))
    assert (np.abs(found["chance"] - drawn) < 4.5 * both).all()
    assert (found["standard_error"] < 0.7 * np.sqrt(drawn * (1 - drawn) / 1000)).all()


def test_a_path_that_waits_longer_is_likelier_to_have_ended():
    """What is known by Bayes: an end is there whatever the silence, an event only if it takes that long."""
    at = FROM_A.timestamps[0] + np.timedelta64(10, "D")
    waits = MOVES[0, :3] * norm.sf((np.log(10) - MEANS) / 0.8)
    found = futures.chance(CHAIN, FROM_A, [END], within=1, at=at)
    assert found["chance"][0] == pytest.approx(0.1 / (0.1 + waits.sum()), abs=1e-6)
    soon = norm.sf((np.log(10) - MEANS) / 0.8) - norm.sf((np.log(12) - MEANS) / 0.8)
    found = futures.chance(CHAIN, FROM_A, ["a", "b", "c"], within=2 * DAY, at=at, random_state=0)
    expected = (MOVES[0, :3] * soon).sum() / (0.1 + waits.sum())
    assert_near(found, expected)


def test_after_a_silence_no_event_is_drawn_before_the_question():
    at = FROM_A.timestamps[0] + np.timedelta64(40, "D")
    paths = futures.simulate(CHAIN, FROM_A, n_events=2, n_paths=300, at=at, random_state=0)
    first = paths[(paths["step"] == 1) & (paths["event"] != END)]
    assert len(first)
    assert (first["timestamp"] > at).all()
    far = futures.simulate(CHAIN, FROM_A, n_events=1, at=at + np.timedelta64(36_500, "D"), random_state=0)
    assert set(far["event"]) == {END}


def test_paths_stop_where_they_are_told_to():
    paths = futures.simulate(CHAIN, FROM_A, n_events=3, until=5 * DAY, n_paths=200, random_state=0)
    assert paths["step"].max() <= 3
    assert (paths["timestamp"].dropna() <= FROM_A.timestamps[0] + 5 * DAY).all()
    assert paths.columns.tolist() == ["sequence", "path", "step", "event", "timestamp"]
    shares = futures.simulate(CHAIN, FROM_A, n_events=1, n_paths=4000, random_state=0)["event"].value_counts(
        normalize=True
    )
    np.testing.assert_allclose(shares[["a", "b", "c", END]], MOVES[0], atol=0.03)


def test_the_time_until_an_event():
    found = futures.expected_time(CHAIN, FROM_A, "c", within=20 * DAY, random_state=0)
    assert_near(found, futures.chance(CHAIN, FROM_A, "c", within=20 * DAY, n_paths=4000, random_state=1)["chance"])
    paths = futures.simulate(CHAIN, FROM_A, until=20 * DAY, n_paths=4000, random_state=2)
    waits = paths[paths["event"] == "c"].groupby("path")["timestamp"].min() - FROM_A.timestamps[0]
    told = found.iloc[0]
    assert told["median_low"] < waits.median() < told["median_high"]
    assert abs(told["q10"] / waits.quantile(0.1) - 1) < 0.15
    assert abs(told["q90"] / waits.quantile(0.9) - 1) < 0.15


def test_the_likeliest_path_is_the_best_of_all():
    found = futures.likeliest_path(CHAIN, [["c"]], to="b", length=4)
    assert found["event"].tolist() == ["b"] or found["log_probability"][0] >= np.log(0.1)
    ways = {(2, 1): 0.1, (2, 0, 1): 0.3 * 0.3, (2, 2, 1): 0.2 * 0.1}
    assert found["log_probability"][0] == pytest.approx(np.log(max(ways.values())))
    whole = futures.likeliest_path(CHAIN, [["a"], ["c"]])
    assert whole["event"].tolist() == [END, END]
    cut = futures.likeliest_path(CHAIN, [["a"]], to="b", length=1)
    assert cut["probability"].tolist() == [pytest.approx(0.3)]


def test_answers_do_not_depend_on_what_else_is_asked():
    lists = [["a"], ["b", "a"], ["c"]]
    together = futures.chance(CHAIN, lists, "c", within=4, n_paths=50, random_state=3)
    alone = futures.chance(CHAIN, lists[1:2], "c", within=4, n_paths=50, random_state=3)
    assert together["chance"][1] == alone["chance"][0]
    assert len(set(together["chance"])) == 3


def test_blocks_of_histories_and_paths_change_no_answer(monkeypatch):
    asked = [["a"], ["b", "a"], ["c"]]
    whole = futures.chance(CHAIN, asked, "c", within=[2, 4], n_paths=50, random_state=3)
    paths = futures.simulate(CHAIN, asked, n_paths=5, random_state=3)
    monkeypatch.setattr("seqrec.generate.question._BYTES", 2**14)
    pd.testing.assert_frame_equal(futures.chance(CHAIN, asked, "c", within=[2, 4], n_paths=50, random_state=3), whole)
    pd.testing.assert_frame_equal(futures.simulate(CHAIN, asked, n_paths=5, random_state=3), paths)


NGRAMS = NGramGenerator(order=2).fit([["open", "read", "close"], ["open", "close"]] * 20)
TIMED = Sequences.from_lists([["a"], ["b"]], timestamps=[["2026-01-01"], ["2026-01-02"]])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: futures.chance(NGRAMS, [["open"]], "reed", within=1), "'reed', which training lacked. Did you mean"),
        (lambda: futures.chance(NGRAMS, [["open"]], [], within=1), "names no event"),
        (lambda: futures.chance(NGRAMS, [], "read", within=1), "X holds no sequences"),
        (lambda: futures.chance(NGRAMS, [["open"]], "read", within=0), "at least 1"),
        (lambda: futures.chance(NGRAMS, [["open"]], "read", within=-DAY), "above 0"),
        (lambda: futures.chance(NGRAMS, [["open"]], "read", within=pd.NaT), "within"),
        (lambda: futures.chance(NGRAMS, [["open"]], "read", within=[1, DAY]), "all of one kind"),
        (lambda: futures.chance(NGRAMS, [["open"]], "read", within="30d"), "timedelta"),
        (lambda: futures.chance(NGRAMS, [["open"]], "read", within=DAY), "does not tell when events come"),
        (lambda: futures.chance(NGRAMS, [["open"]], "read", within=1, n_paths=0), "n_paths must be at least 1"),
        (lambda: futures.chance(NGRAMS, [["open"]], "read", before=["read"]), "before itself"),
        (lambda: futures.chance(MarkovRecommender().fit([["a", "b"]]), [["a"]], "b"), "got MarkovRecommender"),
        (lambda: futures.expected_time(NGRAMS, [["open"]], "read"), "does not tell when events come"),
        (lambda: futures.expected_time(CHAIN, FROM_A, "a", within=3), "timedelta"),
        (lambda: futures.expected_time(CHAIN, FROM_A, END), "no time of its own"),
        (lambda: futures.chance(CHAIN, TIMED, "a", within=DAY, at="2026-01-01"), "lies before the last event"),
        (lambda: futures.simulate(CHAIN, TIMED, until="2026-01-01"), "until is missing, or lies before"),
        (lambda: futures.chance(CHAIN, [["a"]], "a", within=DAY), "X has no timestamps"),
        (lambda: futures.simulate(CHAIN, TIMED, n_events=0), "n_events must be at least 1"),
        (lambda: futures.likeliest_path(NGRAMS, [["open"]], to="read", n_beams=0), "n_beams"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_drawn(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_an_unfitted_estimator_says_so():
    with pytest.raises(NotFittedError):
        futures.chance(NGramGenerator(), [["open"]], "read", within=1)


def shop_log(n_users, seed):
    """A log of users who view and buy, and of whom each event is the last with a chance of one in five."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(n_users):
        time = 1_767_000_000 + rng.integers(86_400 * 30)
        for _ in range(rng.geometric(0.2)):
            event = rng.choice(["view", "buy"], p=[0.8, 0.2])
            rows.append((user, event, time, float(rng.lognormal(2)), rng.choice(["web", "app"])))
            time += int(rng.exponential(86_400)) + 1
    names = ["user_id", "item_id", "timestamp", "amount", "path"]
    return Sequences.from_frame(pd.DataFrame(rows, columns=names), columns=["amount", "path"])


@pytest.fixture(scope="module")
def generator():
    return LSTMGenerator(units=4, max_epochs=2, order=2, random_state=0).fit(shop_log(150, seed=0))


@pytest.fixture(scope="module")
def history():
    return shop_log(3, seed=1)


@pytest.mark.slow
def test_a_network_s_chances_are_those_of_its_own_paths(generator, history):
    spans = [DAY, 3 * DAY]
    found = futures.chance(generator, history, "buy", within=spans, random_state=0)
    paths = futures.simulate(generator, history, until=3 * DAY, n_paths=1500, random_state=1)
    first = paths[paths["event"] == "buy"].groupby(["sequence", "path"])["timestamp"].min().reset_index()
    last = pd.Series(history.timestamps[history.indptr[1:] - 1], history.keys)
    waits = first["timestamp"] - first["sequence"].map(last)
    for row in found.itertuples():
        drawn = (waits[first["sequence"] == row.sequence] <= row.within).sum() / 1500
        assert abs(row.chance - drawn) < 4.5 * np.hypot(row.standard_error, np.sqrt(drawn * (1 - drawn) / 1500))


def test_a_network_after_a_silence_agrees_with_its_paths_that_were_silent(generator, history):
    history, silence = history[:1], pd.Timedelta("12h")
    at = history.timestamps[-1] + silence
    found = futures.chance(generator, history, "view", within=DAY, at=at, random_state=0)
    paths = futures.simulate(generator, history, until=silence + DAY, n_paths=3000, random_state=1)
    early = paths[paths["timestamp"] <= at]["path"].unique()
    silent = 3000 - len(early)
    came = paths[~paths["path"].isin(early) & (paths["event"] == "view")]["path"].nunique() / silent
    assert abs(found["chance"][0] - came) < 4.5 * np.hypot(found["standard_error"][0], np.sqrt(came / silent))


def test_paths_have_the_fields_of_the_log_and_an_end_has_none(generator, history):
    paths = futures.simulate(generator, history, n_paths=20, random_state=0)
    assert paths.columns.tolist() == ["sequence", "path", "step", "event", "timestamp", "path (field)", "amount"]
    is_end = paths["event"] == END
    assert is_end.any()
    assert paths.loc[is_end, ["timestamp", "amount", "path (field)"]].isna().all(axis=None)
    assert set(paths.loc[~is_end, "path (field)"]) <= {"web", "app"}
    assert (paths.loc[~is_end, "amount"] > 0).all()


def test_the_next_event_of_a_network_is_what_it_says(generator, history):
    expected = generator.next_probabilities(history)
    for column, event in enumerate([*generator.vocabulary_.items, END]):
        found = futures.chance(generator, history, event, within=1)
        np.testing.assert_allclose(found["chance"], expected[:, column], atol=1e-6)


def test_after_a_silence_the_next_event_is_as_exact_as_its_categories(generator, history):
    at = history.timestamps[history.indptr[1:] - 1] + np.timedelta64(2, "D")
    found = futures.chance(generator, history, END, within=1, at=at, random_state=0)
    again = futures.chance(generator, history, END, within=1, at=at, random_state=1)
    assert (found["standard_error"] < 0.01).all()
    apart = np.abs(found["chance"] - again["chance"])
    assert (apart <= 4 * np.hypot(found["standard_error"], again["standard_error"]) + 1e-9).all()
    assert (found["chance"] > futures.chance(generator, history, END, within=1)["chance"]).all()


def test_a_detector_tells_futures_too():
    detector, log = seqrec.load(GOLDEN / "LSTMAnomalyDetector.seqrec"), shop_of_tea()
    found = futures.chance(detector, log, END, within=1)
    expected = detector.expected(log, k=20).query("event == '(end)'")["probability"]
    np.testing.assert_allclose(found["chance"], expected, atol=1e-6)
    paths = futures.simulate(detector, log, until=DAY, n_paths=5, random_state=0)
    assert {"timestamp", "channel", "amount"} <= {*paths.columns}
    soon = futures.chance(detector, log, "tea", within=DAY, at=log.timestamps.max(), n_paths=50, random_state=0)
    assert soon["chance"].between(0, 1).all()


def test_a_recommender_tells_which_items_come_but_no_times_and_no_end():
    recommender, log = seqrec.load(GOLDEN / "LSTMRecommender.seqrec"), shop_of_tea()
    found = futures.chance(recommender, log, "tea", within=[1, 3], random_state=0)
    column = recommender.vocabulary_.items.tolist().index("tea")
    expected = recommender.predict_proba(log)[:, column]
    np.testing.assert_allclose(found["chance"][::2], expected, atol=1e-6)
    paths = futures.simulate(recommender, log, n_events=2, n_paths=2, random_state=0)
    assert paths.columns.tolist() == ["sequence", "path", "step", "event"]
    with pytest.raises(ValueError, match="knows no end of a sequence, so it needs n_events"):
        futures.simulate(recommender, log)
    with pytest.raises(ValueError, match="does not tell when events come"):
        futures.chance(recommender, log, "tea", within=DAY)
    with pytest.raises(ValueError, match=r"event holds '\(end\)'"):
        futures.chance(recommender, log, END, within=1)
    assert len(futures.likeliest_path(recommender, log, length=3)) == 3 * len(log)


def shop_of_tea():
    log = {"user_id": [1, 1, 2], "item_id": ["tea", "milk", "sugar"], "timestamp": [1.7e9, 1.7e9 + 60, 1.7e9 + 99]}
    log |= {"channel": ["app", "web", "app"], "amount": [3.5, 4.25, 9.0]}
    return Sequences.from_frame(pd.DataFrame(log), columns=["channel", "amount"])
