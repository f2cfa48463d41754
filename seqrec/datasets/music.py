"""Melodies from a formula, whose likelihood is known: what was heard comes again, and is there to be remembered.

The first phrase of a tune asks, and comes again with an answer, at once and after each phrase that asks otherwise. So
half of a tune costs nothing to predict, for whoever remembers what was heard up to sixteen frames before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import check_integer
from seqrec.datasets.draws import choose, generator

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}  # semitones of the degrees above the tonic
LOWEST = 42  # tonic of the chords, a MIDI note; that of the melody is two octaves above
CHORDS = {"I": 0, "IV": 3, "V": 4, "VI": 5}  # degree of the root
PROGRESSIONS = ("I IV I V", "I VI IV V", "I V I V", "I IV V V")  # of a phrase that asks
DEGREES = np.arange(8)  # of the melody, an octave
LEAPS = np.array([1, 4, 2, 1, 0, 0, 0, 0])  # weights of going on by so many degrees, up or down
AGAIN = 0.5  # chance of another pair of phrases


class _Questions(NamedTuple):
    """Phrases that ask."""

    chords: NDArray[np.intp]  # (n, 4) degrees of their roots
    melody: NDArray[np.intp]  # (n, 8) degrees
    log_p: NDArray[np.float64]  # (n,)


def make_melodies(n_melodies: int = 1_000, *, random_state: int | np.random.RandomState | None = None) -> pd.DataFrame:
    r"""Draw tunes in all keys, as piano rolls, with the log-likelihood of each.

    Use it to see how near to the truth a generator comes, as with :func:`make_text`, and whether it remembers.

    Parameters
    ----------
    n_melodies : int, default=1000
        Number of tunes, of 48 frames on average.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Returns
    -------
    pandas.DataFrame
        Row i is tune i: `key` (str, such as "D minor"), `frames` (list of tuples of MIDI notes, from high to low) and
        `log_likelihood` (float, nats), :math:`\log p` of the tune and its end. `music.from_pianorolls` takes the
        frames.

    Notes
    -----
    *Form.* A question and its answer, and then pairs of another question and the same answer: one pair, and after each
    one more with probability 1/2. Questions are drawn, and an answer follows from the first.

    *Question.* Eight frames: four chords of two frames, of one of four progressions (I IV I V, I VI IV V, I V I V,
    I IV V V), over which goes a melody of degrees 0 to 7 of the scale. It begins on any of these in the first chord. It
    goes on by no degree, one, two or three, up or down, with weights 1, 4, 2 and 1 for each degree that can be reached
    so; when the chord changes, only those of the new chord can be. The last note is held.

    *Answer.* The same, but it ends with chord I, under the tonic that is nearest to the note before, and a rest.

    *Key.* One of twelve, major or (harmonic) minor, with equal chances. The root of a chord sounds in its first frame,
    third and fifth in its second.

    All this can be heard, so a tune has one derivation alone. Its entropy is

    .. math:: H = \log 24 + 2 \log 2 + 3 h = 33.62

    nats, since 3 questions are drawn on average, of h = 9.686 nats each. As items of `music.from_pianorolls`, with its
    end, it has 160 events on average, so this is **0.2101 nats an event**. N-grams reach .6.

    Examples
    --------
    >>> from seqrec import music
    >>> from seqrec.datasets import make_melodies
    >>> tunes = make_melodies(100, random_state=0)
    >>> tunes["key"][0], tunes["frames"][0][:2]
    ('A# major', [(82, 46), (79, 53, 50)])
    >>> X = music.from_pianorolls(tunes["frames"])
    >>> truth = tunes["log_likelihood"].sum() / (X.n_events + len(X))  # what `score` of a generator comes near to
    >>> float(truth.round(2))
    -0.21
    """
    n, rng = check_integer(n_melodies, "n_melodies"), generator(random_state)
    tonic, mode = LOWEST + rng.integers(0, 12, n), rng.choice(list(SCALES), n)
    n_pairs = rng.geometric(1 - AGAIN, n)
    asked = _ask(n + n_pairs.sum(), rng)
    bounds = np.append(0, np.cumsum(1 + n_pairs))
    log_p = np.add.reduceat(asked.log_p, bounds[:-1]) + (n_pairs - 1) * np.log(AGAIN) + np.log(1 - AGAIN)
    tunes = {
        "key": [f"{NAMES[note % 12]} {name}" for note, name in zip(tonic, mode, strict=True)],
        "frames": [_tune(asked, range(*bounds[row : row + 2]), int(tonic[row]), SCALES[mode[row]]) for row in range(n)],
        "log_likelihood": log_p - np.log(12 * len(SCALES)),
    }
    return pd.DataFrame(tunes)


def _ask(n: int, rng: np.random.Generator) -> _Questions:
    """Draw n questions."""
    roots = np.array([[CHORDS[chord] for chord in one.split()] for one in PROGRESSIONS])
    chords, log_p = roots[rng.integers(0, len(roots), n)], np.full(n, -np.log(len(roots)))
    melody = np.zeros((n, 8), np.intp)
    for frame in range(7):
        weights = np.ones((n, 8)) if frame == 0 else LEAPS[np.abs(DEGREES - melody[:, frame - 1 : frame])]
        if frame % 2 == 0:
            weights = weights * np.isin((DEGREES - chords[:, frame // 2, None]) % 7, (0, 2, 4))
        melody[:, frame] = choose(weights, rng)
        log_p += np.log(weights[np.arange(n), melody[:, frame]] / weights.sum(axis=1))
    melody[:, 7] = melody[:, 6]
    return _Questions(chords, melody, log_p)


def _tune(asked: _Questions, rows: range, tonic: int, scale: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Give the frames of a tune: each of its questions with the answer to the first."""
    chords, melody = asked.chords[rows].tolist(), asked.melody[rows].tolist()
    nearest = 7 if melody[0][5] > 3 else 0  # tonic
    answer = [*_phrase([*chords[0][:3], CHORDS["I"]], [*melody[0][:6], nearest], tonic, scale), ()]
    questions = [_phrase(*question, tonic, scale) for question in zip(chords, melody, strict=True)]
    return [frame for question in questions for frame in (*question, *answer)]


def _phrase(chords: list[int], melody: list[int], tonic: int, scale: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Give the frames of a phrase from the degrees of its roots and its melody."""
    above = ((0,), (4, 2))  # the root in a chord's first frame, fifth and third in its second
    degrees = [
        (14 + note, *(chords[frame // 2] + third for third in above[frame % 2])) for frame, note in enumerate(melody)
    ]
    return [tuple(tonic + scale[degree % 7] + 12 * (degree // 7) for degree in frame) for frame in degrees]
