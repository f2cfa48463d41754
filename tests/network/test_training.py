"""The training of all: what it keeps, when it stops, that each is as if it were the first, and the optimizer's rows."""

import random
from itertools import islice

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqrec.data.fields import Fields
from seqrec.data.sequences import Sequences
from seqrec.network.architectures import Architecture
from seqrec.network.reading import Reader
from seqrec.network.training import Average, Course, RowAdam, Trainer, by_weight, warm_up_and_cosine

N_ITEMS = 6
CYCLES = Sequences.from_lists([[(start + step) % N_ITEMS for step in range(8)] for start in range(12)])
SMALL = Architecture(
    n_codes=N_ITEMS + 2, units=8, embedding_dim=8, n_layers=1, cell="lstm", dropout=0.1, n_negatives=0, seed=0
)
COURSE = Course(longest=20, batch_size=32, learning_rate=0.01, n_epochs=6, patience=6, verbose=False)


def make_trainer(policy="float32", **options):
    return Trainer(SMALL._replace(**options), policy)


def run(trainer, validate=None, X=CYCLES, start=lambda _: None, **changes):
    encoded = Fields().encode(X)
    return trainer.fit(encoded, COURSE._replace(**changes), np.random.default_rng(0), start, validate)


class Validation:
    """Gives the scores that the test decides, and remembers the weights that it saw."""

    def __init__(self, *scores):
        self.scores, self.weights, self.readers = iter(scores), [], []

    def __call__(self, reader):
        self.weights.append(reader.network.get_weights())
        self.readers.append((reader, reader.table, reader.started))
        score = next(self.scores)
        if isinstance(score, BaseException):
            raise score
        return score


def assert_same_weights(weights, others):
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.fixture(scope="module")
def trainer():
    """One graph for all trainings: each is as if it were the first."""
    return make_trainer()


def test_the_loss_falls(trainer):
    losses = run(trainer, n_epochs=15)["loss"]
    assert len(losses) == 15
    assert losses[-1] < 0.6 * losses[0]


def test_early_stopping_keeps_the_best_weights(trainer):
    validation = Validation(0.1, 0.3, 0.2, 0.3, 0.25, 0.9)
    history = run(trainer, validation, patience=3)
    assert history["validation"] == [0.1, 0.3, 0.2, 0.3, 0.25]
    assert len(history["loss"]) == 5
    assert_same_weights(trainer.network.get_weights(), validation.weights[1])


def test_the_last_epoch_is_kept_if_it_is_the_best(trainer):
    validation = Validation(0.0, 0.1)
    run(trainer, validation, n_epochs=2)
    assert_same_weights(trainer.network.get_weights(), validation.weights[1])


