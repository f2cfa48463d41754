"""A job that scores a log: every event, every sequence, and the alerts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from shutil import rmtree
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqrec.data.times import TICKS
from seqrec.detect.drift import FlaggedShare, Seen, added, restored
from seqrec.detect.lstm import LSTMAnomalyDetector
from seqrec.exceptions import JobError, LogError
from seqrec.jobs.folder import locked
from seqrec.jobs.job import LogJob, fitted
from seqrec.jobs.scoring import PLACES, Detection, event_schema, sequence_schema
from seqrec.jobs.staging import BAD_SCHEMA, Census, bounds, listed, quoted, sorted_rows
from seqrec.jobs.states import Generations, StateStore
from seqrec.logs.source import Show
from seqrec.logs.values import TYPES
from seqrec.network.state import leaves

_PART = 2**20  # rows of the log to a file of events
_IN_LOG = {"file": pa.string(), "row": pa.int64()}
_MOVED_ON = "another job has used the states since this one began. Begin again in an empty folder."
_LATE = ("late_event", "it does not lie after the events of this user that an earlier job has scored")


@dataclass(eq=False)
class DetectionJob(LogJob):
    """Score a log with a detector.

    Parameters
    ----------
    model, source, output, settings, digest
        As `LogJob` takes them.
    threshold : dict
        What is flagged, in the words of `AnomalyMixin.set_threshold`; by default, what the model flags. How many
        sequences come in a day is counted in the log if it is not given.
    state : Path or None
        Folder of what is kept of users between jobs.
    keep_states : int
        How many generations of states stay there, so that as many jobs but one can be taken back.
    show : sequence of str
        Columns of the log that alerts have as well, as they are at the oddest event.
    """

    task = "score"
    threshold: Mapping[str, float | None] | None = None
    state: Path | None = None
    keep_states: int = 7
    show: Sequence[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked = {name: value for name, value in (self.threshold or {}).items() if value is not None}
        self.generations = None if self.state is None else Generations(self.state, self.digest, self.settings.shard)

    def results(self) -> list[list[str]]:
        """Name the columns of events, sequences and alerts."""
        events, sequences = event_schema(self.source.kinds), sequence_schema(self.source.kinds)
        return [["file", "row", *events.names[1:]], sequences.names, self.alert_schema.names]

    @property
    def alert_schema(self) -> pa.Schema:
        """Schema of the alerts, which tell what sequences tell, and where in the log that is."""
        kinds = self.source.kinds
        times = [("first_time", TYPES[kinds["time"]]), ("last_time", TYPES[kinds["time"]])] if "time" in kinds else []
        shown = [(role, TYPES[kinds[role]]) for role in self._shown]
        files = [(f"{which}_{name}", kind) for which in ("first", "oddest") for name, kind in _IN_LOG.items()]
        user, *rest = [field for field in sequence_schema(kinds) if field.name not in PLACES]
        return pa.schema([("rank", pa.int64()), user, *times, *rest, *shown, *files])

    @property
    def _shown(self) -> list[str]:
        """Roles of the columns to show."""
        return [f"field:{name}" for name in self.show]

    def plan(self) -> dict[str, Any]:
        """Give threshold and state folder."""
        state = None if self.generations is None else str(self.generations.folder.resolve())
        return {"threshold": self.asked, "state": state, "show": list(self.show)}

    def run(self, show: Show, score_all: Any = None) -> dict[str, Any]:
        """Do what is not yet done, and let no other job use the states meanwhile."""
        folder = None if self.generations is None else self.generations.folder
        with nullcontext() if folder is None else locked(folder, folder):
            return super().run(show, score_all)

    def prepare(self, census: Census) -> None:
        """Set the threshold, and note which generation of states is read and which is written."""
        if self.job.read("threshold") is None:
            detector = fitted(str(self.model), self.digest)
            offset = self.offset(detector, partial(self._sequences_per_day, census))
            self.job.write("threshold", {"offset": offset})
        if self.generations is None:
            return
        current, ours = self.generations.current(), self.job.read("generations")
        if ours is None:
            logs = [log for log, n_rows in zip(self.source.contents(), census.rows, strict=True) if n_rows]
            scored = self.generations.scored()
            for path, digest in logs:
                if digest in scored:
                    raise LogError(
                        f"{path} was scored before with these states, as {scored[digest]}: its events would count "
                        f"double. To score that night again, take it back: seqrec state rollback {self.state}"
                    )
            self.job.write("generations", {"old": current, "new": uuid4().hex, "logs": logs})
        elif current not in (ours["old"], ours["new"]):
            raise JobError(_MOVED_ON)

    def offset(self, detector: LSTMAnomalyDetector, sequences_per_day: Callable[[], float]) -> float:
        """Give the score below which a sequence is flagged; how many come in a day is asked where it is needed."""
        if not self.asked:
            return detector.offset_
        to_be_told = "alerts_per_day" in self.asked and "sequences_per_day" not in self.asked
        if not to_be_told:
            return detector.offset_for(**self.asked)
        per_day, alerts = sequences_per_day(), self.asked["alerts_per_day"]
        if alerts >= per_day:
            raise LogError(
                f"the log has about {per_day:.3g} sequences a day, and {alerts:g} alerts a day would be all of them. "
                "Ask for fewer, or for a share of them: --fpr 0.01."
            )
        return detector.offset_for(**self.asked, sequences_per_day=per_day)

    def check_scored(self, census: Census) -> None:
        """Raise if so many events came too late that the log is one that the states know in another form."""
        paths = [self.scored_path(bucket).with_suffix(".late") for bucket in range(census.n_buckets)]
        n_late = sum(pq.read_metadata(path).num_rows for path in paths)
        if n_late:
            self.check_bad(census, census.bad + n_late, f"{n_late:,} of them come too late")

    def forget(self) -> None:
        """Take the job back, with the states that it has written."""
        ours = self.job.read("generations")
        super().forget()
        if self.generations is not None and ours is not None:
            rmtree(self.generations.folder / ours["new"], ignore_errors=True)

    def commit(self) -> None:
        """Let the new generation of states hold, once."""
        if self.generations is None or self.job.read("committed"):
            return
        current, ours = self.generations.current(), self.job.read("generations")
        if current == ours["old"]:
            self.generations.commit(ours["new"], ours["logs"], self.keep_states)
        elif current != ours["new"]:
            raise JobError(_MOVED_ON)
        self.generations.clear()
        self.job.write("committed", True)

    def _sequences_per_day(self, census: Census) -> float:
        low, high = census.times.low, census.times.high
        if low is None or high is None:
            raise LogError("the log has no times to tell how many sequences come in a day. Give sequences_per_day.")
        ticks = TICKS[self.time_unit(census) or "us"]
        return census.users / max(1.0, (high - low) / ticks / 86_400)

    def score_bucket(self, bucket: int, census: Census) -> None:
        """Score the users of a bucket."""
        detector, path = fitted(str(self.model), self.digest), self.scored_path(bucket)
        path.parent.mkdir(exist_ok=True)
        paths = [path, path.with_suffix(".sequences"), path.with_suffix(".late"), path.with_suffix(".seen")]
        if self.generations is not None:
            folder = self.generations.folder / self.job.read("generations")["new"]
            folder.mkdir(exist_ok=True)
            paths.append(folder / path.name)
        # A writer that is left open would close itself later, and complain of the full disk after the last word.
        with self.appearing(*paths) as unfinished, ExitStack() as files:
            states = self._states(bucket, census, detector, *unfinished[4:])
            if states is not None:
                files.callback(states.release)
            offset = self.job.read("threshold")["offset"]  # other jobs of the process use the same detector
            kernel = Detection(detector, self.time_unit(census), states, offset, self.clock(census))
            seen: dict[str, Seen] = {}
            schemas = event_schema(self.source.kinds), sequence_schema(self.source.kinds), BAD_SCHEMA
            writers = [
                files.enter_context(pq.ParquetWriter(path, schema, compression="lz4"))
                for path, schema in zip(unfinished, schemas, strict=False)
            ]
            for scored in kernel.score(self.pieces(bucket, census, _bytes_a_user(detector))):
                tables = scored.events, scored.sequences, _as_bad(scored.late, self.source.columns.timestamp)
                for writer, table, schema in zip(writers, tables, schemas, strict=True):
                    if table is not None and table.num_rows:
                        writer.write_table(table.cast(schema))
                seen = added([seen, scored.seen])
            unfinished[3].write_text(json.dumps(seen, default=np.ndarray.tolist))
            if states is not None:
                states.close()

    def _states(self, bucket: int, census: Census, detector: LSTMAnomalyDetector, *path: Path) -> StateStore | None:
        if self.generations is None:
            return None
        old = self.job.read("generations")["old"]
        folder = None if old is None else self.generations.folder / old
        within = bounds(bucket, census.n_buckets, self.settings.shard)
        return StateStore(detector.stream().start(0), folder, within, *path)

    def finish(self, census: Census, show: Show) -> dict[str, Any]:
        """Put the events back into the order of the log, and write sequences and alerts."""
        n_events = sum(self._write_events(census, show))
        n_sequences, n_flagged = self._write_sequences(census), self._write_alerts(census)
        scored = self.job.work / "scored"
        unknown = sum(
            pq.read_table(path, columns=["unknown"])["unknown"].to_numpy().sum() for path in scored.glob("*.parquet")
        )
        counts = {"unknown_events": int(unknown), "sequences": n_sequences, "flagged": n_flagged}
        return {
            "scored": n_events,
            "filtered": self.filtered(),
            **counts,
            **self._compared(census, n_sequences, n_flagged),
        }

    def _compared(self, census: Census, n_sequences: int, n_flagged: int) -> dict[str, Any]:
        """Tell the threshold, and compare the log with the training data, if the model file tells of these."""
        detector, offset = fitted(str(self.model), self.digest), self.job.read("threshold")["offset"]
        threshold = {"threshold": {"asked": self.asked, "score": None if offset == -np.inf else offset}}
        if not hasattr(detector, "reference_"):
            return threshold | {"drift": None}
        paths = [self.scored_path(bucket).with_suffix(".seen") for bucket in range(census.n_buckets)]
        seen = added(restored(json.loads(path.read_text())) for path in paths)
        flagged = FlaggedShare.of(detector.held_out_scores_, offset, n_sequences, n_flagged)
        told = detector.reference_.compare(seen, flagged, self.clock(census))
        return threshold | {"drift": json.loads(told.to_json(orient="records", double_precision=6))}

    def _write_events(self, census: Census, show: Show) -> Iterator[int]:
        """Write the events in the order of the log, so many rows of it to a file; give their numbers."""
        paths = [self.result_path("events", part) for part in range(max(1, -(-sum(census.rows) // _PART)))]
        first = 0
        while first < len(paths) and paths[first].exists() and self.job.read(paths[first].name) is not None:
            yield self.job.read(paths[first].name)
            first += 1
        if first == len(paths):
            return
        free = max(self.settings.memory // 4, 2**28)
        rows = sorted_rows(self.job.work / "scored", ["place"], f"place >= {first * _PART}", free)
        nothing = event_schema(self.source.kinds).empty_table()
        schema = self._as_told(census, nothing).schema
        for part, cut in groupby(_cut(rows, first, len(paths), nothing), itemgetter(0)):
            tables = (self._as_told(census, table) for _, table in cut if table.num_rows)
            n_rows = self.write_result(paths[part], schema, tables)
            self.job.write(paths[part].name, n_rows)
            show("writing events", min((part + 1) * _PART, sum(census.rows)), sum(census.rows))
            yield n_rows

    def _as_told(self, census: Census, events: pa.Table) -> pa.Table:
        return self.in_own_words(self.with_source(census, events))

    def _write_sequences(self, census: Census) -> int:
        n_rows = 0
        for bucket in range(census.n_buckets):
            table = pq.read_table(self.scored_path(bucket).with_suffix(".sequences")).drop_columns(list(PLACES))
            table = self.in_own_words(table)
            n_rows += self.write_result(self.result_path("sequences", bucket), table.schema, [table])
        return n_rows

    def _write_alerts(self, census: Census) -> int:
        """List what is flagged, the oddest first."""
        free = max(self.settings.memory // 4, 2**28)
        joined = " ".join(self._joins())
        rows = sorted_rows(self.job.work / "scored", ["score", "user"], "flagged", free, ["*.sequences"], joined=joined)
        schema = self.alert_schema
        tables = (self.in_own_words(table.select(schema.names)) for table in self._alerts(census, rows))
        return self.write_result(self.result_path("alerts"), self.in_own_words(schema.empty_table()).schema, tables)

    def _joins(self) -> Iterator[str]:
        """Give what leads from the places of a sequence to the rows of the log that are laid down, in SQL."""
        files = listed(self.job.work / "staged", "*.parquet")  # none of a log without rows
        time = [role for role in self.source.kinds if role == "time" and files]
        wanted = {"first": time, "last": time, "oddest": self._shown if files else []}
        for which, roles in wanted.items():
            named = [f"{quoted(role)} AS {quoted(f'{which}_time' if role == 'time' else role)}" for role in roles]
            if named:
                rows = f"SELECT place AS {which}_place, {', '.join(named)} FROM read_parquet([{files}])"  # noqa: S608
                yield f"LEFT JOIN ({rows}) USING ({which}_place)"

    def _alerts(self, census: Census, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
        """Give alerts their ranks, files and rows."""
        n_before = 0
        for batch in rows:
            table = pa.Table.from_batches([batch])
            table = table.append_column("rank", pa.array(np.arange(1, table.num_rows + 1) + n_before))
            for which in ("first", "oddest"):
                place = table[f"{which}_place"].to_numpy()
                file, row = census.source(np.maximum(place, 0))
                names = pa.array(self.source.paths, pa.string()).take(pa.array(file, mask=place < 0))
                table = table.append_column(f"{which}_file", names)
                table = table.append_column(f"{which}_row", pa.array(row, mask=place < 0))
            n_before += table.num_rows
            yield table


def _cut(rows: Iterable[pa.RecordBatch], part: int, n_parts: int, nothing: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Cut rows in the order of their places into parts of the log, from `part` on; each part has a table at least."""
    for batch in rows:
        table = pa.Table.from_batches([batch])
        while (n := int(np.searchsorted(table["place"].to_numpy(), (part + 1) * _PART))) < table.num_rows:
            yield part, table[:n]
            table, part = table[n:], part + 1
        yield part, table
    yield from ((rest, nothing) for rest in range(part, n_parts))


def _bytes_a_user(detector: LSTMAnomalyDetector) -> int:
    """Give the size of what is kept of a user while the user is scored."""
    return 3 * sum(array.nbytes for array in leaves(detector.stream().start(1))[:-1])


def _as_bad(late: pa.Table | None, column: str | None) -> pa.Table | None:
    """Give rows that came too late as rows that cannot be used."""
    if late is None or not late.num_rows:
        return None
    code, reason = (pa.array([text] * late.num_rows, pa.string()) for text in _LATE)
    texts = {"column": pa.array([column] * late.num_rows, pa.string()), "code": code, "reason": reason}
    return pa.table({"place": late["place"], **texts, "raw": late["time"].cast(pa.string())})
