import numpy as np
import pytest
from scipy.special import log_softmax

from seqrec.network.architectures import FrameArchitecture
from seqrec.network.frames import FrameModel

SEQUENCES = FrameArchitecture(
    n_inputs=2, n_classes=3, units=4, n_layers=2, cell="lstm", both_ways=True, dropout=0.0, n_networks=2, seed=0
)
EACH = SEQUENCES._replace(both_ways=False)
RNG = np.random.default_rng(0)


def random_model(architecture):
    model = FrameModel(architecture)
    model.set_weights([RNG.normal(0, 0.5, weight.shape).astype("f4") for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def model():
    return random_model(SEQUENCES)


def tell(model, lengths, frames):
    padded = np.zeros((len(lengths), max(lengths), 2), "f4")
    for row, n in enumerate(lengths):
        padded[row, :n] = frames[:n]
    return model.tell(padded, np.array(lengths, "i4"), np.array(lengths, "f4"))


FRAMES = RNG.normal(size=(9, 2)).astype("f4")


@pytest.mark.parametrize("architecture", [SEQUENCES, EACH, SEQUENCES._replace(cell="gru"), EACH._replace(n_layers=1)])
def test_the_weights_are_those_that_the_architecture_implies(architecture):
    weights = FrameModel(architecture).get_weights()
    assert [weight.shape for weight in weights] == list(architecture.shapes().values())


def test_company_and_padding_do_not_change_what_is_told_of_a_sequence(model):
    together = tell(model, [4, 9, 1], FRAMES)
    for row, n in enumerate((4, 9, 1)):
        np.testing.assert_allclose(tell(model, [n], FRAMES)[:, 0], together[:, row], atol=1e-5)


def test_probabilities_sum_to_one_also_of_nothing(model):
    np.testing.assert_allclose(np.exp(tell(model, [0, 5], FRAMES)).sum(axis=-1), 1, atol=1e-5)


def test_the_first_frame_matters_as_much_as_the_last(model):
    whole = tell(model, [9], FRAMES)
    for place in (0, 8):
        changed = FRAMES.copy()
        changed[place] += 1
        assert np.abs(tell(model, [9], changed) - whole).max() > 1e-3


def test_later_frames_do_not_change_the_class_of_earlier_ones():
    model, changed = random_model(EACH), FRAMES.copy()
    changed[6:] += 1
    whole, other = tell(model, [9], FRAMES), tell(model, [9], changed)
    np.testing.assert_allclose(other[:, :, :6], whole[:, :, :6], atol=1e-6)
    assert np.abs(other[:, :, 6:] - whole[:, :, 6:]).min(axis=(0, 1, 3)).max() > 1e-3


def test_the_loss_is_the_cross_entropy_of_smoothed_labels_of_what_each_network_learns(model):
    lengths, labels = np.array([9, 9], "i4"), np.array([[1], [2]], "i4")
    weights = np.array([[[2.0, 0.0]], [[1.0, 3.0]]], "f4")
    read = [np.stack([FRAMES, -FRAMES]), lengths, np.zeros(2, "f4")]
    loss, _ = model.loss_of([], *read, labels, weights)
    log_p = model.tell(*read)[:, :, 0]
    wanted = 0.95 * np.eye(3)[labels[:, 0]] + 0.05 / 3
    entropy = -(wanted * log_softmax(log_p, axis=-1)).sum(axis=-1)  # (networks, batch)
    np.testing.assert_allclose(loss, ((2 * entropy[0, 0] + entropy[0, 1]) / 3 + entropy[1, 1]) / 2, atol=1e-5)
