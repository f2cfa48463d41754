import numpy as np

from seqrec.network.frame_training import FrameSet, Lesson, passes

LENGTHS = np.array([3, 0, 7, 1, 5])
INDPTR = np.concatenate([[0], np.cumsum(LENGTHS)])
FRAMES = FrameSet(np.arange(16, dtype="f4")[:, None], INDPTR, lambda lengths: np.asarray(lengths, "f4"))


def test_each_sequence_is_read_once_with_its_own_frames():
    seen = []
    for rows, (frames, lengths, extent), events, here in FRAMES.in_parts(np.arange(5)):
        seen += rows.tolist()
        np.testing.assert_array_equal(lengths, LENGTHS[rows])
        np.testing.assert_array_equal(extent, LENGTHS[rows])
        np.testing.assert_array_equal(frames[here][:, 0], events)
        assert not frames[~here].any()
    assert sorted(seen) == [0, 1, 2, 3, 4]


def lesson(by_frame, longest=100):
    labels = np.arange(16 if by_frame else 5, dtype="i4")
    weights = np.ones((len(labels), 2), "f4")
    weights[2] = 0
    return Lesson(FRAMES, labels, weights, batch_size=2, longest=longest, by_frame=by_frame, rows_of_channels=[])


def test_a_pass_holds_each_sequence_that_has_frames_and_weight():
    batches = list(lesson(by_frame=False).batches(np.random.default_rng(0)))
    assert sorted(np.concatenate([labels[:, 0] for *_, labels, _ in batches]).tolist()) == [0, 3, 4]
    assert all(len(lengths) <= 2 for _, lengths, *_ in batches)


def test_labels_of_frames_lie_beside_them_and_padding_weighs_nothing():
    found = []
    for _, lengths, _, labels, weights in lesson(by_frame=True).batches(np.random.default_rng(0)):
        here = np.arange(labels.shape[1]) < lengths[:, None]
        assert not weights[~here].any()
        found += labels[weights[..., 0] > 0].tolist()
    assert sorted(found) == [0, 1, *range(3, 16)]


def test_of_what_is_too_long_a_part_is_drawn():
    for _, lengths, _, labels, weights in lesson(by_frame=True, longest=4).batches(np.random.default_rng(0)):
        assert lengths.max() <= 4
        assert (np.diff(labels[0])[weights[0, 1:, 0] > 0] == 1).all()


def test_a_small_set_is_read_often_enough_for_an_epoch():
    assert [passes(n) for n in (1, 17, 50, 900)] == [50, 3, 1, 1]
