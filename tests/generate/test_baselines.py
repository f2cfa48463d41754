"""What every generator does, on n-grams."""

import numpy as np
import pytest

from seqrec import NGramGenerator, Sequences
from seqrec.exceptions import InputError


def draw_walks(n, seed):
    """Walks on six places in a ring, of which a fifth of the steps goes back; one in six ends."""
    rng, lists = np.random.default_rng(seed), []
    for length in rng.geometric(1 / 6, n):
        steps = np.where(rng.random(length) < 0.2, -1, 1)
        lists.append([f"p{place}" for place in (rng.integers(6) + np.cumsum(steps)) % 6])
    return lists


@pytest.fixture(scope="module")
def walks():
    return Sequences.from_lists(draw_walks(2_000, seed=0))


@pytest.fixture(scope="module")
def generator(walks):
    return NGramGenerator(order=3).fit(walks)


def test_samples_are_as_likely_as_what_was_learned_and_as_long(generator, walks):
    samples = generator.sample(2_000, random_state=0)
    assert generator.score(samples) == pytest.approx(generator.score(walks), abs=0.05)
    assert samples.lengths.mean() == pytest.approx(walks.lengths.mean(), rel=0.1)
    assert samples.keys.tolist() == list(range(2_000))


def test_a_sample_is_the_same_in_any_company(generator):
    few, many = (generator.sample(n, random_state=5) for n in (3, 40))
    assert [one.tolist() for one in few] == [one.tolist() for one in many[:3]]
    assert [one.tolist() for one in few] != [one.tolist() for one in generator.sample(3, random_state=6)]


def test_samples_can_be_drawn_in_parts(generator):
    whole, part = generator.sample(40, random_state=5), generator.sample(5, random_state=5, numbers=range(20, 25))
    assert [one.tolist() for one in part] == [one.tolist() for one in whole[20:25]]


def test_a_prefix_is_gone_on_from(generator):
    one = generator.sample(5, prefix=["p0", "p1"], random_state=0)
    assert all(sequence[:2].tolist() == ["p0", "p1"] for sequence in one)
    each = generator.sample(2, prefix=[["p0"], []], length=3, random_state=0)
    assert each.lengths.tolist() == [4, 3]
    assert each[0][0] == "p0"
    np.testing.assert_array_equal(
        generator.sample(2, prefix=Sequences.from_lists([["p0"], []]), length=3, random_state=0)[0], each[0]
    )


def test_a_length_is_kept_whatever_would_end(generator):
    assert (generator.sample(20, length=50, random_state=0).lengths == 50).all()
    assert generator.sample(3, length=0).n_events == 0
    assert len(generator.sample(0)) == 0


def test_the_likeliest_each_time_takes_no_chance(generator):
    a, b = (generator.sample(1, prefix=["p0", "p1"], length=4, top_k=1, random_state=seed) for seed in (0, 1))
    assert a[0].tolist() == b[0].tolist() == ["p0", "p1", "p2", "p3", "p4", "p5"]


@pytest.mark.parametrize("stop", ["p3", ["p3", "p5"]])
def test_a_sequence_ends_after_what_stops_it(generator, stop):
    samples = generator.sample(50, length=40, stop=stop, random_state=0)
    stops = {stop} if isinstance(stop, str) else set(stop)
    assert (samples.lengths < 40).all()
    assert all(one[-1] in stops and not stops & set(one[:-1]) for one in samples)


def test_likelihoods_add_up_over_events_and_the_end(generator, walks):
    whole, of_each = generator.log_likelihood(walks), generator.surprisal(walks, ends=True)
    assert whole.sum() == pytest.approx(-of_each.sum())
    assert generator.surprisal(walks).shape == (walks.n_events,)
    assert generator.score(walks) == pytest.approx(-of_each.mean())
    assert generator.bits_per_event(walks) == pytest.approx(of_each.mean() / np.log(2))


def test_probabilities_of_all_events_and_of_unknown_ones_add_up_to_one(generator):
    lists = [["p0", other] for other in ["p0", "p1", "p2", "p3", "p4", "p5"]]
    known = np.exp(-generator.surprisal(lists)[1::2]).sum() + np.exp(-generator.surprisal([["p0"]], ends=True)[1])
    assert known == pytest.approx(1 - generator.unseen_.mass)
    assert np.isfinite(generator.surprisal([["p0", "new", "p1"]])).all()


def test_copies_are_measured(generator, walks):
    assert generator.copied(walks[:50], walks).tolist() == walks.lengths[:50].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "temperature must be above 0, got 0. For the likeliest each time, top_k=1"),
        ({"temperature": -1.0}, "temperature must be above 0"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1"),
        ({"length": -1}, "length"),
        ({"prefix": ["p0", "p9"]}, "the prefix holds 'p9', which training lacked"),
        ({"prefix": [["p0"], ["p1"]]}, "one for each of the 3; got 2"),
        ({"stop": "p9"}, "stop holds 'p9', which training lacked"),
        ({"n": -1}, "n must"),
    ],
)
def test_what_cannot_be_drawn_is_said(generator, options, message):
    with pytest.raises(InputError, match=message):
        generator.sample(**{"n": 3} | options)


def test_no_sequences_have_no_score(generator):
    assert generator.log_likelihood([]).shape == (0,)
    with pytest.raises(InputError, match="no sequences to score"):
        generator.score([])


def test_what_could_come_next_adds_up_to_one(generator, walks):
    begun = [["p0", "p1"], []]
    probabilities = generator.next_probabilities(begun)
    assert probabilities.shape == (2, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    ended = generator.surprisal(begun, ends=True)[[2, 3]]  # a little is left for what training lacked
    np.testing.assert_allclose(-np.log(probabilities[:, -1]), ended, atol=1e-3)


def test_an_end_is_none_where_the_log_stops():
    days = [np.arange(start, 100, 5) for start in range(60)]
    times = [(86_400 * seen + 1_700_000_000).tolist() for seen in days]
    lists = [["visit"] * len(seen) for seen in days]
    timed = NGramGenerator(order=2).fit(Sequences.from_lists(lists, timestamps=times, time_unit="s"))
    counted = NGramGenerator(order=2).fit(lists)
    assert timed.next_probabilities([["visit"]])[0, -1] < 0.01 < counted.next_probabilities([["visit"]])[0, -1]
