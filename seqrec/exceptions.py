"""Every error and warning of ours; any other that comes out of the package is a bug, of ours or of a library."""

from typing import Any


class SeqrecError(Exception):
    """What its reader can put right: the message says what came, what was expected and what to do."""


class InputError(SeqrecError, ValueError, TypeError):
    """Data or parameters that cannot be used; to be caught as a ValueError, or as a TypeError where a type is wrong."""


class SeriesError(InputError):
    """Some series cannot be used, and the others can.

    Attributes
    ----------
    found, advice : str
        What is wrong with the first of them, in a sentence, and what to do.
    code : str
        A stable name of what is wrong.
    series : list
        The keys of all that have this fault.
    event : int
        Of the first, where it shows: the number of an event of X; -1 is the last.
    """

    def __init__(self, found: str, advice: str, code: str, series: list[Any], event: int = -1) -> None:
        super().__init__(found, advice, code, series, event)  # so that it can be pickled
        self.found, self.advice, self.code, self.series, self.event = found, advice, code, series, event

    def __str__(self) -> str:
        return f"{self.found} {self.advice}"


class SoundError(InputError):
    """A recording that cannot be used.

    Attributes
    ----------
    code : str
        A stable name of what is wrong.
    reason : str
        In a sentence, with what to do.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)  # so that it can be pickled
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        return self.reason


class LogError(InputError):
    """A log that cannot be used."""


class BadRowsError(LogError):
    """More rows of a log cannot be used than may be left out."""


class ModelFileError(InputError):
    """A file is no model that seqrec wrote, or not as it wrote it; nothing of it was used."""


class JobError(SeqrecError, RuntimeError):
    """A job cannot begin or go on; nothing is lost."""


class LockedError(JobError):
    """Another process works in the folder."""


class ForkError(SeqrecError, RuntimeError):
    """A network is asked in a process that was forked after TensorFlow had run, where it would wait for ever."""


class DivergenceError(SeqrecError, FloatingPointError):
    """The loss of a training is no number any more; what was fitted before is as it was."""


class MissingExtraError(SeqrecError, ImportError):
    """A package is not installed that only some of seqrec needs."""


class UnusedColumnsWarning(UserWarning):
    """Sequences have columns that an estimator does not read."""


class ColdStartWarning(UserWarning):
    """Some histories hold no known item, and get popular ones."""
