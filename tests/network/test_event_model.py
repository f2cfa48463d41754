"""The network of a detector: the chain rule, causality, and what the head says of an event beside the others."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqrec.data.fields import MISSING, NEGATIVE, POSITIVE, ZERO
from seqrec.data.vocabulary import N_RESERVED, PADDING, UNKNOWN
from seqrec.network import heads
from seqrec.network.event_model import EventModel
from seqrec.network.heads import CategoricalHead

N_CODES, N_CHANNELS, TIME = 8, 5, 4
UNSEEN = tf.constant(0.05)
NETWORK = {"n_codes": N_CODES, "units": 6, "embedding_dim": 4, "n_layers": 1, "cell": "lstm", "dropout": 0.0}


def make_model(seed=0, category_sizes=(N_CHANNELS, 4), n_numbers=2, **options):
    return EventModel(NETWORK | {"n_negatives": 0} | options, category_sizes, n_numbers, seed)


@pytest.fixture(scope="module")
def model():
    return make_model()


def numbers_at_random(shape, rng):
    signs = rng.choice([MISSING, NEGATIVE, ZERO, POSITIVE], shape)
    return np.stack([signs, np.where(signs % 2 == 1, rng.normal(size=shape), 0)], axis=-1).astype(np.float32)


def make_arrays(n=3, seed=0):
    """Inputs and targets of n sequences, one step apart, with their fields."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(N_RESERVED, N_CODES, (n, TIME + 1)).astype(np.int32)
    codes[:, 0] = PADDING  # the start
    categories = np.stack([rng.integers(1, size, codes.shape) for size in (N_CHANNELS, 4)], axis=-1).astype(np.int32)
    numbers = numbers_at_random((*codes.shape, 2), rng)
    categories[:, 0], numbers[:, 0] = 0, 0
    pairs = [part for array in (codes, categories, numbers) for part in (array[:, :-1], array[:, 1:])]
    return [array.copy() for array in pairs]  # inputs, targets, categories of both, numbers of both


def ordered(arrays):
    inputs, targets, in_categories, categories, in_numbers, numbers = map(tf.constant, arrays)
    return inputs, targets, in_categories, in_numbers, categories, numbers


def score(model, arrays):
    _, surprisal, parameters = model.score(model.start(len(arrays[0])), *ordered(arrays))
    return surprisal.numpy().reshape(*arrays[1].shape, -1), parameters


def only_last_target(arrays):
    for array in arrays[1::2]:
        array[:, :-1] = 0
    return arrays


def surprisal_of_candidates(model, targets, categories=None):
    """Surprisal of several candidates for the last event of one and the same sequence, (n, 1 + n_fields)."""
    arrays = [np.repeat(array, len(targets), axis=0) for array in only_last_target(make_arrays(1))]
    arrays[1][:, -1] = targets
    if categories is not None:
        arrays[3][:, -1, 0] = categories
    return model.score(model.start(len(targets)), *ordered(arrays))[1].numpy()


# --- the chain rule


def test_probabilities_of_all_next_events_and_the_end_sum_to_one(model):
    surprisal = surprisal_of_candidates(model, np.arange(N_RESERVED, N_CODES))  # the last code is the end
    assert np.exp(-surprisal[:, 0]).sum() == pytest.approx(1, abs=1e-5)


def test_probabilities_of_all_values_of_a_category_sum_to_one_but_for_the_missing(model):
    codes = np.arange(UNKNOWN, N_CHANNELS)
    surprisal = surprisal_of_candidates(model, np.full(len(codes), 3), codes)
    arrays = only_last_target(make_arrays(1))
    arrays[1][:, -1] = 3
    parts = [array.reshape(-1, *array.shape[2:]) for array in arrays]
    states, _ = model.read(model.start(1), *map(tf.constant, arrays[::2]))
    (logits, *_) = model.field_parameters(states[0, -1:], parts[1][-1:], parts[3][-1:], parts[5][-1:])
    missing = tf.nn.softmax(logits)[0, PADDING].numpy()
    assert np.exp(-surprisal[:, 1]).sum() + missing == pytest.approx(1, abs=1e-5)


def test_the_loss_is_the_mean_surprisal_of_events_and_fields():
    model, arrays = make_model(), make_arrays()
    model.sequence.code_dropout.rate = 0
    loss, _ = model.loss_of(model.start(3), *ordered(arrays))
    assert float(loss) == pytest.approx(score(model, arrays)[0].sum(axis=2).mean(), rel=1e-5, abs=1e-5)


def test_padding_costs_nothing(model):
    arrays = make_arrays(1)
    padded = [np.concatenate([array, np.zeros_like(array[:, :2])], axis=1) for array in arrays]
    alone, _ = score(model, arrays)
    surprisal = model.score(model.start(1), *ordered(padded))[1].numpy()
    np.testing.assert_allclose(surprisal, alone[0], atol=1e-5)


