"""``seqrec score`` and ``seqrec recommend``: what comes before and after a job on a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqrec.cli.columns import columns_record, describe, find_names, find_source, load_model, tell_columns
from seqrec.cli.console import Console, facts
from seqrec.data.times import TICKS
from seqrec.exceptions import LogError
from seqrec.jobs.job import LogJob, Settings
from seqrec.logs.chunks import TimeFacts
from seqrec.logs.source import Source

_RESULT_COLUMNS = {
    "score": {"file", "row", "surprisal", "p_value", "expected", "odd_field"}
    | {"events", "unknown_events", "score", "flagged", "fired", "top_events"},
    "recommend": {"rank", "score", "cold"},
}


class Batch(NamedTuple):
    """What both commands are told.

    Attributes
    ----------
    model : Path
    patterns : list of str
        Log files.
    output : Path
        Folder of the results.
    names : dict
        Columns: "user", "item", "timestamp".
    settings : Settings
    dask : str or None
        Address of a cluster's scheduler.
    """

    model: Path
    patterns: list[str]
    output: Path
    names: Mapping[str, str | None]
    settings: Settings
    dask: str | None = None


def score(console: Console, batch: Batch, chosen: Mapping[str, float | None], state: Path | None) -> bool:
    """Score a log; tell whether all rows could be used."""
    if batch.settings.shard[1] > 1 and chosen["alerts_per_day"] and not chosen["sequences_per_day"]:
        raise LogError("a part of a log does not tell how many sequences come in a day. Give --sequences-per-day.")
    detector, source = _open(console, batch, "score")
    from seqrec.jobs.detection import DetectionJob, Threshold

    threshold = Threshold(**chosen)
    threshold.offset(detector, lambda: 100 * max(1.0, threshold.alerts_per_day))  # raises, before the log is read
    job = DetectionJob(batch.model, source, batch.output, batch.settings, threshold, state)
    return _run(console, batch, job)


def recommend(console: Console, batch: Batch, k: int, exclude_seen: bool, candidates: Path | None) -> bool:
    """Recommend to the users of a log; tell whether all rows could be used."""
    recommender, source = _open(console, batch, "recommend")
    from seqrec.jobs.recommendation import RecommendationJob

    chosen = None if candidates is None else read_candidates(candidates, recommender)
    job = RecommendationJob(batch.model, source, batch.output, batch.settings, k, exclude_seen, chosen)
    job.prepare(None)  # so that a wrong option is known before the log is read
    return _run(console, batch, job)


def _open(console: Console, batch: Batch, task: str) -> tuple[Any, Source]:
    description = describe(batch.model, task)
    names = find_names(batch.patterns, batch.names, description)
    console.note(f"model: {batch.model} ({description['estimator']})")
    model = load_model(batch.model)
    source = find_source(batch.patterns, names, model)
    clashes = _RESULT_COLUMNS[task].intersection(source.columns[:3])
    if clashes:
        raise LogError(f"column {sorted(clashes)[0]!r} has the name of a column of the results. Rename it in the log.")
    tell_columns(console, source)
    return model, source


def read_candidates(path: Path, recommender: Any) -> list[Any]:
    """Read ids, one a line.

    Raises
    ------
    LogError
        If the file cannot be read, is empty, or a line is no id.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise LogError(f"{path}: the candidates cannot be read: {reason}.") from None
    ids = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not ids:
        raise LogError(f"{path} holds no candidates. Expected one id a line.")
    if recommender.vocabulary_.items.dtype == object:
        return [text for _, text in ids]
    for number, text in ids:
        if not text.strip().lstrip("+-").isdecimal():
            raise LogError(f"{path}, line {number}: {text!r} is no integer, and the model's items are integers.")
    return [int(text) for _, text in ids]


def _run(console: Console, batch: Batch, job: LogJob) -> bool:
    score_all: Callable[..., None] | None = None
    if batch.dask is not None:
        from seqrec.jobs.engines import score_on

        score_all = score_on(batch.dask)
    report = job.run(console.show, score_all)
    console.pause()
    _warn_of_future(console, job)
    record = report | {"output": str(job.job.output), "columns": columns_record(job.source)}
    console.result(record, _lines(record, job, console.seconds))
    return not report["quarantined"]


def _warn_of_future(console: Console, job: LogJob) -> None:
    census = job.job.read("census")
    facts_of_times = None if census is None else TimeFacts(*census["times"])
    if facts_of_times is None or facts_of_times.high is None:
        return
    unit = job.settings.time_unit if job.settings.time_unit != "auto" else None
    if job.source.kinds["time"] == "time":
        unit = "us"
    ticks = TICKS[unit] if unit is not None else _likely_ticks(facts_of_times.high)
    if facts_of_times.high / ticks > time.time() + 86_400:
        day = time.strftime("%Y-%m-%d", time.gmtime(min(facts_of_times.high / ticks, 253_402_300_799)))
        console.warn(f"column {job.source.columns.timestamp!r} has times in the future, up to {day}.")


def _likely_ticks(high: float) -> int:
    from seqrec.data.times import infer_unit

    return TICKS[infer_unit(high, high, "the time")]


def _lines(record: Mapping[str, Any], job: LogJob, seconds: float) -> list[str]:
    form, output = job.settings.form, record["output"]
    rate = f"{seconds:,.0f} s, {record['scored'] / max(seconds, 1e-3):,.0f} rows a second with the start"
    pairs = [("rows", account_for(record)), ("time", rate)]
    if record["quarantined"]:
        pairs.append(("quarantined", f"{_counts(record['quarantined_by_code'])}; see {output}/quarantine.{form}"))
    if "sequences" in record:
        share = record["flagged"] / max(record["sequences"], 1)
        pairs.append(("sequences", f"{record['sequences']:,}, of which {record['flagged']:,} flagged ({share:.2%})"))
        pairs.append(("alerts", f"{output}/alerts.{form}, the oddest first"))
        pairs.append(("results", f"{output}/sequences-*.{form} and events-*.{form}"))
    else:
        cold = f" ({record['cold_users']:,} without a known item get popular ones)" if record["cold_users"] else ""
        pairs.append(("users", f"{record['users']:,}{cold}"))
        pairs.append(("results", f"{record['recommendations']:,} rows in {output}/recommendations-*.{form}"))
    return facts(pairs)


def account_for(record: Mapping[str, Any]) -> str:
    """Say what became of every row."""
    text = f"{record['rows']:,} = scored {record['scored']:,}"
    if record["quarantined"]:
        text += f" + quarantined {record['quarantined']:,}"
    if record["filtered"]:
        text += f" + filtered {record['filtered']:,} ({_counts(record['filtered_by_reason'])})"
    return text


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def check_folders(output: Path, state: Path | None, inputs: Sequence[str | Path]) -> None:
    """Refuse folders that are files, and a folder of results that holds log or model."""
    for folder in (output, state):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise LogError(f"{folder} is a file, and should be a folder. Choose another name.")
    for path in inputs:
        if output.resolve() in Path(path).resolve().parents:
            raise LogError(f"{path} lies in the folder of the results, {output}. Choose another folder.")
