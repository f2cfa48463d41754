"""Every format gives the same rows in chunks of any size, and no row is lost, whatever the bytes."""

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from log_files import COLUMNS, log_rows, read, write, write_everywhere

from seqrec.exceptions import LogError
from seqrec.logs.columns import find_columns, find_kinds
from seqrec.logs.files import LogFile


@pytest.mark.parametrize("chunk_rows", [1, 7, 1000])
def test_every_format_gives_the_same_rows(tmp_path, chunk_rows):
    rows = list(log_rows())
    files = write_everywhere(tmp_path, rows)
    kinds = find_kinds(files, COLUMNS)
    assert kinds == {"user": "text", "item": "text", "time": "time"} | {
        "field:amount": "number",
        "field:new": "boolean",
        "field:note": "text",
    }
    tables = [read(file, COLUMNS, kinds, chunk_rows)[0] for file in files]
    assert len(tables[0]) == len(rows)
    assert all(table.equals(tables[0]) for table in tables)


def test_a_log_without_rows_has_the_right_columns(tmp_path):
    file = write(tmp_path / "a.csv", "user,item\n")
    assert read(file)[0].schema == pa.schema([("row", pa.int64()), ("user", pa.string()), ("item", pa.string())])
    with pytest.raises(LogError, match="has no rows"):
        find_columns([write(tmp_path / "a.jsonl", "")])


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_never_crash_and_no_row_is_lost(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for file in write_everywhere(tmp_path, list(log_rows())):
        content = np.frombuffer(file.path.read_bytes(), dtype=np.uint8).copy()
        places = rng.integers(len(content), size=rng.choice([1, 3, 20]))
        content[places] = rng.choice([*b'\0\xff"\n\r,{}', *rng.integers(256, size=9)], size=len(places))
        damaged = LogFile.from_path(tmp_path / f"damaged-{file.path.name}")
        damaged.path.write_bytes(content.tobytes())
        with suppress(LogError):
            read(damaged, find_columns([damaged], fields=COLUMNS.fields), chunk_rows=20)
