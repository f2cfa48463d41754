"""Files are found and opened, and what breaks off gives what can still be read."""

import gzip
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_files import COLUMNS, faults, log_rows, read, write_everywhere

from seqrec.exceptions import LogError
from seqrec.logs.columns import find_columns
from seqrec.logs.files import LogFile, find_files
from seqrec.logs.formats import read_names


def test_files_are_found_by_name_and_pattern(tmp_path):
    for name in ("b.csv", "a.csv.gz", "c.parquet"):
        (tmp_path / name).touch()
    found = find_files([str(tmp_path / "c.parquet"), str(tmp_path / "*.csv*")])
    assert [file.path.name for file in found] == ["c.parquet", "a.csv.gz", "b.csv"]


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ([], "no log is named"),
        (["*.csv"], "no such file"),
        (["missing.csv"], "no such file"),
        (["folder"], r"is a folder. Name the files in it, such as 'folder.\*\.csv'"),
        (["log.jsonl", "./log.jsonl"], "named twice"),
        (["log.xlsx"], "Expected .csv, .tsv, .jsonl, .ndjson, .parquet.*--input-format"),
        (["log.csv.bz2"], "bunzip2 -k"),
        (["log.csv.zst"], "zstd -d"),
        (["log.zip"], "unzip"),
        (["s3://bucket/log.csv"], r"is an address.*duckdb -c \"COPY \(FROM 's3://bucket/log.csv'\)"),
        (["https://example.org/log.csv"], "is an address, and files alone are read. Download it"),
        (["-"], "standard input is not read"),
        (["log.jsonl", "hard.jsonl"], "hard.jsonl is named twice"),
        (["log.jsonl", "soft.jsonl"], "soft.jsonl is named twice"),
        (["log.parquet.gz"], "Expected .csv"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path, monkeypatch, patterns, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("log.jsonl", "log.xlsx", "log.parquet.gz", "log.csv.bz2", "log.csv.zst", "log.zip"):
        (tmp_path / name).touch()
    (tmp_path / "hard.jsonl").hardlink_to(tmp_path / "log.jsonl")
    (tmp_path / "soft.jsonl").symlink_to(tmp_path / "log.jsonl")
    with pytest.raises(LogError, match=message):
        find_files(patterns)


def test_a_folder_is_told_a_pattern_that_works_and_what_it_would_lose(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pa.table({"user": ["a", "b"], "item": ["x", "y"], "day": [1, 2]})
    pq.write_to_dataset(table, "hive", partition_cols=["day"])
    with pytest.raises(LogError, match=r"such as 'hive/\*\*/\*\.parquet'.*\('day'\) is not read.*hive_partitioning"):
        find_files(["hive"])
    files = find_files(["hive/**/*.parquet"])
    assert sorted(user for file in files for user in read(file)[0]["user"].to_pylist()) == ["a", "b"]
    with pytest.raises(LogError, match=r"column 'day' is missing.*read_parquet\('hive/\*\*/\*\.parquet'"):
        find_columns(files, fields=["day"])


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl.gz", "log.parquet"])
def test_a_file_that_cannot_be_opened_is_an_error_in_words(tmp_path, name):
    with pytest.raises(LogError, match="cannot be opened"):
        read_names(LogFile.from_path(tmp_path / name))
    (tmp_path / name).mkdir()
    with pytest.raises(LogError, match="cannot be opened"):
        read_names(LogFile.from_path(tmp_path / name))


@pytest.mark.parametrize("name", ["log.csv.gz", "log.jsonl.gz"])
def test_a_truncated_file_gives_what_can_be_read_and_one_bad_row(tmp_path, name):
    file = next(file for file in write_everywhere(tmp_path, list(log_rows(5000))) if file.path.name == name)
    whole, _, _ = read(file, COLUMNS)
    file.path.write_bytes(file.path.read_bytes()[:-2000])
    good, bad, _ = read(file, COLUMNS)
    assert faults(bad) == [(len(good), "truncated")]
    assert 0 < len(good) < len(whole)
    assert good.equals(whole[: len(good)])


@pytest.mark.parametrize("member", [1, 2])
def test_damage_within_a_gzip_member_makes_all_rows_doubtful(tmp_path, member):
    members = [
        b"user,item\n",
        *(b"".join(b"u%d,%s%d\n" % (i, kind, i * i) for i in range(500)) for kind in (b"x", b"y")),
    ]
    members = [gzip.compress(rows) for rows in members]
    rng, codes = np.random.default_rng(member), []
    for _ in range(40):
        broken = [bytearray(one) for one in members]
        broken[member][rng.integers(12, len(broken[member]))] ^= 1 << rng.integers(8)
        (tmp_path / "a.csv.gz").write_bytes(b"".join(broken))
        good, bad, _ = read(LogFile.from_path(tmp_path / "a.csv.gz"))
        codes.append(faults(bad)[-1][1])
        if member == 2:
            assert good["item"].to_pylist()[:500] == [f"x{i * i}" for i in range(500)]
    assert set(codes) == {"corrupt"}


def test_gzip_members_follow_each_other(tmp_path):
    content = gzip.compress(b"user,item\na,", mtime=0) + gzip.compress(b"x\nb,y\n") + b"\0" * 100
    (tmp_path / "a.csv.gz").write_bytes(content)
    good, bad, _ = read(LogFile.from_path(tmp_path / "a.csv.gz"))
    assert good["item"].to_pylist() == ["x", "y"]
    assert not bad
    (tmp_path / "a.csv.gz").write_bytes(content + b"junk")
    assert faults(read(LogFile.from_path(tmp_path / "a.csv.gz"))[1]) == [(2, "truncated")]


def test_pipes_and_links_that_lead_nowhere_are_refused_before_they_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    for name in ("pipe.csv", "loop.csv", "*.csv"):
        with pytest.raises(LogError, match="no regular file"):
            find_files([str(tmp_path / name)])
