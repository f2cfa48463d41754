"""A field that an event lacks is a value of its own: for every network, by every way in, in all that is said of it."""

import functools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from golden.make import make_log as make_golden_log
from sklearn.base import clone

import seqrec
from seqrec import LSTMAnomalyDetector, LSTMRecommender, LSTMSequenceClassifier, Sequences
from seqrec.jobs.job import kinds_wanted
from seqrec.logs.source import Source
from seqrec.logs.whole import Log

GOLDEN = Path(__file__).parents[1] / "golden" / "format_2" / "LSTMAnomalyDetector.seqrec"
COLUMNS = ["amount", "channel", "new"]
SMALL = {"units": 8, "batch_size": 128, "learning_rate": 0.02, "random_state": 0}
ESTIMATORS = {
    "detector": LSTMAnomalyDetector(n_folds=1, max_epochs=12, precision="float32", **SMALL),
    "classifier": LSTMSequenceClassifier(max_epochs=2, **SMALL),
    "recommender": LSTMRecommender(max_epochs=2, precision="float32", **SMALL),
}


def make_log(n_users, seed):
    """Log in, pay a few times, log out: only payments have an amount, and nobody logs out by a channel."""
    rng = np.random.default_rng(seed)
    n_paid = rng.integers(1, 5, n_users)
    item = np.concatenate([["log in", *["pay"] * n, "log out"] for n in n_paid])
    n = len(item)
    new = rng.choice([True, False, None], n, p=[0.3, 0.6, 0.1])
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{i:03d}" for i in range(n_users)], n_paid + 2),
            "item_id": item,
            "timestamp": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.cumsum(rng.integers(5, 90, n)), unit="s"),
            "amount": np.where(item == "pay", rng.lognormal(3, 0.5, n).round(2), np.nan),
            "channel": np.where(item == "log out", None, rng.choice(["web", "app"], n)),
            "new": new,
        }
    )


def sequences(log):
    return Sequences.from_frame(log, columns=COLUMNS)


def ask(estimator, X):
    if isinstance(estimator, LSTMAnomalyDetector):
        return np.append(estimator.score_samples(X), estimator.event_scores(X))
    return estimator.predict_proba(X)


LOG, FRESH = make_log(150, 0), make_log(12, 1)


@pytest.fixture(scope="module")
def fitted():
    """Each estimator, fitted once."""

    @functools.cache
    def give(kind):
        X = sequences(LOG)
        return clone(ESTIMATORS[kind]).fit(X, X.lengths > 4 if kind == "classifier" else None)

    return give


@pytest.fixture(scope="module")
def detector(fitted):
    return fitted("detector")


@pytest.fixture(
    params=["recommender", *(pytest.param(name, marks=pytest.mark.slow) for name in ("detector", "classifier"))]
)
def estimator(request, fitted):
    return fitted(request.param)


# --- every way in


def nullable(log):
    return log.assign(
        amount=pd.array(log["amount"], "Float64"),
        channel=log["channel"].astype("string"),
        new=log["new"].astype("boolean"),
    )


FRAMES = {
    "nullable": nullable,
    "categories": lambda log: nullable(log).astype({"channel": "category"}),
    "objects with NA": lambda log: nullable(log).astype(dict.fromkeys(COLUMNS, object)),
    "polars": lambda log: pl.from_pandas(nullable(log)),
    "polars with NaN": lambda log: pl.from_pandas(nullable(log)).with_columns(pl.col("amount").fill_null(float("nan"))),
    "pyarrow": lambda log: pa.Table.from_pandas(nullable(log)),
    "pandas in Arrow": lambda log: nullable(log).convert_dtypes(dtype_backend="pyarrow"),
}


