"""The network keeps its promises on time, padding and seeds, with every cell."""

import numpy as np
import pytest
import tensorflow as tf

from seqrec.data.vocabulary import PADDING
from seqrec.network.batches import UNKNOWN_GAP
from seqrec.network.model import SequenceModel

N_CODES, DIM = 12, 6
CODES = np.array([[0, 2, 3, 4, 5, 6], [0, 7, 8, 9, 10, 11]], dtype=np.int32)
GAPS = np.array([[0, 0, 5, 7, 2, 9], [0, 0, 1, 1, 20, 3]], dtype=np.int32)


def make_model(seed=0, **options):
    architecture = {"units": 5, "embedding_dim": DIM, "n_layers": 1, "cell": "lstm", "dropout": 0.3, "n_negatives": 0}
    return SequenceModel(**(architecture | {"n_codes": N_CODES, "with_time": False} | options), seed=seed)


def with_random_gaps(model):
    """Gap embeddings start at zero; give them something to say."""
    rng = np.random.default_rng(0)
    for layer in (model.gap_embedding, model.next_gap_scale, model.next_gap_shift):
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="module", params=["lstm", "peephole", "gru", "rnn", "two layers", "bfloat16"])
def model(request):
    options = {"two layers": {"n_layers": 2}, "bfloat16": {"dtype": "mixed_bfloat16"}}
    return make_model(**options.get(request.param, {"cell": request.param}))


def as_array(states):
    return tf.cast(states, tf.float32).numpy()


def test_each_event_has_a_state_beside_the_item_embeddings(model):
    assert model(CODES).shape == (2, 6, DIM)


def test_later_events_do_not_change_earlier_states(model):
    changed = CODES.copy()
    changed[:, 3:] = [[9, 9, 9], [2, 2, 2]]
    before, after = as_array(model(CODES)), as_array(model(changed))
    np.testing.assert_allclose(after[:, :3], before[:, :3], atol=1e-5)
    assert not np.allclose(after[:, 3:], before[:, 3:])


def test_earlier_events_change_later_states(model):
    changed = CODES.copy()
    changed[:, 1] = [9, 2]
    assert not np.allclose(as_array(model(changed))[:, -1], as_array(model(CODES))[:, -1])


def test_the_width_of_padding_does_not_change_states(model):
    padded = np.pad(CODES, ((0, 0), (0, 30)), constant_values=PADDING)
    np.testing.assert_allclose(as_array(model(padded))[:, :6], as_array(model(CODES)), atol=1e-5)


def test_company_in_the_batch_does_not_change_states(model):
    np.testing.assert_allclose(as_array(model(CODES))[:1], as_array(model(CODES[:1])), atol=1e-5)


def test_before_training_the_latest_events_fade_with_their_distance():
    model = make_model()
    model.projection.set_weights([np.zeros((5, DIM))])
    items = model.embedding(CODES).numpy()
    expected = sum(items[:, step] / (6 - step) for step in range(6))
    np.testing.assert_allclose(model(CODES)[:, -1], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_reading_on_from_memory_equals_reading_at_once(model, cut):
    memory = model.start(2)
    first, memory = model.read(memory, CODES[:, :cut])
    second, _ = model.read(memory, CODES[:, cut:])
    parts = np.concatenate([as_array(first), as_array(second)], axis=1)
    # In bfloat16 the cell state is rounded where reading stops.
    np.testing.assert_allclose(parts, as_array(model(CODES)), atol=1e-5 if first.dtype == tf.float32 else 0.05)


def test_gradient_of_the_loss_is_finite_and_reaches_every_weight(model):
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        loss, _ = model.loss_of(model.start(2), CODES[:, :-1], CODES[:, 1:])
    assert 0 < float(loss) < 20
    for variable, gradient in zip(model.trainable_variables, tape.gradient(loss, variables), strict=True):
        values = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(values).all()
        assert values.any(), variable.path


def test_loss_leaves_padded_targets_out():
    model = make_model(dropout=0.0)
    model.code_dropout.rate = 0.0
    inputs, targets = CODES[:, :-1].copy(), CODES[:, 1:].copy()
    inputs[1, 3:], targets[1, 2:] = PADDING, PADDING
    logits = model.head.logits(tf.reshape(model(inputs), (-1, DIM)))
    log_probabilities = np.reshape(tf.nn.log_softmax(logits), (2, 5, -1))
    expected = [-log_probabilities[row, t, targets[row, t] - 2] for row, t in zip(*np.nonzero(targets), strict=True)]
    loss, _ = model.loss_of(model.start(2), inputs, targets)
    assert float(loss) == pytest.approx(np.mean(expected), abs=1e-5)


def test_states_at_picks_one_position_of_each_row():
    model = make_model()
    states = model.states_at(np.array([5, 2]), CODES)
    np.testing.assert_allclose(states, model(CODES).numpy()[[0, 1], [5, 2]], atol=1e-5)


def test_dropout_is_for_training_alone():
    model = make_model()
    np.testing.assert_array_equal(model(CODES), model(CODES))
    assert not np.allclose(model(CODES, training=True), model(CODES, training=True))


def test_one_seed_starts_from_the_same_weights_and_another_does_not():
    first, same, other = (make_model(seed, n_layers=2, with_time=True).get_weights() for seed in (0, 0, 1))
    for weight, again in zip(first, same, strict=True):
        np.testing.assert_array_equal(weight, again)
    assert any(not np.array_equal(weight, another) for weight, another in zip(first, other, strict=True))


def test_layers_do_not_start_alike():
    model = make_model(n_layers=2, embedding_dim=5)
    first, second = (layer.get_weights()[0] for layer in model.recurrence)
    assert not np.allclose(first, second)


def test_gaps_change_states_from_their_event_on():
    model = with_random_gaps(make_model(with_time=True))
    changed = GAPS.copy()
    changed[:, 3] = 30
    before, after = model(CODES, GAPS).numpy(), model(CODES, changed).numpy()
    np.testing.assert_allclose(after[:, :3], before[:, :3], atol=1e-5)
    assert not np.allclose(after[:, 3:], before[:, 3:])


def test_the_time_of_the_question_changes_only_its_own_state():
    model = with_random_gaps(make_model(with_time=True))
    asked = np.full_like(GAPS, UNKNOWN_GAP)
    before = model(CODES, GAPS, asked).numpy()
    asked[:, 2] = 8
    moved = np.abs(model(CODES, GAPS, asked).numpy() - before).max(axis=(0, 2))
    assert moved[2] > 0.1
    assert not moved[[0, 1, 3, 4, 5]].any()


def test_a_network_without_time_ignores_gaps():
    model = make_model()
    np.testing.assert_array_equal(model(CODES, GAPS, GAPS), model(CODES))


def test_training_hides_some_gaps():
    model = with_random_gaps(make_model(with_time=True, dropout=0.0))
    model.code_dropout.rate = 0.0
    states = np.stack([model(CODES, GAPS, GAPS, training=True) for _ in range(10)])
    assert states.std(axis=0).max() > 0.1
