"""Detectors of events that have no item: what is odd is the time of an event, its columns, and how many there are."""

from dataclasses import replace

import numpy as np
import pytest

from seqrec import (
    CombinedDetector,
    LSTMAnomalyDetector,
    MarkovRecommender,
    NGramDetector,
    Sequences,
    load,
    save,
)

pytestmark = pytest.mark.filterwarnings("ignore::seqrec.exceptions.UnusedColumnsWarning")  # those that count read none


def make_ticks(n=40, seed=0):
    """Sequences of about 20 ticks, a minute apart, each with two numbers."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(15, 25, n)
    frames = [rng.normal(5, 1, (length, 2)) for length in lengths]
    times = [1_700_000_000 + np.cumsum(rng.integers(50, 70, length)) for length in lengths]
    return Sequences.from_arrays(frames, names=["load", "event rate"], timestamps=times)


@pytest.mark.parametrize("Detector", [NGramDetector, CombinedDetector])
def test_a_detector_that_counts_scores_events_without_items(Detector, tmp_path):
    X = make_ticks()
    detector = Detector().fit(X)

    assert np.isfinite(detector.score_samples(X)).all()
    save(detector, tmp_path / "ticks.seqrec")
    np.testing.assert_array_equal(load(tmp_path / "ticks.seqrec").score_samples(X), detector.score_samples(X))


def test_far_too_many_events_without_items_are_odd():
    X, long = make_ticks(), Sequences.from_arrays(np.zeros((1, 300)))

    assert CombinedDetector().fit(X).predict(long).tolist() == [-1]


@pytest.fixture(scope="module")
def fitted():
    return LSTMAnomalyDetector(n_folds=1, units=8, max_epochs=1, random_state=0).fit(make_ticks())


@pytest.mark.slow
def test_a_network_reads_the_times_and_columns_of_events_without_items(fitted):
    X = make_ticks(seed=1)

    scores, surprisal = fitted.score_samples(X), fitted.surprisal(X)

    assert np.isfinite(scores).all()
    assert np.isfinite(surprisal).all()
    assert len(surprisal) == X.n_events


def test_an_odd_number_explains_an_event_without_item(fitted):
    X = make_ticks(n=1)
    columns = {name: values.copy() for name, values in X.columns.items()}
    columns["load"][4] = 5e9

    told = fitted.explain(replace(X, columns=columns), n_events=1, only_flagged=False)

    assert told[["position", "field", "value"]].to_numpy().tolist() == [[4, "load", 5e9]]


def test_a_detector_refuses_pictures_before_any_training():
    X = Sequences.from_arrays(np.zeros((10, 3, 4, 4)), names="picture")

    with pytest.raises(TypeError, match=r"column 'picture' holds an array of shape \(4, 4\) an event"):
        LSTMAnomalyDetector().fit(X)


def test_what_has_learned_from_items_refuses_events_without(fitted):
    with pytest.raises(TypeError, match="these events come with items, those of training came without"):
        fitted.score_samples([["a", "b"]])
    with pytest.raises(TypeError, match="these events come without items, those of training came with"):
        NGramDetector().fit([["a", "b"]] * 5).score_samples(make_ticks())
    with pytest.raises(TypeError, match="events without items"):
        MarkovRecommender().fit(make_ticks(n=2), ["a", "b"])