def test_without_validation_the_last_weights_are_kept(trainer):
    weights = []
    for n_epochs in (1, 2):
        run(trainer, n_epochs=n_epochs, warm_up=False, patience=1)
        weights.append(trainer.network.get_weights())
    validation = Validation(0.0, 0.1)
    run(trainer, validation, n_epochs=2, warm_up=False)
    for one, seen in zip(weights, validation.weights, strict=True):
        assert_same_weights(one, seen)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize(
    ("losses", "scores", "expected"),
    [
        ([3.0, 2.0, 2.2, 2.0], [0.1, 0.2, 0.1, 0.3], [1.0, 1.0, 1.0, 0.5]),  # a rise
        ([3.0, 2.0, 2.2, 2.0], [0.1, 0.2, 0.3, 0.4], [1.0, 1.0, 1.0, 1.0]),  # that made it better
        ([3.0, 2.0, 2.04, 2.0], [0.1, 0.2, 0.1, 0.3], [1.0, 1.0, 1.0, 1.0]),  # that is small
        ([3.0, 2.0, 2.2, 2.2, 1.0], [0.1, 0.2, 0.1, 0.1, 0.1], [1.0, 1.0, 1.0, 0.5, 0.25]),  # two, of the lowest so far
    ],
)
def test_where_the_loss_rises_training_goes_on_from_the_best_weights_at_half_the_rate(
    trainer, monkeypatch, losses, scores, expected, averaged
):
    rates, begun = [], []

    def run_epoch(_, epoch, __):
        rates.append(next(trainer._step._rates))
        begun.append(trainer._trained.get_weights())
        trainer._trained.set_weights([weight + 1 for weight in begun[-1]])
        if averaged:
            trainer._average.look(trainer._trained)
        return losses[epoch]

    monkeypatch.setattr(trainer, "_run_epoch", run_epoch)
    changes = {"warm_up": False, "learning_rate": 1.0, "averaged": averaged}
    validation = Validation(*scores)
    run(trainer, validation, steps_back=True, n_epochs=len(losses), **changes)
    assert rates == expected
    for epoch in np.flatnonzero(np.diff(expected)) + 1:
        assert_same_weights(begun[epoch], validation.weights[1])
    rates.clear()
    run(trainer, Validation(*scores), n_epochs=len(losses), **changes)
    assert rates == [1.0] * len(losses)  # where nobody asked for it


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_ctrl_c_keeps_the_best_weights_and_goes_on_when_these_are_used(policy):
    trainer, validation = make_trainer(policy), Validation(0.3, 0.2, KeyboardInterrupt())
    history = run(trainer, validation)
    assert history["validation"] == [0.3, 0.2]
    assert_same_weights(trainer.network.get_weights(), validation.weights[0])
    with pytest.raises(KeyboardInterrupt, match=r"stopped after epoch 3\. The estimator is fitted: .* of epoch 1"):
        trainer.raise_if_stopped()
    with pytest.raises(KeyboardInterrupt, match=r"stopped after epoch 3\. The estimator is as it was"):
        trainer.raise_if_stopped(keeps=False)
    run(trainer, n_epochs=1)
    trainer.raise_if_stopped()  # that was another training


def test_ctrl_c_before_an_epoch_was_over_is_passed_on(trainer):
    with pytest.raises(KeyboardInterrupt):
        run(trainer, Validation(KeyboardInterrupt()))
    trainer.raise_if_stopped()


@pytest.mark.parametrize("n_negatives", [0, 3])
def test_a_loss_that_breaks_says_what_to_try(trainer, n_negatives):
    trainer = make_trainer(n_negatives=3) if n_negatives else trainer
    with pytest.raises(FloatingPointError, match=r"in epoch 1\. Try a smaller learning_rate"):
        run(trainer, learning_rate=1e38, batch_size=10)


def test_a_loss_above_guessing_is_called_diverged(trainer):
    with pytest.warns(
        UserWarning, match=r"is far worse than guessing at random \(\d\.\d\)\. Try a smaller learning_rate"
    ) as caught:
        run(trainer, learning_rate=30.0, n_epochs=3)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("n_negatives", [0, 1])
def test_unknown_targets_teach_nothing_and_break_nothing(n_negatives):
    X = Sequences.from_lists([["a", "b"], ["x", "y"]])
    X = X.recode(X[:1].compact().vocabulary)
    assert run(make_trainer(n_negatives=n_negatives, n_codes=4), X=X[1:], n_epochs=2)["loss"] == [0, 0]


def test_validation_reads_the_weights_of_its_epoch(trainer):
    validation = Validation(0.1, 0.2)
    run(trainer, validation, n_epochs=2, warm_up=False)
    tables = [table.numpy() for _, table, _ in validation.readers]
    assert not np.array_equal(*tables)
    for weights, (_, table, started) in zip(validation.weights, validation.readers, strict=True):
        trainer.network.set_weights(weights)
        assert_same_weights([Reader.of(trainer.network).table], [table])
        np.testing.assert_array_equal(Reader.of(trainer.network).started.output, started.output)


def test_sequences_are_drawn_as_often_as_they_weigh():
    weights, rng = np.array([1.0, 2.5, 0.1, 4.4] * 3), np.random.default_rng(0)
    times = np.mean([np.bincount(by_weight(CYCLES, rng, weights).keys, minlength=12) for _ in range(2000)], axis=0)
    np.testing.assert_allclose(times, weights, atol=0.05)
    assert by_weight(CYCLES, rng, np.ones(12)).keys.tolist() == list(range(12))


