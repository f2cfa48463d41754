"""What a job tells of the classes of sequences, and what a classifier of frames reads."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from seqrec.jobs.classification import class_table, empty_table
from seqrec.jobs.job import kinds_wanted

CHANCES = np.array([[0.2, 0.8], [0.6, 0.4]])


@pytest.mark.parametrize(
    ("classes", "kind", "best"),
    [
        (np.array(["no", "yes"], dtype=object), pa.string(), ["yes", "no"]),
        (np.array([3, 5]), pa.int64(), [5, 3]),
        (np.array([False, True]), pa.bool_(), [True, False]),
        (np.array([0.5, 1.5]), pa.float64(), [1.5, 0.5]),
    ],
)
def test_classes_are_told_as_they_were_given_with_their_probabilities(classes, kind, best):
    model = SimpleNamespace(classes_=classes)
    table = class_table(pa.array(["a", "b"]), np.array([7, 9]), model, CHANCES)
    assert table["class"].type == kind
    assert table["class"].to_pylist() == best
    assert table["chance"].to_pylist() == [0.8, 0.6]
    assert table["events"].to_pylist() == [7, 9]
    assert [table[f"chance_{one}"].to_pylist() for one in classes.tolist()] == CHANCES.T.tolist()
    assert empty_table(model, pa.string()).schema == table.schema


def test_a_classifier_of_frames_reads_its_channels_and_no_items_or_times():
    model = SimpleNamespace(channels_=SimpleNamespace(columns=("load", "speed")))
    assert kinds_wanted(model) == (["load", "speed"], {"field:load": "measure", "field:speed": "measure"}, False)
