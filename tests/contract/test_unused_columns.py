"""What an estimator reads of sequences: the counting ones say which columns they do not, once; networks read all."""

import numpy as np
import pandas as pd
import pytest
from golden.make import ESTIMATORS, sequences_for, target_of

import seqrec
from seqrec import Sequences
from seqrec.exceptions import UnusedColumnsWarning

LOG = pd.DataFrame(
    {"user_id": np.arange(60) // 4, "item_id": np.resize([*"abcabd"], 60), "price": 1.0, "channel": "web"}
)
LOG["timestamp"] = 1_700_000_000 + np.arange(60)
READ_NUMBERS = ("LSTM", "Summary")
COUNTING = [name for name in ESTIMATORS if not name.startswith(READ_NUMBERS) and not name.endswith("Forecaster")]


@pytest.mark.parametrize(
    ("columns", "told"),
    [(["price"], "column 'price' is not"), (["price", "channel"], "columns 'price', 'channel' are not")],
)
@pytest.mark.parametrize("name", COUNTING)
def test_columns_that_are_not_read_are_named_once(name, columns, told):
    X, estimator = Sequences.from_frame(LOG, columns=columns), getattr(seqrec, name)(**ESTIMATORS[name])
    with pytest.warns(UnusedColumnsWarning, match=f"^{told} used by {name}") as caught:
        estimator.fit(X, target_of(name, X))
    assert [one.filename for one in caught] == [__file__]


@pytest.mark.parametrize("name", COUNTING)
def test_without_columns_there_is_nothing_to_say(name):
    X = sequences_for(name, LOG)
    getattr(seqrec, name)(**ESTIMATORS[name]).fit(X, target_of(name, X))
