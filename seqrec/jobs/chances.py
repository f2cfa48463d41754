"""A job that gives the chance of an event for every user of a log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from seqrec.data.arrow import read_piece
from seqrec.data.sequences import Sequences
from seqrec.data.times import TICKS
from seqrec.exceptions import InputError
from seqrec.generate.futures import chance
from seqrec.jobs.job import LogJob, fitted, kinds_wanted
from seqrec.jobs.staging import Census, counted, in_lots
from seqrec.logs.source import Show
from seqrec.logs.values import TYPES

_LATEST = 2**12  # events of a user that are read
_USERS, _ROWS = 2**10, 2**17  # that are asked about at once
_BYTES_A_USER = 2**12


@dataclass(eq=False)
class ChanceJob(LogJob):
    """Ask for the chance that an event comes after the history of each user of a log.

    Parameters
    ----------
    model, source, output, settings, digest
        As `LogJob` takes them.
    event, before : list of items
        As `futures.chance` takes them; `before` may be empty.
    within : dict of str to int
        Seconds of each span of time, by what it is called.
    events : list of int
        Or numbers of events. Both may be empty.
    at : str, optional
        Time of the question.
    n_paths, seed : int
    """

    task = "ask"
    bucket_rows: ClassVar[int] = 2**15  # a bucket takes long enough
    event: list[Any] = field(default_factory=list)
    before: list[Any] = field(default_factory=list)
    within: dict[str, int] = field(default_factory=dict)
    events: list[int] = field(default_factory=list)
    at: str | None = None
    n_paths: int = 200
    seed: int = 0

    def results(self) -> list[list[str]]:
        """Name the columns of the chances."""
        return [list(self._kinds)]

    @property
    def _spans(self) -> list[str | None]:
        """What spans are called; None is as long as the sequence goes on."""
        return [*self.within, *map(str, self.events)] or [None]

    @property
    def _kinds(self) -> dict[str, pa.DataType]:
        numbers = ["chance", "standard_error", *(["neither"] if self.before else [])]
        own = {"user": TYPES[self.source.kinds["user"]], "within": pa.string()}
        return own | dict.fromkeys(numbers, pa.float64())

    def plan(self) -> dict[str, Any]:
        """Give what is asked."""
        asked = ("event", "before", "within", "events", "at", "n_paths", "seed")
        return {name: getattr(self, name) for name in asked}

    def try_out(self) -> None:
        """Ask of a history that is made up, so that a wrong question is known before the log is read."""
        model = fitted(str(self.model), self.digest)
        names, kinds, timed = kinds_wanted(model)
        missing = {name: np.array([np.nan if kinds[f"field:{name}"] == "number" else None]) for name in names}
        times = [["1970-01-01"]] if timed or self.at is not None else None
        example = Sequences.from_lists([model.vocabulary_.items[:1].tolist()], timestamps=times)
        self._chances(model, replace(example, columns=missing), n_paths=1)

    def prepare(self, census: Census) -> None:
        """Compare the time of the question with those of the log."""
        if self.at is None or census.times.high is None:
            return
        last = np.datetime64(round(census.times.high * (TICKS["us"] / TICKS[self.time_unit(census) or "us"])), "us")
        if pd.Timestamp(self.at) < pd.Timestamp(last):
            raise InputError(
                f"--at {self.at} lies before the last event of the log, {last}. Ask at that time or later."
            )

    def score_bucket(self, bucket: int, census: Census) -> None:
        """Ask of the users of a bucket."""
        model, path, counts = fitted(str(self.model), self.digest), self.scored_path(bucket), Counter[str]()
        path.parent.mkdir(exist_ok=True)
        rows = counted(self.pieces(bucket, census, _BYTES_A_USER), counts)
        with self.appearing(path, path.with_suffix(".rows")) as unfinished:
            with pq.ParquetWriter(unfinished[0], pa.schema(self._kinds), compression="lz4") as writer:
                for table in in_lots(rows, _LATEST, _USERS, _ROWS):
                    X = read_piece(table, model.vocabulary_, self.time_unit(census), self.clock(census))
                    writer.write_table(self._told(self._chances(model, X, self.n_paths)))
            unfinished[1].write_text(str(counts["rows"]))

    def _chances(self, model: Any, X: Sequences, n_paths: int) -> pd.DataFrame:
        spans: list[Any] = [timedelta(seconds=seconds) for seconds in self.within.values()] or self.events
        return chance(
            model,
            X,
            self.event,
            within=spans or None,
            before=self.before or None,
            n_paths=n_paths,
            at=self.at,
            random_state=self.seed,
        )

    def _told(self, found: pd.DataFrame) -> pa.Table:
        spans = self._spans * (len(found) // len(self._spans))
        told = dict(found) | {"user": found["sequence"], "within": spans}
        return pa.table({name: pa.array(told[name], kind) for name, kind in self._kinds.items()})

    def finish(self, census: Census, show: Show) -> dict[str, Any]:
        """Write the chances, those of a bucket to a file, and their sums by span."""
        n_used, n_chances, sums = 0, 0, np.zeros(len(self._spans))
        for bucket in range(census.n_buckets):
            path = self.scored_path(bucket)
            table = self.in_own_words(pq.read_table(path))
            sums += table["chance"].to_numpy().reshape(-1, len(sums)).sum(axis=0)
            n_chances += self.write_result(self.result_path("chances", bucket), table.schema, [table])
            n_used += int(path.with_suffix(".rows").read_text())
            show("writing chances", bucket + 1, census.n_buckets)
        expected = dict(zip((span or "" for span in self._spans), sums.tolist(), strict=True))
        counts = {"users": census.users, "chances": n_chances, "expected_users": expected}
        return {"scored": n_used, "filtered": self.filtered(), **counts}
