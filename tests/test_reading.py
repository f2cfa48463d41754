"""One pass over a log: what is carried, what is bounded, and what changes nothing."""

import numpy as np
import pandas as pd
import pytest

from seqrec import batches, reading
from seqrec.chains import Unseen, end_code
from seqrec.event_model import EventModel
from seqrec.fields import Fields
from seqrec.reading import Closed, EventReader
from seqrec.sequences import Sequences
from seqrec.vocabulary import N_RESERVED, UNKNOWN, Vocabulary

ITEMS = Vocabulary(["a", "b", "c", "d"])
NETWORK = {"units": 6, "embedding_dim": 5, "n_layers": 1, "cell": "lstm", "dropout": 0.1, "n_negatives": 0}


def make_log(lengths=(7, 0, 1, 12, 3, 12), seed=0):
    """A log with an amount, a channel and times; a user of no events has no row."""
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"user {i}" for i in range(len(lengths))], lengths),
            "item_id": rng.choice(ITEMS.items, n),
            "timestamp": pd.to_datetime(1.7e9 + np.cumsum(rng.integers(0, 50, n)), unit="s"),
            "amount": rng.lognormal(3, 1, n) * rng.choice([-1, 0, 1, 1], n),
            "channel": rng.choice(["web", "app"], n),
        }
    )


def sequences(log=None):
    log = make_log() if log is None else log
    return Sequences.from_frame(log, columns=["amount", "channel"]).recode(ITEMS)


@pytest.fixture(scope="module")
def reader():
    """An untrained network has something to say of everything."""
    fields = Fields.learn(sequences())
    sizes = [N_RESERVED + len(field.vocabulary) for field in fields.categories]
    network = EventModel(NETWORK | {"n_codes": N_RESERVED + len(ITEMS) + 1}, sizes, len(fields.numbers), seed=0)
    network.sequence.head.start_from_popularity(np.array([5, 1, 9, 2, 3]))
    return EventReader(ITEMS, fields, network, Unseen(0.03, 2.0))


def plain_reader(reader):
    """Of the same vocabulary, without fields."""
    network = EventModel(NETWORK | {"n_codes": N_RESERVED + len(ITEMS) + 1}, [], 0, seed=1)
    network.sequence.head.start_from_popularity(np.array([5, 1, 9, 2, 3]))
    return EventReader(ITEMS, Fields((), ()), network, reader.unseen)


@pytest.fixture(scope="module")
def plain(reader):
    return plain_reader(reader)


def lists(*sequences):
    return Sequences.from_lists(sequences).recode(ITEMS)


def assert_same(found, expected, atol=1e-5):
    for array, other in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-5, atol=atol)


def everything(reader, X):
    return reader.read(X), (None, *reader.judge(X))


def assert_all_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)


# --- what a reading holds


def test_ends_are_events_without_fields(reader):
    X = sequences()
    chain = reader.read(X).chain
    assert len(chain.codes) == X.n_events + len(X)
    np.testing.assert_array_equal(chain.codes[chain.indptr[1:] - 1], end_code(len(ITEMS)))
    np.testing.assert_array_equal(chain.codes[chain.events], X.codes)
    surprisal = reader.read(X).surprisal
    assert not surprisal[chain.indptr[1:] - 1, 1:].any()
    assert (surprisal[:, 0] > 0).all()


def test_fields_stand_with_their_events(reader):
    X = sequences()
    closed = Closed.of(X, reader.fields)
    categories, numbers = reader.fields.encode(X)
    np.testing.assert_array_equal(closed.categories[closed.chain.events], categories)
    np.testing.assert_array_equal(closed.numbers[closed.chain.events], numbers)
    ends = closed.chain.indptr[1:] - 1
    assert not closed.categories[ends].any()
    assert not closed.numbers[ends].any()


def test_a_missing_number_is_neither_far_out_nor_scored(reader):
    X = sequences()
    found = reader.read(X)
    gap = [field.name for field in reader.fields.numbers].index("gap")
    starts = found.chain.indptr[:-1]
    assert not found.tails[starts, gap].any()
    assert np.isnan(found.normal_scores[starts, gap]).all()
    amounts = X.columns["amount"]
    amount = [field.name for field in reader.fields.numbers].index("amount")
    np.testing.assert_array_equal(np.isnan(found.normal_scores[found.chain.events, amount]), amounts == 0)


def test_a_number_that_is_odd_on_one_side_has_a_one_sided_tail(reader):
    X, column = sequences(), [field.name for field in reader.fields.numbers].index("amount")
    share = {}
    for side in ("both", "high", "low"):
        numbers = [field._replace(side=side) for field in reader.fields.numbers]
        found = reader._replace(fields=reader.fields._replace(numbers=tuple(numbers))).read(X)
        share[side] = np.exp(-found.tails[found.chain.events, column][X.columns["amount"] != 0])
    np.testing.assert_allclose(share["high"] + share["low"], 1, rtol=1e-5)
    np.testing.assert_allclose(share["both"], 2 * np.minimum(share["high"], share["low"]), rtol=1e-5)


def test_an_empty_sequence_has_the_surprisal_of_its_end(plain):
    found = plain.read(lists([], ["a"], []))
    assert len(found.surprisal) == 4
    assert found.surprisal[0] == pytest.approx(found.surprisal[3], rel=1e-6)
    assert np.isfinite(found.surprisal).all()


def test_no_sequences_give_an_empty_reading(reader):
    X = sequences()[:0]
    assert reader.read(X).surprisal.shape == (0, 4)
    assert reader.judge(X).ranks.shape == (0,)


