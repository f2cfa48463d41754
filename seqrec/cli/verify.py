"""``seqrec inspect`` and ``seqrec verify``: what a model file holds, and whether files are as they were written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from seqrec.cli.console import Console, facts
from seqrec.exceptions import LogError, ModelFileError
from seqrec.jobs.folder import Job
from seqrec.persistence import inspect

_BLOCK = 2**24  # bytes of text that are read at once
_COUNTED = {"sequences": "sequences", "alerts": "flagged", "recommendations": "recommendations"}


def inspect_model(console: Console, path: Path) -> None:
    """Show what a model file holds."""
    found = inspect(path)
    training, columns = found["training_data"], found["columns"]
    record = {"model": str(path), "bytes": path.stat().st_size, **found}
    record["training_data"] = None if training is None else training._asdict()
    record["columns"] = None if columns is None else columns._asdict()
    pairs = [("model", f"{path} ({record['bytes'] / 2**20:,.1f} MiB)"), ("estimator", found["estimator"])]
    if training is not None:
        size = f"{training.n_sequences:,} sequences, {training.n_events:,} events, {training.n_items:,} items"
        days = "" if training.first is None else f", {str(training.first)[:10]} to {str(training.last)[:10]}"
        pairs.append(("fitted to", size + days))
    if columns is not None:
        named = {role: [name] for role, name in columns._asdict().items() if isinstance(name, str)}
        named |= {"fields": columns.fields} if columns.fields else {}
        pairs.append(("columns", ", ".join(f"{role} {', '.join(map(repr, names))}" for role, names in named.items())))
    if found["validation"] is not None:
        pairs.append(("validation", f"NDCG@10 {found['validation']:.4f}"))
    if found["loss"] is not None:
        pairs.append(("loss", f"{found['loss']:.4f} nats an event, in the last epoch"))
    if found["offset"] is not None:
        pairs.append(("threshold", f"{found['offset']:.4f}, by {found['n_held_out']:,} held-out sequences"))
    pairs.append(("parameters", ", ".join(f"{name}={value}" for name, value in found["parameters"].items())))
    pairs.append(("versions", ", ".join(f"{name} {version}" for name, version in found["versions"].items())))
    console.result(record, facts(pairs))


def verify(console: Console, path: Path) -> bool:
    """Check a model file or a folder of results; tell whether it is whole."""
    if not path.exists():
        raise LogError(f"{path}: no such file or folder.")
    if not path.is_dir():
        return _verify_model(console, path)
    shards = sorted(folder for folder in path.glob("shard-*-of-*") if folder.is_dir())
    if not shards and not (path / "report.json").exists() and not Job(path).work.exists():
        raise LogError(f"{path} is no folder of results: a job of seqrec leaves report.json there.")
    faults, lines, reports = [], [], []
    for folder in shards or [path]:
        found, report = _verify_results(folder, console)
        faults += found
        reports += [report] if report is not None else []
        lines += [] if report is None else [f"{folder}: {_account(report)}"]
    if shards and not faults:
        faults += _compare_shards(shards, reports)
    end = [f"NOT WHOLE: {fault}" for fault in faults] or ["whole: every row is there, once."]
    console.result({"path": str(path), "whole": not faults, "faults": faults, "reports": reports}, [*lines, *end])
    return not faults


def _verify_model(console: Console, path: Path) -> bool:
    from seqrec.cli.columns import load_model

    try:
        load_model(path)
    except ModelFileError as error:
        console.result({"path": str(path), "whole": False, "faults": [str(error)]}, [f"NOT WHOLE: {error}"])
        return False
    lines = [f"whole: {path} is as it was saved. The digest tells of damage, not of who made the file."]
    console.result({"path": str(path), "whole": True, "faults": []}, lines)
    return True


def _account(report: dict[str, Any]) -> str:
    return " = ".join([f"{report['rows']:,} rows", " + ".join(f"{report[name]:,} {name}" for name in _PARTS)])


_PARTS = ("scored", "quarantined", "filtered")


def _verify_results(folder: Path, console: Console) -> tuple[list[str], dict[str, Any] | None]:
    """Compare the files of a folder with its report; give what is wrong, and the report."""
    path = folder / "report.json"
    if not path.exists():
        return [f"{folder}: the job is not finished. The command that began it goes on from there."], None
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        total = sum(report[name] for name in _PARTS)
        faults = (
            [] if report["rows"] == total else [f"{folder}: {report['rows']:,} rows are not the sum of their parts."]
        )
        quarantined = _Places().add_all(_places(folder, "quarantine", console))
        faults += _differs(folder, "quarantine", quarantined.n_rows, report["quarantined"])
        if "sequences" in report:
            events = _Places(quarantined.rows).add_all(_places(folder, "events", console))
            faults += _differs(folder, "events", events.n_rows, report["scored"])
            faults += [f"{folder}: {fault}" for fault in (*quarantined.faults, *events.faults)]
        for name, key in _COUNTED.items():
            if key in report:
                faults += _differs(folder, name, sum(table.num_rows for table in _tables(folder, name)), report[key])
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        return [f"{folder}: a file cannot be read: {error}"], None
    return faults, report


def _differs(folder: Path, name: str, found: int, told: int) -> list[str]:
    return [] if found == told else [f"{folder}: {name} has {found:,} rows, and the report says {told:,}."]


def _compare_shards(shards: list[Path], reports: list[dict[str, Any]]) -> list[str]:
    parts = {folder.name.rpartition("-")[2] for folder in shards}
    if len(parts) > 1 or len(shards) != int(next(iter(parts))):
        return [f"{len(shards)} of {' or '.join(sorted(parts))} parts are there."]
    rows = {report["rows"] for report in reports}
    others = "other shards"
    done = sum(report["rows"] - report["filtered_by_reason"].get(others, 0) for report in reports)
    if rows != {done}:
        return [f"the parts hold {done:,} rows together, and the log {' or '.join(map(str, sorted(rows)))}."]
    return []


class _Places:
    """Files and rows in the order of the log, each once, and none of some others."""

    def __init__(self, others: dict[str, np.ndarray] | None = None) -> None:
        self.n_rows = 0
        self.faults: list[str] = []
        self._others = others or {}
        self._last: tuple[str, int] = ("", -1)
        self._pieces: dict[str, list[np.ndarray]] = {}
        self._keep = others is None

    def add_all(self, tables: Iterator[pa.Table]) -> _Places:
        """Look at tables with file and row."""
        for table in tables:
            self.n_rows += table.num_rows
            encoded = table["file"].combine_chunks().cast(pa.string()).dictionary_encode()
            numbers, rows = encoded.indices.to_numpy(), table["row"].to_numpy().astype(np.int64)
            cuts = np.flatnonzero(np.diff(numbers)) + 1
            for piece, first in zip(np.split(rows, cuts), [0, *cuts.tolist()], strict=True):
                if len(piece):
                    self._add(encoded.dictionary[int(numbers[first])].as_py(), piece)
        return self

    def _add(self, name: str, rows: np.ndarray) -> None:
        before = self._last[1] if self._last[0] == name else -1
        wrong = np.flatnonzero(np.diff(rows, prepend=before) <= 0)
        if self._last[0] != name and name in self._pieces:
            wrong = np.array([0])
        both = np.isin(rows, self._others.get(name, []))
        for row in rows[wrong[:1]]:
            self.faults.append(f"row {row} of {name} is there twice, or out of order.")
        for row in rows[both][:1]:
            self.faults.append(f"row {row} of {name} is scored and quarantined.")
        self._last = (name, int(rows[-1]))
        self._pieces.setdefault(name, []).extend([rows] if self._keep else [])

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Rows by file."""
        return {name: np.concatenate(pieces) for name, pieces in self._pieces.items()}


