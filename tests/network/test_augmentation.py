import numpy as np

from seqrec.network.augmentation import altered, rows_of_alike, shifted, stretched


def test_a_stretched_line_stays_a_line_from_its_first_value_to_its_last():
    lengths = np.array([20, 5, 1, 0])
    frames = np.zeros((4, 20, 1), "f4")
    for row, n in enumerate(lengths):
        frames[row, :n, 0] = 3 + np.arange(n)
    drawn, new = stretched(frames, lengths, np.random.default_rng(0))
    assert new[2:].tolist() == [1, 0]
    assert drawn[2, 0, 0] == 3
    for row in (0, 1):
        assert round(0.8 * lengths[row]) <= new[row] <= round(1.25 * lengths[row])
        expected = np.linspace(3, 2 + lengths[row], new[row])
        np.testing.assert_allclose(drawn[row, : new[row], 0], expected, atol=1e-4)
        assert not drawn[row, new[row] :].any()


def test_what_is_beyond_the_end_stays_empty_and_a_lone_channel_stays():
    lengths = np.array([6, 2])
    drawn = altered(np.ones((2, 8, 1), "f4"), lengths, np.random.default_rng(0))
    assert not drawn[0, 6:].any()
    assert not drawn[1, 2:].any()
    assert drawn.any(axis=(1, 2)).all()


def test_stretches_and_channels_are_left_out_and_the_rest_has_noise():
    drawn = altered(np.ones((200, 40, 8), "f4"), np.full(200, 40), np.random.default_rng(0))
    channels_out = ~drawn.any(axis=1)
    frames_out = ~drawn.any(axis=2)
    assert 0.05 < channels_out.mean() < 0.15
    assert 0.05 < frames_out.mean() < 0.15
    assert (np.diff(frames_out.astype(int), axis=1) > 0).sum(axis=1).max() <= 1  # one stretch
    np.testing.assert_allclose(drawn[drawn != 0].mean(), 1, atol=0.01)


def waves(n_channels, seed=0):
    """Give frames of which each channel is like its neighbours."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (2_000, 1))
    return np.sin(phase + np.arange(n_channels) * 0.4) + 0.2 * rng.standard_normal((2_000, n_channels))


def test_channels_that_are_like_their_neighbours_are_a_row_and_others_are_none():
    apart = np.random.default_rng(1).standard_normal((2_000, 12))
    alike = apart[:, :1] + 0.1 * np.random.default_rng(2).standard_normal((2_000, 12))
    constant = np.zeros((2_000, 3))
    row = waves(10)
    found = rows_of_alike(np.concatenate([apart, constant, row, constant, alike], axis=1).astype("f4"))
    assert found == [slice(15, 25)]
    assert rows_of_alike(waves(7).astype("f4")) == []


def test_rows_of_channels_are_moved_by_a_little_and_others_stay():
    frames = np.zeros((50, 3, 30), "f4")
    frames[..., 5:25] = np.arange(20)
    drawn = shifted(frames, [slice(5, 25)], np.random.default_rng(0))
    assert not drawn[..., :5].any()
    assert not drawn[..., 25:].any()
    moved = drawn[:, 0, 5:25] - np.arange(20)
    assert 1 < np.abs(moved).max() < 3
    assert len(np.unique(moved[:, 10])) == 50
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 2])
    assert (np.diff(drawn[:, 0, 5:25], axis=1) > -1e-5).all()
    assert shifted(frames, [], np.random.default_rng(0)) is frames
