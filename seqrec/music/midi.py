"""MIDI files are read as pieces in frames of equal length, and pieces are written as MIDI files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec._files import write_bytes
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError, MissingExtraError
from seqrec.music.notes import N_NOTES
from seqrec.music.pianorolls import from_pianorolls, to_pianorolls

_AnyPath = str | os.PathLike[str]
_DRUMS = 9  # the channel that musicians call the tenth
_MOST_FRAMES = 1_000_000  # of a file: a broken one may claim years
_STEPS = (1 / 960, 16)  # quarter notes a frame
_TICKS = 480  # a quarter note
_TEMPOS = (4, 1_000)  # quarter notes a minute: a file can tell no slower one
_VELOCITY = 80  # of 127
_SUFFIXES = (".mid", ".midi")


def from_midi(paths: _AnyPath | Iterable[_AnyPath], step: float = 0.25) -> Sequences:
    """Read MIDI files as sequences of notes, as of `from_pianorolls`.

    Time is counted in quarter notes, so changes of tempo do not matter. A note begins and ends at the nearest frame,
    and has one at least. All tracks and channels are one piece, without drums (channel 10). A note that is struck again
    while it sounds goes on, one that never ends sounds until its track ends, and loudness and instruments are not kept.
    A piece is as long as its longest track, with the rests before and after it.

    Parameters
    ----------
    paths : path, or iterable of n_sequences paths
        Of Standard MIDI Files of type 0 or 1. A folder stands for the files in it that end in ".mid" or ".midi", in the
        order of their names.
    step : float
        Quarter notes a frame: by default a frame is a sixteenth note.

    Returns
    -------
    X : Sequences
        With the paths, as text, for keys.

    Raises
    ------
    MissingExtraError
        If mido is not installed.
    OSError
        If a file cannot be read.
    ValueError
        If a file is none of MIDI, broken, of type 2 or timed in SMPTE frames, or has more than a million frames.
    """
    step = _check_number(step, "step", *_STEPS)
    paths = _sources(paths)
    return from_pianorolls((_roll(path, step) for path in paths), keys=[os.fspath(path) for path in paths])


def to_midi(X: Sequences, paths: _AnyPath | Iterable[_AnyPath], step: float = 0.25, tempo: float = 120.0) -> list[Path]:
    """Write sequences of notes as MIDI files, which `from_midi` reads again as they are.

    A note that sounds in frames that follow each other is held. What is no piece as a musician would write it is taken
    as `to_pianorolls` takes it.

    Parameters
    ----------
    X : Sequences
        Of items as `from_pianorolls` gives them.
    paths : path, or iterable of n_sequences paths
        A folder, which is made if need be: its files are "00000.mid" for the first sequence, and so on. Or the path of
        each file. Files that exist are replaced.
    step : float
        Quarter notes a frame.
    tempo : float
        Quarter notes a minute, 4 to 1,000.

    Returns
    -------
    paths : list of n_sequences Path
        Of the files that were written.

    Raises
    ------
    MissingExtraError
        If mido is not installed.
    OSError
        If a file cannot be written.
    ValueError
        Where an item is neither a note nor the end of a frame, or the number of paths does not fit.
    """
    step, tempo = _check_number(step, "step", *_STEPS), _check_number(tempo, "tempo", *_TEMPOS)
    files = [_file(roll, step, tempo) for roll in to_pianorolls(X)]
    targets = _targets(paths, len(files))
    for path, content in zip(targets, files, strict=True):
        write_bytes(path, content)
    return targets


def _mido() -> Any:
    try:
        import mido
    except ImportError as error:
        raise MissingExtraError('MIDI files need mido: pip install "seqrec[music]".') from error
    return mido


def _check_number(value: Any, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not low <= value <= high:
        raise InputError(f"{name} must be a number from {low:.4g} to {high:,}, got {show(value)}.")
    return float(value)


def _roll(path: _AnyPath, step: float) -> NDArray[np.bool_]:
    """Read a file as a piano roll, (n_frames, 128)."""
    file = _open(path)
    tracks, ticks = [_notes(track) for track in file.tracks], file.ticks_per_beat * step
    if max(length for _, length in tracks) > ticks * _MOST_FRAMES:
        raise InputError(f"{path}: it lasts more than {_MOST_FRAMES:,} frames of {step:.4g} quarter notes.")
    notes = [note for notes, _ in tracks for note in notes]
    starts = [_nearest(start / ticks) for start, _, _ in notes]
    stops = [max(start + 1, _nearest(stop / ticks)) for start, (_, stop, _) in zip(starts, notes, strict=True)]
    roll = np.zeros((max(stops + [_nearest(length / ticks) for _, length in tracks]), N_NOTES), np.bool_)
    for start, stop, (_, _, note) in zip(starts, stops, notes, strict=True):
        roll[start:stop, note] = True
    return roll


def _open(path: _AnyPath) -> Any:
    """Give what mido makes of a file."""
    mido, content = _mido(), Path(path).read_bytes()
    try:
        file = mido.MidiFile(file=BytesIO(content))
    except Exception as error:  # whatever it meets in a broken file
        reason = f"{type(error).__name__} {error}".strip()
        raise InputError(f"{path}: it is no MIDI file, or a broken one ({reason}).") from error
    if file.type not in (0, 1) or not file.tracks:
        raise InputError(f"{path}: it must be a MIDI file of type 0 or 1 with tracks, got type {file.type}.")
    if file.ticks_per_beat <= 0:
        raise InputError(f"{path}: it tells no length of a quarter note, as its times are SMPTE's, or none.")
    return file


def _notes(track: Any) -> tuple[list[tuple[int, int, int]], int]:
    """Give when each note begins and ends and which it is, and the length of a track, in ticks."""
    now, spans = 0, []
    since: dict[tuple[int, int], int] = {}
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == _DRUMS:
            continue
        voice = (message.channel, message.note)
        if voice in since:
            spans.append((since.pop(voice), now, message.note))
        if message.type == "note_on" and message.velocity:  # a velocity of 0 is an end, too
            since[voice] = now
    return spans + [(start, now, note) for (_, note), start in since.items()], now


def _nearest(frames: float) -> int:
    return math.floor(frames + 0.5)


def _sources(paths: _AnyPath | Iterable[_AnyPath]) -> list[_AnyPath]:
    """Give the path of each file."""
    if not isinstance(paths, str | os.PathLike):
        return list(paths)
    if not Path(paths).is_dir():
        return [paths]
    found = sorted(path for path in Path(paths).iterdir() if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise InputError(f"the folder {show(str(paths))} holds no file that ends in .mid or .midi.")
    return list(found)


def _targets(paths: _AnyPath | Iterable[_AnyPath], n: int) -> list[Path]:
    """Give the path of each file, after checks, and make their folder."""
    if not isinstance(paths, str | os.PathLike):
        targets = [Path(path) for path in paths]
        if len(targets) != n:
            raise InputError(f"paths must be a folder, or one path for each of {n} sequences, got {len(targets)}.")
        return targets
    folder = Path(paths)
    if folder.suffix.lower() in _SUFFIXES:
        raise InputError(f"paths must be a folder, or a list of paths, got {show(str(paths))}. Put it in a list.")
    folder.mkdir(parents=True, exist_ok=True)
    return [folder / f"{row:05d}.mid" for row in range(n)]


def _file(roll: NDArray[np.bool_], step: float, tempo: float) -> bytes:
    """Give the file of a piano roll, of one track."""
    mido, quarters = _mido(), Fraction(step).limit_denominator(960)  # a frame is a whole number of ticks
    unit = max(1, _TICKS // quarters.denominator)
    silence = np.zeros((1, N_NOTES), np.int8)
    changes = np.diff(roll.astype(np.int8), axis=0, prepend=silence, append=silence)
    frames, notes = np.nonzero(changes)
    ticks = np.diff(np.append(0, np.append(frames, len(roll)))) * quarters.numerator * unit
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo))])
    for time, note, change in zip(ticks.tolist(), notes.tolist(), changes[frames, notes].tolist(), strict=False):
        kind = "note_on" if change > 0 else "note_off"
        track.append(mido.Message(kind, note=note, velocity=_VELOCITY, time=time))
    track.append(mido.MetaMessage("end_of_track", time=int(ticks[-1])))
    content = BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=quarters.denominator * unit, tracks=[track]).save(file=content)
    return content.getvalue()
