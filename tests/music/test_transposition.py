"""Pieces in several keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec import music

FRAMES = st.lists(st.lists(st.lists(st.integers(0, 127), max_size=4), max_size=6), max_size=4)


@given(FRAMES, st.lists(st.integers(-127, 130), max_size=4))
def test_each_note_is_so_much_higher_in_all_pieces_that_stay_in_range(pieces, semitones):
    X, groups = music.transposed(music.from_pianorolls(pieces), semitones)
    expected = [
        (row, [[note + shift for note in sorted(set(frame))] for frame in piece])
        for row, piece in enumerate(pieces)
        for shift in semitones
        if shift <= 127 and all(0 <= note + shift <= 127 for frame in piece for note in frame)
    ]
    frames = [[np.flatnonzero(frame).tolist() for frame in roll] for roll in music.to_pianorolls(X)]
    assert list(zip(groups.tolist(), frames, strict=True)) == expected


def test_a_piece_stands_in_every_key_once_by_default_with_its_own_key_and_times():
    X = music.from_pianorolls([[[60]], [[64], [65]]], keys=["a", "b"])
    Y, groups = music.transposed(X)
    assert groups.tolist() == [0] * 12 + [1] * 12
    assert Y.keys.tolist() == ["a"] * 12 + ["b"] * 12
    assert sorted(item for piece in Y[:12] for item in piece if item != "|") == sorted(
        ["F#3", "G3", "G#3", "A3", "A#3", "B3", "C4", "C#4", "D4", "D#4", "E4", "F4"]
    )


def test_untransposed_pieces_are_the_pieces():
    X = music.from_pianorolls([[[60, 64], []], [], [[0, 127]]])
    Y, groups = music.transposed(X, [0])
    assert [piece.tolist() for piece in Y] == [piece.tolist() for piece in X]
    assert groups.tolist() == [0, 1, 2]


def test_variants_are_told_apart_in_a_frame_by_their_order():
    X, _ = music.transposed(music.from_pianorolls([[[60]]]), [0, 2])
    assert X.to_frame()["item_id"].tolist() == ["C4", "|", "D4", "|"]


def test_what_are_no_semitones_is_refused():
    X = music.from_pianorolls([[[60]]])
    with pytest.raises(TypeError, match=r"semitones must be an integer, got 0\.5"):
        music.transposed(X, [0.5])
    with pytest.raises(ValueError, match="semitones must be at least -127"):
        music.transposed(X, [-200])
