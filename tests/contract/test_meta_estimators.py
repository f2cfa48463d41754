"""scikit-learn's estimators of estimators: they take Sequences, or an error of ours says why they cannot."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, BaggingRegressor, StackingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from seqrec import (
    LSTMRecommender,
    LSTMSequenceClassifier,
    MarkovRecommender,
    PopularityRecommender,
    Sequences,
    leave_last_out,
)
from seqrec.exceptions import InputError

RNG = np.random.default_rng(0)
LOG = pd.DataFrame({"user_id": RNG.integers(0, 30, 200), "item_id": RNG.choice([*"abcdef"], 200)})
LOG["timestamp"] = 1_700_000_000 + 60 * np.arange(200)
X = Sequences.from_frame(LOG)
HISTORY, TARGET = leave_last_out(X)
LABELS = np.array(["even", "odd"])[X.lengths % 2]
WEIGHTS = pd.Series(RNG.random(len(X)), index=X.keys)
BRIEF = {"units": 4, "max_epochs": 1, "random_state": 0}
CLASSIFIER, NETWORK = LSTMSequenceClassifier(**BRIEF), LSTMRecommender(**BRIEF)


@pytest.mark.parametrize(
    "ensemble",
    [
        pytest.param(StackingClassifier([("lstm", CLASSIFIER)], cv=2), marks=pytest.mark.slow),
        pytest.param(CalibratedClassifierCV(CLASSIFIER, cv=2), marks=pytest.mark.slow),
    ],
    ids=lambda ensemble: type(ensemble).__name__,
)
def test_a_classifier_can_be_stacked_and_calibrated(ensemble):
    probabilities = ensemble.fit(X, LABELS).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: BaggingClassifier(CLASSIFIER).fit(X, LABELS),
        lambda: AdaBoostClassifier(CLASSIFIER).fit(X, LABELS),
        lambda: BaggingRegressor(MarkovRecommender()).fit(HISTORY, TARGET),
        lambda: permutation_importance(PopularityRecommender().fit(X), HISTORY, TARGET),
        lambda: np.asarray(X),
    ],
    ids=["bagging", "boosting", "bagged recommenders", "permutation importance", "array"],
)
def test_what_wants_a_table_says_what_takes_sequences(ask):
    with pytest.raises(InputError, match=r"no table of rows and columns.*stacking, calibration"):
        ask()


@pytest.mark.slow
def test_equally_long_lists_are_a_table_that_can_be_bagged():
    table, labels = RNG.integers(0, 4, (30, 5)), np.resize(["even", "odd"], 30)
    bagged = BaggingClassifier(CLASSIFIER, n_estimators=2, random_state=0).fit(table, labels)
    assert bagged.predict(table).shape == (30,)


@pytest.mark.parametrize("recommender", [NETWORK, PopularityRecommender()], ids=["network", "counts"])
def test_probabilities_by_cross_validation_want_histories_without_a_y_that_scikit_learn_numbers(recommender):
    with pytest.raises(InputError, match="append y to the histories, and call it without"):
        cross_val_predict(recommender, HISTORY, TARGET, cv=2, method="predict_proba")


def test_a_recommender_has_no_classes_and_says_what_the_columns_are():
    assert not hasattr(NETWORK, "classes_")
    with pytest.raises(AttributeError, match=r"vocabulary_\.items"):
        NETWORK.classes_  # noqa: B018


def test_weights_are_routed_through_a_search_and_a_pipeline():
    weights = WEIGHTS.loc[HISTORY.keys]
    expected = PopularityRecommender().fit(HISTORY, TARGET, weights).item_counts_
    with sklearn.config_context(enable_metadata_routing=True):
        routed = PopularityRecommender().set_fit_request(sample_weight=True)
        search = GridSearchCV(routed, {}, cv=2).fit(HISTORY, TARGET, sample_weight=weights)
        routed.set_score_request(sample_weight=True)  # which a search over pipelines wants
        piped = GridSearchCV(make_pipeline(routed), {}, cv=2).fit(HISTORY, TARGET, sample_weight=weights)
    np.testing.assert_array_equal(search.best_estimator_.item_counts_, expected)
    np.testing.assert_array_equal(piped.best_estimator_[-1].item_counts_, expected)


def test_a_pipeline_may_ask_for_frames_of_its_transformers():
    pipeline = make_pipeline(FunctionTransformer(Sequences.from_frame), MarkovRecommender())
    with pytest.warns(UserWarning, match="set_output"):  # scikit-learn's, of what is no frame
        answers = pipeline.set_output(transform="pandas").fit(LOG).predict(LOG)
    np.testing.assert_array_equal(answers, MarkovRecommender().fit(X).predict(X))
