"""A job that recommends to every user of a log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqrec.jobs.job import LogJob, Settings, fitted
from seqrec.jobs.recommending import Recommendation
from seqrec.jobs.staging import Census
from seqrec.logs.source import Show, Source
from seqrec.logs.values import TYPES
from seqrec.recommend.base import RecommenderMixin

_BYTES_A_USER = 2**12


class RecommendationJob(LogJob):
    """Recommend to the users of a log.

    Parameters
    ----------
    model, source, output, settings, digest
        As `LogJob` takes them.
    k : int
        Items for each user.
    exclude_seen : bool
        Leave out the items of the user's history.
    candidates : list of item ids, optional
        Recommend these only.
    """

    task = "recommend"

    def __init__(
        self,
        model: Path,
        source: Source,
        output: Path,
        settings: Settings,
        k: int = 10,
        exclude_seen: bool = True,
        candidates: list[Any] | None = None,
        digest: str | None = None,
    ) -> None:
        super().__init__(model, source, output, settings, digest)
        self.options = {"k": k, "exclude_seen": exclude_seen, "candidates": candidates}

    def plan(self) -> dict[str, Any]:
        """Give the options of `recommend`."""
        return self.options

    def prepare(self, census: Census | None = None) -> None:  # noqa: ARG002
        """Try the options out, so that a wrong one is known before work starts."""
        recommender: RecommenderMixin = fitted(str(self.model), self.digest)
        recommender.recommend([[item] for item in recommender.vocabulary_.items[:1].tolist()], **self.options)

    def score_bucket(self, bucket: int, census: Census) -> None:
        """Recommend to the users of a bucket."""
        recommender, path = fitted(str(self.model), self.digest), self.scored_path(bucket)
        path.parent.mkdir(exist_ok=True)
        kernel = Recommendation(recommender, **self.options, time_unit=self.time_unit(census))
        schema = self._schema(recommender)
        pieces = _Counted(self.pieces(bucket, census, _BYTES_A_USER))
        with self.appearing(path, path.with_suffix(".rows")) as unfinished:
            with pq.ParquetWriter(unfinished[0], schema, compression="lz4") as writer:
                for table in kernel.score(pieces):
                    if table.num_rows:
                        writer.write_table(table.cast(schema))
            unfinished[1].write_text(str(pieces.n_rows))

    def _schema(self, recommender: RecommenderMixin) -> pa.Schema:
        item = TYPES["text" if recommender.vocabulary_.items.dtype == object else "integer"]
        user = TYPES[self.source.kinds["user"]]
        columns = {"user": user, "rank": pa.int64(), "item": item, "score": pa.float32(), "cold": pa.bool_()}
        return pa.schema(list(columns.items()))

    def finish(self, census: Census, show: Show) -> dict[str, Any]:
        """Write the recommendations, those of a bucket to a file."""
        n_used = n_recommended = n_cold = 0
        own = self.source.columns.roles
        for bucket in range(census.n_buckets):
            path = self.scored_path(bucket)
            table = pq.read_table(path)
            first = np.flatnonzero(table["rank"].to_numpy() == 1)
            n_cold += int(table["cold"].to_numpy()[first].sum())
            table = table.rename_columns([own.get(name, name) for name in table.column_names])
            n_recommended += self.write_result(self.result_path("recommendations", bucket), table.schema, [table])
            n_used += int(path.with_suffix(".rows").read_text())
            show("writing recommendations", bucket + 1, census.n_buckets)
        return {
            "scored": n_used,
            "filtered": self.filtered(),
            "users": census.users,
            "cold_users": n_cold,
            "recommendations": n_recommended,
        }


class _Counted:
    """Tables, and how many rows of them have gone by."""

    def __init__(self, tables: Any) -> None:
        self._tables, self.n_rows = tables, 0

    def __iter__(self) -> Any:
        for table in self._tables:
            self.n_rows += table.num_rows
            yield table
