"""A log by user and time: nothing lost, nothing doubled, the same on every machine."""

from itertools import chain, pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqrec.jobs import staging
from seqrec.jobs.staging import (
    Census,
    bounds,
    check_order,
    hash_ids,
    in_lots,
    in_pieces,
    sorted_rows,
    stage,
    users_in_time,
)
from seqrec.logs.chunks import TimeFacts
from seqrec.logs.columns import find_columns, find_kinds
from seqrec.logs.files import LogFile

HASHES = {
    "": 1760245841805064774,
    "a": 13950350942979735504,
    "user-17": 2704421928114695226,
    "é\n😀": 15647267914204944301,
    "42": 12441728511894777052,
    "-7": 4215701411321851367,
}
MEMORY = 2**28


def make_log(n_rows=400, n_users=23, seed=0):
    """Rows in any order, with many ties of user and time."""
    rng = np.random.default_rng(seed)
    times = pd.to_datetime("2024-05-01") + pd.to_timedelta(rng.integers(0, 40, n_rows), unit="s")
    users = [f"u{user}" for user in rng.integers(0, n_users, n_rows)]
    return pd.DataFrame({"user_id": users, "item_id": rng.choice(list("abc"), n_rows), "timestamp": times})


def write(log, folder, n_files=1, bad=()):
    """Write a log as CSV files; the rows `bad` lack a time."""
    log = log.copy()
    log["timestamp"] = log["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    log.loc[list(bad), "timestamp"] = "no time"
    ends = np.linspace(0, len(log), n_files + 1).astype(int)
    paths = [folder / f"log{number}.csv" for number in range(n_files)]
    for path, first, last in zip(paths, ends[:-1], ends[1:], strict=True):
        log.iloc[first:last].to_csv(path, index=False)
    return paths


def staged(paths, folder, shard=(0, 1)):
    files = [LogFile.from_path(path) for path in paths]
    columns = find_columns(files)
    folder.mkdir(exist_ok=True)
    return stage(files, columns, find_kinds(files, columns), folder, shard, lambda *_: None)


def stream(folder, where=(0, 2**64 - 1), roles=("user", "item", "time"), drop_duplicates=False):
    batches = list(users_in_time(folder, where, roles, drop_duplicates, MEMORY))
    return pa.Table.from_batches(batches).to_pandas() if batches else pd.DataFrame({"place": []})


# --- hashes


def test_hashes_are_the_same_on_every_machine():
    assert hash_ids(pa.chunked_array([list(HASHES)])).to_pylist() == list(HASHES.values())


def test_an_integer_hashes_as_its_text():
    texts = pa.chunked_array([["42", "-7"], ["42"]])
    assert hash_ids(pa.chunked_array([[42, -7], [42]])).equals(hash_ids(texts))
    assert hash_ids(texts).to_pylist() == [HASHES["42"], HASHES["-7"], HASHES["42"]]


@pytest.mark.parametrize(("n_buckets", "n_shards"), [(1, 1), (3, 1), (1, 7), (5, 3), (1000, 6)])
def test_buckets_of_shards_part_the_hashes_exactly(n_buckets, n_shards):
    parts = [bounds(bucket, n_buckets, (i, n_shards)) for i in range(n_shards) for bucket in range(n_buckets)]
    assert parts[0][0] == 0
    assert parts[-1][1] == 2**64 - 1
    assert all(low == high + 1 for (_, high), (low, _) in pairwise(parts))
    sizes = [high - low + 1 for low, high in parts]
    assert max(sizes) - min(sizes) <= 1


def test_buckets_of_a_shard_lie_within_it():
    for shard in ((0, 3), (1, 3), (2, 3)):
        low, high = bounds(0, 1, shard)
        assert bounds(0, 4, shard)[0] == low
        assert bounds(3, 4, shard)[1] == high


# --- staging


def test_every_row_is_staged_once_with_its_place(tmp_path):
    log = make_log()
    census = staged(write(log, tmp_path, n_files=3, bad=[5, 200, 399]), tmp_path / "staged")
    assert sum(census.rows) == 400
    assert (census.bad, census.other_shards, census.good, census.users) == (3, 0, 397, log["user_id"].nunique())
    rows = stream(tmp_path / "staged").set_index("place").sort_index()
    assert rows.index.tolist() == [place for place in range(400) if place not in (5, 200, 399)]
    expected = log.loc[rows.index]
    assert rows["user"].tolist() == expected["user_id"].tolist()
    assert rows["item"].tolist() == expected["item_id"].tolist()
    assert rows["time"].tolist() == expected["timestamp"].tolist()
    bad = pa.concat_tables(pq.read_table(path) for path in (tmp_path / "staged").glob("*.bad"))
    assert bad["place"].to_pylist() == [5, 200, 399]
    assert set(bad["raw"].to_pylist()) == {"no time"}


def test_places_lead_back_to_file_and_row():
    census = Census([3, 0, 2], 0, 0, 1, TimeFacts())
    file, row = census.source(np.arange(5))
    assert file.tolist() == [0, 0, 0, 2, 2]
    assert row.tolist() == [0, 1, 2, 0, 1]


def test_the_number_of_staged_files_changes_nothing(tmp_path, monkeypatch):
    log = make_log()
    paths = write(log, tmp_path, n_files=3, bad=[17])
    whole = staged(paths, tmp_path / "one")
    monkeypatch.setattr(staging, "_STAGED", 100)
    monkeypatch.setattr(staging, "_ROW_GROUP", 10)
    monkeypatch.setattr(staging, "_BATCH", 7)
    cut = staged(paths, tmp_path / "many")
    assert len(list((tmp_path / "one").glob("*.parquet"))) == 1
    assert len(list((tmp_path / "many").glob("*.parquet"))) == 3
    assert cut == whole
    pd.testing.assert_frame_equal(stream(tmp_path / "one"), stream(tmp_path / "many"))


def test_what_is_staged_is_not_written_again(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "_STAGED", 100)
    paths = write(make_log(), tmp_path, n_files=3, bad=[17])
    first = staged(paths, tmp_path / "staged")
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "staged").iterdir()}
    lost = tmp_path / "staged" / "000001.parquet"
    lost.unlink()
    assert staged(paths, tmp_path / "staged") == first
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "staged").iterdir()}
    assert again.keys() == there.keys()
    assert {path.name for path in there if again[path] != there[path]} == {"000001.parquet", "000001.bad"}


