"""Drawn logs: each sequence is the one that it is, whatever is drawn beside it, and however often a job is stopped."""

import numpy as np
import pandas as pd
import pytest
from job_files import assert_conserved, results, write

import seqrec
from seqrec import NGramGenerator, Sequences
from seqrec.exceptions import BadRowsError, InputError, JobError
from seqrec.jobs import generation, staging
from seqrec.jobs import job as bulk
from seqrec.jobs.generation import ContinuationJob, Drawing, GenerationJob
from seqrec.jobs.job import Settings, digest_of
from seqrec.logs.source import Source
from seqrec.storage.columns import Columns, IdForm, LogForm, TimeForm

ITEMS = "abcdefgh"
FORM = LogForm("csv", ("what", "who"), IdForm("C", width=3, first=900), TimeForm(), {})
COLUMNS = Columns("who", "what", form=FORM)


def make_log(n, seed, items=ITEMS):
    rng = np.random.default_rng(seed)
    users = np.repeat([f"u{i:02d}" for i in range(n)], rng.integers(1, 12, n))
    log = pd.DataFrame({"user_id": users, "item_id": rng.choice(list(items), len(users))})
    return log.assign(timestamp=pd.to_datetime((1.7e9 + np.arange(len(users))) * 1e6, unit="us"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.seqrec"
    seqrec.save(NGramGenerator(order=2).fit(Sequences.from_frame(make_log(60, 0))), path)
    return path


@pytest.fixture
def small(monkeypatch):
    """Several files, and several lots of a file, as a large log has them."""
    monkeypatch.setattr(generation, "_MOST_AT_ONCE", 4)
    monkeypatch.setattr(generation, "_PART", 50)
    monkeypatch.setattr(generation, "_LOT", 30)
    monkeypatch.setattr(staging, "_STAGED", 50)
    monkeypatch.setattr(staging, "_BUCKET", 60)
    monkeypatch.setattr(staging, "_BATCH", 16)
    monkeypatch.setattr(bulk, "_LARGEST_PIECE", 4)
    monkeypatch.setattr(bulk, "_SMALLEST_PIECE", 4)


def draw(model, output, n=30, drawing=Drawing(seed=3), **options):  # noqa: B008
    return GenerationJob(model, digest_of(model), output, COLUMNS, n, drawing, **options).run(lambda *_: None)


def go_on(model, paths, output, drawing=Drawing(seed=3), settings=Settings("csv", max_bad=0.2)):  # noqa: B008
    source = Source.find([str(path) for path in paths], {}, (), {"item": "text"})
    return ContinuationJob(model, source, output, settings, drawing=drawing).run(lambda *_: None)


def read(output):
    return pd.concat(map(pd.read_csv, sorted(output.glob("log-*.csv"))), ignore_index=True)


def lists_of(log, user="user_id", item="item_id"):
    return log.groupby(user)[item].agg(list).to_dict()


# --- a new log


def test_a_new_log_holds_the_samples_under_new_ids(model, tmp_path, small):
    report = draw(model, tmp_path / "out")
    expected = seqrec.load(model).sample(30, random_state=3)
    names = [f"C{900 + number}" for number in range(30)]
    log = read(tmp_path / "out")
    assert log.columns.tolist() == ["what", "who"]
    assert lists_of(log, "who", "what") == {
        name: one.tolist() for name, one in zip(names, expected, strict=True) if len(one)
    }
    assert (report["drawn_sequences"], report["drawn"]) == (30, expected.n_events)
    assert len(report["files"]) > 2


def test_what_is_asked_of_samples_is_asked_of_the_log(model, tmp_path, small):
    shape = Drawing(seed=1, length=3, temperature=0.5, top_k=3, top_p=0.9, stop=["b"])
    draw(model, tmp_path / "out", n=9, drawing=shape, prefix=["a", "c"])
    asked = {name: value for name, value in shape._asdict().items() if name != "seed"}
    expected = seqrec.load(model).sample(9, prefix=["a", "c"], random_state=1, **asked)
    assert [*lists_of(read(tmp_path / "out"), "who", "what").values()] == [one.tolist() for one in expected]


def test_a_larger_log_begins_as_a_smaller_one_does(model, tmp_path):
    draw(model, tmp_path / "few", n=5)
    draw(model, tmp_path / "many", n=50)
    few, many = (read(tmp_path / name) for name in ("few", "many"))
    pd.testing.assert_frame_equal(few, many[: len(few)])


@pytest.mark.parametrize(("owner", "step"), [(GenerationJob, "_log"), (generation.Job, "write")])
def test_a_drawing_that_was_killed_ends_as_if_it_had_not_been(model, tmp_path, small, monkeypatch, owner, step):
    draw(model, tmp_path / "whole")
    done, own = [], getattr(owner, step)

    def dies(*arguments):
        done.append(1)
        if len(done) == 4:
            raise KeyboardInterrupt
        return own(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, dies)
        with pytest.raises(KeyboardInterrupt):
            draw(model, tmp_path / "out")
    assert (tmp_path / "out" / "log-00000.csv").exists()
    draw(model, tmp_path / "out")
    assert results(tmp_path / "out") == results(tmp_path / "whole")


def test_another_log_is_not_drawn_into_the_same_folder(model, tmp_path):
    first = draw(model, tmp_path / "out")
    assert draw(model, tmp_path / "out") == first
    with pytest.raises(JobError, match="differs in: n, seed"):
        draw(model, tmp_path / "out", n=31, drawing=Drawing(seed=4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drawing": Drawing(temperature=0)}, "temperature must be above 0"),
        ({"drawing": Drawing(stop=["z"])}, "stop holds 'z'"),
        ({"prefix": ["z"]}, "the prefix holds 'z'"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_a_folder_is_made(model, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        draw(model, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


# --- how the users of a log go on


LOG = make_log(25, 1, ITEMS + "xyz")


def test_each_user_of_a_log_goes_on(model, tmp_path):
    report = go_on(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out", Drawing(length=4))
    assert_conserved(report)
    assert (report["scored"], report["users"], report["users_ended"], report["drawn"]) == (len(LOG), 25, 0, 100)
    assert report["unknown_events"] == LOG["item_id"].isin([*"xyz"]).sum() > 0
    log = read(tmp_path / "out")
    assert log.columns.tolist() == ["user_id", "item_id"]
    assert log.groupby("user_id").size().to_dict() == dict.fromkeys(LOG["user_id"].unique(), 4)


def test_what_follows_a_beginning_is_what_is_likely(model, tmp_path):
    go_on(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out", Drawing(length=3, top_k=1))
    begun = lists_of(LOG[~LOG["item_id"].isin([*"xyz"])])
    known = {user: items for user, items in begun.items() if items[-1] == lists_of(LOG)[user][-1]}
    whole = seqrec.load(model).sample(len(known), prefix=[*known.values()], length=3, top_k=1)
    drawn = lists_of(read(tmp_path / "out"))
    assert [drawn[user] for user in known] == [one[-3:].tolist() for one in whole]


def test_files_buckets_pieces_and_parts_of_the_users_change_nothing(model, tmp_path, request):
    long = make_log(30, 9).assign(user_id="u05")  # more rows than a piece
    log = pd.concat([LOG, long], ignore_index=True)
    go_on(model, [write(log, tmp_path / "log.csv")], tmp_path / "whole")
    request.getfixturevalue("small")
    paths = [write(log[:33], tmp_path / "a.csv"), write(log[33:], tmp_path / "b.parquet")]
    go_on(model, paths, tmp_path / "out")
    for part in range(3):
        go_on(model, paths, tmp_path / f"part-{part}", settings=Settings("csv", shard=(part, 3)))
    parts = pd.concat([read(tmp_path / f"part-{part}") for part in range(3)])
    assert len(list((tmp_path / "out").glob("log-*"))) > 2
    assert lists_of(read(tmp_path / "out")) == lists_of(read(tmp_path / "whole")) == lists_of(parts)


def test_of_a_long_beginning_the_latest_events_are_read(model, tmp_path, monkeypatch):
    log = write(make_log(30, 9).assign(user_id="u05"), tmp_path / "log.csv")
    go_on(model, [log], tmp_path / "whole")
    monkeypatch.setattr(generation, "_LATEST", 5)
    assert go_on(model, [log], tmp_path / "out")["rows"] > 100
    pd.testing.assert_frame_equal(read(tmp_path / "out"), read(tmp_path / "whole"))


def test_bad_rows_are_set_apart_and_the_others_go_on(model, tmp_path):
    text = LOG.assign(item_id=LOG["item_id"].where(LOG.index != 4, "")).to_csv(index=False)
    (tmp_path / "log.csv").write_text(text)
    report = go_on(model, [tmp_path / "log.csv"], tmp_path / "out")
    assert_conserved(report)
    assert report["quarantined_by_code"] == {"missing_item": 1}
    with pytest.raises(BadRowsError):
        go_on(model, [tmp_path / "log.csv"], tmp_path / "none", settings=Settings("csv", max_bad=0))


def test_a_log_without_rows_goes_on_to_nothing(model, tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n")
    report = go_on(model, [tmp_path / "log.csv"], tmp_path / "out")
    assert (report["rows"], report["users"], report["drawn"]) == (0, 0, 0)
    assert read(tmp_path / "out").columns.tolist() == ["user_id", "item_id"]


@pytest.mark.parametrize("step", ["score_bucket", "write_result", "_report"])
def test_a_job_that_was_stopped_ends_as_if_it_had_not_been(model, tmp_path, small, monkeypatch, step):
    log = write(LOG, tmp_path / "log.csv")
    go_on(model, [log], tmp_path / "whole")
    done, own = [], getattr(ContinuationJob, step)

    def stops(*arguments):
        done.append(1)
        if len(done) == (1 if step == "_report" else 2):
            raise KeyboardInterrupt
        return own(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ContinuationJob, step, stops)
        with pytest.raises(KeyboardInterrupt):
            go_on(model, [log], tmp_path / "out")
    go_on(model, [log], tmp_path / "out")
    assert results(tmp_path / "out") == results(tmp_path / "whole")
