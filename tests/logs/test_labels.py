"""Labels of sequences, in a column of their log or in a table beside it."""

import numpy as np
import pandas as pd
import pytest

from seqrec import Sequences
from seqrec.logs.labels import labels_beside, labels_within, read_labels


def of(labels):
    """Give sequences a, b, ... of events with these labels."""
    rows = [(key, label) for key, own in labels.items() for label in own]
    log = pd.DataFrame(rows, columns=["user_id", "label"])
    return Sequences.from_frame(log, item=None, timestamp=None, columns=["label"])


@pytest.mark.parametrize(
    ("labels", "expected", "kind"),
    [
        ({"a": ["x", "x"], "b": ["y"]}, ["x", "y"], "O"),
        ({"a": [1.0, np.nan], "b": [0.0]}, [1, 0], "i"),
        ({"a": [0.5], "b": [2.0]}, [0.5, 2.0], "f"),
        ({"a": [True, None], "b": [False]}, [True, False], "b"),
    ],
)
def test_events_repeat_the_label_of_their_sequence(labels, expected, kind):
    y, faults = labels_within(of(labels), "label")
    assert (y.tolist(), y.dtype.kind, faults) == (expected, kind, [])


def test_sequences_without_one_label_are_told():
    _, faults = labels_within(of({"a": ["x"], "b": [None, None], "c": ["x", "y"]}), "label")
    assert [(fault.sequence, fault.code) for fault in faults] == [(1, "no_label"), (2, "labels_differ")]
    assert faults[1].reason == "sequence 'c' has several labels in column 'label', such as 'x' and 'y'."
    _, faults = labels_within(of({"a": [None], "b": [None]}), "label")
    assert [fault.code for fault in faults] == ["no_label"] * 2


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("kind,path,label\n1,b.wav,x\n2,a.wav,y\n3,c.wav,\n1,b.wav,x\n")
    labels = read_labels(path, None, ("path", "file"))
    assert labels.to_dict() == {"b.wav": "x", "a.wav": "y"}
    y, faults = labels_beside(np.array(["a.wav", "b.wav", "c.wav"], dtype=object), labels)
    assert y[:2].tolist() == ["y", "x"]
    assert [(fault.sequence, fault.code) for fault in faults] == [(2, "no_label")]
    assert read_labels(path, "kind", ("path",)).to_dict() == {"b.wav": 1, "a.wav": 2, "c.wav": 3}


@pytest.mark.parametrize(
    ("content", "label", "text"),
    [
        ("path,label\na,x\na,y\n", None, r"has several labels for 'a'. Keep one of them"),
        ("path,p,q\na,1,2\n", None, r"holds the labels\? Say it: --label NAME. Columns found: 'p', 'q'"),
        ("path,label\na,x\n", "labell", "column 'labell' is missing.*Did you mean 'label'"),
        ("name,label\na,x\n", None, r"none of the columns 'path', .*columns found: 'name', 'label'"),
        ("path,label\n,x\na,y\n", None, "1 rows cannot be used, the first of them 0"),
    ],
)
def test_a_table_that_does_not_tell_is_refused(tmp_path, content, label, text):
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(ValueError, match=text):
        read_labels(tmp_path / "labels.csv", label, ("path",))
