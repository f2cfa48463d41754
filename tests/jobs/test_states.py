"""What is kept of users is given back as it was, and nobody is forgotten."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from seqrec.detect.normal import DetectorState
from seqrec.detect.parts import NumberParts, SurprisalParts
from seqrec.exceptions import JobError
from seqrec.jobs import states
from seqrec.jobs.scoring import Kept, Oddest
from seqrec.jobs.staging import bounds, hash_ids
from seqrec.jobs.states import Generations, StateStore
from seqrec.network.state import State, leaves, rebuilt, take


def nothing(n):
    """What is kept of n sequences at first, in shapes of a detector's."""
    memory = (np.zeros((n, 1), "i4"), np.zeros((n, 9, 8), "f4"), np.zeros((n, 2, 2), "f4"))
    network = State(memory, np.zeros((n, 8), "f4"), np.full(n, "NaT", "datetime64[us]"))
    parts = (SurprisalParts.start(n), SurprisalParts.start(n), NumberParts.start(n))
    return DetectorState(network, parts, sparse.csr_array((n, 5), dtype=np.int64))


def filled(array, rng):
    """Values of an array's type and shape, every bit of them random or missing."""
    if array.dtype.kind == "M":
        times = rng.integers(0, 2**60, array.shape).astype(array.dtype)
        times[::4] = np.datetime64("NaT")
        return times
    if array.dtype.kind == "f":
        return np.where(rng.random(array.shape) < 0.1, np.nan, rng.normal(0, 1e3, array.shape)).astype(array.dtype)
    return rng.integers(0, 2**31, array.shape).astype(array.dtype)


@pytest.fixture
def everybody():
    """What is kept of thirty users, by rising hashes."""
    rng = np.random.default_rng(0)
    users = np.array([f"é{i}" for i in range(30)], dtype=object)
    hashes = hash_ids(pa.chunked_array([users.tolist()])).to_numpy()
    counts = sparse.csr_array(rng.integers(0, 3, (30, 5)))
    *dense, _ = leaves(nothing(30))
    state = rebuilt(nothing(30), [*(filled(array, rng) for array in dense), counts])
    text = np.array([f"event {i}" for i in range(90)], dtype=object).reshape(30, 3)
    text[::5, 1:] = ""
    oddest = Oddest(rng.random((30, 3)), text, rng.integers(0, 99, (30, 3)))
    kept = Kept(users, hashes, state, oddest, rng.integers(0, 99, (30, 2)))
    return take(kept, np.argsort(hashes))


def store(folder, kept, n_buckets=1, old=None):
    """Write a generation of users, some of whom may come in pieces."""
    folder.mkdir()
    for bucket in range(n_buckets):
        low, high = bounds(bucket, n_buckets)
        own = take(kept, (kept.hashes >= low) & (kept.hashes <= high))
        part = StateStore(nothing(0), old, (low, high), folder / f"{bucket:05d}.parquet")
        for start in range(0, len(own.users), 4):
            part.take(own.users[start : start + 4], own.hashes[start : start + 4])
            part.put(take(own, np.s_[start : start + 4]))
        part.close()


def stored(folder, kept, within=None):
    """What a generation holds of some users; the generation after it goes to a file of no use."""
    reader = StateStore(nothing(0), folder, within or bounds(0, 1), folder.with_suffix(".unused"))
    known, found = reader.take(kept.users, kept.hashes)
    reader.close()
    return known, found


def assert_equal(first, second):
    assert_array_equal(first.users, second.users)
    assert_array_equal(first.hashes, second.hashes)
    *dense, counts = leaves(first.state)
    *others, their_counts = leaves(second.state)
    for one, other in zip(dense, others, strict=True):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)
    assert_array_equal(counts.toarray(), their_counts.toarray())
    assert_array_equal(first.oddest.p_value, second.oddest.p_value)
    assert_array_equal(first.oddest.text, second.oddest.text)


def test_users_are_given_back_as_they_were_kept(everybody, tmp_path):
    store(tmp_path / "one", everybody)
    known, found = stored(tmp_path / "one", everybody)
    assert_array_equal(known, np.arange(30))
    assert_equal(found, everybody)
    assert not found.touched.any()


def test_integer_ids_are_given_back_as_integers(everybody, tmp_path):
    kept = everybody._replace(users=np.arange(30))
    store(tmp_path / "one", kept)
    _, found = stored(tmp_path / "one", kept)
    assert_equal(found, kept)
    assert found.users.dtype.kind == "i"


def test_only_known_users_are_given(everybody, tmp_path):
    store(tmp_path / "one", take(everybody, np.s_[::2]))
    known, found = stored(tmp_path / "one", everybody)
    assert_array_equal(known, np.arange(0, 30, 2))
    assert_equal(found, take(everybody, np.s_[::2]))


def test_users_whose_hashes_agree_are_told_apart(everybody, tmp_path):
    same = everybody._replace(hashes=np.full(30, 7, np.uint64))
    store(tmp_path / "one", same)
    asked = take(same, [5, 3, 11])
    known, found = stored(tmp_path / "one", asked)
    assert sorted(known) == [0, 1, 2]
    assert_equal(found, take(asked, known))


