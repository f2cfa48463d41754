"""Are the results of a job whole? Their files are read again, and compared with the job's report.

The report holds the digest of each file and its own, so no change of results goes unnoticed; a forgery does, which has
digests as good as any. The rows are counted too, which says what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seqrec._files import sha256_of
from seqrec.jobs.folder import REPORT, Job, results_of
from seqrec.logs.source import Show

_BLOCK = 2**24  # bytes of text that are read at once
_PARTS = ("scored", "quarantined", "filtered")
_COUNTED = (  # what results are called, how their number is called in the report, and a column of theirs
    ("sequences", "sequences", "events"),
    ("alerts", "flagged", "events"),
    ("recommendations", "recommendations", "rank"),
    ("chances", "chances", "chance"),
    ("forecasts", "forecasts", "step"),
    ("classes", "classified", "class"),
)
_TYPES = {"file": pa.string()} | dict.fromkeys(("row", "events", "rank", "step"), pa.int64())


def holds_results(folder: Path) -> bool:
    """Whether a job of ours has finished, or begun, in a folder."""
    return (folder / REPORT).exists() or Job(folder).work.exists()


def recount(folder: Path, show: Show) -> tuple[list[str], dict[str, Any] | None]:
    """Compare the files of a folder with its report; give what is wrong, and the report where there is one."""
    path = folder / REPORT
    if not path.exists():
        return [f"{folder}: the job is not finished. The command that began it goes on from there."], None
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return [f"{folder}: {fault}" for fault in _faults(folder, report, show)], report
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{folder}: a file cannot be read: {error}"], None


def signed(report: dict[str, Any]) -> dict[str, Any]:
    """Give a report with the digest of what it says."""
    rest = {key: value for key, value in report.items() if key != "sha256"}
    return rest | {"sha256": sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()}


def compare_shards(folders: list[Path], reports: list[dict[str, Any]]) -> list[str]:
    """Tell whether the parts of a job are all there, and make up one log."""
    parts = {folder.name.rpartition("-")[2] for folder in folders}
    if len(parts) > 1 or len(folders) != int(next(iter(parts))):
        return [f"{len(folders)} of {' or '.join(sorted(parts))} parts are there."]
    rows = {report["rows"] for report in reports}
    done = sum(report["rows"] - report["filtered_by_reason"].get("other shards", 0) for report in reports)
    if rows != {done}:
        return [f"the parts hold {done:,} rows together, and the log {' or '.join(map(str, sorted(rows)))}."]
    return []


def _faults(folder: Path, report: dict[str, Any], show: Show) -> Iterator[str]:
    if report != signed(report):
        yield "report.json was changed after the job wrote it, or is of another release."
    yield from _changed(folder, report.get("files", {}))
    if report["rows"] != sum(report[name] for name in _PARTS):
        yield f"{report['rows']:,} rows are not the sum of their parts."
    if report["filtered"] != sum(report["filtered_by_reason"].values()):
        yield f"{report['filtered']:,} filtered rows are not the sum of those by reason."
    refused = list(_runs(folder, "quarantine", show))
    n_refused, disorder = _look(refused, {})
    yield from _differs("quarantine", n_refused, report["quarantined"])
    if "sequences" in report:
        others = {name: np.concatenate([rows for own, rows in refused if own == name]) for name in dict(refused)}
        n_events, faults = _look(_runs(folder, "events", show), others)
        yield from _differs("events", n_events, report["scored"])
        yield from (*disorder, *faults)
    for name, key, column in _COUNTED:
        if key in report:
            yield from _differs(name, sum(batch.num_rows for batch in _batches(folder, name, column)), report[key])
    if "drawn" in report:
        n_drawn = sum(batch.num_rows for batch in _batches(folder, "log", report["columns"][0]))
        yield from _differs("log", n_drawn, report["drawn"])


def _changed(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Tell of files that are not as the job wrote them, or that it did not write."""
    for name, told in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing."
        elif path.stat().st_size != told["bytes"] or sha256_of(path) != told["sha256"]:
            yield f"{name} was changed after the job wrote it."
    for path in results_of(folder):
        if path.name not in files:
            yield f"{path.name} is no file of this job."


def _differs(name: str, found: int, told: int) -> list[str]:
    return [] if found == told else [f"{name} has {found:,} rows, and the report says {told:,}."]


def _look(
    runs: Iterable[tuple[str, NDArray[np.int64]]], others: Mapping[str, NDArray[np.int64]]
) -> tuple[int, list[str]]:
    """Count rows; tell of those that do not come in the order of the log, each once, or that are among some others."""
    n_rows, faults, before = 0, [], ""
    last: dict[str, int] = {}  # row of each file
    for name, rows in runs:
        again = name != before and name in last
        wrong = rows[np.diff(rows, prepend=rows[0] if again else last.get(name, -1)) <= 0]
        both = rows[np.isin(rows, others.get(name, []))]
        faults += [f"row {row} of {name} is there twice, or out of order." for row in wrong[:1]]
        faults += [f"row {row} of {name} is scored and quarantined." for row in both[:1]]
        n_rows, before, last[name] = n_rows + len(rows), name, int(rows[-1])
    return n_rows, faults


def _runs(folder: Path, name: str, show: Show) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Give the names of the log's files, and the numbers of rows of each, as they come in the files of results."""
    n_rows = 0
    for batch in _batches(folder, name, "file", "row"):
        n_rows += batch.num_rows
        show(f"reading {folder}/{name}", n_rows, None)
        encoded = batch["file"].cast(pa.string()).dictionary_encode()
        files, rows = encoded.indices.to_numpy(), batch["row"].to_numpy().astype(np.int64)
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(files)) + 1):
            if len(run):
                yield encoded.dictionary[int(files[run[0]])].as_py(), rows[run]


def _batches(folder: Path, name: str, *columns: str) -> Iterator[pa.RecordBatch]:
    """Read columns of the files of one kind of results, in the order of their numbers."""
    for path in sorted([*folder.glob(f"{name}.*"), *folder.glob(f"{name}-[0-9]*.*")]):
        if path.suffix == ".parquet":
            yield from pq.ParquetFile(path).iter_batches(columns=columns)
        elif path.suffix == ".csv":
            yield from _read_csv(path, columns)
        elif path.suffix == ".jsonl":
            yield from _read_json(path, columns)


def _read_csv(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    reading, parsing = pa.csv.ReadOptions(block_size=_BLOCK), pa.csv.ParseOptions(newlines_in_values=True)
    types = pa.csv.ConvertOptions(column_types=_TYPES, include_columns=columns)
    with pa.csv.open_csv(path, reading, parsing, types) as reader:
        yield from reader


def _read_json(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        while lines := file.readlines(_BLOCK):
            entries = [json.loads(line) for line in lines]
            yield pa.record_batch({name: [entry[name] for entry in entries] for name in columns})
