import copy
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hostile
import joblib
import numpy as np
import pandas as pd
import pytest
from golden.make import COLUMNS, EVERY, FILMS, ask, fit, make_log, read_log, sequences_for, target_of
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError

import seqrec
from seqrec.detect.baselines import CombinedDetector, LengthDetector
from seqrec.exceptions import ModelFileError
from seqrec.persistence import _ESTIMATORS, inspect, load, save
from seqrec.recommend.baselines import MarkovRecommender, PopularityRecommender
from seqrec.storage import estimator as storable
from seqrec.storage.migrations import FORMAT

GOLDEN = Path(__file__).parent / "golden"
QUESTIONS = make_log(20, seed=2)
X = [["tea", "milk"], ["milk", "nul\0", "two\nlines", "😀"], ["tea", "milk", "\ud800"]] * 10
EVERY_SEVENTH = [7, pytest.param(1, marks=pytest.mark.slow)]  # of the hostile files, and all of them
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # questions hold few known items, on purpose


LATER = ("ConvLSTM", "LSTMAnomalyDetector", "LSTMSequenceClassifier")  # networks that the slow suite fits


def marked(name):
    return pytest.param(name, marks=[pytest.mark.slow] * name.startswith(LATER))


@pytest.fixture(scope="module", params=map(marked, EVERY))
def fitted(request):
    return fit(request.param)


def saved_and_loaded(estimator, tmp_path):
    save(estimator, tmp_path / "model.seqrec")
    return load(tmp_path / "model.seqrec")


def pickled(estimator):
    return pickle.loads(pickle.dumps(estimator))  # noqa: S301


def stored_by_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


# --- every estimator


def test_every_estimator_of_the_package_can_be_saved():
    classes = [getattr(seqrec, name) for name in seqrec.__all__]
    estimators = [one.__name__ for one in classes if isinstance(one, type) and issubclass(one, BaseEstimator)]
    assert sorted(estimators) == sorted(_ESTIMATORS) == sorted(EVERY)


def test_a_loaded_estimator_answers_to_the_bit(fitted, tmp_path):
    assert ask(saved_and_loaded(fitted, tmp_path), QUESTIONS) == ask(fitted, QUESTIONS)


@pytest.mark.parametrize(
    "copied", [pickled, *(pytest.param(way, marks=pytest.mark.slow) for way in (stored_by_joblib, copy.deepcopy))]
)
def test_a_copy_answers_to_the_bit(fitted, copied):
    assert ask(copied(fitted), QUESTIONS) == ask(fitted, QUESTIONS)


def test_a_model_that_was_loaded_is_saved_in_the_same_bytes(fitted, tmp_path):
    twin = saved_and_loaded(fitted, tmp_path)
    assert storable.to_bytes(fitted) == storable.to_bytes(fitted) == storable.to_bytes(twin)


def test_parameters_and_attributes_are_there_again(fitted, tmp_path):
    twin = saved_and_loaded(fitted, tmp_path)
    assert twin.get_params() == fitted.get_params()
    assert vars(twin).keys() == vars(fitted).keys()
    assert twin.training_data_ == fitted.training_data_


def test_inspect_needs_no_model(fitted, tmp_path):
    save(fitted, tmp_path / "model.seqrec", columns=COLUMNS)
    description = inspect(tmp_path / "model.seqrec")
    assert description["estimator"] == type(fitted).__name__
    assert description["parameters"] == fitted.get_params()
    assert description["n_items"] == (8 if hasattr(fitted, "vocabulary_") else None)
    assert description["training_data"] == fitted.training_data_
    assert description["columns"]._asdict() == COLUMNS | {
        "fields": ("channel", "amount"),
        "form": None,
        "sound": None,
    }
    assert description["versions"].keys() > {"format", "seqrec", "numpy", "keras"}
    assert description["offset"] == getattr(fitted, "offset_", None)
    reads_fields = description["estimator"].startswith("LSTM") and "target" not in fitted.get_params()
    assert description["field_values"] == ({"channel": 2} if reads_fields else {})


@pytest.mark.slow
def test_a_loaded_estimator_can_be_fitted_anew(fitted, tmp_path):
    name = type(fitted).__name__
    log = sequences_for(name, make_log(60, seed=0))
    twin = saved_and_loaded(fitted, tmp_path).fit(log, target_of(name, log))
    assert ask(twin, QUESTIONS) == ask(fitted, QUESTIONS)


def golden_files():
    """Give all; networks of the formats between the first and the latest take long, and are slow tests."""
    for file in sorted(GOLDEN.rglob("*.seqrec")):
        between = file.stem.startswith("LSTM") and file.parent not in (GOLDEN, GOLDEN / f"format_{FORMAT}")
        yield pytest.param(file, id=str(file.relative_to(GOLDEN)), marks=[pytest.mark.slow] if between else [])


