"""A job that tells the class of every sequence of a log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seqrec.data.arrow import read_piece
from seqrec.data.vocabulary import NO_ITEMS
from seqrec.jobs.job import LogJob, fitted, in_own_names
from seqrec.jobs.staging import Census, counted, in_lots
from seqrec.logs.source import Show
from seqrec.logs.values import TYPES

_LATEST = 2**16  # events of a sequence that are read
_USERS, _ROWS = 2**12, 2**17  # that are asked about at once
_BYTES_A_USER = 2**12


def class_table(keys: pa.Array, lengths: NDArray[np.int64], model: Any, chances: NDArray[np.float64]) -> pa.Table:
    """Give what is told of sequences: the most likely class, its probability, the events, and the chance of each class.

    Parameters
    ----------
    keys : (n_sequences,) array
    lengths : (n_sequences,) int64
    model : fitted classifier
    chances : (n_sequences, n_classes) float64
    """
    best = chances.argmax(axis=1)
    told = {
        "user": keys,
        "class": pa.array(model.classes_[best].tolist(), _type_of(model.classes_)),
        "chance": pa.array(chances[np.arange(len(best)), best]),
        "events": pa.array(lengths, pa.int64()),
    }
    return pa.table(told | {name: pa.array(chances[:, at]) for at, name in enumerate(chance_names(model))})


def chance_names(model: Any) -> list[str]:
    """Name the columns of the probabilities, in the order of the classes."""
    return [f"chance_{one}" for one in model.classes_.tolist()]


def empty_table(model: Any, key: pa.DataType) -> pa.Table:
    """Give the columns of `class_table` without rows."""
    return class_table(pa.array([], key), np.empty(0, np.int64), model, np.empty((0, len(model.classes_))))


def _type_of(classes: NDArray) -> pa.DataType:
    kinds = {"b": pa.bool_(), "i": pa.int64(), "u": pa.uint64(), "f": pa.float64()}
    return kinds.get(classes.dtype.kind, pa.string())


@dataclass(eq=False)
class ClassificationJob(LogJob):
    """Tell the classes of the sequences of a log.

    Parameters
    ----------
    model, source, output, settings, digest
        As `LogJob` takes them.
    """

    task = "classify"
    bucket_rows: ClassVar[int] = 2**18

    def results(self) -> list[list[str]]:
        """Name the columns of the classes."""
        names = chance_names(fitted(str(self.model), self.digest)) if self.digest else []
        return [["user", "class", "chance", "events", *names]]

    def plan(self) -> dict[str, Any]:
        """Nothing is asked beside the classes."""
        return {}

    def score_bucket(self, bucket: int, census: Census) -> None:
        """Tell the classes of the sequences of a bucket."""
        model, path, counts = fitted(str(self.model), self.digest), self.scored_path(bucket), Counter[str]()
        path.parent.mkdir(exist_ok=True)
        kind = TYPES[self.source.kinds["user"]]
        rows = counted(self.pieces(bucket, census, _BYTES_A_USER), counts)
        with self.appearing(path, path.with_suffix(".rows")) as unfinished:
            with pq.ParquetWriter(unfinished[0], empty_table(model, kind).schema, compression="lz4") as writer:
                for table in in_lots(rows, _LATEST, _USERS, _ROWS):
                    vocabulary = model.vocabulary_ if "item" in table.column_names else NO_ITEMS
                    X = read_piece(table, vocabulary, self.time_unit(census), self.clock(census))
                    keys = pa.array(X.keys, kind)
                    writer.write_table(class_table(keys, X.lengths, model, model.predict_proba(X)))
            unfinished[1].write_text(str(counts["rows"]))

    def finish(self, census: Census, show: Show) -> dict[str, Any]:
        """Write the classes, those of a bucket to a file."""
        n_used, n_classified, sizes = 0, 0, Counter[str]()
        for bucket in range(census.n_buckets):
            path = self.scored_path(bucket)
            table = pq.read_table(path)
            sizes.update(map(str, table["class"].to_pylist()))
            table = table.rename_columns(in_own_names(table.column_names, self.source.columns.roles))
            n_classified += self.write_result(self.result_path("classes", bucket), table.schema, [table])
            n_used += int(path.with_suffix(".rows").read_text())
            show("writing classes", bucket + 1, census.n_buckets)
        counts = {"classified": n_classified, "classes": dict(sorted(sizes.items()))}
        return {"scored": n_used, "filtered": self.filtered(), **counts}
