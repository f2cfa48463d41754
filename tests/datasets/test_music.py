from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from seqrec import NGramGenerator, music
from seqrec.datasets import make_melodies

ROOTS = {"I": 0, "IV": 3, "V": 4, "VI": 5}
PROGRESSIONS = [[ROOTS[chord] for chord in line.split()] for line in ("I IV I V", "I VI IV V", "I V I V", "I IV V V")]
TONES = {root: [note for note in range(8) if (note - root) % 7 in (0, 2, 4)] for root in ROOTS.values()}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}
NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


@pytest.fixture(scope="module")
def tunes():
    return make_melodies(1_000, random_state=0)


def following(before, root, changes):
    """Chance of each degree after another, as documented."""
    weights = {note: (1, 4, 2, 1)[abs(note - before)] for note in range(8) if abs(note - before) < 4}
    weights = {note: weight for note, weight in weights.items() if not changes or note in TONES[root]}
    return {note: weight / sum(weights.values()) for note, weight in weights.items()}


@cache
def all_questions():
    """Each question that there can be, (roots, degrees), with its probability."""
    questions = {(tuple(roots), (note,)): 1 / 16 for roots in PROGRESSIONS for note in TONES[0]}
    for frame in range(1, 7):
        questions = {
            (roots, (*notes, note)): p * q
            for (roots, notes), p in questions.items()
            for note, q in following(notes[-1], roots[frame // 2], frame % 2 == 0).items()
        }
    return {(roots, (*notes, notes[-1])): p for (roots, notes), p in questions.items()}


def entropy():
    """Of a tune, nats."""
    return np.log(24) + 2 * np.log(2) - 3 * sum(p * np.log(p) for p in all_questions().values())


def sounding(roots, notes, tonic, scale):
    def pitch(degree):
        return tonic + scale[degree % 7] + 12 * (degree // 7)

    chords = [(root, third) for root in roots for third in ((0,), (4, 2))]
    return [
        (pitch(14 + note), *(pitch(root + above) for above in thirds))
        for note, (root, thirds) in zip(notes, chords, strict=True)
    ]


def judge(frames):
    """Log-likelihood of a tune from what sounds alone."""
    tonic = frames[0][1]
    scale = SCALES["major" if frames[1][2] - tonic == 4 else "minor"]
    heard = {tuple(sounding(*question, tonic, scale)): (p, question) for question, p in all_questions().items()}
    phrases = [tuple(frames[start : start + 8]) for start in range(0, len(frames), 8)]
    assert len(set(phrases[1::2])) == 1
    roots, notes = heard[phrases[0]][1]
    ending = [7 if notes[5] > 3 else 0] * 2
    assert phrases[1] == (*sounding([*roots[:3], 0], [*notes[:6], *ending], tonic, scale)[:7], ())
    n_pairs = len(phrases) // 2 - 1
    return -np.log(24) + n_pairs * np.log(0.5) + sum(np.log(heard[phrase][0]) for phrase in phrases[::2])


def test_the_likelihood_of_a_tune_is_told_by_what_sounds(tunes):
    assert sum(all_questions().values()) == pytest.approx(1)
    for frames, log_likelihood in zip(tunes["frames"][:1], tunes["log_likelihood"], strict=False):
        assert judge(frames) == pytest.approx(log_likelihood)


def test_the_entropy_is_the_one_that_is_documented():
    question = -sum(p * np.log(p) for p in all_questions().values())
    assert f"3 h = {entropy():.2f}" in make_melodies.__doc__
    assert f"h = {question:.3f} nats" in make_melodies.__doc__
    assert f"**{entropy() / 160:.4f} nats an event**" in make_melodies.__doc__


def test_means_of_what_is_drawn_are_near_those_of_the_formula(tunes):
    n_events = music.from_pianorolls(tunes["frames"]).lengths + 1
    for values, mean in zip((-tunes["log_likelihood"], n_events), (entropy(), 160), strict=True):
        assert values.mean() == pytest.approx(mean, abs=4 * values.std() / np.sqrt(len(values)))


def test_keys_are_those_of_the_first_chord_and_all_occur(tunes):
    assert tunes["key"].nunique() == 24
    for key, frames in zip(tunes["key"], tunes["frames"], strict=True):
        name, mode = key.split()
        assert NAMES[frames[0][1] % 12] == name
        assert frames[1][2] - frames[0][1] == {"major": 4, "minor": 3}[mode]


def test_frames_fall_from_high_to_low_and_the_melody_lies_above_the_chords(tunes):
    for frames in tunes["frames"]:
        assert all(high > low for frame in frames for high, low in pairwise(frame))
        assert min(frame[0] for frame in frames if frame) > max(frame[1] for frame in frames if frame)


def test_frames_become_sequences_and_come_back(tunes):
    rolls = music.to_pianorolls(music.from_pianorolls(tunes["frames"]))
    assert [tuple(np.flatnonzero(frame)[::-1]) for frame in rolls[7]] == tunes["frames"][7]


def test_counting_what_follows_a_few_notes_does_not_come_near(tunes):
    X = music.from_pianorolls(tunes["frames"])
    truth = tunes["log_likelihood"][800:].sum() / (X[800:].n_events + 200)
    assert NGramGenerator(order=6).fit(X[:800]).score(X[800:]) < 1.3 * truth


def test_same_seed_gives_the_same_tunes(tunes):
    pd.testing.assert_frame_equal(tunes, make_melodies(1_000, random_state=0))
    assert not make_melodies(1_000, random_state=1).equals(tunes)


def test_a_number_of_tunes_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="n_melodies must be at least 1"):
        make_melodies(0)
