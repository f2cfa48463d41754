"""The contract of all estimators, whatever they are asked. That copies answer to the bit stands in test_persistence."""

import inspect
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from golden.make import ESTIMATORS, answers_of, fit, make_log, sequences_for, target_of
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

import seqrec
from seqrec import Sequences, UserSplit, leave_last_out

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # questions hold few known items, on purpose

LOG = make_log(60, seed=0)
# Of other users than the first ones of the training data; one is far longer than the rest.
FRESH = pd.concat([pd.DataFrame(make_log(20, seed=1)), pd.DataFrame(make_log(12, seed=2)).assign(user_id=77)])
SERIES = [name for name in ESTIMATORS if name.endswith(("Forecaster", "SummaryClassifier"))]  # have no items
NETWORKS = [name for name in ESTIMATORS if name.startswith("LSTM")]
FITS_AGAIN = pytest.mark.parametrize(  # a second training of a network is for the slow tests
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in NETWORKS)) for name in ESTIMATORS],
    scope="module",
)
OF_ITEMS = pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in SERIES], scope="module")
NO_VERBS = {"fit", "partial_fit", "fit_predict", "recurrent_inputs"}


def new(name):
    return getattr(seqrec, name)(**ESTIMATORS[name])


def copy_of(estimator):
    return pickle.loads(pickle.dumps(estimator))  # noqa: S301


def fit_on(estimator, log):
    name = type(estimator).__name__
    X = sequences_for(name, log)
    return estimator.fit(X, target_of(name, X))


def ask(estimator, log=FRESH):
    return answers_of(estimator, sequences_for(type(estimator).__name__, log))


def assert_same(answers, expected):
    """To the last digit."""
    assert answers.keys() == expected.keys()
    for name, answer in answers.items():
        np.testing.assert_array_equal(answer, expected[name], err_msg=name)


@pytest.fixture(scope="module", params=ESTIMATORS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(name):
    """Fitted once for all tests that only ask it questions."""
    return fit(name)


# --- scikit-learn's contract


def test_init_only_stores_its_parameters(name):
    estimator = new(name)
    assert vars(estimator) == estimator.get_params()
    assert estimator.get_params().items() >= ESTIMATORS[name].items()


def test_a_clone_has_the_same_parameters_and_has_learned_nothing(fitted):
    twin = clone(fitted)
    assert vars(twin) == twin.get_params() == fitted.get_params()


def test_a_bad_parameter_fails_in_fit_by_name(name):
    for parameter in new(name).get_params():
        with pytest.raises(ValueError, match=parameter):
            fit_on(new(name).set_params(**{parameter: object()}), LOG)


def test_an_unfitted_estimator_says_so(name):
    X, others = [["tea"]], {"y": ["tea"], "users": [1], "training": [["tea"]]}
    for verb, method in inspect.getmembers(type(new(name)), inspect.isfunction):
        _, *parameters = inspect.signature(method).parameters.values()
        needed = [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]
        if needed[:1] == ["X"] and not verb.startswith("_") and verb not in NO_VERBS:
            with pytest.raises(NotFittedError):
                getattr(new(name), verb)(X, *(others[name] for name in needed[1:]))


@FITS_AGAIN
def test_grid_search_takes_it(name):
    X = sequences_for(name, LOG)
    y = target_of(name, X)
    if name.endswith("Recommender"):
        X, y = leave_last_out(X)
    scoring = None if hasattr(new(name), "score") else mean_score
    split = UserSplit(test_size=0.3, random_state=0)
    search = GridSearchCV(new(name), {}, scoring=scoring, cv=split, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"])


def mean_score(estimator, X, y=None):
    return answers_of(estimator, X)["scores"].mean()


# --- what scikit-learn's own checks ask for, and what is not to be had from an event log

FRAME = {"check_classifier_data_not_an_array": "a frame is refused, with the call to write: see the message"}
ALIKE = "its sequences have one length, and events that occur once: to a detector they are alike"
NOTHING_TO_LEARN = "its sequences are made of numbers that occur once, of which an event log can tell nothing"
OF_DETECTORS = FRAME | dict.fromkeys(("check_outliers_train", "check_outliers_fit_predict"), ALIKE)
WEIGHTS_OF_FRAMES = {"check_sample_weights_pandas_series": FRAME["check_classifier_data_not_an_array"]}
OF_NETWORKS = WEIGHTS_OF_FRAMES | {
    "check_sample_weight_equivalence_on_dense_data": "repeating a sequence moves the batches, and so the training",
}
OF_CLASSIFIERS = (
    FRAME
    | OF_NETWORKS
    | {
        "check_classifiers_train": NOTHING_TO_LEARN,
        "check_classifiers_classes": NOTHING_TO_LEARN,
        "check_class_weight_classifiers": NOTHING_TO_LEARN,
    }
)


def expected_failures(name):
    if name.endswith("Recommender"):
        return OF_NETWORKS if name in NETWORKS else WEIGHTS_OF_FRAMES
    return OF_CLASSIFIERS if name.endswith("Classifier") else OF_DETECTORS


# The fit of UserProfiles takes users in place of y; forecasters take no arrays of unnamed columns.
SCIKIT_LEARNS = [name for name in ESTIMATORS if name not in ("UserProfiles", *SERIES)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in NETWORKS)) for name in SCIKIT_LEARNS]
)
def test_scikit_learn_accepts_the_estimator(name):
    estimator = new(name)
    own = {"LSTMAnomalyDetector": {"sides": None}, "LSTMSequenceClassifier": {"class_weight": None}}
    estimator.set_params(**own.get(name, {}))
    results = check_estimator(estimator, expected_failed_checks=expected_failures(name), on_skip=None, on_fail=None)
    assert len(results) > 30
    assert [(one["check_name"], one["exception"]) for one in results if one["status"] == "failed"] == []


