"""A job that forecasts every series of a log, and sets those apart that cannot be."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from seqrec._checks import show
from seqrec.data.arrow import read_piece
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import NO_ITEMS
from seqrec.exceptions import ColdStartWarning
from seqrec.forecast.base import quantile_name
from seqrec.forecast.faults import TIMES, Fault, set_apart
from seqrec.jobs.job import LogJob, bad_counts, fitted
from seqrec.jobs.staging import BAD_SCHEMA, Census, counted, in_lots, stage, users_in_time
from seqrec.logs.chunks import TimeFacts
from seqrec.logs.form import learn_times, write_times
from seqrec.logs.source import Show, Source, too_bad
from seqrec.logs.values import TYPES
from seqrec.storage.columns import TimeForm

_LATEST = 2**14  # values of a series that are read
_SERIES, _VALUES, _ANSWERS = 2**12, 2**17, 2**18  # that are forecast at once
_BYTES_AN_ANSWER = 2**8
_IN_PARQUET = TimeForm("timestamp", "us")


@dataclass(eq=False)
class ForecastJob(LogJob):
    """Forecast the series of a log.

    Parameters
    ----------
    model, source, output, settings, digest
        As `LogJob` takes them; the log has no items.
    horizon : int
        Steps to forecast.
    alpha : list of float
        Levels of the quantiles.
    names : list of str, optional
        What these are called; by default as in `predict_quantiles`.
    future : Source, optional
        The columns that are known ahead, at the steps to come.
    """

    task = "forecast"
    bucket_rows: ClassVar[int] = 2**18
    horizon: int = 24
    alpha: tuple[float, ...] = (0.1, 0.5, 0.9)
    names: tuple[str, ...] = ()
    future: Source | None = None

    def results(self) -> list[list[str]]:
        """Name the columns of the forecasts."""
        own = (role for role in ("user", "time") if role in self.source.kinds)
        return [[*own, "step", *(self.names or map(quantile_name, self.alpha))]]

    def plan(self) -> dict[str, Any]:
        """Give what is asked, and the values that are known ahead."""
        future = None if self.future is None else [self.future.identity(), self.future.dialect._asdict()]
        return {"horizon": self.horizon, "alpha": self.alpha, "names": self.names, "future": future}

    def prepare(self, census: Census) -> None:
        """Lay down what is known ahead as the log was."""
        if self.future is None or self.job.read("future") is not None:
            return
        folder = self.job.folder("future")
        found = stage(*self.future, folder, self.settings.shard, lambda *_: None)
        told = f"in {self.future.paths[0]}: {bad_counts(folder).tell()}"
        if error := too_bad(found.bad, sum(found.rows), found.corrupt, self.settings.max_bad, told):
            raise error
        (census.times + found.times).check_zones(self.source.columns.timestamp)
        self.job.write("future", found._asdict())

    def score_bucket(self, bucket: int, census: Census) -> None:
        """Forecast the series of a bucket."""
        path, counts = self.scored_path(bucket), Counter[str]()
        path.parent.mkdir(exist_ok=True)
        rows = counted(self.pieces(bucket, census, _BYTES_AN_ANSWER * self.horizon), counts)
        n_series = max(1, min(_SERIES, _ANSWERS // self.horizon))
        form, nothing = self._time_form(census), pd.DataFrame(columns=["series", "timestamp", "step", *self.alpha])
        with self.appearing(path, path.with_suffix(".bad"), path.with_suffix(".counts")) as unfinished:
            with (
                pq.ParquetWriter(unfinished[0], self._as_rows(nothing, form).schema, compression="lz4") as answers,
                pq.ParquetWriter(unfinished[1], BAD_SCHEMA, compression="lz4") as bad,
            ):
                for table in in_lots(rows, _LATEST, n_series, _VALUES):
                    told, faults = self._forecast(table, census)
                    answers.write_table(self._as_rows(told, form))
                    bad.write_table(self._as_bad(faults, table))
                    counts += Counter(apart=len(faults), rows_apart=sum(fault.n_events for fault in faults))
            unfinished[2].write_text(json.dumps(counts))

    def _forecast(self, table: pa.Table, census: Census) -> tuple[pd.DataFrame, list[Fault]]:
        """Give the forecasts of the series that can be forecast, and what is wrong with the others."""
        forecaster = fitted(str(self.model), self.digest)
        X, future = read_piece(table, NO_ITEMS, self.time_unit(census), self.clock(census)), self._ahead(table)

        def ask(X: Sequences) -> pd.DataFrame:
            return forecaster.predict_quantiles(X, self.alpha, self.horizon, future)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ColdStartWarning)  # series without a value are set apart
            told, faults = set_apart(X, ask)
        empty = told.iloc[:, -1].isna().to_numpy()
        for one in map(X.at, told["series"].to_numpy()[empty][:: self.horizon]):
            reason = f"series {show(one.keys[0])} has no value in column {forecaster.target_!r}."
            faults.append(Fault(one.keys[0], "no_value", reason, int(one.rows[-1]), one.n_events))
        return told[~empty], faults

    def _ahead(self, table: pa.Table) -> Sequences | None:
        """Give what is known ahead of the series of a table."""
        if self.future is None:
            return None
        low, high = (table["hash"][at].as_py() for at in (0, -1))
        roles, record = list(self.future.kinds), self.job.read("future")
        rows = [*users_in_time(self.job.folder("future"), (low, high), roles, False, self.settings.memory // 4)]
        kinds = pa.schema([(role, TYPES[kind]) for role, kind in self.future.kinds.items()])
        unit = self.future.time_unit(TimeFacts(*record["times"]), self.settings.time_unit)
        return read_piece(pa.Table.from_batches(rows) if rows else kinds.empty_table(), NO_ITEMS, unit)

    def _time_form(self, census: Census) -> TimeForm | None:
        """Tell how times are to be written: as in the log, but in Parquet never as text."""
        name, files = self.source.columns.timestamp, self.source.files
        if name is None:
            return None
        form = learn_times(files[0], name, self.source.kinds["time"], self.time_unit(census))
        return _IN_PARQUET if form.kind == "text" and self.settings.form == "parquet" else form

    def _as_rows(self, told: pd.DataFrame, form: TimeForm | None) -> pa.Table:
        """Give forecasts in the columns of the result."""
        columns = [pa.array(told["series"], TYPES[self.source.kinds["user"]])]
        if form is not None:
            times = pa.array(told["timestamp"].to_numpy("datetime64[us]"))
            columns.append(write_times(times, form, self.settings.form))
        columns.append(pa.array(told["step"], pa.int64()))
        columns += [pa.array(told.iloc[:, at], pa.float64()) for at in range(-len(self.alpha), 0)]
        return pa.table(columns, names=self.results()[0])

    def _as_bad(self, faults: list[Fault], table: pa.Table) -> pa.Table:
        """List series that are set apart, each by the row that shows what is wrong."""
        rows = np.array([fault.row for fault in faults], np.int64)
        in_times = [fault.code in TIMES for fault in faults]
        columns = {
            "place": table["place"].take(rows),
            "column": [self.source.columns.timestamp if of_time else "" for of_time in in_times],
            "code": [fault.code for fault in faults],
            "reason": [fault.reason.replace("future=", "--future") for fault in faults],
            "raw": table["time"].take(rows).cast(pa.string()) if "time" in table.column_names else [""] * len(rows),
        }
        return pa.table(columns, schema=BAD_SCHEMA)

    def check_scored(self, census: Census) -> None:
        """Raise if more rows are of series that are set apart than may be left out."""
        counts, folder = self._counts(census), self.job.work / "scored"
        if counts["apart"]:
            bad = pa.concat_tables(pq.read_table(path, columns=["code", "reason"]) for path in folder.glob("*.bad"))
            codes = ", ".join(f"{n:,} {code}" for code, n in sorted(Counter(bad["code"].to_pylist()).items()))
            told = f"{counts['apart']:,} series cannot be forecast: {codes}; such as: {bad['reason'][0].as_py()[:-1]}"
            self.check_bad(census, census.bad + counts["rows_apart"], told)

    def _counts(self, census: Census) -> Counter[str]:
        paths = (self.scored_path(bucket).with_suffix(".counts") for bucket in range(census.n_buckets))
        return sum((Counter(json.loads(path.read_text())) for path in paths), Counter[str]())

    def finish(self, census: Census, show: Show) -> dict[str, Any]:
        """Write the forecasts, those of a bucket to a file."""
        counts, n_forecasts = self._counts(census), 0
        for bucket in range(census.n_buckets):
            file = pq.ParquetFile(self.scored_path(bucket))
            schema = self.in_own_words(file.schema_arrow.empty_table()).schema
            tables = (self.in_own_words(pa.Table.from_batches([batch])) for batch in file.iter_batches())
            n_forecasts += self.write_result(self.result_path("forecasts", bucket), schema, tables)
            show("writing forecasts", bucket + 1, census.n_buckets)
        others = counts["rows_apart"] - counts["apart"]  # one row of each is listed
        filtered = self.filtered() | ({"of series set apart": others} if others else {})
        told = {"series": census.users, "set_apart": counts["apart"], "forecasts": n_forecasts}
        return {"scored": counts["rows"] - counts["rows_apart"], "filtered": filtered, **told}
