"""A learner trains one network again and again, and each time as if it were the first."""

import numpy as np
import pytest

from seqrec.data.fields import Fields
from seqrec.data.sequences import Sequences
from seqrec.network.learning import EventLearner
from seqrec.network.progress import TrainingProgress
from seqrec.network.reading import Closed

RNG = np.random.default_rng(0)
LISTS = [RNG.choice(["a", "b", "c"], RNG.integers(2, 9)).tolist() for _ in range(30)]
X = Sequences.from_lists(LISTS)
NETWORK = {
    "n_codes": 6,
    "units": 4,
    "embedding_dim": 4,
    "n_layers": 1,
    "cell": "lstm",
    "dropout": 0.3,
    "n_negatives": 0,
}
ARCHITECTURE = {"network": NETWORK, "category_sizes": [], "n_numbers": 0, "seed": 0}


def learn(learner, sequences=X):
    fields = Fields.learn(sequences)
    with TrainingProgress(2, 100, verbose=False) as progress:
        history = learner.learn(Closed.of(sequences, fields), 200, 64, 0.01, 2, np.random.default_rng(0), progress)
    return history["loss"], learner.network.get_weights()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_second_training_does_not_know_of_the_first(policy):
    learner = EventLearner(ARCHITECTURE, policy)
    first, weights = learn(learner)
    learn(learner, X[:10])
    again, same = learn(learner)
    assert again == first
    for one, other in zip(weights, same, strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_that_is_stopped_by_hand_teaches_nothing(monkeypatch):
    learner = EventLearner(ARCHITECTURE, "float32")
    calls = iter([1.0, 1.0])

    def interrupt(*_):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return 1.0

    monkeypatch.setattr("seqrec.network.training._run_epoch", interrupt)
    learn(learner)
    with pytest.raises(KeyboardInterrupt):
        learn(learner)
