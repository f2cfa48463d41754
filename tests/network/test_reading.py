"""One pass over a log: what is carried, what is bounded, and what changes nothing."""

import numpy as np
import pandas as pd
import pytest

from seqrec.data.ends import Unseen, close, end_code
from seqrec.data.fields import Fields
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary
from seqrec.network import batches, reading
from seqrec.network.event_model import EventModel
from seqrec.network.reading import Closed, EventReader

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
    return make_reader(sequences())


@pytest.fixture(scope="module")
def plain():
    """Of the same vocabulary, without fields."""
    return make_reader(lists(["a"]), seed=1)


def lists(*sequences):
    return Sequences.from_lists(sequences).recode(ITEMS)


def everything(reader, X):
    """All figures of the events of X: as they are read, and as they are judged."""
    read, judged = reader.read(X)[1:], reader.judge(X)[1:]
    return [array for part in (*read, *judged) for array in part]


def assert_equal(found, expected):
    """To the last digit."""
    for array, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, other)


def events_of(X, rows):
    """Events of the closed chain of X that belong to some of its sequences, in the order of these."""
    indptr = close(X).indptr
    return np.concatenate([np.empty(0, np.intp), *(np.arange(indptr[row], indptr[row + 1]) for row in rows)])


def make_reader(X, seed=0, **options):
    """An untrained network has something to say of everything."""
    fields, n_items = Fields.learn(X), len(X.vocabulary)
    sizes = [N_RESERVED + len(field.vocabulary) for field in fields.categories]
    network = EventModel(NETWORK | {"n_codes": N_RESERVED + n_items + 1} | options, sizes, len(fields.numbers), seed)
    network.sequence.head.start_from_popularity(np.resize([5, 1, 9, 2, 3], n_items + 1))
    return EventReader(X.vocabulary, fields, network, Unseen(0.03, 2.0))


# --- what a reading holds


def test_ends_are_events_without_fields(reader):
    X = sequences()
    chain, found = reader.read(X)
    assert len(chain.codes) == X.n_events + len(X)
    np.testing.assert_array_equal(chain.codes[chain.indptr[1:] - 1], end_code(len(ITEMS)))
    np.testing.assert_array_equal(chain.codes[chain.events], X.codes)
    assert not found.surprisal[chain.indptr[1:] - 1, 1:].any()
    assert (found.surprisal[:, 0] > 0).all()


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
    chain, found = reader.read(X)
    gap = [field.name for field in reader.fields.numbers].index("gap")
    starts = chain.indptr[:-1]
    assert not found.tails[starts, gap].any()
    assert np.isnan(found.normal_scores[starts, gap]).all()
    amounts = X.columns["amount"]
    amount = [field.name for field in reader.fields.numbers].index("amount")
    np.testing.assert_array_equal(np.isnan(found.normal_scores[chain.events, amount]), amounts == 0)


def test_a_number_that_is_odd_on_one_side_has_a_one_sided_tail(reader):
    X, column = sequences(), [field.name for field in reader.fields.numbers].index("amount")
    share = {}
    for side in ("both", "high", "low"):
        numbers = [field._replace(side=side) for field in reader.fields.numbers]
        chain, found = reader._replace(fields=reader.fields._replace(numbers=tuple(numbers))).read(X)
        share[side] = np.exp(-found.tails[chain.events, column][X.columns["amount"] != 0])
    np.testing.assert_allclose(share["high"] + share["low"], 1, atol=1e-5)
    np.testing.assert_allclose(share["both"], 2 * np.minimum(share["high"], share["low"]), atol=1e-5)


def test_an_empty_sequence_has_the_surprisal_of_its_end(plain):
    _, found = plain.read(lists([], ["a"], []))
    assert len(found.surprisal) == 4
    assert found.surprisal[0] == found.surprisal[3]
    assert np.isfinite(found.surprisal).all()


