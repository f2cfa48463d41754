"""The form of a log is learned, and what is written in it is read as it was."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqrec.data.sequences import Sequences
from seqrec.logs.dialect import AS_USUAL
from seqrec.logs.form import as_log, learn_form, learn_ids
from seqrec.logs.source import Source
from seqrec.logs.tables import write_table
from seqrec.logs.whole import Log
from seqrec.storage.columns import Columns, IdForm

TIMES = pd.to_datetime(["2024-05-01 12:00:00.25", "2024-05-01 12:00:07.5", "2024-05-02 00:00:00.0"], format="ISO8601")
LOG = {
    "when": TIMES,
    "C": ["tea", "milk", "tea"],
    "customer": ["C007", "C007", "C012"],
    "amount": [12.5, 3.0, 0.99],
    "n": [3, 1, 2],
    "new": [True, False, True],
}
NAMES = {"user": "customer", "item": "C", "timestamp": "when"}


def ids(*texts):
    return np.array(texts, dtype=object)


def rewritten(path, columns=("amount", "n", "new"), dialect=AS_USUAL):
    """Read a log, and give it in the form that was learned of it."""
    source = Source.find([str(path)], NAMES, columns, {}, dialect)
    log = Log.read(source, lambda *_: None)
    X = log.sequences(columns)
    form = learn_form(source, source.time_unit(log.times), X.keys)
    named = Columns(**source.columns._asdict(), form=form)
    return as_log(X, pa.array(X.keys), named, source.kinds), form


@pytest.mark.parametrize(
    ("keys", "form"),
    [
        (ids("C00042", "C00812", "C00007", "C00001", "C00099"), IdForm("C", "", 5, 900)),
        (ids("a7@x.org", "a12@x.org", "a99@x.org", "a1@x.org", "a2@x.org"), IdForm("a", "@x.org", 1, 100)),
        (ids("2024-007", "2024-008", "2024-01", "2024-02", "2024-03"), IdForm("2024-", "", 2, 9)),
        (ids("007", "0012"), IdForm("", "", 3, 20)),
        (ids("anna7"), IdForm()),  # who is alone has a name
        (ids("anna", "ben"), IdForm()),
        (ids("user-7", "user-12", "admin"), IdForm(first=20)),
        (ids("٣", "٤"), IdForm()),
        (ids("9" * 30, "1" * 30), IdForm("", pattern="9" * 30)),
        (ids("0f-90ab-cdef-00000000", "10-90ab-cdef-00000000"), IdForm("", pattern="xx-xxxx-xxxx-xxxxxxxx")),
        (ids("00FF" * 4, "ABCD" * 4), IdForm("", pattern="X" * 16)),
        (ids("00ff" * 4, "ABCD" * 4), IdForm()),
        (np.array([5, 4711]), IdForm("", first=5000, integer=True)),
        (np.array([0]), IdForm("", first=1, integer=True)),
        (np.array([-7]), IdForm("", first=1, integer=True)),
        (np.array([2**63 - 1]), IdForm("", first=2**62 - 1, integer=True)),
        (np.array([-(2**63), 2**63 - 1]), IdForm("", first=-(2**62), integer=True)),
    ],
)
def test_new_ids_look_like_those_of_the_log_and_are_none_of_them(keys, form):
    found = learn_ids(keys)
    assert found == form
    assert not set(found.ids(range(1000), seed=0).tolist()) & set(keys.tolist())


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_log_is_written_as_it_was(tmp_path, ending):
    log = pa.table(LOG | {"when": pa.array(TIMES, pa.timestamp("ms"))})
    write_table(log, tmp_path / f"log.{ending}")
    again, form = rewritten(tmp_path / f"log.{ending}")
    write_table(again, tmp_path / f"again.{ending}")
    assert (tmp_path / f"again.{ending}").read_bytes() == (tmp_path / f"log.{ending}").read_bytes()
    assert (form.format, form.order) == (ending, tuple(LOG))


def csv_of(**columns):
    log = pd.DataFrame(LOG | {"when": TIMES.strftime("%Y-%m-%d %H:%M:%S")} | columns)
    return log.to_csv(index=False)


def both(tmp_path, text, **reading):
    (tmp_path / "log.csv").write_text(text)
    write_table(rewritten(tmp_path / "log.csv")[0], tmp_path / "again.csv")
    return (pd.read_csv(tmp_path / f"{name}.csv", **reading) for name in ("log", "again"))


@pytest.mark.parametrize(
    "times",
    [
        TIMES.strftime("%Y-%m-%d %H:%M:%S.%f"),
        TIMES.strftime("%Y-%m-%dT%H:%M:%SZ"),
        TIMES.strftime("%Y-%m-%dT%H:%M+05:30"),
        TIMES.strftime("%Y-%m-%d %H:%M:%S-0330"),
        TIMES.strftime("%Y-%m-%d %H:%M:%S +02:00"),
        TIMES.strftime("%Y-%m-%d"),
        TIMES.astype("datetime64[s]").astype("int64"),
        TIMES.astype("datetime64[ms]").astype("int64"),
        TIMES.astype("datetime64[ns]").astype("int64"),
    ],
)
def test_times_in_text_keep_their_form(tmp_path, times):
    first, second = both(tmp_path, csv_of(when=times), dtype=str)
    assert first["when"].tolist() == second["when"].tolist()


@pytest.mark.parametrize(
    "columns",
    [
        {"amount": ["12.50", "3.00", "0.99"]},
        {"n": ["3", "", "2"]},
        {"amount": ["-12.5", "", "0.9"], "n": ["3.0", "", "2.0"]},
    ],
)
def test_numbers_that_all_have_as_many_decimals_keep_them(tmp_path, columns):
    first, second = both(tmp_path, csv_of(**columns), dtype=str)
    pd.testing.assert_frame_equal(first[[*columns]], second[[*columns]])


@pytest.mark.parametrize(
    "columns", [{}, {"when": TIMES.astype("datetime64[ms]").astype("int64") / 1e3}, {"n": ["3" + 17 * "0", "1", "2"]}]
)
def test_other_numbers_are_the_same_numbers(tmp_path, columns):
    pd.testing.assert_frame_equal(*both(tmp_path, csv_of(**columns)), check_dtype=False)


def test_the_first_file_with_rows_tells(tmp_path):
    (tmp_path / "a.csv").write_text(csv_of().splitlines(keepends=True)[0])
    (tmp_path / "b.csv").write_text(csv_of(when=TIMES.strftime("%Y-%m-%d")))
    source = Source.find([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], NAMES, ["n"], {})
    form = learn_form(source, None, ids("C007"))
    assert (form.time.format, form.decimals) == ("%Y-%m-%d", {"n": 0})


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_form_can_be_written_in_each_format(tmp_path, ending):
    (tmp_path / "log.csv").write_text(csv_of(amount=["12.50", "3.00", "0.99"]))
    _, form = rewritten(tmp_path / "log.csv")
    X = replace(Sequences.from_lists([["tea"]]), columns={"amount": np.array([2.5])})
    columns = Columns("customer", "C", form=form._replace(format=ending))
    write_table(as_log(X, pa.array(["C900"]), columns, {}), tmp_path / f"new.{ending}")
    assert (tmp_path / f"new.{ending}").stat().st_size


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M:%S.%f", "%Y%m%d%H%M%S%f", "%d/%b/%Y:%H:%M:%S %z"])
def test_a_format_of_times_that_was_said_is_read_again(tmp_path, form):
    texts = TIMES.tz_localize("UTC").strftime(form)
    (tmp_path / "log.csv").write_text(csv_of(when=texts))
    again, _ = rewritten(tmp_path / "log.csv", dialect=AS_USUAL._replace(time_format=form))
    assert again["when"].to_pylist() == texts.tolist()


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us", "Europe/Berlin"), pa.timestamp("ns"), pa.string()])
def test_times_of_parquet_keep_their_type(tmp_path, kind):
    log = pa.table(LOG | {"when": pa.array(TIMES.astype("datetime64[s]"), pa.timestamp("s")).cast(kind, safe=False)})
    pq.write_table(log, tmp_path / "log.parquet")
    again, _ = rewritten(tmp_path / "log.parquet")
    assert again.schema.field("when").type == kind
    assert again["when"].to_pylist() == log["when"].to_pylist()


def test_without_a_form_times_are_iso_and_the_usual_columns_come_first():
    X = Sequences.from_lists([["tea"]], timestamps=[["2024-05-01T12:00:00"]])
    log = as_log(X, pa.array(["user-1"]), Columns("user_id", "item_id", "timestamp"), {})
    assert log.to_pylist() == [{"user_id": "user-1", "item_id": "tea", "timestamp": "2024-05-01T12:00:00"}]
