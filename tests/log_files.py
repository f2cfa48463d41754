"""Logs as files of every format, for tests: written, and read with every row accounted for."""

import csv
import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqrec.logs.chunks import TimeFacts, read_chunks, schema_of
from seqrec.logs.columns import Columns, find_columns, find_kinds
from seqrec.logs.files import LogFile
from seqrec.logs.values import CODES

COLUMNS = Columns("user", "item", "time", ("amount", "new", "note"))


def write(path, content):
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return LogFile.from_path(path)


def read(file, columns=None, kinds=None, chunk_rows=2**18):
    """All good rows, all bad rows and the facts of a file, with its rows conserved."""
    columns = columns or find_columns([file])
    kinds = find_kinds([file], columns, kinds)
    good, bad, facts, start = [schema_of(kinds).empty_table()], [], TimeFacts(), 0
    for chunk in read_chunks(file, columns, kinds, chunk_rows):
        rows = sorted(chunk.good["row"].to_pylist() + chunk.bad["row"].to_pylist())
        assert rows == list(range(start, start + chunk.n_rows))
        assert chunk.start == start
        assert 0 < chunk.n_rows <= chunk_rows
        assert chunk.good.schema == schema_of(kinds)
        start += chunk.n_rows
        good.append(chunk.good)
        bad += chunk.bad.to_pylist()
        facts += chunk.times
    assert {row["code"] for row in bad} <= CODES.keys()
    return pa.concat_tables(good).combine_chunks(), bad, facts


def faults(bad):
    return [(row["row"], row["code"]) for row in bad]


def csv_of(rows, names):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([names, *rows])
    return out.getvalue()


def parquet(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return LogFile.from_path(path)


def log_rows(n_rows=50):
    rng = np.random.default_rng(0)
    for row in range(n_rows):
        user, item = map(str, (rng.choice(["ann", "böb", "00", "NA", '"q"']), rng.choice(["tea", "a,b", "x\ny", "=1"])))
        time = f"2024-05-02T{row // 3600:02}:{row // 60 % 60:02}:{row % 60:02}"
        yield {
            "user": user,
            "item": item,
            "time": time,
            "amount": row / 8,
            "new": row % 3 == 0,
            "note": "n" * (row % 7 + 1),
        }


def write_everywhere(folder, rows):
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "log.parquet", row_group_size=16)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    cells = csv_of(
        [[*list(row.values())[:4], str(row["new"]).lower(), row["note"]] for row in rows], table.column_names
    )
    files = [LogFile.from_path(folder / "log.parquet")]
    for name, content in (("log.csv", cells), ("log.jsonl", lines)):
        files += [write(folder / name, content), write(folder / (name + ".gz"), content)]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter="\t").writerows(csv.reader(io.StringIO(cells, newline="")))
    return [*files, write(folder / "log.tsv", "\ufeff" + out.getvalue())]
