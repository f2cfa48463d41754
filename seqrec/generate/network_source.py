"""Futures from networks that were fitted for something else: to recommend, to detect, to classify."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from seqrec.data.ends import end_code
from seqrec.data.fields import Fields
from seqrec.data.sequences import Sequences
from seqrec.generate.event_walk import EventWalk, columns_of
from seqrec.generate.gaps import Timing
from seqrec.generate.paths import Walks
from seqrec.network.estimator import BaseLSTM
from seqrec.network.reading import Reader
from seqrec.network.state import join, take


def tells_events(estimator: Any) -> bool:
    """Whether an estimator has a network that tells the next event."""
    return isinstance(estimator, BaseLSTM)


def source_of(estimator: Any) -> tuple[bool, Timing | None, Callable, Callable]:
    """Give what a `source.Source` knows of a fitted one: whether there is an end, and timing, reading and columns."""
    has_end = estimator.model_.architecture.n_codes > end_code(len(estimator.vocabulary_))
    timing, tells_fields = _timing_of(estimator), estimator.model_.fields is not None
    columns = partial(columns_of, fields=estimator.fields_ if tells_fields else Fields(), forms={})
    return has_end, timing, partial(_read, estimator, timing), columns


def _timing_of(estimator: Any) -> Timing | None:
    """Know the gaps of a network that tells them, and of the rest what is known of its training data."""
    data, fields = estimator.training_data_, estimator.fields_
    timed = estimator.model_.fields is not None and fields.kind_of_gap == "number" and data.first is not None
    return Timing.between(data.first, data.last, fields.clock) if timed else None


def _read(estimator: Any, timing: Timing | None, X: Sequences) -> Walks:
    """Read histories as the estimator does: of a long one, some see no more than its latest events."""
    reader, encoded = Reader.of(estimator.model_), estimator.encode(X)
    is_long = X.lengths >= estimator.n_read
    first = take(join([reader.started, reader.blank]), is_long.astype(np.intp))
    latest = encoded.between(np.maximum(X.lengths - estimator.n_read, 0), X.lengths)
    state = reader.read(latest, first, keep=True)
    return partial(EventWalk, estimator.model_, estimator.fields_, timing, {}, state)
