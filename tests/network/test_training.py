"""The training loop: what it keeps, when it stops, and the optimizer's rows."""

import random
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqrec.data.sequences import Sequences
from seqrec.network.batches import training_batches
from seqrec.network.model import SequenceModel
from seqrec.network.progress import TrainingProgress
from seqrec.network.training import RowAdam, train, warm_up_and_cosine

N_ITEMS = 6
CYCLES = [[(start + step) % N_ITEMS for step in range(8)] for start in range(12)]


def make_model(**options):
    architecture = {"units": 8, "embedding_dim": 8, "n_layers": 1, "cell": "lstm", "dropout": 0.1, "n_negatives": 0}
    return SequenceModel(**(architecture | {"n_codes": N_ITEMS + 2, "with_time": False, "seed": 0} | options))


def run(model, validate=None, max_epochs=6, patience=6, learning_rate=0.01, batch_size=32, X=None, progress=None):
    X = Sequences.from_lists(CYCLES) if X is None else X
    batches = partial(training_batches, X, 20, batch_size, np.random.default_rng(0))
    progress = TrainingProgress(max_epochs, X.n_events, False) if progress is None else progress
    return train(model, batches, validate, learning_rate, max_epochs, patience, progress)


class Validation:
    """Gives the scores that the test decides, and remembers the weights that it saw."""

    def __init__(self, model, scores):
        self.model, self.scores, self.weights = model, iter(scores), []

    def __call__(self):
        self.weights.append(self.model.get_weights())
        score = next(self.scores)
        if isinstance(score, BaseException):
            raise score
        return score


def assert_same_weights(weights, others):
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_the_loss_falls():
    losses = run(make_model(), max_epochs=15)["loss"]
    assert len(losses) == 15
    assert losses[-1] < 0.6 * losses[0]


def test_early_stopping_keeps_the_best_weights():
    model = make_model()
    validation = Validation(model, [0.1, 0.3, 0.2, 0.3, 0.25, 0.9])
    history = run(model, validation, patience=3)
    assert history["validation"] == [0.1, 0.3, 0.2, 0.3, 0.25]
    assert len(history["loss"]) == 5
    assert_same_weights(model.get_weights(), validation.weights[1])


def test_the_last_epoch_is_kept_if_it_is_the_best():
    model = make_model()
    validation = Validation(model, [0.0, 0.1])
    run(model, validation, max_epochs=2)
    assert_same_weights(model.get_weights(), validation.weights[1])


def test_ctrl_c_keeps_the_best_weights_with_a_warning():
    model = make_model()
    validation = Validation(model, [0.3, 0.2, KeyboardInterrupt()])
    with pytest.warns(UserWarning, match="stopped by hand after 3 epochs"):
        history = run(model, validation)
    assert history["validation"] == [0.3, 0.2]
    assert_same_weights(model.get_weights(), validation.weights[0])


def test_ctrl_c_before_anything_was_validated_is_passed_on():
    model = make_model()
    with pytest.raises(KeyboardInterrupt):
        run(model, Validation(model, [KeyboardInterrupt()]))


@pytest.mark.parametrize("n_negatives", [0, 3])
def test_a_loss_that_breaks_says_what_to_try(n_negatives):
    with pytest.raises(FloatingPointError, match=r"in epoch 1\. Try a smaller learning_rate"):
        run(make_model(n_negatives=n_negatives), learning_rate=1e38, batch_size=10)


def test_a_loss_above_guessing_is_called_diverged():
    with pytest.warns(
        UserWarning, match=r"is far worse than guessing at random \(\d\.\d\)\. Try a smaller learning_rate"
    ):
        run(make_model(), learning_rate=30.0, max_epochs=3)


@pytest.mark.parametrize("n_negatives", [0, 1])
def test_unknown_targets_teach_nothing_and_break_nothing(n_negatives):
    X = Sequences.from_lists([["a", "b"], ["x", "y"]])
    X = X.recode(X[:1].compact().vocabulary)
    assert run(make_model(n_negatives=n_negatives, n_codes=4), X=X[1:], max_epochs=2)["loss"] == [0, 0]