def test_missing_fields_cost_nothing(model):
    arrays = make_arrays()
    arrays[3][:, 1, 0] = PADDING
    arrays[5][:, 2, 1] = 0
    surprisal, _ = score(model, arrays)
    assert not surprisal[:, 1, 1].any()
    assert not surprisal[:, 2, 4].any()
    assert surprisal[:, 0, 1:3].all()


# --- causality


def test_later_events_do_not_change_earlier_surprisal(model):
    arrays, others = make_arrays(seed=0), make_arrays(seed=1)
    changed = [
        np.concatenate([a[:, : 3 - i % 2], b[:, 3 - i % 2 :]], axis=1)
        for i, (a, b) in enumerate(zip(arrays, others, strict=True))
    ]
    before, after = score(model, arrays)[0], score(model, changed)[0]
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    assert np.abs(after - before)[:, 2:].max() > 0.1


@pytest.mark.parametrize("field", range(4))
def test_later_fields_do_not_change_the_surprisal_of_earlier_ones(model, field):
    arrays = make_arrays()
    before, _ = score(model, arrays)
    if field < 2:
        arrays[3][..., field] = 1 + arrays[3][..., field] % 3
    else:
        arrays[5][..., field - 2, :] = POSITIVE, 1.5
    after, _ = score(model, arrays)
    np.testing.assert_array_equal(after[..., : 1 + field], before[..., : 1 + field])
    assert (after[..., 1 + field] != before[..., 1 + field]).any()
    assert field == 3 or (after[..., 2 + field :] != before[..., 2 + field :]).any()


def test_what_is_read_in_two_parts_is_scored_as_in_one(model):
    arrays = make_arrays()
    whole, _ = score(model, arrays)
    memory, first, _ = model.score(model.start(3), *ordered([array[:, :2] for array in arrays]))
    second = model.score(memory, *ordered([array[:, 2:] for array in arrays]))[1]
    np.testing.assert_allclose(np.reshape(first, (3, 2, -1)), whole[:, :2], atol=1e-5)
    np.testing.assert_allclose(np.reshape(second, (3, 2, -1)), whole[:, 2:], atol=1e-5)


def test_an_outlier_does_not_blind_the_network_to_what_follows(model):
    arrays = make_arrays()
    arrays[4][:, 1, 0] = POSITIVE, 30
    farther, _ = score(model, arrays)
    arrays[4][:, 1, 0] = POSITIVE, 6
    np.testing.assert_array_equal(score(model, arrays)[0], farther)


# --- the head's judgement


def make_head(n_codes=N_CODES, seed=0):
    rng = np.random.default_rng(seed)
    embedding = keras.layers.Embedding(n_codes, 4)
    embedding.build()
    head = CategoricalHead(embedding, 0, seed=0)
    head.build((None, 4))
    embedding.set_weights([rng.normal(size=(n_codes, 4))])
    head.bias.assign(rng.normal(size=n_codes))
    return head


def judge_by_hand(head, states, targets, unknown):
    logits = head.logits(states).numpy()
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    own = np.array([unknown if t == UNKNOWN else row[t - N_RESERVED] for t, row in zip(targets, shares, strict=True)])
    near = 1e-6 * own[:, None]  # a float's last digit makes no difference
    no_likelier = np.where(shares <= own[:, None] + near, shares, 0).sum(axis=1)
    likelier = (shares > own[:, None] + near).sum(axis=1) + (np.abs(shares - own[:, None]) <= near).sum(axis=1) / 2
    return np.log(own), no_likelier, likelier, N_RESERVED + shares.argmax(axis=1)


def draw_states(n, seed=1):
    rng = np.random.default_rng(seed)
    states = tf.constant(rng.normal(size=(n, 4)), tf.float32)
    return states, tf.constant(rng.integers(UNKNOWN, N_CODES, n), tf.int32)


def test_judge_compares_an_event_with_all_that_could_have_come():
    head, (states, targets) = make_head(), draw_states(50)
    expected = judge_by_hand(head, states, targets.numpy(), float(UNSEEN))
    for found, by_hand in zip(head.judge(states, targets, UNSEEN), expected, strict=True):
        np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-5)


def test_events_that_are_as_likely_share_their_rank_and_all_their_mass():
    head, (states, _) = make_head(), draw_states(1)
    head.embedding.set_weights([np.ones((N_CODES, 4))])
    head.bias.assign(np.zeros(N_CODES))
    _, no_likelier, likelier, _ = head.judge(states, tf.constant([4]), UNSEEN)
    assert float(no_likelier[0]) == pytest.approx(1, abs=1e-5)
    assert float(likelier[0]) == (N_CODES - N_RESERVED) / 2


