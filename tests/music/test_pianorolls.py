"""Piano rolls become sequences of notes, and are the same rolls again."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec import Sequences, music

FRAMES = st.lists(st.lists(st.lists(st.integers(0, 127), max_size=4), max_size=6), max_size=4)


def as_frames(rolls):
    return [[np.flatnonzero(frame).tolist() for frame in roll] for roll in rolls]


def as_lists(X):
    return [items.tolist() for items in X]


@given(FRAMES)
def test_frames_come_back_as_they_were_each_note_once(pieces):
    rolls = music.to_pianorolls(music.from_pianorolls(pieces))
    assert as_frames(rolls) == [[sorted(set(frame)) for frame in piece] for piece in pieces]
    assert all(roll.shape[1:] == (128,) and roll.dtype == bool for roll in rolls)


@given(FRAMES)
def test_arrays_and_lists_give_the_same_sequences(pieces):
    X = music.from_pianorolls(pieces)
    Y = music.from_pianorolls([roll * 80.0 for roll in music.to_pianorolls(X)])
    assert as_lists(Y) == as_lists(X)
    assert Y.vocabulary == X.vocabulary


@given(FRAMES)
def test_notes_of_a_frame_fall_and_each_frame_has_one_end(pieces):
    for items, piece in zip(music.from_pianorolls(pieces), pieces, strict=True):
        frames = "\n".join(items).split("|")
        assert len(frames) - 1 == len(piece) == items.tolist().count("|")
        for names in frames[:-1]:
            notes = [number(name) for name in names.split()]
            assert notes == sorted(set(notes), reverse=True)


def number(name):
    octave = name.lstrip("ABCDEFG#")
    place = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"].index(name.removesuffix(octave))
    return 12 * (int(octave) + 1) + place


def test_notes_are_spelled_by_scientific_pitch():
    X = music.from_pianorolls([[[0, 21, 60, 61, 69, 127]]])
    assert X[0].tolist() == ["G9", "A4", "C#4", "C4", "A0", "C-1", "|"]


def test_keys_sets_tuples_and_columns_of_a_frame_are_taken():
    table = pd.DataFrame({"piece": ["b", "b", "a"], "notes": [np.array([60, 64]), np.array([], int), np.array([62])]})
    pieces = table.groupby("piece")["notes"].agg(list)
    X = music.from_pianorolls(pieces, keys=pieces.index)
    assert as_lists(X.at("b")) == [["E4", "C4", "|", "|"]]
    assert as_lists(music.from_pianorolls([[{60, 64}, ()]])) == as_lists(X.at("b"))


@pytest.mark.parametrize(
    ("items", "frames"),
    [
        (["C4", "E4"], [[60, 64]]),
        (["|", "C4"], [[], [60]]),
        (["C4", "G4", "C4", "|", "|"], [[60, 67], []]),
        ([], []),
    ],
)
def test_what_no_musician_writes_is_taken_as_it_can_be(items, frames):
    assert as_frames(music.to_pianorolls(Sequences.from_lists([items, ["D4"]]))) == [frames, [[62]]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (Sequences.from_lists([["C4", "tea", "|"]]), "X holds 'tea', which is no note. Notes are items such as 'C4'"),
        (Sequences.from_lists([["Db4"]]), "'Db4', which is no note"),
        (Sequences.from_lists([[60, 64]]), "X holds 60, which is no note"),
        (Sequences.from_lists([["C4", "x"]]).recode(Sequences.from_lists([["C4"]]).vocabulary), "X holds None"),
        (Sequences.from_arrays(np.zeros((1, 2, 3))), "which is no note"),
    ],
)
def test_other_items_are_refused_by_name(X, message):
    with pytest.raises(ValueError, match=message):
        music.to_pianorolls(X)


def test_items_that_do_not_occur_may_be_anything():
    X = Sequences.from_lists([["C4", "|"], ["tea"]])[:1]
    assert as_frames(music.to_pianorolls(X)) == [[[60]]]


@pytest.mark.parametrize(
    ("roll", "message"),
    [
        ([60, 62], r"rolls\[0\]\[0\] must be a list of .*, got 60 \(int\)\. For one piece alone, wrap it"),
        ([[60], [128]], r"rolls\[0\]\[1\] must hold MIDI notes, .* 0 to 127, got 128 \(int\)\. A rest is \[\]"),
        ([[-1]], "got -1"),
        ([[60.0]], r"got 60.0 \(float\)"),
        ([[True]], r"got True \(bool\)"),
        ([["C4"]], "got 'C4'"),
        ([[2**70]], "got 1180591620717411303424"),
        ([None], "got None"),
        ([[0] * 60 + [1] + [0] * 67], "must be a list of the MIDI notes of a frame"),
        ("C4", r"rolls\[0\] must be a list of frames or an array \(n_frames, 128\), got 'C4' \(str\)"),
        (7, r"rolls\[0\] must be a list of frames"),
        (np.zeros((3, 88)), r"must be numbers of shape \(n_frames, 128\), got float64 \(3, 88\)\. Or give lists"),
        (np.zeros(128), r"\(128,\)"),
        (np.full((3, 128), "x"), "<U1"),
        (np.full((3, 128), np.nan), "missing or below 0"),
        (np.full((3, 128), -1), "missing or below 0"),
    ],
)
def test_what_is_no_piano_roll_is_refused(roll, message):
    with pytest.raises(ValueError, match=message):
        music.from_pianorolls([roll])


def test_no_pieces_and_empty_pieces_are_there():
    assert music.to_pianorolls(music.from_pianorolls([])) == []
    X = music.from_pianorolls([[], np.zeros((0, 128)), [[]]])
    assert X.lengths.tolist() == [0, 0, 1]
    assert [len(roll) for roll in music.to_pianorolls(X)] == [0, 0, 1]