def test_no_sequences_give_an_empty_reading(reader):
    X = sequences()[:0]
    assert reader.read(X)[1].surprisal.shape == (0, 4)
    assert reader.judge(X)[2].ranks.shape == (0,)


def test_the_likeliest_event_is_the_one_of_least_surprisal(plain):
    _, _, judgement = plain.judge(lists(PAST))
    for position in range(len(PAST) + 1):
        assert judgement.likeliest[position] == N_RESERVED + probabilities_after(plain, PAST[:position]).argmax()


def test_judging_reads_the_same(reader, plain):
    for one, X in ((reader, sequences()), (plain, lists(PAST, ["a"], PAST, []))):
        assert_equal(one.judge(X)[1], one.read(X)[1])


# --- what changes nothing


@pytest.mark.parametrize("segment", [1, 2, 5])
def test_carried_memory_reads_as_one_whole_pass(reader, monkeypatch, segment):
    X = sequences()
    whole = everything(reader, X)
    monkeypatch.setattr(batches, "SEGMENT", segment)
    assert_equal(everything(reader, X), whole)


@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_the_size_of_batches_changes_nothing(reader, monkeypatch, batch_size):
    X = sequences()
    expected = everything(reader, X)
    monkeypatch.setattr(reading, "BATCH", batch_size)
    assert_equal(everything(reader, X), expected)


def test_company_changes_nothing(reader):
    X = sequences()
    together = everything(reader, X)
    for row in range(len(X)):
        assert_equal(everything(reader, X[[row]]), [array[events_of(X, [row])] for array in together])


def test_the_order_of_sequences_changes_nothing(reader):
    X, order = sequences(), np.array([3, 0, 4, 1, 2])
    expected = [array[events_of(X, order)] for array in everything(reader, X)]
    assert_equal(everything(reader, X[order]), expected)


MANY = make_log(lengths=[*np.random.default_rng(1).integers(0, 30, 210), 150, 90])
SIZES = [{"units": 64, "embedding_dim": 32}, {"units": 16, "embedding_dim": 16, "n_layers": 2}, {"cell": "peephole"}]


@pytest.fixture(scope="module", params=SIZES, ids=str)
def judged(request):
    """A network of some size, many sequences, and all that is to be said of these together."""
    X = sequences(MANY)
    reader = make_reader(X, **request.param)
    return reader, X, everything(reader, X)


@pytest.mark.parametrize("n", [1, 2, 7, 31, 200])
def test_as_many_sequences_as_may_be_read_together_get_the_same_last_digit(judged, n):
    reader, X, together = judged
    for rows in np.random.default_rng(n).choice(len(X), (3, n)):
        assert_equal(everything(reader, X[rows]), [array[events_of(X, rows)] for array in together])


@pytest.mark.parametrize("batch_size", [100, 1_000])
def test_batches_of_larger_networks_may_have_any_size(judged, monkeypatch, batch_size):
    reader, X, together = judged
    monkeypatch.setattr(reading, "BATCH", batch_size)
    assert_equal(everything(reader, X), together)


def test_rows_that_fill_up_the_last_tile_are_no_findings(reader, monkeypatch):
    X, spy = sequences(), Spy(reader.network.score)
    monkeypatch.setattr(reader.network, "score", spy)
    chain, found = reader.read(X)
    assert all(n % batches.TILE == 0 for n, _ in spy.shapes)
    assert sum(len(surprisal) for _, surprisal, _ in spy.results) == len(chain.codes) == len(found.surprisal)


def test_later_events_do_not_change_earlier_surprisal(reader):
    X = sequences()
    (whole, of_whole), (cut, of_cut) = reader.read(X), reader.read(X.head(4))
    for row, length in enumerate(np.minimum(X.lengths, 4)):
        first, events = of_cut.surprisal[cut.indptr[row] :][:length], of_whole.surprisal[whole.indptr[row] :][:length]
        np.testing.assert_array_equal(first, events)


# --- bounded memory


