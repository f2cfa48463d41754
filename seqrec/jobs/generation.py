"""Jobs that draw logs from a generator: a new one, or how each user of a log goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqrec._files import write_bytes
from seqrec._version import __version__
from seqrec.data.arrow import read_piece
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import UNKNOWN
from seqrec.generate.base import GeneratorMixin, longest_sample
from seqrec.jobs.folder import REPORT, Job, check_outside, digests_of
from seqrec.jobs.job import LogJob, fitted, kinds_wanted, now
from seqrec.jobs.recount import signed
from seqrec.jobs.staging import Census, in_lots
from seqrec.logs.form import as_log
from seqrec.logs.source import Show
from seqrec.logs.tables import open_writer
from seqrec.logs.values import TYPES
from seqrec.storage.columns import USUAL, Columns, LogForm

_AT_ONCE, _MOST_AT_ONCE = 2**28, 2**14  # bytes, and sequences, that are drawn at once
_PART = 2**20  # events of a file, about
_LATEST = 2**12  # events of a beginning that are read
_LOT = 2**17  # events of the beginnings that are gone on from at once, about
_BYTES_A_USER = 2**12


class Drawing(NamedTuple):
    """How sequences are drawn, as `GeneratorMixin.sample` takes it.

    Attributes
    ----------
    seed : int
        With the number of a sequence, all that its draws depend on.
    length, temperature, top_k, top_p, stop
        As in `sample`.
    """

    seed: int = 0
    length: int | None = None
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    stop: list[Any] | None = None

    def sample(self, generator: GeneratorMixin, numbers: Any, prefix: Any = None) -> Sequences:
        """Draw the sequences of some numbers."""
        shape: dict[str, Any] = {name: value for name, value in self._asdict().items() if name != "seed"}
        return generator.sample(len(numbers), prefix, random_state=self.seed, numbers=numbers, **shape)

    def at_once(self, generator: GeneratorMixin) -> int:
        """Give how many to draw at once: as many each time, whatever the memory, so that all is drawn alike again."""
        longest = longest_sample(generator.longest_) if self.length is None else self.length
        bytes_each = 48 * len(generator.vocabulary_) + 64 * longest
        return int(np.clip(_AT_ONCE // bytes_each, 1, _MOST_AT_ONCE))


@dataclass(eq=False)
class GenerationJob:
    """Draw a new log.

    Parameters
    ----------
    model : Path
        Model file.
    digest : str
        Of it.
    output : Path
        Folder of the results.
    columns : Columns
        Of the log, with their form.
    n : int
        Sequences.
    drawing : Drawing
    prefix : list of items, optional
        What all sequences begin with.
    """

    model: Path
    digest: str
    output: Path
    columns: Columns
    n: int
    drawing: Drawing
    prefix: list[Any] | None = None

    def __post_init__(self) -> None:
        self.job, self.form = Job(self.output), self.columns.form or USUAL
        self.generator: GeneratorMixin = fitted(str(self.model), self.digest)
        self.drawing.sample(self.generator, range(0), self.prefix)  # raises, before work starts

    def run(self, show: Show) -> dict[str, Any]:
        """Draw what is not yet drawn; give a report."""
        check_outside(self.output, [self.model])
        asked = {"n": self.n, "prefix": self.prefix, "format": self.form.format, **self.drawing._asdict()}
        with self.job.opened({"task": "generate", "model": self.digest, **asked}):
            path = self.output / REPORT
            if path.exists():
                return json.loads(path.read_text())
            if self.job.read("began") is None:
                self.job.write("began", now())
            n_events = [self._part(number, part, show) for number, part in enumerate(self._parts())]
            report = {
                **dict.fromkeys(("rows", "scored", "quarantined", "filtered"), 0),
                "filtered_by_reason": {},
                "drawn_sequences": self.n,
                "drawn": sum(n_events),
                "columns": self._log(range(0)).column_names,
                "asked": asked,
                "model": {"path": str(self.model), "digest": self.digest},
                "run": {"began": self.job.read("began"), "finished": now(), "seqrec": __version__},
                "files": digests_of(self.output),
            }
            write_bytes(path, json.dumps(signed(report), indent=2).encode())
        return signed(report)

    def _parts(self) -> Iterator[range]:
        """Give the numbers of the sequences of each file."""
        at_once, training = self.drawing.at_once(self.generator), self.generator.training_data_
        length = self.drawing.length or max(training.n_events // training.n_sequences, 1)
        step = at_once * max(_PART // (at_once * length), 1)
        return (range(start, min(start + step, self.n)) for start in range(0, self.n, step))

    def _part(self, number: int, sequences: range, show: Show) -> int:
        """Write a file, unless it is there; give its number of events."""
        record, at_once, n_events = f"part-{number:05d}", self.drawing.at_once(self.generator), 0
        if (done := self.job.read(record)) is not None:
            return done["events"]
        with open_writer(self.output / f"log-{number:05d}.{self.form.format}", self._log(range(0)).schema) as writer:
            for start in range(0, len(sequences), at_once):
                show("drawing", sequences.start + start, self.n)
                log = self._log(sequences[start : start + at_once])
                writer.write(log)
                n_events += log.num_rows
        self.job.write(record, {"events": n_events})
        return n_events

    def _log(self, numbers: Any) -> pa.Table:
        """Draw the sequences of some numbers, as rows."""
        ids = self.form.user
        users = pa.array(ids.ids(numbers, self.drawing.seed), TYPES["integer" if ids.integer else "text"])
        X = self.drawing.sample(self.generator, numbers, self.prefix)
        return as_log(X, users, self.columns, kinds_wanted(self.generator)[1])


@dataclass(eq=False)
class ContinuationJob(LogJob):
    """Draw how each user of a log goes on.

    Parameters
    ----------
    model, source, output, settings, digest
        As `LogJob` takes them.
    drawing : Drawing
        The number of a sequence is the hash of its user.
    form : LogForm
        That new events have, but for the ids of their users.
    """

    task = "continue"
    bucket_rows: ClassVar[int] = 2**17
    drawing: Drawing = field(default_factory=Drawing)
    form: LogForm = USUAL

    def results(self) -> list[list[str]]:
        """Name the columns of a log, which have no other names."""
        return []

    def plan(self) -> dict[str, Any]:
        """Give how events are drawn."""
        return self.drawing._asdict()

    def prepare(self, census: Census | None = None) -> None:  # noqa: ARG002
        """Try the options out, so that a wrong one is known before work starts."""
        self.drawing.sample(fitted(str(self.model), self.digest), range(0))

    def score_bucket(self, bucket: int, census: Census) -> None:
        """Go on with the users of a bucket."""
        generator, path, counts = fitted(str(self.model), self.digest), self.scored_path(bucket), _Counts()
        path.parent.mkdir(exist_ok=True)
        with self.appearing(path, path.with_suffix(".counts")) as unfinished:
            with pq.ParquetWriter(unfinished[0], self._schema(generator), compression="lz4") as writer:
                rows = counts.counted(self.pieces(bucket, census, _BYTES_A_USER))
                for table in in_lots(rows, _LATEST, self.drawing.at_once(generator), _LOT):
                    writer.write_table(self._continued(generator, table, census, counts))
            unfinished[1].write_text(json.dumps(vars(counts)))

    def _continued(self, generator: GeneratorMixin, table: pa.Table, census: Census, counts: _Counts) -> pa.Table:
        X = read_piece(table, generator.vocabulary_, self.time_unit(census), self.clock(census))
        whole = self.drawing.sample(generator, table["hash"].to_numpy()[X.indptr[:-1]], X)
        counts.add(X, whole)
        return self._log(generator, whole.between(X.lengths, whole.lengths), X.keys)

    def _log(self, generator: GeneratorMixin, X: Sequences, users: Any) -> pa.Table:
        """Give new events as rows, in the columns of the log that goes on."""
        user, item, timestamp, fields = self.source.columns
        columns = Columns(user, item, timestamp, fields, self.form._replace(format=self.settings.form))
        return as_log(X, pa.array(users, TYPES[self.source.kinds["user"]]), columns, kinds_wanted(generator)[1])

    def _schema(self, generator: GeneratorMixin) -> pa.Schema:
        return self._log(generator, self.drawing.sample(generator, range(0)), []).schema

    def finish(self, census: Census, show: Show) -> dict[str, Any]:
        """Write the new events, those of a bucket to a file."""
        found, n_drawn = _Counts(), 0
        for bucket in range(census.n_buckets):
            file = pq.ParquetFile(self.scored_path(bucket))
            batches = (pa.Table.from_batches([batch]) for batch in file.iter_batches())
            n_drawn += self.write_result(self.result_path("log", bucket), file.schema_arrow, batches)
            found.join(json.loads(self.scored_path(bucket).with_suffix(".counts").read_text()))
            show("writing the log", bucket + 1, census.n_buckets)
        drawn = {"users": census.users, "users_ended": found.ended, "unknown_events": found.unknown, "drawn": n_drawn}
        return {"scored": found.rows, "filtered": self.filtered(), **drawn, "columns": file.schema_arrow.names}


class _Counts:
    """What is counted of a bucket: rows that came, users who go on no further, and events that training lacked."""

    def __init__(self) -> None:
        self.rows = self.ended = self.unknown = 0

    def counted(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Count rows as they come."""
        for table in tables:
            self.rows += table.num_rows
            yield table

    def add(self, begun: Sequences, whole: Sequences) -> None:
        """Count what came of some users."""
        self.ended += int((whole.lengths == begun.lengths).sum())
        self.unknown += int((begun.codes == UNKNOWN).sum())

    def join(self, others: dict[str, int]) -> None:
        """Add the counts of another bucket."""
        for name, count in others.items():
            vars(self)[name] += count
