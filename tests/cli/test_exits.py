"""How commands end: our errors are told from bugs by their class, and each has its code."""

import json

import duckdb
import pytest
from command_line import command, make_log, write
from typer.testing import CliRunner

from seqrec import exceptions
from seqrec.cli import exits
from seqrec.cli.app import app
from seqrec.data.times import infer_unit


def test_a_bug_is_told_from_a_mistake(tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("shapes do not match")

    monkeypatch.setattr("seqrec.cli.fit.make", broken)
    arguments = command(tmp_path, "fit", write(make_log(), tmp_path / "log.csv"), output=tmp_path / "m")
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == exits.BUG
    assert "bug in seqrec" in result.stderr
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("call", "code"),
    [(lambda: json.loads(object()), exits.BUG), (lambda: infer_unit(1, 2, "x"), exits.USAGE)],
)
def test_an_accident_in_the_package_is_a_bug_and_an_error_of_ours_is_not(call, code):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert exits.ending(caught.value)[0] == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exceptions.InputError("k"), exits.USAGE),
        (exceptions.LogError("a column"), exits.USAGE),
        (exceptions.ModelFileError("no model"), exits.USAGE),
        (exceptions.JobError("another job"), exits.USAGE),
        (exceptions.DivergenceError("nan"), exits.USAGE),
        (exceptions.MissingExtraError("dask"), exits.USAGE),
        (exceptions.BadRowsError("rows"), exits.TOO_MANY_BAD),
        (exceptions.LockedError("a folder"), exits.LOCKED),
        (OSError(28, "No space left on device", "out"), exits.IO_FAILURE),
        (MemoryError(), exits.IO_FAILURE),
        (duckdb.OutOfMemoryException("256 MB"), exits.IO_FAILURE),
        (duckdb.IOException("a file"), exits.IO_FAILURE),
        *[(kind("a library"), exits.BUG) for kind in (ValueError, TypeError, ImportError, ArithmeticError, KeyError)],
    ],
)
def test_each_kind_of_error_has_its_code(error, code):
    assert exits.ending(error)[0] == code


@pytest.mark.parametrize("error", [OSError(28, "No space left on device", "out"), PermissionError(13, "Denied", "out")])
def test_a_job_whose_files_fail_can_go_on(error):
    assert "again to go on" in exits.ending(error, resumes=True)[1]
