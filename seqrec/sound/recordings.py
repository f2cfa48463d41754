"""Recordings, files or arrays, become frames; those that cannot be used are told, each with what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.exceptions import InputError, SoundError
from seqrec.sound.files import AnyPath, find_sounds, read_sound
from seqrec.sound.mel import LogMel

_MOST_FRAMES = 1_000_000  # of a recording


class Fault(NamedTuple):
    """What is wrong with a recording.

    Attributes
    ----------
    row : int
        Which of the recordings it is.
    name : str
        The path of a file, or the place of an array.
    code, reason : str
        As of a `SoundError`.
    """

    row: int
    name: str
    code: str
    reason: str


class Recordings(NamedTuple):
    """What recordings are read as.

    Attributes
    ----------
    frames : list of (n_frames, n_mels) float32
        Of those that can be used.
    rows : list of int
        Which of the recordings these are.
    faults : list of Fault
        Of the others.
    lower : dict of str to int
        The files that have fewer samples a second than was asked for, and how many.
    """

    frames: list[NDArray[np.float32]]
    rows: list[int]
    faults: list[Fault]
    lower: dict[str, int]


def list_sounds(sounds: Any) -> tuple[list[Any], bool]:
    """Give files, of a folder if it is one, or arrays, one by one; and whether they are files.

    Raises
    ------
    TypeError
        If they are neither.
    """
    if isinstance(sounds, str | os.PathLike):
        found = find_sounds(sounds) if os.path.isdir(sounds) else [sounds]
        return list(found), True
    if not isinstance(sounds, Iterable):
        raise InputError(f"sounds must be paths, or arrays of samples, got {type(sounds).__name__}.")
    sounds = list(sounds)
    are_files = [isinstance(sound, str | os.PathLike) for sound in sounds]
    if any(are_files) and not all(are_files):
        raise InputError("sounds mixes paths and arrays. Give those and these to a call each.")
    if sounds and np.ndim(sounds[0]) == 0 and not are_files[0]:
        raise InputError("sounds holds single samples. For one recording alone, put it in a list.")
    return sounds, bool(sounds) and are_files[0]


def read_recordings(sounds: Iterable[Any], form: LogMel) -> Recordings:
    """Read files, or arrays of samples, of which those that cannot be used are told.

    Parameters
    ----------
    sounds : iterable of paths, (n_samples,) arrays or (n_samples, n_channels) arrays
        Arrays are of `form.rate` samples a second.
    form : LogMel
        Checked.

    Raises
    ------
    MissingExtraError
        If there are files, and soundfile is not installed.
    """
    read = Recordings([], [], [], {})
    for row, sound in enumerate(sounds):
        is_file = isinstance(sound, str | os.PathLike)
        try:
            samples, rate = _file(sound, form) if is_file else (_array(sound), form.rate)
            read.frames.append(_frames(samples, rate, form))
        except SoundError as error:
            name = os.fspath(sound) if is_file else f"sounds[{row}]"
            read.faults.append(Fault(row, str(name), error.code, error.reason))
            continue
        read.rows.append(row)
        if rate < form.rate:
            read.lower[os.fspath(sound)] = rate
    return read


def _file(path: AnyPath, form: LogMel) -> tuple[NDArray, int]:
    try:
        return read_sound(path, _MOST_FRAMES * form.step)
    except OSError as error:
        raise SoundError("unreadable", f"it cannot be read: {error.strerror or error}.") from error


def _array(samples: Any) -> NDArray:
    """Give samples as one channel, the mean of all."""
    try:
        array = np.asarray(samples)
    except ValueError:
        raise SoundError("no_samples", "it is ragged, and no array of samples.") from None
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
        found = f"an array of {array.dtype}, of shape {array.shape}"
        raise SoundError("no_samples", f"it is {found}. Give numbers of shape (n_samples,) or (n_samples, n_channels).")
    if array.ndim == 2 and array.shape[1] > array.shape[0]:
        turned = f"it has {array.shape[1]:,} channels of {array.shape[0]:,} samples"
        raise SoundError("no_samples", f"{turned}. If it is (n_channels, n_samples), turn it: sound.T.")
    return array if array.ndim == 1 else array.mean(axis=1)


def _frames(samples: NDArray, rate: int, form: LogMel) -> NDArray[np.float32]:
    """Give the frames of a recording, brought to the rate of the form."""
    with np.errstate(over="ignore"):  # what is too large is infinite
        samples = samples.astype(np.float32)
    if not len(samples):
        raise SoundError("no_samples", "it has no samples.")
    if not np.isfinite(samples).all():
        raise SoundError("not_finite", "some of its samples are NaN or infinite.")
    if samples.min() == samples.max():
        raise SoundError("silent", "it is silent: all samples are alike.")
    if rate != form.rate:
        samples = _resampled(samples, rate, form.rate)
    if not (n_frames := form.n_frames(len(samples))):
        lasts = f"it lasts {len(samples) / form.rate:.3g} seconds, less than a window of {form.window:g}"
        raise SoundError("too_short", f"{lasts}.")
    if n_frames > _MOST_FRAMES:
        raise SoundError("too_long", f"it has more than {_MOST_FRAMES:,} frames. Cut it, or give a longer step.")
    return form.frames(samples)


def _resampled(samples: NDArray[np.float32], rate: int, new: int) -> NDArray[np.float32]:
    """Give the same sound in another number of samples a second."""
    from scipy.signal import resample_poly  # half a second, that few need

    common = gcd(rate, new)
    return resample_poly(samples, new // common, rate // common).astype(np.float32)