class Spy:
    """Passes calls on and remembers the shapes of the inputs, and the results."""

    def __init__(self, function):
        self.function, self.shapes, self.results = function, [], []

    def __call__(self, memory, inputs, *rest):
        self.shapes.append(tuple(inputs.shape))
        self.results.append(self.function(memory, inputs, *rest))
        return self.results[-1]


def test_a_very_long_sequence_is_read_in_pieces_of_bounded_size(reader, monkeypatch):
    X = sequences(make_log(lengths=(5_000, 3, 60, *[9] * 40)))
    spy = Spy(reader.network.score)
    monkeypatch.setattr(reading, "BATCH", 200)
    monkeypatch.setattr(reader.network, "score", spy)
    _, found = reader.read(X)
    assert np.isfinite(found.surprisal).all()
    assert max(time for _, time in spy.shapes) == batches.SEGMENT
    assert max((n - batches.TILE + 1) * time for n, time in spy.shapes) <= 200
    assert len(spy.shapes) < 5_000 / batches.SEGMENT + 10  # short ones share a batch
    _, tail = reader.read(X[[0]].tail(5))
    assert found.surprisal[4_996, 0] != pytest.approx(tail.surprisal[1, 0], rel=1e-6)  # the past is not forgotten


def test_a_batch_smaller_than_a_segment_is_one_row(reader, monkeypatch):
    X, spy = sequences(), Spy(reader.network.score)
    monkeypatch.setattr(reading, "BATCH", 1)
    monkeypatch.setattr(reader.network, "score", spy)
    reader.read(X)
    assert [len(surprisal) for _, surprisal, _ in spy.results] == sorted(X.lengths + 1)
    assert {n for n, _ in spy.shapes} == {batches.TILE}


# --- unknown events, p-values and ranks


def test_an_unknown_event_has_the_surprisal_of_one_unseen_kind(plain):
    X = lists(["a", "zebra", "b"], ["yak"])
    chain, found = plain.read(X)
    unknown = chain.codes == UNKNOWN
    assert unknown.sum() == 2
    np.testing.assert_allclose(found.surprisal[unknown, 0], -np.log(0.03 / 2), atol=1e-5)
    assert np.isfinite(found.surprisal).all()


def probabilities_after(plain, past):
    """Probability of each known event and of the end after `past`, each read as a sequence of its own."""
    X = lists(*([*past, item] for item in ITEMS.items), past)
    chain, found = plain.read(X)
    return np.exp(-found.surprisal[chain.indptr[:-1] + len(past), 0].astype(np.float64))


PAST = ["a", "c", "zebra", "b", "b"]


@pytest.mark.parametrize("n", range(len(PAST) + 1))
def test_known_events_the_end_and_the_unseen_have_probability_one_together(plain, n):
    assert probabilities_after(plain, PAST[:n]).sum() + plain.unseen.mass == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("mass", [0.03, 0.4])
def test_ranks_and_p_values_are_those_of_counting(plain, mass):
    plain = plain._replace(unseen=Unseen(mass, 2.0))
    _, _, judgement = plain.judge(lists(PAST))
    for position, event in enumerate([*PAST, "end"]):
        shares = dict(zip([*ITEMS.items, "end"], probabilities_after(plain, PAST[:position]), strict=True))
        own = shares.get(event, plain.unseen.probability)
        likelier = [share for share in shares.values() if share > own * (1 + 1e-5)]
        assert judgement.ranks[position] == 1 + len(likelier)
        assert judgement.no_likelier[position, 0] == pytest.approx(1 - sum(likelier), abs=1e-4)


def test_p_values_of_categories_are_probabilities_and_one_at_the_ends(reader):
    X = sequences()
    chain, _, (no_likelier, *_) = reader.judge(X)
    assert ((no_likelier > 0) & (no_likelier <= 1 + 1e-5)).all()
    assert (no_likelier[chain.indptr[1:] - 1, 1] == 1).all()