# --- what changes nothing


@pytest.mark.parametrize("segment", [1, 2, 5])
def test_carried_memory_reads_as_one_whole_pass(reader, monkeypatch, segment):
    X = sequences()
    whole = everything(reader, X)
    monkeypatch.setattr(batches, "SEGMENT", segment)
    assert_all_same(everything(reader, X), whole)


@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_the_size_of_batches_changes_nothing(reader, monkeypatch, batch_size):
    X = sequences()
    expected = everything(reader, X)
    monkeypatch.setattr(reading, "_BATCH", batch_size)
    assert_all_same(everything(reader, X), expected)


def test_company_changes_nothing(reader):
    X = sequences()
    together = reader.read(X).surprisal
    alone = np.concatenate([reader.read(X[[row]]).surprisal for row in range(len(X))])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_the_order_of_sequences_changes_nothing(reader):
    X = sequences()
    order = np.array([3, 0, 4, 1, 2])
    expected, shuffled = reader.read(X), reader.read(X[order])
    for place, row in enumerate(order):
        found = slice(*shuffled.chain.indptr[place : place + 2])
        own = slice(*expected.chain.indptr[row : row + 2])
        np.testing.assert_allclose(shuffled.surprisal[found], expected.surprisal[own], atol=1e-5)
        np.testing.assert_allclose(shuffled.tails[found], expected.tails[own], atol=1e-5)


def test_later_events_do_not_change_earlier_surprisal(reader):
    X = sequences()
    whole, cut = reader.read(X), reader.read(X.head(4))
    for row, length in enumerate(np.minimum(X.lengths, 4)):
        start, other = whole.chain.indptr[row], cut.chain.indptr[row]
        np.testing.assert_allclose(cut.surprisal[other:][:length], whole.surprisal[start:][:length], atol=1e-5)


# --- bounded memory


class Spy:
    """Passes calls on and remembers the shapes of the inputs."""

    def __init__(self, function):
        self.function, self.shapes = function, []

    def __call__(self, memory, inputs, *rest):
        self.shapes.append(tuple(inputs.shape))
        return self.function(memory, inputs, *rest)


def test_a_very_long_sequence_is_read_in_pieces_of_bounded_size(reader, monkeypatch):
    X = sequences(make_log(lengths=(5_000, 3, 60, *[9] * 40)))
    spy = Spy(reader.network.score)
    monkeypatch.setattr(reading, "_BATCH", 200)
    monkeypatch.setattr(reader.network, "score", spy)
    found = reader.read(X)
    assert np.isfinite(found.surprisal).all()
    assert max(time for _, time in spy.shapes) == batches.SEGMENT
    assert max(n * time for n, time in spy.shapes) <= 200
    assert max(n for n, _ in spy.shapes) > 10  # short ones share a batch
    tail = reader.read(X[[0]].tail(5))
    assert found.surprisal[4_996, 0] != pytest.approx(tail.surprisal[1, 0], rel=1e-6)  # the past is not forgotten


def test_a_batch_smaller_than_a_segment_is_one_row(reader, monkeypatch):
    spy = Spy(reader.network.score)
    monkeypatch.setattr(reading, "_BATCH", 1)
    monkeypatch.setattr(reader.network, "score", spy)
    reader.read(sequences())
    assert {n for n, _ in spy.shapes} == {1}


# --- unknown events, p-values and ranks


def test_an_unknown_event_has_the_surprisal_of_one_unseen_kind(plain):
    X = lists(["a", "zebra", "b"], ["yak"])
    found = plain.read(X)
    unknown = found.chain.codes == UNKNOWN
    assert unknown.sum() == 2
    np.testing.assert_allclose(found.surprisal[unknown, 0], -np.log(0.03 / 2), rtol=1e-6)
    assert np.isfinite(found.surprisal).all()


def probabilities_after(plain, past):
    """Probability of each known event and of the end after `past`, each read as a sequence of its own."""
    X = lists(*([*past, item] for item in ITEMS.items), past)
    found = plain.read(X)
    return np.exp(-found.surprisal[found.chain.indptr[:-1] + len(past), 0].astype(np.float64))


PAST = ["a", "c", "zebra", "b", "b"]


@pytest.mark.parametrize("n", range(len(PAST) + 1))
def test_known_events_the_end_and_the_unseen_have_probability_one_together(plain, n):
    assert probabilities_after(plain, PAST[:n]).sum() + plain.unseen.mass == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("mass", [0.03, 0.4])
def test_ranks_and_p_values_are_those_of_counting(plain, mass):
    plain = plain._replace(unseen=Unseen(mass, 2.0))
    judged = plain.judge(lists(PAST))
    for position, event in enumerate([*PAST, "end"]):
        shares = dict(zip([*ITEMS.items, "end"], probabilities_after(plain, PAST[:position]), strict=True))
        own = shares.get(event, plain.unseen.probability)
        likelier = [share for share in shares.values() if share > own * (1 + 1e-5)]
        assert judged.ranks[position] == 1 + len(likelier)
        assert judged.no_likelier[position, 0] == pytest.approx(1 - sum(likelier), abs=1e-4)


def test_p_values_of_categories_are_probabilities_and_one_at_the_ends(reader):
    X = sequences()
    no_likelier = reader.judge(X).no_likelier
    assert ((no_likelier > 0) & (no_likelier <= 1 + 1e-5)).all()
    assert (no_likelier[reader.read(X).chain.indptr[1:] - 1, 1] == 1).all()
