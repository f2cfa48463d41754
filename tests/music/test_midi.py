"""MIDI files are read and written."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrec import music
from seqrec.exceptions import MissingExtraError

mido = pytest.importorskip("mido")

FRAMES = st.lists(st.lists(st.lists(st.integers(0, 127), max_size=3), max_size=6), max_size=3)
STEPS = st.sampled_from([0.25, 1, 1 / 3, 1 / 7, 4, 1 / 960, 0.1])


def write(path, *tracks, beat=480):
    """Write a file of tracks of (ticks since the last, kind, note or tempo) and perhaps a velocity and a channel."""
    file = mido.MidiFile(ticks_per_beat=beat)
    for events in tracks:
        track = file.add_track()
        for time, kind, value, *more in events:
            if kind == "tempo":
                track.append(mido.MetaMessage("set_tempo", tempo=value, time=time))
            else:
                named = dict(zip(("velocity", "channel"), more, strict=False))
                track.append(mido.Message(kind, note=value, time=time, **named))
    file.save(path)
    return path


def frames_of(path, step=1):
    return [np.flatnonzero(frame).tolist() for frame in music.to_pianorolls(music.from_midi([path], step=step))[0]]


@settings(max_examples=25)
@given(pieces=FRAMES, step=STEPS, tempo=st.floats(4, 1000))
def test_what_is_written_is_read_again_rests_at_both_ends_too(tmp_path_factory, pieces, step, tempo):
    X = music.from_pianorolls(pieces)
    paths = music.to_midi(X, tmp_path_factory.mktemp("tunes"), step=step, tempo=tempo)
    assert [items.tolist() for items in music.from_midi(paths, step=step)] == [items.tolist() for items in X]


def test_files_of_a_folder_are_numbered_and_read_with_their_paths_for_keys(tmp_path):
    X = music.from_pianorolls([[[60]], [[62], []]])
    paths = music.to_midi(X, tmp_path / "new" / "tunes")
    assert [path.name for path in paths] == ["00000.mid", "00001.mid"]
    assert music.from_midi(paths).keys.tolist() == [str(path) for path in paths]
    assert music.from_midi(str(paths[1]))[0].tolist() == ["D4", "|", "|"]


def test_a_folder_stands_for_the_tunes_in_it_in_the_order_of_their_names(tmp_path):
    with pytest.raises(ValueError, match=r"the folder .* holds no file that ends in \.mid or \.midi"):
        music.from_midi(tmp_path)
    music.to_midi(music.from_pianorolls([[[62]], [[60]]]), [tmp_path / "b.MID", tmp_path / "a.midi"])
    (tmp_path / "words.txt").write_text("tea")
    X = music.from_midi(tmp_path)
    assert [items.tolist() for items in X] == [["C4", "|"], ["D4", "|"]]
    assert X.keys.tolist() == [str(tmp_path / "a.midi"), str(tmp_path / "b.MID")]


def test_each_file_may_have_a_path_of_its_own(tmp_path):
    path = tmp_path / "tune.mid"
    assert music.to_midi(music.from_pianorolls([[[60]]]), [path]) == [path]
    assert frames_of(path, 0.25) == [[60]]


def test_the_tempo_is_in_the_file_and_does_not_matter_to_what_is_read(tmp_path):
    (path,) = music.to_midi(music.from_pianorolls([[[60], [62]]]), tmp_path, tempo=90)
    assert mido.MidiFile(path).tracks[0][0].tempo == mido.bpm2tempo(90)
    notes = [(0, "note_on", 60), (480, "tempo", 1_000_000), (480, "note_off", 60)]
    assert frames_of(write(tmp_path / "slower.mid", notes)) == [[60], [60]]


def test_a_held_note_is_struck_once(tmp_path):
    (path,) = music.to_midi(music.from_pianorolls([[[60, 64], [60], []]]), tmp_path, step=1)
    kinds = [(message.type, message.note) for message in mido.MidiFile(path).tracks[0] if not message.is_meta]
    assert kinds == [("note_on", 60), ("note_on", 64), ("note_off", 64), ("note_off", 60)]


def test_notes_off_the_grid_go_to_the_nearest_frame_and_have_one_at_least(tmp_path):
    late = [(500, "note_on", 60), (300, "note_off", 60)]  # 1.04 to 1.67 quarter notes
    grace = [(230, "note_on", 72), (5, "note_off", 72), (20, "note_on", 74), (1, "note_off", 74)]  # .48 and .53
    assert frames_of(write(tmp_path / "a.mid", late, grace)) == [[72], [60, 74]]


def test_a_velocity_of_zero_ends_a_note_and_a_note_struck_again_goes_on(tmp_path):
    again = [(0, "note_on", 60), (480, "note_on", 60), (480, "note_on", 60, 0), (480, "note_off", 60)]
    assert frames_of(write(tmp_path / "a.mid", again)) == [[60], [60], []]


def test_a_note_that_never_ends_sounds_until_its_track_does(tmp_path):
    first, second = [(480, "note_on", 60), (960, "note_off", 62)], [(1920, "note_off", 70)]
    assert frames_of(write(tmp_path / "a.mid", first, second)) == [[], [60], [60], []]


def test_tracks_and_channels_are_one_piece_without_drums(tmp_path):
    high, low = [(0, "note_on", 72, 64, 1), (480, "note_off", 72, 64, 1)], [(0, "note_on", 60), (960, "note_off", 60)]
    drums = [(0, "note_on", 36, 64, 9), (480, "note_off", 36, 64, 9)]
    both = [(0, "note_on", 65, 9, 2), (0, "note_on", 65, 9, 3), (480, "note_off", 65, 9, 2), (480, "tempo", 500_000)]
    assert frames_of(write(tmp_path / "a.mid", high, low, drums, both)) == [[60, 65, 72], [60, 65]]


def test_a_file_without_notes_is_a_piece_of_rests(tmp_path):
    assert frames_of(write(tmp_path / "a.mid", [(960, "tempo", 500_000)])) == [[], []]
    assert frames_of(write(tmp_path / "b.mid", [])) == []


@pytest.fixture
def whole(tmp_path):
    (path,) = music.to_midi(music.from_pianorolls([[[60, 64], [62]]]), tmp_path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file[:0], "it is no MIDI file, or a broken one"),
        (lambda file: b"ID3" + file, "MThd not found"),
        (lambda file: file[:-3], "broken one"),
        (lambda file: file[:10], "broken one"),
        (lambda file: file[:8] + b"\0\2" + file[10:], "type 0 or 1 with tracks, got type 2"),
        (lambda file: file[:10] + b"\0\0" + file[12:], "type 0 or 1 with tracks"),
        (lambda file: file[:10] + b"\xff\xff" + file[12:], "type 0 or 1 with tracks"),
        (lambda file: file[:12] + b"\xe7\x28" + file[14:], "SMPTE"),
        (lambda file: file[:12] + b"\0\0" + file[14:], "tells no length of a quarter note"),
        (lambda file: file[:-4] + b"\xff\xff\xff\x7f" + file[-3:], "broken one"),
    ],
)
def test_a_broken_file_is_named(tmp_path, whole, change, message):
    path = tmp_path / "broken.mid"
    path.write_bytes(change(whole))
    with pytest.raises(ValueError, match=f"broken.mid: .*{message}"):
        music.from_midi([path])


def test_a_file_that_claims_years_is_refused(tmp_path):
    path = write(tmp_path / "long.mid", [(0, "note_on", 60), (2**28 - 1, "note_off", 60)], beat=1)
    with pytest.raises(ValueError, match=r"long\.mid: it lasts more than 1,000,000 frames of 0\.25 quarter notes"):
        music.from_midi([path])


@settings(max_examples=60)
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused_by_a_clear_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    (path,) = music.to_midi(music.from_pianorolls([[[60, 64], [62]]]), folder)
    file = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(file)
    try:
        music.from_midi([path])
    except ValueError as error:
        assert str(error).startswith(f"{path}: it ")  # noqa: PT017


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mid"):
        music.from_midi([tmp_path / "none.mid"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"paths": "tune.mid"}, r"paths must be a folder, or a list of paths, got 'tune\.mid'\. Put it in a list\."),
        ({"paths": ["a.mid", "b.mid"]}, r"paths must be a folder, or one path for each of 1 sequences, got 2\."),
        ({"paths": "tunes", "step": 0}, r"step must be a number from 0\.001042 to 16, got 0\."),
        ({"paths": "tunes", "step": True}, "step must be a number"),
        ({"paths": "tunes", "step": "1/4"}, "got '1/4'"),
        ({"paths": "tunes", "tempo": 3}, r"tempo must be a number from 4 to 1,000, got 3\."),
        ({"paths": "tunes", "tempo": float("nan")}, "got nan"),
    ],
)
def test_what_cannot_be_written_so_is_refused_before_anything_is(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        music.to_midi(music.from_pianorolls([[[60]]]), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_without_mido_its_extra_is_named(tmp_path, monkeypatch, whole):
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(MissingExtraError, match=r'MIDI files need mido: pip install "seqrec\[music\]"'):
        music.to_midi(music.from_pianorolls([[[60]]]), tmp_path)
    with pytest.raises(MissingExtraError, match="mido"):
        music.from_midi([tmp_path / "00000.mid"])
