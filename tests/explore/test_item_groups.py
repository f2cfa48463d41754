"""Items are put together by a column: categories by frequency, numbers and dates in ranges."""

import numpy as np
import pandas as pd

from seqrec.explore.item_groups import OTHER, UNKNOWN, group


def test_categories_are_ranked_by_frequency_and_the_rest_put_together():
    groups = group(np.array([letter for n, letter in enumerate("jihgfedcba", 1) for _ in range(n)], dtype=object))
    assert [entry[:2] for entry in groups.entries[:2]] == [("a", 10), ("b", 9)]
    assert groups.entries[-1] == ("all 3 others", 1 + 2 + 3, OTHER)
    assert not groups.ordered


def test_an_eighth_category_keeps_its_name():
    assert group(np.array(list("abcdefgh"), dtype=object)).entries[-1] == ("h", 1, OTHER)


def test_the_first_of_several_values_counts():
    values = np.empty(5, dtype=object)
    values[:] = ["a|b", ["a", "c"], np.array(["a"]), [], "  "]
    assert group(values).entries == [("a", 3, 0), ("unknown", 2, UNKNOWN)]


def test_numbers_are_cut_into_ranges_of_about_as_many_items():
    groups = group(np.arange(70))
    assert [size for _, size, _ in groups.entries] == [10] * 7
    assert groups.entries[0][0] == "0 – 9"
    assert groups.ordered


def test_few_ranges_are_spread_over_the_scale():
    groups = group(np.array([1, 2, 2, 3]))
    assert groups.entries == [("1", 1, 0), ("2", 2, 3), ("3", 1, 6)]
    assert groups.kinds.tolist() == [0, 3, 3, 6]


def test_equal_numbers_stay_together():
    groups = group(np.array([1] * 90 + list(range(2, 12))))
    assert groups.entries[0] == ("1", 90, 0)
    assert sum(size for _, size, _ in groups.entries) == 100


def test_dates_are_ranges_and_truth_values_categories():
    dates = np.append(pd.date_range("2024-01-01", periods=30).astype(object), [None])
    assert group(dates).entries[0] == ("2024-01-01 – 2024-01-04", 4, 0)
    assert group(np.array([True, False, True, None], dtype=object)).entries[0] == ("True", 2, 0)


def test_an_attribute_of_which_nothing_is_known_is_unknown():
    assert group(np.array([None, None])).entries == [("unknown", 2, UNKNOWN)]
