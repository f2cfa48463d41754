"""Every error and warning of ours; any other that comes out of the package is a bug, of ours or of a library."""


class SeqrecError(Exception):
    """What its reader can put right: the message says what came, what was expected and what to do."""


class InputError(SeqrecError, ValueError, TypeError):
    """Data or parameters that cannot be used; to be caught as a ValueError, or as a TypeError where a type is wrong."""


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
