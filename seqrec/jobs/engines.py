"""Scoring past one machine: the kernel of the batch jobs under Dask, and for Spark's ``mapInArrow``.

All machines must reach the folders of the job and the model by the same paths. Without an engine, ``--shard i/n`` on
each machine does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from seqrec._checks import check_choice
from seqrec.data.arrow import FIELD
from seqrec.data.fields import GAP
from seqrec.exceptions import MissingExtraError
from seqrec.jobs.job import LogJob, digest_of, fitted, id_kind, in_own_names
from seqrec.jobs.scoring import PLACES, Detection, event_schema, sequence_schema
from seqrec.jobs.staging import Census
from seqrec.logs.source import Show

__all__ = ["ArrowScorer", "score_on"]

_SPARK = {"int64": "bigint", "bool": "boolean", "timestamp[us]": "timestamp_ntz"}  # the other names are Arrow's


def score_on(address: str) -> Callable[[LogJob, Sequence[int], Census, Show], None]:
    """Give what scores the buckets of a job on the workers of a Dask cluster.

    A bucket whose worker dies is scored again by another. The results are those of one process.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    MissingExtraError
        Without the extra ``seqrec[dask]``.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise MissingExtraError("scoring on a Dask cluster needs an extra: pip install 'seqrec[dask]'.") from None

    def score_all(job: LogJob, buckets: Sequence[int], census: Census, show: Show) -> None:
        done = census.n_buckets - len(buckets)
        with Client(address, timeout="30s") as client:
            futures = client.map(job.score_bucket, buckets, [census] * len(buckets), pure=False)
            for future in as_completed(futures):
                future.result()
                done += 1
                show("scoring", done * census.good // census.n_buckets, census.good)

    return score_all


class ArrowScorer:
    """Score Arrow batches by a model file, as an engine hands them out.

    Parameters
    ----------
    model : path
        File of an `LSTMAnomalyDetector`.
    user, item : str
        Columns of ids.
    timestamp : str, optional
        Column of times.
    result : {"sequences", "events"}
        What to give: a row a user, or a row an event.
    user_kind : {"text", "integer"}
        Of the users' ids.
    clock : int, optional
        Microseconds between the ticks of the clock that wrote the times, if it is coarser than that of the training
        data, such as 1,000,000 for whole seconds.

    Examples
    --------
    In Spark, where each partition must hold whole users, in the order of time::

        scorer = ArrowScorer("model.seqrec", "session_id", "event", "timestamp")
        by_user = log.repartition("session_id").sortWithinPartitions("session_id", "timestamp")
        by_user.mapInArrow(scorer, scorer.spark_schema)
    """

    def __init__(
        self,
        model: str | Path,
        user: str,
        item: str,
        timestamp: str | None = None,
        result: str = "sequences",
        user_kind: str = "text",
        clock: int | None = None,
    ) -> None:
        check_choice(result, "result", ("sequences", "events"))
        check_choice(user_kind, "user_kind", ("text", "integer"))
        self.model, self.digest, self.result, self.clock = str(model), digest_of(Path(model)), result, clock
        self.own = {"user": user, "item": item} | ({} if timestamp is None else {"time": timestamp})
        detector = fitted(self.model, self.digest)
        kinds = {"user": user_kind, "item": id_kind(detector.vocabulary_), "time": "time"}
        schema = (sequence_schema if result == "sequences" else event_schema)({role: kinds[role] for role in self.own})
        fields = [field for field in schema if field.name not in ("place", *PLACES)]
        self._told = [field.name for field in fields]
        names = in_own_names(self._told, self.own)
        fields = [field.with_name(name) for field, name in zip(fields, names, strict=True)]
        #: Of the results, as Arrow and as Spark write it.
        self.schema = pa.schema(fields)
        types = [_SPARK.get(str(field.type), str(field.type)) for field in fields]
        self.spark_schema = ", ".join(f"`{field.name}` {kind}" for field, kind in zip(fields, types, strict=True))

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Score batches of whole users in the order of time; a user may go on in the next batch."""
        detector = fitted(self.model, self.digest)
        fields = [name for name in detector.fields_.names if name != GAP]
        for scored in Detection(detector, clock=self.clock).score(self._tables(batches, fields)):
            table = getattr(scored, self.result)
            if table is not None and table.num_rows:
                told = table.select(self._told).rename_columns(self.schema.names)
                yield from told.cast(self.schema).to_batches()

    def _tables(self, batches: Iterable[pa.RecordBatch], fields: Sequence[str]) -> Iterator[pa.Table]:
        for batch in batches:
            columns: dict[str, Any] = {role: batch[name] for role, name in self.own.items()}
            columns |= {FIELD + name: batch[name] for name in fields}
            nothing = np.zeros(batch.num_rows, np.uint64)  # no states to look up, no order to come back to
            yield pa.table(columns | {"place": nothing, "hash": nothing})