def _places(folder: Path, name: str, console: Console) -> Iterator[pa.Table]:
    n_rows = 0
    for table in _tables(folder, name, ["file", "row"]):
        n_rows += table.num_rows
        console.show(f"reading {folder}/{name}", n_rows, None)
        yield table


def _tables(folder: Path, name: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Read the files of one kind of results, in the order of their numbers."""
    for path in sorted([*folder.glob(f"{name}.*"), *folder.glob(f"{name}-[0-9]*.*")]):
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches(columns=columns if columns else []):
                yield pa.Table.from_batches([batch])
        elif path.suffix == ".csv":
            yield from _read_csv(path, columns)
        elif path.suffix == ".jsonl":
            yield from _read_json(path, columns)


def _read_csv(path: Path, columns: list[str] | None) -> Iterator[pa.Table]:
    with path.open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file))
    types = dict.fromkeys(names, pa.string()) | ({"row": pa.int64()} if columns else {})
    reading = pa.csv.ReadOptions(block_size=_BLOCK)
    options = pa.csv.ConvertOptions(include_columns=columns or names[:1], column_types=types)
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    with pa.csv.open_csv(path, reading, parsing, options) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _read_json(path: Path, columns: list[str] | None) -> Iterator[pa.Table]:
    with path.open("rb") as file:
        while lines := file.readlines(_BLOCK):
            entries = [json.loads(line) for line in lines]
            yield pa.table({name: [entry[name] for entry in entries] for name in columns or list(entries[0])})
