"""Whether text holds numbers or words is judged by one rule, for frames as for files."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from seqrec import Sequences
from seqrec.data.kinds import Tally


def judge(cells, decimal="."):
    tally = Tally(decimal)
    tally.add(pa.array(cells), range(len(cells)))
    return tally


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-1e3", ".5", "5.", "+7", " 8 "], "number"),
        ([*["1"] * 99, "x"], "number"),
        ([*["1"] * 98, "x", "y"], "mixed"),
        ([*["x"] * 98, "1", "2"], "mixed"),
        ([*["x"] * 99, "1"], "text"),
        ([*["x"] * 100, "", None, " "], "text"),
        ([*["1"] * 100, "", None, " "], "number"),
        ([*["1"] * 50, *[""] * 500, "x"], "mixed"),
        (["NaN", "inf", "0x1", "1_000"], "text"),
        (["1,5", "2,25", "1.234,5"], "mixed"),
        (["x,5", "a, b"], "text"),
    ],
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_almost_all_cells_that_are_filled_decide(cells, kind, as_bytes):
    if as_bytes:
        cells = [None if cell is None else cell.encode() for cell in cells]
    assert judge(cells).kind == kind


def test_decimals_after_a_comma_are_numbers_where_that_is_said():
    assert judge(["1,5", "2", ",5"], ",").kind == "number"
    assert judge(["1.5", "2.5"], ",").kind == "text"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["1"] * 5 + ["x", "NaN"], r"2 of its 7 cells are no numbers, such as 'x' \(row 5\), 'NaN' \(row 6\)"),
        (["x"] * 5 + ["", "7"], r"1 of its 6 cells are numbers, such as '7' \(row 6\)"),
        (["1,5"] * 5, r"5 of its 5 cells are no numbers, such as '1,5' \(row 0\)"),
    ],
)
def test_what_is_rare_is_shown_with_its_rows(cells, told):
    import re

    assert re.search(told, judge(cells).tell())


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
def test_text_of_which_some_cells_are_numbers_is_refused_in_a_frame(frame):
    log = {"user_id": ["a"] * 50, "item_id": ["x"] * 50, "amount": [*map(str, range(48)), "?", "n/a"]}
    with pytest.raises(ValueError, match=r"'amount' holds numbers and other text: 2 of .*'\?' \(row 48\).*to_numeric"):
        Sequences.from_frame(frame(log), timestamp=None, columns=["amount"])


def test_categories_are_words_whatever_they_look_like():
    log = pd.DataFrame({"user_id": ["a"] * 3, "item_id": ["x"] * 3, "code": pd.Categorical(["1", "b", "2"])})
    X = Sequences.from_frame(log, timestamp=None, columns=["code"])
    assert X.columns["code"].tolist() == ["1", "b", "2"]
