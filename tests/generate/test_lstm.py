"""Sequences that an LSTM draws, with their times and fields."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from seqrec import LSTMGenerator, NGramGenerator, Sequences
from seqrec.datasets import make_text
from seqrec.exceptions import InputError
from seqrec.network.batches import Windows

SMALL = {"units": 8, "max_epochs": 2, "order": 3, "random_state": 0, "verbose": False}


def draw_log(n, seed):
    """Walks on six places in a ring: forward steps take minutes and cost little, backward ones take hours and much."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(n):
        place, time = rng.integers(6), 1_700_000_000 + int(rng.integers(0, 10**7))
        for _ in range(rng.geometric(1 / 6)):
            back = rng.random() < 0.2
            place, time = (place + (-1 if back else 1)) % 6, time + int(rng.exponential(9_000 if back else 90)) + 1
            rows.append((user, f"p{place}", time, rng.choice(["app", "web"]), round(float(rng.lognormal(2, 1)), 2), 5))
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "channel", "amount", "count"])


def read(log):
    return Sequences.from_frame(log, columns=["channel", "amount", "count"], time_unit="s")


@pytest.fixture(scope="module")
def log():
    return read(draw_log(400, seed=0))


@pytest.fixture(scope="module")
def generator(log):
    return LSTMGenerator(**SMALL).fit(log)


def test_a_sample_is_a_log_like_the_one_that_was_learned(generator, log):
    samples = generator.sample(300, random_state=0)
    assert samples.keys.tolist() == list(range(300))
    assert samples.columns.keys() == log.columns.keys()
    assert set(samples.columns["channel"]) == {"app", "web"}
    assert (samples.columns["count"] == 5).all()
    assert samples.columns["count"].dtype == log.columns["count"].dtype
    amounts = samples.columns["amount"]
    np.testing.assert_array_equal(amounts.round(2), amounts)
    assert log.columns["amount"].min() <= amounts.min() <= amounts.max() <= log.columns["amount"].max()
    assert samples.lengths.mean() == pytest.approx(log.lengths.mean(), rel=0.3)
    assert (samples.timestamps.astype(np.int64) % 10**6 == 0).all()
    firsts = samples.timestamps[samples.indptr[:-1][samples.lengths > 0]]
    assert log.timestamps.min() <= firsts.min() <= firsts.max() <= log.timestamps.max()
    inner = np.ones(samples.n_events, bool)
    inner[samples.indptr[:-1][samples.lengths > 0]] = False
    assert (np.diff(samples.timestamps.astype(np.int64), prepend=0)[inner] >= 0).all()
    assert read(samples.to_frame().astype({"timestamp": "int64"}).assign(timestamp=0)).n_events == samples.n_events


def test_a_sample_is_the_same_in_any_company_and_its_fields_too(generator):
    few, many = (generator.sample(n, random_state=5).to_frame() for n in (3, 40))
    pd.testing.assert_frame_equal(few, many[many["user_id"] < 3])
    some = generator.sample(2, numbers=[1, 2], random_state=5).to_frame()
    pd.testing.assert_frame_equal(some.reset_index(drop=True), few[few["user_id"] > 0].reset_index(drop=True))
    assert not few.equals(generator.sample(3, random_state=6).to_frame())


def test_a_beginning_with_times_and_columns_is_gone_on_from_and_kept(generator, log):
    begun = log[:4]
    whole = generator.sample(4, prefix=begun, length=3, random_state=0)
    assert whole.lengths.tolist() == (begun.lengths + 3).tolist()
    kept = whole.between(0, begun.lengths).to_frame().drop(columns="user_id").reset_index(drop=True)
    expected = begun.to_frame().drop(columns="user_id").reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, expected, check_dtype=False)
    ends = whole.timestamps[whole.indptr[1:] - 1]
    assert (ends >= begun.timestamps[begun.indptr[1:] - 1]).all()


def test_a_beginning_of_items_alone_gets_times_and_fields(generator):
    whole = generator.sample(3, prefix=[["p0", "p1"], [], ["p4"]], length=2, random_state=0)
    assert whole.lengths.tolist() == [4, 2, 3]
    assert whole[0][:2].tolist() == ["p0", "p1"]
    assert whole[2][0] == "p4"
    assert not np.isnat(whole.timestamps).any()
    assert np.isfinite(whole.columns["amount"]).all()


def test_likelihoods_add_up_over_events_fields_and_ends(generator, log):
    X = log[:20]
    by_field = generator.surprisal(X, by_field=True, ends=True)
    assert by_field.columns.tolist() == ["event", "channel", "gap", "amount", "count"]
    assert len(by_field) == X.n_events + len(X)
    assert generator.log_likelihood(X).sum() == pytest.approx(-by_field.to_numpy().sum(), rel=1e-5)
    np.testing.assert_allclose(generator.surprisal(X, ends=True), by_field.sum(axis=1))
    assert generator.score(X) == pytest.approx(-by_field.to_numpy().sum() / len(by_field), rel=1e-5)
    assert generator.bits_per_event(X) == pytest.approx(-generator.score(X) / np.log(2))
    assert len(generator.surprisal(X)) == X.n_events


