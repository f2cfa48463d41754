"""A job that tells the class of every recording: files of sound in place of a log."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seqrec._files import write_bytes
from seqrec._version import __version__
from seqrec.data.sequences import Sequences
from seqrec.exceptions import BadRowsError
from seqrec.jobs.classification import class_table, empty_table
from seqrec.jobs.folder import REFUSED, REPORT, Job, check_outside, digests_of
from seqrec.jobs.job import fitted, now
from seqrec.jobs.recount import signed
from seqrec.logs.sounds import keep_bad
from seqrec.logs.source import Show
from seqrec.logs.tables import open_writer
from seqrec.sound import Fault, LogMel, read_recordings

_PART = 256  # files that are read at once, and again if the job is killed meanwhile


@dataclass(eq=False)
class SoundJob:
    """Tell the classes of recordings.

    Parameters
    ----------
    model : Path
        Model file.
    digest : str
        Of it.
    files : list of Path
    form : LogMel
        How sounds became frames in training.
    output : Path
        Folder of the results.
    format : {"parquet", "csv", "jsonl"}
        Of them.
    max_bad : float
        Largest share of files that cannot be used.
    """

    model: Path
    digest: str
    files: list[Path]
    form: LogMel
    output: Path
    format: str = "parquet"
    max_bad: float = 0.01

    def __post_init__(self) -> None:
        self.job = Job(self.output)

    def run(self, show: Show) -> dict[str, Any]:
        """Tell the classes of those that have none yet; give a report."""
        check_outside(self.output, [*self.files, self.model])
        statuses = [(str(path.resolve()), path.stat()) for path in self.files]
        inputs = [[path, status.st_size, status.st_mtime_ns] for path, status in statuses]
        plan = {"task": "classify", "model": self.digest, "files": inputs, "sound": self.form._asdict()}
        with self.job.opened(plan | {"format": self.format, "max_bad": self.max_bad}):
            path = self.output / REPORT
            if path.exists():
                return json.loads(path.read_text())
            if self.job.read("began") is None:
                self.job.write("began", now())
            for part in range(self._n_parts):
                show("listening", part * _PART, len(self.files))
                if self.job.read(f"part-{part:05d}") is None:
                    self._part(part)
            report = signed(self._report() | {"files": digests_of(self.output)})
            write_bytes(path, json.dumps(report, indent=2).encode())
            self.job.clear("scored")
        return report

    @property
    def _n_parts(self) -> int:
        return -(-len(self.files) // _PART)

    def _part(self, part: int) -> None:
        """Read some files, and keep what is told of them."""
        files, model = self.files[part * _PART : (part + 1) * _PART], fitted(str(self.model), self.digest)
        read = read_recordings(files, self.form)
        table = empty_table(model, pa.string())
        if read.frames:
            X = Sequences.from_arrays(read.frames, "log_mel", channels_first=False)
            keys = pa.array([str(files[row]) for row in read.rows], pa.string())
            table = class_table(keys, X.lengths, model, model.predict_proba(X))
        pq.write_table(table.rename_columns(["path", *table.column_names[1:]]), self._scored(part))
        self.job.write(f"part-{part:05d}", {"faults": read.faults})

    def _scored(self, part: int) -> Path:
        return self.job.folder("scored") / f"{part:05d}.parquet"

    def _report(self) -> dict[str, Any]:
        """Write the results, and give the numbers of files by what became of them."""
        records = [self.job.read(f"part-{part:05d}") for part in range(self._n_parts)]
        faults = [Fault(*fault) for record in records for fault in record["faults"]]
        codes = Counter(fault.code for fault in faults)
        for left in self.output.glob(f"{REFUSED}.*"):  # of an attempt that was given up, in whatever format
            left.unlink()
        try:
            keep_bad(faults, len(self.files), self.output / f"{REFUSED}.{self.format}", self.max_bad)
        except BadRowsError:
            self.job.forget()
            raise
        n_told, sizes = 0, Counter[str]()
        for part in range(self._n_parts):
            table = pq.read_table(self._scored(part))
            with open_writer(self.output / f"classes-{part:05d}.{self.format}", table.schema) as writer:
                writer.write(table)
            n_told += table.num_rows
            sizes.update(map(str, table["class"].to_pylist()))
        return {
            "rows": len(self.files),
            "scored": n_told,
            "quarantined": len(faults),
            "filtered": 0,
            "quarantined_by_code": dict(sorted(codes.items())),
            "filtered_by_reason": {},
            "classified": n_told,
            "classes": dict(sorted(sizes.items())),
            "model": {"path": str(self.model), "digest": self.digest},
            "sound": self.form._asdict(),
            "run": {"began": self.job.read("began"), "finished": now(), "seqrec": __version__},
        }
