"""``seqrec recommend``: the next items of every user of a log of any size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqrec.cli import job
from seqrec.cli.console import Console
from seqrec.cli.options import ExcludeSeen, Logs, Model, Output, Reading, Work
from seqrec.exceptions import InputError


def recommend(
    model: Model,
    logs: Logs,
    output: Output,
    *,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Items for each user.")] = 10,
    exclude_seen: ExcludeSeen = True,
    candidates: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Recommend these items only: a text file, an id a line.")
    ] = None,
    reading: Reading,
    work: Work,
    console: Console,
) -> None:
    """Recommend to every user of logs of any size. Stopped, the same command goes on."""
    output, _ = job.folders(output, None, work, [*logs, model])
    with console.at_work():
        settings = job.settings(work, reading)
        from seqrec.cli.columns import meet
        from seqrec.jobs.recommendation import RecommendationJob

        recommender, digest, source = meet(console, model, logs, reading, "recommend")
        chosen = None if candidates is None else _read_candidates(candidates, recommender)
        recommendation = RecommendationJob(model, source, output, settings, digest, k, exclude_seen, chosen)
        recommendation.prepare()  # so that a wrong option is known before the log is read
        job.run(console, recommendation, work, lambda record: _told(record, settings.form))


def _read_candidates(path: Path, recommender: Any) -> list[Any]:
    """Read ids, one a line.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or a line is no id.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"{path}: the candidates cannot be read: {reason}.") from None
    ids = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not ids:
        raise InputError(f"{path} holds no candidates. Expected one id a line.")
    if recommender.vocabulary_.items.dtype == object:
        return [text for _, text in ids]
    for number, text in ids:
        if not text.strip().lstrip("+-").isdecimal():
            raise InputError(f"{path}, line {number}: {text!r} is no integer, and the model's items are integers.")
    return [int(text) for _, text in ids]


def _told(record: Mapping[str, Any], form: str) -> list[tuple[str, str]]:
    cold = f" ({record['cold_users']:,} without a known item get popular ones)" if record["cold_users"] else ""
    return [
        ("users", f"{record['users']:,}{cold}"),
        ("results", f"{record['recommendations']:,} rows in {record['output']}/recommendations-*.{form}"),
    ]
