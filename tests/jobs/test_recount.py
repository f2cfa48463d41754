"""Results that are not whole: what is lost, doubled, or in disorder is found and named."""

import json
from pathlib import Path

import pandas as pd
import pytest

from seqrec.jobs.recount import compare_shards, holds_results, recount

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
    (folder / "report.json").write_text(json.dumps(REPORT | changes))
    write(folder, "events-00000", [("log.csv", row) for row in events], form)
    write(folder, "quarantine", [("log.csv", row) for row in quarantined], form)
    write(folder, "sequences-00000", [("log.csv", row) for row in range(n_sequences)], form)
    return folder


def faults(folder):
    return recount(folder, lambda *_: None)[0]


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_whole_results_have_no_fault(tmp_path, form):
    assert holds_results(make_results(tmp_path, form))
    assert recount(tmp_path, lambda *_: None) == ([], REPORT)


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
    assert faults(tmp_path) == [f"{tmp_path}: row 1 of a.csv is there twice, or out of order."]


def test_a_job_without_a_report_is_not_finished(tmp_path):
    assert not holds_results(tmp_path)
    assert "not finished" in faults(tmp_path)[0]


def test_shards_make_up_the_log_together():
    reports = [REPORT | {"filtered_by_reason": {"other shards": other}} for other in (2, 4)]
    folders = [Path(f"shard-{part}-of-2") for part in (1, 2)]
    assert compare_shards(folders, reports) == []
    assert compare_shards(folders[:1], reports[:1]) == ["1 of 2 parts are there."]
    assert "the parts hold 8 rows together" in compare_shards(folders, [reports[0], reports[0]])[0]
