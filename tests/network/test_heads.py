"""Heads: their logits and losses, how they compare what came with what could have, and what they leave alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_networks import PLAIN, WITH_FIELDS, random_events, random_network

from seqrec.data.fields import ABSENT, NOT_GIVEN, POSITIVE
from seqrec.data.vocabulary import N_RESERVED, PADDING, UNKNOWN
from seqrec.network import heads, mixtures
from seqrec.network.heads import CategoricalHead, ClassHead

N_CODES, DIM = 9, 4
UNSEEN = tf.constant(0.05)


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    weights, bias, states = (rng.normal(size=shape) for shape in ((N_CODES, DIM), (N_CODES,), (n, DIM)))
    return states.astype("f4"), weights, bias, rng.integers(UNKNOWN, N_CODES, n).astype("i4")


def make_head(n_negatives=0):
    embedding = keras.layers.Embedding(N_CODES, DIM)
    embedding.build()
    head = CategoricalHead(embedding, n_negatives, cosines=True, seed=0)
    _, weights, bias, _ = draw(0)
    embedding.set_weights([weights])
    head.bias.assign(bias)
    head.log_scale.assign([1.5])
    return head


@pytest.fixture
def head():
    return make_head()


def logits_of(head, states):
    return head.logits(tf.constant(states), head.table()).numpy()


def judged(head, states, targets, *unknown):
    return head.judge(tf.constant(states), tf.constant(targets), head.table(), *unknown)


# --- the next item


def test_logits_are_scaled_cosines_and_a_bias_of_the_items(head):
    states, weights, bias, _ = draw(5)
    norms = np.linalg.norm(states, axis=1, keepdims=True) * np.linalg.norm(weights, axis=1)
    expected = (np.exp(1.5) * (states @ weights.T) / norms + bias)[:, N_RESERVED:]
    np.testing.assert_allclose(logits_of(head, states), expected, atol=1e-5)


def test_the_table_holds_the_items_at_length_one(head):
    _, weights, *_ = draw(0)
    expected = weights[N_RESERVED:] / np.linalg.norm(weights[N_RESERVED:], axis=1, keepdims=True)
    np.testing.assert_allclose(head.table(), expected, atol=1e-6)


def test_logits_of_bfloat16_states_are_float32(head):
    assert head.logits(tf.zeros((2, DIM), tf.bfloat16), head.table()).dtype == tf.float32


def test_loss_is_that_of_the_softmax_over_the_items_alone(head):
    states, targets = draw(5)[0], np.array([2, 3, 8, 8, 5], dtype=np.int32)
    log_probabilities = tf.nn.log_softmax(logits_of(head, states)).numpy()
    expected = -log_probabilities[np.arange(5), targets - N_RESERVED].mean()
    assert float(head.loss(tf.constant(states), tf.constant(targets))) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n_negatives", [0, 6])
def test_reserved_codes_get_no_probability_and_no_gradient(n_negatives):
    head = make_head(n_negatives)
    variables = [head.embedding.embeddings.value, head.bias.value]
    with tf.GradientTape() as tape:
        loss = head.loss(tf.constant(draw(5)[0]), tf.constant([2, 3, 8, 8, 5]))
    for gradient in tape.gradient(loss, variables):
        dense = tf.convert_to_tensor(gradient).numpy()
        assert not dense[[PADDING, UNKNOWN]].any()
        assert dense[2:].any()


def test_negatives_are_new_at_every_call():
    head = make_head(n_negatives=3)
    arguments = tf.constant(draw(5)[0]), tf.constant([2, 3, 8, 8, 5])
    assert len({float(head.loss(*arguments)) for _ in range(4)}) > 1
    assert float(make_head(n_negatives=3).loss(*arguments)) == float(make_head(n_negatives=3).loss(*arguments))


def test_a_head_that_starts_from_popularity_has_the_shares_where_all_items_are_alike(head):
    head.embedding.set_weights([np.zeros((N_CODES, DIM))])
    head.start_from_popularity(np.array([9, 4, 0, 1, 1, 4, 2]))
    shares = tf.nn.softmax(logits_of(head, draw(1)[0])).numpy()[0]
    np.testing.assert_allclose(shares, np.array([10, 5, 1, 2, 2, 5, 3]) / 28, atol=1e-5)


# --- how an event compares with all that could have come


def judge_by_hand(head, states, targets, unknown):
    logits = logits_of(head, states)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    own = np.array([unknown if t == UNKNOWN else row[t - N_RESERVED] for t, row in zip(targets, shares, strict=True)])
    near = 1e-6 * own[:, None]  # a float's last digit makes no difference
    no_likelier = np.where(shares <= own[:, None] + near, shares, 0).sum(axis=1)
    likelier = (shares > own[:, None] + near).sum(axis=1) + (np.abs(shares - own[:, None]) <= near).sum(axis=1) / 2
    return np.log(own), no_likelier, likelier, N_RESERVED + shares.argmax(axis=1)


def test_judge_compares_an_event_with_all_that_could_have_come(head):
    states, _, _, targets = draw(50)
    expected = judge_by_hand(head, states, targets, float(UNSEEN))
    for found, by_hand in zip(judged(head, states, targets, UNSEEN), expected, strict=True):
        np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-5)


def test_events_that_are_as_likely_share_their_rank_and_all_their_mass(head):
    head.embedding.set_weights([np.ones((N_CODES, DIM))])
    head.bias.assign(np.zeros(N_CODES))
    _, no_likelier, likelier, _ = judged(head, draw(1)[0], [4], UNSEEN)
    assert float(no_likelier[0]) == pytest.approx(1, abs=1e-5)
    assert float(likelier[0]) == (N_CODES - N_RESERVED) / 2


def test_log_prob_alone_is_the_same_as_with_the_judgement(head):
    states, _, _, targets = draw(50)
    targets = np.maximum(targets, N_RESERVED)
    (alone,) = judged(head, states, targets)
    np.testing.assert_array_equal(alone, judged(head, states, targets, UNSEEN)[0])


def test_bfloat16_states_are_judged_in_float32(head):
    states, _, _, targets = draw(5)
    found = head.judge(tf.cast(states, tf.bfloat16), tf.constant(targets), head.table(), UNSEEN)
    assert [part.dtype for part in found] == [tf.float32] * 3 + [tf.int32]


@pytest.mark.parametrize("n", [1, 119, 120, 121, 300])
def test_blocks_of_rows_change_nothing(monkeypatch, head, n):
    states, _, _, targets = draw(n)
    whole = judged(head, states, targets, UNSEEN)
    monkeypatch.setattr(heads, "_LOGITS_AT_ONCE", 1)  # blocks of 120 rows
    for found, expected in zip(judged(head, states, targets, UNSEEN), whole, strict=True):
        assert found.shape == (n,)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


def test_the_likeliest_is_the_item_of_highest_logit(head):
    states, _, _, targets = draw(200)
    *_, likeliest = judged(head, states, targets, UNSEEN)
    assert likeliest.dtype == tf.int32
    np.testing.assert_array_equal(likeliest, N_RESERVED + logits_of(head, states).argmax(axis=1))


def test_the_likeliest_is_never_a_reserved_code(head):
    head.bias.assign(np.where(np.arange(N_CODES) < N_RESERVED, 1e3, -1e3))
    *_, likeliest = judged(head, draw(4)[0], [PADDING, UNKNOWN, N_RESERVED, 5], UNSEEN)
    assert (likeliest.numpy() >= N_RESERVED).all()


def test_of_items_as_likely_the_first_is_the_likeliest(head):
    head.embedding.set_weights([np.zeros((N_CODES, DIM))])  # so that every product is 0 on any processor
    head.bias.assign(np.zeros(N_CODES))
    *_, likeliest = judged(head, np.ones((1, DIM), "f4"), [4], UNSEEN)
    assert likeliest.numpy().tolist() == [N_RESERVED]


# --- the fields of the next event


@pytest.fixture(scope="module")
def network():
    return random_network(WITH_FIELDS)


@pytest.fixture
def events():
    """States, and codes, categories and numbers of the events after them."""
    states = np.random.default_rng(3).normal(size=(20, WITH_FIELDS.embedding_dim)).astype("f4")
    return [states, *random_events(WITH_FIELDS, (20,))]


def parameters_of(network, events):
    return [one.numpy() for one in network.fields.parameters(*events)]


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def test_parameters_are_those_of_a_hidden_layer_on_state_and_what_is_known(network, events):
    states, codes, categories, numbers = events
    known = network.encoder.items(codes).numpy()
    encoded = [one.numpy() for one in network.encoder.encode_fields(categories, numbers)]
    for field, found in enumerate(parameters_of(network, events)):
        (w, b), (v, c) = (layers[field].get_weights() for layers in (network.fields.hidden, network.fields.outputs))
        hidden = np.maximum(np.concatenate([states, known], axis=1) @ w + b, 0)
        np.testing.assert_allclose(found, hidden @ v + c, atol=1e-4)
        known = known + encoded[field]


@pytest.mark.parametrize("field", range(4))
def test_later_fields_do_not_change_the_distribution_of_earlier_ones(network, events, field):
    before = parameters_of(network, events)
    if field < 2:
        events[2][:, field] = 1 + events[2][:, field] % 3
    else:
        events[3][:, field - 2] = POSITIVE, 1.5
    after = parameters_of(network, events)
    same = [np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert same == [True] * (1 + field) + [False] * (3 - field)


def test_surprisal_of_a_category_is_that_of_the_softmax(network, events):
    logits, surprisal = parameters_of(network, events), network.fields.surprisal
    for field, found in enumerate(surprisal(logits, *events[2:])[:2]):
        own = softmax(logits[field])[np.arange(20), events[2][:, field]]
        np.testing.assert_allclose(found, -np.log(own), atol=1e-5)


def test_surprisal_of_a_number_is_that_of_its_mixture(network, events):
    parameters = parameters_of(network, events)
    for field, found in enumerate(network.fields.surprisal(parameters, *events[2:])[2:]):
        expected = -mixtures.log_prob(tf.constant(parameters[2 + field]), tf.constant(events[3][:, field]))
        np.testing.assert_array_equal(found, expected)


def test_fields_that_are_not_given_cost_nothing_and_are_never_odd(network, events):
    events[2][5, 0], events[3][7, 1] = PADDING, (NOT_GIVEN, 0)
    parameters = parameters_of(network, events)
    surprisal = np.stack(network.fields.surprisal(parameters, *events[2:]), axis=1)
    assert surprisal[5, 0] == surprisal[7, 3] == 0
    assert surprisal[:, :2].all(axis=1).sum() == 19
    assert network.fields.no_likelier(parameters, events[2])[0][5] == 1


def test_a_value_of_a_category_is_compared_with_all_that_are_no_likelier(network, events):
    logits = parameters_of(network, events)
    for field, found in enumerate(network.fields.no_likelier(logits, events[2])):
        shares = softmax(logits[field])
        own = shares[np.arange(20), events[2][:, field]][:, None]
        np.testing.assert_allclose(found, np.where(shares <= own * (1 + 1e-6), shares, 0).sum(axis=1), atol=1e-5)


def test_fields_start_from_their_shares():
    network = random_network(WITH_FIELDS)
    rng = np.random.default_rng(0)
    categories = rng.choice([UNKNOWN, 2, 3], (3000, 2), p=[0.2, 0.5, 0.3]).astype("i4")
    numbers = np.stack([rng.choice([NOT_GIVEN, POSITIVE], (3000, 2), p=[0.25, 0.75]), np.zeros((3000, 2))], axis=-1)
    network.fields.start_from_shares(categories, numbers.astype("f4"))
    biases = [layer.bias.numpy() for layer in network.fields.outputs]
    np.testing.assert_allclose(softmax(biases[0][None])[0, :4], [0, 0.2, 0.5, 0.3], atol=0.03)
    n_parameters = len(biases[2]) // mixtures.N_SIGNS
    np.testing.assert_allclose(softmax(biases[2][None, ::n_parameters])[0], [0, 0, 1], atol=0.001)  # of what is there


def test_absence_of_a_number_starts_from_its_share():
    network = random_network(WITH_FIELDS._replace(n_signs=4))
    numbers = np.zeros((3000, 2, 2), "f4")
    numbers[..., 0] = np.random.default_rng(0).choice([ABSENT, POSITIVE], (3000, 2), p=[0.25, 0.75])
    network.fields.start_from_shares(np.full((3000, 2), UNKNOWN), numbers)
    parameters = network.fields.outputs[2].bias.numpy()[None]
    assert mixtures.intervals(parameters, (0.1, 0.9)).absent[0] == pytest.approx(0.25, abs=0.03)


# --- classes


@pytest.fixture(scope="module")
def class_head():
    head = ClassHead(PLAIN._replace(n_classes=3, dropout=0.5))
    head.logits(tf.zeros((1, 6)), tf.zeros((1, 6)))
    rng = np.random.default_rng(0)
    head.set_weights([rng.normal(size=weight.shape) for weight in head.get_weights()])
    return head


VECTORS = np.random.default_rng(1).normal(size=(2, 5, 6)).astype("f4")


def test_logits_of_classes_follow_from_state_and_event(class_head):
    w, b, v, c = (weight.astype("f8") for weight in class_head.get_weights())
    hidden = np.maximum(np.concatenate(VECTORS, axis=1) @ w + b, 0)
    np.testing.assert_allclose(class_head.logits(*VECTORS), hidden @ v + c, atol=1e-4)


def test_classes_start_from_their_shares(class_head):
    class_head.start_from_shares(np.array([0.7, 0.3, 0.0]))
    np.testing.assert_allclose(softmax(class_head.classes.bias.numpy()[None])[0], [0.7, 0.3, 0], atol=1e-5)


def test_dropout_of_the_class_head_is_for_training_alone(class_head):
    np.testing.assert_array_equal(class_head.logits(*VECTORS), class_head.logits(*VECTORS))
    first, second = (class_head.logits(*VECTORS, training=True).numpy() for _ in range(2))
    assert not np.allclose(first, second)
