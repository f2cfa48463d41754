"""Results that are not whole: what is lost, doubled, or in disorder is found and named."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqrec.jobs.recount import compare_shards, holds_results, recount, signed

REPORT = {"rows": 6, "scored": 4, "quarantined": 1, "filtered": 1, "filtered_by_reason": {"duplicates": 1}}
REPORT |= {"sequences": 2, "flagged": 0}


def write(folder, name, rows, form):
    """Write rows (file, row) in the format of the results."""
    table = pd.DataFrame(rows, columns=["file", "row"]).assign(events=3)
    path = folder / f"{name}.{form}"
    if form == "parquet":
        table.to_parquet(path)
    elif form == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_json(path, orient="records", lines=True)


def make_results(folder, form="csv", events=(0, 1, 3, 5), quarantined=(2,), n_sequences=2, **changes):
    write(folder, "events-00000", [("log.csv", row) for row in events], form)
    write(folder, "quarantine", [("log.csv", row) for row in quarantined], form)
    write(folder, "sequences-00000", [("log.csv", row) for row in range(n_sequences)], form)
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256(path.read_bytes()).hexdigest()}
        for path in folder.glob(f"*.{form}")
    }
    (folder / "report.json").write_text(json.dumps(signed(REPORT | {"files": files} | changes)))
    return folder


def faults(folder):
    return recount(folder, lambda *_: None)[0]


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_whole_results_have_no_fault(tmp_path, form):
    assert holds_results(make_results(tmp_path, form))
    found, report = recount(tmp_path, lambda *_: None)
    assert found == []
    assert report.items() >= REPORT.items()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"events": (0, 1, 3)}, "events has 3 rows, and the report says 4"),
        ({"events": (0, 1, 1, 5)}, "row 1 of log.csv is there twice, or out of order"),
        ({"events": (0, 3, 1, 5)}, "row 1 of log.csv is there twice, or out of order"),
        ({"events": (0, 1, 2, 5)}, "row 2 of log.csv is scored and quarantined"),
        ({"quarantined": ()}, "quarantine has 0 rows, and the report says 1"),
        ({"n_sequences": 3}, "sequences has 3 rows, and the report says 2"),
        ({"rows": 7}, "7 rows are not the sum of their parts"),
        ({"filtered_by_reason": {}}, "1 filtered rows are not the sum of those by reason"),
        ({"filtered_by_reason": None}, "a file cannot be read"),
        ({"scored": "four"}, "a file cannot be read"),
    ],
)
def test_what_is_lost_or_doubled_is_found(tmp_path, changes, fault):
    (found,) = faults(make_results(tmp_path, **changes))
    assert fault in found


def test_a_file_of_the_log_that_comes_again_is_found(tmp_path):
    make_results(tmp_path)
    write(tmp_path, "events-00000", [("a.csv", 0), ("b.csv", 0), ("a.csv", 1), ("a.csv", 2)], "csv")
    assert faults(tmp_path)[1:] == [f"{tmp_path}: row 1 of a.csv is there twice, or out of order."]


def test_a_job_without_a_report_is_not_finished(tmp_path):
    assert not holds_results(tmp_path)
    assert "not finished" in faults(tmp_path)[0]


def test_shards_make_up_the_log_together():
    reports = [REPORT | {"filtered_by_reason": {"other shards": other}} for other in (2, 4)]
    folders = [Path(f"shard-{part}-of-2") for part in (1, 2)]
    assert compare_shards(folders, reports) == []
    assert compare_shards(folders[:1], reports[:1]) == ["1 of 2 parts are there."]
    assert "the parts hold 8 rows together" in compare_shards(folders, [reports[0], reports[0]])[0]


# --- changes of any kind


def read_lines(path):
    return path.read_text().splitlines(keepends=True)


def drop(path, rng):
    lines = read_lines(path)
    del lines[rng.integers(1, len(lines))]
    path.write_text("".join(lines))


def double(path, rng):
    lines = read_lines(path)
    at = rng.integers(1, len(lines))
    path.write_text("".join([*lines[:at], lines[at], *lines[at:]]))


def swap_rows(path, rng):
    lines = read_lines(path)
    one, other = rng.choice(np.arange(1, len(lines)), 2, replace=False)
    lines[one], lines[other] = lines[other], lines[one]
    path.write_text("".join(lines))


def change(path, rng):
    content = bytearray(path.read_bytes())
    digits = [at for at, byte in enumerate(content) if chr(byte).isdigit()]
    at = digits[rng.integers(len(digits))]
    content[at] = ord("0") + (content[at] - ord("0") + 1) % 10
    path.write_bytes(content)


def flip(path, rng):
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    path.write_bytes(content)


def swap_files(path, rng):
    other = rng.choice([one for one in path.parent.glob(f"*{path.suffix}") if one != path])
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


def remove(path, rng):
    path.unlink()


def copy(path, rng):
    (path.parent / f"events-00099{path.suffix}").write_bytes(path.read_bytes())


def edit_report(path, rng):
    report = json.loads((path.parent / "report.json").read_text())
    report["scored"], report["rows"] = report["scored"] - 1, report["rows"] - 1
    (path.parent / "report.json").write_text(json.dumps(report))


OF_TEXT, OF_BYTES = [drop, double, swap_rows, change], [flip, swap_files, remove, copy, edit_report]


@pytest.mark.parametrize(
    ("form", "harm"),
    [(form, harm) for form in ("csv", "jsonl") for harm in OF_TEXT]
    + [(form, harm) for form in ("csv", "jsonl", "parquet") for harm in OF_BYTES],
)
@pytest.mark.parametrize("seed", range(8))
def test_every_change_of_results_is_noticed(tmp_path, form, harm, seed):
    rng = np.random.default_rng(seed)
    make_results(tmp_path, form, n_sequences=3, sequences=3)
    assert faults(tmp_path) == []
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    harm(tmp_path / f"{rng.choice(['events-00000', 'sequences-00000'])}.{form}", rng)
    if before != {path.name: path.read_bytes() for path in tmp_path.iterdir()}:  # two rows may be equal
        assert faults(tmp_path)
    else:
        assert harm is swap_rows