def test_probabilities_of_what_comes_next_are_those_of_what_came(generator, log):
    X = log[:30]
    X = X[X.lengths > 1]
    probabilities = generator.next_probabilities(X.between(0, X.lengths - 1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    last = X.codes[X.indptr[1:] - 1]
    columns = generator.vocabulary_.encode(X.vocabulary.decode(last)) - 2
    surprisal = generator.surprisal(X, by_field=True)["event"].to_numpy()[X.indptr[1:] - 1]
    np.testing.assert_allclose(-np.log(probabilities[np.arange(len(X)), columns]), surprisal, atol=1e-2)


def test_what_training_lacked_has_a_probability_and_is_never_drawn(generator):
    X = Sequences.from_lists([["p0", "new", "p1"]] * 2)
    alone = LSTMGenerator(**SMALL | {"max_epochs": 1}).fit([["a", "b"], ["b", "c"]] * 30)
    surprisal = alone.surprisal([["a", "new", "b"]])
    assert np.isfinite(surprisal).all()
    assert surprisal[1] > surprisal[0]
    with pytest.raises(InputError, match="'new', which training lacked"):
        generator.sample(2, prefix=X)


@pytest.mark.slow
def test_new_sequences_are_learned_and_their_new_events_join(generator, log):
    generator = pickle.loads(pickle.dumps(generator))  # noqa: S301
    before = generator.score(log[:30])
    more = draw_log(60, seed=1)
    more["item_id"] = more["item_id"].replace("p5", "p9")
    generator.partial_fit(read(more))
    assert "p9" in generator.vocabulary_.items
    assert generator.training_data_.n_sequences == 460
    assert generator.score(log[:30]) == pytest.approx(before, abs=0.7)
    assert np.isfinite(generator.surprisal(read(more))).all()
    np.testing.assert_allclose(generator.next_probabilities(log[:5]).sum(axis=1), 1)


def test_one_variant_of_each_group_is_read_at_a_time():
    tunes = [["c", "d", "e", "f"] * 5, ["d", "e", "f", "g"] * 5] * 30
    groups = np.repeat(np.arange(30), 2)
    generator = LSTMGenerator(**SMALL).fit(tunes, groups=groups)
    assert generator.training_data_.n_sequences == 60
    with pytest.raises(InputError, match="one group for each of the 60 sequences"):
        generator.fit(tunes, groups=groups[:5])


def test_a_long_sequence_is_one_thread_in_training_and_in_judging():
    cycle = ["a"] * 1 + ["b"] * 2 + ["a"] * 1 + ["c"] * 2
    text = cycle * 400
    generator = LSTMGenerator(units=16, max_epochs=4, order=5, random_state=0, verbose=False).fit([text])
    assert generator.surprisal([text[:600]])[50:].mean() < 0.1
    assert generator.sample(1, prefix=text[:4], length=2, top_k=1)[0].tolist() == text[:6]


@pytest.mark.slow
def test_a_generator_of_neither_times_nor_ngrams_is_whole_after_it_was_stored():
    generator = LSTMGenerator(units=4, order=0, max_epochs=1, random_state=0).partial_fit([["a", "b"], ["b"]] * 20)
    assert generator.mixture_ is None
    assert np.isfinite(generator.score([["a"]]))
    twin = pickle.loads(pickle.dumps(generator))  # noqa: S301
    assert vars(twin).keys() == vars(generator).keys()
    assert [list(one) for one in twin.sample(5, random_state=1)] == [
        list(one) for one in generator.sample(5, random_state=1)
    ]


@pytest.mark.slow
def test_of_a_log_that_stops_the_ends_are_no_ends():
    """Nobody ever leaves, but half of the users are new, and the log stops while all go on."""
    rng, day = np.random.default_rng(0), 86_400
    lists, times = [], []
    for start in rng.uniform(0, 100, 300):
        seen = np.arange(start, 100, 5.0) + rng.uniform(0, 3)
        seen = seen[seen < 100]
        lists.append(["visit"] * len(seen))
        times.append((1_700_000_000 + (seen * day).astype(np.int64)).tolist())
    X = Sequences.from_lists(lists, timestamps=times, time_unit="s")
    told = LSTMGenerator(**SMALL | {"max_epochs": 4}).fit(X).next_probabilities(X)[:, -1].mean()
    counted = NGramGenerator(order=3).fit(Sequences.from_lists(lists)).next_probabilities(lists)[:, -1].mean()
    assert told < 0.3 * counted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0}, "temperature must be above 0"),
        ({"temperature": -1}, "temperature must be above 0"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1"),
        ({"length": -1}, "length"),
        ({"stop": "p99"}, "stop holds 'p99', which training lacked"),
        ({"prefix": ["p99"]}, "the prefix holds 'p99'"),
        ({"prefix": [["p0"], ["p1"], ["p2"]]}, "one for each of the 2; got 3"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_anything_is(generator, arguments, message):
    with pytest.raises(InputError, match=message):
        generator.sample(2, **arguments)


def test_no_sequences_are_no_training_data():
    with pytest.raises(InputError):
        LSTMGenerator(**SMALL).fit([])


@pytest.mark.parametrize("lengths", [[100_000], [50_000, 30_000, 20_000], [1_000] * 100, [90_000] + [50] * 200])
def test_no_long_sequence_leaves_a_batch_of_a_few_rows(lengths):
    text = np.zeros(1, np.int32)
    X = Sequences.from_lists([np.resize(text, length) for length in lengths])
    course = LSTMGenerator()._course(X, 1, 1)
    windows = Windows(X.lengths, course.longest, course.batch_size, np.random.default_rng(0))
    full = X.n_events / (course.batch_size // 70) / 70  # steps if all rows were of one length
    assert windows.n_steps <= 2.2 * full + 5


def test_no_time_at_which_a_sequence_began_is_kept(generator, log):
    firsts = log.timestamps[log.indptr[:-1]].astype(np.int64)
    assert len(generator.timing_.starts) == len(log) // 5
    assert not np.isin(generator.timing_.starts, firsts).any()


@pytest.mark.slow
def test_a_column_called_gap_is_one_like_any_other_where_there_are_no_times():
    frame = pd.DataFrame({"user_id": np.repeat(range(30), 4), "item_id": ["a", "b"] * 60, "gap": [1, 2, 3, 4] * 30})
    X = Sequences.from_frame(frame, timestamp=None, columns=["gap"])
    samples = LSTMGenerator(**SMALL | {"max_epochs": 1}).fit(X).sample(5, prefix=X[:5], length=3, random_state=0)
    assert set(samples.columns["gap"]) <= {1, 2, 3, 4}


def test_no_samples_and_none_with_events_have_the_columns_too(generator):
    for none in (generator.sample(0), generator.sample(3, length=0)):
        assert none.n_events == 0
        assert none.columns.keys() == {"channel", "amount", "count"}


def test_groups_with_an_index_are_brought_in_the_order_of_the_sequences():
    tunes = Sequences.from_lists([["c", "d"] * 5, ["e", "f"] * 5] * 15, keys=[f"t{row}" for row in range(30)])
    with pytest.raises(InputError, match="groups has an index"):
        LSTMGenerator(**SMALL).fit(
            tunes, groups=pd.Series(np.repeat(range(15), 2), index=[f"u{row}" for row in range(30)])
        )


def test_numbers_are_one_for_each_sample_and_stops_are_items(generator):
    with pytest.raises(InputError, match="numbers must hold one for each of the 3 samples"):
        generator.sample(3, numbers=[1, 2])
    counted = NGramGenerator(order=2).fit([[1, 2, 3], [2, 3]] * 5)
    with pytest.raises(InputError, match="stop holds 'x', which training lacked"):
        counted.sample(1, stop="x")
    with pytest.raises(InputError, match="Did you mean 'p1'"):
        generator.sample(1, prefix=["p1", "P1"])


def test_one_beginning_of_all_samples_is_read_once_and_gone_on_from_by_each(generator, log):
    begun = log[log.lengths > 3][:1]
    shared = generator.sample(4, prefix=begun, length=3, random_state=0).to_frame()
    repeated = generator.sample(4, prefix=begun[np.zeros(4, np.intp)], length=3, random_state=0).to_frame()
    pd.testing.assert_frame_equal(shared, repeated)


@pytest.mark.slow
def test_an_lstm_comes_within_two_percent_of_the_entropy_of_a_grammar_and_ngrams_do_not():
    n_learned = 8_000
    stories = make_text(n_learned + 500, random_state=0)
    X = Sequences.from_texts(stories["text"], unit="word")  # as likely as their characters: a text is cut in one way
    learned, held_out = X[:n_learned], X[n_learned:]
    truth = stories["log_likelihood"][n_learned:].sum() / (held_out.n_events + len(held_out))
    generator = LSTMGenerator(units=64, dropout=0.0, learning_rate=0.01, max_epochs=5, random_state=0, verbose=False)
    assert generator.fit(learned).score(held_out) > 1.02 * truth
    ngrams = [NGramGenerator(order=order).fit(learned).score(held_out) for order in (2, 3, 4, 7)]
    assert max(ngrams) < 1.2 * truth


def test_whole_samples_stop_when_the_log_of_training_did(generator):
    whole, stopped = generator.sample(50, random_state=0), copy.copy(generator)
    last = np.sort(whole.timestamps)[len(whole.timestamps) // 2]
    stopped.training_data_ = generator.training_data_._replace(last=last)
    cut = stopped.sample(50, random_state=0)
    early = whole.timestamps <= last
    assert cut.timestamps.tolist() == whole.timestamps[early].tolist()
    assert cut.codes.tolist() == whole.codes[early].tolist()
    assert stopped.sample(5, length=4, random_state=0).timestamps.max() > last
    assert stopped.sample(20, prefix=["p1"], random_state=0).timestamps.max() > last