@pytest.mark.parametrize("file", list(golden_files()))
def test_a_golden_file_gives_the_answers_that_it_once_gave(file):
    golden = json.loads(file.with_suffix(".json").read_text())
    answers = ask(load(file), golden["log"])
    for part, expected in golden["answers"].items():
        if part == "users":  # asked of a detector that compared users, which `UserProfiles` alone does now
            continue
        if isinstance(np.ravel(expected)[0], str):
            assert answers[part] == expected
        else:
            # Processors sum the products of a network in different orders.
            is_network = "LSTM" in file.stem or file.stem in FILMS
            tolerance = {"rtol": 1e-5, "atol": 1e-4} if is_network else {"rtol": 1e-12}
            np.testing.assert_allclose(answers[part], expected, **tolerance)


@pytest.mark.parametrize("name", EVERY)
def test_an_estimator_that_is_not_fitted_is_not_saved_but_pickled(name, tmp_path):
    estimator = getattr(seqrec, name)(**EVERY[name])
    with pytest.raises(NotFittedError, match="call fit before save"):
        save(estimator, tmp_path / "model.seqrec")
    assert pickled(estimator).get_params() == estimator.get_params()
    assert not list(tmp_path.iterdir())


# --- what a loaded model can do


@pytest.mark.slow
def test_the_recommender_learns_on_as_if_it_had_never_been_saved(tmp_path):
    recommender = load(GOLDEN / "LSTMRecommender.seqrec")
    before = recommender.training_data_
    twins = [copy.deepcopy(recommender), saved_and_loaded(recommender, tmp_path)]
    news = [["tea", "gin", "lime"]] * 5
    answers = [one.partial_fit(news).recommend(X, k=3) for one in twins]
    np.testing.assert_array_equal(*[scores for _, scores in answers])
    grown = before._replace(n_sequences=before.n_sequences + 5, n_events=before.n_events + 15, n_items=10)
    assert twins[1].training_data_ == grown
    assert twins[1].history_["loss"][:-1] == recommender.history_["loss"]


@pytest.mark.slow
def test_the_detector_sets_thresholds_and_explains(tmp_path):
    detector = load(GOLDEN / "LSTMAnomalyDetector.seqrec")
    twin = saved_and_loaded(detector, tmp_path)
    log = read_log(QUESTIONS, fields=True)
    for one in (detector, twin):
        one.set_threshold(false_positive_rate=0.3)
    assert twin.offset_ == detector.offset_
    assert twin.explain(log).drop(columns="nearest").equals(detector.explain(log).drop(columns="nearest"))


def test_a_random_state_goes_on_from_where_it_was(tmp_path):
    detector = CombinedDetector(random_state=np.random.RandomState(5)).fit(X)
    twin = saved_and_loaded(detector, tmp_path)
    assert twin.random_state.randint(10**9) == detector.random_state.randint(10**9)


def test_a_threshold_that_flags_nothing_is_kept(tmp_path):
    detector = LengthDetector().fit(X)
    detector.offset_ = -np.inf  # as `AnomalyExplorer.apply_threshold` sets it where there is no threshold
    assert saved_and_loaded(detector, tmp_path).offset_ == -np.inf


CLASSES = [
    np.array([1, 0]),
    np.array([-3, 7], dtype=np.int8),
    np.array([True, False]),
    np.array([1.0, 2.0]),
    np.array(["no", "yes\0?"], dtype=object),
    np.array(["no", "yes"]),
]


@pytest.mark.parametrize("y", CLASSES, ids=lambda y: str(y.dtype))
def test_classes_keep_their_type(y, tmp_path):
    classifier = load(GOLDEN / "LSTMSequenceClassifier.seqrec")
    classifier.classes_ = y
    np.testing.assert_array_equal(saved_and_loaded(classifier, tmp_path).classes_, y, strict=True)


@pytest.mark.parametrize("ids", [[1, 2, 3], [2**63, 1, 2], ["1", "2", "3"], [0.5, 1.5, 2.5]])
def test_ids_keep_their_type(ids, tmp_path):
    recommender = MarkovRecommender().fit([ids, ids[::-1]])
    twin = saved_and_loaded(recommender, tmp_path)
    np.testing.assert_array_equal(twin.vocabulary_.items, recommender.vocabulary_.items, strict=True)


def test_the_width_of_an_array_is_kept(tmp_path):
    twin = saved_and_loaded(MarkovRecommender().fit(np.array([[1, 2, 3], [3, 2, 1]])), tmp_path)
    with pytest.raises(ValueError, match="expecting 3 features"):
        twin.predict(np.array([[1, 2]]))