def test_progress_is_told_by_file(tmp_path):
    paths = write(make_log(), tmp_path, n_files=2)
    files = [LogFile.from_path(path) for path in paths]
    columns = find_columns(files)
    told = []
    (tmp_path / "staged").mkdir()
    stage(files, columns, find_kinds(files, columns), tmp_path / "staged", (0, 1), lambda *seen: told.append(seen))
    assert told == [(0, 200), (1, 200)]


def test_a_log_without_rows_is_staged(tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n")
    census = staged([tmp_path / "log.csv"], tmp_path / "staged")
    assert (sum(census.rows), census.good, census.users, census.n_buckets) == (0, 0, 0, 1)
    assert not len(stream(tmp_path / "staged"))


@pytest.mark.parametrize("n_shards", [2, 3])
def test_shards_share_out_users_and_bad_rows(tmp_path, n_shards):
    log, bad = make_log(), [5, 6, 7, 200, 399]
    paths = write(log, tmp_path, bad=bad)
    censuses, users, places = [], [], []
    for i in range(n_shards):
        folder = tmp_path / f"staged{i}"
        censuses.append(staged(paths, folder, (i, n_shards)))
        rows = stream(folder)
        assert len(rows) == censuses[-1].good
        users += rows["user"].unique().tolist()
        places += rows["place"].tolist()
    assert all(sum(census.rows) == census.good + census.bad + census.other_shards for census in censuses)
    assert sum(census.bad for census in censuses) == len(bad)
    assert sorted(places) == [place for place in range(400) if place not in bad]
    assert len(users) == len(set(users)) == sum(census.users for census in censuses)


def test_buckets_hold_about_so_many_rows(monkeypatch):
    numbers = [Census([n], 0, 0, 1, TimeFacts(), 10).n_buckets for n in (0, 1, 10, 11, 30)]
    assert numbers == [1, 1, 1, 2, 3]


# --- sorting


def test_users_come_whole_and_in_time_and_ties_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "_STAGED", 100)
    monkeypatch.setattr(staging, "_BATCH", 7)
    log = make_log()
    staged(write(log, tmp_path, n_files=3), tmp_path / "staged")
    rows = stream(tmp_path / "staged")
    assert rows["hash"].is_monotonic_increasing
    changes = (rows["user"] != rows["user"].shift()).sum()
    assert changes == rows["user"].nunique() == log["user_id"].nunique()
    for user, own in rows.groupby("user"):
        expected = log[log["user_id"] == user].sort_values("timestamp", kind="stable")
        assert own["place"].tolist() == expected.index.tolist()


def test_without_times_the_rows_of_a_user_keep_their_order(tmp_path):
    log = make_log()
    staged(write(log, tmp_path), tmp_path / "staged")
    rows = stream(tmp_path / "staged", roles=("user", "item"))
    assert (rows.groupby("user")["place"].diff().dropna() > 0).all()


