"""Files of sound are found and read here; one that cannot be used is told by what is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec.exceptions import InputError, MissingExtraError, SoundError
from seqrec.sound.mel import RATES

AnyPath = str | os.PathLike[str]
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
_BLOCK = 2**20  # samples that are read at once
_CUT = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)  # what libsndfile says of a WAV file
_STREAMED = 0x7FFF_0000  # bytes: what a program that cannot know them writes is more


def find_sounds(folder: AnyPath) -> list[Path]:
    """Give the files in a folder, and in folders in it, that end as sounds do, in the order of their paths.

    Raises
    ------
    InputError
        If there is none.
    """
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise InputError(f"the folder {show(os.fspath(folder))} holds no file that ends in {', '.join(SUFFIXES)}.")
    return found


def read_sound(path: AnyPath, longest: float) -> tuple[NDArray[np.float32], int]:
    """Give the samples of a file, (n_samples,), as the mean of its channels, and its rate, samples a second.

    Raises
    ------
    SoundError
        If it is none of sound, damaged, cut off, or lasts longer than so many seconds.
    OSError
        If there is no such file, or it cannot be read.
    """
    soundfile = require_soundfile()
    with Path(path).open("rb") as file:  # errors are those of any file
        if not file.read(1):
            raise SoundError("empty_file", "it is empty.")
        file.seek(0)
        try:
            with soundfile.SoundFile(file) as sound:
                return _read(sound, longest), sound.samplerate
        except soundfile.SoundFileError as error:
            said = str(getattr(error, "error_string", error)).rstrip(".")
            raise SoundError("damaged", f"it is no sound that can be read, or damaged: {said}.") from None


def require_soundfile() -> Any:
    """Give the package that reads files.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:  # an OSError, where its library of C is missing
        raise MissingExtraError('files of sound need soundfile: pip install "seqrec[audio]".') from error
    return soundfile


def _read(sound: Any, longest: float) -> NDArray[np.float32]:
    if not RATES[0] <= sound.samplerate <= RATES[1]:
        raise SoundError("strange_rate", f"it has {sound.samplerate:,} samples a second.")
    if sound.frames > longest * sound.samplerate:  # or a damaged file claims years
        raise SoundError("too_long", f"it lasts longer than {longest:,.0f} seconds. Cut it, or give a longer step.")
    for there, told in _CUT.findall(sound.extra_info):
        if int(told) < int(there) < _STREAMED:
            raise SoundError("cut_off", f"it is cut off: {int(told):,} of {int(there):,} bytes are there.")
    return np.concatenate([np.empty(0, np.float32), *_blocks(sound)])


def _blocks(sound: Any) -> Iterable[NDArray[np.float32]]:
    while len(block := sound.read(_BLOCK, dtype="float32", always_2d=True)):
        yield block.mean(axis=1)