# --- pickles


class Louder(LengthDetector):
    """What a user might write."""

    def __init__(self, contamination="auto", part="auto", n_folds="auto", random_state=0, volume=1):
        super().__init__(contamination, part, n_folds, random_state)
        self.volume = volume


def test_a_subclass_is_pickled_with_what_it_adds_but_not_saved(tmp_path):
    louder = Louder(volume=[1, 2]).fit(X)
    louder.note = {"made": "by hand"}
    twin = pickled(louder)
    assert (type(twin), twin.volume, twin.note) == (Louder, [1, 2], {"made": "by hand"})
    np.testing.assert_array_equal(twin.score_samples(X), louder.score_samples(X))
    with pytest.raises(TypeError, match=r"got Louder\. Pickle keeps subclasses"):
        save(louder, tmp_path / "model.seqrec")


def test_a_pickle_holds_the_bytes_of_the_model_file():
    markov = MarkovRecommender().fit(X)
    assert storable.to_bytes(markov) in pickle.dumps(markov)


def test_a_clone_of_a_loaded_estimator_is_not_fitted(tmp_path):
    twin = clone(saved_and_loaded(MarkovRecommender().fit(X), tmp_path))
    with pytest.raises(NotFittedError):
        twin.predict(X)


# --- what cannot be saved


def test_what_is_no_estimator_is_not_saved(tmp_path):
    with pytest.raises(TypeError, match=r"save takes an estimator of seqrec .*got dict"):
        save({}, tmp_path / "model.seqrec")


@pytest.mark.parametrize(("parameter", "value"), [("class_weight", {1: [2]}), ("units", object()), ("units", np.nan)])
def test_a_parameter_that_cannot_be_kept_is_named(parameter, value, tmp_path):
    classifier = load(GOLDEN / "LSTMSequenceClassifier.seqrec").set_params(**{parameter: value})
    with pytest.raises(ValueError, match=parameter):
        save(classifier, tmp_path / "model.seqrec")


def test_a_pool_that_could_not_be_read_again_is_not_saved(tmp_path):
    detector = LengthDetector().fit(X).set_params(part="phase of the moon")
    with pytest.raises(ValueError, match="'phase of the moon', which is no part of its score"):
        save(detector, tmp_path / "model.seqrec")


def test_places_that_cannot_be_saved_to_are_named(tmp_path):
    markov = MarkovRecommender().fit(X)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save(markov, tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        save(markov, tmp_path / "no" / "model.seqrec")


@pytest.mark.parametrize(
    "columns",
    [{}, {"user": "a"}, {"user": "a", "item": 1}, {"user": "a", "item": "b", "price": "c"},
     {"user": "a", "item": "b", "fields": "c"}, {"user": "a", "item": "b", "fields": [1]}],
)  # fmt: skip
def test_columns_that_are_not_as_described_are_refused(columns, tmp_path):
    with pytest.raises(ValueError, match="columns"):
        save(MarkovRecommender().fit(X), tmp_path / "model.seqrec", columns=columns)


def test_a_model_that_was_tampered_with_is_not_saved(tmp_path):
    markov = MarkovRecommender().fit(X)
    markov.item_counts_ = markov.item_counts_[:-1]
    with pytest.raises(ValueError, match="item_counts_ has size"):
        save(markov, tmp_path / "model.seqrec")


# --- power failures


@pytest.mark.parametrize(("module", "call"), [(os, "fsync"), (os, "replace"), (Path, "write_bytes")])
def test_a_disk_that_fails_leaves_the_old_file(module, call, tmp_path, monkeypatch):
    path = tmp_path / "model.seqrec"
    save(MarkovRecommender().fit(X), path)

    def fail(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(module, call, fail)
        with pytest.raises(OSError, match="no space left"):
            save(PopularityRecommender().fit(X), path)
    assert isinstance(load(path), MarkovRecommender)
    assert os.listdir(tmp_path) == ["model.seqrec"]


@pytest.mark.slow
def test_a_save_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "model.seqrec"
    code = f"""
import itertools, seqrec
models = [model().fit([["tea", "milk"], ["tea", "cake", "tea"]])
          for model in (seqrec.MarkovRecommender, seqrec.PopularityRecommender)]
for model in itertools.cycle(models):
    seqrec.save(model, {str(path)!r})
"""
    for attempt in range(3):
        saving = subprocess.Popen([sys.executable, "-c", code])
        while not path.exists() and saving.poll() is None:
            time.sleep(0.01)
        time.sleep(0.01 * attempt)
        saving.send_signal(signal.SIGKILL)
        saving.wait()
        assert isinstance(load(path), MarkovRecommender | PopularityRecommender)
        path.unlink()


def test_two_who_save_to_one_path_never_leave_a_part_of_a_model(tmp_path):
    path, models = tmp_path / "m.seqrec", [MarkovRecommender().fit(X), CombinedDetector().fit(X)]
    save(models[0], path)

    def write(model):
        for _ in range(15):
            save(model, path)

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, model) for model in models]
        while not all(writer.done() for writer in writers):
            assert isinstance(load(path), MarkovRecommender | CombinedDetector)
    assert [writer.result() for writer in writers] == [None, None]
    assert list(tmp_path.iterdir()) == [path]


