"""``seqrec verify``: whether files are as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seqrec.cli import exits
from seqrec.cli.console import Console, account
from seqrec.cli.options import Json
from seqrec.exceptions import InputError, ModelFileError


def verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A model file, or a folder of results.")],
    as_json: Json = False,
) -> None:
    """Check that a model file, or a folder of results, is whole."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder.")
    with Console(as_json).at_work() as console:
        faults, lines, found = _results(console, path) if path.is_dir() else _model(path)
        record = {"path": str(path), "whole": not faults, "faults": faults, **found}
        console.result(record, [*lines, *(f"NOT WHOLE: {fault}" for fault in faults)])
    if faults:
        raise typer.Exit(exits.NOT_WHOLE)


def _model(path: Path) -> tuple[list[str], list[str], dict[str, Any]]:
    from seqrec.cli.columns import load
    from seqrec.persistence import opened

    try:
        with opened(path) as file:
            load(path, file)
    except ModelFileError as error:
        return [str(error)], [], {}
    return [], [f"whole: {path} is as it was saved. The digest tells of damage, not of who made the file."], {}


def _results(console: Console, path: Path) -> tuple[list[str], list[str], dict[str, Any]]:
    from seqrec.jobs.recount import compare_shards, holds_results, recount

    shards = sorted(folder for folder in path.glob("shard-*-of-*") if folder.is_dir())
    if not shards and not holds_results(path):
        raise InputError(f"{path} is no folder of results: a job of seqrec leaves report.json there.")
    found = [recount(folder, console.show) for folder in shards or [path]]
    faults = [fault for some, _ in found for fault in some]
    reports = [report for _, report in found if report is not None]
    if shards and not faults:
        faults += compare_shards(shards, reports)
    told = zip(shards or [path], found, strict=True)
    lines = [f"{folder}: {_account(report)}" for folder, (_, report) in told if report is not None]
    return faults, [*lines, *([] if faults else ["whole: every row is there, once."])], {"reports": reports}


def _account(report: dict[str, Any]) -> str:
    drawn = f"; drawn {report['drawn']:,}" if "drawn" in report else ""
    return account(report, "scored") + drawn
