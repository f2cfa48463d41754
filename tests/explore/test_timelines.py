"""Parts of a score are said in words."""

import pytest

from seqrec.explore.timelines import in_words


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("events max", "one event is very unlikely"),
        ("amount max", "amount: one value is very unlikely"),
        ("short", "it is short"),
        ("a b drift", "a b: values lean one way"),
    ],
)
def test_parts_of_the_score_are_said_in_words(part, words):
    assert in_words(part) == words
