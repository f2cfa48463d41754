"""Classes of clips."""

import numpy as np
import pytest

import seqrec
from seqrec import ConvLSTMClassifier

SMALL = {"units": 4, "max_steps": 4, "batch_size": 4, "random_state": 0}


def clips(n=8, n_images=6, size=8):
    """Bars that fall, and bars that rise."""
    rows = (np.arange(n)[:, None] + np.arange(n_images) * np.where(np.arange(n) % 2, 1, -1)[:, None]) % size
    return np.eye(size)[rows][..., None].repeat(size, axis=3), np.array(["rises", "falls"])[np.arange(n) % 2]


CLIPS, Y = clips()


@pytest.fixture(scope="module")
def fitted():
    return ConvLSTMClassifier(**SMALL).fit(CLIPS, Y)


@pytest.mark.slow
def test_it_tells_motions_apart():
    classifier = ConvLSTMClassifier(units=8, max_steps=200, random_state=0).fit(CLIPS, Y)
    more, y = clips(16, 9)
    assert classifier.score(more, y) == 1.0


def test_chances_sum_to_one_and_the_largest_is_predicted(fitted):
    chances = fitted.predict_proba(CLIPS)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted.predict(CLIPS), fitted.classes_[chances.argmax(axis=1)])


def test_company_and_length_of_others_change_no_chance(fitted):
    mixed = [CLIPS[0], CLIPS[1, :2], CLIPS[2, :1]]
    together = fitted.predict_proba(mixed)
    for row, clip in enumerate(mixed):
        np.testing.assert_allclose(fitted.predict_proba([clip])[0], together[row], atol=1e-5)


@pytest.mark.slow
def test_a_long_clip_is_read_in_windows():
    classifier = ConvLSTMClassifier(**SMALL, max_length=3).fit(CLIPS, Y)
    parts = classifier.predict_proba([CLIPS[0, :3], CLIPS[0, 3:]])
    np.testing.assert_allclose(classifier.predict_proba(CLIPS[:1])[0], parts.mean(axis=0), atol=1e-5)


def test_a_saved_model_gives_the_very_same_numbers(fitted, tmp_path):
    seqrec.save(fitted, tmp_path / "clips.seqrec")
    again = seqrec.load(tmp_path / "clips.seqrec")
    np.testing.assert_array_equal(again.predict_proba(CLIPS), fitted.predict_proba(CLIPS))
    np.testing.assert_array_equal(again.predict(CLIPS), fitted.predict(CLIPS))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y[:3], "one label for each of the 8 clips"),
        (["falls"] * 8, "one class alone, .*falls"),
        ([None, *Y[1:]], "1 missing labels, the first of clip 0"),
        (np.array([1, *Y[1:]], dtype=object), "mixes kinds of labels"),
    ],
)
def test_labels_that_cannot_be_learned_are_errors(y, message):
    with pytest.raises(ValueError, match=message):
        ConvLSTMClassifier(**SMALL).fit(CLIPS, y)


@pytest.mark.parametrize("parameter", ConvLSTMClassifier().get_params())
def test_a_bad_parameter_fails_in_fit_by_name(parameter):
    with pytest.raises(ValueError, match=parameter):
        ConvLSTMClassifier(**{parameter: object()}).fit(CLIPS, Y)