def test_buckets_together_hold_every_row_once(tmp_path):
    staged(write(make_log(), tmp_path), tmp_path / "staged")
    parts = [stream(tmp_path / "staged", bounds(bucket, 5)) for bucket in range(5)]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), stream(tmp_path / "staged"))


def test_users_whose_hashes_agree_are_kept_apart(tmp_path):
    rows = pa.table(
        {"hash": pa.array([9] * 6, pa.uint64()), "place": range(6), "user": list("abbaab"), "item": list("xyzxyz")}
    )
    pq.write_table(rows, tmp_path / "000000.parquet")
    found = stream(tmp_path, roles=("user", "item"))
    assert found["user"].tolist() == list("aaabbb")
    assert found["place"].tolist() == [0, 3, 4, 1, 2, 5]


def test_of_duplicates_the_first_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "_STAGED", 100)
    log = make_log()
    staged(write(log, tmp_path, n_files=3), tmp_path / "staged")
    rows = stream(tmp_path / "staged", drop_duplicates=True)
    assert sorted(rows["place"]) == log.drop_duplicates().index.tolist()
    assert len(rows) < len(log)


def test_a_folder_whose_name_holds_quotes_is_read(tmp_path):
    staged(write(make_log(), tmp_path), tmp_path / 'it\'s "so"')
    assert len(stream(tmp_path / 'it\'s "so"')) == 400


def test_rows_out_of_order_are_an_error():
    table = pa.table({"hash": [1, 1, 2], "user": ["a", "a", "b"], "place": [0, 2, 1]})
    check_order(table, ["hash", "user", "place"])
    check_order(table[:0], ["hash", "user", "place"])
    with pytest.raises(AssertionError, match="out of the order of place"):
        check_order(table, ["place"])
    with pytest.raises(AssertionError, match="out of the order of hash, place"):
        check_order(table.take(pa.array([1, 0, 2])), ["hash", "place"])
    with pytest.raises(AssertionError):
        check_order(table.take(pa.array([1, 0, 2])), ["hash", "user", "place"])


def test_disorder_between_batches_is_an_error(tmp_path, monkeypatch):
    class Disordered:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def sql(self, _):
            return self

        def to_arrow_reader(self, _):
            return iter([pa.record_batch({"place": [0, 3]}), pa.record_batch({"place": [2, 4]})])

    (tmp_path / "rows.parquet").touch()
    monkeypatch.setattr(staging, "connect", lambda *_: Disordered())
    rows = sorted_rows(tmp_path, ["place"], "true", MEMORY)
    assert next(rows).num_rows == 2
    with pytest.raises(AssertionError, match="out of the order of place"):
        next(rows)


# --- pieces


def batches_of(users, size):
    table = pa.table({"user": list(users), "place": range(len(users))})
    return table.to_batches(max_chunksize=size)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize("n_rows", [1, 3, 7, 100])
def test_pieces_are_cut_between_users(size, n_rows):
    users = "aabbbbbcddddddddddddeefffg"
    pieces = list(in_pieces(batches_of(users, size), n_rows))
    assert pa.concat_tables(pieces)["place"].to_pylist() == list(range(len(users)))
    for piece, following in pairwise(pieces):
        own = piece["user"].to_pylist()
        if own[-1] == following["user"][0].as_py():  # a user is cut only if larger than a piece
            assert len(set(own)) == 1
            assert len(own) >= n_rows


def test_no_rows_make_no_pieces():
    assert list(in_pieces([], 5)) == []
    assert list(in_pieces(batches_of("", 5), 5)) == []


@pytest.mark.parametrize(("n_users", "n_rows"), [(3, 99), (99, 6), (3, 6), (99, 999)])
def test_lots_hold_the_same_users_whatever_way_the_rows_came(n_users, n_rows):
    lengths = [1, 2, 9, 1, 1, 4, 12, 1, 3]
    table = pa.table({"user": np.repeat([f"u{i}" for i in range(9)], lengths), "row": np.arange(sum(lengths))})
    latest = [rows[-4:].tolist() for rows in np.split(np.arange(sum(lengths)), np.cumsum(lengths)[:-1])]
    found = []
    for size in (1, 2, 5, 100):
        tables = [table[start : start + size] for start in range(0, table.num_rows, size)]
        found.append([lot["row"].to_pylist() for lot in in_lots(tables, 4, n_users, n_rows)])
    assert found.count(found[0]) == 4
    assert [*chain(*found[0])] == [*chain(*latest)]
    users = [len(set(table["user"].take(lot).to_pylist())) for lot in found[0]]
    assert max(users) <= n_users
    assert all(len(lot) < n_rows + 4 for lot in found[0])


def test_no_rows_make_no_lots():
    assert not list(in_lots([], 4, 3, 6))