def test_training_starts_from_the_weights_that_it_is_given(trainer):
    weights = [np.full_like(weight, 0.1) for weight in trainer.network.get_weights()]
    run(trainer, start=lambda network: network.set_weights(weights), learning_rate=1e-9, n_epochs=1)
    for found, expected in zip(trainer.network.get_weights(), weights, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


# --- one training after another


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.slow
def test_a_second_training_does_not_know_of_the_first(policy):
    trainer, results = make_trainer(policy, dropout=0.3, n_negatives=2), []
    for X in (CYCLES, CYCLES[:5], CYCLES):
        losses = run(trainer, X=X, n_epochs=2)["loss"]
        results.append((losses, trainer.network.get_weights(), Reader.of(trainer.network).table.numpy()))
    (first, weights, table), (other, *_), (again, same, same_table) = results
    assert again == first != other
    assert_same_weights([*same, same_table], [*weights, table])


def test_of_one_network_that_is_trained_twice_the_second_is_as_the_first(trainer):
    losses = [run(trainer, n_epochs=2)["loss"] for _ in range(2)]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_training_follows_its_seeds_and_touches_no_global_one():
    before = global_states()
    weights = []
    for _ in range(2):
        trainer = make_trainer(n_negatives=2)
        run(trainer, n_epochs=1)
        weights.append(trainer.network.get_weights())
    assert_same_weights(*weights)
    assert global_states() == before


def global_states():
    numpy_state = np.random.get_state()  # noqa: NPY002
    tensorflow_state = tf.random.get_global_generator().state.numpy().tolist()
    return random.getstate(), numpy_state[1].tolist(), numpy_state[2], tensorflow_state, tf.compat.v1.get_seed(None)


@pytest.mark.slow
def test_bfloat16_learns_and_leaves_a_network_in_float32():
    trainer = make_trainer("mixed_bfloat16")
    losses = run(trainer, n_epochs=8)["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert trainer.network.compute_dtype == "float32"
    assert {weight.dtype for weight in trainer.network.get_weights()} == {np.dtype("float32")}


def test_long_sequences_are_trained_on_in_windows_and_segments(trainer):
    long = Sequences.from_lists([[step % N_ITEMS for step in range(200)]] * 3)
    assert run(trainer, X=long, longest=150, batch_size=200, n_epochs=8)["loss"][-1] < 1.5


# --- rates


def test_without_warm_up_each_step_is_taken_at_the_rate(trainer, monkeypatch):
    rates = []
    monkeypatch.setattr(trainer._step, "restart", lambda each: rates.extend(map(float, islice(each, 3))))
    monkeypatch.setattr(trainer, "_run_epoch", lambda *_: 1.0)
    for warm_up in (False, True):
        run(trainer, warm_up=warm_up, n_epochs=1, batch_size=16, learning_rate=0.5)
    assert rates[:3] == [0.5] * 3
    np.testing.assert_allclose(rates[3:], [0, 0.5 / 6, 1 / 6], atol=1e-6)  # an epoch has six steps


def test_warm_up_rises_for_an_epoch_and_then_falls_to_a_fiftieth():
    rates = list(islice(warm_up_and_cosine(0.5, n_batches=10, n_epochs=4), 41))
    assert rates[0] == 0
    assert np.argmax(rates) == 10
    assert rates[10] == pytest.approx(0.5)
    assert rates[25] == pytest.approx(0.5 * (0.02 + 0.98 * 0.5))
    assert rates[40] == pytest.approx(0.01)


def test_one_epoch_is_all_warm_up():
    assert list(islice(warm_up_and_cosine(0.5, n_batches=10, n_epochs=1), 11))[10] == pytest.approx(0.5)


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


def test_an_average_never_changes_what_it_gave_before():
    class Model:
        weights = 0.0

        def get_weights(self):
            self.weights += 1.0
            return [np.full(3, self.weights)]

    average, model = Average(every=2), Model()
    average.look(model)
    assert average.weights == []  # not yet its time
    average.look(model)
    given = average.weights[0]
    assert given.tolist() == [1.0] * 3
    for _ in range(60):
        average.look(model)
    assert given.tolist() == [1.0] * 3
    assert 31 * 0.8 < average.weights[0][0] < 31  # the latest count most
