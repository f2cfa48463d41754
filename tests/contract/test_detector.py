"""What every anomaly detector promises beyond the contract of all estimators: signs, parts, thresholds, events."""

import functools
import pickle
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from seqrec import (
    CombinedDetector,
    CompositionDetector,
    LengthDetector,
    LSTMAnomalyDetector,
    NewEventDetector,
    NGramDetector,
    Sequences,
)
from seqrec.detect.thresholds import conformal_p_values

# With cheap settings: the contract is about behaviour, not about accuracy.
ESTIMATORS = {
    "new events": NewEventDetector(),
    "length": LengthDetector(),
    "composition": CompositionDetector(),
    "n-grams": NGramDetector(),
    "combined": CombinedDetector(),
    "LSTM": LSTMAnomalyDetector(units=8, max_epochs=1, n_folds=1, precision="float32", random_state=0),
}
COUNTING = [kind for kind in ESTIMATORS if kind != "LSTM"]
RNG = np.random.default_rng(0)
LETTERS = np.array([f"step {letter}" for letter in "abcdefgh"])


def normal_sequences(n):
    """Walks around a ring: the next letter is one or two ahead."""
    lengths = RNG.integers(4, 12, n)
    return [
        LETTERS[(start + np.cumsum(RNG.choice([1, 1, 2], length))) % 8].tolist()
        for start, length in zip(RNG.integers(0, 8, n), lengths, strict=True)
    ]


NORMAL, FRESH = normal_sequences(150), normal_sequences(60)
ODD = [[*one[:2], "step z", *one[2:]] for one in FRESH[:10]] + [["step a"] * 60]


@functools.cache
def fit(kind):
    """Once for all tests that only ask questions."""
    return clone(ESTIMATORS[kind]).fit(NORMAL)


@pytest.fixture(scope="module", params=ESTIMATORS)
def kind(request):
    return request.param


@pytest.fixture
def estimator(kind):
    return clone(ESTIMATORS[kind])


@pytest.fixture(scope="module")
def fitted(kind):
    return fit(kind)


@pytest.fixture(scope="module")
def labelled(kind):
    """Fitted once more, with labels, and to flag a tenth."""
    return clone(ESTIMATORS[kind]).set_params(contamination=0.1).fit(NORMAL, np.resize([0, 1], len(NORMAL)))


def copy_of(detector):
    return pickle.loads(pickle.dumps(detector))  # noqa: S301


# --- scores


def test_labels_change_no_score(fitted, labelled):
    np.testing.assert_array_equal(labelled.score_samples(FRESH), fitted.score_samples(FRESH))


def test_signs_are_those_of_isolation_forest(fitted):
    scores = fitted.score_samples(ODD + FRESH)
    np.testing.assert_array_equal(fitted.decision_function(ODD + FRESH), scores - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(ODD + FRESH), np.where(scores < fitted.offset_, -1, 1))


def test_scores_are_finite_and_at_most_the_logarithm_of_one(fitted):
    scores = fitted.score_samples([*ODD, *FRESH, [], ["never seen"], ["step z"] * 5000])
    assert np.isfinite(scores).all()
    assert scores.max() <= 0


def test_a_2d_array_is_one_sequence_a_row_and_stays_as_it_was(fitted):
    rows = [one[:4] for one in FRESH]
    array = np.array(rows, dtype=object)
    array.flags.writeable = False
    np.testing.assert_array_equal(fitted.score_samples(array), fitted.score_samples(rows))
    assert array.tolist() == rows


def test_an_unknown_event_is_odd(fitted):
    assert fitted.score_samples(ODD[:10]).mean() <= fitted.score_samples(FRESH[:10]).mean()


# --- parts


def test_p_values_of_parts_stand_under_the_users_keys(fitted):
    X = Sequences.from_lists(FRESH[:2], keys=["u1", "u2"])
    frame = fitted.part_p_values(X)
    assert frame.index.tolist() == ["u1", "u2"]
    assert ((frame > 0) & (frame <= 1)).to_numpy().all()


def test_a_single_part_can_be_asked_for_by_name(estimator, fitted):
    name = list(fitted.calibration_.tails)[-1]
    estimator.set_params(part=name).fit(NORMAL)
    p_values = fitted.part_p_values(ODD)[name]
    np.testing.assert_allclose(np.exp(estimator.score_samples(ODD)), p_values, rtol=1e-5, atol=1e-5)


def test_an_unknown_part_is_refused_with_the_names_that_exist(estimator):
    with pytest.raises(ValueError, match=r"part must be one of 'auto', .*got 'sum'"):
        estimator.set_params(part="sum").fit(NORMAL)


# --- thresholds


def test_a_higher_contamination_flags_a_superset(fitted):
    detector = copy_of(fitted)
    flagged = [detector.set_threshold(contamination=c).predict(ODD + FRESH) < 0 for c in (0.05, 0.1, 0.3)]
    assert all((few <= many).all() for few, many in pairwise(flagged))


def test_of_the_training_data_no_more_is_flagged_than_contamination_says(kind, labelled):
    flagged = (labelled.predict(NORMAL) < 0).sum()
    assert flagged == 15 if kind in ("combined", "LSTM") else flagged <= 15  # other scores have ties


def test_discoveries_are_at_most_what_their_p_values_allow(fitted):
    flagged = fitted.discoveries(ODD + FRESH, false_discovery_rate=0.5)
    p_values = conformal_p_values(fitted.score_samples(ODD + FRESH), fitted.held_out_scores_)
    assert not flagged.any() or p_values[flagged].max() <= 0.5 * flagged.sum() / len(flagged)


def test_one_sequence_tells_nothing(estimator):
    with pytest.raises(ValueError, match="at least 2 sequences"):
        estimator.fit(NORMAL[:1])


@pytest.mark.parametrize("kind", COUNTING)
def test_grid_search_chooses_a_threshold(kind):
    def share_flagged(detector, X, y=None):
        return -np.mean(detector.predict(X) < 0)

    X = Sequences.from_lists(NORMAL)
    grid = {"contamination": [0.1, 0.3]}
    search = GridSearchCV(ESTIMATORS[kind], grid, cv=2, scoring=share_flagged, error_score="raise")
    assert search.fit(X).best_params_ == {"contamination": 0.1}


# --- events


@pytest.fixture(scope="module", params=["n-grams", "LSTM"])
def of_events(request):
    """A detector that says how surprising each event is."""
    return fit(request.param)


def test_later_events_do_not_change_the_surprisal_of_earlier_ones(of_events):
    X = Sequences.from_lists(ODD + FRESH)
    whole, first_four = of_events.surprisal(X), X.head(4)
    kept = np.concatenate([np.arange(start, start + 4) for start in X.indptr[:-1]])
    np.testing.assert_array_equal(of_events.surprisal(first_four), whole[kept])


def test_company_does_not_change_the_surprisal_of_an_event(of_events):
    X = Sequences.from_lists(ODD + FRESH)
    whole = of_events.surprisal(X)
    for row in (0, 10, 40):
        np.testing.assert_array_equal(of_events.surprisal(X[[row]]), whole[X.indptr[row] : X.indptr[row + 1]])


def test_probabilities_of_what_may_come_next_sum_to_less_than_one_by_the_end_and_the_unseen(of_events):
    following = [[*FRESH[0][:3], letter] for letter in LETTERS]
    probabilities = np.exp(-of_events.surprisal(following).reshape(8, 4)[:, 3].astype(np.float64))
    assert 0.5 < probabilities.sum() < 1 + 1e-5
