"""How the command line ends: a code that a script can act on, and one line that a person can.

====  =======================================================================
code  meaning
====  =======================================================================
0     all is well
1     a bug in seqrec: the message comes with a traceback
2     what was asked for cannot be done: options, log or model
3     done, but some rows could not be used and are quarantined
4     more rows cannot be used than may be left out; nothing was made of them
5     done, but the log does not look like the training data (rows may be quarantined, too)
65    `verify` found something that is not whole
74    reading or writing failed, as on a full disk
75    another process is at work in the folder
130   stopped by Ctrl-C
141   nobody reads what is printed any more, as after `| head`
====  =======================================================================
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from seqrec._text import plain
from seqrec.exceptions import BadRowsError, LockedError, SeqrecError

BUG, USAGE, QUARANTINED, TOO_MANY_BAD, DRIFTED = 1, 2, 3, 4, 5
NOT_WHOLE, IO_FAILURE, LOCKED, STOPPED, UNREAD = 65, 74, 75, 130, 141
_OURS = {LockedError: LOCKED, BadRowsError: TOO_MANY_BAD, SeqrecError: USAGE}
_MESSAGE_WIDTH = 4000
_GOES_ON = {True: "run the same command again to go on", False: "then run the command again"}


@contextmanager
def piped() -> Iterator[None]:
    """End quietly where what is printed goes into a pipe that is closed, as by ``| head``."""
    try:
        yield
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())  # where Python's own end writes what is left
        raise SystemExit(UNREAD) from None


@contextmanager
def told(resumes: Callable[[], bool], as_json: bool = False) -> Iterator[None]:
    """Turn errors into messages and exit codes; `resumes` tells whether the same command goes on after an end.

    If `as_json`, the message is printed as a JSON object as well.

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
        _say(f"stopped. {end}", STOPPED, as_json)
        raise typer.Exit(STOPPED) from None
    except Exception as error:
        code, text = ending(error, resumes())
        _say(text, code, as_json)
        if code == BUG:
            typer.echo(_traceback(error), err=True)
        raise typer.Exit(code) from None


def ending(error: Exception, resumes: bool = False) -> tuple[int, str]:
    """Give the exit code and the message of an error."""
    if hasattr(error, "format_message"):  # typer's own, about options
        return USAGE, f"{error.format_message()} Try --help after the command."
    if isinstance(error, SeqrecError):
        return next(code for kind, code in _OURS.items() if isinstance(error, kind)), str(error)
    if isinstance(error, OSError):
        return IO_FAILURE, _io_failure(error, resumes)
    import duckdb

    if isinstance(error, MemoryError | duckdb.OutOfMemoryException):
        return IO_FAILURE, f"memory ran out: {error}. Give another --memory; {_GOES_ON[resumes]}."
    if isinstance(error, duckdb.Error):
        return IO_FAILURE, f"the files of the job cannot be read or written: {error}. {_GOES_ON[resumes].capitalize()}."
    text = f"{type(error).__name__}: {error}"
    return BUG, f"this is a bug in seqrec, please report it with what follows. {text}"


def _io_failure(error: OSError, resumes: bool) -> str:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"disk full{where}; make room, {_GOES_ON[resumes]}."
    return f"{error.strerror or error}{where}. Put it right, {_GOES_ON[resumes]}."


def _say(text: str, code: int, as_json: bool) -> None:
    line = text.replace("\n", " ")
    typer.echo(f"seqrec: {plain(line, _MESSAGE_WIDTH)}", err=True)
    if as_json:
        typer.echo(json.dumps({"error": line, "code": code}))


def _traceback(error: Exception) -> str:
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join(plain(line, _MESSAGE_WIDTH) for line in lines)
