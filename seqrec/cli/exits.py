"""How the command line ends: a code that a script can act on, and one line that a person can.

====  =======================================================================
code  meaning
====  =======================================================================
0     all is well
1     a bug in seqrec: the message comes with a traceback
2     what was asked for cannot be done: options, log or model
3     done, but some rows could not be used and are quarantined
4     more rows cannot be used than may be left out; nothing was made of them
65    `verify` found something that is not whole
74    reading or writing failed, as on a full disk
75    another process is at work in the folder
130   stopped by Ctrl-C
====  =======================================================================
"""

from __future__ import annotations

import errno
import opcode
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

BUG, USAGE, QUARANTINED, TOO_MANY_BAD, NOT_WHOLE, IO_FAILURE, LOCKED, STOPPED = 1, 2, 3, 4, 65, 74, 75, 130
_RAISE = opcode.opmap["RAISE_VARARGS"]
_MESSAGE_WIDTH = 4000
_IN_OPTIONS = {  # what the Python API says, in the words of the command line
    "time_unit='s' (or 'ms', 'us', 'ns')": "--time-unit s (or ms, us, ns)",
    "pass timestamp=None": "give --timestamp none",
    "Give sequences_per_day": "Give --sequences-per-day",
    "drop_duplicates needs a timestamp": "--drop-duplicates needs times",
}
_GOES_ON = {True: "run the same command again to go on", False: "then run the command again"}


@contextmanager
def told(resumes: Callable[[], bool]) -> Iterator[None]:
    """Turn errors into messages and exit codes; `resumes` tells whether the same command goes on after an end.

    Raises
    ------
    typer.Exit
        With the code.
    """
    try:
        yield
    except (typer.Exit, BrokenPipeError):
        raise
    except (KeyboardInterrupt, typer.Abort):
        end = "The same command goes on from here." if resumes() else "Nothing was written."
        _say(f"stopped. {end}")
        raise typer.Exit(STOPPED) from None
    except Exception as error:
        code, text = judge(error, resumes())
        _say(text)
        if code == BUG:
            typer.echo(_escaped("".join(traceback.format_exception(error))), err=True)
        raise typer.Exit(code) from None


def judge(error: Exception, resumes: bool = False) -> tuple[int, str]:
    """Give the exit code and the message of an error."""
    if hasattr(error, "format_message"):  # typer's own, about options
        return USAGE, f"{error.format_message()} Try --help after the command."
    from seqrec.jobs.folder import JobError, LockedError

    if isinstance(error, OSError):
        return IO_FAILURE, _io_failure(error, resumes)
    if module_of(error).startswith(("duckdb", "_duckdb")) and "Memory" not in type(error).__name__:
        return IO_FAILURE, f"the files of the job cannot be read or written: {error}. {_GOES_ON[resumes].capitalize()}."
    if "OutOfMemory" in type(error).__name__ or isinstance(error, MemoryError):
        return IO_FAILURE, f"memory ran out: {error}. Give another --memory; {_GOES_ON[resumes]}."
    if isinstance(error, JobError):
        return LOCKED if isinstance(error, LockedError) else USAGE, str(error)
    if type(error).__name__ == "BadRowsError":  # to import its module takes a second
        return TOO_MANY_BAD, str(error)
    if isinstance(error, ValueError | TypeError | ImportError | ArithmeticError) and _is_deliberate(error):
        return USAGE, _in_options(str(error))
    text = f"{type(error).__name__}: {error}"
    return BUG, f"this is a bug in seqrec, please report it with what follows. {text}"


def _in_options(text: str) -> str:
    for python, option in _IN_OPTIONS.items():
        text = text.replace(python, option)
    return text


def module_of(error: Exception) -> str:
    """Name of the module that an error's class comes from."""
    return type(error).__module__


def _io_failure(error: OSError, resumes: bool) -> str:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"disk full{where}; make room, {_GOES_ON[resumes]}."
    return f"{error.strerror or error}{where}. Put it right, {_GOES_ON[resumes]}."


def _is_deliberate(error: Exception) -> bool:
    """Whether a `raise` of ours made the error, or scikit-learn's check of parameters, and no accident did."""
    if type(error).__name__ == "InvalidParameterError":
        return True
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    code = last.tb_frame.f_code
    ours = Path(code.co_filename).is_relative_to(Path(__file__).parents[1])
    return ours and code.co_code[last.tb_lasti] == _RAISE


def _say(text: str) -> None:
    typer.echo(f"seqrec: {_escaped_line(text)}", err=True)


def _escaped_line(text: str) -> str:
    from seqrec._text import plain

    return plain(" ".join(text.split("\n")), _MESSAGE_WIDTH)


def _escaped(text: str) -> str:
    from seqrec._text import plain

    return "\n".join(plain(line, _MESSAGE_WIDTH) for line in text.splitlines())
