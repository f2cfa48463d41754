"""What a network finds of events, of ends and of unknown ones; and that pieces and company change no digit of it."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from small_networks import PLAIN, random_network

from seqrec.data.ends import close, end_code
from seqrec.data.fields import Fields
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary
from seqrec.detect.counts import BagOfEvents
from seqrec.detect.normal import Findings, Normal
from seqrec.network import batches, reading
from seqrec.network.state import join, leaves, take
from seqrec.network.unseen import Unseen

ITEMS = Vocabulary(["a", "b", "c", "d"])
PAST = ["a", "c", "zebra", "b", "b"]


def make_log(lengths=(7, 0, 1, 12, 3, 12), seed=0):
    """A log with an amount, a channel and times; a user of no events has no row."""
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"user {i}" for i in range(len(lengths))], lengths),
            "item_id": rng.choice([*ITEMS.items, "zebra"], n, p=[0.24] * 4 + [0.04]),
            "timestamp": pd.to_datetime(1.6e9 + np.cumsum(rng.integers(0, 50, n)), unit="s"),
            "amount": rng.lognormal(3, 1, n) * rng.choice([-1, 0, 1, 1], n),
            "channel": rng.choice(["web", "app"], n),
        }
    )


def sequences(log=None):
    return Sequences.from_frame(make_log() if log is None else log, columns=["amount", "channel"]).recode(ITEMS)


def lists(*sequences):
    return Sequences.from_lists(sequences).recode(ITEMS)


def make_normal(X, **options):
    """An untrained network has something to say of everything."""
    fields = Fields.learn(X)
    architecture = PLAIN._replace(
        n_codes=end_code(len(ITEMS)) + 1,
        category_sizes=fields.category_sizes,
        n_numbers=len(fields.numbers),
        asked=fields.kind_of_gap,
        predicts_fields=True,
        **options,
    )
    bags = BagOfEvents.fit(X, np.random.default_rng(0))
    return Normal(ITEMS, fields, random_network(architecture), Unseen(0.03, 2.0), bags, {"loss": [1.0]})


@pytest.fixture(scope="module")
def normal():
    return make_normal(sequences())


@pytest.fixture(scope="module")
def plain():
    """Of the same vocabulary, without fields."""
    return make_normal(lists(["a"]))


@pytest.fixture(params=["normal", "plain"])
def case(request, normal, plain):
    """What is normal with and without fields, and fresh sequences, of which some recur event by event."""
    if request.param == "normal":
        return normal, sequences()
    return plain, lists(PAST, ["a"], [], PAST, ["d", "c"], ["a"])


def assert_same(found, expected):
    """To the last digit."""
    for array, other in zip(found, expected, strict=True):
        assert_array_equal(array, other)


def assert_same_states(first, second):
    for one, other in zip(leaves(first)[:-1], leaves(second)[:-1], strict=True):
        assert_array_equal(one, other)
    assert_array_equal(first.counts.toarray(), second.counts.toarray())


def events_of(indptr, rows):
    return np.concatenate([np.empty(0, np.intp), *(np.arange(indptr[row], indptr[row + 1]) for row in rows)])


def number_of(normal, name):
    return [field.name for field in normal.fields.numbers].index(name)


# --- events, fields and ends


def test_findings_are_of_all_events_and_of_each_field(case):
    normal, X = case
    _, found = normal.read(X, compare=True)
    assert found.surprisal.shape == (X.n_events, 1 + len(normal.fields.names))
    assert (found.surprisal[:, 0] > 0).all()
    assert np.isfinite(found.surprisal).all()
    for array, other in zip(found, Findings.none(X.n_events, normal.fields), strict=True):
        assert (array.shape, array.dtype) == (other.shape, other.dtype)


def test_comparing_finds_the_same_surprisal(case):
    normal, X = case
    assert_same(normal.read(X, compare=True)[1][:4], normal.read(X)[1][:4])


def test_with_ends_events_and_ends_stand_where_the_chain_has_them(case):
    normal, X = case
    chain, closed = normal.read_closed(X, compare=True)
    state, found = normal.read(X, compare=True)
    assert_same([array[chain.events] for array in closed], found)
    assert_same([array[chain.indptr[1:] - 1] for array in closed], normal.ends(state))


def test_ends_have_no_fields(normal):
    ends = normal.ends(normal.read(sequences())[0])
    assert not ends.surprisal[:, 1:].any()
    assert not ends.tails.any()
    assert np.isnan(ends.normal_scores).all()
    assert (ends.no_likelier[:, 1:] == 1).all()
    assert (ends.surprisal[:, 0] > 0).all()


def test_a_missing_number_is_neither_far_out_nor_scored(normal):
    X = sequences()
    _, found = normal.read(X)
    gap, amount = number_of(normal, "gap"), number_of(normal, "amount")
    starts = X.indptr[:-1]
    assert not found.tails[starts, gap].any()
    assert np.isnan(found.normal_scores[starts, gap]).all()
    assert_array_equal(np.isnan(found.normal_scores[:, amount]), X.columns["amount"] == 0)


def test_a_number_that_is_odd_on_one_side_has_a_one_sided_tail(normal):
    X, column, share = sequences(), number_of(normal, "amount"), {}
    for side in ("both", "high", "low"):
        numbers = tuple(field._replace(side=side) for field in normal.fields.numbers)
        _, found = normal._replace(fields=normal.fields._replace(numbers=numbers)).read(X)
        share[side] = np.exp(-found.tails[X.columns["amount"] != 0, column])
    np.testing.assert_allclose(share["high"] + share["low"], 1, atol=1e-5)
    np.testing.assert_allclose(share["both"], 2 * np.minimum(share["high"], share["low"]), atol=1e-5)


def test_an_empty_sequence_has_the_surprisal_of_its_end(plain):
    _, found = plain.read_closed(lists([], ["a"], []))
    assert len(found.surprisal) == 4
    assert found.surprisal[0] == found.surprisal[3]
    assert np.isfinite(found.surprisal).all()


def test_no_sequences_give_no_findings(case):
    normal, X = case
    state, found = normal.read(X[np.array([], int)], compare=True)
    assert [len(array) for array in (*found, *normal.ends(state))] == [0] * 14
    assert len(normal.parts_so_far(state)["long"]) == 0


def test_a_known_time_changes_what_is_expected_of_the_event_alone(normal):
    X = sequences()
    untimed, timed = (normal.read(X, timed=timed)[1].surprisal for timed in (False, True))
    known = np.ones(X.n_events, bool)
    known[X.indptr[:-1]] = False  # the first event has no gap
    unknown = X.codes == UNKNOWN  # its surprisal is that of an unseen kind
    assert_array_equal(timed[:, 1:], untimed[:, 1:])
    assert_array_equal(timed[~known | unknown], untimed[~known | unknown])
    assert (timed[known & ~unknown, 0] != untimed[known & ~unknown, 0]).all()


# --- unknown events, p-values and ranks


def test_an_unknown_event_has_the_surprisal_of_one_unseen_kind(plain):
    X = lists(["a", "zebra", "b"], ["yak"])
    _, found = plain.read(X)
    unknown = X.codes == UNKNOWN
    assert unknown.sum() == 2
    np.testing.assert_allclose(found.surprisal[unknown, 0], -np.log(0.03 / 2), atol=1e-5)
    assert np.isfinite(found.surprisal).all()


def probabilities_after(plain, past):
    """Probability of each known event and of the end after `past`, each read as a sequence of its own."""
    chain, found = plain.read_closed(lists(*([*past, item] for item in ITEMS.items), past))
    return np.exp(-found.surprisal[chain.indptr[:-1] + len(past), 0].astype(np.float64))


@pytest.mark.parametrize("n", range(len(PAST) + 1))
def test_known_events_the_end_and_the_unseen_have_probability_one_together(plain, n):
    assert probabilities_after(plain, PAST[:n]).sum() + plain.unseen.mass == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("mass", [0.03, 0.4])
def test_ranks_and_p_values_are_those_of_counting(plain, mass):
    plain = plain._replace(unseen=Unseen(mass, 2.0))
    _, found = plain.read_closed(lists(PAST), compare=True)
    for position, event in enumerate([*PAST, "end"]):
        shares = dict(zip([*ITEMS.items, "end"], probabilities_after(plain, PAST[:position]), strict=True))
        own = shares.get(event, plain.unseen.probability)
        likelier = [share for share in shares.values() if share > own * (1 + 1e-5)]
        assert found.ranks[position] == 1 + len(likelier)
        assert found.no_likelier[position, 0] == pytest.approx(1 - sum(likelier), abs=1e-4)


def test_the_likeliest_event_is_the_one_of_least_surprisal(plain):
    _, found = plain.read_closed(lists(PAST), compare=True)
    for position in range(len(PAST) + 1):
        assert found.likeliest[position] == N_RESERVED + probabilities_after(plain, PAST[:position]).argmax()


def test_p_values_are_probabilities_and_one_for_what_is_missing(normal):
    X = sequences()
    _, found = normal.read(X, compare=True)
    p_values = found.p_values()
    assert p_values.shape == (X.n_events, 4)
    assert ((p_values > 0) & (p_values <= 1)).all()
    assert (p_values[X.indptr[:-1], 2 + number_of(normal, "gap")] == 1).all()
    assert (normal.ends(normal.read(X)[0]).p_values()[:, 1:] == 1).all()


# --- what changes nothing


@pytest.mark.parametrize("segment", [1, 5])
def test_the_length_of_segments_changes_nothing(case, monkeypatch, segment):
    normal, X = case
    expected = normal.read_closed(X, compare=True)[1]
    monkeypatch.setattr(batches, "SEGMENT", segment)
    assert_same(normal.read_closed(X, compare=True)[1], expected)


@pytest.mark.parametrize("batch_size", [1, 20])
def test_the_size_of_batches_changes_nothing(case, monkeypatch, batch_size):
    normal, X = case
    expected = normal.read_closed(X, compare=True)[1]
    monkeypatch.setattr(reading, "BATCH", batch_size)
    assert_same(normal.read_closed(X, compare=True)[1], expected)


def test_company_and_order_change_nothing(case):
    normal, X = case
    together = normal.read_closed(X, compare=True)[1]
    for rows in ([0], [3, 1], np.random.default_rng(0).permutation(len(X))):
        found = normal.read_closed(X[np.array(rows)], compare=True)[1]
        assert_same(found, [array[events_of(close(X).indptr, rows)] for array in together])


def test_sequences_that_recur_are_read_once(plain, monkeypatch):
    X, read = lists(*[PAST, ["a"], []] * 20), []
    expected = plain.read_closed(lists(PAST, ["a"], []), compare=True)[1]
    whole = reading.parts_in_time
    monkeypatch.setattr(reading, "parts_in_time", lambda X, rows: read.append(len(rows)) or whole(X, rows))
    _, found = plain.read_closed(X, compare=True)
    assert sum(read) == 3
    assert_same(found, [np.concatenate([array] * 20) for array in expected])


def test_the_codes_of_the_log_do_not_matter(normal):
    log = make_log()
    assert_same(
        normal.read(Sequences.from_frame(log, columns=["amount", "channel"]))[1], normal.read(sequences(log))[1]
    )


def test_later_events_do_not_change_earlier_findings(case):
    normal, X = case
    first = np.concatenate([np.arange(a, a + min(n, 4)) for a, n in zip(X.indptr[:-1], X.lengths, strict=True)])
    whole = normal.read(X, compare=True)[1]
    assert_same(normal.read(X.head(4), compare=True)[1], [array[first] for array in whole])


# --- going on


def read_in_pieces(normal, X, cuts):
    """Read X as far as each row of `cuts` says; the findings of its events in their order."""
    state, before = normal.start(len(X)), np.zeros(len(X), int)
    found = Findings.none(X.n_events, normal.fields)
    for until in [*cuts, X.lengths]:
        piece = X.between(before, until)
        state, part = normal.read(piece, state, keep=True, compare=True)
        events = [np.arange(a, b) for a, b in zip(X.indptr[:-1] + before, X.indptr[:-1] + until, strict=True)]
        for whole, values in zip(found, part, strict=True):
            whole[np.concatenate(events)] = values
        before = until
    return state, found


@pytest.mark.parametrize("seed", range(2))
def test_pieces_are_found_to_be_as_the_whole(case, seed):
    normal, X = case
    cuts = np.sort(np.random.default_rng(seed).integers(0, X.lengths + 1, (2, len(X))), axis=0)
    state, found = read_in_pieces(normal, X, cuts)
    whole, expected = normal.read(X, keep=True, compare=True)
    assert_same(found, expected)
    assert_array_equal(state.network.output, whole.network.output)
    assert_same(state.network.memory, whole.network.memory)
    assert_array_equal(state.counts.toarray(), whole.counts.toarray())
    for name, values in normal.parts_so_far(whole).items():
        np.testing.assert_allclose(normal.parts_so_far(state)[name], values, rtol=1e-12, atol=1e-12, err_msg=name)


def test_the_parts_of_whole_sequences_are_those_so_far(case):
    normal, X = case
    parts, so_far = normal.parts(X), normal.parts_so_far(normal.read(X)[0])
    assert parts.keys() == so_far.keys()
    assert_same(parts.values(), so_far.values())
    assert_array_equal(parts["long"], X.lengths)
    unknown = [np.count_nonzero(codes == UNKNOWN) for codes in np.split(X.codes, X.indptr[1:-1])]
    assert_array_equal(parts["new events"], unknown)


def test_asking_how_it_would_end_changes_nothing_that_is_kept(case):
    normal, X = case
    state, _ = normal.read(X, keep=True)
    again, _ = normal.read(X, keep=True)
    normal.ends(state)
    normal.parts_so_far(state)
    normal.read(X, state, keep=True)
    assert_same_states(state, again)


def test_states_are_taken_and_joined(case):
    normal, X = case
    state, _ = normal.read(X, keep=True)
    assert_same_states(join([take(state, slice(0, 2)), take(state, slice(2, None))]), state)
    assert_same_states(join([state, normal.start(0)]), state)
    alone, _ = normal.read(X[[1, 0]], keep=True)
    assert_same_states(take(state, [1, 0]), alone)


def test_the_gap_to_the_event_before_counts(normal):
    X = sequences()[[2]]
    state, _ = normal.read(X.head(3), keep=True)
    soon = normal.read(X.between(3, 4), state)[1]
    long_ago = state._replace(network=state.network._replace(time=state.network.time - np.timedelta64(400, "D")))
    late = normal.read(X.between(3, 4), long_ago)[1]
    gap = 1 + len(normal.fields.categories) + number_of(normal, "gap")
    assert late.surprisal[0, gap] != soon.surprisal[0, gap]


def test_what_is_kept_does_not_grow_with_the_events(case):
    normal, X = case
    state, _ = normal.read(X, keep=True)
    again, _ = normal.read(X, state, keep=True)
    assert [array.nbytes for array in leaves(again)[:-1]] == [array.nbytes for array in leaves(state)[:-1]]
