"""Text of strangers is text: in markup, and in a terminal."""

from html import unescape

import numpy as np
import pytest
from hostile import TEXTS

from seqrec._text import markup, plain


@pytest.mark.parametrize("text", TEXTS)
def test_markup_is_text_in_elements_and_attributes(text):
    written = markup(text)
    assert not set("<>\"'") & set(written)
    assert unescape(written) == plain(text)
    assert len(plain(text)) <= 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (np.int64(1_000_000), "1000000"),
        (np.float64(0.5), "0.5"),
        (np.str_("tea"), "tea"),
        (np.datetime64("2024-05-02"), "2024-05-02"),
        (None, "None"),
    ],
)
def test_markup_takes_any_value(value, text):
    assert markup(value) == text


@pytest.mark.parametrize("text", ["👩\u200d🚀", "❤\ufe0f\u200d🔥", "می\u200cخواهم", "PDF\u200cها"])
def test_joiners_that_words_and_emoji_need_stay(text):
    assert plain(text) == markup(text) == text


@pytest.mark.parametrize("text", ["\u200dab", "ب\u200c", "pay\u200cpal", "ب\u200c\u200cب", "ب\u200d\u202eب"])
def test_other_joiners_are_shown(text):
    assert "\\u200" in plain(text)
    assert not set("\u200c\u200d") & set(plain(text))


def test_a_cut_leaves_no_joiner_at_the_end():
    assert plain("👩\u200d🚀🚀🚀", width=4) == "👩…"
