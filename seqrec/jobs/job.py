"""What all jobs on logs have in common: they may be killed at any moment, and nothing is lost or doubled.

A job checks the log and lays it down by users (`staging`), scores bucket after bucket (`scoring`), and puts together
what came out. Each step ends with a rename, so a job that is started again finds what is done.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqrec._files import replacing, write_bytes
from seqrec._version import __version__
from seqrec.data.fields import GAP, Fields
from seqrec.data.times import TICKS
from seqrec.data.vocabulary import Vocabulary
from seqrec.exceptions import InputError, LogError
from seqrec.jobs.folder import REFUSED, REPORT, Job, check_outside, digests_of
from seqrec.jobs.recount import signed
from seqrec.jobs.staging import Census, bounds, count_duplicates, in_pieces, sorted_rows, stage, users_in_time
from seqrec.logs.chunks import TimeFacts
from seqrec.logs.columns import MEASURE
from seqrec.logs.source import QUARANTINE, BadCounts, Show, Source, too_bad
from seqrec.logs.tables import open_writer
from seqrec.logs.values import SHOWN
from seqrec.persistence import ModelFile, opened

_TENSORFLOW = 3 * 2**28  # bytes that the process takes before it has read anything
_ROW_BYTES = 500  # of a row while it is scored
_LARGEST_PIECE, _SMALLEST_PIECE = 2**17, 2**12  # rows that are scored at once


class Settings(NamedTuple):
    """How a job is done, whatever it does.

    Attributes
    ----------
    form : {"parquet", "csv", "jsonl"}
        Of the results.
    memory : int
        Bytes that the process may take, about.
    max_bad : float
        Largest share of rows that cannot be used.
    shard : (i, n)
        Do part i, from 0, of n: users are shared out by the hashes of their ids.
    drop_duplicates : bool
        Use only the first of the events that agree in everything.
    time_unit : {"auto", "s", "ms", "us", "ns"}
        Of times that are numbers.
    """

    form: str = "parquet"
    memory: int = 2**31
    max_bad: float = 0.01
    shard: tuple[int, int] = (0, 1)
    drop_duplicates: bool = False
    time_unit: str = "auto"


_MODELS: dict[tuple[str, str], Any] = {}  # the last one that was loaded, by its file and digest


def fitted(path: str, digest: str) -> Any:
    """Give the model of a file, which is loaded once in a process."""
    if (path, digest) in _MODELS:
        return _MODELS[path, digest]
    with opened(path) as file:
        if file.digest != digest:
            advice = "Put the model back, or begin in another folder."
            raise LogError(f"{path} has changed since the job was begun. {advice}")
        return kept(path, file)


def kept(path: str, file: ModelFile) -> Any:
    """Give the model of an open file, and keep it for the jobs of this process."""
    key = path, file.digest
    if key not in _MODELS:
        model = file.load()
        _MODELS.clear()
        _MODELS[key] = model
    return _MODELS[key]


def in_own_names(names: Sequence[str], own: Mapping[str, str | None]) -> list[str]:
    """Give the columns of a result the names that they have in a log.

    Raises
    ------
    InputError
        If a column of the log has the name of another one of the result.
    """
    named = [own.get(name) or name for name in names]
    for name, new in zip(names, named, strict=True):
        if named.count(new) > 1 and new != name:
            raise InputError(f"column {new!r} has the name of a column of the results. Rename it in the log.")
    return named


def bad_counts(folder: Path) -> BadCounts:
    """Count the rows that are listed as bad in a folder."""
    counts = BadCounts()
    for path in sorted(folder.glob("*.bad")):
        counts.add(pq.read_table(path, columns=["code", "raw"]))
    return counts


def digest_of(path: Path) -> str:
    """Digest that a model file carries."""
    with opened(path) as file:
        return file.digest


def id_kind(vocabulary: Vocabulary) -> str:
    """Kind of ids that a model knows."""
    return "text" if vocabulary.items.dtype == object else "integer"


def kinds_wanted(model: Any) -> tuple[list[str], dict[str, str], bool]:
    """Further columns that a model reads, the kinds of its columns by role, and whether it reads times."""
    if hasattr(model, "target_"):
        kinds = {f"field:{name}": kind for name, kind in model.columns_.items()}
        return list(model.columns_), kinds, model.step_ is not None
    if hasattr(model, "channels_"):
        names = list(model.channels_.columns)
        return names, {f"field:{name}": MEASURE for name in names}, False
    fields: Fields = getattr(model, "fields_", Fields())  # models that count read items alone
    kinds = {"item": id_kind(model.vocabulary_)}
    for category in fields.categories:
        kinds[f"field:{category.name}"] = "text" if category.values.dtype == object else "boolean"
    kinds |= {f"field:{number.name}": "number" for number in fields.numbers if number.name != GAP}
    return [name for name in fields.names if name != GAP], kinds, GAP in fields.names


@dataclass(eq=False)
class LogJob:
    """The steps of a job on a log; a subclass knows what is done with a bucket and with what came out.

    Parameters
    ----------
    model : Path
        Model file.
    source : Source
    output : Path
        Folder of the results.
    settings : Settings
    digest : str, optional
        Of the model file, where it is known already.
    """

    task: ClassVar[str]
    bucket_rows: ClassVar[int] = 2**20  # of users who are scored at once, and again if the job is killed meanwhile
    model: Path
    source: Source
    output: Path
    settings: Settings
    digest: str = ""

    def __post_init__(self) -> None:
        for names in self.results():
            in_own_names(names, self.source.columns.roles)
        self.job = Job(Path(self.output))
        self.digest = self.digest or digest_of(self.model)

    # -- what a subclass gives

    def results(self) -> list[list[str]]:
        """Give the names of the columns of each result, before a log's own take their places."""
        raise NotImplementedError

    def plan(self) -> dict[str, Any]:
        """Give what the results depend on, beside log, model and settings."""
        raise NotImplementedError

    def prepare(self, census: Census) -> None:
        """Check what can be checked once the log is staged."""

    def score_bucket(self, bucket: int, census: Census) -> None:
        """Score the users of a bucket, and let the files of the results appear, `scored_path` last of all."""
        raise NotImplementedError

    def finish(self, census: Census, show: Show) -> dict[str, Any]:
        """Write the results; give the numbers of rows by what became of them: "scored" and others."""
        raise NotImplementedError

    # -- the job

    def run(self, show: Show, score_all: Callable[..., None] | None = None) -> dict[str, Any]:
        """Do what is not yet done.

        Parameters
        ----------
        show : callable
            Is told of progress.
        score_all : callable, optional
            Scores buckets elsewhere, given the job, the buckets, the census and `show`; by default they are scored
            here, one after another.

        Returns
        -------
        report : dict
            What became of every row.
        """
        check_outside(self.job.output, [*self.source.paths, self.model])
        plan = {
            "task": self.task,
            "model": self.digest,
            "log": self.source.identity(),
            "columns": self.source.columns._asdict(),
            "dialect": self.source.dialect._asdict(),
            "settings": self.settings._replace(memory=0)._asdict(),
            **self.plan(),
        }
        with self.job.opened(plan):
            path = self.job.output / REPORT
            if self.job.read("began") is None:
                self.job.write("began", now())
            if path.exists():
                report = json.loads(path.read_text())
            else:
                census = self._begin(show)
                waiting = [bucket for bucket in range(census.n_buckets) if not self.scored_path(bucket).exists()]
                (score_all or score_here)(self, waiting, census, show)
                self._check_scored(census)
                report = self._report(census, self.finish(census, show))
                report = signed(report | self._account(census) | {"files": digests_of(self.job.output)})
                write_bytes(path, json.dumps(report, indent=2).encode())
            self.commit()
            self.job.clear("staged", "future", "scored", "spill")
        return report

    @property
    def roles(self) -> list[str]:
        """Columns of the staged rows that are scored, without those that are only shown."""
        return [role for role, kind in self.source.kinds.items() if kind != SHOWN]

    def check_scored(self, census: Census) -> None:
        """Check what is known only after scoring, before any result is written."""

    def forget(self) -> None:
        """Take back what was done, so that the folder is free for another attempt."""
        self.job.forget()

    def commit(self) -> None:
        """Make known what other jobs build on."""

    def check_bad(self, census: Census, n_bad: int, more: str = "") -> None:
        """Raise if more rows cannot be used than may be left out, and list them."""
        where = f" They are listed in {self.result_path(REFUSED)}."
        told = "; ".join(filter(None, (more, bad_counts(self.job.work / "staged").tell() if n_bad else "")))
        error = too_bad(n_bad, sum(census.rows), census.corrupt, self.settings.max_bad, told, where)
        if error is not None:
            self._write_quarantine(census)
            raise error

    def _check_scored(self, census: Census) -> None:
        try:
            self.check_scored(census)
        except InputError:
            self.forget()
            raise

    def _begin(self, show: Show) -> Census:
        """Lay down the log and prepare; if either refuses what was given, the folder is free for another attempt."""
        try:
            census = self._stage(show)
            self.prepare(census)
        except InputError:
            if not (self.job.work / "scored").exists():
                self.forget()
            raise
        return census

    def _stage(self, show: Show) -> Census:
        record = self.job.read("census")
        if record is not None:
            return Census(**record | {"times": TimeFacts(*record["times"])})
        folder, names = self.job.folder("staged"), self.source.paths

        def tell(file: int, n_rows: int) -> None:
            show(f"reading {names[file]}", n_rows, None)

        census = stage(*self.source, folder, self.settings.shard, tell)
        census = census._replace(bucket_rows=min(census.bucket_rows, self.bucket_rows))
        for path, now, before in zip(names, self.source.identity(), self.job.read("plan")["log"], strict=True):
            if now != before:
                raise LogError(f"{path} has changed while it was read. Begin again in an empty folder.")
        self.check_bad(census, census.bad)
        census.times.check_zones(self.source.columns.timestamp)
        self.time_unit(census)
        self.job.write("census", census._asdict())
        return census

    def time_unit(self, census: Census) -> str | None:
        """Give the unit of times that are numbers."""
        return self.source.time_unit(census.times, self.settings.time_unit)

    def clock(self, census: Census) -> int | None:
        """Give the clock that wrote the log's times."""
        return census.times.clock(self.time_unit(census), census.good + census.other_shards)  # alike for each shard

    def pieces(self, bucket: int, census: Census, bytes_a_user: int) -> Iterator[pa.Table]:
        """Give the rows of a bucket's users, some at a time, in as much memory as the job may take."""
        free = max(self.settings.memory - _TENSORFLOW, 2**28)
        a_row = _ROW_BYTES + bytes_a_user * max(census.users, 1) // max(census.good, 1)
        n_rows = int(np.clip(free // 8 // a_row, _SMALLEST_PIECE, _LARGEST_PIECE))
        rows = users_in_time(
            self.job.folder("staged"),
            bounds(bucket, census.n_buckets, self.settings.shard),
            self.roles,
            self.settings.drop_duplicates,
            free // 3,
        )
        return in_pieces(rows, n_rows)

    def filtered(self) -> dict[str, int]:
        """Count the good rows that are not scored, by reason."""
        if not self.settings.drop_duplicates:
            return {}
        free = max(self.settings.memory // 4, 2**28)
        return {"duplicates": count_duplicates(self.job.folder("staged"), self.roles, free)}

    def scored_path(self, bucket: int) -> Path:
        """File that is there once a bucket is scored."""
        return self.job.work / "scored" / f"{bucket:05d}.parquet"

    @contextmanager
    def appearing(self, *paths: Path) -> Iterator[list[Path]]:
        """Let files appear when the block ends well, the first of them last."""
        with ExitStack() as stack:
            yield [stack.enter_context(replacing(path)) for path in paths]

    def result_path(self, name: str, number: int | None = None) -> Path:
        """File of results."""
        part = "" if number is None else f"-{number:05d}"
        return self.job.output / f"{name}{part}.{self.settings.form}"

    def write_result(self, path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
        """Write a file of results; give its number of rows."""
        n_rows = 0
        with open_writer(path, schema) as writer:
            for table in tables:
                writer.write(table)
                n_rows += table.num_rows
        return n_rows

    def _report(self, census: Census, became: dict[str, Any]) -> dict[str, Any]:
        codes = self._write_quarantine(census)
        quarantined, filtered = sum(codes.values()), became.pop("filtered")
        if census.other_shards:
            filtered["other shards"] = census.other_shards
        rows = {
            "rows": sum(census.rows),
            "scored": became.pop("scored"),
            "quarantined": quarantined,
            "filtered": sum(filtered.values()),
        }
        if rows["rows"] != rows["scored"] + rows["quarantined"] + rows["filtered"]:
            raise AssertionError(f"rows were lost or doubled: {rows}")
        return rows | {"quarantined_by_code": codes, "filtered_by_reason": filtered, **became}

    def _account(self, census: Census) -> dict[str, Any]:
        """Tell what the results were made of, by what, and when."""
        ticks = TICKS[self.time_unit(census) or "us"]
        ends = (census.times.low, census.times.high)
        first, last = (None if end is None else _iso(datetime.fromtimestamp(end / ticks, UTC)) for end in ends)
        sizes = zip(self.source.paths, self.source.identity(), census.rows, strict=True)
        return {
            "model": {"path": str(self.model), "digest": self.digest},
            "inputs": [{"path": path, "bytes": size, "rows": n_rows} for path, (_, size, _), n_rows in sizes],
            "first_time": first,
            "last_time": last,
            "run": {"began": self.job.read("began"), "finished": now(), "seqrec": __version__},
        }

    def _write_quarantine(self, census: Census) -> dict[str, int]:
        """List the rows that could not be used, in the order of the log; give their number by code."""
        path, codes = self.result_path(REFUSED), Counter[str]()
        patterns = ("staged/*.bad", "scored/*.bad", "scored/*.late")
        for left in self.job.output.glob(f"{REFUSED}.*"):  # of an attempt that was given up, in whatever format
            left.unlink()
        lists = [found for pattern in patterns for found in self.job.work.glob(pattern)]
        if not any(pq.read_metadata(found).num_rows for found in lists):
            return {}
        with open_writer(path, QUARANTINE) as writer:
            for batch in sorted_rows(self.job.work, ["place"], "true", 2**28, patterns):
                codes.update(batch["code"].to_pylist())
                writer.write(self.with_source(census, pa.Table.from_batches([batch])))
        return dict(sorted(codes.items()))

    def in_own_words(self, table: pa.Table) -> pa.Table:
        """Give columns the names that they have in the log."""
        return table.rename_columns(in_own_names(table.column_names, self.source.columns.roles))

    def with_source(self, census: Census, table: pa.Table) -> pa.Table:
        """Give file and row in place of `place`."""
        file, row = census.source(table["place"].to_numpy())
        names = pa.array(self.source.paths, pa.string()).take(pa.array(file))
        return table.drop_columns("place").add_column(0, "file", names).add_column(1, "row", pa.array(row))


def now() -> str:
    """Tell the time, in UTC."""
    return _iso(datetime.now(UTC))


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def score_here(job: LogJob, buckets: Sequence[int], census: Census, show: Show) -> None:
    """Score buckets of a job one after another."""
    for done, bucket in enumerate(buckets, census.n_buckets - len(buckets)):
        show("scoring", done * census.good // census.n_buckets, census.good)
        job.score_bucket(bucket, census)
    show("scoring", census.good, census.good)
