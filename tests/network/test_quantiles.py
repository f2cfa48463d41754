"""A network of quantiles, compared with its equations in NumPy."""

import pickle

import numpy as np
import pytest
from scipy.special import expit

from seqrec.exceptions import DivergenceError
from seqrec.network.architectures import LEVELS, QuantileArchitecture
from seqrec.network.drawn import DrawTrainer
from seqrec.network.quantiles import QuantileModel

ARCHITECTURE = QuantileArchitecture(n_inputs=5, n_ahead=3, horizon=4, units=6, dropout=0.0, n_networks=2, seed=0)
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(3, 7, 5)).astype("f4")
AHEAD = RNG.normal(size=(3, 7, 4, 3)).astype("f4")
ALL = np.tile(np.arange(7, dtype=np.int32), (3, 1))


@pytest.fixture(scope="module")
def model():
    model = QuantileModel(ARCHITECTURE)
    model.set_weights([RNG.normal(0, 0.5, weight.shape).astype("f4") for weight in model.get_weights()])
    return model


def lstm(x, kernel, recurrent, bias):
    h = c = np.zeros((len(x), len(recurrent)))
    found = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        found.append(h)
    return np.stack(found, axis=1)


def oracle(weights, inputs, ahead):
    """Quantiles of one network after each stride, (batch, time, horizon, n_levels)."""
    w = iter(weights)
    z = np.maximum(inputs @ next(w) + next(w), 0)
    for _ in range(2):
        z = z + lstm(z, next(w), next(w), next(w))
    steps = (z @ next(w) + next(w)).reshape(*z.shape[:2], 4, -1)
    out = np.maximum(steps + ahead @ next(w), 0) @ next(w) + next(w)
    apart, median = np.logaddexp(0, out - 1), out[..., 4:5]
    above = median + np.cumsum(apart[..., 5:], axis=-1)
    below = median - np.cumsum(apart[..., 3::-1], axis=-1)[..., ::-1]
    return np.concatenate([below, median, above], axis=-1)


def expected(model):
    weights = model.get_weights()
    half = len(weights) // 2
    return np.mean([oracle(one, INPUTS, AHEAD) for one in (weights[:half], weights[half:])], axis=0)


def test_the_blueprint_knows_the_weights(model):
    assert [weight.shape for weight in model.get_weights()] == list(ARCHITECTURE.shapes().values())


def test_quantiles_are_the_mean_of_those_of_the_equations_and_never_cross(model):
    told = model.tell(INPUTS, AHEAD, ALL)
    np.testing.assert_allclose(told, expected(model), rtol=1e-4, atol=1e-5)
    assert (np.diff(told, axis=-1) > 0).all()


def test_later_strides_change_nothing_and_fewer_steps_are_the_first(model):
    told = model.tell(INPUTS[:, :3], AHEAD[:, 2:3, :2], np.full((3, 1), 2, np.int32))
    np.testing.assert_allclose(told[:, 0], expected(model)[:, 2, :2], rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_pinball_loss_of_what_has_weight(model):
    targets, weights = RNG.normal(size=(3, 7, 4)).astype("f4"), RNG.uniform(0, 2, (3, 7, 4)).astype("f4")
    weights[0, 3:], weights[1, :, 2] = 0, 0
    loss, memory = model.loss_of([], INPUTS, AHEAD, targets, weights)
    half, total = len(model.get_weights()) // 2, 0.0
    for own in (model.get_weights()[:half], model.get_weights()[half:]):
        error = targets[..., None] - oracle(own, INPUTS, AHEAD)
        pinball = np.maximum(np.array(LEVELS) * error, (np.array(LEVELS) - 1) * error).mean(axis=-1)
        total += (pinball * weights).sum() / (weights > 0).sum() / 2
    assert float(loss) == pytest.approx(total, abs=1e-5)
    assert memory == []


def test_a_copy_tells_the_same(model):
    copied = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(copied.tell(INPUTS, AHEAD, ALL), model.tell(INPUTS, AHEAD, ALL))


def draw():
    targets = np.repeat(INPUTS[..., :1], 4, axis=-1)
    return INPUTS, AHEAD, targets, np.ones_like(targets)


def test_training_learns_and_keeps_what_is_judged_best(monkeypatch):
    monkeypatch.setattr("seqrec.network.drawn.STEPS_OF_EPOCH", 5)
    model = QuantileModel(ARCHITECTURE._replace(n_networks=1, dropout=0.1))
    trainer, merits, seen = DrawTrainer(model), iter([0.0, 2.0, 1.0]), []

    def validate():
        seen.append(model.get_weights())
        return next(merits)

    history = trainer.fit(draw, 15, 0.02, 5, False, validate)
    assert history["validation"] == [0.0, 2.0, 1.0]
    assert history["loss"][-1] < history["loss"][0]
    for kept, best in zip(model.get_weights(), seen[1], strict=True):
        np.testing.assert_array_equal(kept, best)
    with pytest.raises(DivergenceError, match="loss turned"):
        trainer.fit(lambda: (*draw()[:2], np.full((3, 7, 4), np.nan, "f4"), draw()[3]), 1, 0.01, 5, False, None)
