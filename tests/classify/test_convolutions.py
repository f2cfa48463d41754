import numpy as np
import pytest

from seqrec.classify.convolutions import Convolutions, RidgeRegression
from seqrec.network.augmentation import at_lengths
from seqrec.network.frame_training import FrameSet

RNG = np.random.default_rng(0)


def frames_of(lengths, n_inputs=3, seed=0):
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    values = np.random.default_rng(seed).standard_normal((indptr[-1], n_inputs)).astype("f4")
    return FrameSet(values, indptr, lambda lengths: np.zeros(len(lengths), "f4"))


@pytest.fixture(scope="module")
def drawn():
    return Convolutions.draw(frames_of([40] * 30), np.random.default_rng(0))


def test_a_share_is_how_often_a_pattern_exceeds_a_level(drawn):
    frames = frames_of([64, 127, 1], seed=1)
    shares = drawn.shares(frames)
    at, kernel, level = 2, 17, 3
    dilation = int(drawn.dilations[at])
    for sequence, (start, stop) in enumerate(zip(frames.indptr[:-1], frames.indptr[1:], strict=True)):
        own = frames.values[start:stop]
        own, above = own[::2] if len(own) > 64 else np.repeat(own, 64 // len(own), axis=0), []
        for frame in range(64):
            taps = [(tap, frame + dilation * (tap - 4)) for tap in range(9)]
            found = sum(drawn.kernels[at, tap, :, kernel] @ own[place] for tap, place in taps if 0 <= place < 64)
            apart = (found - drawn.levels[level, at, kernel]) / drawn.widths[at, kernel]
            above.append(np.clip(apart + 0.5, 0, 1))
        place = np.ravel_multi_index((level, at, kernel), drawn.levels.shape)
        assert shares[sequence, place] == pytest.approx(np.mean(above), abs=1e-5)


def test_patterns_reach_over_a_usual_sequence_and_their_numbers_add_up_to_nothing(drawn):
    assert drawn.length == 64
    assert drawn.dilations.tolist() == [1, 2, 4, 8]
    np.testing.assert_allclose(drawn.kernels.sum(axis=1), 0, atol=1e-6)
    usual = drawn.shares(frames_of([40] * 30)).mean(axis=0)
    assert ((usual > 0.05) & (usual < 0.95)).all()
    assert Convolutions.draw(frames_of([200, 300, 0]), RNG).length == 200


def test_how_fast_something_goes_does_not_count(drawn):
    slow = np.cumsum(np.random.default_rng(3).standard_normal((40, 3)), axis=0).astype("f4")
    fast = at_lengths(slow[None], np.array([40]), np.array([79]))[0]
    frames = frames_of([40, 79])
    frames.values[:] = np.concatenate([slow, fast])
    shares = drawn.shares(frames)
    np.testing.assert_allclose(shares[0], shares[1], atol=0.01)


def test_company_and_the_end_of_a_sequence_do_not_count(drawn):
    frames = frames_of([12, 50, 0, 30], seed=2)
    together = drawn.shares(frames)
    for sequence in range(4):
        own = frames.values[slice(*frames.indptr[sequence : sequence + 2])]
        alone = drawn.shares(frames._replace(values=own, indptr=np.array([0, len(own)])))
        np.testing.assert_allclose(alone[0], together[sequence], atol=1e-5)
    assert not together[2].any()


def test_constant_channels_are_no_pattern():
    frames = frames_of([20] * 5)
    frames.values[:] = 0
    shares = Convolutions.draw(frames, RNG).shares(frames)
    assert np.isfinite(shares).all()


def test_a_ridge_regression_tells_sequences_by_their_patterns():
    frames, labels = frames_of([30] * 80), np.arange(80) % 2
    for sequence in np.flatnonzero(labels):
        frames.values[sequence * 30 + 10 : sequence * 30 + 16, 1] += [3, -3, 3, -3, 3, -3]
    shares = Convolutions.draw(frames, np.random.default_rng(0)).shares(frames)
    fitted = RidgeRegression.fit(shares[:60], labels[:60], np.ones(60))
    log_p = fitted.log_probabilities(shares[60:])
    np.testing.assert_array_equal(log_p.argmax(axis=1), labels[60:])
    weighed = RidgeRegression.fit(shares[:60], labels[:60], np.where(labels[:60], 5.0, 1.0))
    assert weighed.log_probabilities(shares[60:])[:, 1].mean() > log_p[:, 1].mean()