def test_new_users_between_known_ones_are_not_known(everybody, tmp_path):
    store(tmp_path / "one", take(everybody, np.s_[::2]))
    known, found = stored(tmp_path / "one", take(everybody, np.s_[1::2]))
    assert (len(known), found) == (0, None)


def test_nobody_is_known_at_first(everybody, tmp_path):
    reader = StateStore(nothing(0), None, bounds(0, 1), tmp_path / "new")
    known, found = reader.take(everybody.users, everybody.hashes)
    assert (len(known), found) == (0, None)
    known, found = reader.take(everybody.users[:0], everybody.hashes[:0])
    assert (len(known), found) == (0, None)


def test_users_that_nobody_asks_for_are_carried_on(everybody, tmp_path):
    store(tmp_path / "one", everybody)
    store(tmp_path / "two", take(everybody, [3, 4, 20]), old=tmp_path / "one")
    store(tmp_path / "three", take(everybody, np.s_[:0]), old=tmp_path / "two")
    known, found = stored(tmp_path / "three", everybody)
    assert_array_equal(known, np.arange(30))
    assert_equal(found, everybody)


def test_what_is_put_replaces_what_was_known(everybody, tmp_path):
    changed = take(everybody, [2, 9])
    changed = changed._replace(state=changed.state._replace(counts=changed.state.counts + changed.state.counts))
    store(tmp_path / "one", everybody)
    store(tmp_path / "two", changed, old=tmp_path / "one")
    known, found = stored(tmp_path / "two", everybody)
    assert len(known) == 30
    assert_equal(take(found, [2, 9]), changed)
    others = np.setdiff1d(np.arange(30), [2, 9])
    assert_equal(take(found, others), take(everybody, others))


@pytest.mark.parametrize("numbers", [(1, 5), (5, 1), (3, 4), (40, 3)])
def test_the_number_of_buckets_may_change(everybody, tmp_path, numbers, monkeypatch):
    store(tmp_path / "one", everybody, numbers[0])
    store(tmp_path / "two", take(everybody, np.s_[::3]), numbers[1], old=tmp_path / "one")
    known, found = stored(tmp_path / "two", everybody)
    assert_array_equal(known, np.arange(30))
    assert_equal(found, everybody)


def test_a_bucket_without_users_is_an_empty_file(everybody, tmp_path):
    store(tmp_path / "one", take(everybody, np.s_[:0]), 3)
    assert [path.stat().st_size for path in sorted((tmp_path / "one").iterdir())] == [0, 0, 0]
    known, _ = stored(tmp_path / "one", everybody)
    assert not len(known)


def test_only_the_users_of_a_bucket_are_read(everybody, tmp_path):
    store(tmp_path / "one", everybody)
    low, high = bounds(1, 3)
    inside = (everybody.hashes >= low) & (everybody.hashes <= high)
    known, _ = stored(tmp_path / "one", take(everybody, inside), (low, high))
    assert len(known) == inside.sum() > 0
    known, _ = stored(tmp_path / "one", take(everybody, np.s_[-1:]), (low, high))
    assert not len(known)


def test_a_generation_is_sorted_by_hash(everybody, tmp_path):
    store(tmp_path / "one", take(everybody, np.s_[::2]), 2)
    store(tmp_path / "two", take(everybody, np.s_[1::4]), 3, old=tmp_path / "one")
    hashes = [t["hash"].to_numpy() for t in states._stored(tmp_path / "two", 0, 2**64 - 1)]
    assert (np.diff(np.concatenate(hashes).astype(object)) > 0).all()


# --- generations


ONE, TWO, THREE, FOUR = ("1" * 32, "2" * 32, "3" * 32, "4" * 32)


def make(folder, name, logs=(), n_kept=7, model="model"):
    """Let a job make a generation."""
    (folder / name).mkdir(parents=True)
    (folder / name / "00000.parquet").write_bytes(b"states")
    generations = Generations(folder, model, (0, 1))
    generations.commit(name, [list(log) for log in logs], n_kept)
    generations.clear()
    return generations


def folders(path):
    return sorted(folder.name for folder in path.iterdir() if folder.is_dir())


def test_there_is_no_generation_at_first(tmp_path):
    generations = Generations(tmp_path / "states", "model")
    assert generations.read() == ([], [])
    assert generations.current() is None
    assert generations.scored() == {}


def test_the_newest_generation_holds_and_all_logs_are_remembered(tmp_path):
    make(tmp_path, ONE, [("a.csv", "A"), ("b.csv", "B")], 2)
    make(tmp_path, TWO, [("c.csv", "C")], 2)
    make(tmp_path, THREE, [("d.csv", "D")], 2)
    generations = Generations(tmp_path, "model", (0, 1))
    assert generations.current() == THREE
    assert [one.name for one in generations.read()[0]] == folders(tmp_path) == [TWO, THREE]
    assert generations.scored() == {"A": "a.csv", "B": "b.csv", "C": "c.csv", "D": "d.csv"}


