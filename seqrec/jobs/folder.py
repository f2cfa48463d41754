"""A job is a folder that one process at a time may work in, on a plan that never changes.

Whatever a job has finished lies under its final name; so the same command, started again after a kill, goes on from
there and ends with the same files.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from seqrec._files import remove_unfinished, sha256_of, write_bytes
from seqrec.exceptions import JobError, LockedError, LogError

_WORK = ".seqrec"
REPORT = "report.json"
REFUSED = "quarantine"  # begins the name of the list of rows that could not be used
_RESULT = re.compile(
    rf"(events|sequences|alerts|recommendations|log|chances|forecasts|classes|{REFUSED})(-\d{{5}})?\.(parquet|csv|jsonl)"
)


@contextmanager
def locked(folder: Path, named: Path) -> Iterator[None]:
    """Keep other processes out of a folder, which a message calls `named`; the lock ends with the process.

    Raises
    ------
    LockedError
        At once, if another process has the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"another process is at work in {named}. Wait for it, or stop it.") from None
        yield
    finally:
        os.close(descriptor)


def results_of(output: Path) -> list[Path]:
    """Give the files of results in a folder, in the order of their names; not the report."""
    return sorted(path for path in output.iterdir() if _RESULT.fullmatch(path.name))


def digests_of(output: Path) -> dict[str, dict[str, Any]]:
    """Give size and SHA-256 of each file of results in a folder, so that a change of any is noticed."""
    return {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in results_of(output)}


def check_outside(folder: Path, paths: Iterable[str | Path]) -> None:
    """Refuse a folder of results that holds one of the files that are read."""
    for path in paths:
        if Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents:  # links may lead in a circle
            raise LogError(f"{path} lies in the folder of the results, {folder}. Choose another folder.")


class Job:
    """The plan of a job, and what it has finished.

    Parameters
    ----------
    output : Path
        Folder of the results.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        #: Folder of what is not a result.
        self.work = output / _WORK

    @contextmanager
    def opened(self, plan: dict[str, Any]) -> Iterator[None]:
        """Work on a plan, which is written down first; an unfinished job goes on only with the same one.

        Raises
        ------
        LockedError
            If another process works on it.
        JobError
            If the folder holds other files, or the job of another plan.
        """
        plan = json.loads(json.dumps(plan))  # as it will be read
        self._check_empty()
        with locked(self.work, self.output):
            known = self.read("plan")
            if known is None:
                self._check_empty()
                self.write("plan", plan)
            elif known != plan:
                changed = ", ".join(sorted(key for key in {*known, *plan} if known.get(key) != plan.get(key)))
                raise JobError(
                    f"{self.output} holds another job, which differs in: {changed}. Repeat the command that it was "
                    "begun with, choose an empty folder, or remove what is there: --restart."
                )
            self._tidy()
            yield

    def _check_empty(self) -> None:
        """Raise if a folder without a plan holds anything but the list of what an earlier attempt refused."""
        if (self.work / "plan.json").exists() or not self.output.exists():
            return
        self._check_others(path.name for path in self.output.iterdir() if not path.match(".*.unfinished"))

    def _check_others(self, names: Iterable[str]) -> None:
        others = sorted(name for name in names if not name.startswith((self.work.name, REFUSED)))
        if others:
            raise JobError(f"{self.output} holds other files, such as {others[0]!r}. Choose an empty folder.")

    def remove(self) -> None:
        """Remove the job, finished or not, with its results.

        Raises
        ------
        LockedError
            If another process works on it.
        JobError
            If the folder holds other files; then nothing is removed.
        """
        if not self.work.exists():
            return
        with locked(self.work, self.output):
            self._tidy()
            ours = [*results_of(self.output), self.output / REPORT]
            self._check_others(path.name for path in self.output.iterdir() if path not in ours)
            for path in ours:
                path.unlink(missing_ok=True)
            if (self.work / "plan.json").exists():
                self.forget()

    def _tidy(self) -> None:
        """Remove what an attempt that was killed left unfinished."""
        remove_unfinished(self.output, self.work, *filter(Path.is_dir, self.work.iterdir()))

    def forget(self) -> None:
        """Take back the plan and what was done of it, so that another may follow."""
        plan = self.work / "plan.json"
        for record in {*self.work.glob("*.json")} - {plan}:
            record.unlink()
        self.clear(*(path.name for path in self.work.iterdir() if path.is_dir()))
        plan.unlink()

    def read(self, name: str) -> Any:
        """Give a step's record, None if the step was not finished."""
        path = self.work / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def write(self, name: str, record: Any) -> None:
        """Keep a step's record: from now on, the step is finished."""
        write_bytes(self.work / f"{name}.json", json.dumps(record).encode())

    def folder(self, name: str) -> Path:
        """Give a folder for a step's files."""
        path = self.work / name
        path.mkdir(exist_ok=True)
        return path

    def clear(self, *names: str) -> None:
        """Remove the folders of steps that nothing needs any more."""
        for name in names:
            rmtree(self.work / name, ignore_errors=True)
