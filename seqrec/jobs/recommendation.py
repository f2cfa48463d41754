"""A job that recommends to every user of a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seqrec.jobs.job import LogJob, fitted, id_kind
from seqrec.jobs.recommending import Recommendation
from seqrec.jobs.staging import Census
from seqrec.logs.source import Show
from seqrec.logs.values import TYPES
from seqrec.recommend.base import RecommenderMixin

_BYTES_A_USER = 2**12


@dataclass(eq=False)
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
    k: int = 10
    exclude_seen: bool = True
    candidates: list[Any] | None = None

    def results(self) -> list[list[str]]:
        """Name the columns of the recommendations."""
        return [["user", "rank", "item", "score", "cold"]]

    def plan(self) -> dict[str, Any]:
        """Give the options of `recommend`."""
        return {"k": self.k, "exclude_seen": self.exclude_seen, "candidates": self.candidates}

    def prepare(self, census: Census | None = None) -> None:  # noqa: ARG002
        """Try the options out, so that a wrong one is known before work starts."""
        recommender: RecommenderMixin = fitted(str(self.model), self.digest)
        recommender.recommend([[item] for item in recommender.vocabulary_.items[:1].tolist()], **self.plan())

    def score_bucket(self, bucket: int, census: Census) -> None:
        """Recommend to the users of a bucket."""
        recommender, path = fitted(str(self.model), self.digest), self.scored_path(bucket)
        path.parent.mkdir(exist_ok=True)
        kernel = Recommendation(recommender, **self.plan(), time_unit=self.time_unit(census))
        schema = self._schema(recommender)
        with self.appearing(path, path.with_suffix(".rows")) as unfinished:
            with pq.ParquetWriter(unfinished[0], schema, compression="lz4") as writer:
                for table in kernel.score(self.pieces(bucket, census, _BYTES_A_USER)):
                    if table.num_rows:
                        writer.write_table(table.cast(schema))
            unfinished[1].write_text(str(kernel.n_rows))

    def _schema(self, recommender: RecommenderMixin) -> pa.Schema:
        user, item = TYPES[self.source.kinds["user"]], TYPES[id_kind(recommender.vocabulary_)]
        columns = {"user": user, "rank": pa.int64(), "item": item, "score": pa.float32(), "cold": pa.bool_()}
        return pa.schema(list(columns.items()))

    def finish(self, census: Census, show: Show) -> dict[str, Any]:
        """Write the recommendations, those of a bucket to a file."""
        n_used = n_recommended = n_cold = 0
        for bucket in range(census.n_buckets):
            path = self.scored_path(bucket)
            table = pq.read_table(path)
            n_cold += int(table["cold"].to_numpy()[table["rank"].to_numpy() == 1].sum())
            table = self.in_own_words(table)
            n_recommended += self.write_result(self.result_path("recommendations", bucket), table.schema, [table])
            n_used += int(path.with_suffix(".rows").read_text())
            show("writing recommendations", bucket + 1, census.n_buckets)
        counts = {"users": census.users, "cold_users": n_cold, "recommendations": n_recommended}
        return {"scored": n_used, "filtered": self.filtered(), **counts}