def write(log, path):
    """Write a log as a file whose missing cells are empty, null, absent or NaN."""
    log = log.assign(timestamp=log["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    rows = [{name: None if pd.isna(v) else v for name, v in row.items()} for row in log.to_dict("records")]
    if path.suffix == ".jsonl":
        some = [{name: v for name, v in row.items() if v is not None or i % 2} for i, row in enumerate(rows)]
        path.write_text("".join(json.dumps(row) + "\n" for row in some))
    elif path.suffix == ".parquet":
        table = pa.Table.from_pylist(rows)
        amounts = pa.array([np.nan if i % 2 and v is None else v for i, v in enumerate(table["amount"].to_pylist())])
        pq.write_table(table.set_column(table.column_names.index("amount"), "amount", amounts), path)
    else:
        log.to_csv(path, index=False)
    return path


def test_every_frame_and_every_file_gives_the_same_answers(estimator, tmp_path):
    expected = ask(estimator, sequences(FRESH))
    assert np.isfinite(expected).all()
    for make in FRAMES.values():
        np.testing.assert_array_equal(ask(estimator, sequences(make(FRESH))), expected)
    fields, wanted, _ = kinds_wanted(estimator)
    for name in ("log.csv", "log.jsonl", "log.parquet"):
        path = write(FRESH, tmp_path / name)
        log = Log.read(Source.find([str(path)], {}, fields, wanted), lambda *_: None)
        assert log.bad.num_rows == 0
        np.testing.assert_array_equal(ask(estimator, log.sequences(fields)), expected, err_msg=name)


def test_a_file_teaches_what_a_frame_teaches(tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    log = Log.read(Source.find([str(path)], {}, COLUMNS, {}), lambda *_: None).sequences(COLUMNS)
    for name, values in sequences(LOG).columns.items():
        np.testing.assert_array_equal(log.columns[name], values, strict=True)


def test_a_saved_estimator_answers_alike(estimator, tmp_path):
    assert estimator.model_.architecture.n_signs == 4
    seqrec.save(estimator, tmp_path / "model.seqrec")
    found = ask(seqrec.load(tmp_path / "model.seqrec"), sequences(FRESH))
    np.testing.assert_array_equal(found, ask(estimator, sequences(FRESH)))


# --- what absence means


def with_values(log, rows, **values):
    log = log.copy()
    for name, value in values.items():
        log.loc[rows, name] = value
    return log


@pytest.fixture(scope="module")
def odd():
    """One payment without an amount, and one login with an amount; and where these are."""
    paid, login = np.flatnonzero(FRESH["item_id"] == "pay")[0], np.flatnonzero(FRESH["item_id"] == "log in")[5]
    return with_values(with_values(FRESH, paid, amount=np.nan), login, amount=30.0), paid, login


def test_an_amount_that_is_missing_where_there_is_one_is_found_and_so_is_the_reverse(detector, odd):
    log, paid, login = odd
    p_values = detector.event_scores(sequences(log), by_field=True)["amount"].to_numpy()
    usual = np.delete(np.arange(len(log)), [paid, login])
    assert p_values[[paid, login]].max() < 0.05
    assert np.median(p_values[usual]) > 0.3
    scores, before = (detector.score_samples(sequences(one)) for one in (log, FRESH))
    changed = np.unique(sequences(log).keys.searchsorted(log.loc[[paid, login], "user_id"]))
    assert (scores[changed] < before[changed]).all()


def test_absence_is_explained_as_such(detector, odd):
    log, paid, login = odd
    told = detector.explain(sequences(log), n_events=99, only_flagged=False).set_index("row")
    told = told[told["field"] == "amount"]
    assert told.loc[paid, "value"] == "missing"
    assert "(90 %)" in told.loc[paid, "expected"]
    assert told.loc[login, "value"] == 30
    assert told.loc[login, "expected"].startswith("missing")


def test_surprisal_of_absence_adds_up_with_the_rest(detector, odd):
    X = sequences(odd[0])
    by_field = detector.surprisal(X, by_field=True)
    np.testing.assert_allclose(by_field.sum(axis=1), detector.surprisal(X), atol=1e-4)
    assert np.isfinite(by_field.to_numpy()).all()
    absent = np.isnan(X.columns["amount"])
    probability = np.exp(-by_field["amount"].to_numpy()[absent])
    assert ((probability > 0) & (probability <= 1 + 1e-6)).all()
    assert np.median(probability) > 0.5  # of a login, for which it is the rule


def test_only_values_that_are_there_make_a_sequence_regular(detector):
    found = detector.normal_.read(sequences(FRESH))[1]
    amount = [number.name for number in detector.fields_.numbers].index("amount")
    scored = ~np.isnan(found.normal_scores[:, amount])
    np.testing.assert_array_equal(scored, sequences(FRESH).columns["amount"] > 0)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_field_that_is_missing_of_all_events_is_scored_and_odd(detector, name):
    log = FRESH.assign(**{name: None})
    scores = detector.score_samples(sequences(log))
    assert np.isfinite(scores).all()
    assert scores.mean() < detector.score_samples(sequences(FRESH)).mean()


def test_absence_that_training_never_saw_has_the_probability_of_what_it_never_saw():
    detector = seqrec.load(GOLDEN)
    log = pd.DataFrame(make_golden_log(9, seed=1))
    log.loc[::3, ["amount", "channel"]] = np.nan, None
    X = Sequences.from_frame(log, columns=["amount", "channel"])
    surprisal, p_values = (
        of(X, by_field=True)["amount"].to_numpy() for of in (detector.surprisal, detector.event_scores)
    )
    absent = np.isnan(X.columns["amount"])
    np.testing.assert_allclose(surprisal[absent], -np.log(1e-6), atol=1e-4)
    np.testing.assert_allclose(p_values[absent], 2e-6, rtol=1e-3)
    assert p_values[~absent].min() > 1e-5
    told = detector.explain(X, n_events=99, only_flagged=False).set_index("row")
    assert (told.loc[log.index[::3], "value"] == "missing").all()


def test_later_absence_changes_no_earlier_surprisal(detector):
    X = sequences(FRESH)
    last = X.indptr[1:] - 1
    log = with_values(FRESH, X.rows[last], amount=9.0, channel="web", new=None)
    before, after = (np.delete(detector.surprisal(sequences(one)), last) for one in (FRESH, log))
    np.testing.assert_array_equal(before, after)


def test_a_stream_finds_what_the_whole_log_finds(detector):
    log, stream = FRESH[:12], detector.stream()
    X = sequences(log)
    for row in log.to_dict("records"):
        key, *known = (row.pop(name) for name in ("user_id", "item_id", "timestamp"))
        stream.push(key, *known, **{name: value for name, value in row.items() if not pd.isna(value)})
    np.testing.assert_allclose(stream.score_samples(X.keys), detector.score_samples(X), atol=1e-5)


def test_what_a_recommender_is_not_given_is_not_what_is_missing(fitted):
    recommender = fitted("recommender")
    not_given = Sequences.from_frame(FRESH)
    missing = sequences(FRESH.assign(amount=None, channel=None, new=None))
    assert np.abs(recommender.predict_proba(not_given) - recommender.predict_proba(missing)).max() > 1e-4
    stream = recommender.stream()
    stream.push_many(missing)
    np.testing.assert_allclose(
        stream.recommend(missing.keys, k=3)[1], recommender.recommend(missing, k=3)[1], atol=1e-5
    )


@pytest.mark.slow
def test_a_recommender_learns_on_from_events_that_lack_what_training_never_lacked():
    whole = LOG.assign(amount=LOG["amount"].fillna(1), channel=LOG["channel"].fillna("web"), new=True)
    recommender = clone(ESTIMATORS["recommender"]).fit(sequences(whole)).partial_fit(sequences(FRESH))
    assert recommender.model_.architecture.n_signs == 3
    assert np.isfinite(recommender.predict_proba(sequences(FRESH))).all()


@pytest.mark.slow
def test_a_field_that_a_fold_never_sees_is_no_error():
    log = LOG[:200].assign(amount=None, new=None, channel=None)
    log.loc[3, ["new", "amount", "channel"]] = True, 5.0, "web"
    X = sequences(log.astype({"amount": float}))
    detector = LSTMAnomalyDetector(**SMALL | {"units": 4}, n_folds=2, max_epochs=1, precision="float32").fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