# --- hostile files


@pytest.fixture(scope="module")
def hostile_files():
    """Files of today's format that are wrong, and of that of the golden files."""
    golden = {path.stem: path.read_bytes() for path in GOLDEN.glob("*.seqrec")}
    today = {name: storable.to_bytes(load(GOLDEN / f"{name}.seqrec"), keep_examples=True) for name in golden}
    return [*hostile.hostile_files(today), *hostile.older_files(golden)]


@pytest.mark.parametrize("every", EVERY_SEVENTH)
def test_every_hostile_file_is_refused(hostile_files, tmp_path, every):
    path, accepted = tmp_path / "hostile.seqrec", []
    for name, file in hostile_files[::every]:
        path.write_bytes(file)
        try:
            load(path)
            accepted.append(name)
        except ModelFileError as error:
            accepted += [] if str(path) in str(error) else [f"{name} without its path"]
    assert not accepted
    assert len(hostile_files) > 3_500


@pytest.mark.parametrize("every", EVERY_SEVENTH)
def test_a_hostile_file_is_inspected_or_refused(hostile_files, tmp_path, every):
    path = tmp_path / "hostile.seqrec"
    for name, file in hostile_files[::every]:
        path.write_bytes(file)
        try:
            assert inspect(path)["estimator"] in EVERY, name
        except ModelFileError:
            continue


def test_a_counting_model_is_loaded_without_tensorflow():
    code = f"import sys, seqrec; seqrec.load({str(GOLDEN / 'MarkovRecommender.seqrec')!r})"
    code += f"; from seqrec.persistence import inspect; inspect({str(GOLDEN / 'LSTMRecommender.seqrec')!r})"
    finished = subprocess.run(
        [sys.executable, "-c", code + "; sys.exit('tensorflow' in sys.modules)"], check=False, capture_output=True
    )
    assert finished.returncode == 0, finished.stderr


# --- what a file tells of persons


NAMED = seqrec.Sequences.from_lists(
    [["a", "b"], ["b", "b", "a"], ["a"], ["b", "a"]] * 5, keys=[f"jane.doe{i:02}" for i in range(20)]
)


@pytest.mark.parametrize("keep_examples", [False, True])
@pytest.mark.parametrize("estimator", [CombinedDetector, LengthDetector, MarkovRecommender, seqrec.CompositionDetector])
def test_a_file_holds_keys_of_sequences_only_where_it_is_asked_to(tmp_path, estimator, keep_examples):
    path = tmp_path / "model.seqrec"
    seqrec.save(fitted := estimator().fit(NAMED), path, keep_examples=keep_examples)
    compares = estimator in (CombinedDetector, seqrec.CompositionDetector)
    assert inspect(path)["n_ids"] == 3 * (compares and keep_examples)
    assert inspect(path)["n_compositions"] == 3 * compares
    assert (b"jane.doe" in path.read_bytes()) == (compares and keep_examples)
    assert storable.to_bytes(load(path), keep_examples=True) == storable.to_bytes(fitted, keep_examples=keep_examples)


def test_users_are_what_profiles_hold(tmp_path):
    profiles = seqrec.UserProfiles().fit(NAMED, users=np.repeat(["ann", "bob", "cleo", "dan"], 5))
    seqrec.save(profiles, tmp_path / "model.seqrec")
    assert inspect(tmp_path / "model.seqrec")["n_ids"] == 4


@pytest.mark.slow
def test_a_file_without_keys_gives_the_same_scores_and_names_no_nearest_sequence(tmp_path):
    detector, X = load(GOLDEN / "LSTMAnomalyDetector.seqrec"), read_log(QUESTIONS, fields=True)
    own = detector.explain(X, only_flagged=False)
    assert own["nearest"].isin(range(60)).all()
    for one in (pickled(detector), saved_and_loaded(detector, tmp_path)):
        pd.testing.assert_frame_equal(
            one.explain(X, only_flagged=False).drop(columns="nearest"), own.drop(columns="nearest")
        )
    assert pickled(detector).explain(X, only_flagged=False)["nearest"].tolist() == own["nearest"].tolist()
    assert saved_and_loaded(detector, tmp_path).explain(X, only_flagged=False)["nearest"].isna().all()