# --- answers depend on the log and the seed, and on nothing else


@FITS_AGAIN
def test_two_fits_agree_whatever_was_known_before_and_however_the_rows_are_ordered(name, fitted):
    shuffled = pd.DataFrame(LOG).sample(frac=1, random_state=0)
    assert_same(ask(fit_on(copy_of(fitted), shuffled)), ask(fitted))


@FITS_AGAIN
def test_other_names_for_the_items_change_nothing_and_the_old_ones_are_forgotten(name, fitted):
    number_of = {item: 900 - place for place, item in enumerate(pd.unique(pd.Series(LOG["item_id"])))}
    renamed, questions = (pd.DataFrame(log).replace({"item_id": number_of}) for log in (LOG, FRESH))
    answers, expected = ask(fit_on(copy_of(fitted), renamed), questions), ask(fitted)
    if "items" in expected:
        expected["items"] = np.vectorize(lambda item: number_of.get(item), otypes=[object])(expected["items"])
    assert_same(answers, expected)


def test_company_padding_and_the_order_of_sequences_change_no_answer(name, fitted):
    X = sequences_for(name, FRESH)
    expected = answers_of(fitted, X)
    for n in (1, 2, 7, len(X)):
        for rows in np.random.default_rng(n).permuted(np.tile(np.arange(len(X)), (3, 1)), axis=1)[:, :n]:
            assert_same(answers_of(fitted, X[rows]), {part: answer[rows] for part, answer in expected.items()})


def test_what_comes_later_does_not_change_what_was_said_before(name, fitted):
    X = sequences_for(name, FRESH)
    so_far = FRESH.groupby("user_id").head(3)
    assert_same(answers_of(fitted, X.head(3)), ask(fitted, so_far))


@OF_ITEMS
def test_pandas_polars_and_pyarrow_give_the_same_answers(name, fitted):
    columns = ["channel", "amount"] if sequences_for(name, LOG).columns else []
    for frame in (pl.DataFrame(FRESH.to_dict("list")), pa.Table.from_pandas(FRESH, preserve_index=False)):
        assert_same(answers_of(fitted, Sequences.from_frame(frame, columns=columns)), ask(fitted))


def test_neither_fit_nor_an_answer_changes_the_sequences(name, fitted):
    X = sequences_for(name, FRESH)
    arrays = [X.codes, X.indptr, X.keys, X.timestamps, X.rows, *X.columns.values()]
    before = [array.copy() for array in arrays]
    answers_of(fitted, X)
    for array, copied in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copied)


# --- dirty input


@OF_ITEMS
def test_unknown_items_and_short_and_empty_sequences_have_answers(name, fitted):
    X = sequences_for(name, FRESH.assign(item_id=np.resize(["tea", "gin", "rum"], len(FRESH))))
    for some in (X, X.head(1), X.head(0)):
        answers = answers_of(fitted, some)
        assert {len(answer) for answer in answers.values()} == {len(X)}
        assert np.isfinite(answers["scores"]).all()


def test_no_sequences_give_no_answers(name, fitted):
    assert {len(answer) for answer in answers_of(fitted, sequences_for(name, FRESH)[:0]).values()} == {0}


@OF_ITEMS
def test_ids_of_another_kind_are_an_error_not_unknown(name, fitted):
    with pytest.raises(TypeError, match="text"):
        ask(fitted, FRESH.assign(item_id=7))


def test_a_frame_is_refused_with_the_call_to_write(name):
    y = [[1]] if target_of(name, sequences_for(name, LOG)) is not None else []
    for frame in (FRESH, pl.DataFrame(FRESH.to_dict("list")), pa.Table.from_pandas(FRESH)):
        with pytest.raises(TypeError, match=r"Sequences\.from_frame\(log"):
            new(name).fit(frame, *y)


def test_nothing_to_fit_is_an_error(name):
    X = sequences_for(name, LOG)
    for nothing in (X[:0], X.head(0)):
        with pytest.raises(ValueError, match="no events"):
            new(name).fit(nothing, target_of(name, nothing))
