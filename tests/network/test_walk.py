"""Sequences on their way through a network."""

import numpy as np
import pandas as pd
import pytest

from seqrec import LSTMAnomalyDetector, LSTMRecommender, Sequences
from seqrec.network.reading import Reader
from seqrec.network.walk import Walk


def weights_of(walk):
    return np.concatenate([logits for _, logits in walk.logits(24 * 9)])


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(0)
    return Sequences.from_lists([[f"e{k}" for k in rng.integers(0, 7, n)] for n in rng.integers(2, 12, 40)])


@pytest.fixture(scope="module")
def recommender(log):
    return LSTMRecommender(units=8, max_epochs=1, random_state=0, verbose=False).fit(log)


def test_events_that_are_taken_lead_where_reading_them_leads(recommender, log):
    network, encoded = recommender.model_, recommender.encode(log)
    reader = Reader.of(network)
    histories, last = encoded.between(0, log.lengths - 1), encoded.codes[encoded.indptr[1:] - 1]
    walk = Walk(network, reader.read(histories, keep=True), np.arange(len(log)))
    n = len(log)
    walk.take(last, np.zeros((n, 0), np.int32), np.zeros((n, 0, 2), np.float32))
    whole = np.concatenate([scores for _, scores in reader.scores(reader.read(encoded).output)])
    np.testing.assert_allclose(weights_of(walk), whole, atol=1e-5)
    kept = np.arange(n) % 3 == 0
    walk.keep(kept)
    np.testing.assert_allclose(weights_of(walk), whole[kept], atol=1e-5)


def test_one_state_can_be_gone_on_from_many_times(recommender, log):
    state = Reader.of(recommender.model_).read(recommender.encode(log[:3]), keep=True)
    walk = Walk(recommender.model_, state, np.array([2, 0, 2]))
    logits = weights_of(walk)
    np.testing.assert_array_equal(logits[0], logits[2])
    assert (logits[0] != logits[1]).any()


@pytest.mark.slow
def test_fields_are_drawn_by_their_own_numbers_and_not_where_there_are_none():
    rng = np.random.default_rng(1)
    table = {
        "user_id": np.repeat(np.arange(60), 5),
        "item_id": rng.choice(["a", "b"], 300),
        "timestamp": np.arange(300),
    }
    kind, amount = rng.choice(["app", "web"], 300), rng.lognormal(2, 1, 300)
    frame = pd.DataFrame(table | {"kind": kind, "amount": amount})
    events = Sequences.from_frame(frame, columns=["kind", "amount"], time_unit="s")
    detector = LSTMAnomalyDetector(units=4, max_epochs=1, n_folds=1, random_state=0, verbose=False).fit(events)
    network, fields = detector.model_, detector.fields_
    state = Reader.of(network).read(detector.encode(events[:1]), keep=True)
    walk, n = Walk(network, state, np.zeros(500, np.intp)), 500
    uniforms = rng.uniform(1e-6, 1 - 1e-6, (n, 3, 3)).astype(np.float32)
    given = np.ones((n, 3), bool)
    given[::2, 1] = False
    categories, numbers = walk.draw(np.full(n, 2, np.int32), given, uniforms)
    assert fields.names == ["kind", "gap", "amount"]
    assert set(fields.categories[0].decode(categories[:, 0])) == {"app", "web"}
    assert not numbers[::2, 0].any()
    assert (numbers[1::2, 0, 0] > 0).all()
    assert np.median(fields.values_of(numbers)[:, 1]) == pytest.approx(np.median(amount), rel=0.5)
    again, _ = walk.draw(np.full(n, 2, np.int32), given, uniforms)
    np.testing.assert_array_equal(again, categories)