def test_training_follows_its_seeds_and_touches_no_global_one():
    before = global_states()
    weights = []
    for _ in range(2):
        model = make_model(n_negatives=2)
        run(model, max_epochs=1)
        weights.append(model.get_weights())
    assert_same_weights(*weights)
    assert global_states() == before


def global_states():
    numpy_state = np.random.get_state()  # noqa: NPY002
    tensorflow_state = tf.random.get_global_generator().state.numpy().tolist()
    return random.getstate(), numpy_state[1].tolist(), numpy_state[2], tensorflow_state, tf.compat.v1.get_seed(None)


def test_bfloat16_keeps_float32_weights_and_learns():
    model = make_model(dtype="mixed_bfloat16")
    losses = run(model, max_epochs=10)["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert {weight.dtype for weight in model.get_weights()} == {np.dtype("float32")}


def test_warm_up_rises_for_an_epoch_and_then_falls_to_a_fiftieth():
    schedule = warm_up_and_cosine(0.5, n_batches=10, n_epochs=4)
    rates = [float(schedule(step)) for step in range(41)]
    assert rates[0] == 0
    assert np.argmax(rates) == 10
    assert rates[10] == pytest.approx(0.5)
    assert rates[25] == pytest.approx(0.5 * (0.02 + 0.98 * 0.5))
    assert rates[40] == pytest.approx(0.01)


def test_one_epoch_is_all_warm_up():
    schedule = warm_up_and_cosine(0.5, n_batches=10, n_epochs=1)
    assert float(schedule(10)) == pytest.approx(0.5)


def steps_of(optimizer, gradients):
    """The variable after each step."""
    variable = keras.Variable(np.linspace(-1, 1, 8).reshape(4, 2).astype(np.float32))
    optimizer.build([variable])
    values = []
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
        values.append(variable.numpy())
    return values


GRADIENTS = np.random.default_rng(0).normal(size=(5, 4, 2)).astype(np.float32)


def test_row_adam_equals_adam_where_all_rows_have_a_gradient():
    order = [2, 0, 3, 1]
    sparse = [tf.IndexedSlices(tf.constant(gradient[order]), tf.constant(order), (4, 2)) for gradient in GRADIENTS]
    dense = [tf.constant(gradient) for gradient in GRADIENTS]
    expected = steps_of(keras.optimizers.Adam(0.1), dense)
    np.testing.assert_allclose(steps_of(RowAdam(0.1), sparse), expected, atol=1e-5)


def test_row_adam_equals_adam_for_dense_gradients():
    dense = [tf.constant(gradient) for gradient in GRADIENTS]
    np.testing.assert_array_equal(steps_of(RowAdam(0.1), dense), steps_of(keras.optimizers.Adam(0.1), dense))


def test_row_adam_follows_the_formula_and_leaves_other_rows_alone():
    rows = [[0, 2], [2], [0, 1], [2, 1], [1]]
    gradients = [tf.IndexedSlices(tf.constant(g[r]), r, (4, 2)) for g, r in zip(GRADIENTS, rows, strict=True)]
    values = steps_of(RowAdam(0.1), gradients)
    expected = np.linspace(-1, 1, 8).reshape(4, 2)
    m, v = np.zeros((4, 2)), np.zeros((4, 2))
    for t, (gradient, row, value) in enumerate(zip(GRADIENTS, rows, values, strict=True), start=1):
        m[row] = 0.9 * m[row] + 0.1 * gradient[row]  # Kingma & Ba (2015), for the rows of the batch
        v[row] = 0.999 * v[row] + 0.001 * gradient[row] ** 2
        rate = 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        expected[row] -= rate * m[row] / (np.sqrt(v[row]) + 1e-7)
        np.testing.assert_allclose(value, expected, atol=1e-5)
    np.testing.assert_array_equal(values[-1][3], np.linspace(-1, 1, 8).reshape(4, 2)[3].astype(np.float32))
