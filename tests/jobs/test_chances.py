"""Chances for every user of a log, whatever way its rows come, and however often the job is stopped."""

import numpy as np
import pandas as pd
import pytest
from job_files import assert_conserved, results, write

import seqrec
from seqrec import NGramGenerator, Sequences
from seqrec.exceptions import InputError
from seqrec.jobs import chances, staging
from seqrec.jobs import job as bulk
from seqrec.jobs.chances import ChanceJob
from seqrec.jobs.job import Settings
from seqrec.logs.source import Source

ITEMS = "abcdefgh"


def make_log(n, seed):
    rng = np.random.default_rng(seed)
    users = np.repeat([f"u{i:02d}" for i in range(n)], rng.integers(1, 12, n))
    log = pd.DataFrame({"user_id": users, "item_id": rng.choice([*ITEMS], len(users))})
    return log.assign(timestamp=pd.to_datetime((1.7e9 + np.arange(len(users))) * 1e6, unit="us"))


LOG = make_log(25, 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.seqrec"
    seqrec.save(NGramGenerator(order=2).fit(Sequences.from_frame(make_log(60, 0))), path)
    return path


@pytest.fixture
def small(monkeypatch):
    """Several buckets, and several lots of each, as a large log has them."""
    monkeypatch.setattr(chances, "_USERS", 3)
    monkeypatch.setattr(staging, "_STAGED", 50)
    monkeypatch.setattr(staging, "_BUCKET", 60)
    monkeypatch.setattr(bulk, "_LARGEST_PIECE", 4)
    monkeypatch.setattr(bulk, "_SMALLEST_PIECE", 4)


def make_job(model, paths, output, **asked):
    source = Source.find([str(path) for path in paths], {}, (), {"item": "text"})
    return ChanceJob(model, source, output, Settings(max_bad=0.2), **{"event": ["a", "b"], "n_paths": 20} | asked)


def ask(model, paths, output, **asked):
    return make_job(model, paths, output, **asked).run(lambda *_: None)


def read(output):
    return pd.concat(map(pd.read_parquet, sorted(output.glob("chances-*.parquet"))), ignore_index=True)


def test_the_chance_of_the_next_event_is_what_the_model_says(model, tmp_path):
    report = ask(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out", events=[1])
    assert_conserved(report)
    X = Sequences.from_frame(LOG)
    generator = seqrec.load(model)
    columns = generator.vocabulary_.encode(np.array(["a", "b"], dtype=object)) - 2
    expected = pd.Series(generator.next_probabilities(X)[:, columns].sum(axis=1), X.keys)
    found = read(tmp_path / "out").set_index("user_id")
    assert found.columns.tolist() == ["within", "chance", "standard_error"]
    np.testing.assert_allclose(found["chance"], expected[found.index], atol=1e-9)
    assert (report["users"], report["chances"]) == (25, 25)
    assert report["expected_users"] == {"1": pytest.approx(expected.sum())}


def test_several_spans_and_rivals_give_a_row_and_a_column_each(model, tmp_path):
    report = ask(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out", events=[1, 4], before=["c"])
    found = read(tmp_path / "out")
    assert found.columns.tolist() == ["user_id", "within", "chance", "standard_error", "neither"]
    assert found["within"].tolist() == ["1", "4"] * 25
    assert ([*report["expected_users"]], report["chances"]) == (["1", "4"], 50)


def test_without_a_span_the_whole_future_counts(model, tmp_path):
    report = ask(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out")
    assert read(tmp_path / "out")["within"].isna().all()
    assert [*report["expected_users"]] == [""]


def test_files_buckets_and_lots_change_nothing(model, tmp_path, request):
    ask(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "whole", events=[3])
    request.getfixturevalue("small")
    paths = [write(LOG[:33], tmp_path / "a.csv"), write(LOG[33:], tmp_path / "b.parquet")]
    ask(model, paths, tmp_path / "out", events=[3])
    assert len(list((tmp_path / "out").glob("chances-*"))) > 2
    a, b = (read(tmp_path / name).sort_values("user_id", ignore_index=True) for name in ("whole", "out"))
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize("step", ["score_bucket", "write_result"])
def test_a_job_that_was_stopped_ends_as_if_it_had_not_been(model, tmp_path, small, monkeypatch, step):
    log = write(LOG, tmp_path / "log.csv")
    ask(model, [log], tmp_path / "whole", events=[2])
    done, own = [], getattr(ChanceJob, step)

    def stops(*arguments):
        done.append(1)
        if len(done) == 2:
            raise KeyboardInterrupt
        return own(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ChanceJob, step, stops)
        with pytest.raises(KeyboardInterrupt):
            ask(model, [log], tmp_path / "out", events=[2])
    ask(model, [log], tmp_path / "out", events=[2])
    assert results(tmp_path / "out") == results(tmp_path / "whole")


def test_a_log_without_rows_has_no_chances(model, tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n")
    report = ask(model, [tmp_path / "log.csv"], tmp_path / "out")
    assert (report["rows"], report["chances"], report["expected_users"]) == (0, 0, {"": 0.0})


def test_a_question_before_the_last_event_leaves_the_folder_free(model, tmp_path):
    log = write(LOG, tmp_path / "log.csv")
    with pytest.raises(InputError, match=r"--at 2020-01-01 lies before the last event of the log, 2023"):
        ask(model, [log], tmp_path / "out", events=[1], at="2020-01-01")
    ask(model, [log], tmp_path / "out", events=[1])


def test_a_wrong_question_is_known_before_the_log_is_read(model, tmp_path):
    job = make_job(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out", within={"30d": 30 * 86_400})
    with pytest.raises(InputError, match="does not tell when events come"):
        job.try_out()