def test_a_night_that_is_taken_back_is_forgotten_with_its_logs(tmp_path):
    make(tmp_path, ONE, [("a.csv", "A")])
    generations = make(tmp_path, TWO, [("b.csv", "B")])
    assert generations.roll_back().name == TWO
    assert generations.current() == ONE
    assert generations.scored() == {"A": "a.csv"}
    assert folders(tmp_path) == [ONE]
    assert generations.roll_back().name == ONE
    assert generations.current() is None
    assert folders(tmp_path) == []
    with pytest.raises(JobError, match="holds no states"):
        generations.roll_back()


def test_what_is_not_kept_cannot_be_taken_back_to(tmp_path):
    make(tmp_path, ONE, [("a.csv", "A")], 1)
    generations = make(tmp_path, TWO, [("b.csv", "B")], 1)
    with pytest.raises(JobError, match="keeps no earlier states"):
        generations.roll_back()
    assert generations.current() == TWO


def test_damaged_states_can_be_taken_back_but_not_to_damaged_ones(tmp_path):
    for name in (ONE, TWO, THREE):
        generations = make(tmp_path, name)
    (tmp_path / THREE / "00000.parquet").unlink()
    generations.roll_back()
    assert generations.current() == TWO
    (tmp_path / ONE / "00000.parquet").unlink()
    with pytest.raises(JobError, match="missing from"):
        generations.roll_back()
    assert generations.current() == TWO


def test_taking_back_keeps_the_states_of_their_model_and_shard(tmp_path):
    make(tmp_path, ONE)
    make(tmp_path, TWO)
    Generations(tmp_path).roll_back()
    assert Generations(tmp_path, "model", (0, 1)).current() == ONE
    for model, shard, text in (("other", (0, 1), "another model"), ("model", (0, 2), "another shard")):
        with pytest.raises(JobError, match=text):
            Generations(tmp_path, model, shard).current()


def test_states_of_another_model_are_refused(tmp_path):
    make(tmp_path, ONE)
    with pytest.raises(JobError, match=r"states of another model\. Choose a new folder"):
        Generations(tmp_path, "other").current()
    with pytest.raises(JobError):
        make(tmp_path, TWO, model="other")
    assert Generations(tmp_path).current() == ONE


def test_a_commit_that_fails_leaves_the_old_generation(tmp_path, monkeypatch):
    make(tmp_path, ONE)

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("seqrec._files.os.replace", fail)
        with pytest.raises(OSError, match="No space"):
            make(tmp_path, TWO)
    assert Generations(tmp_path).current() == ONE
    assert (tmp_path / ONE).is_dir()


def test_what_a_kill_left_behind_is_removed_by_the_next_job(tmp_path):
    make(tmp_path, ONE)
    (tmp_path / TWO).mkdir()
    (tmp_path / TWO / ".00000.parquet.unfinished").touch()
    make(tmp_path, THREE)
    assert folders(tmp_path) == [ONE, THREE]


@pytest.mark.parametrize("thing", ["folder of something else", "link", "other name"])
def test_nothing_but_states_is_ever_removed(tmp_path, thing):
    states, victim = tmp_path / "states", tmp_path / "victim"
    for folder in (states, victim):
        folder.mkdir()
    (victim / "00000.parquet").touch()
    if thing == "link":
        (states / TWO).symlink_to(victim, target_is_directory=True)
    else:
        path = states / (TWO if thing == "folder of something else" else "mine")
        path.mkdir()
        (path / ("precious" if path.name == TWO else "00000.parquet")).touch()
    make(states, ONE)
    assert len(folders(states)) == 2
    assert (victim / "00000.parquet").exists()


@pytest.mark.parametrize("name", ["../victim", "{victim}", "..", "victim", "", 7, None])
def test_a_record_never_leads_to_a_folder_that_is_none_of_its_own(tmp_path, name):
    states, victim = tmp_path / "states", tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").touch()
    make(states, ONE)
    record = json.loads((states / "current.json").read_text())
    record["generations"][0]["name"] = name.format(victim=victim) if isinstance(name, str) else name
    (states / "current.json").write_text(json.dumps(record))
    for verb in (Generations(states).clear, Generations(states).roll_back):
        with pytest.raises(JobError, match="damaged"):
            verb()
    assert (victim / "precious").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"name": "x"}', b"\xff"], ids=repr)
def test_a_damaged_record_is_an_error_in_words(tmp_path, content):
    (tmp_path / "current.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(JobError, match="damaged"):
        Generations(tmp_path, "model").current()


def remove_folder(path):
    shutil.rmtree(path.parent)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [Path.unlink, cut, remove_folder])
def test_states_that_are_missing_or_cut_are_noticed(tmp_path, harm):
    make(tmp_path, ONE)
    harm(tmp_path / ONE / "00000.parquet")
    with pytest.raises(JobError, match="missing from"):
        Generations(tmp_path, "model").current()
