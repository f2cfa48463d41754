"""``seqrec verify``: what is whole, and what is not."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import command, make_log, run, write

from seqrec.cli import exits


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("task", ["score", "recommend"], scope="module")
def test_verify_recounts_results_of_every_format(home, tmp_path, task, form):
    log = make_log()
    log.loc[5, "item_id"] = None
    arguments = command(home, task, write(log, tmp_path / "log.csv"), output=tmp_path / "out")
    run(*arguments, "--format", form, "--fpr" if task == "score" else "-k", "0.2" if task == "score" else 3, code=3)
    record = json.loads(run("verify", tmp_path / "out", "--json").stdout)
    assert record["whole"]
    assert record["reports"][0]["quarantined"] == 1
    last = next((tmp_path / "out").glob("quarantine.*"))
    last.unlink()
    assert "NOT WHOLE" in run("verify", tmp_path / "out", code=exits.NOT_WHOLE).stdout


def test_verify_finds_a_row_that_is_there_twice(home, tmp_path):
    run("score", home / "score.seqrec", home / "log.csv", "-o", tmp_path / "out")
    path = next((tmp_path / "out").glob("events-*"))
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table[:7], table[6:-1]]), path)
    assert "row 6 of" in run("verify", tmp_path / "out", code=exits.NOT_WHOLE).stdout


def test_verify_tells_a_whole_model_from_a_damaged_one(home, tmp_path):
    assert "not of who made" in run("verify", home / "score.seqrec").stdout
    content = bytearray((home / "score.seqrec").read_bytes())
    content[len(content) // 2] ^= 4
    (tmp_path / "bad.seqrec").write_bytes(content)
    assert "NOT WHOLE" in run("verify", tmp_path / "bad.seqrec", code=exits.NOT_WHOLE).stdout
    run("verify", tmp_path / "none.seqrec", code=2)
    run("verify", tmp_path, code=2)
