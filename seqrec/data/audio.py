"""Recordings become sequences of log-mel frames; what is wrong with some is raised, or told."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import check_choice, show, warn_user
from seqrec.data.lists import check_keys
from seqrec.exceptions import InputError
from seqrec.sound import Fault, LogMel, Recordings, list_sounds, read_recordings

COLUMN = "log_mel"  # of frames, (n_events, n_mels)
_LISTED = 3


def read_audio(sounds: Any, form: LogMel, keys: Any, errors: str) -> tuple[list[NDArray[np.float32]], NDArray]:
    """Give the frames of each recording that can be used, and its key; arguments as of `Sequences.from_audio`."""
    check_choice(errors, "errors", ("raise", "skip"))
    form.check_sound()
    folder = sounds if isinstance(sounds, str | os.PathLike) and os.path.isdir(sounds) else None
    sounds, are_files = list_sounds(sounds)
    if keys is None and are_files:
        keys = [os.fspath(path) if folder is None else path.relative_to(folder).as_posix() for path in sounds]
    keys = check_keys(keys, len(sounds))
    read = read_recordings(sounds, form)
    if read.faults:
        told = _tell(read.faults, len(sounds))
        if errors == "raise":
            raise InputError(f'{told} Repair or remove them, or leave them out: errors="skip".')
        warn_user(f"{told} They are left out.")
    if read.lower:
        warn_user(tell_lower(read, form))
    return read.frames, keys[read.rows]


def _tell(faults: list[Fault], n: int) -> str:
    """Say how many of n recordings cannot be used, which, and why the first cannot."""
    first, *others = faults
    which = ", ".join(show(fault.name) for fault in others[:_LISTED])
    more = f" Others are {which}{', ...' if len(others) > _LISTED else ''}." if others else ""
    return f"{len(faults):,} of {n:,} recordings cannot be used. {first.name}: {first.reason}{more}"


def tell_lower(read: Recordings, form: LogMel, option: str = "") -> str:
    """Say which files have fewer samples a second than is asked for, and how that is put right, by an option or not."""
    path, rate = next(iter(read.lower.items()))
    return (
        f"{len(read.lower):,} of {len(read.rows):,} recordings have fewer than {form.rate:,} samples a second, such as "
        f"{path}, {rate:,}: above {rate / 2:,.0f} Hz they hold nothing, which a model may take for a sign. Where all "
        f"are to be alike, give {option}rate={min(read.lower.values())}."
    )