def test_log_prob_alone_is_the_same_as_with_the_judgement():
    head, (states, targets) = make_head(), draw_states(50)
    targets = tf.maximum(targets, N_RESERVED)
    np.testing.assert_array_equal(head.judge(states, targets)[0], head.judge(states, targets, UNSEEN)[0])


def test_bfloat16_states_are_judged_in_float32():
    states, targets = draw_states(5)
    dtypes = [part.dtype for part in make_head().judge(tf.cast(states, tf.bfloat16), targets, UNSEEN)]
    assert dtypes == [tf.float32] * 3 + [tf.int32]


@pytest.mark.parametrize("n", [1, 119, 120, 121, 300])
def test_blocks_of_rows_change_nothing(monkeypatch, n):
    head, (states, targets) = make_head(), draw_states(n)
    whole = head.judge(states, targets, UNSEEN)
    monkeypatch.setattr(heads, "_LOGITS_AT_ONCE", 1)  # blocks of 120 rows
    for found, expected in zip(head.judge(states, targets, UNSEEN), whole, strict=True):
        assert found.shape == (n,)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


def test_the_model_judges_events_by_its_head_and_leaves_missing_categories_alone(model):
    arrays = make_arrays()
    arrays[3][:, 1, 0] = PADDING
    _, surprisal, parameters, *judged = model.judge(model.start(3), *ordered(arrays), UNSEEN)
    no_likelier, likelier, likeliest = judged
    states, _ = model.read(model.start(3), *map(tf.constant, arrays[::2]))
    expected = model.sequence.head.judge(tf.reshape(states, (-1, 4)), arrays[1].ravel(), UNSEEN)
    np.testing.assert_allclose(no_likelier[:, 0], expected[1], atol=1e-5)
    np.testing.assert_allclose(likelier, expected[2], atol=1e-5)
    np.testing.assert_array_equal(likeliest, expected[3])
    for found, scored in zip((surprisal, parameters), model.score(model.start(3), *ordered(arrays))[1:], strict=True):
        np.testing.assert_array_equal(found, scored)
    assert (np.reshape(no_likelier, (3, TIME, 3))[:, 1, 1] == 1).all()


def test_a_value_of_a_category_is_judged_by_all_that_are_no_likelier(model):
    arrays = only_last_target(make_arrays(1))
    states, _ = model.read(model.start(1), *map(tf.constant, arrays[::2]))
    last = [array[0, -1:] for array in arrays[1::2]]
    (logits, *_) = model.field_parameters(states[0, -1:], *last)
    (shares,) = tf.nn.softmax(logits).numpy()
    no_likelier = model.judge(model.start(1), *ordered(arrays), UNSEEN)[3]
    own = shares[last[1][0, 0]]
    assert float(no_likelier[0, 1]) == pytest.approx(shares[shares <= own].sum(), abs=1e-5)


# --- weights


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301
def test_a_copy_scores_the_same_to_the_bit_and_is_its_own(model, copied):
    arrays, twin = make_arrays(), copied(model)
    before, _ = score(model, arrays)
    np.testing.assert_array_equal(score(twin, arrays)[0], before)
    twin.sequence.head.log_scale.assign([0.0])
    np.testing.assert_array_equal(score(model, arrays)[0], before)


def test_the_seed_decides_the_first_weights(model):
    weights, same, other = (one.get_weights() for one in (model, make_model(seed=0), make_model(seed=1)))
    assert all(np.array_equal(a, b) for a, b in zip(weights, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights, other, strict=True))


@pytest.mark.parametrize(("category_sizes", "n_numbers"), [((), 0), ((N_CHANNELS,), 0), ((), 1)])
def test_a_step_along_the_gradient_lowers_the_loss(category_sizes, n_numbers):
    model, arrays = make_model(category_sizes=category_sizes, n_numbers=n_numbers), make_arrays()
    model.sequence.code_dropout.rate = 0
    n = len(category_sizes)
    arrays = [
        *arrays[:2],
        *(array[..., :n] for array in arrays[2:4]),
        *(array[..., :n_numbers, :] for array in arrays[4:]),
    ]
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        before, _ = model.loss_of(model.start(3), *ordered(arrays))
    for variable, gradient in zip(variables, tape.gradient(before, variables), strict=True):
        variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
    assert float(model.loss_of(model.start(3), *ordered(arrays))[0]) < float(before)


def test_every_weight_learns(model):
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        loss, _ = model.loss_of(model.start(8), *ordered(make_arrays(8)))
    for variable, gradient in zip(model.trainable_variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), variable.path
